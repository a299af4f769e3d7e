"""Celery tasks: enter the team, call a service, done."""

from typing import Any
from uuid import UUID

import structlog
from celery import Task, shared_task
from django.db import InterfaceError, OperationalError

from accounts.access import current_team, team_scope
from accounts.models import Team

from .dispatch import forgotten_chunks_send
from .engine import worker_engine
from .services import released_files_erase
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


@shared_task(base=TeamTask)
def analyze_chunk(*, team_id: str, job_id: str, chunk: int) -> None:
    chunk_analyze(team=current_team(), job_id=UUID(job_id), chunk=chunk, engine=worker_engine())


@shared_task
def send_forgotten_chunks() -> int:
    return forgotten_chunks_send()


@shared_task
def erase_released_files() -> int:
    return released_files_erase()
