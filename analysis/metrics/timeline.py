"""Curves over irregular time: what each sample stands for, smoothing, bins, fewer points for a chart.

`ms` are whole milliseconds that ascend, no moment twice; NaN in `values` means unknown. `interval_ms` is the
time between two analysed frames (200 at 5 frames a second); where it is None, the median of what lies between
the samples is taken, and 200 for a single sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Milliseconds between frames at the analysis rate that is taken when nobody chooses one (5 a second).
USUAL_INTERVAL_MS = 200.0
#: A sample is followed by a gap when the next is more intervals away than this. The first frame of each slot
#: is analysed, so neighbours lie up to two intervals apart without anything missing.
GAP_INTERVALS = 2.0
#: Smoothing of what is searched for maxima: single frames are noisy, expressions last from half a second to
#: four (Ekman, 2003).
SMOOTHING_MS = 1000.0


def times(ms: ArrayLike) -> Integers:
    """`ms` as int64 (N,); ValueError when it has another shape or does not ascend."""
    found = np.asarray(ms, dtype=np.int64)
    if found.ndim != 1 or (np.diff(found) <= 0).any():
        raise ValueError("Give the times of samples as one row of milliseconds that ascend, none twice.")
    return found


def columns(ms: ArrayLike, *values: ArrayLike) -> tuple[Integers, list[Floats]]:
    """Times and the columns (N, ...) that belong to them, float64; ValueError when lengths differ."""
    checked = times(ms)
    found = [np.asarray(one, dtype=np.float64) for one in values]
    if any(one.shape[:1] != checked.shape for one in found):
        raise ValueError("Give as many values as there are times.")
    return checked, found


def interval_of(ms: Integers, interval_ms: float | None) -> float:
    """The interval that is given, or the median of those between the samples."""
    if interval_ms is None:
        return float(np.median(np.diff(ms))) if len(ms) > 1 else USUAL_INTERVAL_MS
    if not interval_ms > 0:
        raise ValueError(f"The interval between frames must be more than 0 ms, not {interval_ms}.")
    return float(interval_ms)


def durations(ms: ArrayLike, interval_ms: float | None = None) -> Floats:
    """Milliseconds that each sample stands for, (N,): until the next one, or one interval before a gap and at
    the end. A gap is more than `GAP_INTERVALS` intervals without a sample; its time belongs to nobody.
    """
    at = times(ms)
    if not len(at):
        return np.zeros(0)
    interval = interval_of(at, interval_ms)
    steps = np.append(np.diff(at).astype(np.float64), interval)
    # One more for times that were rounded to whole milliseconds.
    return np.where(steps > GAP_INTERVALS * interval + 1, interval, steps)


def gaps_after(ms: Integers, lasting: Floats) -> NDArray[np.bool_]:
    """Whether a gap follows each sample, (N,); the last one has none."""
    if not len(ms):
        return np.zeros(0, np.bool_)
    return np.append(ms[:-1] + lasting[:-1] < ms[1:], False)


def smooth(
    ms: ArrayLike, values: ArrayLike, window_ms: float = SMOOTHING_MS, interval_ms: float | None = None
) -> Floats:
    """The mean of what is known within half a window before and after each sample, each sample weighted by
    the time that it stands for; (N,) or (N, K) as the values. Unknown stays unknown, and nothing leaves the
    range of the values.
    """
    at, (given,) = columns(ms, values)
    known = np.isfinite(given)
    if not known.any():
        return np.full(given.shape, np.nan)
    weights = durations(at, interval_ms).reshape(-1, *[1] * (given.ndim - 1)) * known
    first = np.searchsorted(at, at - window_ms / 2, side="left")
    last = np.searchsorted(at, at + window_ms / 2, side="right")
    total, time = _sums(np.where(known, given, 0.0) * weights), _sums(weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (total[last] - total[first]) / (time[last] - time[first])
    # Sums of hours leave rounding behind.
    low, high = np.fmin.reduce(given, axis=0), np.fmax.reduce(given, axis=0)
    return np.where(known, np.clip(mean, low, high), np.nan)


def _sums(values: Floats) -> Floats:
    """Sums of the first 0, 1, ... N rows: (N + 1, ...)."""
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def resample(
    ms: ArrayLike,
    values: ArrayLike,
    *,
    bin_ms: float,
    start_ms: float,
    end_ms: float,
    interval_ms: float | None = None,
) -> Floats:
    """The mean over time in each bin [start + k * bin, start + (k + 1) * bin), (B,), B = ceil((end - start) /
    bin). Every sample holds for its duration, also across bins; a bin in which nothing is known is NaN.
    """
    if not bin_ms > 0:
        raise ValueError(f"A bin must be longer than 0 ms, not {bin_ms}.")
    at, (curve,) = columns(ms, values)
    edges = start_ms + bin_ms * np.arange(max(0, int(np.ceil((end_ms - start_ms) / bin_ms))) + 1)
    known = np.isfinite(curve)
    if not known.any():
        return np.full(len(edges) - 1, np.nan)
    starts = at[known].astype(np.float64)
    lasting = durations(at, interval_ms)[known]
    # The sums up to the start and up to the end of every sample: straight in between, level in gaps.
    corners = np.stack([starts, starts + lasting], axis=1).ravel()
    weighted = np.cumsum(np.stack([np.zeros(len(starts)), lasting * curve[known]], axis=1).ravel())
    time = np.cumsum(np.stack([np.zeros(len(starts)), lasting], axis=1).ravel())
    total = np.diff(np.interp(edges, corners, weighted, left=0.0))
    covered = np.diff(np.interp(edges, corners, time, left=0.0))
    filled = covered > 1e-6
    mean = np.full(len(covered), np.nan)
    mean[filled] = total[filled] / covered[filled]
    return np.clip(mean, curve[known].min(), curve[known].max())


def downsample(ms: ArrayLike, values: ArrayLike, points: int) -> tuple[Integers, Floats]:
    """At most `points` (8 or more) of the samples, for a chart: the first and the last, and of every stretch
    of the rest the lowest, the highest and one that is unknown, so that peaks, dips and breaks stay.
    """
    at, (curve,) = columns(ms, values)
    if points < 8:
        raise ValueError(f"A chart needs 8 points or more, not {points}.")
    if len(at) <= points:
        return at, curve
    buckets = (points - 2) // 3
    starts = np.unique(np.linspace(1, len(at) - 1, buckets, endpoint=False).astype(np.int64))
    kept = [np.array([0, len(at) - 1])]
    for first, last in zip(starts, np.append(starts[1:], len(at) - 1), strict=True):
        part = curve[first:last]
        known = np.isfinite(part)
        if known.any():
            kept.append(first + np.array([np.nanargmin(part), np.nanargmax(part)]))
        if not known.all():
            kept.append(np.array([first + np.argmin(known)]))
    chosen = np.unique(np.concatenate(kept))
    return at[chosen], curve[chosen]


def with_breaks(
    ms: ArrayLike, values: ArrayLike, interval_ms: float | None = None
) -> tuple[Integers, Floats]:
    """The same samples with an unknown one where each gap begins, so that a chart's line breaks there."""
    at, (curve,) = columns(ms, values)
    lasting = durations(at, interval_ms)
    after = np.flatnonzero(gaps_after(at, lasting))
    ends = (at[after] + np.maximum(lasting[after], 1)).astype(np.int64)
    return np.insert(at, after + 1, ends), np.insert(curve, after + 1, np.nan)


def mean_over_time(values: ArrayLike, weights: ArrayLike) -> Any:
    """The mean of values (N,) or (N, K) over what is known, each weighted by its time: a float or (K,).

    NaN where nothing is known, or nothing has any time.
    """
    curve, time = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    spread = time.reshape(-1, *[1] * (curve.ndim - 1))
    known = np.isfinite(curve)
    total = (np.where(known, curve, 0.0) * spread).sum(axis=0)
    covered = (known * spread).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / covered


def median_over_time(values: ArrayLike, weights: ArrayLike) -> float:
    """The least known value that, with all below it, has half of the known time; NaN if none is known."""
    curve, time = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    known = np.isfinite(curve) & (time > 0)
    if not known.any():
        return float("nan")
    order = np.argsort(curve[known], kind="stable")
    sums = np.cumsum(time[known][order])
    return float(curve[known][order][np.searchsorted(sums, sums[-1] / 2)])
