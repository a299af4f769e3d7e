"""What an expression says, worked out by hand for expressions that are easy to name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from analysis import metrics
from ml_models import EMOTIONS
from ml_models.affect import valence_of

from .helpers import mixed, only

SHARES = [
    metrics.activation,
    metrics.positive,
    metrics.neutral,
    metrics.negative,
    metrics.satisfaction,
    metrics.rejecting,
]
ALL = [*SHARES, metrics.valence, metrics.experience]
Metric = Callable[[Any], np.ndarray]


def test_a_mixture_worked_out_by_hand() -> None:
    row = mixed(happiness=0.5, surprise=0.1, sadness=0.05, anger=0.1, contempt=0.05)  # 0.2 is neutral
    assert metrics.activation(row) == pytest.approx(0.8)
    assert metrics.positive(row) == pytest.approx(0.5)
    assert metrics.neutral(row) == pytest.approx(0.3)
    assert metrics.negative(row) == pytest.approx(0.2)
    assert metrics.satisfaction(row) == pytest.approx((1 + 0.5 - 0.2) / 2)
    assert metrics.rejecting(row) == pytest.approx(0.15)
    # 0.5 * 0.81 + 0.1 * 0.40 - 0.05 * 0.63 - 0.1 * 0.51 - 0.05 * 0.55
    assert metrics.valence(row) == pytest.approx(0.335)


@pytest.mark.parametrize(
    ("emotion", "active", "score", "content"),
    [
        ("neutral", 0, "neutral", 0.5),
        ("happiness", 1, "positive", 1),
        ("surprise", 1, "neutral", 0.5),
        ("sadness", 1, "negative", 0),
        ("anger", 1, "negative", 0),
        ("disgust", 1, "negative", 0),
        ("fear", 1, "negative", 0),
        ("contempt", 1, "negative", 0),
    ],
)
def test_a_sure_emotion_is_on_one_side(emotion: str, active: float, score: str, content: float) -> None:
    row = only(emotion)
    assert metrics.activation(row) == active
    scores = {name: getattr(metrics, name)(row) for name in ("positive", "neutral", "negative")}
    assert scores == {**dict.fromkeys(scores, 0.0), score: 1.0}
    assert metrics.satisfaction(row) == content


def test_fear_and_sadness_turn_against_nothing() -> None:
    against = [name for name in EMOTIONS if metrics.rejecting(only(name)) == 1]
    assert against == ["anger", "disgust", "contempt"]


@pytest.mark.parametrize("seed", range(5))
def test_every_metric_stays_in_its_range_and_the_scores_make_one(seed: int) -> None:
    rows = np.random.default_rng(seed).dirichlet(np.full(8, 0.2), 2000).astype(np.float32)
    for metric in SHARES:
        values = metric(rows)
        assert values.shape == (2000,)
        assert values.min() >= 0
        assert values.max() <= 1
    assert np.abs(metrics.valence(rows)).max() <= 1
    total = metrics.positive(rows) + metrics.neutral(rows) + metrics.negative(rows)
    assert total == pytest.approx(np.ones(2000), abs=1e-6)


def test_valence_is_that_of_a_single_face_and_experience_is_its_other_name() -> None:
    rows = np.random.default_rng(7).dirichlet(np.full(8, 0.5), 50)
    assert metrics.valence(rows) == pytest.approx([valence_of(row) for row in rows])
    assert metrics.experience(rows) == pytest.approx(metrics.valence(rows))


@pytest.mark.parametrize("metric", ALL, ids=lambda one: one.__name__)
@pytest.mark.parametrize("emotion", EMOTIONS)
def test_one_unknown_emotion_makes_the_metric_unknown(metric: Metric, emotion: str) -> None:
    rows = np.stack([only("happiness"), only("happiness")])
    rows[0, EMOTIONS.index(emotion)] = np.nan
    assert np.isnan(metric(rows)).tolist() == [True, False]


@pytest.mark.parametrize("metric", ALL, ids=lambda one: one.__name__)
def test_the_order_of_samples_changes_nothing(metric: Metric) -> None:
    rows = np.random.default_rng(3).dirichlet(np.ones(8), 40)
    order = np.random.default_rng(4).permutation(40)
    assert metric(rows[order]) == pytest.approx(metric(rows)[order])
    assert metric(np.zeros((0, 8))).shape == (0,)


@pytest.mark.parametrize("metric", ALL, ids=lambda one: one.__name__)
def test_another_number_of_emotions_is_refused(metric: Metric) -> None:
    with pytest.raises(ValueError, match="8 probabilities"):
        metric(np.zeros((4, 7)))


def test_engagement_is_emotion_shown_while_looking() -> None:
    assert metrics.engagement([0.8, 0.8, 0.0, 0.8, np.nan], [1, 0, 1, np.nan, 1]).tolist() == pytest.approx(
        [0.8, 0.0, 0.0, np.nan, np.nan], nan_ok=True
    )
