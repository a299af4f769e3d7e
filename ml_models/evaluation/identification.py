"""Measures whether the right person is found among many, and which summary of a person's pictures finds them:
`python -m ml_models.evaluation.identification --data DATA`.

Every picture of the pairs of LFW is a probe once, and all others are enrolled. Whose other pictures are
enrolled should be found; who has no other picture, and everybody once more with their own pictures left out,
is unknown and should not be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_models.embedding import unit
from ml_models.evaluation.measures import interval
from ml_models.evaluation.one_part import fingerprint, run
from ml_models.evaluation.report import Row, Section
from ml_models.pairs import embedded, load_pairs
from ml_models.recognition import DEFAULT_WEIGHTS
from ml_models.recognition_nets import DefaultNet

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

#: Ways to compare a face with a person, in the order of the table.
WAYS = {
    "nearest": "nearest enrolled face",
    "mean": "mean of the person's faces",
    "smaller": "the smaller of both distances",
    "average": "the mean of both distances",
}
#: Sizes of galleries for the second table, how often each is drawn, and the seed of the draws.
SIZES, DRAWS, SEED = (10, 30, 100, 300), 20, 1
#: Shares of unknown people who are taken for somebody, at which the ways are compared.
FALSE_SHARES = (0.01, 0.10)


@dataclass(frozen=True)
class Searches:
    """Distances of probes (N,) to people by one way.

    own: to the probe's own person, infinite when no other picture of theirs is enrolled. other: to the
    nearest other person.
    """

    own: Floats
    other: Floats

    @property
    def enrolled(self) -> NDArray[np.bool_]:
        """Which probes' people are enrolled."""
        return np.isfinite(self.own)

    def first(self) -> float:
        """Share of the enrolled whose own person is the nearest."""
        own = self.enrolled
        return float((self.own[own] < self.other[own]).mean())

    def found(self, limit: float) -> float:
        """Share of the enrolled whose own person is the nearest and nearer than the limit."""
        own = self.enrolled
        return float(((self.own < self.other) & (self.own < limit))[own].mean())

    def limit(self, share: float) -> float:
        """The limit at which this share of unknown people is taken for somebody."""
        return float(np.quantile(self.other, share, method="lower"))


def searches(vectors: Floats, person: Integers) -> dict[str, Searches]:
    """Leave every picture out once and look for it; by each of `WAYS`. vectors (N, d) of length 1."""
    people = int(person.max()) + 1
    sums = np.zeros((people, vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, person, vectors)
    members = [np.flatnonzero(person == one) for one in range(people)]
    starts = np.concatenate([[0], np.cumsum([len(own) for own in members])[:-1]])
    order = np.concatenate(members)
    answers: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for number, vector in enumerate(vectors):
        one = int(person[number])
        apart = np.linalg.norm(vectors - vector, axis=1)
        apart[number] = np.inf
        templates = sums.copy()
        templates[one] -= vector
        to_mean = np.linalg.norm(unit(templates) - vector, axis=1)
        if len(members[one]) == 1:
            to_mean[one] = np.inf
        nearest = np.minimum.reduceat(apart[order], starts)
        ways = (nearest, to_mean, np.minimum(nearest, to_mean), (nearest + to_mean) / 2)
        for way, found in zip(WAYS, ways, strict=True):
            own = float(found[one])
            found[one] = np.inf
            answers[way].append((own, float(found.min())))
            found[one] = own
    return {
        way: Searches(*(np.array(column, dtype=np.float32) for column in zip(*pairs, strict=True)))
        for way, pairs in answers.items()
    }


def people_of(names: Sequence[str]) -> Integers:
    """Number of the person of each picture: pictures of one folder show one person."""
    _, numbers = np.unique([Path(name).parent.as_posix() for name in names], return_inverse=True)
    return numbers.astype(np.int64)


def strangers(vectors: Floats, person: Integers, size: int) -> Floats:
    """How near the nearest face is to people who are not enrolled, in galleries of `size` people drawn from
    all: the distances of the probes of all draws, (N,).
    """
    rng, people = np.random.default_rng(SEED), int(person.max()) + 1
    nearest = []
    for _ in range(DRAWS):
        inside = np.isin(person, rng.permutation(people)[:size])
        products = vectors[~inside] @ vectors[inside].T
        nearest.append(np.sqrt(np.maximum(0, 2 - 2 * products.max(axis=1))))
    return np.concatenate(nearest).astype(np.float32)


def evaluate(data: Path) -> Section:
    """Identification with the default model on the pictures of a data folder."""
    pairs = load_pairs(data)
    net = DefaultNet.load()
    person = people_of(pairs.names)
    vectors = embedded(pairs, net)
    found, calibration = searches(vectors, person), net.model.calibration
    people, probes = int(person.max()) + 1, int(found["nearest"].enrolled.sum())
    figures: dict[str, Any] = {"pictures": len(person), "people": people, "probes": probes}
    lines = [
        f"{len(person)} pictures of {people} people; {probes} have another picture enrolled",
        "found: the right person first, within the limit that takes a share of unknown people for somebody",
        f"{'':30}  first   found at 1 % | found at 10 %",
    ]
    rows = []
    protocol = f"LFW, {people} people, each picture left out once"
    for way, title in WAYS.items():
        own = found[way]
        at = {share: own.found(own.limit(share)) for share in FALSE_SHARES}
        figures[way] = {"first": round(own.first(), 4)} | {
            f"found_at_{share}": round(value, 4) for share, value in at.items()
        }
        lines.append(f"{title:30}  {own.first():.4f}  " + "  |  ".join(f"{one:.4f}" for one in at.values()))
        right = round(own.first() * probes)
        what = f"Identification, {title}: right person first"
        span = interval(right, probes)
        rows.append(Row(what, figures[way]["first"], span, f"{probes:,} faces", protocol, digits=4))
    lines.append(
        "people enrolled | unknown taken for somebody at confidence 0.5 | confidence for 10 % | for 1 %"
    )
    for size in (one for one in SIZES if one < people):
        apart = strangers(vectors, person, size)
        mistaken = float((apart < calibration.threshold).mean())
        limits = [float(np.quantile(apart, share, method="lower")) for share in FALSE_SHARES[::-1]]
        needed = [calibration.confidence(limit) for limit in limits]
        figures[f"{size}_people"] = {
            "mistaken": round(mistaken, 4),
            "confidences": [round(one, 4) for one in needed],
            "distances": [round(one, 4) for one in limits],
        }
        lines.append(f"{size:>15} | {mistaken:>10.4f} | " + " | ".join(f"{one:.4f}" for one in needed))
    return Section("identification", figures, lines, rows)


if __name__ == "__main__":
    raise SystemExit(run("identification", evaluate, {"recognition": fingerprint(list(DEFAULT_WEIGHTS))}))
