"""What samples stand for, smoothing, bins and charts over irregular time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from analysis import metrics

from .helpers import every


def uneven(seed: int, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Irregular times with gaps, and values of which some are unknown."""
    random = np.random.default_rng(seed)
    values = random.random(count)
    values[random.random(count) < 0.1] = np.nan
    return np.cumsum(random.choice([33, 200, 400, 5000], count, p=[0.3, 0.5, 0.15, 0.05])), values


# --- Durations --------------------------------------------------------------------------------------
def test_a_sample_stands_for_the_time_to_the_next_one() -> None:
    assert metrics.durations([0, 150, 400, 600], 200.0).tolist() == [150, 250, 200, 200]


def test_a_gap_is_nobodys_time() -> None:
    assert metrics.durations([0, 200, 600, 1400], 200.0).tolist() == [200, 400, 200, 200]


def test_without_an_interval_the_median_is_taken() -> None:
    assert metrics.durations([0, 40, 80, 120, 9000]).tolist() == [40, 40, 40, 40, 40]
    assert metrics.durations([77]).tolist() == [200]
    assert metrics.durations([]).tolist() == []


@pytest.mark.parametrize("ms", [[0, 200, 200], [200, 0], [[0, 1]]])
def test_times_that_do_not_ascend_are_refused(ms: list[int]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        metrics.durations(ms)


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0 ms"):
        metrics.durations([0, 1], 0.0)


# --- Means ------------------------------------------------------------------------------------------
def test_means_are_weighted_by_time_and_leave_out_what_is_unknown() -> None:
    assert metrics.mean_over_time([0.0, 1.0, np.nan], [300, 100, 600]) == pytest.approx(0.25)
    assert metrics.mean_over_time([[0, 4], [1, 8]], [300, 100]).tolist() == pytest.approx([0.25, 5.0])
    assert np.isnan(metrics.mean_over_time([np.nan], [100]))
    assert np.isnan(metrics.mean_over_time([], []))


def test_medians_are_weighted_by_time() -> None:
    assert metrics.median_over_time([30, 20, 50], [1, 1, 1]) == 30
    assert metrics.median_over_time([30, 20, 50], [1, 1, 5]) == 50
    assert metrics.median_over_time([30, np.nan, 50], [2, 9, 1]) == 30
    assert np.isnan(metrics.median_over_time([np.nan], [1]))
    assert np.isnan(metrics.median_over_time([], []))


# --- Smoothing --------------------------------------------------------------------------------------
def test_a_moving_mean_worked_out_by_hand() -> None:
    # Half a second before and after: two samples on each side, all of 200 ms.
    smoothed = metrics.smooth(every(200, 1.4), [0, 0, 0, 1, 0, 0, 0], 1000)
    assert smoothed.tolist() == pytest.approx([0, 1 / 4, 1 / 5, 1 / 5, 1 / 5, 1 / 4, 0])


def test_smoothing_weighs_by_time() -> None:
    # 100 ms of 1 and 300 ms of 0.
    assert metrics.smooth([0, 100], [1.0, 0.0], 1000, 300.0)[0] == pytest.approx(0.25)


def test_several_columns_are_smoothed_as_each_alone() -> None:
    ms, first = uneven(1)
    _, second = uneven(2)
    together = metrics.smooth(ms, np.stack([first, second], axis=1))
    assert together[:, 0] == pytest.approx(metrics.smooth(ms, first), nan_ok=True)
    assert together[:, 1] == pytest.approx(metrics.smooth(ms, second), nan_ok=True)


@pytest.mark.parametrize("seed", range(5))
def test_smoothing_keeps_the_range_what_is_unknown_and_constants(seed: int) -> None:
    ms, values = uneven(seed)
    smoothed = metrics.smooth(ms, values)
    assert (np.isnan(smoothed) == np.isnan(values)).all()
    assert np.nanmin(values) <= np.nanmin(smoothed)
    assert np.nanmax(smoothed) <= np.nanmax(values)
    assert metrics.smooth(ms + 999, values) == pytest.approx(smoothed, nan_ok=True)
    assert set(metrics.smooth(ms, np.full(len(ms), 0.3)).tolist()) == {0.3}


def test_smoothing_nothing_gives_nothing() -> None:
    assert metrics.smooth([], []).tolist() == []
    assert np.isnan(metrics.smooth([1, 2], [np.nan, np.nan])).all()
    with pytest.raises(ValueError, match="as many values"):
        metrics.smooth([1, 2], [1.0])


# --- Bins -------------------------------------------------------------------------------------------
def test_bins_worked_out_by_hand() -> None:
    # 0 to 300: 1; 300 to 500: 0; then a gap; 1000 to 1200: 0.5.
    found = metrics.resample(
        [0, 300, 1000], [1.0, 0.0, 0.5], bin_ms=400, start_ms=0, end_ms=1500, interval_ms=200.0
    )
    assert found.tolist() == pytest.approx([0.75, 0.0, 0.5, np.nan], nan_ok=True)


def test_coarse_samples_fill_fine_bins() -> None:
    found = metrics.resample([0, 1000], [0.2, 0.8], bin_ms=250, start_ms=0, end_ms=2000)
    assert found.tolist() == pytest.approx([0.2] * 4 + [0.8] * 4)


def test_bins_outside_of_what_is_known_are_unknown() -> None:
    found = metrics.resample([5000], [0.4], bin_ms=1000, start_ms=3000, end_ms=8000)
    assert found.tolist() == pytest.approx([np.nan, np.nan, 0.4, np.nan, np.nan], nan_ok=True)
    assert np.isnan(metrics.resample([], [], bin_ms=100, start_ms=0, end_ms=250)).tolist() == [True] * 3
    assert metrics.resample([0], [1.0], bin_ms=100, start_ms=50, end_ms=50).shape == (0,)
    with pytest.raises(ValueError, match="bin"):
        metrics.resample([0], [1.0], bin_ms=0, start_ms=0, end_ms=50)


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_over_all_bins_is_the_mean_over_time(seed: int) -> None:
    ms, values = uneven(seed)
    lasting = metrics.durations(ms)
    whole = metrics.resample(ms, values, bin_ms=float(ms[-1]) + 5000, start_ms=0, end_ms=float(ms[-1]) + 5000)
    assert whole.tolist() == pytest.approx([metrics.mean_over_time(values, lasting)])
    bins = metrics.resample(ms, values, bin_ms=500, start_ms=0, end_ms=float(ms[-1]))
    assert np.nanmin(values) <= np.nanmin(bins) <= np.nanmax(bins) <= np.nanmax(values)


# --- Charts -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("points", [8, 50, 500, 2000])
def test_a_chart_keeps_the_highest_the_lowest_the_ends_and_a_break(points: int) -> None:
    ms = every(33, 3600.0)
    values = 0.5 + 0.1 * np.sin(ms / 60_000)
    values[[41_234, 77_777]] = [0.99, 0.01]
    values[60_000:60_005] = np.nan
    at, shown = metrics.downsample(ms, values, points)
    assert len(at) <= points
    assert (np.diff(at) > 0).all()
    assert (at[0], at[-1]) == (ms[0], ms[-1])
    assert (np.nanmax(shown), np.nanmin(shown)) == (0.99, 0.01)
    assert np.isnan(shown).sum() == 1
    assert set(at.tolist()) <= set(ms.tolist())


@pytest.mark.parametrize("count", [0, 1, 8])
def test_a_short_chart_stays_as_it_is(count: int) -> None:
    at, shown = metrics.downsample(np.arange(count), np.arange(count) / 10, 8)
    assert (at.tolist(), shown.tolist()) == (list(range(count)), [k / 10 for k in range(count)])


def test_a_chart_of_too_few_points_is_refused() -> None:
    with pytest.raises(ValueError, match="8 points"):
        metrics.downsample([1], [1.0], 7)


def test_a_line_breaks_where_somebody_is_out_of_view() -> None:
    at, shown = metrics.with_breaks([0, 200, 400, 5000, 5200], [1, 2, 3, 4, 5], 200.0)
    assert at.tolist() == [0, 200, 400, 600, 5000, 5200]
    assert shown.tolist() == pytest.approx([1, 2, 3, np.nan, 4, 5], nan_ok=True)
    assert [part.tolist() for part in metrics.with_breaks([], [])] == [[], []]
    assert metrics.with_breaks([3], [0.5])[0].tolist() == [3]


WITH_VALUES: list[Callable[..., object]] = [metrics.downsample, metrics.with_breaks, metrics.smooth]


@pytest.mark.parametrize("function", WITH_VALUES, ids=lambda one: one.__name__)
def test_values_that_belong_to_no_time_are_refused(function: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="as many values"):
        function([0, 1, 2], [0.5, 0.5], 100)
