"""The Celery app. `celery -A emotionsite worker` and `beat` find it here."""

import os
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from celery.signals import setup_logging, worker_init
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "emotionsite.settings.development")

app = Celery("emotionsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Tasks of these queues look at pictures; a worker that takes none of them loads no engine.
ENGINE_QUEUES = frozenset({"interactive", "batch"})
# Linux gives every session its share of the processor before it looks at nice within one. A worker started in
# a session of its own steps back only when its session does.
SESSION_NICE = Path("/proc/self/autogroup")
# Carries the request id of the web process into the task's log lines.
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def use_django_logging(**_: Any) -> None:
    """Keep Celery from replacing the structured logging of settings."""
    import logging.config

    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@worker_init.connect
def prepare_worker(sender: Any, **_: Any) -> None:
    """Step back behind other processes where that is asked for, and load the engine where it is needed."""
    from django.conf import settings

    # First: the engine's threads take over how far this one has stepped back.
    step_back(settings.WORKER_NICE)
    if ENGINE_QUEUES & set(sender.app.amqp.queues.consume_from):
        load_engine()


def step_back(nice: int) -> None:
    """Let processes of a lower `nice` (0 to 19) have the processor first. 0 changes nothing."""
    if nice <= 0:
        return
    os.nice(nice)
    if not SESSION_NICE.exists():
        return
    try:
        SESSION_NICE.write_text(str(nice))
    except OSError as error:
        structlog.get_logger(__name__).warning("session_not_niced", reason=str(error))


def load_engine() -> None:
    """Load the nets before the first task, and do not start a worker that could not do any work."""
    from media_jobs.engine import engine_load
    from ml_models import WeightError

    try:
        engine = engine_load()
    except (WeightError, ImportError, OSError) as error:
        raise SystemExit(
            f"The worker cannot start, because the face engine cannot be loaded: {error}"
        ) from error
    structlog.get_logger(__name__).info("engine_ready", **engine.model_versions)
