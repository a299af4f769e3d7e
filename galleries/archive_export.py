"""Exporting a gallery as an archive (`galleries.archive_format`), as a job with progress."""

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any
from uuid import uuid4

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.audit import record
from accounts.models import User
from media_jobs import files
from media_jobs.export_content import pages
from media_jobs.leases import LeaseLost

from . import archive_format as form
from .job_files import KEPT_FOR, name_for
from .jobs import OPEN, Progress, job_start
from .models import EnrolledFace, Gallery, GalleryJob
from .refusals import refuse

#: More files than this make an archive that no import reads: its directory alone would be too large.
MOST_CROPS = 80_000
STEP_EVERY = 200


@transaction.atomic
def gallery_export_start(*, gallery: Gallery, crops: bool = False, user: User | None = None) -> GalleryJob:
    """Queue the making of an archive; crops: with the pictures of its faces, where they are kept.

    Raises Refusal `gallery_export_in_progress`, `archive_too_many_crops`. The caller is inside the team's
    scope.
    """
    Gallery.objects.select_for_update().get(pk=gallery.pk)
    if gallery.jobs.filter(kind=GalleryJob.Kind.EXPORT, status__in=OPEN).exists():
        raise refuse("gallery_export_in_progress")
    if crops and gallery.faces.exclude(crop="").count() > MOST_CROPS:
        raise refuse("archive_too_many_crops", limit=MOST_CROPS)
    job = job_start(
        team=gallery.team,
        kind=GalleryJob.Kind.EXPORT,
        gallery=gallery,
        user=user,
        options={"crops": crops},
    )
    record("export.created", team=gallery.team, obj=job, name="gallery", gallery_id=str(gallery.pk))
    return job


def export_steps(job: GalleryJob) -> Iterator[Progress]:
    """Make the archive of a job's gallery. It begins anew when it was stopped."""
    gallery = job.gallery
    if gallery is None:
        raise LeaseLost
    attempt = uuid4().hex
    _mark(job, attempt)
    with tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as file:
        yield from _written(file, gallery, crops=bool(job.options.get("crops")))
        size = file.tell()
        file.seek(0)
        name = files.store(name_for(gallery.team_id), File(file))
    if not _finish(job, attempt, name, size):
        # Somebody in it was erased meanwhile, or the gallery is gone: what was made must not stay.
        files.erase([name])
        raise LeaseLost


def _mark(job: GalleryJob, attempt: str) -> None:
    """Sign the job, so that a worker it was taken from does not end it."""
    options = {**job.options, "attempt": attempt}
    GalleryJob.objects.filter(pk=job.pk).update(options=options)


@transaction.atomic
def _finish(job: GalleryJob, attempt: str, name: str, size: int) -> bool:
    """Note where the archive is; False when it is not wanted any more."""
    mine = GalleryJob.objects.select_for_update(of=("self",)).filter(
        pk=job.pk, status=GalleryJob.Status.RUNNING, options__attempt=attempt
    )
    row = mine.first()
    if row is None:
        return False
    GalleryJob.objects.filter(pk=row.pk).update(
        file=name, size=size, done=F("total"), expires_at=timezone.now() + KEPT_FOR
    )
    record("gallery.exported", team=job.team, obj=job.gallery, faces=row.total)
    return True


def _written(file: IO[bytes], gallery: Gallery, *, crops: bool) -> Iterator[Progress]:
    """Write the archive; yields as people and faces come into it."""
    people, faces = gallery.subjects.all(), gallery.faces.all()
    total = people.count() + faces.count()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        parts = _Parts(archive)
        done = 0
        for subject in pages(people):
            parts.add("subjects", form.subject_line(subject))
            done += 1
            if done % STEP_EVERY == 0:
                yield Progress(done, max(total, done))
        with_crop = 0
        for face in pages(faces):
            digest = _crop_write(archive, face) if crops and face.crop else ""
            with_crop += bool(digest)
            parts.add("faces", form.face_line(face, crop_sha256=digest))
            done += 1
            if done % STEP_EVERY == 0:
                yield Progress(done, max(total, done))
        _manifest_write(archive, gallery, parts.close(), with_crop)
    yield Progress(done, max(total, done))


def _manifest_write(archive: zipfile.ZipFile, gallery: Gallery, parts: list[form.Part], crops: int) -> None:
    from .services import model_named

    manifest = form.Manifest(
        settings=form.settings_of(gallery),
        model=gallery.model,
        model_sha256=gallery.model_sha256,
        dimension=_dimension(gallery) or model_named(gallery.model).dimension,
        vectors="float16",
        parts=parts,
        crops=crops,
    )
    content = json.dumps(manifest.as_json(timezone.now()), indent=2, ensure_ascii=False)
    archive.writestr(form.MANIFEST, content)


def _dimension(gallery: Gallery) -> int:
    """Numbers of a vector of the gallery; 0 for one without any."""
    face = EnrolledFace.objects.filter(gallery=gallery).only("embedding").first()
    return len(list(face.embedding)) if face is not None else 0


def _crop_write(archive: zipfile.ZipFile, face: EnrolledFace) -> str:
    """Write the picture of a face; returns its SHA-256, '' when the storage does not have it any more."""
    try:
        content = files.fetch(face.crop).getvalue()
    except FileNotFoundError:
        return ""
    # Pictures are compressed already.
    entry = zipfile.ZipInfo(form.crop_name(face.pk))
    entry.compress_type = zipfile.ZIP_STORED
    archive.writestr(entry, content)
    return hashlib.sha256(content).hexdigest()


class _Parts:
    """Lines of people and faces, written as a file each time they are long enough."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._made: list[form.Part] = []
        self._kind = ""
        self._lines: list[bytes] = []
        self._size = 0

    def add(self, kind: str, line: dict[str, Any]) -> None:
        if kind != self._kind:
            self._end()
            self._kind = kind
        content = json.dumps(line, ensure_ascii=False).encode()
        self._lines.append(content)
        self._size += len(content) + 1
        if self._size >= form.PART_BYTES:
            self._end()

    def close(self) -> list[form.Part]:
        """All parts, in the order in which they were written."""
        self._end()
        return self._made

    def _end(self) -> None:
        if not self._lines:
            return
        number = sum(part.kind == self._kind for part in self._made) + 1
        content = b"".join(line + b"\n" for line in self._lines)
        name = f"{self._kind}/{number:05}.jsonl"
        self._archive.writestr(name, content)
        digest = hashlib.sha256(content).hexdigest()
        self._made.append(form.Part(name, self._kind, len(self._lines), digest))
        self._lines, self._size = [], 0
