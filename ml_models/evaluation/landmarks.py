"""Measures the 68 points against hand-drawn ones: `python -m ml_models.evaluation.landmarks --data DATA`.

The shipped table is fitted to all pictures of the data folder, so the figure that counts is taken with tables
fitted anew, each to other people than those it is judged on (`ml_models.conversion.landmarks68`).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml_models.conversion.landmarks68 import cross_validated, parted, people, samples_of
from ml_models.detection import FaceDetector
from ml_models.embedding import EmbeddingModel
from ml_models.evaluation.landmark_data import eye_distances, load_landmarks
from ml_models.evaluation.one_part import fingerprint, middle_face, read_picture, run
from ml_models.evaluation.report import Row, Section
from ml_models.landmark_names import SHAPE_WEIGHTS, WEIGHTS, LandmarkModel, mirror_order
from ml_models.levels import Levels
from ml_models.mesh import FACE_WEIGHTS, IRIS_WEIGHTS, MeshModel

Floats = NDArray[np.float32]

#: Points of iBUG that belong together.
PARTS = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}


#: Mean error to reach, per distance of the eyes' middles.
WANTED = 0.06


def found_points(files: list[Path]) -> tuple[list[Levels], Floats, int]:
    """The pictures, MTCNN's points of their faces (N, 5, 2), and in how many none was found."""
    detector = FaceDetector.load()
    levels = [Levels(read_picture(file)) for file in files]
    found = [middle_face(detector, one) for one in tqdm(levels, desc="faces", unit="face")]
    return levels, np.stack([points for points, _ in found]), sum(not seen for _, seen in found)


def figures_of(error: Floats, middles: Floats, corners: Floats) -> dict[str, Any]:
    """Figures of errors (N, 68) in pixels, as shares of the distances (N,) between the eyes."""
    share = error.mean(axis=1) / middles
    spread = 1.96 * share.std() / np.sqrt(len(share))
    return {
        "error": round(float(share.mean()), 4),
        "error_95": [round(float(share.mean() - spread), 4), round(float(share.mean() + spread), 4)],
        "error_median": round(float(np.median(share)), 4),
        "error_by_outer_corners": round(float((error.mean(axis=1) / corners).mean()), 4),
        "over_10_percent": round(float((share > 0.1).mean()), 4),
        "parts": {n: round(float((error[:, p].mean(axis=1) / middles).mean()), 4) for n, p in PARTS.items()},
    }


def evaluate(data: Path) -> Section:
    """Mean error of the 68 points as a share of the distance between the eyes."""
    files, truth = load_landmarks(data)
    levels, points, missed = found_points(files)
    mesh, model, order = MeshModel.load(), LandmarkModel.load(), mirror_order()
    five = list(points[:, None])
    mesh.meshes(levels[:1], five[:1])
    started = time.perf_counter()
    meshes = mesh.meshes(levels, five)
    shipped = model.ibug_points(meshes)
    seconds = time.perf_counter() - started
    middles, corners = eye_distances(truth)
    samples = samples_of(mesh, levels, points, truth, order)
    person = people(EmbeddingModel.load(flip=False).embeddings(levels, five, []))
    guess = cross_validated(samples, meshes, parted(person), order)
    figures = {
        "pictures": len(files),
        "pictures_without_a_face": missed,
        "people": len(np.unique(person)),
        **figures_of(np.linalg.norm(guess - truth, axis=2), middles, corners),
        "error_of_the_fit": round(
            float((np.linalg.norm(shipped - truth, axis=2).mean(axis=1) / middles).mean()), 4
        ),
        "ms_per_face": round(1000 * seconds / len(files), 1),
    }
    low, high = figures["error_95"]
    lines = [
        f"{len(files)} pictures, {missed} without a face found; judged by fits to other people "
        f"({figures['people']} groups)",
        f"mean error {figures['error']:.4f} of the distance between the eyes' middles "
        f"(95 % {low:.4f} to {high:.4f}), median {figures['error_median']:.4f}",
        f"           {figures['error_by_outer_corners']:.4f} of the distance between the outer corners",
        f"above 0.1: {figures['over_10_percent']:.3f} of the faces",
        "by part: " + ", ".join(f"{name} {value:.4f}" for name, value in figures["parts"].items()),
        f"the shipped table, on the pictures it was fitted to: {figures['error_of_the_fit']:.4f}",
        f"{figures['ms_per_face']} ms a face with both irises",
    ]
    row = Row(
        "68 points: mean error, of the distance between the eyes",
        figures["error"],
        (low, high),
        f"{len(files):,} faces",
        "video frames with hand-drawn points, fits to other people",
        WANTED,
        most=True,
        digits=4,
    )
    return Section("landmarks", figures, lines, [row])


if __name__ == "__main__":
    names = [FACE_WEIGHTS, IRIS_WEIGHTS, SHAPE_WEIGHTS, WEIGHTS]
    raise SystemExit(run("landmarks", evaluate, {"landmarks": fingerprint(names)}))
