"""Checks of everything the product stands on. `/readyz` runs the quick ones, `manage.py doctor` all."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
import redis
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import OperationalError as BrokerError

from media_jobs.files import STORAGE_FAULTS

from .settings.services import UNSET_DATABASE_URL, UNSET_REDIS_URL

BROKER_TIMEOUT = 3.0
WORKER_TIMEOUT = 3.0
# What stands still when no worker takes a queue.
IDLE = {
    "interactive": "single uploads and detections wait",
    "batch": "batches wait",
    "background": "webhooks, exports and erasures wait",
}


@dataclass(frozen=True)
class Result:
    """Outcome of a check: `detail` says what was found, or what is wrong and what to do."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Check:
    """`probe` returns what it found; one of `faults` raised means that the part does not work."""

    name: str
    probe: Callable[[], str]
    faults: tuple[type[Exception], ...]
    advice: str
    needs: str = ""


class Wrong(Exception):
    """Raised by a probe that found the fault itself; the text is the whole sentence."""


def _database() -> str:
    if settings.DATABASE_URL == UNSET_DATABASE_URL:
        raise Wrong("DATABASE_URL is not set and no embedded server has run here. Start with `make run`.")
    # Past the pool, which would wait for its timeout and hide the reason.
    with psycopg.connect(settings.DATABASE_URL, connect_timeout=3) as direct:
        version = direct.execute("SHOW server_version").fetchone()
    return f"PostgreSQL {version[0].split()[0]}" if version else "PostgreSQL"


def _pgvector() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        row = cursor.fetchone()
    if row is None:
        raise Wrong(
            "The extension pgvector is not in the database. Run `CREATE EXTENSION vector` there as superuser."
        )
    return f"pgvector {row[0]}"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        raise Wrong(
            f"{len(waiting)} migrations are not applied. Run `manage.py migrate`; `make run` does it too."
        )
    return "all applied"


def _broker() -> str:
    if settings.REDIS_URL == UNSET_REDIS_URL:
        raise Wrong("REDIS_URL is not set and no embedded server has run here. Start with `make run`.")
    client = redis.Redis.from_url(
        f"{settings.REDIS_URL}/0", socket_timeout=BROKER_TIMEOUT, socket_connect_timeout=BROKER_TIMEOUT
    )
    try:
        client.ping()
        info = client.info("server")
    finally:
        client.close()
    return f"{info.get('server_name', 'redis')} {info.get('valkey_version') or info['redis_version']}"


def _storage() -> str:
    name = default_storage.save(f"health/{uuid.uuid4()}", ContentFile(b"ok"))
    try:
        with default_storage.open(name) as file:
            if file.read() != b"ok":
                raise Wrong(
                    "The storage returned other bytes than were written. Check the disk or the bucket."
                )
    finally:
        default_storage.delete(name)
    return settings.STORAGE_URL.partition("@")[2] or settings.STORAGE_URL


def _weights() -> str:
    from ml_models import recognition
    from ml_models.registry import problems, weights

    if wrong := problems() + recognition.problems():
        raise Wrong(" ".join(wrong))
    return ", ".join(weights())


def _worker() -> str:
    from .celery import app

    answers = app.control.inspect(timeout=WORKER_TIMEOUT).active_queues()
    if not answers:
        raise Wrong(
            "No Celery worker answers, so uploads stay queued. `make run` starts them; the log is "
            f"{settings.DATA_DIR / 'logs' / 'worker.log'}."
        )
    taken = {queue["name"] for one in answers.values() for queue in one}
    if missing := [name for name in settings.CELERY_TASK_QUEUES if name not in taken]:
        queues = ",".join(missing)
        raise Wrong(
            f"No worker takes the queue {queues}, so {' and '.join(IDLE[name] for name in missing)}. "
            f"Start one with `celery -A emotionsite worker -Q {queues}`; `make run` and Compose do."
        )
    return f"{len(answers)} answering"


DATABASE = Check(
    "database",
    _database,
    (psycopg.Error,),
    "Is it up (`make run` starts the embedded one), and are address and password right?",
)
PGVECTOR = Check("pgvector", _pgvector, (DatabaseError,), "May the role read pg_extension?", needs="database")
MIGRATIONS = Check(
    "migrations", _migrations, (DatabaseError,), "May the role read django_migrations?", needs="database"
)
BROKER = Check(
    "broker",
    _broker,
    (redis.RedisError, BrokerError, OSError),
    "Is it up (`make run` starts the embedded one), and is REDIS_URL right?",
)
# A weight that is missing or altered is found by the probe itself.
WEIGHTS = Check("weights", _weights, (OSError,), "Run `make setup`, or check out the file again.")
STORAGE = Check(
    "storage", _storage, STORAGE_FAULTS, "Is the folder writable, is there room, is STORAGE_URL right?"
)
WORKER = Check(
    "worker", _worker, (redis.RedisError, BrokerError, OSError), "Is the broker up?", needs="broker"
)


def all_checks() -> list[Check]:
    return [DATABASE, PGVECTOR, MIGRATIONS, BROKER, STORAGE, WEIGHTS, WORKER]


def run_checks(checks: Sequence[Check]) -> list[Result]:
    """Run each check in order; a fault keeps only those from running that need the faulty part."""
    results: list[Result] = []
    for check in checks:
        if any(result.name == check.needs and not result.ok for result in results):
            results.append(
                Result(check.name, False, f"Not looked at, because the {check.needs} does not work.")
            )
        else:
            results.append(_run(check))
    return results


def _run(check: Check) -> Result:
    try:
        return Result(check.name, True, check.probe())
    except Wrong as wrong:
        return Result(check.name, False, str(wrong))
    except check.faults as error:
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return Result(check.name, False, f"{first_line.rstrip('.')}. {check.advice}")
