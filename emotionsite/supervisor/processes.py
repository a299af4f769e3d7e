"""Child processes: started in sessions of their own, logged, recorded, and ended in order."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from emotionsite.supervisor.errors import SupervisorError, last_lines
from emotionsite.supervisor.files import write_private
from emotionsite.supervisor.guard import Guard, Watched, end_processes

POLL_SECONDS = 0.05
_HURRY_SECONDS = 0.5
_LOG_TAIL_BYTES = 16384


def nothing() -> None:
    """The check that never interrupts a wait."""


def never() -> bool:
    """The answer of nobody in a hurry."""
    return False


@dataclass(frozen=True)
class SystemUser:
    """An account that a child runs as; only root can start children as somebody else."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Command:
    """How to start a child, and how to end it.

    `stop_signals` are (signal, seconds to wait) in order; what still runs after the last is killed with its
    process group. A child gets its own session, so that Ctrl-C on the terminal reaches the supervisor alone.
    """

    name: str
    argv: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    folder: Path = Path("/")
    user: SystemUser | None = None
    stop_signals: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 10.0),)


@dataclass
class ProcessTable:
    """Which children run now: known to the watchdog and, with a `file`, to the next run as well."""

    file: Path | None = None
    guard: Guard = field(default_factory=Guard)
    _entries: dict[int, tuple[str, Watched]] = field(default_factory=dict)

    def add(self, name: str, pid: int, stop_signal: signal.Signals) -> None:
        """Record a child that was just started."""
        try:
            entry = Watched(pid, psutil.Process(pid).create_time(), int(stop_signal))
        except psutil.NoSuchProcess:  # ended already; whoever started it will see that
            return
        self._entries[pid] = (name, entry)
        self.guard.watch(entry)
        self._save()

    def remove(self, pid: int) -> None:
        """Record that a child has ended."""
        if self._entries.pop(pid, None) is not None:
            self.guard.forget(pid)
            self._save()

    def end_leftovers(self) -> int:
        """End what an earlier supervisor started and could not end; how many processes that were."""
        if self.file is None:
            return 0
        left = read_table(self.file)
        ended = end_processes(entry for _name, entry in left)
        self._save()
        return ended

    def _save(self) -> None:
        if self.file is None:
            return
        rows = [{"name": name, **asdict(entry)} for name, entry in self._entries.values()]
        # On a full disk the record cannot be kept, but stopping must go on; the watchdog knows the processes.
        with contextlib.suppress(OSError):
            write_private(self.file, json.dumps(rows) + "\n")


def read_table(path: Path) -> list[tuple[str, Watched]]:
    """The (name, process) pairs in a table's file; empty when there is no file or it is damaged."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [(row["name"], Watched(row["pid"], row["created"], row["signal"])) for row in rows]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


class Child:
    """One child process."""

    def __init__(self, command: Command, table: ProcessTable) -> None:
        self.command = command
        self.started = 0.0
        self._table = table
        self._process: subprocess.Popen[bytes] | None = None
        self._asked_to_stop = False
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The process id, 0 before the first start."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> None:
        """Start the process; SupervisorError when the program is missing or may not be run."""
        command = self.command
        user = command.user
        descriptor = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._log_start = os.fstat(descriptor).st_size
            self._process = subprocess.Popen(
                list(command.argv),
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                cwd=command.folder,
                env=dict(command.environment),
                start_new_session=True,
                umask=0o077,
                user=user.uid if user else None,
                group=user.gid if user else None,
                extra_groups=[] if user else None,
            )
        except OSError as error:
            who = f" as user {user.name}" if user else ""
            raise SupervisorError(
                f"{command.name} could not be started{who} ({error.strerror}: {command.argv[0]}): run `make "
                "setup`, "
                "then start again."
            ) from error
        finally:
            os.close(descriptor)
        self.started = time.monotonic()
        self._asked_to_stop = False
        self._table.add(command.name, self._process.pid, command.stop_signals[0][0])

    def poll(self) -> int | None:
        """The exit code once the process has ended (negative: the signal that ended it), else None."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is not None:
            self._table.remove(self._process.pid)
        return code

    @property
    def running(self) -> bool:
        return self._process is not None and self.poll() is None

    def ask_to_stop(self) -> None:
        """Send the first stop signal without waiting; `stop` then waits and does not send it again."""
        if self._process is not None and self.poll() is None and not self._asked_to_stop:
            self._process.send_signal(self.command.stop_signals[0][0])
            self._asked_to_stop = True

    def stop(self, hurried: Callable[[], bool] = never) -> None:
        """End the process by its stop signals, then by force. `hurried` cuts every wait to half a second."""
        if self._process is None:
            return
        self.ask_to_stop()
        for place, (number, seconds) in enumerate(self.command.stop_signals):
            if self.poll() is not None:
                break
            if place:
                self._process.send_signal(number)
            self._wait(seconds, hurried)
        self.kill()

    def kill(self) -> None:
        """End the process and its process group at once (kill -9); does nothing when both have ended."""
        if self._process is None:
            return
        # The id of a group stays taken while a member lives, so this cannot hit a stranger. For a group of
        # zombies macOS answers that it is not permitted.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._table.remove(self._process.pid)

    def log_since_start(self) -> str:
        """What the process has logged since it was started (at most the last 16 KB)."""
        try:
            with self.command.log.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(self._log_start, size - _LOG_TAIL_BYTES))
                return stream.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _wait(self, seconds: float, hurried: Callable[[], bool]) -> None:
        begun = time.monotonic()
        while self.poll() is None:
            waited = time.monotonic() - begun
            if waited > seconds or (waited > _HURRY_SECONDS and hurried()):
                return
            time.sleep(POLL_SECONDS)


def run_to_end(command: Command, table: ProcessTable, check: Callable[[], None] = nothing) -> tuple[int, str]:
    """Run a command and wait for it: its exit code and what it logged. `check` may raise to end the wait."""
    child = Child(command, table)
    child.start()
    try:
        while (code := child.poll()) is None:
            check()
            time.sleep(POLL_SECONDS)
    finally:
        child.stop()
    return code, child.log_since_start()


def failure_sentence(what: str, code: int, log_text: str, log: Path) -> str:
    """A sentence for a child that ended with `code`, with its last lines and where its log is."""
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    tail = last_lines(log_text)
    return f"{what} {how}. Its log is {log}" + (f"; it ends with:\n{tail}" if tail else ".")
