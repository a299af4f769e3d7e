"""Signals as plain state: they wake the supervisor's waits and never interrupt it in the middle of a step."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

from emotionsite.supervisor.errors import StopRequested

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """Counts the requests to stop. Use in the main thread; `restore` puts the former handlers back."""

    def __init__(self) -> None:
        self.count = 0
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._former_wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._former = {number: signal.signal(number, self._received) for number in _STOPPING}
        # A handler must exist for the end of a child to wake `wait`.
        self._former[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def check(self) -> None:
        """Raise StopRequested when somebody asked to stop."""
        if self.count:
            raise StopRequested

    def hurried(self) -> bool:
        """Whether somebody asked twice."""
        return self.count > 1

    def wait(self, seconds: float) -> None:
        """Sleep until a signal arrives (the end of a child is one), at most `seconds`."""
        ready, _, _ = select.select([self._reader], [], [], seconds)
        if ready:
            os.read(self._reader, 4096)

    def restore(self) -> None:
        """Stop listening."""
        signal.set_wakeup_fd(self._former_wakeup)
        for number, handler in self._former.items():
            signal.signal(number, handler)
        os.close(self._reader)
        os.close(self._writer)

    def _received(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
