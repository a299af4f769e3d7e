"""Other ways to group faces, written plainly, to compare `ml_models.grouping` with. Cubic time: for thousands
of faces.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Table = NDArray[np.float64]
Integers = NDArray[np.int64]


def all_distances(embeddings: Floats) -> Table:
    """Euclidean distances (N, N) of embeddings (N, d) of length 1."""
    vectors = embeddings.astype(np.float64)
    squares: Table = np.maximum(2 - 2 * vectors @ vectors.T, 0)
    np.fill_diagonal(squares, 0)
    return np.sqrt(squares)


def numbered(labels: NDArray[np.generic]) -> Integers:
    """Labels of any kind as numbers from 0 on."""
    _, numbers = np.unique(labels, return_inverse=True)
    return numbers.astype(np.int64)


Mixed = Callable[[Table, Table, int, int], Table]


def mean_of(one: Table, other: Table, size: int, size_of_other: int) -> Table:
    """Distances of two groups together: the average over their members."""
    return (size * one + size_of_other * other) / (size + size_of_other)


def least_of(one: Table, other: Table, size: int, size_of_other: int) -> Table:
    """Distances of two groups together: of the nearest members (single linkage)."""
    return np.minimum(one, other)


def most_of(one: Table, other: Table, size: int, size_of_other: int) -> Table:
    """Distances of two groups together: of the farthest members (complete linkage)."""
    return np.maximum(one, other)


class Tree:
    """All merges of a hierarchy, nearest first: always the two nearest groups of all become one."""

    def __init__(self, table: Table, mixed: Mixed) -> None:
        self.size = len(table)
        self.merges: list[tuple[int, int, float]] = []
        left = table.astype(np.float64)
        np.fill_diagonal(left, np.inf)
        sizes = [1] * self.size
        for _ in range(self.size - 1):
            one, other = sorted(divmod(int(left.argmin()), self.size))
            self.merges.append((one, other, float(left[one, other])))
            left[one] = left[:, one] = mixed(left[one], left[other], sizes[one], sizes[other])
            left[one, one] = np.inf
            left[other] = left[:, other] = np.inf
            sizes[one] += sizes[other]

    def cut(self, limit: float) -> Integers:
        """Numbers of the groups (N,) after the merges up to a distance."""
        labels = np.arange(self.size)
        for one, other, distance in self.merges:
            if distance > limit:
                break
            labels[labels == other] = one
        return numbered(labels)


def tree(mixed: Mixed, embeddings: Floats) -> Callable[[float], Integers]:
    """Groups of a linkage at any distance."""
    return Tree(all_distances(embeddings), mixed).cut


def tree_of_squares(embeddings: Floats) -> Callable[[float], Integers]:
    """The same with squared distances, cut at a root of them: what `ml_models.grouping` answers."""
    whole = Tree(all_distances(embeddings) ** 2, mean_of)
    return lambda limit: whole.cut(limit * limit)


def density(embeddings: Floats, least: int = 3) -> Callable[[float], Integers]:
    """DBSCAN (Ester et al., 1996; with 2 it is single linkage): faces with `least` within the distance,
    themselves included, are connected; others join the nearest such face within the distance, or stay alone.
    """
    apart = all_distances(embeddings)

    def cut(limit: float) -> Integers:
        near = apart <= limit
        core = near.sum(axis=1) >= least
        labels = np.arange(len(apart))
        for start in np.flatnonzero(core):
            if labels[start] != start:
                continue
            front = np.array([start])
            seen = np.zeros(len(apart), dtype=bool)
            while len(front):
                seen[front] = True
                front = np.flatnonzero(near[front].any(axis=0) & core & ~seen)
            labels[seen] = start
        distances = np.where(near & core[None], apart, np.inf)
        edge = ~core & np.isfinite(distances).any(axis=1)
        labels[edge] = labels[distances[edge].argmin(axis=1)]
        return numbered(labels)

    return cut


#: Name in the table -> function from embeddings to a function from a distance to the groups (N,).
METHODS: dict[str, Callable[[Floats], Callable[[float], Integers]]] = {
    "average of distances": partial(tree, mean_of),
    "single linkage": partial(tree, least_of),
    "complete linkage": partial(tree, most_of),
    "DBSCAN, 3 faces": density,
}
