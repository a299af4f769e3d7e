"""Batches: many pictures as one job, made of photos, addresses, an archive or a bucket."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.audit import record
from accounts.limits import pictures_take
from accounts.models import Team, User
from emotionsite.fetching import check_url

from . import archives, files
from .batch_selectors import retryable_items
from .buckets import BucketSource
from .dispatch import task_send_on_commit
from .listing import MAX_ITEMS, Found, items_add
from .models import Job, JobItem, Media
from .progress import COUNTED, items_give_back, job_finish
from .refusals import Refusal, refuse
from .services import QUEUE_FOR_MANY
from .sources import name_of_url, source_of_url

NAMED_IDS = 5


@dataclass(frozen=True)
class Reference:
    """One picture of a batch: a photo of the team, or an address, with what it is called."""

    media_id: UUID | None = None
    url: str = ""
    name: str = ""


def batch_create(
    *, team: Team, references: Sequence[Reference], name: str = "", user: User | None = None
) -> Job:
    """Queue the analysis of up to 10,000 pictures. Addresses are fetched later, by a worker.

    Takes the same few queries for any number. Raises Refusal: `batch_empty`, `batch_too_large`,
    `batch_media_unknown`, `quota_pictures`, or what is wrong with an address; then nothing was written.
    """
    if not references:
        raise refuse("batch_empty")
    if len(references) > MAX_ITEMS:
        raise refuse("batch_too_large")
    names = _names_of_media([one.media_id for one in references if one.media_id])
    found = [_found(number, one, names) for number, one in enumerate(references, start=1)]
    with transaction.atomic():
        job = _new(team, name, user)
        job.save(force_insert=True)
        items_add(job=job, found=found)
        job.save(update_fields=["total"])
        record("batch.created", team=team, obj=job, name=_title(job), pictures=job.total, source="items")
        task_send_on_commit("send_batch", team_id=team.pk, job_id=job.pk)
        pictures_take(team=team, count=job.total)
    return job


def batch_create_from_archive(
    *, team: Team, file: IO[bytes], size: int, name: str = "", user: User | None = None
) -> Job:
    """Store a ZIP archive and queue the listing of its pictures, which become the items of the batch.

    The archive is erased when the batch is over. Raises Refusal `archive_too_large`, `archive_not_zip`,
    `storage_full`; then nothing was kept.
    """
    if size > settings.MAX_ARCHIVE_BYTES:
        raise refuse("archive_too_large", limit=f"{settings.MAX_ARCHIVE_BYTES / 1024**2:g}")
    if not archives.looks_like_archive(file):
        raise refuse("archive_not_zip")
    job = _new(team, name, user, listing=True)
    job.archive = files.store(f"teams/{team.pk}/batches/{job.pk}/{uuid4().hex}.zip", file)
    try:
        _save_unlisted(job, "archive")
    except BaseException:
        files.erase([job.archive])
        raise
    return job


def batch_create_from_bucket(
    *, team: Team, source: BucketSource, name: str = "", user: User | None = None
) -> Job:
    """Queue the listing of the pictures below a prefix of a bucket, which become the items of the batch.

    Nothing is asked of the network here. The credentials are kept encrypted and wiped with the listing.
    Raises Refusal for an endpoint that is not fetched from; then nothing was written.
    """
    if source.endpoint:
        check_url(source.endpoint)
    job = _new(team, name, user, listing=True)
    job.sealed_source = source.sealed()
    _save_unlisted(job, "bucket")
    return job


@transaction.atomic
def batch_cancel(*, batch_id: UUID) -> Job:
    """Cancel what is still pending of a batch, and give it back to the month's pictures.

    What a worker has in hand is cancelled too: its answer comes too late and is dropped. Results that are
    there stay. A batch that is over is left as it is. Raises Job.DoesNotExist.
    """
    job = _locked(batch_id)
    if job.is_over:
        return job
    pending = list(
        JobItem.objects.select_for_update()
        .filter(job=job, status=JobItem.Status.PENDING)
        .order_by("id")
        .only("id", "created_at")
    )
    JobItem.objects.filter(job=job, status=JobItem.Status.PENDING).update(
        status=JobItem.Status.CANCELLED, finished_at=timezone.now(), source=None
    )
    job.done += len(pending)
    job.status = Job.Status.CANCELLED
    job.listing = False
    job.sealed_source = ""
    job_finish(job=job)
    job.save(update_fields=[*COUNTED, "listing", "sealed_source"])
    record("batch.cancelled", team=job.team, obj=job, name=_title(job), pictures=len(pending))
    items_give_back(team=job.team, items=pending)
    return job


@transaction.atomic
def batch_retry(*, batch_id: UUID) -> Job:
    """Try the failed pictures of a batch that is over again; they count against the month's pictures anew.

    Only those whose bytes can still be had: a photo that is stored, or an address. Raises Refusal
    `batch_running`, `batch_nothing_to_retry`, `quota_pictures`, and Job.DoesNotExist.
    """
    job = _locked(batch_id)
    if not job.is_over:
        raise refuse("batch_running")
    rows = retryable_items(batch_id=job.pk).select_for_update(of=("self",)).order_by("id")
    ids = list(rows.values_list("id", flat=True))
    if not ids:
        raise refuse("batch_nothing_to_retry")
    now = timezone.now()
    JobItem.objects.filter(pk__in=ids).update(
        status=JobItem.Status.PENDING,
        attempts=0,
        error_code="",
        error_message="",
        created_at=now,
        sent_at=None,
        finished_at=None,
    )
    job.done -= len(ids)
    job.failed -= len(ids)
    job.status = Job.Status.QUEUED
    job.error_code = job.error_message = ""
    job.started_at = job.finished_at = None
    job.save(update_fields=[*COUNTED, "started_at"])
    record("batch.retried", team=job.team, obj=job, name=_title(job), pictures=len(ids))
    task_send_on_commit("send_batch", team_id=job.team_id, job_id=job.pk)
    pictures_take(team=job.team, count=len(ids))
    return job


def _new(team: Team, name: str, user: User | None, *, listing: bool = False) -> Job:
    return Job(
        team=team,
        kind=Job.Kind.BATCH,
        name=archives.label(name)[:120],
        queue=QUEUE_FOR_MANY,
        total=0,
        listing=listing,
        created_by=user,
    )


@transaction.atomic
def _save_unlisted(job: Job, source: str) -> None:
    job.save(force_insert=True)
    record("batch.created", team=job.team, obj=job, name=_title(job), source=source)
    task_send_on_commit("list_batch", team_id=job.team_id, job_id=job.pk)


def _locked(batch_id: UUID) -> Job:
    rows = Job.objects.select_for_update(of=("self",)).select_related("team__plan")
    return rows.get(pk=batch_id, kind=Job.Kind.BATCH)


def _title(job: Job) -> str:
    return job.name or f"Batch {str(job.pk)[:8]}"


def _names_of_media(ids: Sequence[UUID]) -> dict[UUID, str]:
    """File names of photos of the team. Raises Refusal that names the first ids that are none."""
    known = dict(Media.objects.filter(pk__in=set(ids)).values_list("pk", "filename")) if ids else {}
    unknown = [str(one) for one in dict.fromkeys(ids) if one not in known]
    if unknown:
        more = f" and {len(unknown) - NAMED_IDS} more" if len(unknown) > NAMED_IDS else ""
        raise refuse("batch_media_unknown", ids=", ".join(unknown[:NAMED_IDS]) + more)
    return known


def _found(number: int, one: Reference, names: dict[UUID, str]) -> Found:
    if one.media_id:
        return Found(name=archives.label(one.name) or names[one.media_id], media_id=one.media_id)
    try:
        check_url(one.url)
    except Refusal as refusal:
        raise Refusal(refusal.code, f"Item {number}: {refusal.message}", refusal.status) from refusal
    return Found(name=archives.label(one.name) or name_of_url(one.url), source=source_of_url(one.url))
