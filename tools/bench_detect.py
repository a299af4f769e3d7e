"""What a client that waits for `POST /api/v1/detect` feels, for `make bench`: alone, and beside a batch."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np

BATCH = 200
SINGLE = 60
MAX_SLOWER = 3.0


@dataclass(frozen=True)
class Waits:
    """Seconds that single detections took."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return float(np.median(self.seconds))

    @property
    def p95(self) -> float:
        return float(np.percentile(self.seconds, 95))

    def __str__(self) -> str:
        count = len(self.seconds)
        return f"median {1000 * self.median:.0f} ms, p95 {1000 * self.p95:.0f} ms ({count} detections)"


def measure(client: httpx.Client, photos: Sequence[Path]) -> tuple[Waits, Waits, float]:
    """How long single detections take on the idle system, and while a batch of 200 photos is analysed; and
    the photos a second of that batch meanwhile.

    One client asks for one picture after the other. Raises SystemExit when the batch ends too soon to tell.
    """
    contents = [path.read_bytes() for path in photos]
    ask = _asking(client, contents)
    for _ in range(5):
        ask()
    idle = Waits(tuple(ask() for _ in range(SINGLE)))
    batch = start_batch(client, photos)
    _wait(client, batch, lambda state: state["done"] > 0)
    busy: list[float] = []
    start, first = time.perf_counter(), int(_state(client, batch)["done"])
    done, end = first, start
    while len(busy) < 10 * SINGLE:
        seconds = ask()
        state = _state(client, batch)
        done, end = int(state["done"]), time.perf_counter()
        # Only those that began and ended while the batch was running count.
        if state["status"] != "running":
            break
        busy.append(seconds)
    if len(busy) < SINGLE // 4:
        raise SystemExit(f"Only {len(busy)} detections fitted beside the batch: no figure is valid.")
    _wait(client, batch, lambda state: state["status"] == "succeeded")
    return idle, Waits(tuple(busy)), (done - first) / (end - start)


def at_once(client: httpx.Client, photos: Sequence[Path], clients: int) -> tuple[float, Waits]:
    """Detections a second of so many clients at once, and what each waited."""
    contents = [path.read_bytes() for path in photos]
    ask = _asking(client, contents)
    start = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        waits = Waits(tuple(pool.map(lambda _: ask(), range(5 * clients))))
    return len(waits.seconds) / (time.perf_counter() - start), waits


def _asking(client: httpx.Client, contents: Sequence[bytes]) -> Callable[[], float]:
    turn = iter(range(1_000_000))

    def ask() -> float:
        content = contents[next(turn) % len(contents)]
        start = time.perf_counter()
        answer = client.post("/api/v1/detect?deadline=60", files={"file": ("photo.jpg", content)})
        answer.raise_for_status()
        return time.perf_counter() - start

    return ask


def start_batch(client: httpx.Client, photos: Sequence[Path]) -> str:
    """Send 200 photos as a ZIP archive; returns the batch's address."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(BATCH):
            path = photos[number % len(photos)]
            # A trailing byte makes other bytes of the same picture: nothing is known already.
            packed.writestr(f"{number:04}.jpg", path.read_bytes() + bytes([number % 256]))
    files = {"archive": ("photos.zip", archive.getvalue())}
    answer = client.post("/api/v1/batches", files=files)
    answer.raise_for_status()
    return str(answer.headers["Location"])


def _state(client: httpx.Client, batch: str) -> dict[str, Any]:
    return dict(client.get(batch).raise_for_status().json())


def _wait(client: httpx.Client, batch: str, condition: Callable[[dict[str, Any]], bool]) -> None:
    end = time.monotonic() + 600
    while time.monotonic() < end:
        state = _state(client, batch)
        if condition(state):
            return
        if state["status"] in {"failed", "cancelled"}:
            raise SystemExit(f"The batch did not work: {state}")
        time.sleep(0.1)
    raise SystemExit("The batch did not get on within ten minutes.")
