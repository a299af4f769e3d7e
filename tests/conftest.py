"""Real web and worker processes on the test database, for tests of the whole system."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import httpx
import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 120.0


def process_environment(**extra: str) -> dict[str, str]:
    """The environment in which a process finds this test's database, broker and storage."""
    database = connection.settings_dict
    address = (
        f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
        f"/{database['NAME']}"
    )
    return {
        **os.environ,
        "DATABASE_URL": address,
        "REDIS_URL": settings.REDIS_URL,
        "STORAGE_URL": f"file://{default_storage.path('')}",
        "SECRET_KEY": settings.SECRET_KEY,
        "API_KEY_PEPPERS": ",".join(f"{n}:{value.hex()}" for n, value in settings.API_KEY_PEPPERS.items()),
        "DJANGO_SETTINGS_MODULE": "emotionsite.settings.development",
        "LOG_LEVEL": "INFO",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


@dataclass
class Process:
    """A started process with its log."""

    popen: "subprocess.Popen[bytes]"
    log: Path

    def kill(self) -> None:
        """As a crash would: no signal handler runs."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(timeout=30)

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()

    def wait_for(self, words: str, seconds: float = START_SECONDS) -> None:
        """Wait until the log holds `words`; fails with the log's end when the process dies or time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if words in self.log.read_text(errors="replace"):
                return
            if self.popen.poll() is not None:
                break
            time.sleep(0.1)
        pytest.fail(f"No {words!r} in the log:\n{self.log.read_text(errors='replace')[-4000:]}")


Start = Callable[..., Process]


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    """Start processes of the product with logs in `folder`; whatever still runs at the end is stopped."""
    started: list[Process] = []
    logs: list[IO[bytes]] = []

    def one(*command: str, **environment: str) -> Process:
        log = folder / f"{len(started)}.log"
        logs.append(log.open("wb"))
        popen = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=process_environment(**environment),
            stdout=logs[-1],
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        started.append(Process(popen, log))
        return started[-1]

    try:
        yield one
    finally:
        for process in started:
            process.stop()
        for file in logs:
            file.close()


@pytest.fixture()
def start(tmp_path: Path, transactional_db: None) -> Iterator[Start]:
    """Start processes of the product; whatever still runs at the end of the test is stopped."""
    with starting(tmp_path) as one:
        yield one


def worker_start(start: Start, **environment: str) -> Process:
    """Start a real Celery worker and wait until its engine is loaded and it takes tasks."""
    worker = start(
        *("-m", "celery", "-A", "emotionsite", "worker", "--pool", "threads", "--concurrency", "2"),
        *("-Q", "interactive,batch,background", "--without-mingle", "--without-gossip"),
        **environment,
    )
    worker.wait_for("engine_ready")
    worker.wait_for("ready.")
    return worker


@pytest.fixture()
def start_worker(start: Start) -> Callable[..., Process]:
    """`worker_start` for one test."""
    return partial(worker_start, start)


@dataclass
class Site:
    """A running web process and worker."""

    url: str
    web: Process
    worker: Process


@dataclass
class Web:
    """A running web process."""

    url: str
    process: Process


def web_start(start: Start, **environment: str) -> Web:
    """Start a real web process on a free port; `wait_until_ready` says when it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = start(
        *("-m", "uvicorn", "emotionsite.asgi:application", "--port", str(port), "--log-level", "info"),
        **{"PUBLIC_URL": url, **environment},
    )
    return Web(url, process)


@pytest.fixture()
def start_web(start: Start) -> Callable[..., Web]:
    """`web_start` for one test."""
    return partial(web_start, start)


def wait_until_ready(web: Web) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if httpx.get(f"{web.url}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            assert web.process.popen.poll() is None, web.process.log.read_text(errors="replace")
        time.sleep(0.2)
    pytest.fail(f"{web.url} did not get ready:\n{web.process.log.read_text(errors='replace')[-4000:]}")


@pytest.fixture()
def live_site(start_web: Callable[..., Web], start_worker: Callable[..., Process]) -> Site:
    """The whole product on a free port: real web, worker, database and broker."""
    web = start_web()
    worker = start_worker()
    wait_until_ready(web)
    return Site(web.url, web.process, worker)
