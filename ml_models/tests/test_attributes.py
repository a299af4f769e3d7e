"""What the engine says of attributes, on the two sample photos."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file

from ml_models import attributes as own
from ml_models import emotion_graphs, face_trunk, registry
from ml_models.alignment import crops_of, similarities
from ml_models.attribute_net import AttributeNet, normalised
from ml_models.attribute_types import LABELS, OLDEST, FaceAttributes, Hair
from ml_models.attributes import AttributeArrays, AttributeModel, Calibration, Logits
from ml_models.levels import Levels
from ml_models.registry import WeightError, weight
from ml_models.runtime import Network
from ml_models.tests.conftest import ROOT
from ml_models.training.attribute_occluders import Occluder, mask, paint, sunglasses, thing
from ml_models.training.attribute_views import trunk

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: MTCNN's five points of the faces on the sample photos.
POINTS = {
    "astronaut.png": [[204.9, 101.6], [247.5, 103.4], [226.5, 128.9], [202.5, 139.8], [245.8, 141.2]],
    "grace_hopper.jpg": [[220.5, 193.9], [307.6, 188.7], [267.4, 240.5], [234.2, 279.9], [308.5, 275.5]],
}


def sample(name: str) -> tuple[Picture, Floats]:
    """A photo and the points (1, 5, 2) of its face."""
    with Image.open(ROOT / "samples" / name) as photo:
        return np.array(photo.convert("RGB")), np.array([POINTS[name]], dtype=np.float32)


@cache
def models(exact: bool) -> tuple[AttributeModel, Network]:
    """The model and the recognition network's lower half."""
    return AttributeModel.load(exact=exact), trunk(exact=exact)


def described(pictures: list[Picture], points: list[Floats], exact: bool = True) -> list[FaceAttributes]:
    """The attributes of the faces of some pictures."""
    model, lower = models(exact)
    levels = [Levels(one) for one in pictures]
    (features,) = lower.run(face_trunk.face_crops(levels, points))
    return model.attributes(levels, points, features)


def ages(face: FaceAttributes) -> tuple[float, tuple[float, float]]:
    """Age and age range of a face that was asked for them."""
    assert face.age is not None
    assert face.age_range is not None
    return face.age, face.age_range


def numbers(face: FaceAttributes) -> list[float]:
    """All numbers of an answer, in one order."""

    def flat(value: object) -> list[float]:
        if isinstance(value, dict):
            return [number for one in value.values() for number in flat(one)]
        if isinstance(value, list | tuple):
            return [number for one in value for number in flat(one)]
        return [float(value)] if isinstance(value, float) else []

    return flat(dataclasses.asdict(face))


def test_the_astronaut_is_a_smiling_woman_without_glasses_and_beard() -> None:
    picture, points = sample("astronaut.png")
    (face,) = described([picture], [points])
    assert face.gender == "female"
    assert face.smile > 0.9
    age, (youngest, oldest) = ages(face)
    assert 22 < age < 50
    assert youngest < age < oldest
    assert face.glasses.kind == "NoGlasses"
    assert max(face.facial_hair.beard, face.facial_hair.moustache, face.facial_hair.sideburns) < 0.1
    assert face.hair.bald < 0.05
    assert face.headwear < 0.2
    assert face.mask.kind == "noMask"
    assert face.makeup.lips > 0.5
    assert max(face.occlusion.eyes, face.occlusion.mouth) < 0.1
    assert face.accessories == ()


def test_grace_hopper_wears_her_cap_and_no_mask() -> None:
    picture, points = sample("grace_hopper.jpg")
    (face,) = described([picture], [points])
    assert face.headwear > 0.5
    assert "headwear" in dict(face.accessories)
    assert ages(face)[0] > 40
    assert face.mask.kind == "noMask"
    assert face.facial_hair.beard < 0.2


@pytest.mark.parametrize("name", POINTS)
def test_dark_glasses_painted_on_are_seen(name: str) -> None:
    picture, points = sample(name)
    rng = np.random.default_rng(3)
    painted = paint(picture, points[0], sunglasses(rng), rng)
    before, after = described([picture, painted], [points, points])
    assert after.glasses.kind == "Sunglasses"
    assert after.glasses.sunglasses > before.glasses.sunglasses + 0.4
    assert after.occlusion.eyes > before.occlusion.eyes + 0.4
    assert after.occlusion.mouth < 0.3
    assert "glasses" in dict(after.accessories)


@pytest.mark.parametrize("name", POINTS)
def test_a_painted_mask_is_seen(name: str) -> None:
    picture, points = sample(name)
    rng = np.random.default_rng(1)
    painted = paint(picture, points[0], mask(rng), rng)
    before, after = described([picture, painted], [points, points])
    assert after.mask.kind == "faceMask"
    assert after.mask.worn > before.mask.worn + 0.5
    assert after.occlusion.mouth > before.occlusion.mouth + 0.5
    assert after.occlusion.eyes < 0.3


def covered(where: str) -> tuple[FaceAttributes, FaceAttributes]:
    """The astronaut's face as it is, and with a skin-coloured thing before a part of it."""
    picture, points = sample("astronaut.png")
    rng = np.random.default_rng(2)
    shape = thing(rng, where)
    painted = paint(picture, points[0], Occluder(shape.polygons, (70, 50, 45), texture=8.0), rng)
    before, after = described([picture, painted], [points, points])
    return before, after


def test_something_before_the_mouth_hides_it_and_is_no_mask() -> None:
    before, after = covered("mouth")
    assert after.occlusion.mouth > before.occlusion.mouth + 0.4
    assert after.occlusion.mouth > max(after.occlusion.eyes, 0.5)
    assert after.mask.kind in ("otherMaskOrOcclusion", "uncertain")


def test_something_before_the_eyes_hides_them() -> None:
    before, after = covered("eyes")
    assert after.occlusion.eyes > before.occlusion.eyes + 0.4


def test_something_before_the_forehead_hides_it() -> None:
    before, after = covered("forehead")
    assert after.occlusion.forehead > before.occlusion.forehead


def test_the_graph_answers_like_the_module() -> None:
    net = AttributeNet().eval()
    tensors = load_file(weight(own.WEIGHTS).verified())
    tensors.pop("calibration")
    net.load_state_dict(tensors)
    picture, points = sample("astronaut.png")
    model, lower = models(True)
    (features,) = lower.run(face_trunk.face_crops([Levels(picture)], [points]))
    wide = own.wide_crops([Levels(picture)], [points])
    found = model.logits(features, wide)
    with torch.inference_mode():
        labels, age, male = net(
            torch.from_numpy(features), normalised(torch.from_numpy(wide).permute(0, 3, 1, 2))
        )
    np.testing.assert_allclose(found.labels, labels.numpy(), atol=1e-4)
    np.testing.assert_allclose(found.age, age.numpy(), atol=1e-4)
    np.testing.assert_allclose(found.male, male.numpy()[:, 0], atol=1e-4)


def test_half_precision_answers_nearly_the_same() -> None:
    pairs = [sample(name) for name in POINTS]
    pictures, points = [one for one, _ in pairs], [one for _, one in pairs]
    for exact, quick in zip(
        described(pictures, points), described(pictures, points, exact=False), strict=True
    ):
        np.testing.assert_allclose(ages(quick)[0], ages(exact)[0], atol=1.0)
        np.testing.assert_allclose(numbers(quick)[3:], numbers(exact)[3:], atol=0.05)


def test_a_face_alone_is_answered_as_in_a_batch() -> None:
    first, second = sample("astronaut.png"), sample("grace_hopper.jpg")
    both = np.concatenate([first[1], first[1] + 4])
    together = described([first[0], second[0]], [both, second[1]])
    assert len(together) == 3
    alone = [
        described([first[0]], [first[1]])[0],
        described([first[0]], [first[1] + 4])[0],
        described([second[0]], [second[1]])[0],
    ]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(numbers(one), numbers(other), atol=1e-4)


def test_no_faces_give_no_answers() -> None:
    picture, _ = sample("astronaut.png")
    nobody = np.zeros((0, 5, 2), dtype=np.float32)
    assert described([], []) == []
    assert described([picture, picture], [nobody, nobody]) == []


def test_the_engine_cuts_the_crop_that_the_network_was_trained_on() -> None:
    """Whoever moves the crop of the recognition network has to train the attributes anew."""
    trained = np.array([[48.7, 45.7], [103.2, 45.7], [76.0, 81.2], [51.7, 103.9], [100.3, 103.9]])
    weights = np.array([1.0, 1.0, 0.3, 1.0, 1.0])
    np.testing.assert_array_equal(face_trunk.TEMPLATE, trained)
    np.testing.assert_array_equal(face_trunk.POINT_WEIGHTS, weights)
    for name in POINTS:
        picture, points = sample(name)
        levels = [Levels(picture)]
        expected = crops_of(levels, [similarities(trained, points, weights)], (150, 150))
        np.testing.assert_array_equal(face_trunk.face_crops(levels, [points]), expected)
    assert emotion_graphs.TAPS[0] == own.FACE_BLOCK


def test_features_of_other_faces_are_refused() -> None:
    picture, points = sample("astronaut.png")
    with pytest.raises(ValueError, match="1 faces but features of 2"):
        models(True)[0].attributes(
            [Levels(picture)], [points], np.zeros((2, *own.FEATURES), dtype=np.float32)
        )


def test_points_that_are_no_numbers_are_refused() -> None:
    picture, points = sample("astronaut.png")
    with pytest.raises(ValueError, match="finite"):
        own.wide_crops([Levels(picture)], [points * np.nan])


def test_probabilities_stay_in_their_range_for_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    for face in described(
        [noise, np.zeros_like(noise)], [np.array([POINTS["astronaut.png"]], dtype=np.float32) - 100] * 2
    ):
        age, (youngest, oldest) = ages(face)
        assert 0 <= youngest <= age <= oldest <= OLDEST
        assert all(0 <= value <= 1 for value in numbers(face)[3:])
        assert sum((face.glasses.none, face.glasses.reading, face.glasses.sunglasses)) == pytest.approx(1)


def arrays(**labels: float) -> AttributeArrays:
    """One face of 30 years with these probabilities, and 0 for all other labels."""
    row = np.zeros((1, len(LABELS)), dtype=np.float32)
    for name, value in labels.items():
        row[0, LABELS.index(name)] = value
    ages = np.zeros((1, OLDEST + 1), dtype=np.float32)
    ages[0, 30] = 1
    return AttributeArrays(row, ages, np.array([0.5], dtype=np.float32))


def test_answers_are_named_in_the_words_of_face_api() -> None:
    (face,) = own.described(
        arrays(Eyeglasses=0.9, sunglasses=0.8, Wearing_Hat=0.75, Blond_Hair=0.6, mask=0.4)
    )
    assert face.glasses.kind == "Sunglasses"
    assert dataclasses.astuple(face.glasses) == pytest.approx((0.1, 0.1, 0.8))
    assert face.facial_hair.beard == 1
    assert [name for name, _ in face.accessories] == ["headwear", "glasses"]
    assert face.hair.colours[0] == ("blond", pytest.approx(0.6))
    assert face.hair.other == pytest.approx(0.4)
    assert face.hair.invisible == pytest.approx(0.3)
    assert face.mask.kind == "uncertain"
    assert face.gender == "male"
    assert face.age == pytest.approx(30)


def test_dark_glasses_are_never_likelier_than_glasses() -> None:
    (face,) = own.described(arrays(Eyeglasses=0.3, sunglasses=0.8))
    assert face.glasses.kind == "NoGlasses"
    assert face.glasses.reading == 0
    assert face.glasses.sunglasses == pytest.approx(0.3)


def test_what_hides_the_mouth_is_a_mask_or_something_else() -> None:
    kinds = [
        own.described(arrays(mask=m, mouth_occluded=o))[0].mask.kind
        for m, o in ((0.9, 0.9), (0.1, 0.9), (0.1, 0.1))
    ]
    assert kinds == ["faceMask", "otherMaskOrOcclusion", "noMask"]


def test_the_middle_of_ages_counts_fractions_of_a_year() -> None:
    ages = np.zeros((3, OLDEST + 1), dtype=np.float32)
    ages[0, 20] = 1
    ages[1, [20, 21]] = 0.5
    ages[2, OLDEST] = 1
    np.testing.assert_allclose(own.quantile(ages, 0.5), [20, 20.5, OLDEST], atol=1e-5)
    np.testing.assert_allclose(own.quantile(ages, 0.1), [19.6, 19.7, 99.6], atol=1e-4)


def test_calibration_scales_and_shifts() -> None:
    count = len(LABELS)
    scale, shift = np.full(count + 1, 2, dtype=np.float32), np.zeros(count + 1, dtype=np.float32)
    shift[-1] = -1
    logits = Logits(
        np.full((1, count), 0.5, np.float32),
        np.zeros((1, OLDEST + 1), np.float32),
        np.full(1, 0.5, np.float32),
    )
    found = Calibration(scale, shift, 1.5).applied(logits)
    np.testing.assert_allclose(found.labels, 1 / (1 + np.exp(-1)), atol=1e-6)
    assert found.male[0] == pytest.approx(0.5)
    assert found.ages.sum() == pytest.approx(1)


def test_hair_lists_every_colour_with_the_likeliest_first() -> None:
    hair = Hair(bald=0, invisible=0, brown=0.2, blond=0.1, black=0.7, gray=0.0, other=0.3)
    assert [name for name, _ in hair.colours] == ["black", "other", "brown", "blond", "gray"]


def test_altered_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = dataclasses.replace(weight(own.WEIGHTS), sha256="0" * 64)
    monkeypatch.setattr(registry, "weights", lambda: {own.WEIGHTS: broken})
    with pytest.raises(WeightError, match="not the file that was tested"):
        AttributeModel.load()


def test_attributes_run_without_torch_and_their_types_without_numpy() -> None:
    script = "import {}\nimport sys\nprint(*(m for m in ('torch', 'numpy', 'openvino') if m in sys.modules))"
    loaded = {
        name: subprocess.run(
            [sys.executable, "-c", script.format(name)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        ).stdout.split()
        for name in ("ml_models.attributes", "ml_models.attribute_types")
    }
    assert loaded == {"ml_models.attributes": ["numpy", "openvino"], "ml_models.attribute_types": []}
