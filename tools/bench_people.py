"""Made-up faces for `make bench-search`: vectors that lie to each other as those of real people do.

A face is `mean + person + view`, made one long; person and view are normal, of falling variance along the
same axes. The numbers were fitted to the embeddings of the 1,583 faces (844 people) of the LFW pairs in
`../shared/data`, made by dlib-face-v1: length of their mean, traces of the covariance between people and
within a person, and the falls that give the same distances:

                                              same person           strangers             nearest of 1,583
                                              strangers mean   sd     95 %    mean   sd     5 %     1 %
                                              median  99 %
    real                                      0.289  0.052  0.377   0.569  0.064  0.462   0.302  0.375   0.424
    made up                                   0.293  0.043  0.369   0.558  0.066  0.453   0.309  0.374   0.439
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

DIMENSION = 128
#: Length of the mean of all faces: they are all on one side of the sphere.
MEAN = 0.917
#: Sum of the variances between people, and within a person.
BETWEEN, WITHIN = 0.1163, 0.0435
#: Along how many axes each falls to 1/e.
BETWEEN_FALL, WITHIN_FALL = 16.0, 12.0


@dataclass(frozen=True)
class Crowd:
    """People with faces. vectors: (faces, 128) of length 1; person: (faces,) the number of each one's person,
    ascending; probes: (P, 128) further views of the first P people of `probed`.
    """

    vectors: Floats
    person: NDArray[np.int64]
    probes: Floats
    probed: NDArray[np.int64]


def crowd(faces: int, *, seed: int, per_person: int = 5, probes: int = 200) -> Crowd:
    """A crowd of so many faces, and further views of some of its people. The same for one seed."""
    random = np.random.default_rng(seed)
    # One turn of the sphere for all crowds: they are of one recognition model.
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(DIMENSION, DIMENSION)))[0].astype(np.float32)
    people = -(-faces // per_person)
    centres = _spread(random, people, BETWEEN, BETWEEN_FALL)
    person = np.repeat(np.arange(people), per_person)[:faces]
    probed = random.choice(people, min(probes, people), replace=False)
    return Crowd(
        vectors=_placed(random, centres[person], turn),
        person=person,
        probes=_placed(random, centres[probed], turn),
        probed=probed,
    )


def _spread(random: np.random.Generator, count: int, trace: float, fall: float) -> Floats:
    variance = np.exp(-np.arange(DIMENSION) / fall)
    scale = np.sqrt(variance * trace / variance.sum()).astype(np.float32)
    return random.standard_normal((count, DIMENSION), dtype=np.float32) * scale


def _placed(random: np.random.Generator, centres: Floats, turn: Floats) -> Floats:
    vectors = centres + _spread(random, len(centres), WITHIN, WITHIN_FALL)
    vectors = vectors @ turn + np.float32(MEAN / np.sqrt(DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def templates(vectors: Floats, person: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """The mean direction of each person with several faces, and the person's number."""
    starts = np.flatnonzero(np.r_[True, np.diff(person) > 0])
    sums = np.add.reduceat(vectors, starts, axis=0)
    several = np.diff(np.r_[starts, len(person)]) > 1
    means = sums[several]
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    return (means / lengths).astype(np.float32), person[starts][several]


def nearest_people(
    vectors: Floats, person: NDArray[np.int64], probes: Floats, count: int
) -> NDArray[np.float64]:
    """(P, count): distances of the nearest people of each probe, ascending, by comparing with every vector.

    A person's distance is that of the nearest face or of the template.
    """
    centres, of = templates(vectors, person)
    people = int(person[-1]) + 1
    best = np.full((len(probes), people), np.inf, dtype=np.float32)
    for some, whose in ((vectors, person), (centres, of)):
        for start in range(0, len(some), 1 << 16):
            part, mine = some[start : start + (1 << 16)], whose[start : start + (1 << 16)]
            squares = 2 - 2 * (probes @ part.T)
            first = np.flatnonzero(np.r_[True, np.diff(mine) > 0])
            nearest = np.minimum.reduceat(squares, first, axis=1)
            best[:, mine[first]] = np.minimum(best[:, mine[first]], nearest)
    wanted = min(count, people)
    found = np.sort(np.partition(best, wanted - 1, axis=1)[:, :wanted], axis=1)
    distances: NDArray[np.float64] = np.sqrt(np.clip(found, 0, None)).astype(np.float64)
    return distances


def recall(found: list[list[float]], exact: NDArray[np.float64], *, slack: float = 1e-3) -> float:
    """The share of the nearest people that were found. An answer counts when it is as near as the last of the
    exact ones, up to `slack`: distances are of numbers rounded to half precision.
    """
    hits = sum(
        min(sum(distance <= row[-1] + slack for distance in mine), len(row))
        for mine, row in zip(found, exact, strict=True)
    )
    return hits / exact.size
