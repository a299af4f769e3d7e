"""What the evaluations of faces share, and the command line `python -m ml_models.evaluation.PART`."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml_models.detection import FaceDetector
from ml_models.evaluation import report
from ml_models.evaluation.report import Section
from ml_models.levels import Levels
from ml_models.registry import weight

Picture = NDArray[np.uint8]


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


def fingerprint(names: list[str]) -> str:
    """Names and first digits of the checksums of weights, for the head of a report."""
    if len(names) == 1:
        return f"{names[0]}-{weight(names[0]).sha256[:12]}"
    together = "".join(weight(name).sha256 for name in names)
    return f"{'+'.join(names)}-{hashlib.sha256(together.encode()).hexdigest()[:12]}"


def run(part: str, evaluate: Callable[[Path], Section], versions: dict[str, str]) -> int:
    """Read the command line, print the figures, write them when asked; exit code 0."""
    parser = argparse.ArgumentParser(prog=f"python -m ml_models.evaluation.{part}")
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--write", type=Path, help="folder for a dated report as JSON and Markdown")
    options = parser.parse_args()
    section = evaluate(options.data)
    print(f"{section.name}\n" + "\n".join(section.lines))
    if options.write:
        command = f"python -m ml_models.evaluation.{part} --data DATA"
        for file in report.write([section], options.write, command, versions):
            print(f"written: {file}")
    return 0
