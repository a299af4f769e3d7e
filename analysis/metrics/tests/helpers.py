"""Samples that a test can read: of a viewer with a neutral face who looks at the screen all the time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.metrics.summary import ANGLES
from analysis.video.series import NUMBERS, Series
from ml_models import EMOTIONS

Floats = NDArray[np.float64]


def only(name: str) -> Floats:
    """The probabilities of an expression that is one emotion and nothing else."""
    return np.array([float(one == name) for one in EMOTIONS])


def mixed(**shares: float) -> Floats:
    """Probabilities of the emotions that are named; what is left is neutral."""
    row = sum((share * only(name) for name, share in shares.items()), np.zeros(8))
    return row + (1 - row.sum()) * only("neutral")


def every(interval_ms: int, seconds: float) -> NDArray[np.int64]:
    """The times of frames with a fixed interval."""
    return np.arange(0, round(seconds * 1000), interval_ms)


def viewer(ms: ArrayLike, emotions: ArrayLike | None = None, **numbers: Any) -> Series:
    """The samples of somebody at the times `ms`; a number instead of a column holds throughout.

    The pupils are 63 px apart.
    """
    at = np.asarray(ms, np.int32)
    usual = {"left_open": 1.0, "right_open": 1.0, "age": 40.0, "male": 0.2, "glasses": 0.1, "smile": 0.1}
    looking = dict.fromkeys(("yaw", "pitch", "roll", "gaze_yaw", "gaze_pitch"), 0.0)
    rows = np.tile(only("neutral"), (len(at), 1)) if emotions is None else np.asarray(emotions)
    shares = {name: rows[:, place] for place, name in enumerate(EMOTIONS)}
    given: dict[str, Any] = {**dict.fromkeys(NUMBERS, np.nan), **usual, **looking, **shares, **numbers}
    columns = {
        name: np.broadcast_to(np.asarray(value, np.float32), at.shape).copy() for name, value in given.items()
    }
    landmarks = np.zeros((len(at), 27, 2), np.float32)
    landmarks[:, 1, 0] = 63.0
    return Series(at, columns, np.ones(len(at), np.bool_), landmarks)


def anybody(seed: int, count: int = 300) -> Series:
    """Samples at irregular times with gaps, any expression and pose, some of it unknown."""
    random = np.random.default_rng(seed)
    steps = random.choice([180, 200, 220, 400, 3000], count, p=[0.2, 0.5, 0.2, 0.08, 0.02])
    emotions = random.dirichlet(np.full(8, 0.3), count)
    emotions[random.random(count) < 0.05] = np.nan
    shares = {name: random.random(count) for name in ("left_open", "right_open", "male", "glasses", "smile")}
    angles = {name: random.normal(0, 15, count) for name in ANGLES}
    for column in (*shares.values(), *angles.values()):
        column[random.random(count) < 0.05] = np.nan
    return viewer(np.cumsum(steps), emotions, age=random.uniform(5, 80, count), **shares, **angles)


def moved(series: Series, ms: int) -> Series:
    """The same samples, all later by so much."""
    return Series(series.ms + np.int32(ms), series.numbers, series.key, series.landmarks)
