"""Counting what a job has done, exactly once per item."""

from collections import Counter
from collections.abc import Iterable, Sequence

from django.db import models
from django.utils import timezone

from accounts.limits import pictures_give_back
from accounts.models import Team

from .models import Job, JobItem
from .webhooks import emit

# Photos that a webhook is told of by id.
MOST_TOLD = 100
COUNTED = ["done", "failed", "status", "error_code", "error_message", "finished_at", "archive"]


def items_finish(
    *, job: Job, items: Sequence[JobItem], status: str, error_code: str = "", error_message: str = ""
) -> None:
    """Move pending items to their end and the job with them.

    The caller holds the locks of the job and then of the items, and the items are pending: that is what
    makes `done` exact whichever worker delivers a chunk, and however often.
    """
    if not items:
        return
    changes: dict[str, object] = {
        "status": status,
        "error_code": error_code,
        "error_message": error_message[:300],
        "finished_at": timezone.now(),
    }
    if status == JobItem.Status.SUCCEEDED:
        # The photo is stored now; where it came from is nobody's business any more.
        changes["source"] = models.Value(None, models.JSONField())
    JobItem.objects.filter(pk__in=[item.pk for item in items]).update(**changes)
    job.done += len(items)
    job.failed += len(items) if status == JobItem.Status.FAILED else 0
    if job.done == job.total:
        job_finish(job=job)
    job.save(update_fields=COUNTED)


def job_finish(*, job: Job) -> None:
    """Give a job whose items are all over its last status; the caller saves it, holding its lock.

    It succeeded when at least one photo did; a failed job says what happened to its first failed photo. A job
    that was cancelled or failed as a whole before keeps that.
    """
    job.finished_at = timezone.now()
    if not job.is_over:
        _judge(job)
    if job.archive:
        from .services import release_files

        release_files(team=job.team, names=[job.archive])
        job.archive = ""
    _tell(job)


def _tell(job: Job) -> None:
    """Tell the team's webhooks of the end, in the transaction of the end.

    A batch whose failed items are tried again ends once more, and that is told as well.
    """
    dedupe = f"{job.pk}:{job.finished_at:%Y-%m-%dT%H:%M:%S.%f}"
    counted = {"status": job.status, "total": job.total, "failed": job.failed}
    if job.kind == Job.Kind.BATCH:
        data = {"batch_id": str(job.pk), **counted}
        emit(team=job.team, event="batch.completed", dedupe=dedupe, data=data)
    elif job.status in (Job.Status.SUCCEEDED, Job.Status.FAILED):
        event = "job.completed" if job.status == Job.Status.SUCCEEDED else "job.failed"
        data = {"job_id": str(job.pk), **counted, "media_ids": _media_ids(job)}
        emit(team=job.team, event=event, dedupe=dedupe, data=data)


def _media_ids(job: Job) -> list[str]:
    items = JobItem.objects.filter(job=job).exclude(media=None).order_by("position")
    return [str(media_id) for media_id in items.values_list("media_id", flat=True)[:MOST_TOLD]]


def _judge(job: Job) -> None:
    counted = JobItem.objects.filter(job=job)
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


def items_give_back(*, team: Team, items: Iterable[JobItem]) -> None:
    """Give items that ended without being analysed back to the pictures that were counted for them.

    An item counts from `created_at` on, which a retry renews. This takes the last lock of a transaction.
    """
    counted = Counter(item.created_at.replace(hour=0, minute=0, second=0, microsecond=0) for item in items)
    for day, count in counted.items():
        pictures_give_back(team=team, count=count, taken_at=day)
