"""Attention from angles, looks from attention, time in view from the times of samples."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import metrics
from ml_models.head_pose import rotations

from .helpers import every


@pytest.mark.parametrize(
    ("yaw", "pitch", "gaze_yaw", "gaze_pitch", "attends"),
    [
        (0, 0, 0, 0, 1),
        (20, 0, 0, 0, 1),
        (-20, 0, 0, 0, 1),
        (26, 0, 0, 0, 0),  # the head is within 30 degrees, the line of sight is not within 25
        (30, 0, -10, 0, 1),  # the eyes make up for the head
        (31, 0, -20, 0, 0),  # nothing makes up for a head beyond 30 degrees
        (0, 0, 26, 0, 0),  # the head is towards the screen, the eyes are not
        (0, -25, 0, 0, 1),  # the lower edge of the screen
        (0, -20, 0, -11, 0),  # the keyboard
        (0, 15, 0, 0, 1),
        (0, 16, 0, 0, 0),  # above the screen
        (24, -24, 0, 0, 0),  # each angle is within 30 degrees, both together turn the head by 33
    ],
)
def test_who_looks_at_the_screen(
    yaw: float, pitch: float, gaze_yaw: float, gaze_pitch: float, attends: float
) -> None:
    assert metrics.attention(yaw, pitch, gaze_yaw, gaze_pitch) == attends


@pytest.mark.parametrize("unknown", range(4))
def test_attention_is_unknown_without_one_of_the_angles(unknown: int) -> None:
    angles = [np.zeros(2) for _ in range(4)]
    angles[unknown][1] = np.nan
    assert metrics.attention(*angles).tolist() == pytest.approx([1.0, np.nan], nan_ok=True)


@pytest.mark.parametrize("seed", range(3))
def test_attention_is_all_or_nothing_and_the_same_to_both_sides(seed: int) -> None:
    yaw, pitch, gaze_yaw, gaze_pitch = np.random.default_rng(seed).normal(0, 25, (4, 1000))
    found = metrics.attention(yaw, pitch, gaze_yaw, gaze_pitch)
    assert set(found.tolist()) == {0.0, 1.0}
    assert found.tolist() == metrics.attention(-yaw, pitch, -gaze_yaw, gaze_pitch).tolist()
    # A head that turns further while the eyes stay never comes back to the screen.
    further = metrics.attention(yaw * 2, pitch, 0.0 * yaw, gaze_pitch)
    assert (further <= metrics.attention(yaw, pitch, 0.0 * yaw, gaze_pitch)).all()


def test_the_eyes_of_a_leaning_head_turn_with_it() -> None:
    # Of a head that lies on its side, what is up for it is to the right, and its right is down.
    sideways, up = metrics.line_of_sight([0.0, 5.0], 0.0, [0.0, 20.0], [10.0, 0.0], 90.0)
    assert sideways.tolist() == pytest.approx([10.0, 0.0])
    assert up.tolist() == pytest.approx([0.0, -25.0])
    assert metrics.attention(0, 0, 0, 20, 0) == 0
    assert metrics.attention(0, 0, 0, 20, 90) == 1
    assert np.isnan(metrics.attention(0, 0, 0, 0, np.nan))


@pytest.mark.parametrize("seed", range(3))
def test_the_line_of_sight_is_that_of_the_rotated_head(seed: int) -> None:
    random = np.random.default_rng(seed)
    yaw, pitch, roll, gaze_yaw, gaze_pitch = random.uniform(-20, 20, (5, 2000))
    sideways, up = metrics.line_of_sight(yaw, pitch, gaze_yaw, gaze_pitch, roll)
    near = np.hypot(sideways, up) < 30
    head, eye = rotations(yaw, pitch, roll), rotations(gaze_yaw, gaze_pitch, np.zeros(2000))
    exact = head @ eye @ np.array([0.0, 0.0, -1.0])  # out of the face, towards what it looks at
    assert np.degrees(np.arctan2(exact[:, 0], -exact[:, 2]))[near] == pytest.approx(sideways[near], abs=4)
    assert -np.degrees(np.arcsin(exact[:, 1]))[near] == pytest.approx(up[near], abs=4)


def test_the_line_of_sight_is_the_head_and_the_gaze_together() -> None:
    sideways, up = metrics.line_of_sight([10.0, -5.0], [2.0, 3.0], [-4.0, 1.0], [1.0, 1.0])
    assert sideways.tolist() == [6.0, -4.0]
    assert up.tolist() == [3.0, 4.0]


def test_looks_are_counted_apart_when_somebody_looks_away_for_longer_than_a_blink() -> None:
    ms = every(100, 3.0)
    looking = np.ones(30)
    looking[5:9] = 0.0  # 400 ms: still the same look
    looking[15:20] = 0.0  # 500 ms: another
    assert metrics.looks(ms, looking) == [(0, 1500), (2000, 3000)]
    assert metrics.glances(ms, looking) == 2
    assert metrics.attended_seconds(ms, looking) == pytest.approx(2.1)
    assert metrics.attention_share(ms, looking) == pytest.approx(0.7)


def test_a_flicker_of_one_frame_is_no_look() -> None:
    looking = np.zeros(60)
    looking[30] = 1.0
    assert metrics.glances(every(33, 60 * 0.033), looking) == 0
    assert metrics.glances(every(200, 12.0), looking) == 1  # at 5 a second one frame stands for 200 ms


def test_leaving_the_view_ends_a_look() -> None:
    ms = np.array([0, 200, 400, 3000, 3200])
    assert metrics.looks(ms, np.ones(5), 200.0) == [(0, 600), (3000, 3400)]


def test_unknown_attention_counts_neither_as_looking_nor_as_looking_away() -> None:
    ms = every(200, 2.0)
    looking = np.array([1, 1, np.nan, np.nan, 0, 0, 0, 1, np.nan, np.nan])
    assert metrics.attended_seconds(ms, looking) == pytest.approx(0.6)
    assert metrics.attention_share(ms, looking) == pytest.approx(0.5)
    assert np.isnan(metrics.attention_share(ms, np.full(10, np.nan)))
    assert metrics.glances(ms, np.full(10, np.nan)) == 0


def test_dwell_is_the_time_in_view_without_gaps() -> None:
    assert metrics.dwell_seconds([0, 200, 400, 600], 200.0) == pytest.approx(0.8)
    assert metrics.dwell_seconds([0, 200, 5000, 5200], 200.0) == pytest.approx(0.8)
    assert metrics.dwell_seconds([0, 200, 600], 200.0) == pytest.approx(0.8)  # one frame missed is no gap
    assert metrics.dwell_seconds([]) == 0
    assert metrics.dwell_seconds([7000]) == pytest.approx(0.2)  # the usual five a second


def test_later_is_not_different() -> None:
    ms, looking = every(200, 20.0), np.random.default_rng(1).integers(0, 2, 100)
    later = [(start + 5000, end + 5000) for start, end in metrics.looks(ms, looking)]
    assert metrics.looks(ms + 5000, looking) == later
    assert metrics.dwell_seconds(ms + 5000) == metrics.dwell_seconds(ms)
