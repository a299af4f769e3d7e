"""Pairs of portraits, of one person or of two, and the distances a recognition model sees between them.

The layout: `pairs_dev.csv` with the columns image_a, image_b (paths below the folder, or below `lfw` in it),
same (1 or 0) and fold.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ml_models.detection import FaceDetector
from ml_models.embedding import distances
from ml_models.levels import Levels
from ml_models.recognition_nets import RecognitionNet

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Integers = NDArray[np.int64]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Pairs:
    """Pictures by name, and pairs of them: numbers of both, whether they show one person, and the fold."""

    folder: Path
    names: list[str]
    first: Integers
    second: Integers
    same: Marks
    fold: Integers


def load_pairs(data: Path) -> Pairs:
    """The pairs of a data folder; FileNotFoundError when it has none."""
    folder = data if (data / "pairs_dev.csv").is_file() else data / "verification"
    table = folder / "pairs_dev.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{data} has no verification/pairs_dev.csv: give --data the data folder.")
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = sorted({row[key] for row in rows for key in ("image_a", "image_b")})
    number = {name: place for place, name in enumerate(names)}
    pictures = folder / "lfw" if (folder / "lfw").is_dir() else folder
    return Pairs(
        pictures,
        names,
        np.array([number[row["image_a"]] for row in rows]),
        np.array([number[row["image_b"]] for row in rows]),
        np.array([row["same"] == "1" for row in rows]),
        np.array([int(row["fold"]) for row in rows]),
    )


def read_picture(file: Path) -> Picture:
    """A picture file as RGB uint8 (H, W, 3)."""
    with Image.open(file) as picture:
        return np.array(picture.convert("RGB"))


def middle_face(detector: FaceDetector, levels: Levels) -> tuple[NDArray[np.float32], bool]:
    """Five points (5, 2) of the face a portrait shows, and whether it was found.

    Of several faces the one that is large and near the middle; without any, the points that O-Net sees in the
    middle of the picture, as there must be a face.
    """
    rows, columns = levels.size
    (found,) = detector.detect([levels])
    if not len(found.boxes):
        middle = (columns * 0.25, rows * 0.2, columns * 0.5, rows * 0.6)
        return detector.look_at(levels, [middle]).landmarks[0], False
    centres = found.boxes[:, :2] + found.boxes[:, 2:] / 2
    off = np.hypot(centres[:, 0] - columns / 2, centres[:, 1] - rows / 2) / columns
    return found.landmarks[np.argmin(off - found.boxes[:, 2:].max(axis=1) / columns / 2)], True


def embedded(pairs: Pairs, net: RecognitionNet) -> Floats:
    """The embeddings (N, d) of the middle faces of all pictures, one by one."""
    detector = FaceDetector.load()
    found = []
    for name in tqdm(pairs.names, desc="faces", unit="face", disable=None):
        levels = Levels(read_picture(pairs.folder / name))
        points, _ = middle_face(detector, levels)
        found.append(net.embeddings([levels], [points[None]], None)[0])
    return np.stack(found)


def pair_distances(pairs: Pairs, net: RecognitionNet) -> Floats:
    """The distance (N,) of each pair."""
    vectors = embedded(pairs, net)
    return distances(vectors[pairs.first], vectors[pairs.second])
