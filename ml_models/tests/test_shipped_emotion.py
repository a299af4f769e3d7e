"""The shipped emotion weights are as good as their card says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ml_models.emotion import EmotionScorer, folded
from ml_models.emotion_net import EmotionNet
from ml_models.evaluation import emotion
from ml_models.registry import WeightError, weight


def test_they_reach_the_floor_on_the_validation_pictures(data: Path) -> None:
    figures = emotion.evaluate(data, timing=False).figures
    assert figures["pictures"] == 2910
    assert figures["accuracy"] >= 0.855
    assert figures["macro_f1"] >= 0.66
    assert figures["ece_after"] <= 0.03


def test_folding_the_norms_changes_no_answer() -> None:
    net = EmotionNet().eval()
    net.load_state_dict(load_file(weight("emotion-v1").verified()))
    pictures = torch.randn(3, 1, 48, 48, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = net(pictures)
        torch.testing.assert_close(folded(net)(pictures), expected, atol=1e-3, rtol=1e-3)


def test_scores_are_softened_by_the_fitted_temperature() -> None:
    scorer = EmotionScorer()
    square = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    logits = scorer.logits(torch.from_numpy(square)[None, None])
    expected = (logits / weight("emotion-v1").settings["temperature"]).softmax(dim=1).numpy()
    np.testing.assert_allclose(scorer.probabilities([square]), expected, atol=1e-6)


def test_weights_listed_without_a_temperature_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml_models.emotion.weight", lambda name: weight("mtcnn-pnet"))
    with pytest.raises(WeightError, match="temperature"):
        EmotionScorer()
