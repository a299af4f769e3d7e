"""Faces are sorted into people the same way whatever their order, and strangers are not chained together."""

from __future__ import annotations

import tracemalloc
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from ml_models import grouping
from ml_models.evaluation.grouping import best, crossed, labels_of, measured, scores, share_interval
from ml_models.evaluation.linkages import METHODS, numbered, tree_of_squares
from ml_models.evaluation.verification import Pairs
from ml_models.grouping import Groups, assign, group, group_means, grouping_distance

Floats = NDArray[np.float32]


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Vectors made one long."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def crowd(faces: int, people: int, *, seed: int = 0, spread: float = 0.3, size: int = 128) -> Floats:
    """Faces of so many people: two of one person are about `spread` apart, of two people about 1.4."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(people, size)))
    noise = rng.normal(size=(faces, size)) * spread / np.sqrt(2 * size)
    return unit(centres[rng.integers(0, people, faces)] + noise)


def on_circle(*degrees: float) -> Floats:
    """Faces on a circle, so that their distances are known."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def as_sets(found: Groups, names: NDArray[np.int64]) -> tuple[list[set[int]], set[int]]:
    """Groups of faces by other names than their places."""
    return [set(names[members].tolist()) for members in found.groups], set(names[found.alone].tolist())


def same_partition(one: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    """Whether two numberings mean the same groups."""
    together = numbered(one) * len(other) + numbered(other)
    return len(np.unique(together)) == len(np.unique(one)) == len(np.unique(other))


def test_people_are_groups_largest_first_and_strangers_alone() -> None:
    faces = np.repeat(np.eye(5, 8), [2, 1, 4, 1, 3], axis=0)
    found = group(unit(faces + 0.01 * np.random.default_rng(1).normal(size=faces.shape)), 0.4)
    assert found == Groups([[3, 4, 5, 6], [8, 9, 10], [0, 1]], [2, 7])


def test_every_face_is_in_one_place() -> None:
    faces = crowd(500, 120)
    found = group(faces, 0.4)
    assert sorted([*chain(*found.groups), *found.alone]) == list(range(500))
    assert all(len(members) > 1 and members == sorted(members) for members in found.groups)
    assert [len(members) for members in found.groups] == sorted(map(len, found.groups), reverse=True)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.32, 0.8, 1.15])
def test_groups_are_those_of_merging_the_nearest_two_of_all(seed: int, threshold: float) -> None:
    faces = crowd(150, 20, seed=seed, spread=1.0, size=24)
    assert same_partition(labels_of(faces, threshold), tree_of_squares(faces)(threshold))


@pytest.mark.parametrize("threshold", [0.32, 0.8, 1.15])
def test_groups_without_a_table_of_pairs_are_the_same(
    monkeypatch: pytest.MonkeyPatch, threshold: float
) -> None:
    faces = crowd(400, 40, spread=1.0, size=24)
    with_table = group(faces, threshold)
    monkeypatch.setattr(grouping, "TABLE", 0)
    monkeypatch.setattr(grouping, "CELLS", 1000)
    assert group(faces, threshold) == with_table


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_the_faces_makes_no_difference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 200))
    faces = crowd(
        size, int(rng.integers(1, size + 1)), seed=seed, spread=float(rng.uniform(0.1, 1.2)), size=16
    )
    # Equal faces, and faces that lie evenly about others, so that there are ties to break.
    faces = np.concatenate(
        [faces, faces[: size // 3], np.eye(16, dtype=np.float32), -np.eye(16, dtype=np.float32)]
    )
    threshold = float(rng.uniform(0.2, 1.42))
    expected = as_sets(group(faces, threshold), np.arange(len(faces)))
    for _ in range(3):
        order = rng.permutation(len(faces))
        assert as_sets(group(faces[order], threshold), order) == expected


def test_a_row_of_look_alikes_does_not_chain_strangers_together() -> None:
    steps = on_circle(*range(0, 180, 10))
    threshold = float(np.linalg.norm(steps[0] - steps[1])) * 1.01
    assert len(np.unique(METHODS["single linkage"](steps)(threshold))) == 1
    found = group(steps, threshold)
    assert max(len(members) for members in found.groups) == 2
    assert all(members[1] - members[0] == 1 for members in found.groups)


def test_two_people_with_a_face_between_them_stay_two() -> None:
    rng = np.random.default_rng(3)
    ends = unit(rng.normal(size=(2, 128)))
    between = unit(np.linspace(ends[0], ends[1], 9)[1:-1])
    faces = unit(np.concatenate([ends[[0] * 6 + [1] * 6] + rng.normal(size=(12, 128)) * 0.01, between]))
    limit = 0.4
    assert len(np.unique(METHODS["single linkage"](faces)(limit))) == 1
    labels = labels_of(faces, limit)
    assert len(set(labels[:6])) == len(set(labels[6:12])) == 1
    assert labels[0] != labels[6]


def test_the_distance_of_groups_is_the_root_of_the_mean_square() -> None:
    faces = on_circle(0, 10, 40)
    squares = np.linalg.norm(faces[:2] - faces[2], axis=1).astype(np.float64) ** 2
    border = float(np.sqrt(squares.mean()))
    assert group(faces, border - 1e-6) == Groups([[0, 1]], [2])
    assert group(faces, border + 1e-6) == Groups([[0, 1, 2]], [])


def test_no_face_one_face_and_one_face_many_times() -> None:
    one = crowd(1, 1)
    assert group(one[:0], 0.4) == Groups([], [])
    assert group(one, 0.4) == Groups([], [0])
    assert group(np.repeat(one, 1000, axis=0), 0.4) == Groups([list(range(1000))], [])
    assert group(np.repeat(one, 2, axis=0), 1e-9) == Groups([[0, 1]], [])


def test_vectors_stored_in_16_bits_are_good_enough() -> None:
    faces = crowd(300, 60)
    assert same_partition(labels_of(faces.astype(np.float16), 0.4), labels_of(faces, 0.4))


@pytest.mark.parametrize(
    ("vectors", "sentence"),
    [
        (np.ones((2, 128)), "one long"),
        (np.zeros((1, 128)), "one long"),
        (np.full((2, 4), np.nan), "one long"),
        (np.zeros((2, 2, 2)), "N, d"),
        (np.ones(1), "N, d"),
    ],
)
def test_what_is_no_embedding_is_refused(vectors: NDArray[np.float64], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        group(vectors, 0.4)


@pytest.mark.parametrize("threshold", [0.0, -1.0, np.nan, np.inf])
def test_a_distance_that_is_none_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        group(crowd(3, 1), threshold)
    with pytest.raises(ValueError, match="above 0"):
        assign(crowd(3, 1), crowd(3, 1), threshold)


@pytest.mark.parametrize("people", [1, 4000])
def test_the_memory_stays_that_of_the_faces(people: int) -> None:
    faces = crowd(6000, people)
    tracemalloc.start()
    try:
        group(faces, 0.4)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A table of all pairs would be 288 MB in double precision.
    assert peak < 80e6


def test_new_faces_join_the_group_whose_members_are_nearest() -> None:
    faces = on_circle(0, 10, 100, 120, 240)
    means = np.stack([faces[:2].mean(axis=0), faces[2:4].mean(axis=0)])
    new = on_circle(8, 95, 240, 130)
    assert assign(new, means, 0.45).tolist() == [0, 1, -1, 1]
    assert assign(new, means[::-1], 0.45).tolist() == [1, 0, -1, 0]


def test_how_far_a_group_spreads_counts_when_a_face_joins() -> None:
    tight, wide = on_circle(0, 0), on_circle(-60, 60)
    means = np.stack([wide.mean(axis=0), tight.mean(axis=0)])
    assert assign(on_circle(0), means, 1.2).tolist() == [1]
    assert assign(on_circle(0), means[:1], 0.5).tolist() == [-1]
    assert assign(on_circle(0), means[:1], 1.01).tolist() == [0]


def test_a_face_joins_no_group_that_it_does_not_belong_to(monkeypatch: pytest.MonkeyPatch) -> None:
    new, means = on_circle(0, 5, 0, 100), on_circle(2, 20)
    monkeypatch.setattr(grouping, "CELLS", 2)
    assert assign(new, means, 0.45, never=[(0, 0), (1, 0), (1, 1)]).tolist() == [1, -1, 0, -1]


def test_groups_that_are_there_become_one_as_their_faces_would() -> None:
    faces = crowd(300, 20, spread=0.5)
    early = labels_of(faces, 0.3)
    sizes = np.bincount(early)
    means = np.stack([faces[early == number].astype(np.float64).mean(axis=0) for number in range(len(sizes))])
    assert len(sizes) > len(np.unique(labels_of(faces, 0.5)))
    later = group_means(means, sizes, 0.5)
    assert same_partition(later[early], labels_of(faces, 0.5))
    order = np.random.default_rng(1).permutation(len(sizes))
    assert same_partition(group_means(means[order], sizes[order], 0.5), later[order])


def test_without_faces_or_groups_nobody_joins() -> None:
    assert assign(on_circle(0, 1), np.empty((0, 2)), 0.4).tolist() == [-1, -1]
    assert assign(on_circle()[:0].reshape(0, 2), on_circle(0), 0.4).tolist() == []
    with pytest.raises(ValueError, match="no group"):
        assign(on_circle(0), crowd(2, 1), 0.4)


def test_groups_want_faces_nearer_than_one_comparison_does() -> None:
    assert 0 < grouping_distance(SimpleNamespace(threshold=0.408)) < 0.408
    assert grouping_distance(SimpleNamespace(threshold=0.816)) == pytest.approx(
        2 * grouping_distance(SimpleNamespace(threshold=0.408))
    )


def test_scores_by_hand() -> None:
    own = scores(np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2]))
    assert (own.precision, own.recall, own.groups, own.people) == (1 / 4, 1 / 3, 3, 3)
    assert (own.cubed_precision, own.cubed_recall) == pytest.approx((11 / 18, 4 / 6))
    assert own.f1 == pytest.approx(2 / 7)
    perfect = scores(np.array([5, 5, 7]), np.array([1, 1, 0]))
    assert (perfect.f1, perfect.cubed_f1) == (1, 1)


def test_scores_without_a_pair_are_whole() -> None:
    own = scores(np.arange(3), np.arange(3))
    assert (own.precision, own.recall, own.groups, own.people) == (1, 1, 3, 3)


def test_the_interval_of_a_share_holds_it() -> None:
    # Every other group of four has a stranger in it: 6 of 6 and 3 of 6 pairs are right.
    people = np.arange(160) // 4
    people[7::8] += 1000
    table = crossed(np.repeat(np.arange(40), 4), people)
    interval = share_interval(table)
    assert interval is not None
    low, high = interval
    assert low < 0.75 < high
    assert share_interval(np.eye(3, dtype=np.int64)) is None


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_of_the_table_finds_clear_people(method: str) -> None:
    faces = crowd(60, 5, spread=0.1)
    truth = labels_of(faces, 0.4)
    grouper = METHODS[method](faces)
    assert scores(grouper(best(grouper, truth)), truth).f1 == 1


def test_complete_linkage_and_density_by_hand() -> None:
    faces = on_circle(0, 10, 20, 60)
    limit = float(np.linalg.norm(faces[0] - faces[1])) * 1.01
    assert same_partition(METHODS["complete linkage"](faces)(limit), np.array([0, 0, 1, 2]))
    assert same_partition(METHODS["DBSCAN, 3 faces"](faces)(limit), np.array([0, 0, 0, 1]))
    assert same_partition(METHODS["DBSCAN, 3 faces"](faces[1:])(limit), np.array([0, 1, 2]))


def test_the_evaluation_judges_each_fold_by_the_other_and_all_together() -> None:
    rng = np.random.default_rng(5)
    names = [f"person_{number // 3:02}/person_{number // 3:02}_{number % 3}.webp" for number in range(120)]
    centres = unit(rng.normal(size=(40, 128)))
    faces = unit(np.repeat(centres, 3, axis=0) + rng.normal(size=(120, 128)) * 0.02)
    # Each person's first picture with their second, and with the third of the next person of the fold.
    own = np.arange(0, 120, 3)
    first, second = own.repeat(2), np.stack([own + 1, (own + 5) % 60 + own // 60 * 60], axis=1)
    same = np.tile([True, False], 40)
    fold = np.where(first < 60, 1, 2)
    pairs = Pairs(Path(), names, first, second.ravel(), same, fold)
    section = measured(faces, pairs)
    assert section.figures["all"]["f1"] == 1
    assert section.figures["all"]["people"] == 40
    assert {row.group for row in section.rows} == {"", "fold: 1", "fold: 2"}
    assert all(set(answers) == {1, 2} for answers in section.figures["methods"].values())
    assert len(section.figures["methods"]) == 1 + len(METHODS)
