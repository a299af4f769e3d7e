"""Peaks, points of rejection and engaging seconds: where they are, what they say, and when there are none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from analysis import metrics
from analysis.metrics import Moment
from analysis.metrics.moments import _prominences

from .helpers import anybody, every, mixed, moved, only, viewer


def bump(ms: np.ndarray, at: float, height: float, width: float = 1500.0) -> np.ndarray:
    """A hill with a flat top of about a second."""
    return height * np.clip((width - np.abs(ms - at)) / (width - 600), 0, 1)


# --- Peaks ------------------------------------------------------------------------------------------
def test_a_peak_is_found_with_its_place_height_and_extent() -> None:
    ms = every(100, 20.0)
    (found,) = metrics.peaks(ms, bump(ms, 8000, 0.8), emotion="happiness")
    assert (found.kind, found.emotion) == ("peak", "happiness")
    assert found.at_ms == pytest.approx(8000, abs=300)
    assert found.value == pytest.approx(0.8, abs=0.02)
    # Half of the height is reached 1050 ms before and after.
    assert found.ms == pytest.approx(6950, abs=200)
    assert found.end_ms == pytest.approx(9050, abs=200)


def test_small_and_level_curves_have_no_peak() -> None:
    ms = every(100, 20.0)
    assert metrics.peaks(ms, bump(ms, 8000, 0.29)) == []
    assert metrics.peaks(ms, np.full(len(ms), 0.9)) == []
    assert metrics.peaks(ms, 0.7 + bump(ms, 8000, 0.19)) == []  # high, but it does not stand out
    assert len(metrics.peaks(ms, 0.7 + bump(ms, 8000, 0.21))) == 1


def test_a_single_frame_is_no_peak() -> None:
    ms = every(40, 10.0)
    values = np.zeros(len(ms))
    values[100] = 1.0
    assert metrics.peaks(ms, values) == []


def test_of_two_peaks_close_together_the_higher_stays() -> None:
    ms = every(50, 20.0)
    hills = np.maximum(bump(ms, 8000, 0.9, 700), bump(ms, 9800, 0.8, 700))
    (found,) = metrics.peaks(ms, hills)
    assert found.at_ms == pytest.approx(8000, abs=300)
    assert len(metrics.peaks(ms, hills, apart_ms=500.0)) == 2


def test_a_laugh_at_the_very_end_is_a_peak() -> None:
    ms = every(100, 10.0)
    (found,) = metrics.peaks(ms, np.clip((ms - 7000) / 2000, 0, 1))
    assert found.at_ms >= 9000
    assert found.end_ms == 9900


def test_a_gap_parts_a_curve() -> None:
    ms = np.concatenate([every(100, 5.0), 20_000 + every(100, 5.0)])
    hills = np.maximum(bump(ms, 2500, 0.6), bump(ms, 22_500, 0.9))
    first, second = metrics.peaks(ms, hills)
    assert first.end_ms < 5000 < 20_000 < second.ms


def prominence_by_walking(curve: np.ndarray, at: int) -> float:
    """By the book: down from a high on either side until the ground is higher, or ends."""
    lows = []
    for side in (curve[:at][::-1], curve[at + 1 :]):
        higher = np.flatnonzero(side > curve[at])
        passed = side[: higher[0]] if len(higher) else side
        if len(passed) and not (passed == curve[at]).all():
            lows.append(float(passed.min()))
    return float(curve[at]) - max(lows)


@pytest.mark.parametrize("seed", range(200))
def test_prominence_is_what_walking_finds(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 60))
    curve = random.integers(0, 8, count) / 8 if seed % 2 else random.random(count)
    found = _prominences(curve, 0.25)
    assert found == [(at, pytest.approx(prominence_by_walking(curve, at))) for at, _ in found]
    strict = [
        at for at in range(1, count - 1) if curve[at - 1] < curve[at] > curve[at + 1] and curve[at] >= 0.25
    ]
    assert set(strict) <= {at for at, _ in found}


# --- Rejection --------------------------------------------------------------------------------------
def test_disgust_is_a_point_of_rejection_and_sadness_is_none() -> None:
    ms = every(200, 20.0)
    faces = np.tile(only("neutral"), (len(ms), 1))
    faces[25:40] = mixed(disgust=0.5, anger=0.2)
    faces[60:80] = mixed(sadness=0.9)
    (found,) = metrics.rejection(ms, faces, np.ones(len(ms)))
    assert (found.kind, found.emotion) == ("rejection", "disgust")
    assert found.value == pytest.approx(0.7)
    assert found.ms == pytest.approx(5000, abs=400)
    assert found.end_ms == pytest.approx(8000, abs=400)


def test_a_smile_with_some_contempt_is_no_rejection() -> None:
    ms = every(200, 10.0)
    faces = np.tile(mixed(happiness=0.55, contempt=0.42), (len(ms), 1))
    assert metrics.rejection(ms, faces, np.ones(len(ms))) == []


def test_a_flash_of_anger_is_no_rejection() -> None:
    ms = every(40, 10.0)
    faces = np.tile(only("neutral"), (len(ms), 1))
    faces[100:105] = only("anger")
    assert metrics.rejection(ms, faces, np.ones(len(ms))) == []


def test_looking_away_after_looking_is_a_point_of_rejection() -> None:
    ms = every(200, 12.0)
    looking = np.ones(len(ms))
    looking[25:45] = 0.0  # from 5 s to 9 s
    calm = np.tile(only("neutral"), (len(ms), 1))
    assert metrics.rejection(ms, calm, looking) == [Moment("rejection", 5000, 9000, 1.0, None, 5000)]


@pytest.mark.parametrize(
    ("looked", "away"), [(range(4), range(4, 60)), (range(50), range(50, 59)), (range(0), range(60))]
)
def test_looking_away_needs_a_look_before_it_and_time(looked: range, away: range) -> None:
    ms = every(200, 12.0)
    looking = np.ones(len(ms))
    looking[list(away)] = 0.0
    calm = np.tile(only("neutral"), (len(ms), 1))
    assert metrics.rejection(ms, calm, looking) == []


def test_leaving_the_view_is_no_rejection() -> None:
    ms = np.concatenate([every(200, 5.0), 20_000 + every(200, 5.0)])
    looking = np.where(ms < 5000, 1.0, 0.0)
    calm = np.tile(only("neutral"), (len(ms), 1))
    assert metrics.rejection(ms, calm, looking) == []
    unknown = np.where(every(200, 10.0) < 5000, 1.0, np.nan)
    assert metrics.rejection(every(200, 10.0), calm, unknown) == []


def test_rejection_without_known_attention_still_sees_faces() -> None:
    ms = every(200, 10.0)
    faces = np.tile(only("contempt"), (len(ms), 1))
    (found,) = metrics.rejection(ms, faces, np.full(len(ms), np.nan))
    assert (found.emotion, found.ms, found.end_ms) == ("contempt", 0, 10_000)


# --- Engaging seconds -------------------------------------------------------------------------------
def test_the_most_engaging_seconds_are_those_with_the_highest_mean() -> None:
    ms = every(500, 60.0)
    values = np.full(len(ms), 0.1)
    values[(ms >= 10_000) & (ms < 15_000)] = 0.9
    values[(ms >= 40_000) & (ms < 45_000)] = 0.6
    first, second = metrics.most_engaging(ms, values, count=2)
    assert (first.ms, first.end_ms) == (10_000, 15_000)
    assert first.value == pytest.approx(0.9)
    assert (second.ms, second.end_ms) == (40_000, 45_000)
    assert {first.kind, second.kind} == {"engaging"}


def test_a_short_video_is_one_stretch_and_time_out_of_view_engages_nobody() -> None:
    (found,) = metrics.most_engaging(every(500, 2.0), np.full(4, 0.4))
    assert (found.ms, found.end_ms) == (0, 2000)
    assert found.value == pytest.approx(0.4)
    gone = np.array([0, 500, 4000, 4500])
    (found,) = metrics.most_engaging(gone, np.full(4, 0.5), interval_ms=500.0)
    assert found.value == pytest.approx(0.5 * 2000 / 5000)


def test_nobody_engaged_makes_no_moment() -> None:
    ms = every(500, 20.0)
    assert metrics.most_engaging(ms, np.zeros(len(ms))) == []
    assert metrics.most_engaging(ms, np.full(len(ms), np.nan)) == []
    assert metrics.most_engaging([], []) == []
    with pytest.raises(ValueError, match="0 seconds"):
        metrics.most_engaging(ms, np.zeros(len(ms)), seconds=0)


@pytest.mark.parametrize("seed", range(5))
def test_engaging_stretches_do_not_overlap_and_none_beats_the_best(seed: int) -> None:
    random = np.random.default_rng(seed)
    ms = np.cumsum(random.choice([180, 220, 400, 3000], 200, p=[0.5, 0.4, 0.08, 0.02]))
    values = random.random(200)
    found = metrics.most_engaging(ms, values, seconds=3.0, count=5)
    assert len(found) == 5
    assert all(one.end_ms <= other.ms for one, other in pairwise(found))
    lasting = metrics.durations(ms)
    means = [
        sum(
            value * max(0.0, min(at + long, start + 3000) - max(at, start))
            for at, long, value in zip(ms.tolist(), lasting.tolist(), values.tolist(), strict=True)
        )
        / 3000
        for start in ms.tolist()
        if start + 3000 <= ms[-1] + lasting[-1]
    ]
    assert max(one.value for one in found) == pytest.approx(max(means))


# --- All together -----------------------------------------------------------------------------------
def test_the_moments_of_a_viewer_stand_in_the_order_of_time() -> None:
    ms = every(200, 60.0)
    faces = np.tile(only("neutral"), (len(ms), 1))
    faces[(ms >= 10_000) & (ms < 13_000)] = mixed(happiness=0.9)
    faces[(ms >= 30_000) & (ms < 33_000)] = mixed(disgust=0.8)
    away = np.where((ms >= 50_000) & (ms < 54_000), 60.0, 0.0)
    found = metrics.moments(viewer(ms, faces, yaw=away))
    assert [one.ms for one in found] == sorted(one.ms for one in found)
    seen = {(one.kind, one.emotion, round(one.at_ms, -4)) for one in found}
    assert {("peak", "happiness", 10_000), ("peak", "disgust", 30_000)} <= seen
    assert {("rejection", "disgust", 30_000), ("rejection", None, 50_000)} <= seen
    assert {one.emotion for one in found if one.kind == "engaging"} == {None}
    assert "neutral" not in {one.emotion for one in found}


def test_a_few_moments_are_the_strongest_of_every_kind() -> None:
    everything = metrics.moments(anybody(1, 3000), limit=10_000)
    some = metrics.moments(anybody(1, 3000), limit=12)
    assert len(everything) > 12
    assert len(some) == 12
    assert set(some) <= set(everything)
    for kind, emotion in {(one.kind, one.emotion) for one in some}:
        strongest = max(one.value for one in everything if (one.kind, one.emotion) == (kind, emotion))
        assert strongest in {one.value for one in some if (one.kind, one.emotion) == (kind, emotion)}


@pytest.mark.parametrize("seed", range(5))
def test_moments_are_in_range_and_move_with_time(seed: int) -> None:
    samples = anybody(seed, 500)
    found = metrics.moments(samples)
    assert found
    for one in found:
        assert samples.ms[0] <= one.ms <= one.at_ms <= one.end_ms
        assert 0 <= one.value <= 1
    later = metrics.moments(moved(samples, 4321))
    assert [(one.kind, one.emotion, one.ms + 4321, one.end_ms + 4321) for one in found] == [
        (one.kind, one.emotion, one.ms, one.end_ms) for one in later
    ]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_samples_have_no_peaks(count: int) -> None:
    assert metrics.moments(viewer(np.arange(count) * 200)) == []
