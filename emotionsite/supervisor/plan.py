"""What a run starts: the management commands, the web process, the workers and the scheduler."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emotionsite.supervisor.files import DataDir
from emotionsite.supervisor.processes import Command

PROJECT = Path(__file__).resolve().parent.parent.parent
WEB_STOP_SECONDS = 5
WORKER_STOP_SECONDS = 20
# Larger messages are not even read. What a frame may have, media_jobs.live.session says.
WEBSOCKET_BYTES = 1024 * 1024
# Photos of batches wait for whoever looks at a page or waits for an answer.
BATCH_NICE = "10"
# They wait for other servers rather than compute.
BACKGROUND_THREADS = "4"


@dataclass(frozen=True)
class Options:
    """What the operator chose; `data_dir` may be relative to the current folder."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000

    @property
    def url(self) -> str:
        """The address of the site as this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - read, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


@dataclass(frozen=True)
class Role:
    """A process that runs as long as the site does, and is started again when it dies.

    `environment` is added to that of all. The first run of a data folder needs those that are `first` before
    the others: the sample photos are analysed with them.
    """

    name: str
    title: str
    argv: Sequence[str]
    stop_seconds: float
    environment: Mapping[str, str] = field(default_factory=dict)
    first: bool = False

    def command(self, data: DataDir, environment: Mapping[str, str]) -> Command:
        return Command(
            self.title,
            self.argv,
            data.log(self.name),
            {**environment, **self.environment},
            folder=PROJECT,
            stop_signals=((signal.SIGTERM, self.stop_seconds),),
        )


@dataclass(frozen=True)
class Plan:
    """The programs of a run. `roles` are stopped in order: web, scheduler, then the workers together."""

    migrate: Sequence[str]
    demo: Sequence[str]
    roles: Sequence[Role]
    ready_path: str = "/readyz"
    environment: Mapping[str, str] = field(default_factory=dict)


def site_plan(options: Options, data: DataDir) -> Plan:
    """The plan of the real site."""
    python = [sys.executable, "-u"]
    manage = [*python, str(PROJECT / "manage.py")]
    threads = os.environ.get("WORKER_THREADS") or str(max(4, min(16, 2 * (os.cpu_count() or 2))))
    nice = os.environ.get("WORKER_NICE") or BATCH_NICE
    celery = [*python, "-m", "celery", "-A", "emotionsite"]
    web = [
        *python,
        *("-m", "uvicorn", "emotionsite.asgi:application"),
        *("--host", options.host, "--port", str(options.port)),
        *("--no-access-log", "--no-server-header", "--lifespan", "off"),
        *("--timeout-graceful-shutdown", str(WEB_STOP_SECONDS)),
        # Frames of the live camera are JPEG: small, and not worth packing again.
        *("--ws-max-size", str(WEBSOCKET_BYTES), "--ws-per-message-deflate", "false"),
    ]

    def worker(name: str, queue: str, threads: str) -> list[str]:
        return [
            *celery,
            # Names of workers on one machine must differ, or their answers are taken for one another's.
            *("worker", "--hostname", f"{name}@%h", "--pool", "threads", "--concurrency", threads),
            *("-Q", queue, "--loglevel", "INFO", "--without-gossip", "--without-mingle"),
        ]

    beat = [
        *celery,
        *("beat", "--schedule", str(data.run / "beat-schedule"), "--pidfile=", "--loglevel", "INFO"),
    ]
    return Plan(
        migrate=[*manage, "migrate", "--noinput"],
        demo=[*manage, "create_demo"],
        roles=[
            Role("web", "The web process", web, WEB_STOP_SECONDS + 3, first=True),
            Role("beat", "The scheduler", beat, 5),
            Role(
                *("worker", "The worker", worker("worker", "interactive", threads)),
                stop_seconds=WORKER_STOP_SECONDS,
                environment={"WORKER_NICE": "0"},
                first=True,
            ),
            Role(
                *("batch", "The worker of batches", worker("batch", "batch", threads)),
                stop_seconds=WORKER_STOP_SECONDS,
                environment={"WORKER_NICE": nice},
            ),
            Role(
                *(
                    "background",
                    "The background worker",
                    worker("background", "background", BACKGROUND_THREADS),
                ),
                stop_seconds=WORKER_STOP_SECONDS,
                environment={"WORKER_NICE": "0"},
            ),
        ],
        environment={"WORKER_THREADS": threads},
    )


def base_environment(options: Options, data: DataDir) -> dict[str, str]:
    """The environment of every Django process: ours, with DATA_DIR, and defaults for what is not set."""
    environment = dict(os.environ)
    environment["DATA_DIR"] = str(data.root)
    environment["PYTHONUNBUFFERED"] = "1"
    environment.setdefault("DJANGO_SETTINGS_MODULE", "emotionsite.settings.development")
    environment.setdefault("PUBLIC_URL", options.url)
    return environment
