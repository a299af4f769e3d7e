"""Measures whether embeddings tell one person from two:
`python -m ml_models.evaluation.verification --data DATA`.

The protocol of LFW (Huang et al., 2007): pairs in folds without a person in common; the threshold for a fold
is the one that was best on the other folds.
"""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml_models.detection import FaceDetector
from ml_models.embedding import WEIGHTS, EmbeddingModel, distances
from ml_models.evaluation.measures import interval
from ml_models.evaluation.one_part import fingerprint, middle_face, read_picture, run
from ml_models.evaluation.report import Section

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]
Integers = NDArray[np.int64]


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


def best_threshold(distance: Floats, same: Marks) -> float:
    """The distance below which calling a pair the same is right most often: the middle of the best gap."""
    order = np.argsort(distance, kind="stable")
    gain = np.concatenate([[0], np.cumsum(np.where(same[order], 1, -1))])
    best = int(gain.argmax())
    edges = np.concatenate([[distance[order[0]] - 1e-3], distance[order], [distance[order[-1]] + 1e-3]])
    return float((edges[best] + edges[best + 1]) / 2)


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


def embed_all(pairs: Pairs, model: EmbeddingModel) -> tuple[Floats, int, float]:
    """Embeddings (N, 128) of all pictures, how many had no face, milliseconds per face of the embedding."""
    detector = FaceDetector()
    found, missed, seconds = [], 0, 0.0
    for name in tqdm(pairs.names, desc="faces", unit="face"):
        picture = read_picture(pairs.folder / name)
        points, seen = middle_face(detector, picture)
        missed += not seen
        started = time.perf_counter()
        found.append(model.embeddings([picture], [points[None]])[0])
        seconds += time.perf_counter() - started
    return np.stack(found), missed, 1000 * seconds / len(found)


def evaluate(data: Path, flip: bool = True) -> Section:
    """Accuracy of the engine's embeddings on the pairs of a data folder."""
    pairs = load_pairs(data)
    embeddings, missed, milliseconds = embed_all(pairs, EmbeddingModel.load(flip))
    distance = distances(embeddings[pairs.first], embeddings[pairs.second])
    right, thresholds = cross_validated(distance, pairs.same, pairs.fold)
    figures: dict[str, Any] = {
        "pairs": len(right),
        "pictures": len(pairs.names),
        "pictures_without_a_face": missed,
        "accuracy": round(float(right.mean()), 4),
        "accuracy_95": [round(v, 4) for v in interval(int(right.sum()), len(right))],
        "folds": {
            one: {"accuracy": round(float(right[pairs.fold == one].mean()), 4), "threshold": round(limit, 4)}
            for one, limit in thresholds.items()
        },
        "equal_error": round(equal_error(distance, pairs.same), 4),
        "accepted_at_1_percent_false": round(accepted_at(distance, pairs.same, 0.01), 4),
        "ms_per_face": round(milliseconds, 1),
        "flip": flip,
    }
    low, high = figures["accuracy_95"]
    lines = [
        f"{len(right)} pairs of {len(pairs.names)} pictures, {missed} of them without a face found",
        f"accuracy {figures['accuracy']:.4f}  (95 % {low:.4f} to {high:.4f}), threshold from the other fold",
        *(
            f"  fold {one}: {own['accuracy']:.4f} at {own['threshold']:.3f}"
            for one, own in figures["folds"].items()
        ),
        f"equal error {figures['equal_error']:.4f}; accepted {figures['accepted_at_1_percent_false']:.4f} "
        "where 1 % of strangers are",
        f"{figures['ms_per_face']} ms a face, one by one",
    ]
    return Section("verification", figures, lines)


if __name__ == "__main__":
    raise SystemExit(run("verification", evaluate, {"recognition": fingerprint([WEIGHTS])}))
