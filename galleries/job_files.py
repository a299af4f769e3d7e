"""The files of jobs: archives that are read or were made, how long they stay, and who fetches them."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone

from accounts.access import across_teams
from accounts.audit import record
from emotionsite.streaming import streamed
from media_jobs import files
from media_jobs.leases import LeaseLost
from media_jobs.services import release_files

from .models import GalleryJob
from .refusals import refuse

KEPT_FOR = timedelta(days=7)
PIECE = 256 * 1024
ZIP = "application/zip"


def gallery_jobs() -> QuerySet[GalleryJob]:
    """The current team's jobs, newest first."""
    return GalleryJob.objects.select_related("gallery").order_by("-created_at", "-id")


def name_for(team_id: UUID) -> str:
    """A new name in the storage for an archive of a team."""
    return f"teams/{team_id}/galleries/archives/{uuid4().hex}.zip"


def job_lock(job: GalleryJob) -> GalleryJob:
    """The row of a running job, locked: before the gallery, as everywhere. Raises LeaseLost when it ended."""
    rows = GalleryJob.objects.select_for_update(of=("self",)).select_related("team", "gallery", "created_by")
    row = rows.filter(pk=job.pk, status=GalleryJob.Status.RUNNING).first()
    if row is None:
        raise LeaseLost
    return row


def file_release(job: GalleryJob) -> None:
    """Let go of the file of a job whose row the caller has locked."""
    if job.file:
        release_files(team=job.team, names=[job.file])
        job.file, job.size, job.expires_at = "", 0, None
        job.save(update_fields=["file", "size", "expires_at"])


def job_files_expire(*, limit: int = 100) -> int:
    """Erase the files of jobs that are past their day, in all teams; returns how many."""
    # Across teams: age alone decides.
    with across_teams(), transaction.atomic():
        old = GalleryJob.unscoped.filter(expires_at__lt=timezone.now()).select_related("team")
        rows = list(old.select_for_update(of=("self",), skip_locked=True).order_by("expires_at")[:limit])
        for row in rows:
            file_release(row)
    return len(rows)


def job_file_response(job: GalleryJob) -> HttpResponseBase:
    """The archive that an export has made, or the way to it on S3; it is recorded who fetched it.

    Raises Refusal `gallery_file_not_ready` when there is none.
    """
    if job.kind != GalleryJob.Kind.EXPORT or job.status != GalleryJob.Status.SUCCEEDED or not job.file:
        raise refuse("gallery_file_not_ready")
    key = job.gallery.key if job.gallery else "gallery"
    filename = f"{key}-{job.created_at:%Y-%m-%d}.zip"
    record("export.downloaded", team=job.team, obj=job, name="gallery", gallery_id=str(job.gallery_id))
    if address := files.signed_address(job.file, ZIP, f'attachment; filename="{filename}"'):
        return HttpResponseRedirect(address)
    name = job.file
    return streamed(lambda: _pieces(name), content_type=ZIP, filename=filename)


def _pieces(name: str) -> Iterator[bytes]:
    with default_storage.open(name, "rb") as file:
        while piece := file.read(PIECE):
            yield piece
