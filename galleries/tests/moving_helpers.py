"""Steps that tests of erasing, exporting and importing share."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from PIL import Image

from accounts.models import Team
from galleries import archive_format as form
from galleries.archive_export import gallery_export_start
from galleries.archive_import import import_start
from galleries.crops import crop_store
from galleries.jobs import job_run
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject
from galleries.services import gallery_create, subject_create
from tests.fakes import embedding_of

Files = dict[str, bytes]
FACES, SUBJECTS = "faces/00001.jsonl", "subjects/00001.jsonl"


def crop_of(person: int, view: int = 0) -> bytes:
    """A small picture in which `EngineOfPeople` sees this person in the box 25, 25, 100, 100."""
    picture = Image.new("RGB", (150, 150), (250, 250, 250))
    picture.paste((4 * person + 2, 4 * view + 2, 120), (25, 25, 125, 125))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def with_crops(team: Team, people: dict[str, int], faces: int = 2, **options: Any) -> Gallery:
    """A gallery with these people (name -> number), each with some faces whose crops are kept."""
    gallery = gallery_create(team=team, **{"name": "Staff", **options})
    for name, person in people.items():
        subject = subject_create(gallery=gallery, name=name, external_id=f"id-of-{name}")
        for view in range(faces):
            face_with_crop(subject, person, view)
    return gallery


def face_with_crop(subject: Subject, person: int, view: int = 0, **fields: Any) -> EnrolledFace:
    crop = crop_of(person, view)
    return EnrolledFace.objects.create(
        **{
            "team_id": subject.team_id,
            "gallery_id": subject.gallery_id,
            "subject": subject,
            "embedding": embedding_of(person, view),
            "left": 10.5,
            "top": 11.0,
            "width": 100.0,
            "height": 101.0,
            "picture_sha256": f"{person:032x}{view:032x}",
            "crop": crop_store(team_id=subject.team_id, content=crop),
            "crop_box": [25.0, 25.0, 100.0, 100.0],
            "stored_bytes": len(crop),
            "quality": "high",
            **fields,
        }
    )


def done(job: GalleryJob) -> GalleryJob:
    """Do the work of a job as a worker does; the job as it is then."""
    job_run(job_id=job.pk)
    return GalleryJob.objects.select_related("gallery").get(pk=job.pk)


def content_of(job: GalleryJob) -> bytes:
    with default_storage.open(job.file, "rb") as file:
        return bytes(file.read())


def files_of(content: bytes) -> dict[str, bytes]:
    """The files of a ZIP archive by name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def rows_of(gallery: Gallery | UUID) -> tuple[int, int]:
    """How many people and faces a gallery has."""
    pk = gallery.pk if isinstance(gallery, Gallery) else gallery
    return Subject.objects.filter(gallery=pk).count(), EnrolledFace.objects.filter(gallery=pk).count()


# --- Archives ---------------------------------------------------------------------------------------
def exported(gallery: Gallery, *, crops: bool = True) -> Files:
    job = done(gallery_export_start(gallery=gallery, crops=crops))
    assert (job.status, job.done) == ("succeeded", job.total)
    return files_of(content_of(job))


def started(team: Team, files: Files | bytes, gallery: Gallery | None = None, **wishes: Any) -> GalleryJob:
    content = files if isinstance(files, bytes) else zipped(files)
    return import_start(team=team, file=io.BytesIO(content), size=len(content), gallery=gallery, **wishes)


def imported(team: Team, files: Files, gallery: Gallery | None = None, **wishes: Any) -> GalleryJob:
    return done(started(team, files, gallery, **wishes))


def manifest_of(files: Files) -> dict[str, Any]:
    return dict(json.loads(files[form.MANIFEST]))


def changed(files: Files, **changes: Any) -> Files:
    return {**files, form.MANIFEST: json.dumps({**manifest_of(files), **changes}).encode()}


def with_lines(files: Files, part: str, change: Callable[[list[Any]], list[Any]]) -> Files:
    """The archive with other lines in a part, and a manifest that agrees."""
    lines = [json.loads(line) for line in files[part].splitlines()]
    after = change(lines)
    content = b"".join(json.dumps(line).encode() + b"\n" for line in after)
    parts = manifest_of(files)["parts"]
    for one in parts:
        if one["name"] == part:
            one |= {"lines": len(after), "sha256": hashlib.sha256(content).hexdigest()}
    return changed({**files, part: content}, parts=parts)
