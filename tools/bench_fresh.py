"""What a process of its own needs, for `make bench-engine`: seconds from start to ready, and peak memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import bench_photos
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent

# Loads every net, says so after the first photo, and then says how many faces the second has and the most
# memory the process ever held. The kernel's own figure for this program is read where there is one: the one
# of `getrusage` also counts the process that started it.
PROGRAM = """
import json, resource, sys
import numpy as np
from PIL import Image
from ml_models import FaceEngine

def decoded(name):
    with Image.open(name) as photo:
        return np.array(photo.convert("RGB"))

def peak():
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    except FileNotFoundError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024

engine = FaceEngine.load(threads=int(sys.argv[1]))
faces = len(engine.analyze([decoded(sys.argv[2])])[0])
print(json.dumps({"faces": faces}), flush=True)
faces = len(engine.analyze([decoded(sys.argv[3])])[0]) if len(sys.argv) > 3 else faces
print(json.dumps({"faces": faces, "peak": peak()}), flush=True)
"""


def run(threads: int, *photos: Path) -> tuple[float, dict[str, Any]]:
    """Seconds until the first photo was analysed, and the last line of the program.

    Raises SystemExit with the end of its messages when it fails.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(threads), *map(str, photos)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        if process.stdout is None or process.stderr is None:
            raise RuntimeError("The engine's process was started without pipes.")
        process.stdout.readline()
        seconds = time.perf_counter() - started
        rest, errors = process.stdout.read(), process.stderr.read()
    if process.returncode != 0:
        raise SystemExit(f"The engine failed in a process of its own:\n{errors[-2000:]}")
    return seconds, json.loads(rest)


def seconds_to_ready(threads: int, rounds: int) -> list[float]:
    """Seconds from the start of Python until a photo of 256 px was analysed with all parts, each round."""
    with tempfile.TemporaryDirectory(prefix="emotionsite-bench-") as folder:
        photo = Path(folder) / "small.jpg"
        bench_photos.small().save(photo, quality=92)
        return [run(threads, photo)[0] for _ in range(rounds)]


def photos_for_memory() -> dict[str, Image.Image]:
    """Large photos by name."""
    return {
        "12 megapixels": bench_photos.large(12),
        "50 megapixels": bench_photos.large(50),
        "100 faces": bench_photos.crowd(),
    }


def peak_memory(threads: int) -> dict[str, dict[str, float]]:
    """Name of the photo -> its faces and the most MB (of 1e6 bytes) a process held that analysed it."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="emotionsite-bench-") as folder:
        small, photo = Path(folder) / "small.jpg", Path(folder) / "photo.jpg"
        bench_photos.small().save(small, quality=92)
        for name, image in photos_for_memory().items():
            image.save(photo, quality=92)
            answer = run(threads, small, photo)[1]
            found[name] = {"faces": answer["faces"], "megabytes": round(answer["peak"] / 1e6)}
    return found
