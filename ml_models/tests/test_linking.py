"""Tracks of a film's chunks become people: the same whatever the order in which chunks were worked off."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from ml_models import linking
from ml_models.linking import Tracklet, people_of
from ml_models.types import Box

SAME = 0.4
HERE: Box = (100.0, 100.0, 80.0, 100.0)
NEAR: Box = (110.0, 104.0, 80.0, 100.0)
FAR: Box = (600.0, 100.0, 80.0, 100.0)


def person(number: int, noise: float = 0.0, size: int = 16) -> NDArray[np.float32]:
    """The embedding of a person, turned by some noise towards a direction that nobody has."""
    vector = np.zeros(size)
    vector[number], vector[size - 1] = 1.0, noise
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def track(
    chunk: int,
    start: int,
    end: int,
    who: int | None = None,
    box: Box = HERE,
    last: Box | None = None,
    noise: float = 0.0,
    count: int = 5,
) -> Tracklet:
    embedding = None if who is None else person(who, noise)
    return Tracklet(chunk, start, end, box, last or box, embedding, 0 if who is None else count)


def linked(*tracks: Tracklet, same: float | None = SAME) -> list[int]:
    return people_of(tracks, same_distance=same).tolist()


def test_no_tracks_are_no_people() -> None:
    found = people_of([], same_distance=SAME)
    assert found.shape == (0,)
    assert found.dtype == np.int64


def test_tracks_that_touch_at_a_border_in_one_place_are_one_person() -> None:
    assert linked(track(0, 0, 9800), track(1, 10000, 19800, box=NEAR), same=None) == [0, 0]
    assert linked(track(0, 0, 9800), track(1, 10000, 19800, box=NEAR)) == [0, 0]


@pytest.mark.parametrize(
    "other",
    [
        track(1, 10000, 19800, box=FAR),
        track(1, 10900, 19800),
        track(2, 10000, 19800),
        track(0, 10000, 10200),
    ],
    ids=["elsewhere", "later", "not the next chunk", "same chunk"],
)
def test_tracks_that_do_not_touch_are_two_people_without_embeddings(other: Tracklet) -> None:
    assert linked(track(0, 0, 9800), other, same=None) == [0, 1]


def test_how_far_apart_tracks_may_be_is_for_the_caller_to_say() -> None:
    pair = [track(0, 0, 9800), track(1, 14800, 19800)]
    assert people_of(pair, same_distance=None, touch_ms=5000).tolist() == [0, 0]
    assert people_of(pair, same_distance=None, touch_ms=4999).tolist() == [0, 1]


def test_it_is_the_last_box_that_touches_the_first() -> None:
    assert linked(track(0, 0, 9800, box=HERE, last=FAR), track(1, 10000, 11000, box=FAR), same=None) == [0, 0]
    assert linked(track(0, 0, 9800, box=HERE, last=FAR), track(1, 10000, 11000, box=HERE), same=None) == [
        0,
        1,
    ]


def test_a_track_goes_on_as_one_other_only_the_nearest() -> None:
    tracks = [track(0, 0, 9800), track(1, 10000, 19800, box=NEAR), track(1, 10000, 19800, box=HERE)]
    # Equal beginnings stand in the order of their boxes.
    assert linked(*tracks, same=None) == [0, 1, 0]


def test_embeddings_forbid_a_border_that_a_new_face_stands_at() -> None:
    assert linked(track(0, 0, 9800, 0), track(1, 10000, 19800, 1)) == [0, 1]
    # Switched off, they are not looked at.
    assert linked(track(0, 0, 9800, 0), track(1, 10000, 19800, 1), same=None) == [0, 0]


def test_chains_go_over_many_chunks() -> None:
    tracks = [track(k, 10000 * k, 10000 * k + 9800) for k in range(50)]
    assert linked(*tracks, same=None) == [0] * 50


def test_who_comes_back_is_the_same_person() -> None:
    tracks = [track(0, 0, 3000, 0), track(0, 0, 9000, 1, FAR), track(3, 30000, 35000, 0, FAR)]
    assert linked(*tracks) == [0, 1, 0]
    assert linked(*tracks, same=None) == [0, 1, 2]


def test_tracks_that_overlap_in_time_are_different_people() -> None:
    assert linked(track(0, 0, 3000, 0), track(0, 3000, 9000, 0, FAR)) == [0, 1]
    assert linked(track(0, 0, 2999, 0), track(0, 3000, 9000, 0, FAR)) == [0, 0]


def test_a_third_track_joins_the_nearer_of_two_who_are_there_at_once() -> None:
    twins = [track(0, 0, 3000, 0, noise=0.0), track(0, 0, 3000, 0, FAR, noise=0.3)]
    assert linked(*twins, track(5, 50000, 51000, 0, noise=0.05)) == [0, 1, 0]
    assert linked(*twins, track(5, 50000, 51000, 0, noise=0.28)) == [0, 1, 1]


def test_who_joined_one_of_two_is_apart_from_the_other() -> None:
    # The last is near the first and overlaps with the second, which is the first's already.
    tracks = [
        track(0, 0, 1000, 0),
        track(1, 10500, 12000, 0, FAR, noise=0.01),
        track(1, 11000, 13000, 0, noise=0.1),
    ]
    assert linked(*tracks) == [0, 0, 1]


def test_a_chain_counts_as_a_whole_for_time_and_embedding() -> None:
    # A track without embedding is who its continuation is, and is where that is.
    tracks = [
        track(0, 0, 9800, None),
        track(1, 10000, 12000, 0, NEAR),
        track(0, 5000, 6000, 0, FAR, noise=0.2),
        track(4, 40000, 41000, 0, FAR),
    ]
    assert linked(*tracks) == [0, 0, 1, 0]
    assert linked(*tracks[1:]) == [0, 0, 0]


def test_average_linkage_does_not_chain_look_alikes() -> None:
    angles = np.radians([0, 20, 40, 60, 80])
    tracks = [
        Tracklet(
            k, 5000 * k, 5000 * k + 100, HERE, HERE, np.array([np.cos(a), np.sin(a)], dtype=np.float32), 1
        )
        for k, a in enumerate(angles)
    ]
    # Each is 0.35 from the next.
    assert max(linked(*tracks)) >= 1


def test_people_are_numbered_as_they_appear() -> None:
    tracks = [
        track(3, 30000, 31000, 2),
        track(0, 500, 900, 1),
        track(0, 0, 300, 0),
        track(5, 50000, 51000, 1),
    ]
    assert linked(*tracks) == [2, 1, 0, 1]


def crowd(
    count: int, people: int, *, seed: int = 1, spread: float = 0.2
) -> tuple[list[Tracklet], NDArray[np.int64]]:
    """Tracks of people who come and go, and whose each is; one person's never overlap in time."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, 128))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    truth = np.arange(count) % people
    tracks = []
    for number, who in enumerate(truth.tolist()):
        vector = centres[who] + rng.normal(size=128) * spread / np.sqrt(2 * 128)
        start = 4000 * (number // people) + int(rng.integers(0, 1000))
        x, y = rng.uniform(0, 1800), rng.uniform(0, 900)
        box = (x, y, 60.0, 80.0)
        embedding = (vector / np.linalg.norm(vector)).astype(np.float32)
        tracks.append(
            Tracklet(start // 10000, start, start + 1500, box, box, embedding, int(rng.integers(1, 9)))
        )
    return tracks, truth


def same_partition(one: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len(set(one.tolist())) == len(set(other.tolist()))


@pytest.mark.parametrize("same", [SAME, None])
def test_the_order_of_the_chunks_makes_no_difference(same: float | None) -> None:
    # So far spread that some tracks hang between people.
    tracks, _ = crowd(300, 12, spread=0.75)
    found = people_of(tracks, same_distance=same)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(tracks))
        again = people_of([tracks[k] for k in order], same_distance=same)
        np.testing.assert_array_equal(again, found[order])


def test_nobody_is_in_two_places_at_once_whatever_the_embeddings_say() -> None:
    tracks, _ = crowd(400, 5, spread=0.9)
    found = people_of(tracks, same_distance=1.2)
    for number in range(int(found.max()) + 1):
        own = sorted((t.start_ms, t.end_ms) for t, p in zip(tracks, found, strict=True) if p == number)
        assert all(a[1] < b[0] for a, b in pairwise(own))


def test_the_nearest_pair_is_always_merged_first() -> None:
    """Against the plain method: look at all pairs of groups, merge the nearest that may be."""
    tracks, _ = crowd(60, 6, spread=0.8, seed=4)
    apart = [track for track in tracks if track.start_ms >= 0]
    groups = [[k] for k in range(len(apart))]
    least = 1 - 0.7 * 0.7 / 2

    def product(one: list[int], other: list[int]) -> float:
        means = []
        for own in (one, other):
            weights = np.array([apart[k].embedding_count for k in own], dtype=float)
            vectors = np.array([apart[k].embedding for k in own], dtype=np.float64)
            means.append(weights @ vectors / weights.sum())
        clash = any(
            apart[a].start_ms <= apart[b].end_ms and apart[b].start_ms <= apart[a].end_ms
            for a in one
            for b in other
        )
        return -np.inf if clash else float(means[0] @ means[1])

    while True:
        best = max(
            (product(groups[a], groups[b]), -a, -b)
            for a in range(len(groups))
            for b in range(a + 1, len(groups))
        )
        if best[0] < least:
            break
        groups[-best[1]] += groups.pop(-best[2])
    expected = np.empty(len(apart), dtype=np.int64)
    for number, own in enumerate(groups):
        expected[own] = number
    assert 6 < len(groups) < 50
    # No borders to join at: what touches there is not looked at by the plain method.
    lone = [
        Tracklet(2 * k, t.start_ms, t.end_ms, HERE, HERE, t.embedding, t.embedding_count)
        for k, t in enumerate(apart)
    ]
    assert same_partition(people_of(lone, same_distance=0.7), expected)


@pytest.mark.parametrize("people", [1, 20, 2500])
def test_five_thousand_tracks_take_seconds(people: int) -> None:
    tracks, truth = crowd(5000, people)
    started = time.process_time()
    found = people_of(tracks, same_distance=SAME)
    assert time.process_time() - started < 20
    assert same_partition(found, truth)


def test_more_tracks_than_are_grouped_at_once_join_the_nearest_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tracks, truth = crowd(400, 10)
    monkeypatch.setattr(linking, "AT_ONCE", 100)
    found = people_of(tracks, same_distance=SAME)
    assert same_partition(found, truth)
    # Also where none of a person's was among the first.
    monkeypatch.setattr(linking, "AT_ONCE", 3)
    assert same_partition(people_of(tracks, same_distance=SAME), truth)


def test_rest_that_overlaps_in_time_stays_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linking, "AT_ONCE", 1)
    tracks = [track(0, 0, 3000, 0, count=9), track(0, 100, 2000, 0, FAR), track(4, 40000, 41000, 0, FAR)]
    assert linked(*tracks) == [0, 1, 0]


def test_embeddings_of_two_models_are_refused() -> None:
    other = Tracklet(1, 10000, 11000, FAR, FAR, person(0, size=32), 3)
    with pytest.raises(ValueError, match="one recognition model"):
        people_of([track(0, 0, 9800, 0), other], same_distance=SAME)


@pytest.mark.parametrize("distance", [0.0, -1.0, float("nan")])
def test_a_distance_is_above_zero(distance: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        people_of([track(0, 0, 9800, 0)], same_distance=distance)
