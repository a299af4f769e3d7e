"""Progress on the terminal: one numbered line per step, with the seconds it took."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

TICK_SECONDS = 0.5


class Console:
    """Writes steps and sentences to a stream.

    On a terminal the elapsed seconds of a long step count up in place; elsewhere (a log, a pipe) every
    step is one plain line. A stream that has gone away (closed terminal, ended pipe) is ignored, because
    stopping in order matters more than saying so.
    """

    def __init__(self, total_steps: int = 0, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._live = self._stream.isatty()
        self._total = total_steps
        self._number = 0
        self._lock = threading.Lock()
        self._open_line = ""
        self._started = 0.0

    def say(self, text: str = "") -> None:
        """Print a sentence on a line of its own, below a step that is still going on."""
        with self._lock:
            self._break_line()
            self._write(f"{text}\n")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show `title` while the body runs, then the seconds it took; 'failed' when it raises."""
        self._number += 1
        line = f"[{self._number}/{self._total}] {title} ..."
        with self._lock:
            self._break_line()
            self._open_line = line
            self._started = time.monotonic()
            self._write(line)
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(done,), daemon=True)
        if self._live:
            ticker.start()
        outcome = "failed"
        try:
            yield
            outcome = ""
        finally:
            done.set()
            if self._live:
                ticker.join()
            self._finish(line, outcome)

    def _finish(self, line: str, outcome: str) -> None:
        seconds = time.monotonic() - self._started
        text = f"{outcome} after {seconds:.1f} s" if outcome else f"{seconds:.1f} s"
        with self._lock:
            if not self._open_line:  # sentences came in between: name the step again
                self._write(f"{line} {text}\n")
            elif self._live:
                self._write(f"\r{line} {text}\x1b[K\n")
            else:
                self._write(f" {text}\n")
            self._open_line = ""

    def _tick(self, done: threading.Event) -> None:
        while not done.wait(TICK_SECONDS):
            with self._lock:
                if self._open_line:
                    self._write(f"\r{self._open_line} {time.monotonic() - self._started:.0f} s\x1b[K")

    def _break_line(self) -> None:
        if self._open_line:
            self._open_line = ""
            self._write("\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal was closed, or the reader of the pipe has ended
            self._live = False
