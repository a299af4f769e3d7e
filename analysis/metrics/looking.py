"""Whether somebody looks at the screen, and how often: from the pose of the head and the gaze.

Angles in degrees with the signs of `ml_models.head_pose`: yaw to the right of the picture, pitch up; 0, 0 is
straight into the camera, and a positive roll leans clockwise. The gaze is relative to the head.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.metrics.timeline import Integers, columns, durations, mean_over_time

Floats = NDArray[np.float64]

#: A head turned further from the camera than this looks at something else (degrees).
HEAD_LIMIT = 30.0
#: Where the line of sight meets a screen with the camera at the middle of its upper edge: to either side,
#: below the camera, and above it (degrees). docs/metrics.md derives them.
SIDE_LIMIT, DOWN_LIMIT, UP_LIMIT = 25.0, 30.0, 15.0
#: Looking away for no longer than a blink lasts does not end a look (milliseconds).
BRIDGED_MS = 400.0
#: A look that is shorter is no fixation (milliseconds).
LEAST_LOOK_MS = 100.0


def line_of_sight(
    yaw: ArrayLike, pitch: ArrayLike, gaze_yaw: ArrayLike, gaze_pitch: ArrayLike, roll: ArrayLike = 0.0
) -> tuple[Floats, Floats]:
    """Where somebody looks, (N,) and (N,) degrees to the right of the camera and above it: head and gaze
    together, turned as the head leans, because yaw and pitch are those of a head before it leans.
    """
    across: Floats = np.asarray(yaw, np.float64) + np.asarray(gaze_yaw, np.float64)
    along: Floats = np.asarray(pitch, np.float64) + np.asarray(gaze_pitch, np.float64)
    lean = np.radians(np.asarray(roll, np.float64))
    sideways: Floats = across * np.cos(lean) + along * np.sin(lean)
    up: Floats = along * np.cos(lean) - across * np.sin(lean)
    return sideways, up


def attention(
    yaw: ArrayLike, pitch: ArrayLike, gaze_yaw: ArrayLike, gaze_pitch: ArrayLike, roll: ArrayLike = 0.0
) -> Floats:
    """1 where head and line of sight are towards the screen, else 0, (N,); NaN where any angle is unknown.

    The head: the angle between its axis and the camera is at most `HEAD_LIMIT`. The line of sight: at most
    `SIDE_LIMIT` to either side, `DOWN_LIMIT` below and `UP_LIMIT` above the camera.
    """
    turned, raised = np.asarray(yaw, np.float64), np.asarray(pitch, np.float64)
    head = np.degrees(np.arccos(np.clip(np.cos(np.radians(turned)) * np.cos(np.radians(raised)), -1, 1)))
    sideways, up = line_of_sight(yaw, pitch, gaze_yaw, gaze_pitch, roll)
    # Cosines lose digits, and exactly 30 degrees are within 30 degrees.
    towards = (head <= HEAD_LIMIT + 1e-6) & (np.abs(sideways) <= SIDE_LIMIT + 1e-6)
    towards &= (up >= -DOWN_LIMIT - 1e-6) & (up <= UP_LIMIT + 1e-6)
    return np.where(np.isfinite(sideways + up + head), towards, np.nan)


def spells(ms: Integers, on: NDArray[np.bool_], lasting: Floats, bridged_ms: float) -> list[tuple[int, int]]:
    """Stretches of samples that are on, as pairs (first, last) of indices.

    Stretches with no more than `bridged_ms` between the end of one and the start of the next are one.
    """
    chosen = np.flatnonzero(on)
    if not len(chosen):
        return []
    ends = ms[chosen] + lasting[chosen]
    # What is analysed at whole milliseconds is late or early by one.
    apart = ms[chosen[1:]] - ends[:-1] > bridged_ms + 1
    firsts = np.append(chosen[:1], chosen[1:][apart])
    lasts = np.append(chosen[:-1][apart], chosen[-1:])
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def looks(ms: ArrayLike, attention: ArrayLike, interval_ms: float | None = None) -> list[tuple[int, int]]:
    """The distinct looks at the screen as (start, end) in milliseconds, in the order of time.

    Looking away, or being unknown, for `BRIDGED_MS` or less does not end a look; a look shorter than
    `LEAST_LOOK_MS` is none. Looking is an attention of 0.5 or more: for a mean of people, half of them.
    """
    at, (curve,) = columns(ms, attention)
    lasting = durations(at, interval_ms)
    found = [
        (int(at[first]), round(float(at[last] + lasting[last])))
        for first, last in spells(at, curve >= 0.5, lasting, BRIDGED_MS)
    ]
    return [(start, end) for start, end in found if end - start >= LEAST_LOOK_MS]


def glances(ms: ArrayLike, attention: ArrayLike, interval_ms: float | None = None) -> int:
    """How many distinct looks at the screen there are."""
    return len(looks(ms, attention, interval_ms))


def attended_seconds(ms: ArrayLike, attention: ArrayLike, interval_ms: float | None = None) -> float:
    """Seconds during which somebody looked at the screen: attention summed over the time of its samples."""
    at, (curve,) = columns(ms, attention)
    return float(np.nansum(curve * durations(at, interval_ms)) / 1000)


def attention_share(ms: ArrayLike, attention: ArrayLike, interval_ms: float | None = None) -> float:
    """Share of the time in view, as far as it is known, during which somebody looked, in [0, 1]; else NaN."""
    at, (curve,) = columns(ms, attention)
    return float(mean_over_time(curve, durations(at, interval_ms)))


def dwell_seconds(ms: ArrayLike, interval_ms: float | None = None) -> float:
    """Seconds in view: the time that all samples stand for; gaps are not counted."""
    return float(durations(ms, interval_ms).sum() / 1000)
