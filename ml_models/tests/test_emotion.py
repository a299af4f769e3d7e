"""The emotion networks: graphs like the modules, the average of both, and as good as their card says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from ml_models import dlib_file
from ml_models.detection import FaceDetector
from ml_models.embedding_net import layers
from ml_models.emotion import Average, EmotionModel
from ml_models.emotion_graphs import TAPS, emotion_head, emotion_net
from ml_models.emotion_head_net import TAPS as HEAD_TAPS
from ml_models.emotion_head_net import EmotionHead
from ml_models.emotion_net import EmotionNet, standardise
from ml_models.evaluation import emotion
from ml_models.face_trunk import HEAD_WEIGHTS, FaceTrunk
from ml_models.face_trunk import WEIGHTS as DLIB
from ml_models.names import EMOTIONS
from ml_models.registry import Weight, WeightError, weight
from ml_models.runtime import Network
from ml_models.training.export_head import balance, fit_shares

SQUARES = np.random.default_rng(2).integers(0, 256, (3, 48, 48), dtype=np.uint8)


def head_module(seed: int = 4) -> EmotionHead:
    """A head whose norms have something to do."""
    torch.manual_seed(seed)
    head = EmotionHead().eval()
    for name, tensor in head.state_dict().items():
        if name.endswith("running_mean"):
            tensor.normal_(0.2, 0.1)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
    return head


def test_the_graph_of_the_own_network_is_the_module() -> None:
    tensors = load_file(weight("emotion-v1").verified())
    module = EmotionNet().eval()
    module.load_state_dict(tensors)
    parameter, logits = emotion_net({name: tensor.numpy() for name, tensor in tensors.items()})
    [answer] = Network(parameter, [logits], name="emotion", exact=True).run(SQUARES[..., None])
    with torch.inference_mode():
        expected = module(standardise(torch.from_numpy(SQUARES)[:, None] / 255)).numpy()
    np.testing.assert_allclose(answer, expected, atol=1e-4)


def test_the_graph_of_the_head_is_the_module() -> None:
    assert TAPS == HEAD_TAPS
    module = head_module()
    parameter, blocks, embedding = layers(dlib_file.read(weight(DLIB).verified()))
    head = emotion_head(
        {name: tensor.numpy() for name, tensor in module.state_dict().items()}, blocks, embedding
    )
    outputs = [*(blocks[number] for number in TAPS), embedding, head]
    crops = np.random.default_rng(5).integers(0, 256, (2, 150, 150, 3), dtype=np.uint8)
    *taps, embeddings, answer = Network(parameter, outputs, name="head", exact=True).run(crops)
    early, middle, last = (torch.from_numpy(tap) for tap in taps)
    with torch.inference_mode():
        flat = torch.cat([last.flatten(1), torch.from_numpy(embeddings)], dim=1)
        expected = module(early, middle, flat).numpy()
    np.testing.assert_allclose(answer, expected, atol=1e-4)


def test_the_trunk_gives_embedding_emotion_and_features_in_one_pass(astronaut: NDArray[np.uint8]) -> None:
    crops = np.stack([astronaut[:150, :150], astronaut[50:200, 150:300]])
    together = FaceTrunk.load().run(crops)
    assert together.embedding.shape == (2, 128)
    assert together.emotion.shape == (2, 8)
    assert together.features.shape == (2, 64, 17, 17)
    alone = FaceTrunk.load().run(crops[1:])
    np.testing.assert_array_equal(alone.emotion[0], together.emotion[1])
    exact = FaceTrunk.load(exact=True)
    np.testing.assert_allclose(exact.embed(crops), exact.run(crops).embedding, atol=1e-5)
    assert FaceTrunk.load().run(crops[:0]).embedding.shape == (0, 128)


def test_probabilities_are_the_softmax_of_the_weighted_sum() -> None:
    bias = np.linspace(-1, 1, 8).astype(np.float32)
    model = EmotionModel.load(average=Average(0.5, 2.0, bias))
    own, head = np.random.default_rng(1).normal(size=(2, 3, 8)).astype(np.float32)
    sums = 0.5 * own + 2 * head + bias
    expected = np.exp(sums) / np.exp(sums).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.combined(own, head), expected, atol=1e-6)
    np.testing.assert_allclose(model.combined(own, head).sum(axis=1), 1, atol=1e-6)


def test_weights_listed_without_their_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def bare(name: str) -> Weight:
        entry = weight(name)
        return Weight(**{**{k: getattr(entry, k) for k in Weight.__dataclass_fields__}, "settings": {}})

    monkeypatch.setattr("ml_models.emotion.weight", bare)
    with pytest.raises(WeightError, match="own_share"):
        EmotionModel.load()


def test_shares_are_fitted_to_the_better_network() -> None:
    draw = np.random.default_rng(3)
    truth = draw.integers(0, 8, 600)
    good = (4 * np.eye(8)[truth] + draw.normal(size=(600, 8))).astype(np.float32)
    noise = draw.normal(size=(600, 8)).astype(np.float32)
    own, head = fit_shares(good, noise, truth, np.zeros(8, dtype=np.float32))
    assert own > 0.5
    assert head < 0.1 * own


def test_balance_lifts_what_is_rare_and_nothing_at_zero() -> None:
    votes = torch.zeros(100, 8)
    votes[:90, 0], votes[90:, 5] = 10, 10
    lifted = balance(votes, 0.5)
    assert lifted[5] - lifted[0] == pytest.approx(0.5 * np.log(9), abs=1e-4)
    assert lifted.mean() == pytest.approx(0, abs=1e-5)
    np.testing.assert_array_equal(balance(votes, 0.0), 0)


def test_they_reach_the_floor_on_the_validation_pictures(data: Path) -> None:
    figures = emotion.evaluate(data, timing=False).figures
    assert figures["pictures"] == 2910
    assert figures["accuracy"] >= 0.87
    assert figures["macro_f1"] >= 0.68
    assert figures["calibration_error_cross_fitted"] <= 0.03


def test_a_crop_in_colour_or_grey_and_a_larger_one_score_alike(astronaut: NDArray[np.uint8]) -> None:
    model, detector, trunk = EmotionModel.load(), FaceDetector.load(), FaceTrunk.load()
    face = astronaut[65:200, 157:292]
    small = np.ascontiguousarray(face[::2, ::2])
    scores = model.of_crops([face, small], detector, trunk)
    assert [EMOTIONS[number] for number in scores.argmax(axis=1)] == ["happiness", "happiness"]
    np.testing.assert_allclose(scores[0], scores[1], atol=0.15)


def test_the_shipped_head_is_the_one_that_is_listed() -> None:
    assert weight(HEAD_WEIGHTS).verified().name == "emotion_head_v1.safetensors"
