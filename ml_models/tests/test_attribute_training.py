"""The training program of the attribute network, on made-up pictures."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ml_models.attribute_net import AttributeNet
from ml_models.attribute_types import LABELS, OLDEST
from ml_models.tests.attribute_folder import POINTS, make_folder, write_points
from ml_models.training import attribute_losses as losses
from ml_models.training import attribute_occluders as occluders
from ml_models.training import attribute_views as views
from ml_models.training.attribute_batches import drawn_rows, jittered, plain, portrait_weights
from ml_models.training.attribute_copies import near_copies
from ml_models.training.attribute_data import SUNGLASSES, Sample, load_samples
from ml_models.training.attribute_losses import Truth
from ml_models.training.attributes import Recipe, Trainer, prepare

RECIPE = Recipe(epochs=2, wide_batch=4, face_batch=16, warmup_steps=2)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data folder, and a folder with the points and views of it."""
    data, out = make_folder(tmp_path_factory.mktemp("data")), tmp_path_factory.mktemp("out")
    write_points(load_samples(data), out / "points.npz")
    prepare(data, out)
    return data, out


def trainer(prepared: tuple[Path, Path], out: Path, recipe: Recipe = RECIPE) -> Trainer:
    data, made = prepared
    if not out.is_dir():
        shutil.copytree(made, out)
    return Trainer(recipe, prepare(data, out), out)


def test_every_set_is_read_with_what_it_knows(prepared: tuple[Path, Path]) -> None:
    samples = load_samples(prepared[0])
    assert [
        sum(one.source == name for one in samples) for name in ("celeba", "masks", "utk", "fairface")
    ] == [40] * 4
    by_file = {one.file: one for one in samples}
    masked = by_file["masks/all/1.png"]
    assert masked.labels == {"mask": True, "nose_and_mouth_covered": True, "mouth_occluded": True}
    assert masked.age is None
    assert masked.male is None
    assert by_file["age_gender/utk/1.png"].age == (70, 70)
    assert by_file["age_gender/fairface/8.png"].age == (70, OLDEST)
    assert by_file["age_gender/fairface/8.png"].male is False
    row = masked.row()
    assert (row == -1).sum() == len(LABELS) - 3
    portrait = by_file["attributes/celeba/000000.png"]
    assert portrait.labels["forehead_occluded"] == (
        portrait.labels["Bangs"] or portrait.labels["Wearing_Hat"]
    )


def test_dark_glasses_are_told_apart_by_the_list(tmp_path: Path) -> None:
    names = [line.split(",") for line in SUNGLASSES.read_text().split()[1:]]
    dark = next(name for name, word in names if word == "1")
    unsure = next(name for name, word in names if word == "unsure")
    table = tmp_path / "attributes" / "celeba_attributes.csv"
    table.parent.mkdir()
    labels = [name for name in LABELS if name[0].isupper() or name[0] == "5"]
    lines = [",".join(["image", "Male", *labels])]
    lines += [",".join([f"celeba/{n}.webp", "1", *["1"] * len(labels)]) for n in (dark, unsure, "999999")]
    table.write_text("\n".join(lines))
    first, second, third = load_samples(tmp_path)
    assert first.labels["sunglasses"]
    assert "sunglasses" not in second.labels
    assert not third.labels["sunglasses"]


def test_a_folder_without_any_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give --data"):
        load_samples(tmp_path)


def test_the_held_out_part_is_an_eighth_and_depends_on_the_name_only() -> None:
    samples = [Sample(f"age_gender/utk/{k:05}.webp", "utk") for k in range(2000)]
    held = [one.held_out for one in samples]
    assert 0.09 < np.mean(held) < 0.15
    assert held[7] == Sample("age_gender/utk/00007.webp", "utk", age=(3, 3)).held_out


def test_held_out_pictures_are_seen_unchanged_and_others_also_changed(prepared: tuple[Path, Path]) -> None:
    samples = load_samples(prepared[0])
    plan = views.Plan.of(samples)
    for number, sample in enumerate(samples):
        copies = plan.copy[plan.sample == number].tolist()
        assert copies == ([0] if sample.held_out else list(range(views.COPIES[sample.source] + 1)))


def test_mirroring_keeps_the_points_on_the_face() -> None:
    picture = np.zeros((96, 96, 3), dtype=np.uint8)
    picture[40, 34] = 255
    mirror, points = views.mirrored(picture, POINTS)
    x, y = points[1]
    assert mirror[int(y), int(x) - 1].tolist() == [255, 255, 255]
    assert points[0, 0] < points[1, 0]
    assert points[3, 0] < points[4, 0]


def test_a_changed_copy_repeats_and_another_differs() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    sample = Sample("a", "celeba", dict.fromkeys(LABELS, False))
    first = views.changed(picture, POINTS, POINTS, sample, 1, (1, 2))
    again = views.changed(picture, POINTS, POINTS, sample, 1, (1, 2))
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[1], views.changed(picture, POINTS, POINTS, sample, 2, (1, 2))[1])
    plain_picture, points, _ = views.changed(picture, POINTS, POINTS, sample, 0, (1, 2))
    assert plain_picture is picture
    assert points is POINTS


@pytest.mark.parametrize("where", ["mouth", "eyes", "forehead"])
def test_what_is_painted_hides_the_right_place(where: str) -> None:
    picture = np.full((96, 96, 3), 250, dtype=np.uint8)
    places = {"mouth": (70, 48), "eyes": (40, 34), "forehead": (20, 48)}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        painted = occluders.paint(picture, POINTS, occluders.thing(rng, where), rng)
        changed = (painted != picture).any(axis=2)
        rows = {"mouth": changed[:36], "eyes": changed[62:], "forehead": changed[45:]}[where]
        assert not rows.any()
        y, x = places[where]
        # One eye or both may be hidden.
        assert changed[y, x] or (where == "eyes" and changed[40, 62])


def test_painted_masks_and_sunglasses_carry_their_labels() -> None:
    rng = np.random.default_rng(0)
    kinds = [occluders.mask(rng).labels["nose_and_mouth_covered"] for _ in range(40)]
    assert 3 < kinds.count(False) < 20
    dark = occluders.sunglasses(rng).labels
    assert dark["Eyeglasses"]
    assert dark["sunglasses"]
    assert dark["eye_occluded"]
    painted = occluders.paint(np.full((96, 96, 3), 250, np.uint8), POINTS, occluders.sunglasses(rng), rng)
    assert painted[42, [34, 62]].max() < 200


def test_the_loss_of_an_age_is_least_there_and_nothing_where_unknown() -> None:
    logits = torch.stack([-((losses.YEARS - year) ** 2) / 50 for year in (30.0, 34.0, 60.0)])
    exact = torch.tensor([30, 30, 30], dtype=torch.int16)
    loss = losses.age_loss(logits, exact, exact)
    assert loss[0] < loss[1] < loss[2]
    inside = losses.age_loss(logits, torch.full((3,), 30), torch.full((3,), 39))
    assert inside[1] < inside[0] < inside[2]
    assert losses.age_loss(logits, torch.full((3,), -1), torch.full((3,), -1)).tolist() == [0, 0, 0]


def test_unknown_labels_train_nothing() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    losses.yes_no_loss(logits, torch.tensor([[1, -1, 0], [-1, -1, -1]])).sum().backward()
    assert logits.grad is not None
    assert (logits.grad != 0).tolist() == [[True, False, True], [False, False, False]]


def test_ages_fall_into_the_ranges_of_fairface() -> None:
    years = torch.tensor([0, 2, 3, 9.4, 9.6, 19, 20, 69, 70, 100])
    assert losses.range_of(years).tolist() == [0, 0, 1, 1, 2, 2, 3, 7, 8, 8]


def test_scores_count_each_part_where_it_is_known() -> None:
    logits = -((losses.YEARS - torch.tensor([[30.0], [24.0]])) ** 2)
    truth = Truth(
        labels=torch.tensor([[1] + [-1] * 28, [0] + [-1] * 28]),
        youngest=torch.tensor([27, 20]),
        oldest=torch.tensor([27, 29]),
        male=torch.tensor([1, 0]),
    )
    found = losses.scores((torch.ones(2, 29), logits, torch.ones(2, 1)), truth)
    assert found["age_error"] == pytest.approx(3, abs=0.01)
    assert found["age_range"] == 1
    assert found["male_by_age_set"] == 1
    assert found["male_by_range_set"] == 0
    assert found["labels"] == {LABELS[0]: 0.5}


def test_rare_portraits_are_drawn_more_often_and_draws_repeat() -> None:
    labels = torch.zeros(10, len(LABELS), dtype=torch.int8)
    labels[0, LABELS.index("Bald")] = labels[0, LABELS.index("Eyeglasses")] = 1
    weights = portrait_weights(labels)
    assert (weights[0] / weights[1]).item() == pytest.approx(2)
    table = torch.stack([torch.arange(10) * 3, torch.full((10,), 3)], dim=1)
    rows = drawn_rows(table, weights, 3000, seed=4)
    assert torch.equal(rows, drawn_rows(table, weights, 3000, seed=4))
    assert (rows < 3).sum() == pytest.approx(3000 * 2 / 11, rel=0.1)
    assert rows.unique().tolist() == list(range(30))


def test_the_wide_view_keeps_its_middle() -> None:
    stored = torch.zeros(1, 112, 96, 3, dtype=torch.uint8)
    stored[:, 40:72, 32:64] = 200
    assert plain(stored).shape == (1, 3, 96, 80)
    torch.manual_seed(0)
    moved = jittered(stored)
    assert moved.shape == (1, 3, 96, 80)
    assert moved[0, :, 48, 40].tolist() == [200, 200, 200]
    assert moved.mean() == pytest.approx(plain(stored).mean().item(), rel=0.3)


def test_near_copies_of_training_pictures_are_found_and_count_neither_way(tmp_path: Path) -> None:
    data = make_folder(tmp_path)
    samples = load_samples(data)
    assert near_copies(data, samples) == set()
    faces = [one for one in samples if one.source == "utk"]
    held, mirrored = [one for one in faces if one.held_out][:2]
    with Image.open(data / next(one.file for one in faces if not one.held_out)) as trained:
        trained.resize((90, 90)).resize((96, 96)).save(data / held.file)
        trained.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(data / mirrored.file)
    assert near_copies(data, samples) == {held.file, mirrored.file}
    write_points(samples, tmp_path / "out" / "points.npz")
    made = prepare(data, tmp_path / "out")
    files = {samples[int(made.views.plan.sample[row])].file for row in made.validation}
    assert held.file not in files
    assert len(files) == sum(one.held_out for one in samples) - 2


def test_views_are_finished_after_an_interruption(prepared: tuple[Path, Path], tmp_path: Path) -> None:
    data, out = prepared
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    whole = np.load(copy / "features.npy")
    features = np.load(copy / "features.npy", mmap_mode="r+")
    features[100:] = 0
    features.flush()
    (copy / "views.json").write_text(json.dumps({"rows": 100}))
    prepare(data, copy)
    np.testing.assert_array_equal(np.load(copy / "features.npy"), whole)


def test_views_of_another_folder_are_refused(prepared: tuple[Path, Path], tmp_path: Path) -> None:
    other, copy = make_folder(tmp_path / "data", count=30), tmp_path / "out"
    shutil.copytree(prepared[1], copy)
    with pytest.raises(ValueError, match="another --out"):
        prepare(other, copy)


def test_an_interrupted_run_ends_as_an_uninterrupted_one(prepared: tuple[Path, Path], tmp_path: Path) -> None:
    whole = trainer(prepared, tmp_path / "whole")
    assert whole.run()
    parts = trainer(prepared, tmp_path / "parts")
    assert not parts.run(max_minutes=0)
    assert parts.progress.step == 1
    parts = trainer(prepared, tmp_path / "parts")
    assert parts.resume()
    assert parts.progress.step == 1
    assert parts.run()
    for name, value in whole.average.net.state_dict().items():
        torch.testing.assert_close(parts.average.net.state_dict()[name], value, msg=name)
    lines = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert {"age_error", "age_range", "used_labels"} <= set(lines[0])
    net = AttributeNet()
    net.load_state_dict(load_file(tmp_path / "parts" / "best.safetensors"))


def test_training_lowers_the_loss(prepared: tuple[Path, Path], tmp_path: Path) -> None:
    learner = trainer(prepared, tmp_path / "out", dataclasses.replace(RECIPE, epochs=3))
    assert learner.run()
    assert learner.progress.history[-1]["loss"] < learner.progress.history[0]["loss"]


def test_another_recipe_does_not_go_on(prepared: tuple[Path, Path], tmp_path: Path) -> None:
    trainer(prepared, tmp_path / "out").run(max_minutes=0)
    other = trainer(prepared, tmp_path / "out", dataclasses.replace(RECIPE, rate=1.0))
    with pytest.raises(ValueError, match="another recipe"):
        other.resume()


def test_fewer_faces_than_one_batch_are_refused(prepared: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fewer than one batch"):
        trainer(prepared, tmp_path / "out", dataclasses.replace(RECIPE, face_batch=400))
