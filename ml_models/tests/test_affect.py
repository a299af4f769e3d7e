"""Valence and arousal follow the documented places of the emotions."""

from __future__ import annotations

import numpy as np
import pytest

from ml_models import EMOTIONS, Face
from ml_models.affect import PLACES, arousal_of, valence_of


def only(emotion: str) -> list[float]:
    return [float(name == emotion) for name in EMOTIONS]


def test_every_emotion_has_a_place() -> None:
    assert set(PLACES) == set(EMOTIONS)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_a_sure_emotion_stands_at_its_place(emotion: str) -> None:
    pleasure, arousal = PLACES[emotion]
    assert valence_of(only(emotion)) == pytest.approx(pleasure)
    assert arousal_of(only(emotion)) == pytest.approx((arousal + 1) / 2)


def test_a_mixture_stands_between() -> None:
    half = [(a + b) / 2 for a, b in zip(only("happiness"), only("sadness"), strict=True)]
    assert valence_of(half) == pytest.approx((0.81 - 0.63) / 2)


def test_both_stay_in_their_ranges() -> None:
    for shares in np.random.default_rng(1).dirichlet(np.full(8, 0.2), 500):
        assert -1 <= valence_of(shares) <= 1
        assert 0 <= arousal_of(shares) <= 1


def test_pleasant_is_above_neutral_above_unpleasant() -> None:
    order = [valence_of(only(name)) for name in ("happiness", "surprise", "neutral", "contempt", "sadness")]
    assert order == sorted(order, reverse=True)
    assert arousal_of(only("neutral")) < arousal_of(only("anger"))


def test_a_face_has_both_when_its_emotions_were_asked_for() -> None:
    points = np.zeros((5, 2), dtype=np.float32)
    face = Face((0, 0, 1, 1), 0.9, points, np.array(only("happiness"), dtype=np.float32))
    assert face.valence == pytest.approx(0.81)
    assert face.arousal == pytest.approx(0.755)
    bare = Face((0, 0, 1, 1), 0.9, points)
    assert bare.valence is None
    assert bare.arousal is None


def test_another_number_of_probabilities_is_refused() -> None:
    with pytest.raises(ValueError, match="8 probabilities"):
        valence_of([1.0, 0.0])
