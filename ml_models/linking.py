"""Joins the tracks of a film's chunks to people: across chunk borders, and again after they left.

First, tracks that touch at a border between chunks and lie in one place are one. Then average linkage of the
embeddings (`ml_models.grouping` says why) joins what shows one person, except tracks that overlap in time:
nobody is in two places at once. The answer depends on the tracks alone and not on their order.
docs/models/tracking.md has figures. numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_models.grouping import connected, joined, least_product
from ml_models.tracking import OTHER, best_pairs, nearness, overlaps

if TYPE_CHECKING:
    from ml_models.types import Box

Floats = NDArray[np.float32]
Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Milliseconds between the last frame of one chunk's track and the first of the next chunk's, at most.
TOUCH_MS = 1000
#: So many tracks are grouped at once, those of most embeddings; each further one joins the nearest person.
#: Bounds the memory: a table of 100 MB.
AT_ONCE = 5000


@dataclass(frozen=True, slots=True, eq=False)
class Tracklet:
    """A track of one chunk, as much of it as linking needs.

    chunk: its number, from 0 in the order of time. start_ms, end_ms: times of its first and last frame.
    first_box, last_box: the face on these, (left, top, width, height) in pixels. embedding: (d,), one long,
    as `ml_models.tracking.Track.embedding`; None when there is none. embedding_count: of how many faces.
    """

    chunk: int
    start_ms: int
    end_ms: int
    first_box: Box
    last_box: Box
    embedding: Floats | None
    embedding_count: int


def people_of(
    tracklets: Sequence[Tracklet], *, same_distance: float | None, touch_ms: int = TOUCH_MS
) -> Integers:
    """The person's number of each tracklet, (N,): from 0 in the order of first appearance.

    same_distance: the root of the mean squared distance up to which tracks show one person, as
    `ml_models.grouping.grouping_distance` gives it for the recognition model; None to join at chunk borders
    only, whatever the embeddings are. touch_ms: how far apart in time two tracks may be that continue each
    other across a border; at least the time from one analysed frame to the next.

    Raises ValueError for embeddings of different sizes and for a distance that is no positive number.
    """
    if not tracklets:
        return np.empty(0, dtype=np.int64)
    order = sorted(range(len(tracklets)), key=lambda number: _place(tracklets[number]))
    ordered = [tracklets[number] for number in order]
    chains = _chains(ordered, same_distance, touch_ms)
    labels = chains if same_distance is None else _again(ordered, chains, least_product(same_distance))
    # Sorted by time, so the first of a person is that of the first appearance.
    _, first, person = np.unique(labels, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), dtype=np.int64)
    ranks[np.argsort(first)] = np.arange(len(first))
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = ranks[person]
    return numbers


def _place(one: Tracklet) -> tuple[Any, ...]:
    """What tracklets are sorted by: by time, and then by anything that tells two apart."""
    vector = b"" if one.embedding is None else one.embedding.tobytes()
    return one.start_ms, one.end_ms, one.chunk, one.first_box, one.last_box, vector


def _chains(ordered: Sequence[Tracklet], same_distance: float | None, touch_ms: int) -> Integers:
    """The number of the first tracklet of each one's chain, (N,): joined where they touch at a border."""
    chunks: dict[int, list[int]] = {}
    for number, one in enumerate(ordered):
        chunks.setdefault(one.chunk, []).append(number)
    pairs: list[tuple[int, int]] = []
    for chunk, ending in chunks.items():
        beginning = chunks.get(chunk + 1, [])
        scores = _touching(
            [ordered[k] for k in ending], [ordered[k] for k in beginning], same_distance, touch_ms
        )
        pairs += [(ending[one], beginning[other]) for one, other in best_pairs(scores)]
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return joined(np.arange(len(ordered)), both[:, 0], both[:, 1])


def _touching(
    ending: Sequence[Tracklet], beginning: Sequence[Tracklet], same_distance: float | None, touch_ms: int
) -> Numbers:
    """How much speaks for each tracklet of the second list (columns) going on with one of the first; 0:
    nothing.
    """
    last, first = [one.last_box for one in ending], [one.first_box for one in beginning]
    scores = overlaps(last, first) + nearness(last, first)
    gaps = np.array([one.start_ms for one in beginning]) - np.array([one.end_ms for one in ending])[:, None]
    scores[(gaps <= 0) | (gaps > touch_ms)] = 0.0
    if same_distance is not None:
        # Only where something is left to forbid.
        for row, column in np.argwhere(scores > 0).tolist():
            one, other = ending[row].embedding, beginning[column].embedding
            if one is not None and other is not None and _apart(one, other) > OTHER * same_distance:
                scores[row, column] = 0.0
    return scores


def _apart(one: Floats, other: Floats) -> float:
    return float(np.linalg.norm(one - other))


def _again(ordered: Sequence[Tracklet], chains: Integers, least: float) -> Integers:
    """Labels (N,) after joining chains that show one person by their embeddings."""
    firsts, chain_of = np.unique(chains, return_inverse=True)
    starts = np.full(len(firsts), np.iinfo(np.int64).max)
    ends = np.full(len(firsts), np.iinfo(np.int64).min)
    np.minimum.at(starts, chain_of, [one.start_ms for one in ordered])
    np.maximum.at(ends, chain_of, [one.end_ms for one in ordered])
    known = [number for number, one in enumerate(ordered) if one.embedding is not None]
    if not known:
        return chain_of
    if len({ordered[number].embedding.shape for number in known}) > 1:  # type: ignore[union-attr]
        raise ValueError("The embeddings are of different sizes: link tracks of one recognition model.")
    vectors = np.array([ordered[number].embedding for number in known], dtype=np.float64)
    weights = np.array([max(ordered[number].embedding_count, 1) for number in known], dtype=np.int64)
    rows, row_of = np.unique(chain_of[known], return_inverse=True)
    sizes = np.bincount(row_of, weights=weights).astype(np.float64)
    means = np.zeros((len(rows), vectors.shape[1]))
    np.add.at(means, row_of, vectors * weights[:, None])
    groups = _Chains(means / sizes[:, None], sizes, starts[rows], ends[rows]).groups(least)
    labels = np.arange(len(firsts))
    labels[rows] = rows[groups]
    return labels[chain_of]


@dataclass(frozen=True, eq=False)
class _Chains:
    """Tracks to be grouped: mean embeddings (n, d), weights (n,), times of the first and last frame (n,)."""

    means: Numbers
    sizes: Numbers
    starts: Integers
    ends: Integers

    def groups(self, least: float) -> Integers:
        """For each the number of one of its group, the same for all of a group, (n,)."""
        chosen = np.sort(np.argsort(-self.sizes, kind="stable")[:AT_ONCE])
        labels = np.arange(len(self.means))
        # Average linkage can only merge what is connected by pairs within the distance.
        parts = connected(self.means[chosen], least)
        order = np.argsort(parts, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(parts[order])) + 1):
            if len(some) > 1:
                own = chosen[some]
                labels[own] = own[self._linked(own, least)]
        if len(chosen) < len(labels):
            self._add_rest(labels, chosen, least)
        return labels

    def _apart(self, one: int, others: Integers) -> NDArray[np.bool_]:
        """Which of the others overlap in time with this one."""
        return (self.starts[others] <= self.ends[one]) & (self.ends[others] >= self.starts[one])

    def _linked(self, own: Integers, least: float) -> Integers:
        """Average linkage of some: for each the place of the first of its group among them.

        Always the nearest two become one. A row's nearest is known as an upper bound: merging others brings
        nothing nearer, so that only rows that seem to be the nearest of all are looked through again.
        """
        table = self.means[own].astype(np.float32) @ self.means[own].astype(np.float32).T
        for row, number in enumerate(own.tolist()):
            # Includes the row itself. Minus infinity stays in all averages: what is apart stays apart.
            table[row, self._apart(number, own)] = -np.inf
        sizes = self.sizes[own].copy()
        labels = np.arange(len(own))
        bounds, fresh = table.max(axis=1), np.ones(len(own), dtype=bool)
        while bounds[one := int(bounds.argmax())] >= least:
            other = int(table[one].argmax())
            if not fresh[one]:
                bounds[one], fresh[one] = table[one, other], True
                continue
            keep, gone = min(one, other), max(one, other)
            share = float(sizes[gone] / (sizes[keep] + sizes[gone]))
            mixed = (1 - share) * table[keep] + share * table[gone]
            mixed[gone] = -np.inf
            table[keep], table[:, keep] = mixed, mixed
            table[gone], table[:, gone] = -np.inf, -np.inf
            sizes[keep] += sizes[gone]
            labels[labels == gone] = keep
            fresh[:] = False
            bounds[gone] = -np.inf
        return labels

    def _add_rest(self, labels: Integers, chosen: Integers, least: float) -> None:
        """Let each one that was not grouped join the nearest group that it does not overlap with in time, or
        begin a group of its own; those of most embeddings first.
        """
        rest = np.setdiff1d(np.arange(len(labels)), chosen)
        # Rows of groups are those of the chains they are called by.
        sizes = np.bincount(labels[chosen], self.sizes[chosen], minlength=len(labels))
        means = np.zeros_like(self.means)
        np.add.at(means, labels[chosen], self.means[chosen] * self.sizes[chosen, None])
        means /= np.maximum(sizes, 1)[:, None]
        there = chosen
        for number in rest[np.argsort(-self.sizes[rest], kind="stable")].tolist():
            products = np.where(sizes > 0, means @ self.means[number], -np.inf)
            products[labels[there[self._apart(number, there)]]] = -np.inf
            best = int(products.argmax())
            labels[number] = best if products[best] >= least else number
            means[labels[number]] = means[best] if labels[number] != number else self.means[number]
            sizes[labels[number]] += self.sizes[number]
            there = np.append(there, number)
