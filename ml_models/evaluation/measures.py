"""Scores of classifiers and detectors, as plain numpy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.integer]


def confusion_matrix(truth: Integers, answer: Integers, classes: int) -> NDArray[np.int64]:
    """Counts (classes, classes): row = truth, column = answer."""
    cells = np.bincount(truth * classes + answer, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def class_scores(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Precision, recall and F1 of every class, (classes, 3), each in [0, 1]; 0 where undefined."""
    right = np.diag(confusion).astype(np.float64)
    answered, true = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = np.divide(right, answered, out=np.zeros_like(right), where=answered > 0)
    recall = np.divide(right, true, out=np.zeros_like(right), where=true > 0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(right), where=both > 0)
    return np.stack([precision, recall, f1], axis=1)


def calibration_error(probabilities: Floats, truth: Integers, bins: int = 15) -> float:
    """Expected calibration error of the strongest class in equal bins of confidence (Guo et al., 2017), in
    [0, 1].
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    number = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    error = 0.0
    for one in range(bins):
        inside = number == one
        if inside.any():
            error += float(inside.mean() * abs(right[inside].mean() - confidence[inside].mean()))
    return error


def interval(right: int, count: int) -> tuple[float, float]:
    """95 % interval of a share by Wilson's score."""
    if count == 0:
        return 0.0, 1.0
    z, share = 1.959964, right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float], count: int, rounds: int = 1000, seed: int = 1
) -> tuple[float, float]:
    """95 % interval of any figure of `count` pictures: the middle 95 % of what it is on pictures drawn from
    them with replacement (Efron, 1979).

    statistic: gets the numbers (count,) of the drawn pictures. The same seed gives the same interval. Raises
    ValueError when there is no picture to draw.
    """
    if count < 1:
        raise ValueError("There is no interval without pictures: give at least one.")
    rng = np.random.default_rng(seed)
    figures = [statistic(rng.integers(0, count, count)) for _ in range(rounds)]
    low, high = np.percentile(figures, [2.5, 97.5])
    return float(low), float(high)


def mean_interval(values: Floats, rounds: int = 1000, seed: int = 1) -> tuple[float, float]:
    """95 % interval of the mean of values (N,) by bootstrap; ValueError when there are none."""
    numbers = np.asarray(values, dtype=np.float64)
    return bootstrap(lambda drawn: float(numbers[drawn].mean()), len(numbers), rounds, seed)


def grouped(groups: Sequence[str] | NDArray[np.str_]) -> dict[str, NDArray[np.int64]]:
    """Group -> numbers of its pictures, groups in alphabetical order; "" is no group."""
    names = np.asarray(groups, dtype=np.str_)
    return {str(name): np.flatnonzero(names == name) for name in np.unique(names) if name}
