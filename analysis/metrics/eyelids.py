"""Open eyes and blinks, from how far each eye is open (0 shut, 1 open; `ml_models.eyes`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.metrics.timeline import Integers, columns, durations, gaps_after, interval_of

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Eyes count as shut below the first share of how far this person's are usually open, and as open again above
#: the second; in between they stay what they were.
SHUT, REOPENED = 0.4, 0.6
#: The least that 'usually open' can be: eyes that are hardly ever open are not measured by themselves.
LEAST_USUAL = 0.3
#: How long eyes are shut in a blink (milliseconds).
SHORTEST_MS, LONGEST_MS = 50.0, 500.0
#: A rate of blinks is said only when frames are no further apart than a short blink lasts (milliseconds).
RATE_INTERVAL_MS = 100.0


@dataclass(frozen=True)
class Blink:
    """One blink: from the first sample with shut eyes to the first with open ones (milliseconds)."""

    ms: int
    end_ms: int


@dataclass(frozen=True)
class Blinks:
    """The blinks of one person.

    during: bool (N,), whether a sample lies in a blink. events: in the order of time. per_minute: blinks per
    minute of known eyes; None when frames are too far apart to see every blink, or nothing is known.
    """

    during: Flags
    events: tuple[Blink, ...]
    per_minute: float | None


def eyes_open(left_open: ArrayLike, right_open: ArrayLike) -> Floats:
    """How far the eyes are open, in [0, 1], (N,): the mean of both, because both blink together."""
    mean: Floats = (np.asarray(left_open, np.float64) + np.asarray(right_open, np.float64)) / 2
    return mean


def usually_open(opened: ArrayLike) -> float | None:
    """How far somebody's eyes are usually open: the median of what is known of (N,); None of nothing."""
    given = np.asarray(opened, np.float64)
    known = given[np.isfinite(given)]
    return float(np.median(known)) if len(known) else None


def _shut(opened: Floats, usual: float | None) -> Flags:
    """Which samples have shut eyes, with hysteresis; unknown ones are not."""
    known = np.isfinite(opened)
    found = usually_open(opened) if usual is None else usual
    if found is None or not known.any():
        return np.zeros(len(opened), np.bool_)
    usual = max(found, LEAST_USUAL)
    sure = ~known | (opened < SHUT * usual) | (opened > REOPENED * usual)
    latest = np.maximum.accumulate(np.where(sure, np.arange(len(opened)), -1))
    shut: Flags = (latest >= 0) & (opened < SHUT * usual)[np.maximum(latest, 0)]
    return shut


def _closures(ms: Integers, opened: Floats, cut: Flags, usual: float | None) -> tuple[Integers, Integers]:
    """Stretches of shut samples, (K,) first and (K,) after the last, between open eyes and without a gap."""
    shut = _shut(opened, usual)
    edges = np.diff(np.concatenate([[False], shut, [False]]).astype(np.int8))
    firsts, afters = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    # Eyes that are shut when somebody appears, vanishes or cannot be measured have no known duration.
    inside = (firsts > 0) & (afters < len(ms))
    firsts, afters = firsts[inside], afters[inside]
    known = np.isfinite(opened[firsts - 1]) & np.isfinite(opened[afters])
    cuts = np.append(0, np.cumsum(cut))
    whole = known & (cuts[afters] == cuts[firsts - 1])
    return firsts[whole], afters[whole]


def blinks(
    ms: ArrayLike,
    left_open: ArrayLike,
    right_open: ArrayLike,
    interval_ms: float | None = None,
    usual: float | None = None,
) -> Blinks:
    """The blinks in N samples: both eyes shut for `SHORTEST_MS` to `LONGEST_MS` and open before and after.

    At 5 frames a second many blinks fall between two frames: those that are seen are listed, a rate is not
    said (see `RATE_INTERVAL_MS`). usual: `usually_open` of the person, where these samples are a part of
    theirs.
    """
    at, (left, right) = columns(ms, left_open, right_open)
    opened = eyes_open(left, right)
    lasting = durations(at, interval_ms)
    firsts, afters = _closures(at, opened, gaps_after(at, lasting), usual)
    lengths = at[afters] - at[firsts]
    short = (lengths >= SHORTEST_MS) & (lengths <= LONGEST_MS)
    firsts, afters = firsts[short], afters[short]
    events = [Blink(*span) for span in zip(at[firsts].tolist(), at[afters].tolist(), strict=True)]
    during = np.zeros(len(at), np.bool_)
    for first, after in zip(firsts.tolist(), afters.tolist(), strict=True):
        during[first:after] = True
    minutes = float(lasting[np.isfinite(opened)].sum()) / 60_000
    # Frames at 10 a second lie 100 ms apart, give or take the rounding to whole milliseconds.
    often = len(at) > 1 and interval_of(at, interval_ms) <= RATE_INTERVAL_MS + 1
    return Blinks(during, tuple(events), len(events) / minutes if often and minutes > 0 else None)
