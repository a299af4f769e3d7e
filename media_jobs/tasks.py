"""Celery tasks: enter the team, call a service, done."""

from typing import Any
from uuid import UUID

import structlog
from celery import Task, shared_task
from django.db import InterfaceError, OperationalError

from accounts.access import current_team, team_scope
from accounts.models import Team
from analysis.recognition import photo_model
from analysis.switches import parts_of

from .detect_work import detection_answer
from .dispatch import batch_chunks_send, forgotten_chunks_send
from .engine import worker_engine
from .exports import export_run, exports_expire, forgotten_exports_send
from .listing import batch_list, forgotten_listings_send
from .removals import forgotten_removals_send, removal_run
from .retention import retention_enforce
from .services import released_files_erase
from .video.dispatch import forgotten_videos_send
from .video.finish import video_finish
from .video.intake import video_fetch
from .video.previews import preview_make
from .video.uploads import uploads_expire
from .video.work import chunk_analyze as video_chunk_analyze
from .video.work import video_parts
from .webhooks.delivery import delivery_attempt
from .webhooks.dispatch import due_deliveries_send, old_deliveries_prune
from .work import chunk_analyze

logger = structlog.get_logger(__name__)


class TeamTask(Task):
    """A task of one team: it runs inside the scope of the team that its keyword `team_id` names.

    A database that restarts is waited for, because nothing was committed: the task goes back to the broker
    up to 30 times, at most 20 seconds apart.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            team = Team.objects.filter(pk=UUID(kwargs["team_id"])).first()
            if team is None:
                logger.warning("team_is_gone", task=self.name)
                return None
            with team_scope(team), structlog.contextvars.bound_contextvars(team_id=str(team.pk)):
                return super().__call__(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            wait = min(20, 2**self.request.retries)
            raise self.retry(exc=error, countdown=wait, max_retries=30) from error


@shared_task(base=TeamTask, bind=True)
def analyze_chunk(task: Task, *, team_id: str, job_id: str, chunk: int) -> None:
    team = current_team()
    # Only matters in a worker that takes both queues: there a single photo goes before those of a batch.
    urgent = (task.request.delivery_info or {}).get("routing_key") == "interactive"
    engine = worker_engine(parts=parts_of(team), urgent=urgent, recognition=photo_model().name)
    chunk_analyze(team=team, job_id=UUID(job_id), chunk=chunk, engine=engine)


# Acknowledged at once: whoever waits for the answer does not wait for a second worker.
@shared_task(acks_late=False, typing=False)
def detect_picture(
    *,
    ticket: str,
    asked: list[str],
    parts: list[str],
    detection: str | None,
    max_faces: int | None,
    recognition: str | None = None,
    **wishes: Any,
) -> None:
    engine = worker_engine(parts=parts, detection=detection, urgent=True, recognition=recognition)
    detection_answer(ticket=ticket, asked=asked, max_faces=max_faces, engine=engine, **wishes)


@shared_task(base=TeamTask)
def list_batch(*, team_id: str, job_id: str) -> None:
    batch_list(batch_id=UUID(job_id))


@shared_task(base=TeamTask)
def send_batch(*, team_id: str, job_id: str) -> None:
    batch_chunks_send(batch_id=UUID(job_id))


@shared_task(base=TeamTask)
def analyze_video_chunk(*, team_id: str, video_id: str, number: int) -> None:
    team = current_team()
    engine = worker_engine(parts=video_parts(team), recognition=photo_model().name)
    video_chunk_analyze(team=team, video_id=UUID(video_id), number=number, engine=engine)


@shared_task(base=TeamTask)
def finish_video(*, team_id: str, video_id: str) -> None:
    video_finish(team=current_team(), video_id=UUID(video_id))


@shared_task(base=TeamTask)
def make_video_preview(*, team_id: str, video_id: str) -> None:
    preview_make(video_id=UUID(video_id))


@shared_task
def send_forgotten_videos() -> int:
    return forgotten_videos_send()


@shared_task(base=TeamTask)
def fetch_video(*, team_id: str, video_id: str) -> None:
    video_fetch(video_id=UUID(video_id))


@shared_task
def expire_video_uploads() -> int:
    return uploads_expire()


@shared_task
def send_forgotten_listings() -> int:
    return forgotten_listings_send()


@shared_task
def send_forgotten_chunks() -> int:
    return forgotten_chunks_send()


@shared_task
def erase_released_files() -> int:
    return released_files_erase()


@shared_task
def enforce_retention() -> int:
    return retention_enforce()


@shared_task
def make_export(*, export_id: str) -> None:
    export_run(export_id=UUID(export_id))


@shared_task
def run_removal(*, removal_id: str) -> None:
    removal_run(removal_id=UUID(removal_id))


@shared_task
def take_up_long_work() -> int:
    return forgotten_exports_send() + forgotten_removals_send() + exports_expire()


@shared_task(base=TeamTask)
def deliver_webhook(*, team_id: str, delivery_id: str) -> None:
    delivery_attempt(team=current_team(), delivery_id=UUID(delivery_id))


@shared_task
def send_due_webhooks() -> int:
    return due_deliveries_send()


@shared_task
def prune_webhook_deliveries() -> int:
    return old_deliveries_prune()
