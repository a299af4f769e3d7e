"""The registry of recognition models, and what their distances mean."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml_models import recognition, registry
from ml_models.recognition import (
    ALIASES,
    DEFAULT,
    VARIABLE,
    Calibration,
    canonical,
    default_model,
    describe,
    look_in,
    models_folder,
    problems,
    recognition_model,
    recognition_models,
)
from ml_models.registry import WeightError
from ml_models.tests.small_onnx import small_onnx
from ml_models.tests.test_import import loaded_after

CALIBRATION = Calibration(threshold=0.4, slope=50.0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def test_the_registry_loads_no_network() -> None:
    code = "from ml_models import recognition; recognition.recognition_models()"
    assert loaded_after(code) == {"numpy"}


# --- Confidence -----------------------------------------------------------------------------------
def test_confidence_is_a_half_at_the_threshold_and_falls_with_the_distance() -> None:
    assert CALIBRATION.confidence(0.4) == 0.5
    found = CALIBRATION.confidence(np.linspace(0, 2, 500))
    assert (np.diff(found) <= 0).all()
    assert (np.diff(found)[:300] < 0).all()
    assert found[0] > 0.999999
    assert 0 <= found[-1] < 1e-30


def test_numbers_give_numbers_and_arrays_arrays() -> None:
    assert isinstance(CALIBRATION.confidence(0.3), float)
    assert isinstance(CALIBRATION.distance(0.3), float)
    found = CALIBRATION.confidence(np.array([[0.3, 0.5]], dtype=np.float32))
    assert found.shape == (1, 2)
    assert found[0, 0] == pytest.approx(CALIBRATION.confidence(float(np.float32(0.3))))


def test_the_distance_of_a_confidence_is_the_way_back() -> None:
    for distance in (0.25, 0.4, 0.55):
        assert CALIBRATION.distance(CALIBRATION.confidence(distance)) == pytest.approx(distance)
    assert CALIBRATION.distance(0.5) == 0.4
    np.testing.assert_array_equal(CALIBRATION.distance(np.array([0.0, 1.0])), [2, 0])
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="from 0 to 1"):
            CALIBRATION.distance(wrong)


@pytest.mark.parametrize(("threshold", "slope"), [(0, 5), (2, 5), (float("nan"), 5), (0.4, 0), (0.4, -1)])
def test_a_calibration_without_sense_is_refused(threshold: float, slope: float) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 2|above 0"):
        Calibration(threshold, slope)


def test_far_distances_overflow_nothing() -> None:
    with np.errstate(all="raise"):
        assert Calibration(0.4, 1e6).confidence(np.array([0.0, 2.0])).tolist() == pytest.approx([1, 0])


# --- The default ----------------------------------------------------------------------------------
def test_the_default_model_comes_with_the_project() -> None:
    model = default_model()
    assert (model.name, model.dimension, model.licence) == (DEFAULT, 128, "CC0-1.0")
    assert model.version == f"{DEFAULT}-{model.sha256[:12]}"
    assert 0.35 < model.calibration.threshold < 0.45
    assert recognition_models() == {DEFAULT: model}


@pytest.mark.parametrize("name", [*sorted(ALIASES), None, DEFAULT])
def test_the_names_of_other_products_mean_the_default(name: str | None) -> None:
    assert canonical(name) == DEFAULT
    assert recognition_model(name) == default_model()


def test_another_digest_of_any_of_its_weights_is_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {default_model().sha256}
    for name in recognition.DEFAULT_WEIGHTS:
        entry = registry.weight(name)
        altered = registry.weights() | {name: _with(entry, sha256="0" * 64)}
        with monkeypatch.context() as patch:
            patch.setattr(registry, "weights", lambda altered=altered: altered)
            digests.add(default_model().sha256)
    assert len(digests) == 1 + len(recognition.DEFAULT_WEIGHTS)


def test_a_default_without_a_calibration_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = registry.weight("dlib-face")
    listed = registry.weights() | {"dlib-face": _with(entry, settings={})}
    monkeypatch.setattr(registry, "weights", lambda: listed)
    with pytest.raises(WeightError, match=r"threshold and slope .*ml_models\.training\.confidence"):
        default_model()


def _with(entry: registry.Weight, **changes: object) -> registry.Weight:
    fields = {name: getattr(entry, name) for name in registry.Weight.__slots__}
    return registry.Weight(**(fields | changes))


# --- Further models -------------------------------------------------------------------------------
def test_a_model_in_the_folder_is_listed_and_found(folder: Path) -> None:
    description = small_onnx(folder)
    assert list(recognition_models()) == [DEFAULT, "small-arcface"]
    model = recognition_model("small-arcface")
    assert model == description.model
    assert (model.dimension, model.calibration) == (32, description.calibration)
    assert describe("small-arcface") == description
    assert problems() == []


def test_the_folder_is_that_of_the_environment_or_the_one_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert models_folder() == folder
    before = recognition._Place.folder
    monkeypatch.delenv(VARIABLE)
    try:
        look_in(tmp_path / "told")
        assert models_folder() == tmp_path / "told"
        assert list(recognition_models()) == [DEFAULT]
        look_in(None)
        assert models_folder() is None
        assert list(recognition_models()) == [DEFAULT]
    finally:
        look_in(before)


def test_an_unknown_name_is_refused_with_those_there_are(folder: Path) -> None:
    small_onnx(folder)
    for name in ("nobody", "../small-arcface", "small-arcface/", "X" * 100):
        with pytest.raises(WeightError, match=rf"only {DEFAULT}, small-arcface: .*fetch_weights"):
            recognition_model(name)


def test_altered_and_missing_weights_are_no_model(folder: Path) -> None:
    file = small_onnx(folder).file
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(whole[:-1] + b"!")
    assert list(recognition_models()) == [DEFAULT]
    assert "not the file that was added" in problems()[0]
    with pytest.raises(WeightError, match=r"SHA-256 .*add_recognition_model small-arcface"):
        recognition_model("small-arcface")
    (folder / file).unlink()
    with pytest.raises(WeightError, match="cannot be read"):
        recognition_model("small-arcface")
    (folder / file).write_bytes(whole)
    assert recognition_model("small-arcface").dimension == 32


def test_weights_are_read_again_only_after_they_changed(folder: Path) -> None:
    path = folder / small_onnx(folder).file
    recognition_model("small-arcface")
    before = recognition._digest.cache_info().misses
    recognition_model("small-arcface")
    assert recognition._digest.cache_info().misses == before
    os.utime(path, ns=(1, 1))
    recognition_model("small-arcface")
    assert recognition._digest.cache_info().misses == before + 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "other"}, "describes 'other'"),
        ({"sha256": "12"}, "wrong value for sha256"),
        ({"file": "../up.onnx"}, "wrong value for file"),
        ({"kind": "pickle"}, "wrong value for kind"),
        ({"alignment": "none"}, "wrong value for alignment"),
        ({"channels": "cmyk"}, "wrong value for channels"),
        ({"dimension": 100_000}, "wrong value for dimension"),
        ({"scale": 0}, "wrong value for scale"),
        ({"calibration": {"threshold": 3, "slope": 1}}, "between 0 and 2"),
        ({"calibration": {"threshold": 1}}, "slope"),
        ({"calibration": None}, "cannot be read"),
    ],
)
def test_a_wrong_description_is_refused_with_the_reason(
    folder: Path, change: dict[str, object], reason: str
) -> None:
    small_onnx(folder)
    file = folder / "small-arcface.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(WeightError, match=reason):
        recognition_model("small-arcface")
    assert len(problems()) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"name": "small-arcface"}'])
def test_something_else_than_a_description_is_refused(folder: Path, text: str) -> None:
    (folder / "small-arcface.json").write_text(text)
    with pytest.raises(WeightError, match="cannot be read"):
        recognition_model("small-arcface")
    assert list(recognition_models()) == [DEFAULT]


@pytest.mark.parametrize("name", [DEFAULT, "recognition_01", "", "UPPER", "with space", "a/b", "x" * 64])
def test_no_further_model_takes_a_name_that_cannot_be(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        small_onnx(folder, name)
    assert list(folder.iterdir()) == []


def test_the_same_weights_looked_at_in_another_way_are_another_model(folder: Path) -> None:
    ways: list[dict[str, Any]] = [
        {},
        {"flip": True},
        {"channels": "bgr"},
        {"mean": 0.0},
        {"alignment": "facenet"},
    ]
    digests = {small_onnx(folder, f"way{number}", **way).model.sha256 for number, way in enumerate(ways)}
    assert len(digests) == len(ways)
