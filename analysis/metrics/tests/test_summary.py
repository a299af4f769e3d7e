"""The summary of a person: known figures, what is unknown, weights, and three hours of every frame."""

from __future__ import annotations

import json
import time
from dataclasses import fields

import numpy as np
import pytest

from analysis import metrics
from analysis.metrics import Summary
from analysis.metrics.summary import ANGLES
from analysis.video.series import joined
from ml_models import EMOTIONS

from .helpers import anybody, every, mixed, moved, only, viewer

SHARES: tuple[str, ...]
SHARES = ("attention_share", "activation", "activation_max", "engagement", "engagement_max", "satisfaction")
SHARES += ("satisfaction_max", "relevance", "smile_share", "male", "glasses_share")
COUNTS = {"samples", "dwell_seconds"}


def test_ten_seconds_worked_out_by_hand() -> None:
    ms = every(200, 10.0)
    faces = np.tile(only("neutral"), (len(ms), 1))
    faces[ms >= 5000] = mixed(happiness=0.8)
    samples = viewer(ms, faces, yaw=np.where(ms < 2000, 60.0, 0.0), smile=np.where(ms >= 5000, 0.9, 0.1))
    found = metrics.summarise(samples, interval_ms=200.0, longer_side=1280)
    assert (found.samples, found.first_ms, found.last_ms) == (50, 0, 9800)
    assert found.dwell_seconds == pytest.approx(10.0)
    assert (found.glances, found.attended_seconds) == (1, pytest.approx(8.0))
    assert found.attention_share == pytest.approx(0.8)
    assert found.emotions == pytest.approx({**dict.fromkeys(EMOTIONS, 0), "neutral": 0.6, "happiness": 0.4})
    percents = (found.positive_percent, found.neutral_percent, found.negative_percent)
    assert percents == pytest.approx((40.0, 60.0, 0.0), abs=1e-4)
    assert found.activation == pytest.approx(0.4)
    assert found.activation_max == pytest.approx(0.8)
    assert found.engagement == pytest.approx(0.4)
    assert found.satisfaction == pytest.approx(0.7)
    assert found.satisfaction_max == pytest.approx(0.9)
    assert found.valence == pytest.approx(0.4 * 0.81)
    assert (found.valence_min, found.valence_max) == pytest.approx((0.0, 0.8 * 0.81))
    assert found.relevance == pytest.approx(0.8)
    assert (found.blinks, found.blinks_per_minute) == (0, None)
    assert found.smile_share == pytest.approx(0.5)
    assert (found.age, found.age_group, found.gender) == (40.0, "Adult", "female")
    assert found.male == pytest.approx(0.2)
    assert (found.glasses, found.glasses_share) == (False, 0.0)
    # Half of the pupils' distance is hidden while the head is turned by 60 degrees, for 2 of 10 seconds.
    straight = 640 / np.tan(np.radians(31.5)) * 63 / 63 / 10
    assert found.distance_cm == pytest.approx(straight * (0.8 + 0.2 * 0.5), rel=1e-5)


def test_samples_count_by_the_time_that_they_stand_for() -> None:
    ms = np.concatenate([np.arange(0, 1000, 50), np.arange(1000, 4000, 200)])
    faces = np.where((ms < 1000)[:, None], only("happiness"), only("neutral"))
    found = metrics.summarise(viewer(ms, faces), interval_ms=200.0)
    assert found.dwell_seconds == pytest.approx(4.0)
    assert found.activation == pytest.approx(0.25)
    assert found.positive_percent == pytest.approx(25.0)


def test_nobody_has_an_empty_summary() -> None:
    found = metrics.summarise(viewer([]))
    for field in fields(Summary):
        assert getattr(found, field.name) == (0 if field.name in COUNTS else None), field.name


def test_what_is_unknown_is_none() -> None:
    ms = every(200, 4.0)
    hidden = dict.fromkeys(("age", "male", "glasses", "smile", "left_open", "gaze_yaw"), np.nan)
    found = metrics.summarise(viewer(ms, np.full((len(ms), 8), np.nan), **hidden))
    known = {field.name for field in fields(Summary) if getattr(found, field.name) is not None}
    assert known == {"samples", "first_ms", "last_ms", "dwell_seconds"}


def test_emotions_are_said_without_attention_and_attention_without_emotions() -> None:
    ms = every(200, 4.0)
    found = metrics.summarise(viewer(ms, gaze_pitch=np.nan))
    assert (found.attention_share, found.glances, found.engagement, found.relevance) == (None,) * 4
    assert (found.activation, found.neutral_percent) == (0.0, 100.0)
    found = metrics.summarise(viewer(ms, np.full((len(ms), 8), np.nan)))
    assert (found.attention_share, found.glances, found.activation) == (1.0, 1, None)


def test_one_sample_has_a_summary() -> None:
    found = metrics.summarise(viewer([5000], only("happiness")[None]))
    assert (found.samples, found.first_ms, found.last_ms) == (1, 5000, 5000)
    assert found.dwell_seconds == pytest.approx(0.2)
    assert (found.positive_percent, found.activation, found.glances) == (100.0, 1.0, 1)
    assert found.blinks_per_minute is None


@pytest.mark.parametrize("seed", range(8))
def test_every_figure_is_in_its_range_and_the_scores_make_a_hundred(seed: int) -> None:
    found = metrics.summarise(anybody(seed), longer_side=1280)
    for name in SHARES:
        assert 0 <= getattr(found, name) <= 1, name
    assert found.valence_min is not None
    assert -1 <= found.valence_min <= (found.valence or 0) <= (found.valence_max or 0) <= 1
    percents = (found.positive_percent, found.neutral_percent, found.negative_percent)
    assert sum(one or 0 for one in percents) == pytest.approx(100.0)
    assert sum((found.emotions or {}).values()) == pytest.approx(1.0)
    assert (found.attended_seconds or 0) <= found.dwell_seconds


@pytest.mark.parametrize("seed", range(4))
def test_later_is_not_different(seed: int) -> None:
    samples = anybody(seed)
    found, later = (metrics.summarise(one).as_json() for one in (samples, moved(samples, 3_600_000)))
    assert later.pop("first_ms") == found.pop("first_ms") + 3_600_000
    assert later.pop("last_ms") == found.pop("last_ms") + 3_600_000
    assert later == found


def test_the_order_in_which_tracks_are_joined_changes_nothing() -> None:
    samples = anybody(5)
    parts = [samples.chosen(slice(at, at + 60)) for at in range(0, 300, 60)]
    whole = metrics.summarise(samples).as_json()
    assert metrics.summarise(joined(parts[::-1])).as_json() == whole


def test_a_summary_can_be_kept_as_json() -> None:
    kept = metrics.summarise(anybody(2), longer_side=1920).as_json()
    assert json.loads(json.dumps(kept, allow_nan=False)) == kept
    assert set(kept) == {field.name for field in fields(Summary)}
    assert kept["activation"] == round(kept["activation"], 4)
    assert json.dumps(metrics.summarise(viewer([])).as_json(), allow_nan=False)


def test_curves_have_every_metric_of_every_sample() -> None:
    samples = anybody(3)
    found = metrics.curves(samples, longer_side=1280)
    assert {len(curve) for curve in found.values()} == {len(samples)}
    assert set(EMOTIONS) <= set(found)
    angles = (samples[name] for name in ANGLES)
    assert found["attention"] == pytest.approx(metrics.attention(*angles), nan_ok=True)
    for name in ("activation", "valence", "satisfaction", "rejecting"):
        assert found[name] == pytest.approx(getattr(metrics, name)(samples.emotions), nan_ok=True)
    assert found["neutral_score"] == pytest.approx(metrics.neutral(samples.emotions), nan_ok=True)
    assert np.isfinite(found["distance_cm"]).any()
    assert np.isnan(metrics.curves(samples)["distance_cm"]).all()


def test_a_blink_stands_in_its_curve() -> None:
    ms = every(40, 4.0)
    eye = np.where((ms >= 1000) & (ms < 1200), 0.0, 1.0)
    eye[ms >= 3000] = np.nan
    found = metrics.curves(viewer(ms, left_open=eye, right_open=eye))["blink"]
    assert ms[found == 1].tolist() == [1000, 1040, 1080, 1120, 1160]
    assert np.isnan(found[ms >= 3000]).all()


# --- Relevance --------------------------------------------------------------------------------------
def test_relevance_is_the_mean_of_peak_and_end() -> None:
    ms = every(200, 60.0)
    values = np.full(len(ms), 0.1)
    values[(ms >= 20_000) & (ms < 23_000)] = 0.9
    values[ms >= 55_000] = 0.3
    assert metrics.relevance(ms, values) == pytest.approx((0.9 + 0.3) / 2)


def test_how_long_it_was_says_nothing_of_relevance() -> None:
    ms = every(200, 600.0)
    values = np.zeros(len(ms))
    values[:20] = 0.8
    assert metrics.relevance(ms, values) == pytest.approx(0.4)
    assert metrics.relevance(ms[:100], values[:100]) == pytest.approx(0.4)


def test_relevance_is_unknown_without_engagement() -> None:
    assert np.isnan(metrics.relevance([], []))
    assert np.isnan(metrics.relevance([0, 200], [np.nan, np.nan]))
    ms = every(200, 20.0)
    assert np.isnan(metrics.relevance(ms, np.where(ms < 10_000, 0.5, np.nan)))


def test_three_hours_of_every_frame_take_a_second_or_so() -> None:
    """324,000 samples took half a second of a processor; the limit leaves room for slower ones."""
    samples = anybody(9, 324_000)
    began = time.process_time()
    found = metrics.summarise(samples, longer_side=1280)
    assert time.process_time() - began < 3.0
    assert found.samples == 324_000
