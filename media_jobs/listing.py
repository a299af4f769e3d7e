"""Counting the pictures of an archive or of a bucket's prefix, and making them items of their batch.

All or nothing: a batch that is too large, or over the team's limits, is refused as a whole before anything is
analysed. Safe to run twice, also at the same time: whoever is first with the rows is right.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.limits import limits_of, pictures_take
from emotionsite.sealing import SealBroken

from . import archives, buckets
from .dispatch import task_send, task_send_on_commit
from .models import Job, JobItem
from .progress import COUNTED, job_finish
from .refusals import Refusal, refuse
from .services import CHUNK_SIZE
from .sources import source_of_url

logger = structlog.get_logger(__name__)

MAX_ITEMS = 10_000
ROWS_AT_ONCE = 2000
# A listing that was sent and has not come back is sent again after this, and given up after the other.
RESEND_AFTER = timedelta(seconds=90)
GIVE_UP_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Found:
    """One picture of a batch. With a refusal it is an item that has failed from the start."""

    name: str
    source: dict[str, Any] | None = None
    media_id: UUID | None = None
    refusal: Refusal | None = None


def batch_list(*, batch_id: UUID) -> None:
    """List what a batch is made of and queue its analysis; one that cannot be listed fails and says why."""
    job = Job.objects.select_related("team__plan").filter(pk=batch_id, listing=True).first()
    if job is None:
        return
    try:
        found = _of_archive(job) if job.archive else _of_bucket(job)
        if not found:
            raise refuse("batch_empty")
        if len(found) > MAX_ITEMS:
            raise refuse("batch_too_large")
        _expand(job, found)
    except Refusal as refusal:
        logger.warning("batch_not_listed", job_id=str(batch_id), code=refusal.code)
        _fail(batch_id, refusal)


def _of_archive(job: Job) -> list[Found]:
    largest = limits_of(job.team).largest_file_bytes
    return [
        Found(name=entry.name, source=None if entry.refusal else entry.source, refusal=entry.refusal)
        for entry in archives.entries(job.archive, largest_file=largest)
    ]


def _of_bucket(job: Job) -> list[Found]:
    largest = limits_of(job.team).largest_file_bytes
    try:
        source = buckets.BucketSource.unsealed(job.sealed_source)
    except SealBroken as error:
        raise refuse("source_unreadable") from error
    return [_of_object(one, largest) for one in buckets.objects(source, most=MAX_ITEMS)]


def _of_object(one: buckets.BucketObject, largest: int) -> Found:
    if one.size > largest:
        too_large = refuse("file_too_large", limit=f"{largest / 1024**2:g}")
        return Found(name=archives.label(one.key), refusal=too_large)
    return Found(name=archives.label(one.key), source=source_of_url(one.url))


@transaction.atomic
def _expand(listed: Job, found: Sequence[Found]) -> None:
    job = _locked(listed.pk)
    if job is None:
        return
    job.listing = False
    job.sealed_source = ""
    items_add(job=job, found=found)
    job.save(update_fields=[*COUNTED, "total", "listing", "sealed_source"])
    waiting = job.total - job.done
    pictures_take(team=job.team, count=waiting)
    if waiting:
        task_send_on_commit("send_batch", team_id=job.team_id, job_id=job.pk)
    logger.info("batch_listed", job_id=str(job.pk), total=job.total, waiting=waiting)


def items_add(*, job: Job, found: Iterable[Found]) -> None:
    """Make the items of a batch and count them in `job`, which the caller holds and saves."""
    now = timezone.now()
    items = [_item(job, position, one) for position, one in enumerate(found)]
    for item in items:
        item.finished_at = now if item.status == JobItem.Status.FAILED else None
    JobItem.objects.bulk_create(items, batch_size=ROWS_AT_ONCE)
    job.total = len(items)
    job.done = job.failed = sum(item.status == JobItem.Status.FAILED for item in items)
    if job.done == job.total:
        job_finish(job=job)


def _item(job: Job, position: int, one: Found) -> JobItem:
    refusal = one.refusal
    return JobItem(
        team=job.team,
        job=job,
        media_id=one.media_id,
        name=one.name,
        source=one.source,
        position=position,
        chunk=position // CHUNK_SIZE,
        status=JobItem.Status.FAILED if refusal else JobItem.Status.PENDING,
        error_code=refusal.code if refusal else "",
        error_message=refusal.message[:300] if refusal else "",
    )


@transaction.atomic
def _fail(batch_id: UUID, refusal: Refusal) -> None:
    job = _locked(batch_id)
    if job is None:
        return
    job.listing = False
    job.sealed_source = ""
    job.status = Job.Status.FAILED
    job.error_code = refusal.code
    job.error_message = refusal.message[:300]
    job_finish(job=job)
    job.save(update_fields=[*COUNTED, "listing", "sealed_source"])


def _locked(batch_id: UUID) -> Job | None:
    """The batch, locked, unless somebody else has listed or cancelled it meanwhile."""
    return (
        Job.objects.select_for_update(of=("self",))
        .select_related("team__plan")
        .filter(pk=batch_id, listing=True)
        .first()
    )


def forgotten_listings_send(*, limit: int = 200) -> int:
    """Send listings again whose task was lost, and give up what was not listed for long; returns how many."""
    now = timezone.now()
    # Beat looks for the batches of all teams; each goes back into its own.
    with across_teams():
        rows = Job.unscoped.filter(listing=True, created_at__lt=now - RESEND_AFTER).order_by("created_at")
        waiting = list(rows.select_related("team__plan")[:limit])
    for job in waiting:
        if job.created_at < now - GIVE_UP_AFTER:
            with team_scope(job.team):
                _fail(job.pk, refuse("batch_not_listed"))
        elif not task_send("list_batch", team_id=job.team_id, job_id=job.pk):
            break
    return len(waiting)
