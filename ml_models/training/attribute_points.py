"""Lets the engine's detector look at every training picture once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml_models.detection import Detections, FaceDetector
from ml_models.levels import Levels
from ml_models.training.attribute_data import Sample, read_picture

Floats = NDArray[np.float32]

#: Pictures between two writings of the file.
SAVE_EVERY = 1000


#: Tight crops have a face that leaves the picture: then it is looked for in one that is so much wider.
FRAME = 0.3
#: Where a face stands that the detector does not see: left, top, width and height in shares of a portrait.
PLACE = (0.2, 0.2, 0.6, 0.6)


def middle_face(found: Detections, size: tuple[int, int]) -> Floats | None:
    """Five points (5, 2) of the face that is large and near the middle; None without any face."""
    if not len(found.boxes):
        return None
    rows, columns = size
    centres = found.boxes[:, :2] + found.boxes[:, 2:] / 2
    off = np.hypot(centres[:, 0] - columns / 2, centres[:, 1] - rows / 2) / columns
    return found.landmarks[int(np.argmin(off - found.boxes[:, 2:].max(axis=1) / columns / 2))]


def points_of(detector: FaceDetector, picture: NDArray[np.uint8]) -> Floats:
    """Points (2, 5, 2) of the face that a picture shows, in pixels: those found (in the picture, or in it
    with its edge repeated around it, or at the usual place), and those of a look at the whole picture.
    """
    rows, columns = picture.shape[:2]
    levels = Levels(picture)
    whole = detector.look_at(levels, [(0, 0, columns, rows)]).landmarks[0]
    own = middle_face(detector.detect([levels])[0], levels.size)
    if own is None:
        frame = int(FRAME * max(rows, columns))
        framed = Levels(np.pad(picture, ((frame, frame), (frame, frame), (0, 0)), mode="edge"))
        own = middle_face(detector.detect([framed])[0], framed.size)
        own = None if own is None else own - np.float32(frame)
    if own is None:
        left, top, width, height = PLACE
        place = (left * columns, top * rows, width * columns, height * rows)
        own = detector.look_at(levels, [place]).landmarks[0]
    return np.stack([own, whole]).astype(np.float32)


def find_points(data: Path, samples: Sequence[Sample], file: Path) -> Floats:
    """Points (N, 2, 5, 2) of every sample (`points_of`).

    What the file holds already is read; what is missing is found and written to it.
    """
    known: dict[str, Floats] = {}
    if file.is_file():
        with np.load(file) as stored:
            known = dict(zip(stored["names"].tolist(), stored["points"], strict=True))
    missing = [sample for sample in samples if sample.file not in known]
    if missing:
        detector = FaceDetector.load()
        for number, sample in enumerate(tqdm(missing, desc="points", unit="picture", mininterval=10), 1):
            known[sample.file] = points_of(detector, read_picture(data / sample.file))
            if number % SAVE_EVERY == 0 or number == len(missing):
                part = file.with_suffix(".tmp.npz")
                np.savez(part, names=np.array(list(known)), points=np.stack(list(known.values())))
                os.replace(part, file)
    return np.stack([known[sample.file] for sample in samples])
