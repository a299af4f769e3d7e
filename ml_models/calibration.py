"""Fits what a distance between two faces means (`ml_models.recognition.Calibration`) on pairs of pictures.

The threshold is the distance below which calling two faces one person is right most often; the mean of that
over pairs drawn again and again, because the best of one sample hangs on a single pair. The slope is that of
the logistic curve through 0.5 at the threshold that explains the pairs best (Platt, 1999, with one parameter
instead of two). docs/models/recognition.md says why not the logistic curve's own threshold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml_models.recognition import Calibration

Numbers = NDArray[np.floating]
Marks = NDArray[np.bool_]

#: How often the pairs are drawn, and the seed of the draws: the same pairs give the same numbers.
DRAWS, SEED = 200, 1
#: Slopes between which the best is sought: 1 is a curve as good as flat, 1,000 a step.
SLOPES = (1.0, 1000.0)
#: Places after the point of what is stored.
DIGITS = 4


def best_threshold(distance: Numbers, same: Marks) -> float:
    """The distance below which calling a pair the same is right most often: the middle of the best gap."""
    order = np.argsort(distance, kind="stable")
    gain = np.concatenate([[0], np.cumsum(np.where(same[order], 1, -1))])
    best = int(gain.argmax())
    edges = np.concatenate([[distance[order[0]] - 1e-3], distance[order], [distance[order[-1]] + 1e-3]])
    return float((edges[best] + edges[best + 1]) / 2)


def fit(distance: Numbers, same: Marks) -> Calibration:
    """The calibration of distances (N,) of pairs that are one person or not.

    Raises ValueError when one of the kinds has fewer than 10 pairs, when a distance is not one of vectors of
    length 1, and when people are not nearer to themselves than to others.
    """
    distance, same = np.asarray(distance, dtype=np.float64), np.asarray(same, dtype=bool)
    ones = int(same.sum())
    if min(ones, len(same) - ones) < 10:
        raise ValueError(
            f"There are {ones} pairs of one person and {len(same) - ones} of two: give at least 10 of each."
        )
    if not ((distance >= 0) & (distance <= 2 + 1e-6)).all():
        raise ValueError("Distances of vectors of length 1 lie between 0 and 2.")
    if distance[same].mean() >= distance[~same].mean():
        raise ValueError(
            "People are no nearer to themselves than to others in these pairs: the model or its alignment, "
            "mean and scale are wrong, or the column `same` is."
        )
    rng = np.random.default_rng(SEED)
    draws = (rng.integers(0, len(same), len(same)) for _ in range(DRAWS))
    limits = [best_threshold(distance[some], same[some]) for some in draws]
    threshold = round(float(np.clip(np.mean(limits), 1e-3, 2 - 1e-3)), DIGITS)
    return Calibration(threshold, round(_slope(distance - threshold, same), DIGITS))


def _slope(beyond: Numbers, same: Marks) -> float:
    """The slope with the least log loss, by golden section: the loss has one minimum."""
    ones = int(same.sum())
    # Platt's targets: as if one more pair of each kind were on the other side.
    target = np.where(same, (ones + 1) / (ones + 2), 1 / (len(same) - ones + 2))

    def loss(slope: float) -> float:
        power = slope * beyond
        return float(np.mean(target * np.logaddexp(0, power) + (1 - target) * np.logaddexp(0, -power)))

    low, high = np.log(SLOPES)
    ratio = (np.sqrt(5) - 1) / 2
    while high - low > 1e-6:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(np.exp(left)) <= loss(np.exp(right)):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def log_loss(confidence: Numbers, same: Marks) -> float:
    """Mean log loss of confidences (N,), each kept between 1e-6 and 1 - 1e-6."""
    right = np.where(same, confidence, 1 - confidence)
    return float(-np.log(np.clip(right, 1e-6, 1)).mean())


def reliability(
    confidence: Numbers, same: Marks, bins: int = 10
) -> list[tuple[float, float, int, float, float]]:
    """What confidences are worth, in equal steps: from, to, pairs, mean confidence, share of one person."""
    number = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    rows = []
    for one in range(bins):
        inside = number == one
        if inside.any():
            mean, share = float(confidence[inside].mean()), float(same[inside].mean())
            rows.append((one / bins, (one + 1) / bins, int(inside.sum()), mean, share))
    return rows


def calibration_error(confidence: Numbers, same: Marks, bins: int = 10) -> float:
    """Expected calibration error: how far the confidences of a step lie from the share, on average."""
    rows = reliability(confidence, same, bins)
    return float(sum(count * abs(mean - share) for _, _, count, mean, share in rows) / len(same))
