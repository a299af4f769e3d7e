"""Handing work to Celery: after the commit, and again when the broker did not take it."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.access import across_teams, team_scope

from .models import Job, JobItem

logger = structlog.get_logger(__name__)

# A chunk the broker never took is sent again soon. One that it took is sent again only after so long that
# the message must be lost, and only when nothing of its job has ended for as long: the chunks of a large
# batch wait for each other. One that was merely waiting then finds its items done and ends at once.
RESEND_UNSENT_AFTER = timedelta(seconds=20)
RESEND_SENT_AFTER = timedelta(minutes=15)
QUEUE_FOR_ERRANDS = "background"
# Chunks whose sending is noted together. Who dies in between sends these again, which does no harm.
CHUNKS_AT_ONCE = 100


def task_send(task: str, *, team_id: UUID, job_id: UUID) -> bool:
    """Hand a task of `media_jobs.tasks` about a job to the broker; False when it cannot be reached.

    Beat finds what was not sent by the rows it is about.
    """
    kwargs = {"team_id": str(team_id), "job_id": str(job_id)}
    try:
        current_app.send_task(f"media_jobs.tasks.{task}", kwargs=kwargs, queue=QUEUE_FOR_ERRANDS)
    except (OperationalError, OSError) as error:
        logger.warning("task_not_sent", task=task, job_id=str(job_id), reason=type(error).__name__)
        return False
    return True


def task_send_on_commit(task: str, *, team_id: UUID, job_id: UUID) -> None:
    """`task_send` once the running transaction is committed."""
    transaction.on_commit(lambda: task_send(task, team_id=team_id, job_id=job_id))


def batch_chunks_send(*, batch_id: UUID) -> int:
    """Hand the chunks of a batch that were not sent yet to the broker; returns how many.

    Safe to run twice, and to be stopped at any point: the next run goes on where this one ended.
    """
    sent = 0
    while job := Job.objects.filter(pk=batch_id).exclude(status=Job.Status.CANCELLED).first():
        unsent = JobItem.objects.filter(job=job, status=JobItem.Status.PENDING, sent_at=None)
        chunks = list(unsent.order_by("chunk").values_list("chunk", flat=True).distinct()[:CHUNKS_AT_ONCE])
        taken = []
        for chunk in chunks:
            if not _chunk_publish(team_id=job.team_id, job_id=job.pk, chunk=chunk, queue=job.queue):
                break
            taken.append(chunk)
        with transaction.atomic():
            # The job first, as everywhere where several items are locked.
            Job.objects.select_for_update().filter(pk=batch_id).first()
            unsent.filter(chunk__in=taken).update(sent_at=timezone.now())
        sent += len(taken)
        if not chunks or len(taken) < len(chunks):
            break
    return sent


def send_chunks_on_commit(*, job: Job, chunks: Iterable[int]) -> None:
    """Send one task per chunk once the running transaction is committed."""
    numbers = list(chunks)
    team, job_id, queue = job.team, job.pk, job.queue

    def send() -> None:
        with team_scope(team):
            for number in numbers:
                if not send_chunk(team_id=team.pk, job_id=job_id, chunk=number, queue=queue):
                    break

    transaction.on_commit(send)


def send_chunk(*, team_id: UUID, job_id: UUID, chunk: int, queue: str) -> bool:
    """Hand one chunk to the broker; False when it cannot be reached. Then the job stays queued.

    A client whose upload is stored is not told of a broker that is away: beat sends the chunk later.
    """
    if not _chunk_publish(team_id=team_id, job_id=job_id, chunk=chunk, queue=queue):
        return False
    with across_teams():
        JobItem.unscoped.filter(job_id=job_id, chunk=chunk, status=JobItem.Status.PENDING).update(
            sent_at=timezone.now()
        )
    return True


def _chunk_publish(*, team_id: UUID, job_id: UUID, chunk: int, queue: str) -> bool:
    from .tasks import analyze_chunk

    try:
        analyze_chunk.apply_async(
            kwargs={"team_id": str(team_id), "job_id": str(job_id), "chunk": chunk}, queue=queue
        )
    except (OperationalError, OSError) as error:
        logger.warning("chunk_not_sent", job_id=str(job_id), chunk=chunk, reason=type(error).__name__)
        return False
    return True


def forgotten_chunks_send(*, limit: int = 500) -> int:
    """Send chunks that still wait and that the broker never took or must have lost; returns how many."""
    now = timezone.now()
    pending = JobItem.unscoped.filter(status=JobItem.Status.PENDING)
    never_sent = pending.filter(sent_at=None, created_at__lt=now - RESEND_UNSENT_AFTER)
    moving = JobItem.unscoped.filter(job=OuterRef("job"), finished_at__gt=now - RESEND_SENT_AFTER)
    long_ago = pending.filter(~Exists(moving), sent_at__lt=now - RESEND_SENT_AFTER)
    sent = 0
    for rows in (never_sent, long_ago):
        columns = rows.values_list("team_id", "job_id", "chunk", "job__queue").order_by().distinct()
        with across_teams():
            forgotten = list(columns[:limit])
        for team_id, job_id, chunk, queue in forgotten:
            if not send_chunk(team_id=team_id, job_id=job_id, chunk=chunk, queue=queue):
                return sent
            sent += 1
    if sent:
        logger.info("forgotten_chunks_sent", count=sent)
    return sent
