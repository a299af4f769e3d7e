"""Long work on galleries: asking for it, doing it once, taking up what a dead worker left."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.access import across_teams, team_scope
from accounts.models import Team, User
from media_jobs.leases import Lease, LeaseLost, free_rows
from media_jobs.webhooks import emit

from .models import Gallery, GalleryJob
from .refusals import Refusal, refuse

logger = structlog.get_logger(__name__)

OPEN = [GalleryJob.Status.QUEUED.value, GalleryJob.Status.RUNNING.value]
#: Work that looks at pictures needs the engine, which the workers of this queue have.
QUEUES = {GalleryJob.Kind.REEMBED: "batch", GalleryJob.Kind.IMPORT: "batch"}
USUAL_QUEUE = "background"


@dataclass(frozen=True)
class Progress:
    """What a step of a job tells: `done` of `total` things, of which `failed` did not work."""

    done: int
    total: int
    failed: int = 0


#: What does the work of each kind: a generator that yields after each step. It may be stopped at any of
#: them, and begins anew (from what is stored) when another worker takes the job up. Raises Refusal when the
#: job cannot succeed.
Runner = Callable[[GalleryJob], Iterator[Progress]]
RUNNERS: dict[str, Runner] = {}
#: Called when a job has ended, whatever its end, in the transaction that writes it.
AFTER: dict[str, Callable[[GalleryJob], None]] = {}


def after_add(kind: str, told: Callable[[GalleryJob], None]) -> None:
    """Have `told` called as well when a job of this kind has ended, after those who are told already."""
    before = AFTER.get(kind)

    def both(job: GalleryJob) -> None:
        if before is not None:
            before(job)
        told(job)

    AFTER[kind] = both


@transaction.atomic
def job_start(
    *,
    team: Team,
    kind: str,
    gallery: Gallery | None = None,
    user: User | None = None,
    **fields: Any,
) -> GalleryJob:
    """Queue a job; the one that waits already where two would do the same.

    fields: further fields of `GalleryJob`, `options` above all. The caller is inside the team's scope.
    """
    try:
        with transaction.atomic():
            job = GalleryJob.objects.create(team=team, gallery=gallery, kind=kind, created_by=user, **fields)
    except IntegrityError:
        waiting = GalleryJob.objects.filter(
            gallery=gallery, kind=kind, status=GalleryJob.Status.QUEUED
        ).first()
        if waiting is None:
            # It began just now, so there is room for the next one.
            return job_start(team=team, kind=kind, gallery=gallery, user=user, **fields)
        return waiting
    transaction.on_commit(lambda: job_send(job.pk, kind), robust=True)
    return job


def job_send(job_id: UUID, kind: str) -> bool:
    """Hand the task to the broker; False when it cannot be reached. Then beat sends it later."""
    from .tasks import run_gallery_job

    try:
        run_gallery_job.apply_async(
            kwargs={"job_id": str(job_id)}, queue=QUEUES.get(GalleryJob.Kind(kind), USUAL_QUEUE)
        )
    except (OperationalError, OSError) as error:
        logger.warning("gallery_job_not_sent", reason=type(error).__name__)
        return False
    return True


@transaction.atomic
def job_cancel(*, job: GalleryJob) -> GalleryJob:
    """Stop a job at its next step; one that is over stays as it is."""
    row = GalleryJob.objects.select_for_update().get(pk=job.pk)
    if not row.is_over:
        _end(row, GalleryJob.Status.CANCELLED)
    return row


def job_run(*, job_id: UUID) -> None:
    """Do the work of a job. Safe to run twice: one worker has it at a time."""
    lease = Lease.take(GalleryJob, job_id, OPEN)
    if lease is None:
        return
    # Across teams: the job tells which team it is of.
    with across_teams():
        job = GalleryJob.unscoped.select_related("team__plan", "gallery", "created_by").get(pk=job_id)
    with lease, team_scope(job.team), structlog.contextvars.bound_contextvars(team_id=str(job.team_id)):
        # One gallery is worked on by one job of a kind at a time; this one is sent again when it is its turn.
        if job.gallery_id and _others_run(job):
            return
        _work(job, lease)


def _others_run(job: GalleryJob) -> bool:
    others = GalleryJob.objects.filter(gallery=job.gallery, kind=job.kind, status=GalleryJob.Status.RUNNING)
    return others.exclude(pk=job.pk).exists()


def _work(job: GalleryJob, lease: Lease) -> None:
    # A job that is taken up again keeps the moment it began.
    job.started_at = job.started_at or timezone.now()
    GalleryJob.objects.filter(pk=job.pk, status__in=OPEN).update(
        status=GalleryJob.Status.RUNNING, started_at=job.started_at, error_code="", error_message=""
    )
    try:
        for progress in RUNNERS[job.kind](job):
            lease.check()
            _note(job, progress)
    except LeaseLost:
        logger.info("gallery_job_left", job=str(job.pk))
    except Refusal as refusal:
        _finish(job, GalleryJob.Status.FAILED, refusal)
    except Exception:
        # Nobody knows what was half done, so it is not begun again by itself; the log says why.
        _finish(job, GalleryJob.Status.FAILED, refuse("gallery_job_failed"))
        raise
    else:
        _finish(job, GalleryJob.Status.SUCCEEDED)


def _note(job: GalleryJob, progress: Progress) -> None:
    """Write down how far the job is. Raises LeaseLost when it was cancelled or is gone."""
    noted = GalleryJob.objects.filter(pk=job.pk, status=GalleryJob.Status.RUNNING).update(
        done=progress.done, total=progress.total, failed=progress.failed
    )
    if not noted:
        raise LeaseLost


@transaction.atomic
def _finish(job: GalleryJob, status: str, refusal: Refusal | None = None) -> None:
    row = GalleryJob.objects.select_for_update().filter(pk=job.pk, status=GalleryJob.Status.RUNNING).first()
    if row is not None:
        _end(row, status, refusal)


def _end(row: GalleryJob, status: str, refusal: Refusal | None = None) -> None:
    row.status, row.finished_at = status, timezone.now()
    if refusal is not None:
        row.error_code, row.error_message = refusal.code, refusal.message[:300]
    row.save(update_fields=["status", "finished_at", "error_code", "error_message"])
    if row.kind in AFTER:
        AFTER[row.kind](row)
    gallery_id = str(row.gallery_id) if row.gallery_id else None
    data = {"job_id": str(row.pk), "kind": row.kind, "status": row.status, "gallery_id": gallery_id}
    emit(team=row.team, event="gallery_job.finished", dedupe=f"gallery_job:{row.pk}", data=data)
    if row.gallery_id:
        # One that came while this one ran has waited for its end.
        for pk in GalleryJob.objects.filter(
            gallery_id=row.gallery_id, kind=row.kind, status=GalleryJob.Status.QUEUED
        ).values_list("pk", flat=True):
            transaction.on_commit(partial(job_send, pk, row.kind), robust=True)


def forgotten_jobs_send() -> int:
    """Send jobs of all teams that no worker has; returns how many."""
    with across_teams():
        waiting = list(free_rows(GalleryJob, OPEN)[:100].values_list("pk", "kind"))
    for pk, kind in waiting:
        job_send(pk, kind)
    return len(waiting)
