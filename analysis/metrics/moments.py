"""The moments of a video that are worth a look: peaks of emotions, points of rejection, engaging seconds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.metrics.expression import REJECTING, rejecting, valence
from analysis.metrics.looking import looks, spells
from analysis.metrics.timeline import (
    SMOOTHING_MS,
    Integers,
    columns,
    durations,
    gaps_after,
    mean_over_time,
    smooth,
)
from ml_models.names import EMOTIONS

Floats = NDArray[np.float64]
Kind = Literal["peak", "rejection", "engaging"]

#: Peaks are looked for at this spacing of a curve that is smoothed over a second (milliseconds).
GRID_MS = 100.0
#: A peak is at least this high, stands out this far, and is this far from a higher one (milliseconds).
LEAST_PEAK, PROMINENCE, APART_MS = 0.3, 0.2, 2000.0
#: Anger, disgust and contempt together make a rejection from this share on, for at least this long.
LEAST_REJECTION, LEAST_REJECTION_MS = 0.4, 500.0
#: Looking away is a rejection after looking for this long, and for this long (milliseconds).
LOOKED_MS, AWAY_MS = 2000.0, 2000.0
#: Length and number of the most engaging stretches.
ENGAGING_SECONDS, ENGAGING_COUNT = 5.0, 3


@dataclass(frozen=True)
class Moment:
    """One moment, from `ms` to `end_ms`, strongest at `at_ms` (milliseconds; ms <= at_ms <= end_ms).

    kind: "peak" of an emotion, "rejection", or "engaging". value: in [0, 1], how strong; docs/metrics.md says
    of what. emotion: the one that peaks or the strongest that rejects; None for looking away and engaging.
    """

    kind: Kind
    ms: int
    end_ms: int
    value: float
    emotion: str | None
    at_ms: int


def _turning(curve: Floats) -> Integers:
    """Indices at which a curve turns, both ends included: its highs and lows by turns; first of equals."""
    moved = np.append(0, np.flatnonzero(np.diff(curve)) + 1)
    if len(moved) < 3:
        return moved
    rising = np.diff(curve[moved]) > 0
    return moved[np.concatenate([[True], rising[1:] != rising[:-1], [True]])]


def _prominences(curve: Floats, least: float) -> list[tuple[int, float]]:
    """The highs of a curve from `least` on: their index, and how far each is above the higher of the two lows
    that part it from higher ones.

    At the ends of a curve, where there is one side only, that side counts; a level curve has no high.
    """
    turns = _turning(curve)
    heights = curve[turns]
    sides = np.concatenate([[-np.inf], heights, [-np.inf]])
    tops = np.flatnonzero((heights > sides[:-2]) & (heights > sides[2:]) & (heights >= least))
    if len(turns) < 2 or not len(tops):
        return []
    # The lowest point from each top to the next one, or to the end. Where there is no side, no low is higher.
    *lows, after = np.minimum.reduceat(heights, tops).tolist()
    after = after if tops[-1] < len(turns) - 1 else np.inf
    before = float(heights[: tops[0]].min()) if tops[0] else np.inf
    highs: list[float] = heights[tops].tolist()
    left = _valleys(highs, [before, *lows])
    right = _valleys(highs[::-1], [after, *lows[::-1]])[::-1]
    indices: list[int] = turns[tops].tolist()
    return [
        (index, high - max(low for low in around if low < np.inf))
        for index, high, *around in zip(indices, highs, left, right, strict=True)
    ]


def _valleys(highs: list[float], lows: list[float]) -> list[float]:
    """For each high the lowest point between it and the nearest higher one before it, or the beginning.

    lows: the lowest point between each high and the one before it.
    """
    found: list[float] = []
    # (high, lowest point since the one below it on the pile); the highs on the pile fall.
    pile: list[tuple[float, float]] = []
    for high, low in zip(highs, lows, strict=True):
        lowest = low
        while pile and pile[-1][0] <= high:
            lowest = min(lowest, pile.pop()[1])
        found.append(lowest)
        pile.append((high, lowest))
    return found


def _runs(ms: Integers, known: NDArray[np.bool_], interval_ms: float | None) -> Iterator[slice]:
    """The stretches of samples without a gap and without an unknown one."""
    chosen = np.flatnonzero(known)
    gap = gaps_after(ms, durations(ms, interval_ms))
    parted = np.flatnonzero((np.diff(chosen) > 1) | gap[chosen[:-1]]) + 1
    for part in np.split(chosen, parted):
        if len(part):
            yield slice(int(part[0]), int(part[-1]) + 1)


def _extent(curve: list[float], at: int, level: float) -> tuple[int, int]:
    """The first and last index around `at` between which the curve stays at a level or above."""
    first = last = at
    while first > 0 and curve[first - 1] >= level:
        first -= 1
    while last + 1 < len(curve) and curve[last + 1] >= level:
        last += 1
    return first, last


def _apart(found: Iterable[Moment], apart_ms: float) -> list[Moment]:
    """The highest moments of which no two are closer than `apart_ms`, in the order of time."""
    kept: list[Moment] = []
    for moment in sorted(found, key=lambda one: (-one.value, one.at_ms)):
        place = bisect_left(kept, moment.at_ms, key=lambda one: one.at_ms)
        if all(abs(moment.at_ms - other.at_ms) >= apart_ms for other in kept[max(0, place - 1) : place + 1]):
            kept.insert(place, moment)
    return kept


def peaks(
    ms: ArrayLike,
    values: ArrayLike,
    *,
    emotion: str | None = None,
    interval_ms: float | None = None,
    least: float = LEAST_PEAK,
    prominence: float = PROMINENCE,
    apart_ms: float = APART_MS,
) -> list[Moment]:
    """Where a curve in [0, 1] (N,), smoothed over a second, stands out, in the order of time.

    `value` is the height of the smoothed curve; `ms` to `end_ms` is where it stays above half of the peak's
    prominence. Each stretch in view is searched by itself.
    """
    at, (curve,) = columns(ms, values)
    smoothed = smooth(at, curve, SMOOTHING_MS, interval_ms)
    found = []
    for run in _runs(at, np.isfinite(smoothed), interval_ms):
        slots = (at[run] - at[run][0]) // int(GRID_MS)
        grid = np.unique(slots, return_index=True)[1]
        times, heights = at[run][grid], smoothed[run][grid]
        listed = heights.tolist()
        for place, out in _prominences(heights, least):
            if out >= prominence:
                first, last = _extent(listed, place, listed[place] - out / 2)
                span = int(times[first]), int(times[last])
                found.append(Moment("peak", *span, float(listed[place]), emotion, int(times[place])))
    return _apart(found, apart_ms)


def rejection(
    ms: ArrayLike, emotions: ArrayLike, attention: ArrayLike, interval_ms: float | None = None
) -> list[Moment]:
    """Points of rejection, in the order of time: turning against something, and turning away from it.

    The first: anger, disgust and contempt together, smoothed over a second, make at least `LEAST_REJECTION`
    for `LEAST_REJECTION_MS` while valence is below 0; `value` is their highest share, `emotion` the strongest
    of the three. The second: after a look of at least `LOOKED_MS`, in view but not looking for at least
    `AWAY_MS`; `value` is by how much the attention share of the time away is below that of the look.
    """
    at, (rows, looking) = columns(ms, emotions, attention)
    lasting = durations(at, interval_ms)
    against = _against(at, rows, lasting, interval_ms)
    away = _away(at, looking, lasting, interval_ms)
    return sorted([*against, *away], key=lambda one: one.ms)


def _against(ms: Integers, emotions: Floats, lasting: Floats, interval_ms: float | None) -> Iterator[Moment]:
    share = smooth(ms, rejecting(emotions), SMOOTHING_MS, interval_ms)
    pleasure = smooth(ms, valence(emotions), SMOOTHING_MS, interval_ms)
    for first, last in spells(ms, (share >= LEAST_REJECTION) & (pleasure < 0), lasting, 0.0):
        end = round(float(ms[last] + lasting[last]))
        if end - ms[first] >= LEAST_REJECTION_MS:
            part = slice(first, last + 1)
            strongest = first + int(np.nanargmax(share[part]))
            means = mean_over_time(emotions[part], lasting[part])
            name = max(REJECTING, key=lambda one: float(means[EMOTIONS.index(one)]))
            yield Moment("rejection", int(ms[first]), end, float(share[strongest]), name, int(ms[strongest]))


def _away(ms: Integers, looking: Floats, lasting: Floats, interval_ms: float | None) -> Iterator[Moment]:
    found = looks(ms, looking, interval_ms)
    # Nobody knows what somebody looks at who is out of view.
    lost = np.isnan(looking) | np.append(False, gaps_after(ms, lasting)[:-1])
    stops = np.append(np.flatnonzero(lost), len(ms))
    starts, ends = (np.searchsorted(ms, [span[side] for span in found]) for side in (0, 1))
    for place, (start, end) in enumerate(found):
        first = int(ends[place])
        after = min(
            int(stops[np.searchsorted(stops, first)]), *starts[place + 1 : place + 2].tolist(), len(ms)
        )
        if end - start < LOOKED_MS or after <= first:
            continue
        until = round(float(ms[after - 1] + lasting[after - 1]))
        if until - ms[first] >= AWAY_MS:
            look, away = slice(int(starts[place]), first), slice(first, after)
            fall = mean_over_time(looking[look], lasting[look]) - mean_over_time(looking[away], lasting[away])
            yield Moment("rejection", int(ms[first]), until, float(fall), None, int(ms[first]))


def most_engaging(
    ms: ArrayLike,
    engagement: ArrayLike,
    *,
    seconds: float = ENGAGING_SECONDS,
    count: int = ENGAGING_COUNT,
    interval_ms: float | None = None,
) -> list[Moment]:
    """At most `count` stretches of some seconds with the highest mean engagement, none over another, in time.

    Stretches begin at samples and end no later than the last sample does; what is shorter altogether is one
    stretch. Time that is unknown or out of view counts as no engagement, and stretches without any are left
    out. `value` is the mean, `at_ms` the highest sample.
    """
    if not seconds > 0:
        raise ValueError(f"A stretch must be longer than 0 seconds, not {seconds}.")
    at, (curve,) = columns(ms, engagement)
    if not len(at):
        return []
    lasting = durations(at, interval_ms)
    end = float(at[-1] + lasting[-1])
    length = min(seconds * 1000, end - float(at[0]))
    values = np.nan_to_num(curve, nan=0.0)
    corners = np.stack([at, at + lasting], axis=1).ravel()
    total = np.cumsum(np.stack([np.zeros(len(at)), values * lasting], axis=1).ravel())
    starts = at[at + length <= end + 1e-6].astype(np.float64)
    means = (np.interp(starts + length, corners, total) - np.interp(starts, corners, total)) / length
    found: list[Moment] = []
    while len(found) < count and len(means) and means.max() > 1e-9:
        best = int(np.argmax(means))
        start = float(starts[best])
        inside = np.flatnonzero((at >= start) & (at < start + length))
        top = int(at[inside[np.argmax(values[inside])]])
        value = min(1.0, float(means[best]))
        found.append(Moment("engaging", int(start), round(start + length), value, None, top))
        means[np.abs(starts - start) < length - 1e-6] = 0.0
    return sorted(found, key=lambda one: one.ms)


def limited(found: Iterable[Moment], limit: int) -> list[Moment]:
    """At most `limit` moments in the order of time: of every kind and emotion by turns the strongest left."""
    groups: dict[tuple[str, str], list[Moment]] = {}
    for moment in sorted(found, key=lambda one: (-one.value, one.ms)):
        groups.setdefault((moment.kind, moment.emotion or ""), []).append(moment)
    ranked = [(rank, -one.value, one) for group in groups.values() for rank, one in enumerate(group)]
    ranked.sort(key=lambda entry: (entry[0], entry[1], entry[2].ms))
    return sorted((one for _, _, one in ranked[:limit]), key=lambda one: (one.ms, one.end_ms, one.kind))
