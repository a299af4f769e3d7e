"""Valence and arousal of an expression, from the probabilities of the eight emotions.

Each emotion has a place in the plane of pleasure and arousal as people rated the words for it (Russell and
Mehrabian, 1977, "Evidence for a three-factor theory of emotions": happy, surprised, sad, angry, disgusted,
fearful; both axes from -1 to 1). Contempt is not among those words and stands here beside disgust, calmer.
Neutral is the middle of pleasure and, as a calm face, below the middle of arousal. The valence of a face is
the mean of its emotions' pleasure, weighted by their probabilities; its arousal likewise, moved from [-1, 1]
to [0, 1].

This places the word for an expression, not a measurement of a face: a broad and a faint smile with the same
probabilities have the same valence.
"""

from __future__ import annotations

from collections.abc import Iterable

from ml_models.names import EMOTIONS

#: Emotion -> (pleasure, arousal), each in [-1, 1].
PLACES: dict[str, tuple[float, float]] = {
    "neutral": (0.0, -0.30),
    "happiness": (0.81, 0.51),
    "surprise": (0.40, 0.67),
    "sadness": (-0.63, -0.27),
    "anger": (-0.51, 0.59),
    "disgust": (-0.60, 0.35),
    "fear": (-0.64, 0.60),
    "contempt": (-0.55, 0.20),
}


def valence_of(probabilities: Iterable[float]) -> float:
    """Pleasure of the mean expression, in [-1, 1]; probabilities in the order of `EMOTIONS`, summing to 1."""
    return _mean(probabilities, 0)


def arousal_of(probabilities: Iterable[float]) -> float:
    """Arousal of the mean expression, in [0, 1]: 0 asleep, 0.35 a neutral face, 1 as excited as can be."""
    return (_mean(probabilities, 1) + 1) / 2


def _mean(probabilities: Iterable[float], axis: int) -> float:
    shares = [float(share) for share in probabilities]
    if len(shares) != len(EMOTIONS):
        raise ValueError(f"Give {len(EMOTIONS)} probabilities, one for each emotion, not {len(shares)}.")
    return sum(share * PLACES[name][axis] for share, name in zip(shares, EMOTIONS, strict=True))
