"""How much memory this process holds at most while something is done."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


@dataclass
class Grown:
    """megabytes: the most that was held beyond the beginning, looked at every few milliseconds."""

    megabytes: float = 0.0


@contextmanager
def growth() -> Iterator[Grown]:
    """Watch the resident memory; not its all-time peak, behind which an earlier test could hide this one."""
    process, found, over = psutil.Process(), Grown(), threading.Event()
    before = process.memory_info().rss

    def look() -> None:
        found.megabytes = max(found.megabytes, (process.memory_info().rss - before) / 1024**2)

    def watch() -> None:
        while not over.wait(0.005):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        look()
