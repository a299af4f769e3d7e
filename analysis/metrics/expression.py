"""What an expression says, from the probabilities of the eight emotions (`ml_models.EMOTIONS`), (N, 8).

A single row (8,) is taken too. Each function answers (N,); NaN where any of the eight is. These are numbers
about what a face shows, as others would call it: not about what somebody feels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml_models.affect import PLACES
from ml_models.names import EMOTIONS

Floats = NDArray[np.float64]

#: Emotions that count as pleasant and unpleasant. Surprise is neither: what follows decides which it becomes.
POSITIVE: tuple[str, ...] = ("happiness",)
NEGATIVE: tuple[str, ...] = ("sadness", "anger", "disgust", "fear", "contempt")
#: Emotions with which people turn against something: contempt, anger and disgust (Rozin et al., 1999).
REJECTING: tuple[str, ...] = ("anger", "disgust", "contempt")

_PLEASURE = np.array([PLACES[name][0] for name in EMOTIONS])


def _weighted(emotions: ArrayLike, weights: Floats) -> Floats:
    """Sum of probabilities (..., 8) times weights (8,): a product with 0 keeps the NaN of any of the eight.

    ValueError for another shape.
    """
    found = np.asarray(emotions, dtype=np.float64)
    if found.ndim < 1 or found.shape[-1] != len(EMOTIONS):
        raise ValueError(f"Give {len(EMOTIONS)} probabilities for each sample, not {found.shape}.")
    total: Floats = found @ weights
    return total


def _sum_of(emotions: ArrayLike, names: tuple[str, ...]) -> Floats:
    chosen = np.array([float(name in names) for name in EMOTIONS])
    # Probabilities kept as float32 make a little more than 1 at times.
    return np.clip(_weighted(emotions, chosen), 0.0, 1.0)


def activation(emotions: ArrayLike) -> Floats:
    """How much of the expression is any emotion at all, in [0, 1]: the seven others against neutral."""
    return _sum_of(emotions, EMOTIONS[1:])


def valence(emotions: ArrayLike) -> Floats:
    """How pleasant the mean expression is, in [-1, 1]; `ml_models.affect.valence_of` for many samples."""
    return np.clip(_weighted(emotions, _PLEASURE), -1.0, 1.0)


def experience(emotions: ArrayLike) -> Floats:
    """`valence`, by the name that market research has for it."""
    return valence(emotions)


def positive(emotions: ArrayLike) -> Floats:
    """Share of pleasant emotions, in [0, 1]: happiness. With `neutral` and `negative` it makes 1."""
    return _sum_of(emotions, POSITIVE)


def neutral(emotions: ArrayLike) -> Floats:
    """Share of what is neither pleasant nor unpleasant, in [0, 1]: neutral and surprise."""
    return _sum_of(emotions, ("neutral", "surprise"))


def negative(emotions: ArrayLike) -> Floats:
    """Share of unpleasant emotions, in [0, 1]: sadness, anger, disgust, fear and contempt."""
    return _sum_of(emotions, NEGATIVE)


def satisfaction(emotions: ArrayLike) -> Floats:
    """Balance of pleasant and unpleasant, in [0, 1]: 0 all unpleasant, 0.5 even, 1 all pleasant."""
    return (1.0 + positive(emotions) - negative(emotions)) / 2


def rejecting(emotions: ArrayLike) -> Floats:
    """Share of the emotions with which people turn against something, in [0, 1]: anger, disgust, contempt."""
    return _sum_of(emotions, REJECTING)


def engagement(activation: ArrayLike, attention: ArrayLike) -> Floats:
    """Emotion shown while looking, in [0, 1]: activation times attention, both (N,)."""
    product: Floats = np.asarray(activation, np.float64) * np.asarray(attention, np.float64)
    return product
