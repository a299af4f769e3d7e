"""Measures whether embeddings tell one person from two:
`python -m ml_models.evaluation.verification --data DATA`.

The protocol of LFW (Huang et al., 2007): pairs in folds without a person in common; the threshold for a fold
is the one that was best on the other folds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml_models.calibration import best_threshold as best_threshold
from ml_models.detection import FaceDetector
from ml_models.embedding import EmbeddingModel, distances
from ml_models.evaluation.measures import interval
from ml_models.evaluation.one_part import fingerprint, middle_face, read_picture, run
from ml_models.evaluation.report import Row, Section
from ml_models.face_trunk import WEIGHTS
from ml_models.landmark_names import SHAPE_WEIGHTS
from ml_models.levels import Levels
from ml_models.mesh import FACE_WEIGHTS, MeshModel
from ml_models.pairs import Pairs as Pairs
from ml_models.pairs import load_pairs as load_pairs

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Integers = NDArray[np.int64]

#: Accuracy to reach.
WANTED = 0.991


def cross_validated(distance: Floats, same: Marks, fold: Integers) -> tuple[Marks, dict[int, float]]:
    """Which pairs are judged rightly, (N,), each with the threshold of the other folds; and the thresholds.

    Raises ValueError when there is one fold only.
    """
    if len(np.unique(fold)) < 2:
        raise ValueError("The pairs need at least two folds: one is judged with the threshold of the others.")
    right = np.zeros(len(distance), dtype=bool)
    thresholds = {}
    for one in np.unique(fold).tolist():
        own = fold == one
        thresholds[one] = best_threshold(distance[~own], same[~own])
        right[own] = (distance[own] < thresholds[one]) == same[own]
    return right, thresholds


def equal_error(distance: Floats, same: Marks) -> float:
    """Share of errors at the threshold where as many people are refused as strangers accepted."""
    edges = np.sort(distance)
    refused = 1 - np.searchsorted(np.sort(distance[same]), edges, side="right") / max(same.sum(), 1)
    accepted = np.searchsorted(np.sort(distance[~same]), edges, side="right") / max((~same).sum(), 1)
    nearest = np.abs(refused - accepted).argmin()
    return float((refused[nearest] + accepted[nearest]) / 2)


def accepted_at(distance: Floats, same: Marks, false_share: float) -> float:
    """Share of the same-person pairs accepted where this share of the strangers is."""
    limit = np.quantile(distance[~same], false_share, method="lower")
    return float((distance[same] < limit).mean())


@dataclass(frozen=True)
class Embedded:
    """The faces of some pictures: embeddings (N, 128), how many pictures had no face, and the milliseconds a
    face that the mesh and the embedding took.
    """

    embeddings: Floats
    missed: int
    mesh_ms: float
    embedding_ms: float


def embed_all(pairs: Pairs, model: EmbeddingModel) -> Embedded:
    """The middle faces of all pictures, one by one."""
    detector, mesh = FaceDetector.load(), MeshModel.load()
    found, missed, seconds = [], 0, np.zeros(2)
    for name in tqdm(pairs.names, desc="faces", unit="face"):
        levels = Levels(read_picture(pairs.folder / name))
        points, seen = middle_face(detector, levels)
        missed += not seen
        started = time.perf_counter()
        surface = mesh.surfaces([levels], [points[None]])
        between = time.perf_counter()
        found.append(model.embeddings([levels], [points[None]], [surface])[0])
        seconds += [between - started, time.perf_counter() - between]
    mesh_ms, embedding_ms = (1000 * seconds / len(found)).tolist()
    return Embedded(np.stack(found), missed, mesh_ms, embedding_ms)


def evaluate(data: Path, flip: bool = True) -> Section:
    """Accuracy of the engine's embeddings on the pairs of a data folder."""
    pairs = load_pairs(data)
    found = embed_all(pairs, EmbeddingModel.load(flip=flip))
    distance = distances(found.embeddings[pairs.first], found.embeddings[pairs.second])
    right, thresholds = cross_validated(distance, pairs.same, pairs.fold)
    low, high = interval(int(right.sum()), len(right))
    figures: dict[str, Any] = {
        "pairs": len(right),
        "pictures": len(pairs.names),
        "pictures_without_a_face": found.missed,
        "accuracy": round(float(right.mean()), 4),
        "accuracy_95": [round(low, 4), round(high, 4)],
        "folds": {
            one: {"accuracy": round(float(right[pairs.fold == one].mean()), 4), "threshold": round(limit, 4)}
            for one, limit in thresholds.items()
        },
        "best_threshold": round(best_threshold(distance, pairs.same), 4),
        "equal_error": round(equal_error(distance, pairs.same), 4),
        "accepted_at_1_percent_false": round(accepted_at(distance, pairs.same, 0.01), 4),
        "mesh_ms_per_face": round(found.mesh_ms, 1),
        "ms_per_face": round(found.embedding_ms, 1),
        "flip": flip,
    }
    lines = [
        f"{len(right)} pairs of {len(pairs.names)} pictures, {found.missed} of them without a face found",
        f"accuracy {figures['accuracy']:.4f}  (95 % {low:.4f} to {high:.4f}), threshold from the other fold",
        *(
            f"  fold {one}: {own['accuracy']:.4f} at {own['threshold']:.3f}"
            for one, own in figures["folds"].items()
        ),
        f"equal error {figures['equal_error']:.4f}; accepted {figures['accepted_at_1_percent_false']:.4f} "
        "where 1 % of strangers are",
        f"best threshold on all pairs {figures['best_threshold']:.3f}",
        f"{figures['ms_per_face']} ms a face, one by one, and {figures['mesh_ms_per_face']} for the mesh",
    ]
    folds = len(thresholds)
    protocol = f"LFW, {folds} folds, threshold from the other{'s' if folds > 2 else ''}"
    count = f"{len(right):,} pairs"
    rows = [
        Row("Verification: accuracy", figures["accuracy"], (low, high), count, protocol, WANTED, digits=4)
    ]
    for one, own in figures["folds"].items():
        mine = right[pairs.fold == one]
        rows.append(
            Row(
                "Verification: accuracy",
                own["accuracy"],
                interval(int(mine.sum()), len(mine)),
                f"{len(mine):,} pairs",
                protocol,
                group=f"fold: {one}",
                digits=4,
            )
        )
    return Section("verification", figures, lines, rows)


if __name__ == "__main__":
    raise SystemExit(
        run("verification", evaluate, {"recognition": fingerprint([WEIGHTS, FACE_WEIGHTS, SHAPE_WEIGHTS])})
    )
