"""How attributes are scored, and how trained weights are exported."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

from ml_models.attribute_net import AttributeNet
from ml_models.attribute_types import LABELS, OLDEST
from ml_models.attributes import AttributeArrays
from ml_models.evaluation import attributes as scoring
from ml_models.tests.attribute_folder import make_folder, write_points
from ml_models.training import attribute_export as export
from ml_models.training.attribute_data import Sample, load_samples
from ml_models.training.attribute_losses import Truth


def answers() -> scoring.Answers:
    """Four faces of UTKFace: answered 30, 30, 60 and 5 years, the last a boy called a girl."""
    years = [30, 30, 60, 5]
    ages = np.zeros((4, OLDEST + 1), dtype=np.float32)
    ages[np.arange(4), years] = 1
    samples = [
        Sample("a", "utk", age=(30, 30), male=True),
        Sample("b", "utk", age=(36, 36), male=False),
        Sample("c", "utk", age=(70, 70), male=False),
        Sample("d", "utk", {"Smiling": True}, age=(4, 4), male=True),
    ]
    labels = np.full((4, len(LABELS)), 0.7, dtype=np.float32)
    male = np.array([0.9, 0.2, 0.3, 0.1], dtype=np.float32)
    return scoring.Answers(samples, AttributeArrays(labels, ages, male), np.ones(4, dtype=bool))


def test_age_and_gender_are_scored_whole_and_by_group() -> None:
    rows = {(row.group, row.what): row for row in scoring.age_rows(answers(), "UTKFace", "p", exact=True)}
    age, gender = "Age, UTKFace: mean error, years", "Gender, UTKFace: accuracy"
    assert rows["", age].figure == pytest.approx((0 + 6 + 10 + 1) / 4, abs=1e-4)
    assert rows["", age].wanted == 5.0
    assert rows["", age].reached
    assert rows["", gender].figure == 0.75
    assert rows["", gender].count == "4 faces"
    assert rows["gender: male", gender].figure == 0.5
    assert rows["gender: female", age].figure == pytest.approx(8, abs=1e-4)
    assert rows["gender: female", age].wanted is None
    assert rows["age: 0 to 9", age].figure == pytest.approx(1, abs=1e-4)
    assert rows["age: 60 and more", age].figure == pytest.approx(10, abs=1e-4)


def test_ranges_are_right_when_the_rounded_age_lies_in_them() -> None:
    (whole, *_rest) = scoring.age_rows(answers(), "X", "p", exact=False)
    # 36 is answered 30, which is right of a range; 70 is answered 60, which is not.
    assert whole.figure == 0.75
    assert scoring.range_of(np.array([2.4, 2.6, 69.6, 100])).tolist() == [0, 1, 8, 8]


def test_a_label_is_scored_only_where_it_is_known() -> None:
    right, known = answers().right("Smiling")
    assert known.tolist() == [False, False, False, True]
    assert right[3]


def test_the_mean_over_labels_has_its_interval_over_pictures() -> None:
    right = np.array([[1.0, 1.0]] * 30 + [[0.0, 1.0]] * 10)
    figure, (low, high) = scoring.label_mean(right)
    assert figure == pytest.approx(0.875)
    assert low < 0.875 < high
    assert high - low < 0.2


def test_labels_have_balanced_accuracy_and_calibration_error() -> None:
    samples = [Sample(str(k), "celeba", {"Bald": k < 10}) for k in range(100)]
    labels = np.full((100, len(LABELS)), 0.1, dtype=np.float32)
    arrays = AttributeArrays(labels, np.zeros((100, 101), np.float32), np.zeros(100, np.float32))
    own = scoring.Answers(samples, arrays, np.ones(100, bool))
    table = scoring.label_errors(own)
    assert table == {"Bald": {"accuracy": 0.9, "share": 0.1, "balanced": 0.5, "calibration_error": 0.0}}


def test_the_whole_way_is_scored_on_any_folder(tmp_path: Path) -> None:
    data = make_folder(tmp_path, count=60)
    section = scoring.evaluate(data, timing=False)
    held = sum(one.held_out for one in load_samples(data))
    assert section.figures["pictures"] == held
    # Noise has no faces, so every picture is taken as a given box.
    assert section.figures["not_found"] == held
    wanted = {row.what for row in section.rows if row.wanted is not None}
    assert {"Age, UTKFace: mean error, years", "Mask, masked and unmasked faces: accuracy"} <= wanted
    assert any("Bald" in line for line in section.lines)
    json.dumps(section.figures)


def test_calibration_makes_probabilities_honest() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 20_000)
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    scale, shift = export.fit_scale_and_shift(logits, truth)
    assert scale == pytest.approx(0.5, abs=0.03)
    assert shift == pytest.approx(-1, abs=0.07)


def test_a_rare_answer_may_count_as_if_it_were_frequent() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random(40_000) < 0.02
    logits = rng.normal(0, 1, 40_000) + np.where(truth, 2, 0)
    scale, shift = export.fit_scale_and_shift(logits, truth, share=0.5)
    # Two equal bells are told apart in the middle between them.
    assert -shift / scale == pytest.approx(1, abs=0.15)
    rare_scale, rare_shift = export.fit_scale_and_shift(logits, truth)
    assert -rare_shift / rare_scale > 2


def test_a_label_without_both_answers_stays_as_it_is() -> None:
    assert export.fit_scale_and_shift(np.array([1.0, 2.0]), np.array([True, True])) == (1.0, 0.0)
    assert export.fit_scale_and_shift(np.zeros(0), np.zeros(0, dtype=bool)) == (1.0, 0.0)


def test_few_pictures_move_the_calibration_little() -> None:
    scale, shift = export.fit_scale_and_shift(np.array([5.0, -5.0, 4.0]), np.array([True, False, False]))
    assert 0.3 < scale < 1.2
    assert abs(shift) < 1


def test_the_calibration_has_a_place_for_every_answer() -> None:
    torch.manual_seed(0)
    out = (torch.randn(6, len(LABELS)), torch.randn(10, OLDEST + 1), torch.randn(10, 1))
    truth = Truth(
        torch.randint(-1, 2, (10, len(LABELS)), dtype=torch.int8),
        torch.full((10,), 30, dtype=torch.int16),
        torch.full((10,), 30, dtype=torch.int16),
        torch.randint(0, 2, (10,), dtype=torch.int8),
    )
    table = export.calibration(out, truth)
    assert table.shape == (2, len(LABELS) + 2)
    assert np.isfinite(table).all()
    assert table[0, -1] > 0


def test_an_export_writes_weights_and_their_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, run = make_folder(tmp_path / "data"), tmp_path / "run"
    write_points(load_samples(data), run / "points.npz")
    save_file({k: v.contiguous() for k, v in AttributeNet().state_dict().items()}, run / "best.safetensors")
    manifest, out = tmp_path / "manifest.json", tmp_path / "out.safetensors"
    manifest.write_text(json.dumps({"weights": [{"name": "other"}, {"name": "attributes-v1"}]}))
    command = [
        "export",
        "--data",
        str(data),
        "--run",
        str(run),
        "--out",
        str(out),
        "--manifest",
        str(manifest),
    ]
    monkeypatch.setattr(sys, "argv", [*command, "--date", "2026-01-02"])
    assert export.main() == 0
    assert "age_error" in capsys.readouterr().out
    known = json.loads(manifest.read_text())["weights"]
    assert [one["name"] for one in known] == ["other", "attributes-v1"]
    assert known[1]["file"] == "out.safetensors"
    assert known[1]["date"] == "2026-01-02"
    assert load_file(out)["calibration"].shape == (2, len(LABELS) + 2)
