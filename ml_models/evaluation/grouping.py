"""Measures whether faces are sorted into the people they show:
`python -m ml_models.evaluation.grouping --data DATA`.

Pictures of LFW (Huang et al., 2007) by name, most people with a single one. The folds have no person in
common: each is grouped at the distance that was best on the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.embedding import EmbeddingModel, distances
from ml_models.evaluation.linkages import METHODS, numbered
from ml_models.evaluation.measures import bootstrap
from ml_models.evaluation.one_part import fingerprint, run
from ml_models.evaluation.report import Row, Section
from ml_models.evaluation.verification import Pairs, best_threshold, embed_all, load_pairs
from ml_models.face_trunk import WEIGHTS
from ml_models.grouping import SHARE, group
from ml_models.landmark_names import SHAPE_WEIGHTS
from ml_models.mesh import FACE_WEIGHTS

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

#: Distances that are tried.
TRIED = tuple(round(0.2 + 0.005 * step, 3) for step in range(61))
#: The method in use, as the table calls it.
USED = "average of squares (used)"


@dataclass(frozen=True)
class Scores:
    """How well groups are people. All but the counts are in [0, 1].

    precision, recall: of pairs of pictures in one group the share that shows one person, and of pairs of
    pictures of one person the share in one group. cubed_precision, cubed_recall: B-cubed (Bagga and Baldwin,
    1998): the same shares for each picture, itself included, on average. groups, people: how many, those of
    one picture included.
    """

    precision: float
    recall: float
    cubed_precision: float
    cubed_recall: float
    groups: int
    people: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall of pairs."""
        return harmonic(self.precision, self.recall)

    @property
    def cubed_f1(self) -> float:
        """Harmonic mean of both figures of B-cubed."""
        return harmonic(self.cubed_precision, self.cubed_recall)


def harmonic(one: float, other: float) -> float:
    """The harmonic mean of two shares, 0 when both are."""
    return 2 * one * other / (one + other) if one + other else 0.0


def pairs_of(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """How many pairs there are among so many."""
    return counts * (counts - 1) / 2.0


def scores(labels: Integers, truth: Integers) -> Scores:
    """Scores of groups by number (N,) against people by number (N,). Without any pair a share is 1."""
    table = crossed(labels, truth)
    groups, people = table.sum(axis=1), table.sum(axis=0)
    together = pairs_of(table).sum()
    called, true = pairs_of(groups).sum(), pairs_of(people).sum()
    squares = table.astype(np.float64) ** 2
    return Scores(
        float(together / called) if called else 1.0,
        float(together / true) if true else 1.0,
        float((squares / groups[:, None]).sum() / len(labels)),
        float((squares / people[None]).sum() / len(labels)),
        len(groups),
        len(people),
    )


def crossed(labels: Integers, truth: Integers) -> Integers:
    """How many pictures each group (row) has of each person (column)."""
    own, people = numbered(labels), numbered(truth)
    table = np.zeros((own.max() + 1, people.max() + 1), dtype=np.int64)
    np.add.at(table, (own, people), 1)
    return table


def share_interval(table: Integers) -> tuple[float, float] | None:
    """95 % interval of the share of pairs of a row that are in one column too: rows are drawn, not pairs,
    because a wrong picture spoils all pairs of its row. None without any pair.
    """
    right, all_pairs = pairs_of(table).sum(axis=1), pairs_of(table.sum(axis=1))
    some = all_pairs > 0
    right, all_pairs = right[some], all_pairs[some]
    if not some.any():
        return None
    return bootstrap(lambda drawn: float(right[drawn].sum() / all_pairs[drawn].sum()), len(right))


def labels_of(embeddings: Floats, threshold: float) -> Integers:
    """The engine's groups as a number for each face, (N,)."""
    found = group(embeddings, threshold)
    labels = np.empty(len(embeddings), dtype=np.int64)
    for number, members in enumerate([*found.groups, *([one] for one in found.alone)]):
        labels[members] = number
    return labels


Grouper = Callable[[float], Integers]


def best(grouper: Grouper, truth: Integers) -> float:
    """The distance with the best F1 of pairs among those tried."""
    return max(TRIED, key=lambda distance: scores(grouper(distance), truth).f1)


def people_of(pairs: Pairs) -> tuple[Integers, Integers]:
    """Person and fold of each picture, (N,) each; a picture is named Person/Person_0001."""
    people = numbered(np.array([name.split("/")[0] for name in pairs.names]))
    folds = np.zeros(len(people), dtype=np.int64)
    for side in (pairs.first, pairs.second):
        folds[side] = pairs.fold
    return people, folds


def crosswise(groupers: dict[int, Grouper], truth: dict[int, Integers]) -> dict[int, tuple[float, Scores]]:
    """For each fold the distance that was best on the other folds on average, and the scores with it."""
    chosen = {fold: best(grouper, truth[fold]) for fold, grouper in groupers.items()}
    answers = {}
    for fold, grouper in groupers.items():
        distance = float(np.mean([own for other, own in chosen.items() if other != fold]))
        answers[fold] = (distance, scores(grouper(distance), truth[fold]))
    return answers


def compared(embeddings: dict[int, Floats], truth: dict[int, Integers]) -> dict[str, Any]:
    """Every method on every fold, at the distance that was best for it on the other."""
    ways: dict[str, Callable[[Floats], Grouper]] = {
        USED: lambda faces: lambda distance: labels_of(faces, distance),
        **METHODS,
    }
    found = {}
    for name, way in ways.items():
        answers = crosswise({fold: way(faces) for fold, faces in embeddings.items()}, truth)
        found[name] = {
            fold: {"distance": distance, **figures(own)} for fold, (distance, own) in answers.items()
        }
    return found


def figures(own: Scores) -> dict[str, Any]:
    """Scores for programs."""
    return {
        "precision": round(own.precision, 4),
        "recall": round(own.recall, 4),
        "f1": round(own.f1, 4),
        "cubed_precision": round(own.cubed_precision, 4),
        "cubed_recall": round(own.cubed_recall, 4),
        "cubed_f1": round(own.cubed_f1, 4),
        "groups": own.groups,
        "people": own.people,
    }


def line_of(name: str, distance: float, own: dict[str, Any]) -> str:
    """One line of the table for people."""
    return (
        f"{name:<36} {distance:.3f}    {own['precision']:.4f} {own['recall']:.4f} {own['f1']:.4f}"
        f"    {own['cubed_precision']:.4f} {own['cubed_recall']:.4f} {own['cubed_f1']:.4f}"
        f"   {own['groups']:>5} {own['people']:>6}"
    )


def rows_of(labels: Integers, truth: Integers, protocol: str, fold: int | None = None) -> list[Row]:
    """Rows for the table of all figures."""
    table, own = crossed(labels, truth), scores(labels, truth)
    count, part = f"{len(labels):,} pictures of {own.people} people", "" if fold is None else f"fold: {fold}"
    return [
        Row(
            "Grouping: precision of pairs", own.precision, share_interval(table), count, protocol, group=part
        ),
        Row("Grouping: recall of pairs", own.recall, share_interval(table.T), count, protocol, group=part),
        Row("Grouping: F1 of B-cubed", own.cubed_f1, None, count, protocol, group=part),
    ]


def measured(embeddings: Floats, pairs: Pairs) -> Section:
    """The section for embeddings (N, d) of the pictures of some pairs."""
    people, folds = people_of(pairs)
    numbers = np.unique(folds).tolist()
    faces = {fold: embeddings[folds == fold] for fold in numbers}
    truth = {fold: people[folds == fold] for fold in numbers}
    methods = compared(faces, truth)
    single = best_threshold(distances(embeddings[pairs.first], embeddings[pairs.second]), pairs.same)
    distance = SHARE * single
    started = time.perf_counter()
    labels = labels_of(embeddings, distance)
    milliseconds = 1000 * (time.perf_counter() - started)
    whole = figures(scores(labels, people))
    head = f"{'':<36} distance  precis. recall F1        B-cubed: p, r, F1        groups people"
    lines = [
        f"{len(people)} pictures of {whole['people']} people; each fold at the distance best on the other",
        head,
        *(
            line_of(f"{name}, fold {fold}", own["distance"], own)
            for name, answers in methods.items()
            for fold, own in answers.items()
        ),
        f"all at once, at {SHARE} of the threshold for one comparison ({single:.3f})",
        line_of(USED, distance, whole),
        f"{milliseconds:.0f} ms for all at once",
    ]
    protocol = f"LFW, all at once, distance {SHARE} of the threshold for one comparison"
    rows = rows_of(labels, people, protocol)
    for fold, own in methods[USED].items():
        rows += rows_of(
            labels_of(faces[fold], own["distance"]), truth[fold], "distance from the other fold", fold
        )
    found = {
        "pictures": len(people),
        "methods": methods,
        "threshold_of_one_comparison": round(single, 4),
        "distance": round(distance, 4),
        "all": whole,
        "ms": round(milliseconds, 1),
    }
    return Section("grouping", found, lines, rows)


def evaluate(data: Path) -> Section:
    """How well the engine's embeddings are sorted into people, on the pictures of a data folder."""
    pairs = load_pairs(data)
    return measured(embed_all(pairs, EmbeddingModel.load()).embeddings, pairs)


if __name__ == "__main__":
    raise SystemExit(
        run("grouping", evaluate, {"recognition": fingerprint([WEIGHTS, FACE_WEIGHTS, SHAPE_WEIGHTS])})
    )
