"""Runs `manage.py create_demo` beside the start of the site and shows what it says."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from emotionsite.supervisor.console import Console
from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.processes import POLL_SECONDS, Child, Command, ProcessTable, failure_sentence


class DemoTeam:
    """The first login: made by the first run, brought up to date by later ones."""

    def __init__(self, command: Command, login_file: Path, table: ProcessTable, console: Console) -> None:
        self._child = Child(command, table)
        self._login_file = login_file
        self._console = console

    def start(self) -> None:
        """Start the command; it may wait for the worker, so that must come up in the meantime."""
        self._child.start()

    def finish(self, attend: Callable[[], None]) -> None:
        """Show its lines as they come until it has ended; `attend` is called while waiting.

        Raises SupervisorError when it failed and there is no login from an earlier run to work with.
        """
        shown = 0
        while True:
            code = self._child.poll()
            text = self._child.log_since_start()
            complete = text[: text.rfind("\n") + 1] if code is None else text
            for line in complete[shown:].splitlines():
                if line.strip():
                    self._console.say(f"      {line.strip()}")
            shown = len(complete)
            if code is not None:
                break
            attend()
            time.sleep(POLL_SECONDS)
        if code != 0:
            self._explain(code)

    def stop(self) -> None:
        """End the command if it still runs."""
        self._child.stop()

    def _explain(self, code: int) -> None:
        sentence = failure_sentence("Preparing the demo team", code, "", self._child.command.log)
        if not self._login_file.exists():
            raise SupervisorError(f"{sentence} Correct what it names, then `make run`; nothing is lost.")
        self._console.say(f"      {sentence} The site runs without it.")
