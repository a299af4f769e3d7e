"""Distance by the pupils, and the groups of ages."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis import metrics


def face(*apart: float) -> np.ndarray:
    """Landmarks with the pupils so many pixels apart, on a slant."""
    points = np.full((len(apart), 27, 2), 500.0)
    points[:, 1] += np.array(apart)[:, None] * [0.6, 0.8]
    return points


def test_distance_of_a_face_worked_out_by_hand() -> None:
    # 1280 px over 63 degrees: f = 640 / tan(31.5 degrees) = 1044.4 px; 63 mm over 65.8 px are 1 m away.
    assert metrics.distance_cm(face(65.80), [0.0], 1280) == pytest.approx([100.0], abs=0.1)
    # 90 degrees: f = 500 px; 63 px stand for 63 mm at 500 mm.
    assert metrics.distance_cm(face(63.0), [0.0], 1000, 90.0) == pytest.approx([50.0])


def test_a_turned_head_is_not_further_away() -> None:
    shown = 80.0 * math.cos(math.radians(40))
    assert metrics.distance_cm(face(shown), [40.0], 1280) == pytest.approx(
        metrics.distance_cm(face(80.0), [0.0], 1280)
    )


def test_distance_halves_when_pupils_are_twice_as_far_apart() -> None:
    near, far = metrics.distance_cm(face(80.0, 40.0), [0.0, 0.0], 1280)
    assert far == pytest.approx(2 * near)


def test_distance_is_unknown_without_pupils_pose_or_a_face_that_shows_both_eyes() -> None:
    points = face(60.0, 60.0, 60.0, 60.0, 0.0)
    points[0, 1] = np.nan
    found = metrics.distance_cm(points, [0.0, np.nan, 61.0, -60.0, 0.0], 1280)
    assert np.isnan(found).tolist() == [True, True, True, False, True]
    assert metrics.distance_cm(np.zeros((0, 27, 2)), [], 1280).shape == (0,)


@pytest.mark.parametrize(("side", "view"), [(0, 63), (-5, 63), (1280, 0), (1280, 180)])
def test_a_camera_that_cannot_be_is_refused(side: float, view: float) -> None:
    with pytest.raises(ValueError, match="field of view"):
        metrics.distance_cm(face(60.0), [0.0], side, view)


@pytest.mark.parametrize(
    ("age", "group"),
    [
        (0, "Child"),
        (12.9, "Child"),
        (13, "Teen"),
        (19.9, "Teen"),
        (20, "Young-Adult"),
        (34.9, "Young-Adult"),
        (35, "Adult"),
        (64.9, "Adult"),
        (65, "Senior"),
        (100, "Senior"),
        (None, None),
        (float("nan"), None),
    ],
)
def test_groups_of_ages(age: float | None, group: str | None) -> None:
    assert metrics.age_group(age) == group


def test_groups_of_many_ages() -> None:
    assert metrics.age_groups(np.array([3, np.nan, 70], np.float32)) == ["Child", None, "Senior"]
    assert metrics.age_groups([]) == []
