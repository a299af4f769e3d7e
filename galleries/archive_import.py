"""Importing people into a gallery: from an archive of a gallery, or from folders of photos.

The file is stored and looked at while the client waits, so that what cannot be right is refused at once and
leaves nothing. A job then reads it part by part. `GalleryJob.options` says how far it is, in the transaction
that writes the rows: a job that is taken up again does nothing twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from django.conf import settings
from django.db import transaction

from accounts.audit import record
from accounts.limits import limits_of
from accounts.models import Team, TeamUsage, User
from accounts.refusals import refuse as accounts_refuse
from analysis.recognition import photo_model
from media_jobs import archives, files
from media_jobs.archives import Entry
from media_jobs.leases import LeaseLost
from media_jobs.refusals import refuse as media_refuse
from ml_models import WeightError
from ml_models.recognition import RecognitionModel, recognition_model

from . import archive_format as form
from .job_files import file_release, job_lock, name_for
from .jobs import Progress, job_start
from .models import Gallery, GalleryJob
from .refusals import Refusal, refuse
from .services import gallery_create, model_named

MOST_NOTES = 1000
LONGEST_MANIFEST = 16 * 1024**2


@dataclass(frozen=True)
class Contents:
    """What is in a stored archive, by name. `manifest` is None for folders of photos."""

    name: str
    entries: Mapping[str, Entry]
    manifest: form.Manifest | None

    def read(self, entry: str, *, longest: int) -> bytes:
        """Raises Refusal for an entry that is missing or damaged."""
        found = self.entries.get(entry)
        if found is None:
            raise refuse("archive_part_missing", name=entry[-100:])
        if found.refusal is not None:
            raise found.refusal
        return archives.entry_read(self.name, found.source, largest_file=longest)


# --- Starting -----------------------------------------------------------------------------------------
def import_start(
    *,
    team: Team,
    file: IO[bytes],
    size: int,
    gallery: Gallery | None = None,
    reembed: bool = False,
    settings_given: Mapping[str, Any] | None = None,
    user: User | None = None,
) -> GalleryJob:
    """Store an archive and queue its import into `gallery`, or into a new one.

    A ZIP with a manifest is the archive of a gallery; any other is folders of photos, one per person.
    reembed: make the vectors anew of the crops where the archive's are of another model. settings_given:
    name, key and model of a new gallery, where they are not the archive's. Raises Refusal; then nothing was
    kept. The caller is inside the team's scope.
    """
    if size > settings.MAX_ARCHIVE_BYTES:
        raise media_refuse("archive_too_large", limit=f"{settings.MAX_ARCHIVE_BYTES / 1024**2:g}")
    if not archives.looks_like_archive(file):
        raise media_refuse("archive_not_zip")
    name = files.store(name_for(team.pk), file)
    given = {key: value for key, value in (settings_given or {}).items() if value}
    try:
        contents = contents_of(name)
        check(team, contents, gallery=gallery, reembed=reembed, model=given.get("model", ""))
        if gallery is None and Gallery.objects.filter(namespace="", key=given.get("key", "")).exists():
            raise refuse("gallery_key_taken", key=given["key"])
        return _queue(
            team,
            gallery,
            user,
            file=name,
            size=size,
            total=total_of(contents),
            options={"reembed": reembed, "settings": given, "into": str(gallery.pk) if gallery else ""},
        )
    except BaseException:
        files.erase([name])
        raise


@transaction.atomic
def _queue(team: Team, gallery: Gallery | None, user: User | None, **fields: Any) -> GalleryJob:
    return job_start(team=team, kind=GalleryJob.Kind.IMPORT, gallery=gallery, user=user, **fields)


def contents_of(name: str) -> Contents:
    """Look into a stored archive. Raises Refusal for one that is damaged, made to burst, or no gallery's."""
    try:
        found = archives.entries(name, largest_file=settings.MAX_UPLOAD_BYTES)
    except Refusal as refusal:
        if refusal.code == "batch_too_large":
            raise refuse("archive_too_many_entries") from refusal
        raise
    entries = {entry.name: entry for entry in found}
    contents = Contents(name, entries, None)
    if form.MANIFEST not in entries:
        return contents
    for entry in found:
        # Nothing of the kind is in what we write, so this was made by somebody with something in mind.
        if entry.refusal is not None:
            raise entry.refusal
    manifest = form.manifest_read(contents.read(form.MANIFEST, longest=LONGEST_MANIFEST))
    for part in manifest.parts:
        if part.name not in entries:
            raise refuse("archive_part_missing", name=part.name[-100:])
        if entries[part.name].size > form.LONGEST_PART:
            raise refuse("archive_part_too_long", name=part.name[-100:], limit=form.LONGEST_PART // 1024**2)
    return Contents(name, entries, manifest)


def total_of(contents: Contents) -> int:
    """What the progress of an import counts to: people and faces, or photos."""
    return contents.manifest.entries if contents.manifest else len(contents.entries)


# --- What can be told beforehand ------------------------------------------------------------------------
def check(team: Team, contents: Contents, *, gallery: Gallery | None, reembed: bool, model: str) -> None:
    """Raises Refusal for an archive that cannot be imported as was asked."""
    manifest = contents.manifest
    if gallery is not None and gallery.holds == Gallery.Holds.FACES and manifest is None:
        raise refuse("gallery_holds_faces")
    if manifest is None:
        if not contents.entries:
            raise refuse("import_empty")
        model_named(model) if model else photo_model()
        return
    if gallery is not None and manifest.settings.get("holds", Gallery.Holds.SUBJECTS) != gallery.holds:
        raise refuse("archive_holds_other")
    wanted = target_model(manifest, gallery=gallery, reembed=reembed, model=model)
    same = wanted.sha256 == manifest.model_sha256
    if same and wanted.dimension != manifest.dimension:
        raise refuse("vector_size_wrong", size=manifest.dimension, wanted=wanted.dimension)
    if not same and not manifest.crops:
        raise refuse("archive_other_model_no_crops", model=manifest.model, wanted=wanted.name)
    if not same and not reembed:
        raise refuse("archive_other_model", model=manifest.model, wanted=wanted.name, count=manifest.crops)
    if gallery is None:
        gallery_of(team, manifest, wanted, {})
        _faces_fit(team, manifest.faces)


def target_model(
    manifest: form.Manifest, *, gallery: Gallery | None, reembed: bool, model: str
) -> RecognitionModel:
    """The model of the gallery that is imported into: its own, the one asked for, or the archive's."""
    if gallery is not None:
        return model_named(gallery.model)
    if model:
        return model_named(model)
    try:
        found = recognition_model(manifest.model)
    except WeightError:
        return photo_model()
    return found if found.sha256 == manifest.model_sha256 else photo_model()


def gallery_of(
    team: Team, manifest: form.Manifest | None, model: RecognitionModel, given: Mapping[str, Any]
) -> Gallery:
    """The gallery that an import will make, not saved. Raises Refusal `archive_manifest_wrong`."""
    options = {**(manifest.settings if manifest else {}), **given}
    options["name"] = options.get("name") or "Imported"
    options["key"] = options.get("key") or "imported"
    options["model"] = model.name
    gallery = Gallery(team=team, model_sha256=model.sha256, **options)
    try:
        form.checked(gallery, without=("team", "created_by"))
    except Refusal as refusal:
        raise refuse("archive_manifest_wrong") from refusal
    return gallery


def _faces_fit(team: Team, count: int) -> None:
    """Raises Refusal `quota_faces` when so many more faces are too many."""
    limit = limits_of(team).stored_faces
    if limit is not None and TeamUsage.objects.get(team=team).stored_faces + count > limit:
        raise accounts_refuse("quota_faces", limit=limit)


# --- Running ------------------------------------------------------------------------------------------
def import_steps(job: GalleryJob) -> Iterator[Progress]:
    """Import the file of a job, part by part."""
    if job.options.get("into") and job.gallery is None:
        raise LeaseLost
    contents = contents_of(job.file)
    asked = job.options
    check(
        job.team,
        contents,
        gallery=job.gallery,
        reembed=asked["reembed"],
        model=asked["settings"].get("model", ""),
    )
    if contents.manifest is None:
        from .folder_import import folder_steps

        yield from folder_steps(job, contents)
    else:
        from .archive_parts import part_steps

        yield from part_steps(job, contents, contents.manifest)


@transaction.atomic
def gallery_ready(job: GalleryJob, manifest: form.Manifest | None) -> Gallery:
    """The gallery that a job imports into; made at the first call where it is a new one."""
    row = job_lock(job)
    if row.gallery is not None:
        return row.gallery
    asked = row.options["settings"]
    if manifest is None:
        model = model_named(asked["model"]) if asked.get("model") else photo_model()
    else:
        model = target_model(
            manifest, gallery=None, reembed=row.options["reembed"], model=asked.get("model", "")
        )
    wanted = gallery_of(row.team, manifest, model, asked)
    options = {name: getattr(wanted, name) for name in form.SETTINGS if name not in {"name", "key"}}
    # A key that somebody asked for is taken or refused; the archive's own gives way.
    key = asked.get("key", "") or _free(manifest)
    row.gallery = gallery_create(
        team=row.team, name=wanted.name, key=key, model=model.name, user=row.created_by, **options
    )
    row.save(update_fields=["gallery"])
    job.gallery = row.gallery
    return row.gallery


def _free(manifest: form.Manifest | None) -> str:
    """The archive's own key where the team has none like it, else ''."""
    key = str(manifest.settings.get("key", "")) if manifest else ""
    return "" if Gallery.objects.filter(namespace="", key=key).exists() else key


def job_note(row: GalleryJob, *, cursor: Mapping[str, int], notes: list[dict[str, str]]) -> None:
    """Write down how far an import is, in the transaction that writes its rows."""
    row.options = {**row.options, "cursor": dict(cursor)}
    row.notes = [*row.notes, *notes][:MOST_NOTES]
    row.save(update_fields=["options", "notes"])


def import_ended(job: GalleryJob) -> None:
    """The archive is not needed any more; runs in the transaction that ends the job."""
    file_release(job)
    made = job.options.get("cursor", {}).get("made", 0)
    if made and job.gallery is not None:
        record(
            "gallery.imported",
            team=job.team,
            obj=job.gallery,
            made=made,
            failed=job.options["cursor"]["failed"],
            status=job.status,
        )
