"""Faces with 68 hand-drawn points of a data folder, and the distances that errors are given in."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]


def load_landmarks(data: Path) -> tuple[list[Path], Floats]:
    """The pictures of a data folder and their 68 points (N, 68, 2); FileNotFoundError when it has none."""
    folder = data if (data / "landmarks68.csv").is_file() else data / "landmarks"
    table = folder / "landmarks68.csv"
    if not table.is_file():
        raise FileNotFoundError(f"{data} has no landmarks/landmarks68.csv: give --data the data folder.")
    with table.open(newline="") as lines:
        rows = list(csv.reader(lines))[1:]
    files = [next(p for p in (folder / row[0], folder / "frames" / row[0]) if p.is_file()) for row in rows]
    return files, np.array([row[1:137] for row in rows], dtype=np.float32).reshape(-1, 68, 2)


def eye_distances(truth: Numbers) -> tuple[Numbers, Numbers]:
    """Distance of the eyes' middles and of their outer corners, (N,) each, of points (N, 68, 2)."""
    middles = truth[:, 36:42].mean(axis=1) - truth[:, 42:48].mean(axis=1)
    corners = truth[:, 36] - truth[:, 45]
    return np.linalg.norm(middles, axis=1), np.linalg.norm(corners, axis=1)
