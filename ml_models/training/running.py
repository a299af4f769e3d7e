"""What the training programs share: going on from a checkpoint, stopping with one, saying how it ended."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, Protocol

from tqdm import tqdm


class Run(Protocol):
    """A run that can be interrupted. progress: has epoch, step, best and best_epoch. stop: ends it soon."""

    progress: Any
    stop: bool

    def run(self, *, save_every: float, max_minutes: float) -> bool:
        """Train to the end; False when stopped before it, with a checkpoint."""

    def resume(self) -> bool:
        """Go on from a checkpoint if there is one."""


def resume(run: Run) -> None:
    """Go on from a checkpoint and say where."""
    if run.resume():
        tqdm.write(f"going on in epoch {run.progress.epoch + 1}, step {run.progress.step}")


def finish(run: Run, out: Path, save_every: float, max_minutes: float) -> int:
    """Train until the end, a signal or the time is up; 0 when complete, 3 when it can be gone on with."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: setattr(run, "stop", True))
    if not run.run(save_every=save_every, max_minutes=max_minutes):
        tqdm.write("stopped with a checkpoint: run the same command again to go on")
        return 3
    best = run.progress
    tqdm.write(f"best epoch {best.best_epoch}, {best.best:.4f}: {out / 'best.safetensors'}")
    return 0
