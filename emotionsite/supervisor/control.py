"""`stop` and `status`: a run is found by the lock on its data folder."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from emotionsite.supervisor.files import DataDir, RunLock
from emotionsite.supervisor.processes import ProcessTable, read_table

STOP_SECONDS = 90.0
NOT_RUNNING = 3


def stop(data_dir: Path) -> int:
    """Stop the run on `data_dir`, or what one that was cut off left behind; 0 when nothing runs any more."""
    data = DataDir(data_dir.absolute())
    lock = RunLock(data)
    if not lock.is_held():
        left = ProcessTable(data.processes_file).end_leftovers() if data.run.exists() else 0
        if left:
            print(f"Stopped {left} processes that an earlier run on {data.root} left behind.")
        else:
            print(f"Nothing is running on {data.root}.")
        return 0
    holder = lock.holder()
    if holder is None:
        print(f"A run on {data.root} is just starting or ending: try again in a moment.")
        return 1
    try:
        os.kill(holder, signal.SIGTERM)
    except PermissionError:
        print(
            f"The run on {data.root} (process {holder}) belongs to another user: stop it as that user or as "
            "root."
        )
        return 1
    except ProcessLookupError:
        holder = 0  # it has ended in the meantime
    deadline = time.monotonic() + STOP_SECONDS
    while lock.is_held():
        if time.monotonic() > deadline:
            print(
                f"Process {holder} has not stopped within {STOP_SECONDS:.0f} seconds: end it with `kill -9 "
                f"{holder}`."
            )
            return 1
        time.sleep(0.1)
    print(f"EmotionSite on {data.root} has stopped.")
    return 0


def status(data_dir: Path) -> int:
    """Print what runs on `data_dir`; 0 when a run does, 3 when not."""
    data = DataDir(data_dir.absolute())
    lock = RunLock(data)
    running = [
        (name, entry.pid) for name, entry in read_table(data.processes_file) if entry.process() is not None
    ]
    if not lock.is_held():
        print(f"Nothing is running on {data.root}." if not running else f"A run on {data.root} was cut off.")
        for name, pid in running:
            print(f"  left over: {name} (process {pid}); `make stop` ends it")
        return NOT_RUNNING
    print(f"EmotionSite is running on {data.root} (process {lock.holder()}).")
    for name, pid in running:
        print(f"  {name} (process {pid})")
    return 0
