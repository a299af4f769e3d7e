"""Several people over time, whoever is there and however often they were sampled."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import metrics
from analysis.metrics import Curve

from .helpers import every


def level(ms: np.ndarray, value: float) -> Curve:
    return Curve(ms, np.full(len(ms), value))


def test_everybody_counts_the_same_however_often_they_were_sampled() -> None:
    found = metrics.audience([level(every(33, 10.0), 1.0), level(every(500, 10.0), 0.0)], bin_ms=1000)
    assert found.ms.tolist() == [1000 * k for k in range(len(found.ms))]
    assert found.mean[:10].tolist() == pytest.approx([0.5] * 10)
    assert found.count[:10].tolist() == [2] * 10
    assert found.low[:10].tolist() == [0.0] * 10
    assert found.high[:10].tolist() == [1.0] * 10


def test_who_is_absent_does_not_count() -> None:
    found = metrics.audience([level(every(200, 4.0), 0.2), level(every(200, 2.0) + 2000, 0.6)], bin_ms=1000)
    assert found.mean.tolist() == pytest.approx([0.2, 0.2, 0.4, 0.4])
    assert found.count.tolist() == [1, 1, 2, 2]


def test_bins_without_anybody_are_unknown() -> None:
    found = metrics.audience([level(every(200, 2.0), 0.2)], bin_ms=1000, start_ms=-1000, end_ms=4000)
    assert found.count.tolist() == [0, 1, 1, 0, 0]
    for curve in (found.mean, found.low, found.high):
        assert np.isnan(curve).tolist() == [True, False, False, True, True]


def test_unknown_values_count_for_nobody() -> None:
    ms = every(500, 2.0)
    found = metrics.audience([Curve(ms, np.array([np.nan, np.nan, 0.5, 0.5])), level(ms, 0.1)], bin_ms=1000)
    assert found.count.tolist() == [1, 2]
    assert found.mean.tolist() == pytest.approx([0.1, 0.3])


def test_nobody_at_all_is_an_empty_audience() -> None:
    empty = np.zeros(0)
    for people in ([], [Curve(empty.astype(np.int32), empty)]):
        found = metrics.audience(people, bin_ms=1000)
        assert [len(part) for part in (found.ms, found.mean, found.count)] == [0, 0, 0]
    assert metrics.audience([], bin_ms=1000, end_ms=3000).count.tolist() == [0, 0, 0]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_people_changes_nothing_and_the_mean_lies_between(seed: int) -> None:
    random = np.random.default_rng(seed)
    people = [
        Curve(np.cumsum(random.choice([100, 200, 4000], 80, p=[0.5, 0.45, 0.05])), random.random(80))
        for _ in range(6)
    ]
    found, turned = (metrics.audience(order, bin_ms=700) for order in (people, people[::-1]))
    assert found.mean == pytest.approx(turned.mean, nan_ok=True)
    assert found.count.tolist() == turned.count.tolist()
    there = found.count > 0
    assert (found.low[there] <= found.mean[there]).all()
    assert (found.mean[there] <= found.high[there]).all()
    later = metrics.audience([Curve(one.ms + 7000, one.values) for one in people], bin_ms=700)
    assert later.mean == pytest.approx(found.mean, nan_ok=True)
    assert later.ms.tolist() == (found.ms + 7000).tolist()
