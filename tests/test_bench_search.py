"""`make bench-search`: its made-up people are as far apart as real ones, and its verdict is right."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import bench_people
import bench_search


def test_made_up_people_are_as_far_apart_as_those_of_lfw() -> None:
    people = bench_people.crowd(3000, seed=1, per_person=2)
    one, other = people.vectors[::2], people.vectors[1::2]
    same = np.linalg.norm(one - other, axis=1)
    strangers = np.linalg.norm(one[:-1] - one[1:], axis=1)
    assert np.allclose(np.linalg.norm(people.vectors, axis=1), 1, atol=1e-5)
    assert same.mean() == pytest.approx(0.289, abs=0.02)
    assert strangers.mean() == pytest.approx(0.569, abs=0.02)
    assert strangers.std() == pytest.approx(0.064, abs=0.01)
    # A further view belongs to its person.
    views = np.linalg.norm(people.probes - one[people.probed], axis=1)
    assert views.mean() == pytest.approx(0.289, abs=0.02)


def test_the_same_seed_makes_the_same_people() -> None:
    assert np.array_equal(bench_people.crowd(40, seed=3).vectors, bench_people.crowd(40, seed=3).vectors)


def test_the_nearest_people_are_those_of_faces_and_templates() -> None:
    people = bench_people.crowd(303, seed=2, probes=20)
    found = bench_people.nearest_people(people.vectors, people.person, people.probes, 4)
    for probe, row in zip(people.probes, found, strict=True):
        wanted = []
        for number in range(int(people.person[-1]) + 1):
            mine = people.vectors[people.person == number]
            mean = mine.mean(axis=0)
            looked_at = [*mine, mean / np.linalg.norm(mean)] if len(mine) > 1 else list(mine)
            wanted.append(min(float(np.linalg.norm(one - probe)) for one in looked_at))
        assert row == pytest.approx(sorted(wanted)[:4], abs=1e-3)


def test_recall_is_the_share_of_the_nearest_that_were_found() -> None:
    exact = np.array([[0.1, 0.2, 0.3, 0.4]])
    assert bench_people.recall([[0.1, 0.2, 0.3, 0.4]], exact) == 1
    assert bench_people.recall([[0.1, 0.2, 0.41, 0.5]], exact) == 0.5
    assert bench_people.recall([[]], exact) == 0


def test_the_verdict_says_what_does_not_hold() -> None:
    def measured(p50: float, found: float) -> bench_search.Measured:
        return bench_search.Measured(1000, False, 0.1, 1, 1, 1, p50, 3.0, 1.0, 3.0, found, 1.0)

    assert [line.rsplit(": ", 1)[1] for line in bench_search._verdicts([measured(1.5, 0.995)])] == [
        "holds",
        "holds",
    ]
    assert [line.rsplit(": ", 1)[1] for line in bench_search._verdicts([measured(2.5, 0.98)])] == [
        "DOES NOT HOLD",
        "DOES NOT HOLD",
    ]
