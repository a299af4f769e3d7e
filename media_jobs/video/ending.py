"""The end of a video's analysis: over, failed or cancelled. The job always ends with it.

Locks are taken in one order everywhere: the job, the video, its chunks; the row of what the team uses last.
"""

from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.audit import record
from accounts.limits import pictures_give_back
from media_jobs.models import Job, Video, VideoChunk
from media_jobs.services import release_files
from media_jobs.webhooks import emit

from .parts import whole_folder

_ENDED = ["status", "error_code", "error_message", "finished_at", "beat_at", "sealed_source"]
_JOB_STATUS = {
    Video.Status.READY: Job.Status.SUCCEEDED,
    Video.Status.FAILED: Job.Status.FAILED,
    Video.Status.CANCELLED: Job.Status.CANCELLED,
}


def video_locked(video: Video) -> Video | None:
    """The row of a video, locked after its job; None when it is gone. In a transaction."""
    # None once retention has erased the job of a video that is over.
    job_id: Any = video.job_id
    list(Job.objects.select_for_update().filter(pk=job_id).values("pk"))
    rows = Video.objects.select_for_update(of=("self",)).select_related("team__plan", "job")
    return rows.filter(pk=video.pk, job_id=job_id).first()


@transaction.atomic
def video_fail(*, video: Video, code: str, message: str) -> None:
    """End a video's analysis with an error. One that is over, or gone, is left as it is."""
    row = video_locked(video)
    if row is None or row.is_over:
        return
    video_end(row, Video.Status.FAILED, code=code, message=message)


@transaction.atomic
def video_cancel(*, video: Video) -> None:
    """Cancel a video's analysis; what a worker has in hand comes too late and is dropped.

    Frames that were not analysed are given back to the month's pictures. Idempotent.
    """
    row = video_locked(video)
    if row is None or row.is_over:
        return
    record("video.cancelled", team=row.team, obj=row)
    video_end(row, Video.Status.CANCELLED)


def video_end(row: Video, status: str, *, code: str = "", message: str = "") -> None:
    """Give a locked video, and its job, their last status. In the caller's transaction."""
    now = timezone.now()
    chunks = VideoChunk.objects.select_for_update().filter(video=row).order_by("number")
    list(chunks.filter(status=VideoChunk.Status.PENDING).values("pk"))
    unused = _frames_unused(row)
    chunks.filter(status=VideoChunk.Status.PENDING).update(
        status=VideoChunk.Status.CANCELLED, finished_at=now, beat_at=None
    )
    row.status, row.error_code, row.error_message = status, code, message[:300]
    row.finished_at, row.beat_at, row.sealed_source = now, None, ""
    row.save(update_fields=_ENDED)
    if not row.parts:
        # It was being fetched, perhaps by a worker that was killed: nobody will ask for what is there of it.
        release_files(team=row.team, names=[whole_folder(row.team_id, row.pk)])
    _job_end(row)
    emit(
        team=row.team,
        event="video.failed" if status == Video.Status.FAILED else "video.completed",
        dedupe=f"{row.pk}:{row.job_id}",
        data={"video_id": str(row.pk), "job_id": str(row.job_id), "status": status},
    )
    # Here, because retention erases, and erasing ends what is on its way.
    from .retention import video_settled

    video_settled(team=row.team, video=row)
    if row.started_at is not None:
        pictures_give_back(team=row.team, count=unused, taken_at=row.started_at)


def _frames_unused(row: Video) -> int:
    """Frames that were counted for the plan and never analysed."""
    chunks = VideoChunk.objects.filter(video=row)
    expected = chunks.aggregate(number=Sum("expected"))["number"] or 0
    return max(0, expected - row.analyzed_frames)


def _job_end(row: Video) -> None:
    job = row.job
    if job is None:
        return
    # Fresh: `job` was read before its lock, perhaps.
    job.refresh_from_db()
    job.status = _JOB_STATUS[Video.Status(row.status)]
    job.error_code, job.error_message = row.error_code, row.error_message
    job.finished_at = row.finished_at
    if row.status == Video.Status.READY:
        job.done = job.total
    job.save(update_fields=["status", "error_code", "error_message", "finished_at", "done"])
