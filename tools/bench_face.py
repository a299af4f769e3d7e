"""What `POST /face/v1.0/detect` adds to the engine's own time, for `make bench`.

One picture of one person, over one connection that is kept open: every attribute, and the same with landmarks
and a faceId, for which the face is kept. In turn with each request, a process with nothing but the engine
looks at the same picture for the same things.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from bench_detect import Waits

ROOT = Path(__file__).resolve().parent.parent
SINGLE = 100
WARM_UP = 10
MAX_ADDED = 0.020
ATTRIBUTES = (
    "age,gender,headPose,smile,facialHair,glasses,emotion,hair,makeup,occlusion,accessories,blur,exposure,noise,"
    "mask,qualityForRecognition"
)


@dataclass(frozen=True)
class Wish:
    """What a request asks for, and the parts that the engine is asked for it."""

    name: str
    query: Mapping[str, str]
    parts: tuple[str, ...]

    @property
    def address(self) -> str:
        usual = {"returnFaceAttributes": ATTRIBUTES, "detectionModel": "detection_01"}
        return f"/face/v1.0/detect?{urlencode({**usual, **self.query})}"


_OF_ATTRIBUTES = ("emotions", "age", "gender", "appearance", "landmarks", "quality")
WISHES = (
    Wish("all attributes", {"returnFaceId": "false"}, _OF_ATTRIBUTES),
    Wish(
        "all attributes, landmarks, faceId",
        {"returnFaceId": "true", "returnFaceLandmarks": "true"},
        (*_OF_ATTRIBUTES, "embedding"),
    ),
)
#: The engine as a worker has it, with what a worker asks it for the request above.
ENGINE_PROGRAM = """
import io, json, os, sys, time
import numpy as np
from PIL import Image
from ml_models import FaceEngine
from ml_models.colours import to_rgb

engine = FaceEngine.load(threads=1, streams=os.cpu_count() or 1)
for line in sys.stdin:
    path, parts = json.loads(line)
    with open(path, "rb") as file:
        content = file.read()
    start = time.perf_counter()
    picture = np.asarray(to_rgb(Image.open(io.BytesIO(content))))
    [faces] = engine.analyze([picture], parts=parts, detection="detection_01")
    print(json.dumps({"seconds": time.perf_counter() - start, "faces": len(faces)}), flush=True)
"""


class Engine:
    """The engine in a process of its own, for one picture at a time."""

    def __init__(self, stack: ExitStack) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ENGINE_PROGRAM],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(self._process.wait, 30)
        stack.callback(self._process.terminate)

    def look(self, photo: Path, wish: Wish) -> dict[str, Any]:
        """The `seconds` it took, and the number of `faces`."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("The engine's process was started without pipes.")
        stdin.write(json.dumps([str(photo), wish.parts]) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise SystemExit("The engine's process ended. Run `manage.py doctor` to see why.")
        return dict(json.loads(line))


class Program:
    """A client as lean as can be, whose own time hardly counts as the server's. It keeps its connection."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._headers = {"Ocp-Apim-Subscription-Key": key, "Content-Type": "application/octet-stream"}

    def detect(self, content: bytes, wish: Wish) -> tuple[float, int]:
        """Seconds until the whole answer was there, and the number of faces."""
        start = time.perf_counter()
        self._connection.request("POST", wish.address, content, self._headers)
        answer = self._connection.getresponse()
        said = answer.read()
        seconds = time.perf_counter() - start
        if answer.status != 200:
            raise SystemExit(f"The request was answered with {answer.status}: {said[:500]!r}")
        return seconds, len(json.loads(said))

    def close(self) -> None:
        self._connection.close()


def measure(url: str, key: str, photo: Path, wish: Wish) -> tuple[Waits, Waits]:
    """What requests took, and what the engine took for the file: decoding it and looking at it.

    Raises SystemExit when the two do not find the same number of faces.
    """
    content = photo.read_bytes()
    requests: list[float] = []
    engine: list[float] = []
    with ExitStack() as stack:
        bare = Engine(stack)
        program = Program(url, key)
        stack.callback(program.close)
        for _ in range(WARM_UP + SINGLE):
            own = bare.look(photo, wish)
            engine.append(own["seconds"])
            seconds, faces = program.detect(content, wish)
            requests.append(seconds)
            if faces != own["faces"]:
                raise SystemExit(
                    f"The engine found {own['faces']} faces, the request {faces}: no figure is valid."
                )
    return Waits(tuple(requests[WARM_UP:])), Waits(tuple(engine[WARM_UP:]))


def report(url: str, key: str, photos: Sequence[Path]) -> None:
    """Print the figures of each photo."""
    for photo, wish in product(photos, WISHES):
        requests, engine = measure(url, key, photo, wish)
        added = requests.median - engine.median
        verdict = "within" if added <= MAX_ADDED else "OVER"
        print(f"Face API detect, {photo.name}, {wish.name}: {requests}")
        print(f"  The engine alone: {engine}.")
        print(
            f"  Over HTTP it takes {1000 * added:.1f} ms more ({verdict} {1000 * MAX_ADDED:.0f} ms).",
            flush=True,
        )
