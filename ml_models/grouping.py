"""Sorts faces into people nobody has named: average linkage (UPGMA), cut at a distance.

Two groups become one when their members are on average close enough, so a row of look-alikes does not chain
strangers together as it does where one close pair is enough. The average is that of the squared distances: of
unit vectors it is 2 - 2 a.b, a and b the mean vectors of both groups. So no table of all pairs is needed, and
the groups are exact at any size in the memory of the faces themselves. docs/models/grouping.md says how good
the groups are. numpy alone: the web process uses this too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]

#: Pairs of faces looked at in one step, which bounds the memory: about 50 MB.
CELLS = 1 << 21
#: Up to so many connected faces the products of all pairs are kept: 32 MB.
TABLE = 2000
#: How far the length of an embedding may be from 1: vectors stored with 16 bits are off by a thousandth.
SLACK = 0.01


class Calibrated(Protocol):
    """What is needed of a recognition model's calibration, see `ml_models.recognition.Calibration`."""

    @property
    def threshold(self) -> float:
        """The distance at which two faces are as likely one person as two."""
        ...


#: The distance for groups as a share of that for one comparison; where it comes from:
#: docs/models/grouping.md.
SHARE = 0.88


def grouping_distance(calibration: Calibrated) -> float:
    """The distance up to which two groups of faces are taken for one person."""
    return SHARE * calibration.threshold


@dataclass(frozen=True)
class Groups:
    """Faces by their numbers: groups of at least two, largest first, and the faces without counterpart.

    Numbers ascend inside a group. Groups of one size stand in an order that their faces' vectors give, not
    the order in which the faces came.
    """

    groups: list[list[int]]
    alone: list[int]


def group(embeddings: Floats, threshold: float) -> Groups:
    """The people among some faces.

    embeddings: (N, d) of length 1, N from 0 on. threshold: the largest distance of two groups that become
    one: the root of the mean squared Euclidean distance between their members, 0 to 2. The order of the faces
    makes no difference. Raises ValueError for another shape, vectors that are not one long, and a threshold
    that is no positive number.
    """
    vectors = unit_rows(embeddings)
    labels = group_means(vectors, np.ones(len(vectors), dtype=np.int64), threshold)
    order = np.argsort(labels, kind="stable")
    found = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1) if len(order) else []
    many = sorted((some for some in found if len(some) > 1), key=len, reverse=True)
    return Groups([some.tolist() for some in many], sorted(int(some[0]) for some in found if len(some) == 1))


def group_means(means: Floats, sizes: Integers, threshold: float) -> Integers:
    """The same for groups that are there already: for each the number of the group it becomes part of, (G,).

    means: (G, d), for each group the mean of its members' embeddings, not made one long. sizes: (G,), how
    many members. What is to be one in the end has one number; the numbers are in an order that the means
    give.
    """
    least = least_product(threshold)
    if not len(means):
        return np.empty(0, dtype=np.int64)
    # Equal means are one point of more weight. Sorted by their bytes, the points have one order however they
    # came, so that ties and roundings fall the same way. Adding 0 makes -0 to 0: one number, but other bytes.
    points = np.ascontiguousarray(means, dtype=np.float64) + 0.0
    rows = points.view(np.dtype((np.void, points.shape[1] * points.itemsize))).ravel()
    _, first, point_of = np.unique(rows, return_index=True, return_inverse=True)
    weights = np.bincount(point_of, weights=sizes).astype(np.int64)
    return linked(points[first], weights, least)[point_of]


def assign(
    embeddings: Floats, means: Floats, threshold: float, never: Sequence[tuple[int, int]] = ()
) -> Integers:
    """For each face the number of the group it belongs to, or -1: (N,).

    embeddings: (N, d) of length 1. means: (G, d), for each group the mean of its members' embeddings, not
    made one long: how far a group spreads counts too. A face belongs to the group to whose members its mean
    squared distance is smallest, if the root of that is at most the threshold; of groups equally near to the
    first.
    """
    vectors, least = unit_rows(embeddings), least_product(threshold)
    nearest = np.full(len(vectors), -1, dtype=np.int64)
    if not len(means):
        return nearest
    if means.ndim != 2 or means.shape[1] != vectors.shape[1]:
        raise ValueError(f"Faces of {vectors.shape[1]} numbers belong to no group of shape {means.shape}.")
    across = means.T.astype(np.float64)
    banned = np.array(never, dtype=np.int64).reshape(-1, 2)
    step = max(1, CELLS // len(means))
    for start in range(0, len(vectors), step):
        products = vectors[start : start + step] @ across
        here = banned[(banned[:, 0] >= start) & (banned[:, 0] < start + step)]
        products[here[:, 0] - start, here[:, 1]] = -np.inf
        best = products.argmax(axis=1)
        near = products[np.arange(len(best)), best] >= least
        nearest[start : start + step] = np.where(near, best, -1)
    return nearest


def unit_rows(embeddings: Floats) -> NDArray[np.float64]:
    """The embeddings as float64 (N, d), exactly one long; ValueError when they are not about that."""
    vectors = np.array(embeddings, dtype=np.float64, order="C")
    if vectors.ndim != 2:
        raise ValueError(f"Give embeddings as (N, d), not {vectors.shape}.")
    if not vectors.size:
        return vectors.reshape(0, vectors.shape[1])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.abs(lengths - 1) <= SLACK).all():
        raise ValueError("Some embeddings are not one long: they are not what a recognition model answers.")
    scaled: NDArray[np.float64] = vectors / lengths
    return scaled


def least_product(threshold: float) -> float:
    """The least dot product of two mean vectors whose groups are within a distance; ValueError for no
    distance.
    """
    if not 0 < threshold < np.inf:
        raise ValueError(f"The distance for groups is a number above 0, not {threshold}.")
    return 1 - threshold * threshold / 2


def linked(points: NDArray[np.float64], weights: Integers, least: float) -> Integers:
    """For each point the number of its group, (N,): numbers ascend with the first point of a group.

    Average linkage can merge only what is connected by pairs within the threshold, so it looks at one
    connected part after the other.
    """
    parts = connected(points, least)
    order = np.argsort(parts, kind="stable")
    labels = np.arange(len(points))
    for some in np.split(order, np.flatnonzero(np.diff(parts[order])) + 1):
        if len(some) > 1:
            labels[some] = some[_Chain(points[some], weights[some], least).run()]
    return labels


def connected(points: NDArray[np.float64], least: float) -> Integers:
    """For each point the smallest number among those it is connected with by pairs of this product, (N,)."""
    short = points.astype(np.float32)
    # A hair more than asked for: what single precision rounds away must not part what belongs together.
    least_short = np.float32(least - 1e-5)
    labels = np.arange(len(points))
    # Few at a time: pairs that are connected already are not looked at again.
    step = min(64, max(1, CELLS // len(points)))
    for start in range(0, len(points), step):
        near = short[start : start + step] @ short[start:].T >= least_short
        near &= labels[start : start + step, None] != labels[None, start:]
        one, other = np.nonzero(near)
        labels = joined(labels, one + start, other + start)
    return labels


def joined(labels: Integers, one: Integers, other: Integers) -> Integers:
    """Labels after connecting points in pairs: every part is called by its smallest number."""
    while True:
        low, high = np.minimum(labels[one], labels[other]), np.maximum(labels[one], labels[other])
        apart = low != high
        if not apart.any():
            return labels
        one, other = one[apart], other[apart]
        parent = np.arange(len(labels))
        np.minimum.at(parent, high[apart], low[apart])
        while (parent[parent] != parent).any():
            parent = parent[parent]
        labels = parent[labels]


class _Chain:
    """Average linkage by chains of nearest neighbours (Benzécri, 1982; Juan, 1982).

    From any group one goes to its nearest, and on, until two are nearest to each other: these are merged.
    With an average that is the same as always merging the nearest pair of all, in quadratic instead of cubic
    time. A group without a neighbour within the threshold is done, because merging others brings nothing
    nearer to it.
    """

    def __init__(self, points: NDArray[np.float64], weights: Integers, least: float) -> None:
        self.least = least
        #: Rows are groups: mean vectors, sizes, the points they are named after, and -inf for groups that are
        #: done.
        self.means, self.sizes = points.copy(), weights.tolist()
        self.names = list(range(len(points)))
        self.out = np.zeros(len(points))
        #: Products of all mean vectors, kept while they are few: faster than multiplying again.
        self.table = points @ points.T if len(points) <= TABLE else None
        self.left = len(points)
        self.labels = np.arange(len(points))

    def run(self) -> Integers:
        """For each point the first point of its group, (n,)."""
        chain: list[int] = []
        products: list[float] = []
        while self.left > 1:
            if 2 * self.left <= len(self.out):
                chain = self._compacted(chain)
            if not chain:
                chain, products = [int(self.out.argmax())], [-np.inf]
            last = chain[-1]
            near, product = self._nearest(last)
            # Rounding can make a product differ by which of its two groups asked: never go round in a circle.
            if product > products[-1] and product >= self.least and near not in chain:
                chain.append(near)
                products.append(product)
            elif len(chain) > 1:
                self._merge(chain[-2], last)
                del chain[-2:], products[-2:]
            else:
                self._done(last)
                del chain[-1], products[-1]
        while (self.labels[self.labels] != self.labels).any():
            self.labels = self.labels[self.labels]
        return self.labels

    def _products(self, one: int) -> NDArray[np.float64]:
        """The products (n,) of a group's mean vector with all."""
        if self.table is not None:
            return self.table[one]
        # Not `@`: its threads wait for each other at every step, for minutes where other work has the cores.
        found: NDArray[np.float64] = np.einsum("ij,j->i", self.means, self.means[one])
        return found

    def _nearest(self, one: int) -> tuple[int, float]:
        """The nearest other group and the product of both mean vectors."""
        products = self._products(one) + self.out
        products[one] = -np.inf
        near = int(products.argmax())
        return near, float(products[near])

    def _merge(self, one: int, other: int) -> None:
        """Make two groups one, named after the first of their points."""
        keep, gone = (one, other) if self.names[one] < self.names[other] else (other, one)
        size = self.sizes[keep] + self.sizes[gone]
        share = self.sizes[gone] / size
        if self.table is not None:
            # The product of means is linear in each (the formula of Lance and Williams, 1967).
            mixed = (1 - share) * self.table[keep] + share * self.table[gone]
            self.table[keep], self.table[:, keep] = mixed, mixed
        else:
            self.means[keep] = (1 - share) * self.means[keep] + share * self.means[gone]
        self.sizes[keep] = size
        self.labels[self.names[gone]] = self.names[keep]
        self._done(gone)

    def _done(self, one: int) -> None:
        self.out[one] = -np.inf
        self.left -= 1

    def _compacted(self, chain: list[int]) -> list[int]:
        """Drop the rows of groups that are done; the chain by its new rows."""
        kept = np.flatnonzero(self.out == 0)
        if self.table is not None:
            self.table = self.table[np.ix_(kept, kept)]
        else:
            self.means = self.means[kept]
        self.sizes = [self.sizes[row] for row in kept]
        self.names = [self.names[row] for row in kept]
        self.out = np.zeros(len(kept))
        return np.searchsorted(kept, chain).tolist()
