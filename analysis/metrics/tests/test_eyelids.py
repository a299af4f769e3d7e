"""Open eyes and blinks: hysteresis, limits of duration, honesty about coarse rates."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from analysis import metrics
from analysis.metrics import Blink

from .helpers import every


def shut_at(ms: np.ndarray, *spans: tuple[int, int], depth: float = 0.0) -> np.ndarray:
    """How far an eye is open that is shut in some spans [start, end)."""
    opened = np.ones(len(ms))
    for start, end in spans:
        opened[(ms >= start) & (ms < end)] = depth
    return opened


def test_eyes_are_as_open_as_both_together() -> None:
    assert metrics.eyes_open([1.0, 0.5, np.nan], [0.0, 0.7, 1.0]).tolist() == pytest.approx(
        [0.5, 0.6, np.nan], nan_ok=True
    )


def test_blinks_are_found_with_their_times_and_rate() -> None:
    ms = every(40, 10.0)
    eye = shut_at(ms, (1000, 1200), (4000, 4160), (8000, 8400))
    found = metrics.blinks(ms, eye, eye)
    assert found.events == (Blink(1000, 1200), Blink(4000, 4160), Blink(8000, 8400))
    assert found.per_minute == pytest.approx(18.0)
    assert ms[found.during].tolist() == ms[eye == 0].tolist()


def test_eyes_shut_for_longer_or_shorter_than_a_blink_are_none() -> None:
    ms = every(20, 4.0)
    eye = shut_at(ms, (1000, 1520), (2000, 2040), (3000, 3500), depth=0.0)
    assert metrics.blinks(ms, eye, eye).events == (Blink(3000, 3500),)


def test_a_wink_is_no_blink() -> None:
    ms = every(40, 4.0)
    assert metrics.blinks(ms, shut_at(ms, (1000, 1200)), np.ones(len(ms))).events == ()


def test_lids_that_tremble_half_way_make_one_blink() -> None:
    ms = every(40, 2.0)
    eye = np.ones(50)
    eye[20:25] = [0.5, 0.3, 0.5, 0.3, 0.5]  # opens to 0.5 only: less than 0.6
    assert metrics.blinks(ms, eye, eye).events == (Blink(840, 1000),)


def test_narrow_eyes_are_measured_by_themselves() -> None:
    ms = every(40, 4.0)
    eye = 0.5 * shut_at(ms, (1000, 1200), depth=0.1)
    assert metrics.blinks(ms, eye, eye).events == (Blink(1000, 1200),)
    half = 0.5 * shut_at(ms, (1000, 1200), depth=0.5)  # 0.25 of what wide eyes would be, half of these
    assert metrics.blinks(ms, half, half).events == ()


def test_a_part_of_a_video_is_measured_by_the_whole() -> None:
    ms = every(40, 4.0)
    eye = shut_at(ms, (0, 1000), (1200, 1400), (1600, 4000), depth=0.3)
    usual = metrics.usually_open([1.0, 1.0, 1.0, 0.3, np.nan])
    assert usual == 1.0
    assert metrics.blinks(ms, eye, eye, usual=usual).events == (Blink(1200, 1400),)
    assert metrics.blinks(ms, eye, eye).events == ()  # for all that these samples show, 0.3 is usual
    assert metrics.usually_open([np.nan]) is None
    assert metrics.usually_open([]) is None


def test_shut_eyes_of_a_sleeper_blink_never() -> None:
    ms = every(40, 10.0)
    asleep = np.full(len(ms), 0.02)
    assert metrics.blinks(ms, asleep, asleep).events == ()


def test_a_blink_that_nobody_saw_begin_or_end_is_not_counted() -> None:
    ms = every(40, 4.0)
    for eye in (shut_at(ms, (0, 200)), shut_at(ms, (3800, 4000))):
        assert metrics.blinks(ms, eye, eye).events == ()
    eye = shut_at(ms, (1000, 1200))
    eye[ms == 960] = np.nan
    assert metrics.blinks(ms, eye, eye).events == ()
    gone = (ms < 1200) | (ms >= 1600)  # out of view as the eyes open
    eye = shut_at(ms, (1000, 1200))[gone]
    assert metrics.blinks(ms[gone], eye, eye).events == ()


def test_at_five_frames_a_second_no_rate_is_said() -> None:
    ms = every(200, 60.0)
    eye = shut_at(ms, (1000, 1200))
    found = metrics.blinks(ms, eye, eye)
    assert found.events == (Blink(1000, 1200),)
    assert found.per_minute is None
    ms = every(100, 60.0)
    eye = shut_at(ms, (1000, 1200))
    assert metrics.blinks(ms, eye, eye).per_minute == pytest.approx(1.0)


def test_the_rate_is_per_minute_of_eyes_that_were_seen() -> None:
    ms = every(50, 60.0)
    eye = shut_at(ms, (1000, 1200), (2000, 2200))
    eye[ms >= 30_000] = np.nan
    assert metrics.blinks(ms, eye, eye).per_minute == pytest.approx(4.0)


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_samples_make_no_blink(count: int) -> None:
    found = metrics.blinks(np.arange(count), np.zeros(count), np.zeros(count))
    assert (found.during.tolist(), found.events, found.per_minute) == ([False] * count, (), None)


def test_unknown_eyes_make_no_blink_and_no_rate() -> None:
    ms = every(40, 4.0)
    unknown = np.full(len(ms), np.nan)
    found = metrics.blinks(ms, unknown, unknown)
    assert (found.during.any(), found.events, found.per_minute) == (False, (), None)


@pytest.mark.parametrize("seed", range(5))
def test_blinks_do_not_overlap_and_move_with_time(seed: int) -> None:
    random = np.random.default_rng(seed)
    ms = np.cumsum(random.integers(20, 60, 500))
    eyes = random.random((2, 500))
    found = metrics.blinks(ms, *eyes)
    assert all(one.end_ms <= other.ms for one, other in pairwise(found.events))
    assert all(50 <= one.end_ms - one.ms <= 500 for one in found.events)
    later = metrics.blinks(ms + 1234, *eyes)
    assert [(one.ms - 1234, one.end_ms - 1234) for one in later.events] == [
        (one.ms, one.end_ms) for one in found.events
    ]
