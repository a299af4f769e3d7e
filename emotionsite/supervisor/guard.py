"""A watchdog process, so that nothing stays running when the supervisor itself is killed.

The supervisor holds the only writing end of a pipe to the watchdog and tells it which processes to watch.
When the pipe ends, the supervisor is gone, however it went: what is still running then is ended. This works
on every system, unlike Linux's parent-death signal, which also cannot ask first and insist later.

The file runs by itself (`python -I guard.py`), so it imports nothing of this project.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import psutil

# Two readings of one process's start time can differ by a clock correction, not by more than this.
_SAME_START_SECONDS = 2.0
GRACE_SECONDS = 8.0


@dataclass(frozen=True)
class Watched:
    """A process by id and start time (seconds since 1970), so that a reused id is never mistaken for it.

    `signal` asks it to end; what has not ended some seconds later is killed.
    """

    pid: int
    created: float
    signal: int

    def process(self) -> psutil.Process | None:
        """The process if it still runs, else None."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < _SAME_START_SECONDS
            return process if same and _is_alive(process) else None
        except psutil.NoSuchProcess:
            return None


def end_processes(watched: Iterable[Watched], grace: float = GRACE_SECONDS) -> int:
    """Ask the processes to end, kill them and their descendants after `grace` seconds; how many ran."""
    leaders: list[psutil.Process] = []
    family: list[psutil.Process] = []
    for entry in watched:
        process = entry.process()
        if process is None:
            continue
        try:
            # Taken before the signal: afterwards the children of an ended process cannot be told any more.
            family += [process, *process.children(recursive=True)]
            process.send_signal(entry.signal)
        except psutil.NoSuchProcess:
            continue
        leaders.append(process)
    wait_ended(leaders, grace)
    kill_processes(wait_ended(family, 0.5))
    return len(leaders)


def kill_processes(processes: Iterable[psutil.Process]) -> None:
    """End processes by force and wait until they have ended."""
    killed = list(processes)
    for process in killed:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    wait_ended(killed, 5.0)


def wait_ended(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until all have ended, at most `seconds`; those that still run.

    One that has ended counts as such even while its new parent has not collected it yet, which the first
    process of a container may take seconds for; psutil's own wait does not see it so.
    """
    deadline = time.monotonic() + seconds
    alive = [process for process in processes if _is_alive(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = [process for process in alive if _is_alive(process)]
    return alive


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Guard:
    """The supervisor's end of the pipe. `watch` and `forget` keep the watchdog's list up to date."""

    def __init__(self) -> None:
        self._watched: dict[int, Watched] = {}
        self._helper: subprocess.Popen[str] | None = None

    def watch(self, entry: Watched) -> None:
        """End this process if we disappear."""
        self._watched[entry.pid] = entry
        self._tell({"watch": asdict(entry)})

    def forget(self, pid: int) -> None:
        """The process has ended."""
        if self._watched.pop(pid, None) is not None:
            self._tell({"forget": pid})

    def close(self) -> None:
        """Let the watchdog end; what is still watched is ended by it."""
        if self._helper is not None and self._helper.stdin is not None:
            # What a killed watchdog has not read cannot be delivered any more.
            with contextlib.suppress(BrokenPipeError):
                self._helper.stdin.close()
            self._helper.wait()
            self._helper = None

    def _tell(self, message: dict[str, object]) -> None:
        try:
            if self._helper is None or self._helper.poll() is not None:
                self._start()
            else:
                self._send(self._helper, message)
        except BrokenPipeError:  # somebody killed it a moment ago
            self._start()

    def _start(self) -> None:
        """Start the watchdog, in place of one that was killed, and tell it the whole list."""
        self.close()
        self._helper = subprocess.Popen(
            [sys.executable, "-I", os.path.abspath(__file__)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            text=True,
            start_new_session=True,  # a signal to the supervisor's group must not reach it
        )
        for entry in self._watched.values():
            self._send(self._helper, {"watch": asdict(entry)})

    @staticmethod
    def _send(helper: subprocess.Popen[str], message: dict[str, object]) -> None:
        if helper.stdin is not None:
            helper.stdin.write(json.dumps(message) + "\n")
            helper.stdin.flush()


def watch_pipe(lines: Iterable[str], end: Callable[[Iterable[Watched]], int] = end_processes) -> int:
    """Follow the messages until the pipe ends, then end what is left; how many processes that were."""
    watched: dict[int, Watched] = {}
    for line in lines:
        message = json.loads(line)
        if "watch" in message:
            entry = Watched(**message["watch"])
            watched[entry.pid] = entry
        else:
            watched.pop(message["forget"], None)
    return end(watched.values())


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watch_pipe(sys.stdin)
