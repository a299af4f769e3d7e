"""The contenders of `make bench-engine` and how they are timed: in turn, photo by photo, round by round."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from bench_photos import Picture
from numpy.typing import NDArray

from ml_models.detection import DetectionOptions, FaceDetector
from ml_models.engine import FaceEngine
from ml_models.levels import Levels
from ml_models.types import PARTS

Times = NDArray[np.float64]
Work = Callable[[Any], object]
#: Left, top, width, height (N, 4) and the confidence (N,) of faces.
Boxes = tuple[NDArray[np.float32], NDArray[np.float32]]


def facenet_installed() -> bool:
    """Whether facenet-pytorch and torch are there to compare with."""
    return all(find_spec(name) for name in ("facenet_pytorch", "torch"))


def facenet(min_face: int, threads: int) -> Callable[[Picture], Boxes]:
    """facenet-pytorch's own detection with its defaults but the smallest face."""
    import torch
    from facenet_pytorch import MTCNN

    torch.set_num_threads(threads)
    detector = MTCNN(min_face_size=min_face)

    def detect(picture: Picture) -> Boxes:
        boxes, confidence = detector.detect(picture)
        if boxes is None:
            return np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.float32)
        limits = np.array([*picture.shape[1::-1]] * 2, dtype=np.float32)
        edges = np.asarray(boxes, dtype=np.float32).clip(0, limits)
        sizes = edges[:, 2:] - edges[:, :2]
        return np.concatenate([edges[:, :2], sizes], axis=1), np.asarray(confidence, dtype=np.float32)

    return detect


def ours(detector: FaceDetector, min_face: int) -> Callable[[Picture], Boxes]:
    """The engine's detection alone, with its defaults but the smallest face."""
    options = DetectionOptions(min_face=min_face)

    def detect(picture: Picture) -> Boxes:
        found = detector.detect([Levels(picture)], options)[0]
        return found.boxes, found.confidence

    return detect


def interleaved(contenders: Mapping[str, Work], items: Sequence[Any], rounds: int) -> dict[str, Times]:
    """Seconds (rounds, items) of every contender.

    Each item goes to all contenders before the next, and every round begins with another one, so that a
    machine that is slower for a while is so for all. A round that is not counted warms up.
    """
    names = list(contenders)
    times = {name: np.zeros((rounds, len(items))) for name in names}
    for work in contenders.values():
        work(items[0])
    for turn in range(rounds):
        order = names[turn % len(names) :] + names[: turn % len(names)]
        for place, item in enumerate(items):
            for name in order:
                started = time.perf_counter()
                contenders[name](item)
                times[name][turn, place] = time.perf_counter() - started
    return times


def ratios(first: Times, second: Times) -> list[float]:
    """How many times the second's time the first took for all items together, each round."""
    return [float(value) for value in first.sum(axis=1) / second.sum(axis=1)]


def typical(times: Times) -> float:
    """Seconds for one item: the median over the items of their medians over the rounds."""
    return float(np.median(np.median(times, axis=0)))


def one_photo_at_a_time(photos: Sequence[Picture], threads: int, rounds: int) -> dict[str, Times]:
    """Detection alone, ours and facenet-pytorch's; the whole engine; the engine with emotions only."""
    engine, detector = FaceEngine.load(threads=threads), FaceDetector.load(streams=threads)
    contenders: dict[str, Work] = {}
    if facenet_installed():
        contenders = {f"facenet {size}": facenet(size, threads) for size in (20, 36)}
    contenders |= {
        "detection 20": ours(detector, 20),
        "detection 36": ours(detector, 36),
        "everything": lambda photo: engine.analyze([photo]),
        "emotions": lambda photo: engine.analyze([photo], parts={"emotions"}),
    }
    return interleaved(contenders, photos, rounds)


def batches(photos: Sequence[Picture], rounds: int) -> dict[str, Times]:
    """All photos in one call and one by one, with one thread and with two; everything is asked for."""
    one, two = FaceEngine.load(threads=1), FaceEngine.load(threads=2)

    def singly(engine: FaceEngine) -> Work:
        return lambda batch: [engine.analyze([photo]) for photo in batch]

    contenders: dict[str, Work] = {
        "batch, 1 thread": one.analyze,
        "batch, 2 threads": two.analyze,
        "one by one, 1 thread": singly(one),
        "one by one, 2 threads": singly(two),
    }
    return interleaved(contenders, [list(photos)], rounds)


def parts_per_face(photos: Sequence[Picture], rounds: int) -> dict[str, float]:
    """Milliseconds a face of every part on one thread: the median over the photos of what the part adds to
    finding the five points in boxes that are given. NaN when no photo has a face.
    """
    engine = FaceEngine.load(threads=1)
    found = [[face.box for face in faces] for faces in engine.analyze(photos, parts=())]
    items = [(photo, boxes) for photo, boxes in zip(photos, found, strict=True) if boxes]
    if not items:
        return dict.fromkeys(("points", *sorted(PARTS)), float("nan"))

    def with_parts(parts: Sequence[str]) -> Work:
        return lambda item: engine.analyze([item[0]], [item[1]], parts)

    contenders = {"points": with_parts(())} | {part: with_parts((part,)) for part in sorted(PARTS)}
    times = interleaved(contenders, items, rounds)
    faces = np.array([len(boxes) for _, boxes in items])
    medians = {name: np.median(seconds, axis=0) for name, seconds in times.items()}
    bare = medians.pop("points")
    return {"points": 1000 * float(np.median(bare / faces))} | {
        part: 1000 * float(np.median((seconds - bare) / faces)) for part, seconds in medians.items()
    }
