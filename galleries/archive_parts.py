"""Importing the archive of a gallery: its parts, one transaction each."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from accounts.limits import faces_check, storage_check
from media_jobs.engine import BoxEngine, worker_engine
from media_jobs.intake import decode_original

from . import archive_format as form
from .archive_import import Contents, gallery_ready, job_note
from .archive_rows import Arriving, Note, Outcome, People, crop_check, crops_stored, faces_put, faces_there
from .job_files import job_lock
from .jobs import Progress
from .models import Gallery, GalleryJob
from .reembedding import vector_of
from .refusals import Refusal, refuse

# Crops that the engine looks at together.
LOOK_AT = 16


def part_steps(job: GalleryJob, contents: Contents, manifest: form.Manifest) -> Iterator[Progress]:
    """Import all parts that are not imported yet. Before the first, all of them are read and checked."""
    cursor = job.options.get("cursor") or {"part": 0, "done": 0, "failed": 0, "made": 0}
    if not cursor["part"]:
        for part in manifest.parts:
            _content(contents, part)
            yield Progress(0, manifest.entries)
    gallery = gallery_ready(job, manifest)
    people = People(gallery)
    for number, part in enumerate(manifest.parts):
        content = _content(contents, part)
        if number < cursor["part"]:
            # Done by a worker that has died; who is who is needed for the faces.
            if part.kind == "subjects":
                people.look_up([line for _, line in _subjects(part, content, Outcome())])
            continue
        if part.kind == "subjects":
            outcome = _people_import(job, gallery, people, part, content, cursor, number)
        else:
            outcome = _faces_import(job, gallery, people, part, content, cursor, number, contents, manifest)
        cursor = _further(cursor, number, part, outcome)
        yield Progress(cursor["done"], manifest.entries, cursor["failed"])


def _content(contents: Contents, part: form.Part) -> bytes:
    """A part, once it is the one that was written. Raises Refusal `archive_part_altered`."""
    content = contents.read(part.name, longest=form.LONGEST_PART)
    if hashlib.sha256(content).hexdigest() != part.sha256:
        raise refuse("archive_part_altered", name=part.name[-100:])
    return content


def _further(cursor: dict[str, int], number: int, part: form.Part, outcome: Outcome) -> dict[str, int]:
    return {
        "part": number + 1,
        "done": cursor["done"] + part.lines,
        "failed": cursor["failed"] + outcome.failed,
        "made": cursor["made"] + outcome.made,
    }


# --- People -------------------------------------------------------------------------------------------
def _subjects(part: form.Part, content: bytes, outcome: Outcome) -> list[tuple[str, form.SubjectLine]]:
    lines = []
    for number, line in enumerate(form.lines_of(content), start=1):
        entry = f"{part.name}:{number}"
        try:
            lines.append((entry, form.subject_read(line)))
        except Refusal as refusal:
            outcome.fail(entry, refusal)
    return lines


@transaction.atomic
def _people_import(
    job: GalleryJob,
    gallery: Gallery,
    people: People,
    part: form.Part,
    content: bytes,
    cursor: dict[str, int],
    number: int,
) -> Outcome:
    outcome = Outcome()
    row = job_lock(job)
    Gallery.objects.select_for_update().get(pk=gallery.pk)
    people.put(_subjects(part, content, outcome), outcome, row.created_by)
    job_note(row, cursor=_further(cursor, number, part, outcome), notes=_notes(outcome))
    return outcome


def _notes(outcome: Outcome) -> list[dict[str, str]]:
    return [note.as_json() for note in outcome.notes]


# --- Faces --------------------------------------------------------------------------------------------
def _faces_import(
    job: GalleryJob,
    gallery: Gallery,
    people: People,
    part: form.Part,
    content: bytes,
    cursor: dict[str, int],
    number: int,
    contents: Contents,
    manifest: form.Manifest,
) -> Outcome:
    outcome = Outcome()
    arriving = _arriving(gallery, part, content, contents, manifest, outcome)
    if manifest.model_sha256 != gallery.model_sha256:
        arriving = _looked_at(gallery, arriving, outcome)
    kept = arriving if gallery.keep_crops else []
    with crops_stored(gallery, kept) as crops, transaction.atomic():
        row = job_lock(job)
        Gallery.objects.select_for_update().get(pk=gallery.pk)
        written = faces_put(
            gallery=gallery,
            arriving=arriving,
            crops=crops,
            people=people,
            outcome=outcome,
            user=row.created_by,
        )
        for pk in crops.keys() - written:
            del crops[pk]
        Gallery.objects.filter(pk=gallery.pk).update(changed_at=Now())
        job_note(row, cursor=_further(cursor, number, part, outcome), notes=_notes(outcome))
        faces_check(team=row.team)
        storage_check(team=row.team)
    return outcome


def _arriving(
    gallery: Gallery,
    part: form.Part,
    content: bytes,
    contents: Contents,
    manifest: form.Manifest,
    outcome: Outcome,
) -> list[Arriving]:
    """The faces of a part that are not in the gallery, with their pictures where these are needed."""
    lines: list[tuple[str, form.FaceLine]] = []
    for number, line in enumerate(form.lines_of(content), start=1):
        entry = f"{part.name}:{number}"
        try:
            read = form.face_read(line, dimension=manifest.dimension, vectors=manifest.vectors)
            lines.append((entry, read))
        except Refusal as refusal:
            outcome.fail(entry, refusal)
    there = faces_there(gallery, [line.id for _, line in lines])
    with_crops = gallery.keep_crops or manifest.model_sha256 != gallery.model_sha256
    arriving = []
    for entry, line in lines:
        if line.id in there:
            continue
        crop = _crop(contents, entry, line, outcome) if with_crops and line.crop else None
        arriving.append(Arriving(entry, line, crop))
    return arriving


def _crop(contents: Contents, entry: str, line: form.FaceLine, outcome: Outcome) -> bytes | None:
    """The picture of a face; None, with a note, when it cannot be used: the face comes without it."""
    try:
        content = contents.read(line.crop, longest=form.LONGEST_CROP)
        if hashlib.sha256(content).hexdigest() != line.crop_sha256:
            raise refuse("archive_part_altered", name=line.crop[-100:])
        crop_check(content)
    except Refusal as refusal:
        outcome.notes.append(Note.of(entry, refusal))
        return None
    return content


# --- With another model -------------------------------------------------------------------------------
def _looked_at(gallery: Gallery, arriving: Sequence[Arriving], outcome: Outcome) -> list[Arriving]:
    """The same faces with vectors of the gallery's model, made of their pictures."""
    engine: BoxEngine = worker_engine(parts=["embedding"], recognition=gallery.model)
    able = []
    for one in arriving:
        if one.crop is None or not one.line.fields["crop_box"]:
            outcome.fail(one.entry, refuse("archive_crop_missing"))
        else:
            able.append(one)
    found = []
    for start in range(0, len(able), LOOK_AT):
        some = able[start : start + LOOK_AT]
        for one, vector in zip(some, vectors_of(engine, some), strict=True):
            if vector is None:
                outcome.fail(one.entry, refuse("face_not_looked_at"))
            else:
                found.append(Arriving(one.entry, _with_vector(one.line, vector), one.crop))
    return found


def vectors_of(engine: BoxEngine, some: Sequence[Arriving]) -> list[list[float] | None]:
    pictures: list[Any] = [engine.as_array(decode_original(io.BytesIO(one.crop or b""))) for one in some]
    boxes = [[tuple(one.line.fields["crop_box"])] for one in some]
    return [vector_of(answer) for answer in engine.analyze(pictures, boxes=boxes)]


def _with_vector(line: form.FaceLine, vector: list[float]) -> form.FaceLine:
    return form.FaceLine(line.id, line.subject_id, vector, line.fields, line.crop, line.crop_sha256)
