"""Reads of batches. All of them run inside a team's scope."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from analysis.selectors import with_people

from .models import Job, JobItem

# The speed of a batch is that of its last minute; one that just began is measured from its beginning.
SPEED_WINDOW = timedelta(seconds=60)


@dataclass(frozen=True)
class Counts:
    """Items of a batch by what became of them; `total` is their sum."""

    total: int
    done: int
    succeeded: int
    failed: int
    cancelled: int
    pending: int


def batches() -> QuerySet[Job]:
    """The team's batches, newest first, each with `cancelled_count`, which no column keeps."""
    cancelled = (
        JobItem.objects.filter(job=OuterRef("pk"), status=JobItem.Status.CANCELLED)
        .order_by()
        .values("job")
        .annotate(count=Count("pk"))
        .values("count")
    )
    counted = Coalesce(Subquery(cancelled, output_field=IntegerField()), Value(0))
    return (
        Job.objects.filter(kind=Job.Kind.BATCH)
        .annotate(cancelled_count=counted)
        .order_by("-created_at", "-id")
    )


def counts_of(batch: Job) -> Counts:
    """The counts of a batch read by `batches`."""
    cancelled: int = batch.cancelled_count  # type: ignore[attr-defined]
    return Counts(
        total=batch.total,
        done=batch.done,
        succeeded=batch.done - batch.failed - cancelled,
        failed=batch.failed,
        cancelled=cancelled,
        pending=batch.total - batch.done,
    )


def seconds_left(batch: Job) -> int | None:
    """How long the rest will take at the speed of the last minute; None where nobody can say yet."""
    if batch.status != Job.Status.RUNNING or batch.listing or batch.started_at is None:
        return None
    now = timezone.now()
    since = max(batch.started_at, now - SPEED_WINDOW)
    ended = JobItem.objects.filter(job=batch, finished_at__gt=since).count()
    if not ended:
        return None
    return round((batch.total - batch.done) * (now - since).total_seconds() / ended)


def batch_items(*, batch_id: UUID) -> QuerySet[JobItem]:
    """Items of a batch in order."""
    return JobItem.objects.filter(job_id=batch_id, job__kind=Job.Kind.BATCH).order_by("position")


def retryable_items(*, batch_id: UUID) -> QuerySet[JobItem]:
    """Failed items whose bytes can still be had: their photo is stored, or they are at an address."""
    there = Q(media__original__gt="") | Q(source__has_key="url")
    return JobItem.objects.filter(there, job_id=batch_id, status=JobItem.Status.FAILED)


def result_items(*, batch_id: UUID, after: int, limit: int) -> list[JobItem]:
    """The next items of a batch after a position, with their photos and faces, in two queries."""
    return list(
        JobItem.objects.filter(job_id=batch_id, position__gt=after)
        .select_related("media__analysis")
        .prefetch_related(Prefetch("media__faces", queryset=with_people()))
        .order_by("position")[:limit]
    )
