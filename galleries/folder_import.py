"""Importing folders of photos, one per person: each photo that shows one face is enrolled.

A photo is one transaction, with the person where they are new and the note of how far the job is. The
folder's name is the person's external id, so that the same folder sent twice enrols nobody twice.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts.limits import limits_of, pictures_give_back, pictures_take
from media_jobs.archives import Entry
from media_jobs.engine import BoxEngine, worker_engine
from ml_models.recognition import RecognitionModel

from .archive_import import Contents, gallery_ready, job_note
from .archive_rows import Note
from .enrolment import face_enrol_found, model_of
from .job_files import job_lock
from .jobs import Progress
from .models import EnrolledFace, Gallery, GalleryJob, Subject
from .probes import ENGINE_PARTS, Probe, face_chosen, probe_of_engine
from .refusals import Refusal, refuse
from .services import subject_create

# Photos that are read and looked at together.
LOOK_AT = 8
LONGEST_ID = 128


@dataclass(frozen=True)
class Photo:
    """A photo of the archive that is not enrolled yet: what it is called, whose it is, and its bytes."""

    entry: str
    person: str
    content: bytes
    sha256: str


def folder_steps(job: GalleryJob, contents: Contents) -> Iterator[Progress]:
    """Enrol the photos that no worker has come to yet, in the order of their names."""
    entries = [contents.entries[name] for name in sorted(contents.entries)]
    cursor = job.options.get("cursor") or {"done": 0, "failed": 0, "made": 0}
    gallery = gallery_ready(job, None)
    model = model_of(gallery)
    engine = worker_engine(parts=ENGINE_PARTS, recognition=model.name)
    if engine.model_versions.get("recognition") != model.version:
        raise refuse("model_of_worker_differs", model=model.name)
    for start in range(cursor["done"], len(entries), LOOK_AT):
        some = entries[start : start + LOOK_AT]
        cursor = _some_import(job, gallery, contents, some, model, engine, cursor)
        yield Progress(cursor["done"], len(entries), cursor["failed"])


def _some_import(
    job: GalleryJob,
    gallery: Gallery,
    contents: Contents,
    entries: Sequence[Entry],
    model: RecognitionModel,
    engine: BoxEngine,
    cursor: dict[str, int],
) -> dict[str, int]:
    """Enrol some photos; returns how far the job is then."""
    read = [_read(job, gallery, contents, entry) for entry in entries]
    photos = [one for one in read if isinstance(one, Photo)]
    with transaction.atomic():
        pictures_take(team=job.team, count=len(photos))
    probes = dict(zip(photos, _looked_at(photos, model, engine), strict=True))
    spared = 0
    for one in read:
        failed: Refusal | None = None
        made = 0
        try:
            if isinstance(one, Photo):
                made = _enrol(job, gallery, one, probes[one], cursor)
            elif isinstance(one, Note):
                failed = Refusal(code=one.code, message=one.message, status=422)
        except Refusal as refusal:
            failed = refusal
        spared += isinstance(one, Photo) and not made
        entry = one.entry if isinstance(one, Photo | Note) else ""
        cursor = _further(cursor, made=made, failed=failed is not None)
        if not made:
            _passed(job, cursor, Note.of(entry, failed) if failed is not None else None)
    pictures_give_back(team=job.team, count=spared)
    return cursor


def _further(cursor: dict[str, int], *, made: int, failed: bool) -> dict[str, int]:
    return {
        "done": cursor["done"] + 1,
        "failed": cursor["failed"] + failed,
        "made": cursor["made"] + made,
    }


@transaction.atomic
def _passed(job: GalleryJob, cursor: dict[str, int], note: Note | None) -> None:
    """Note a photo of which nothing was enrolled."""
    job_note(job_lock(job), cursor=cursor, notes=[note.as_json()] if note is not None else [])


# --- One photo ----------------------------------------------------------------------------------------
def _read(job: GalleryJob, gallery: Gallery, contents: Contents, entry: Entry) -> Photo | Note | None:
    """A photo with its bytes; why it cannot be had; None when it is enrolled already."""
    try:
        person = person_of(entry.name)
        content = contents.read(entry.name, longest=limits_of(job.team).largest_file_bytes)
    except Refusal as refusal:
        return Note.of(entry.name, refusal)
    digest = hashlib.sha256(content).hexdigest()
    known = EnrolledFace.objects.filter(
        gallery=gallery, subject__external_id=person, picture_sha256=digest
    ).exists()
    return None if known else Photo(entry.name, person, content, digest)


def person_of(name: str) -> str:
    """Whose photo this is: the folder that it lies in. Raises Refusal `import_photo_of_nobody`."""
    parts = name.split("/")
    person = parts[-2].strip() if len(parts) > 1 else ""
    if not person or len(person) > LONGEST_ID:
        raise refuse("import_photo_of_nobody", limit=LONGEST_ID)
    return person


def _looked_at(photos: Sequence[Photo], model: RecognitionModel, engine: BoxEngine) -> list[Probe | Refusal]:
    """What the engine finds in each photo, or why it could not be looked at."""

    def look(photo: Photo) -> Probe | Refusal:
        # Runs in a thread of its own, so it must not touch the database.
        try:
            return probe_of_engine(content=photo.content, model=model, engine=engine)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(max(1, settings.ENGINE_PASSES), "import") as threads:
        return list(threads.map(look, photos))


def _enrol(
    job: GalleryJob, gallery: Gallery, photo: Photo, probe: Probe | Refusal, cursor: dict[str, int]
) -> int:
    """Enrol the one face of a photo, with its person where they are new; 0 when it is enrolled already."""
    if isinstance(probe, Refusal):
        raise probe
    found = face_chosen(probe=probe)
    with transaction.atomic():
        row = job_lock(job)
        list(Gallery.objects.select_for_update(no_key=True).filter(pk=gallery.pk).values("pk"))
        subject = Subject.objects.filter(gallery=gallery, external_id=photo.person).first()
        if subject is None:
            subject = subject_create(
                gallery=gallery, name=photo.person, external_id=photo.person, user=row.created_by
            )
        face_enrol_found(
            gallery=gallery,
            subject=subject,
            found=found,
            picture_sha256=photo.sha256,
            user=row.created_by,
        )
        job_note(row, cursor=_further(cursor, made=1, failed=False), notes=[])
    return 1
