"""The training of the emotion head, on a few made-up pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ml_models.embedding_net import SIZE
from ml_models.emotion_head_net import EmotionHead
from ml_models.names import EMOTIONS
from ml_models.training import trunk_features
from ml_models.training.emotion_data import EmotionSet
from ml_models.training.emotion_head import HeadRecipe, HeadTrainer
from ml_models.training.trunk_features import extract, jittered, load_features, relit

RECIPE = HeadRecipe(epochs=2, batch=4, warmup_steps=1, variants=1)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    draw = np.random.default_rng(1)
    return torch.from_numpy(draw.integers(0, 256, (10, 1, 48, 48), dtype=np.uint8))


@pytest.fixture(scope="module")
def folder(pictures: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("features")
    for variant in (0, 1):
        extract(pictures[:, 0].numpy(), made, "train", variant, seed=1)
    return made


def emotions(pictures: torch.Tensor) -> EmotionSet:
    votes = torch.zeros(len(pictures), 8)
    votes[torch.arange(len(pictures)), torch.arange(len(pictures)) % 8] = 10
    # One picture without a target and one without a clear majority.
    votes[0] = torch.tensor([1.0, 1, 1, 1, 1, 1, 1, 1])
    majority = torch.where(votes.max(dim=1).values >= 5, votes.argmax(dim=1), torch.tensor(-1))
    return EmotionSet(pictures, votes, majority)


def trainer(pictures: torch.Tensor, folder: Path, out: Path) -> HeadTrainer:
    out.mkdir(exist_ok=True)
    variants = [load_features(folder, "train", number) for number in (0, 1)]
    own = emotions(pictures)
    return HeadTrainer(RECIPE, own, own, (variants, variants[0]), out)


def test_features_are_those_of_the_pictures_and_stay(folder: Path, pictures: torch.Tensor) -> None:
    early, middle, flat = load_features(folder, "train", 0)
    assert early.shape == (10, 64, 17, 17)
    assert middle.shape == (10, 128, 8, 8)
    assert flat.shape == (10, 1152)
    changed = load_features(folder, "train", 1)[2]
    assert not torch.equal(flat, changed)
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    extract(pictures[:, 0].numpy(), folder, "train", 1, seed=1)
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before


def test_an_interrupted_extraction_leaves_nothing_that_counts(
    pictures: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trunk_features, "relit", stop)
    with pytest.raises(KeyboardInterrupt):
        extract(pictures[:2, 0].numpy(), tmp_path, "train", 1, seed=1)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_goes_on_as_it_would_have(
    pictures: torch.Tensor, folder: Path, tmp_path: Path
) -> None:
    whole = trainer(pictures, folder, tmp_path / "whole")
    assert whole.run()
    parts = trainer(pictures, folder, tmp_path / "parts")
    assert not parts.run(max_minutes=0)
    parts = trainer(pictures, folder, tmp_path / "parts")
    assert parts.resume()
    assert parts.run()
    for name, value in whole.average.net.state_dict().items():
        torch.testing.assert_close(parts.average.net.state_dict()[name], value, msg=name)
    lines = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert set(lines[0]["f1"]) == set(EMOTIONS)
    assert load_file(tmp_path / "parts" / "best.safetensors").keys() == EmotionHead().state_dict().keys()


def test_pictures_without_a_target_are_not_learnt(
    pictures: torch.Tensor, folder: Path, tmp_path: Path
) -> None:
    own = trainer(pictures, folder, tmp_path / "out")
    assert len(own.target) == 9
    early, _, _ = own.inputs(torch.tensor([0]), 48)
    assert any(torch.equal(early[0], load_features(folder, "train", v)[0][1].float()) for v in (0, 1))


def test_a_jitter_moves_the_crop_by_a_bounded_amount() -> None:
    matrix = np.array([[0.3, 0.0, 2.0], [0.0, 0.3, 1.0]])
    middle = np.array([SIZE / 2, SIZE / 2, 1.0])
    for seed in range(50):
        moved = jittered(matrix, np.random.default_rng(seed))
        assert np.abs(moved @ middle - matrix @ middle).max() <= 0.3 * 6 + 1e-9
        size = np.linalg.norm(moved[:, 0]) / 0.3
        assert np.exp(-0.12) - 1e-9 <= size <= np.exp(0.12) + 1e-9


def test_relighting_keeps_shape_and_type() -> None:
    picture = np.full((48, 48), 100, dtype=np.uint8)
    changed = relit(picture, np.random.default_rng(1))
    assert (changed.shape, changed.dtype) == ((48, 48), np.uint8)
    assert not np.array_equal(changed, picture)
