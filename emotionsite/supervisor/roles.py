"""The processes of the site: started again with growing pauses, given up after too many deaths."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from emotionsite.supervisor.console import Console
from emotionsite.supervisor.errors import SupervisorError, known_cause
from emotionsite.supervisor.files import DataDir
from emotionsite.supervisor.plan import Role
from emotionsite.supervisor.processes import Child, ProcessTable, failure_sentence, never

QUICK_DEATH_SECONDS = 30.0
MAX_QUICK_DEATHS = 5
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 15.0
STOPPED_FIRST = ("web", "beat")


class RoleProcess:
    """One role, its present process, and how often it has died lately."""

    def __init__(self, role: Role, child: Child) -> None:
        self.role = role
        self._child = child
        self._quick_deaths = 0
        self._start_again_at: float | None = None

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    def start(self) -> None:
        self._start_again_at = None
        self._child.start()

    def kill(self) -> None:
        """End it as a crash would."""
        self._child.kill()

    def ask_to_stop(self) -> None:
        """Send the first stop signal and do not wait."""
        self._start_again_at = None
        self._child.ask_to_stop()

    def stop(self, hurried: Callable[[], bool]) -> None:
        self._start_again_at = None
        self._child.stop(hurried)

    def attend(self, console: Console, now: float) -> None:
        """Notice a death, and start again when the pause is over; SupervisorError after too many."""
        if self._start_again_at is not None:
            if now >= self._start_again_at:
                self.start()
            return
        code = self._child.poll()
        if code is None:
            return
        lived = now - self._child.started
        self._quick_deaths = self._quick_deaths + 1 if lived < QUICK_DEATH_SECONDS else 1
        text, log = self._child.log_since_start(), self._child.command.log
        if self._quick_deaths >= MAX_QUICK_DEATHS:
            raise SupervisorError(
                failure_sentence(
                    f"{self.role.title} died {MAX_QUICK_DEATHS} times in a row; at last it", code, text, log
                )
                + f"\n{known_cause(text) or 'Correct what the log names, then `make run`.'}"
            )
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (self._quick_deaths - 1), MAX_PAUSE_SECONDS)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        console.say(f"{self.role.title} {how}; starting it again in {pause:.0f} s (log: {log}).")
        self._start_again_at = now + pause


class RoleSet:
    """All roles of a plan that were started."""

    def __init__(self, data: DataDir, table: ProcessTable, console: Console) -> None:
        self._data, self._table, self._console = data, table, console
        self.processes: list[RoleProcess] = []

    def start(self, roles: Sequence[Role], environment: Mapping[str, str]) -> None:
        for role in roles:
            process = RoleProcess(role, Child(role.command(self._data, environment), self._table))
            self.processes.append(process)
            process.start()

    def attend(self) -> None:
        """Look after every role once."""
        for process in self.processes:
            process.attend(self._console, time.monotonic())

    def stop(self, hurried: Callable[[], bool] = never) -> None:
        """End web and scheduler one after the other, so that no more work comes; then all others together."""
        alone = [process for name in STOPPED_FIRST for process in self.processes if process.role.name == name]
        others = [process for process in self.processes if process not in alone]
        for process in alone:
            process.stop(hurried)
        for process in others:
            process.ask_to_stop()
        for process in others:
            process.stop(hurried)
