"""Temperature scaling (Guo et al., 2017): one number that makes confidences honest and changes no answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities (N, C) of logits (N, C) divided by the temperature."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))


def likelihood_loss(logits: NDArray[np.floating], truth: NDArray[np.integer], temperature: float) -> float:
    """Mean negative log probability of the true classes."""
    probabilities = softmax(logits, temperature)[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(probabilities, 1e-12)).mean())


def fit_temperature(logits: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    """The temperature between 0.1 and 10 with the least loss, to three digits, by golden section on its
    logarithm.
    """
    low, high, ratio = np.log(0.1), np.log(10.0), (np.sqrt(5) - 1) / 2
    while high - low > 1e-4:
        first, second = high - ratio * (high - low), low + ratio * (high - low)
        # The loss is convex in 1/T, so it has one valley.
        if likelihood_loss(logits, truth, float(np.exp(first))) < likelihood_loss(
            logits, truth, float(np.exp(second))
        ):
            high = second
        else:
            low = first
    return round(float(np.exp((low + high) / 2)), 4)
