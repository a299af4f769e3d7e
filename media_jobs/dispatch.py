"""Handing chunks to Celery: after the commit, and again when the broker did not take them."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.access import across_teams, team_scope

from .models import Job, JobItem

logger = structlog.get_logger(__name__)

# A chunk the broker never took is sent again soon. One that it took is sent again only after so long that
# the message must be lost; a chunk that was merely waiting then finds its items done and ends at once.
RESEND_UNSENT_AFTER = timedelta(seconds=20)
RESEND_SENT_AFTER = timedelta(minutes=15)


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
    from .tasks import analyze_chunk

    try:
        analyze_chunk.apply_async(
            kwargs={"team_id": str(team_id), "job_id": str(job_id), "chunk": chunk}, queue=queue
        )
    except (OperationalError, OSError) as error:
        logger.warning("chunk_not_sent", job_id=str(job_id), chunk=chunk, reason=type(error).__name__)
        return False
    with across_teams():
        JobItem.unscoped.filter(job_id=job_id, chunk=chunk, status=JobItem.Status.PENDING).update(
            sent_at=timezone.now()
        )
    return True


def forgotten_chunks_send(*, limit: int = 500) -> int:
    """Send chunks that still wait and that the broker never took or must have lost; returns how many."""
    now = timezone.now()
    pending = JobItem.unscoped.filter(status=JobItem.Status.PENDING)
    never_sent = pending.filter(sent_at=None, created_at__lt=now - RESEND_UNSENT_AFTER)
    long_ago = pending.filter(sent_at__lt=now - RESEND_SENT_AFTER)
    sent = 0
    for rows in (never_sent, long_ago):
        columns = rows.values_list("team_id", "job_id", "chunk", "job__queue").distinct()
        with across_teams():
            forgotten = list(columns[:limit])
        for team_id, job_id, chunk, queue in forgotten:
            if not send_chunk(team_id=team_id, job_id=job_id, chunk=chunk, queue=queue):
                return sent
            sent += 1
    if sent:
        logger.info("forgotten_chunks_sent", count=sent)
    return sent
