"""The Celery app. `celery -A emotionsite worker` and `beat` find it here."""

import os
from typing import Any

import structlog
from celery import Celery
from celery.signals import setup_logging, worker_init
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "emotionsite.settings.development")

app = Celery("emotionsite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Carries the request id of the web process into the task's log lines.
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def use_django_logging(**_: Any) -> None:
    """Keep Celery from replacing the structured logging of settings."""
    import logging.config

    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@worker_init.connect
def load_engine(**_: Any) -> None:
    """Load the nets before the first task, and do not start a worker that could not do any work."""
    from media_jobs.engine import worker_engine
    from ml_models import WeightError

    try:
        engine = worker_engine()
    except (WeightError, ImportError, OSError) as error:
        raise SystemExit(
            f"The worker cannot start, because the face engine cannot be loaded: {error}"
        ) from error
    structlog.get_logger(__name__).info("engine_ready", **engine.model_versions)
