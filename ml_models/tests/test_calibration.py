"""What a distance means is fitted to pairs, and comes out as it was put in."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml_models import calibration, registry
from ml_models.calibration import fit, log_loss, reliability
from ml_models.evaluation import identification
from ml_models.pairs import Pairs
from ml_models.recognition import DEFAULT, VARIABLE, Calibration, default_model, recognition_model
from ml_models.registry import WeightError
from ml_models.tests.small_onnx import small_onnx
from ml_models.training import confidence

TRUTH = Calibration(threshold=0.9, slope=20.0)


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Distances between 0.5 and 1.3, and whether they are of one person, as likely as the truth says."""
    rng = np.random.default_rng(seed)
    distance = rng.uniform(0.5, 1.3, count)
    return distance, rng.uniform(size=count) < TRUTH.confidence(distance)


def test_a_fit_finds_the_numbers_the_pairs_were_made_with() -> None:
    found = fit(*drawn(20_000))
    assert found.threshold == pytest.approx(TRUTH.threshold, abs=0.02)
    assert found.slope == pytest.approx(TRUTH.slope, rel=0.06)


def test_the_same_pairs_give_the_same_numbers_in_any_order() -> None:
    distance, same = drawn(500)
    assert fit(distance, same) == fit(distance, same)
    other = fit(distance[::-1], same[::-1])
    assert other.threshold == pytest.approx(fit(distance, same).threshold, abs=0.01)


def test_kinds_that_do_not_overlap_get_a_threshold_between_and_a_finite_slope() -> None:
    distance = np.concatenate([np.linspace(0.2, 0.5, 50), np.linspace(0.8, 1.2, 50)])
    found = fit(distance, distance < 0.6)
    assert 0.5 < found.threshold < 0.8
    assert 5 < found.slope < 1000


@pytest.mark.parametrize(
    ("distance", "same", "reason"),
    [
        (np.linspace(0, 1, 30), np.arange(30) < 9, "9 pairs of one person and 21 of two"),
        (np.linspace(0, 3, 30), np.arange(30) < 15, "between 0 and 2"),
        (np.full(30, np.nan), np.arange(30) < 15, "between 0 and 2"),
        (np.linspace(0, 1, 30), np.arange(30) >= 15, "no nearer to themselves"),
    ],
)
def test_pairs_that_say_nothing_are_refused(distance: np.ndarray, same: np.ndarray, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        fit(distance, same)


def test_what_confidences_are_worth() -> None:
    sure, same = np.array([0.05, 0.95, 0.95, 0.95, 0.95]), np.array([False, True, True, True, False])
    assert reliability(sure, same) == [
        (0.0, 0.1, 1, pytest.approx(0.05), 0.0),
        (0.9, 1.0, 4, pytest.approx(0.95), 0.75),
    ]
    assert calibration.calibration_error(sure, same) == pytest.approx((0.05 + 4 * 0.2) / 5)
    expected = -(4 * np.log(0.95) + np.log(0.05)) / 5
    assert log_loss(sure, same) == pytest.approx(expected)
    assert np.isfinite(log_loss(np.array([0.0]), np.array([True])))


# --- The program ----------------------------------------------------------------------------------
def pairs_folder(folder: Path, people: int = 12) -> Path:
    """Two pictures each of some 'people', flat colours with noise, in pairs of both kinds and two folds."""
    rng = np.random.default_rng(5)
    tiles = rng.integers(0, 256, (people, 6, 6, 3), dtype=np.uint8)
    for number, tile in enumerate(tiles):
        (folder / f"person{number}").mkdir(parents=True)
        for take in (1, 2):
            noisy = np.clip(tile + rng.normal(0, 12, tile.shape), 0, 255).astype(np.uint8)
            big = Image.fromarray(noisy).resize((180, 180), Image.Resampling.BILINEAR)
            big.save(folder / f"person{number}" / f"{take}.png")
    with (folder / "pairs_dev.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["fold", "image_a", "image_b", "same"])
        for number in range(people):
            for step in range(2):
                other = (number + 1 + step) % people
                rows.writerow([1 + step, f"person{number}/1.png", f"person{number}/2.png", 1])
                rows.writerow([1 + step, f"person{number}/1.png", f"person{other}/2.png", 0])
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pairs_folder(tmp_path_factory.mktemp("pairs"))


def test_the_program_fits_a_further_model_and_stores_it_when_asked(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    before = small_onnx(tmp_path).model
    assert confidence.main(["--data", str(folder), "--model", "small-arcface"]) == 0
    printed = capsys.readouterr().out
    assert recognition_model("small-arcface") == before
    for words in ("48 pairs, 24 of one person", "log loss", "expected calibration error", "half precision"):
        assert words in printed
    assert confidence.main(["--data", str(folder), "--model", "small-arcface", "--write"]) == 0
    after = recognition_model("small-arcface")
    assert after.sha256 == before.sha256
    assert after.calibration != before.calibration
    assert f"threshold {after.calibration.threshold:.4f}, slope {after.calibration.slope:.2f}" in printed
    assert json.loads((tmp_path / "small-arcface.json").read_text())["measured"].startswith("48 pairs")


def test_the_default_s_numbers_are_stored_in_the_list_of_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "manifest.json"
    copy.write_text(registry.MANIFEST.read_text())
    monkeypatch.setattr(registry, "MANIFEST", copy)
    assert confidence.store("recognition_02", Calibration(0.5, 30.0), "nothing") == copy
    listed = registry.read_manifest(copy)
    assert listed["dlib-face"].settings == {"threshold": 0.5, "slope": 30.0}
    expected = registry.weights() | {
        "dlib-face": dataclasses.replace(
            registry.weight("dlib-face"), settings={"threshold": 0.5, "slope": 30.0}
        )
    }
    assert listed == expected
    monkeypatch.setattr(registry, "weights", lambda: listed)
    assert default_model().calibration == Calibration(0.5, 30.0)
    with pytest.raises(WeightError, match="no recognition model"):
        confidence.store("nobody", Calibration(0.5, 30.0), "nothing")


def test_the_program_says_what_is_wrong(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert confidence.main(["--data", str(tmp_path)]) == 1
    assert "has no verification/pairs_dev.csv" in capsys.readouterr().err
    assert confidence.main(["--data", str(folder), "--model", "nobody"]) == 1
    assert f"only {DEFAULT}" in capsys.readouterr().err


def test_one_fold_cannot_be_judged_by_another() -> None:
    distance, same = drawn(100)
    numbers = np.arange(100)
    pairs = Pairs(Path(), [], numbers, numbers, same, np.ones(100, dtype=np.int64))
    with pytest.raises(ValueError, match="at least two folds"):
        confidence.judge(distance, pairs)
    two = dataclasses.replace(pairs, fold=numbers % 2)
    judged = confidence.judge(distance, two)
    assert judged.folds.keys() == {0, 1}
    np.testing.assert_array_equal(judged.confidence[::2], judged.folds[0].confidence(distance[::2]))


# --- Identification -------------------------------------------------------------------------------
def test_searches_leave_the_probe_out_and_know_who_is_enrolled() -> None:
    """Three people on a circle: one with three pictures, one with two, one with a single one."""
    angles = np.array([0.0, 0.1, 0.2, 1.0, 1.1, 2.0])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    person = identification.people_of(["a/1", "a/2", "a/3", "b/1", "b/2", "c/1"])
    assert person.tolist() == [0, 0, 0, 1, 1, 2]
    found = identification.searches(vectors, person)

    def chord(angle: float) -> float:
        return 2 * np.sin(abs(angle) / 2)

    nearest, mean = found["nearest"], found["mean"]
    assert nearest.enrolled.tolist() == [True] * 5 + [False]
    assert nearest.own[:3] == pytest.approx([chord(0.1), chord(0.1), chord(0.1)], abs=1e-5)
    assert mean.own[:3] == pytest.approx([chord(0.15), 0, chord(0.15)], abs=1e-3)
    assert nearest.other[5] == pytest.approx(chord(0.9), abs=1e-5)
    assert mean.other[5] == pytest.approx(chord(0.95), abs=1e-5)
    np.testing.assert_allclose(found["smaller"].own, np.minimum(nearest.own, mean.own), atol=1e-6)
    np.testing.assert_allclose(found["average"].own[:5], (nearest.own + mean.own)[:5] / 2, atol=1e-6)
    assert {way: one.first() for way, one in found.items()} == dict.fromkeys(identification.WAYS, 1.0)


def test_shares_are_taken_at_the_limit() -> None:
    one = identification.Searches(
        np.array([0.1, 0.4, 0.9, np.inf], dtype=np.float32), np.array([0.5, 0.6, 0.7, 0.2], dtype=np.float32)
    )
    assert one.first() == pytest.approx(2 / 3)
    assert one.found(0.3) == pytest.approx(1 / 3)
    assert one.limit(0.5) == pytest.approx(0.5)


def test_strangers_come_nearer_the_more_people_there_are() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    person = np.arange(200) // 2
    few, many = (np.median(identification.strangers(vectors, person, size)) for size in (5, 80))
    assert many < few
