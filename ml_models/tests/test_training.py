"""The training program, on a dozen made-up pictures."""

from __future__ import annotations

import csv
import dataclasses
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ml_models.emotion_net import EmotionNet, standardise
from ml_models.names import EMOTIONS
from ml_models.training import augment as changes
from ml_models.training.averaging import AveragedNet
from ml_models.training.emotion import Recipe, Trainer, epoch_order, picture_weights, rate_factor
from ml_models.training.emotion_data import load_emotion_set, targets
from ml_models.training.running import finish, resume

HEADER = ["index", "sheet", "row", "column", "split", "duplicate_of_training", *EMOTIONS]
RECIPE = Recipe(epochs=3, small_epochs=1, batch=8, warmup_steps=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """24 training and 12 validation pictures, two of which repeat training pictures."""
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (1920, 1920), dtype=np.uint8)).save(tmp_path / "sheet_00.png")
    with (tmp_path / "votes.csv").open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow([*HEADER, "unknown", "not_a_face"])
        for k in range(36):
            votes = [0] * 10
            votes[k % 8], votes[(k + 1) % 8], votes[8] = 6, 3, 1
            split = "train" if k < 24 else "validation"
            table.writerow([k, "sheet_00.png", k // 40, k % 40, split, int(k >= 34), *votes])
    return tmp_path


def trainer(folder: Path, out: Path, recipe: Recipe = RECIPE) -> Trainer:
    out.mkdir(exist_ok=True)
    train, validation = (load_emotion_set(folder, split) for split in ("train", "validation"))
    return Trainer(recipe, train, validation, out)


def test_pictures_votes_and_majorities_are_read(folder: Path) -> None:
    train, validation = load_emotion_set(folder, "train"), load_emotion_set(folder, "validation")
    assert train.pictures.shape == (24, 1, 48, 48)
    assert train.majority.tolist() == [k % 8 for k in range(24)]
    assert len(validation) == 10
    assert len(load_emotion_set(folder, "validation", duplicates=True)) == 12
    with Image.open(folder / "sheet_00.png") as sheet:
        np.testing.assert_array_equal(train.pictures[3, 0].numpy(), np.asarray(sheet)[:48, 144:192])


def test_a_folder_without_votes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give --data"):
        load_emotion_set(tmp_path, "train")


def test_an_unknown_split_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="no pictures of split"):
        load_emotion_set(folder, "test")


def test_pictures_without_a_majority_are_not_scored(folder: Path) -> None:
    text = (folder / "votes.csv").read_text().replace("6,3", "4,4")
    (folder / "votes.csv").write_text(text)
    assert 0 < len(load_emotion_set(folder, "train").clear()) < 24


def test_single_votes_do_not_count_and_the_rest_sums_to_one() -> None:
    distribution, usable = targets(torch.tensor([[6.0, 2, 1, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0]]))
    assert distribution[0].tolist() == [0.75, 0.25, 0, 0, 0, 0, 0, 0]
    assert usable.tolist() == [True, False]


def test_rare_emotions_are_drawn_more_often() -> None:
    target = torch.eye(8)[torch.tensor([0] * 90 + [5] * 10)]
    weights = picture_weights(target)
    assert weights.mean().item() == pytest.approx(1)
    assert (weights[-1] / weights[0]).item() == pytest.approx(9**0.35, rel=1e-3)
    order = epoch_order(weights, seed=3)
    assert len(order) == 100
    assert (order >= 90).sum() >= 12
    assert torch.equal(order, epoch_order(weights, seed=3))
    assert not torch.equal(order, epoch_order(weights, seed=4))


def test_the_rate_warms_up_and_falls() -> None:
    factors = [rate_factor(step, 100, 10) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9] == 1
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[-1] < 0.02


def test_changed_pictures_have_the_asked_size_and_repeat_with_the_seed() -> None:
    pictures = torch.randint(0, 256, (16, 1, 48, 48), dtype=torch.uint8)
    for size in (32, 48):
        torch.manual_seed(7)
        first = changes.augment(pictures, size)
        torch.manual_seed(7)
        assert torch.equal(first, changes.augment(pictures, size))
        assert first.shape == (16, 1, size, size)
        assert torch.isfinite(first).all()


def test_plain_pictures_are_only_standardised() -> None:
    pictures = torch.randint(0, 256, (4, 1, 48, 48), dtype=torch.uint8)
    assert torch.equal(changes.plain(pictures, 48), standardise(pictures / 255))
    assert changes.plain(pictures, 32).shape == (4, 1, 32, 32)


def test_a_flat_picture_becomes_zeros() -> None:
    assert standardise(torch.full((1, 1, 48, 48), 0.4)).abs().max() < 1e-3


def test_mixing_keeps_distributions() -> None:
    torch.manual_seed(1)
    pictures, target = torch.randn(8, 1, 4, 4), torch.eye(8)
    [mixed], blended = changes.mix((pictures,), target)
    assert mixed.shape == pictures.shape
    torch.testing.assert_close(blended.sum(dim=1), torch.ones(8))
    assert (blended.max(dim=1).values >= 0.5).all()


def test_the_average_trails_the_network() -> None:
    net = torch.nn.Linear(1, 1, bias=False)
    average = AveragedNet(net, 0.9)
    trailing = average.net.weight
    assert isinstance(trailing, torch.Tensor)
    with torch.no_grad():
        net.weight += 1
    before = trailing.item()
    average.update(net, step=10_000)
    assert trailing.item() == pytest.approx(before + 0.1, abs=1e-6)


def test_sizes_from_small_to_full_give_eight_logits() -> None:
    net = EmotionNet(widths=(4, 4, 8, 8)).eval()
    for size in (32, 40, 48):
        assert net(torch.zeros(2, 1, size, size)).shape == (2, 8)


def test_an_interrupted_run_ends_as_an_uninterrupted_one(folder: Path, tmp_path: Path) -> None:
    whole = trainer(folder, tmp_path / "whole")
    assert whole.run()
    parts = trainer(folder, tmp_path / "parts")
    assert not parts.run(max_minutes=0)
    assert parts.progress.step == 1
    parts = trainer(folder, tmp_path / "parts")
    assert parts.resume()
    assert parts.progress.step == 1
    assert parts.run()
    for name, value in whole.average.net.state_dict().items():
        torch.testing.assert_close(parts.average.net.state_dict()[name], value, msg=name)
    lines = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["size"] for line in lines] == [32, 48, 48]
    assert set(lines[0]["f1"]) == set(EMOTIONS)
    best = load_file(tmp_path / "parts" / "best.safetensors")
    assert best.keys() == whole.net.state_dict().keys()


def test_a_checkpoint_of_another_recipe_is_refused(folder: Path, tmp_path: Path) -> None:
    first = trainer(folder, tmp_path / "out")
    first.save()
    other = trainer(folder, tmp_path / "out", dataclasses.replace(RECIPE, seed=2))
    with pytest.raises(ValueError, match="another recipe"):
        other.resume()


def test_too_few_pictures_for_a_batch_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fewer than one batch"):
        trainer(folder, tmp_path / "out", dataclasses.replace(RECIPE, batch=64))


def test_a_signal_stops_with_a_checkpoint_and_the_same_call_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, before = tmp_path / "out", {number: signal.getsignal(number) for number in (2, 15)}
    first = trainer(folder, out)
    step = first.step

    def interrupted(chosen: torch.Tensor, size: int) -> float:
        signal.raise_signal(signal.SIGTERM)
        return step(chosen, size)

    monkeypatch.setattr(first, "step", interrupted)
    try:
        assert finish(first, out, save_every=60, max_minutes=10) == 3
        assert first.progress.epoch == 0
        again = trainer(folder, out)
        resume(again)
        assert again.progress.step == 1
        assert finish(again, out, save_every=60, max_minutes=10) == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert (out / "best.safetensors").is_file()
