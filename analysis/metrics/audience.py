"""Several people at once: their mean curve over time, with how many are behind each point of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.metrics.timeline import durations, resample, times

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One metric of one person: times (N,), values (N,), and the time between analysed frames if known."""

    ms: NDArray[np.integer]
    values: NDArray[np.floating]
    interval_ms: float | None = None


@dataclass(frozen=True)
class Audience:
    """A metric of several people in B bins.

    ms: the start of each bin. mean, low, high: mean, lowest and highest of the people of whom something is
    known in the bin; NaN where there is nobody. count: how many people those are.
    """

    ms: Floats
    mean: Floats
    low: Floats
    high: Floats
    count: NDArray[np.int64]


def _range(curves: Sequence[Curve], start_ms: float | None, end_ms: float | None) -> tuple[float, float]:
    """From the first sample to the end of the last one, where it is not given."""
    known = [(times(one.ms), durations(one.ms, one.interval_ms)) for one in curves if len(one.ms)]
    first = min((float(at[0]) for at, _ in known), default=0.0) if start_ms is None else start_ms
    last = max((float(at[-1] + lasting[-1]) for at, lasting in known), default=first)
    return first, last if end_ms is None else end_ms


def audience(
    curves: Sequence[Curve], *, bin_ms: float, start_ms: float | None = None, end_ms: float | None = None
) -> Audience:
    """The mean of several people over time: first the mean of each person in each bin, then of the people.

    So everybody counts the same in a bin, however often they were sampled; who is absent does not count.
    """
    start, end = _range(curves, start_ms, end_ms)
    empty = resample([], [], bin_ms=bin_ms, start_ms=start, end_ms=end)
    total, count = np.zeros(len(empty)), np.zeros(len(empty), np.int64)
    low, high = empty.copy(), empty.copy()
    for one in curves:
        part = resample(
            one.ms, one.values, bin_ms=bin_ms, start_ms=start, end_ms=end, interval_ms=one.interval_ms
        )
        known = np.isfinite(part)
        total[known] += part[known]
        count += known
        low, high = np.fmin(low, part), np.fmax(high, part)
    # Sums leave rounding behind.
    mean: Floats = np.clip(total / np.maximum(count, 1), low, high)
    starts: Floats = start + bin_ms * np.arange(len(empty), dtype=np.float64)
    return Audience(starts, mean, low, high, count)
