"""Counting what a job has done, exactly once per item."""

from collections.abc import Sequence

from django.utils import timezone

from .models import Job, JobItem


def items_finish(
    *, job: Job, items: Sequence[JobItem], status: str, error_code: str = "", error_message: str = ""
) -> None:
    """Move pending items to their end and the job with them.

    The caller holds the locks of the job and then of the items, and the items are pending: that is what
    makes `done` exact whichever worker delivers a chunk, and however often.
    """
    if not items:
        return
    JobItem.objects.filter(pk__in=[item.pk for item in items]).update(
        status=status,
        error_code=error_code,
        error_message=error_message[:300],
        finished_at=timezone.now(),
    )
    job.done += len(items)
    if job.done == job.total:
        _job_finish(job)
    job.save(update_fields=["done", "status", "error_code", "error_message", "finished_at"])


def _job_finish(job: Job) -> None:
    """Give a job whose items are all over its last status.

    It succeeded when at least one photo did; a failed job says what happened to its first failed photo.
    """
    counted = JobItem.objects.filter(job=job)
    job.finished_at = timezone.now()
    if counted.filter(status=JobItem.Status.SUCCEEDED).exists():
        job.status = Job.Status.SUCCEEDED
        return
    failed = counted.filter(status=JobItem.Status.FAILED).order_by("position").first()
    if failed is None:
        job.status = Job.Status.CANCELLED
        return
    job.status = Job.Status.FAILED
    job.error_code = failed.error_code
    job.error_message = failed.error_message
