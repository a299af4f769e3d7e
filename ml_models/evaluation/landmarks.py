"""Measures the 68 points against hand-drawn ones: `python -m ml_models.evaluation.landmarks --data DATA`."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml_models.detection import FaceDetector
from ml_models.evaluation.one_part import fingerprint, middle_face, read_picture, run
from ml_models.evaluation.report import Section
from ml_models.landmark_names import WEIGHTS, LandmarkModel
from ml_models.mesh import FACE_WEIGHTS, IRIS_WEIGHTS, MeshModel

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]

#: Points of iBUG that belong together.
PARTS = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}


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


def evaluate(data: Path) -> Section:
    """Mean error of the 68 points as a share of the distance between the eyes."""
    files, truth = load_landmarks(data)
    detector, mesh, model = FaceDetector(), MeshModel.load(), LandmarkModel.load()
    found, missed, seconds = [], 0, 0.0
    for file in tqdm(files, desc="faces", unit="face"):
        picture = read_picture(file)
        points, seen = middle_face(detector, picture)
        missed += not seen
        started = time.perf_counter()
        found.append(model.ibug_points(mesh.meshes([picture], [points[None]]))[0])
        seconds += time.perf_counter() - started
    error = np.linalg.norm(np.stack(found) - truth, axis=2)
    middles, corners = eye_distances(truth)
    share = error.mean(axis=1) / middles
    spread = 1.96 * share.std() / np.sqrt(len(share))
    figures: dict[str, Any] = {
        "pictures": len(files),
        "pictures_without_a_face": missed,
        "error": round(float(share.mean()), 4),
        "error_95": [round(float(share.mean() - spread), 4), round(float(share.mean() + spread), 4)],
        "error_median": round(float(np.median(share)), 4),
        "error_by_outer_corners": round(float((error.mean(axis=1) / corners).mean()), 4),
        "over_10_percent": round(float((share > 0.1).mean()), 4),
        "parts": {n: round(float((error[:, p].mean(axis=1) / middles).mean()), 4) for n, p in PARTS.items()},
        "ms_per_face": round(1000 * seconds / len(files), 1),
    }
    low, high = figures["error_95"]
    lines = [
        f"{len(files)} pictures, {missed} without a face found",
        f"mean error {figures['error']:.4f} of the distance between the eyes' middles "
        f"(95 % {low:.4f} to {high:.4f}), median {figures['error_median']:.4f}",
        f"           {figures['error_by_outer_corners']:.4f} of the distance between the outer corners",
        f"above 0.1: {figures['over_10_percent']:.3f} of the faces",
        "by part: " + ", ".join(f"{name} {value:.4f}" for name, value in figures["parts"].items()),
        f"{figures['ms_per_face']} ms a face with both irises, one by one",
    ]
    return Section("landmarks", figures, lines)


if __name__ == "__main__":
    raise SystemExit(
        run("landmarks", evaluate, {"landmarks": fingerprint([FACE_WEIGHTS, IRIS_WEIGHTS, WEIGHTS])})
    )
