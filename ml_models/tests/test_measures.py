"""Scores are what their definitions say, on cases worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml_models.evaluation.calibration import fit_temperature, likelihood_loss, softmax
from ml_models.evaluation.detection import Tally, count, overlaps, scenes
from ml_models.evaluation.measures import (
    bootstrap,
    calibration_error,
    class_scores,
    confusion_matrix,
    grouped,
    interval,
    mean_interval,
)


def test_confusion_counts_truth_in_rows() -> None:
    confusion = confusion_matrix(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]), 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]


def test_class_scores_by_hand() -> None:
    scores = class_scores(np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0]]))
    expected = np.array([[1 / 2, 1 / 2, 1 / 2], [1 / 2, 1, 2 / 3], [0, 0, 0]])
    np.testing.assert_allclose(scores, expected)


def test_calibration_error_by_hand() -> None:
    sure = np.array([[0.9, 0.1]] * 10)
    right_nine_times = np.array([0] * 9 + [1])
    assert calibration_error(sure, right_nine_times) == pytest.approx(0)
    assert calibration_error(sure, np.ones(10, dtype=int)) == pytest.approx(0.9)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_the_temperature_of_known_logits_is_found() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, (4000, 5))
    truth = np.array([rng.choice(5, p=p) for p in softmax(true)])
    fitted = fit_temperature(true * 3, truth)
    assert fitted == pytest.approx(3, rel=0.05)
    assert likelihood_loss(true * 3, truth, fitted) < likelihood_loss(true * 3, truth, 1)


def test_softmax_survives_large_logits() -> None:
    expected = np.array([[1, 0], [0.5, 0.5]])
    np.testing.assert_allclose(softmax(np.array([[1e4, 0.0], [0.0, 0.0]])), expected)


def test_the_interval_holds_the_share_and_narrows_with_more_pictures() -> None:
    low, high = interval(90, 100)
    assert low == pytest.approx(0.826, abs=0.002)
    assert high == pytest.approx(0.945, abs=0.002)
    assert interval(0, 0) == (0, 1)
    wide, narrow = interval(9, 10), interval(900, 1000)
    assert wide[1] - wide[0] > narrow[1] - narrow[0]


def test_the_bootstrap_of_a_mean_is_as_wide_as_the_theory_says() -> None:
    values = np.random.default_rng(3).normal(5, 2, 400)
    low, high = mean_interval(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.05)
    assert high == pytest.approx(values.mean() + half, abs=0.05)


def test_the_bootstrap_is_the_same_every_time_and_takes_any_figure() -> None:
    values = np.arange(50.0)
    spread = bootstrap(lambda drawn: float(np.median(values[drawn])), len(values))
    assert spread == bootstrap(lambda drawn: float(np.median(values[drawn])), len(values))
    assert spread != bootstrap(lambda drawn: float(np.median(values[drawn])), len(values), seed=2)
    assert 10 < spread[0] < 24.5 < spread[1] < 40
    assert mean_interval(np.full(9, 0.25)) == (0.25, 0.25)


def test_there_is_no_interval_without_pictures() -> None:
    with pytest.raises(ValueError, match="at least one"):
        mean_interval(np.zeros(0))


def test_pictures_are_grouped_by_name_and_those_without_are_left_out() -> None:
    groups = grouped(["b", "", "a", "b"])
    assert {name: numbers.tolist() for name, numbers in groups.items()} == {"a": [2], "b": [0, 3]}


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def test_overlap_is_intersection_over_union() -> None:
    np.testing.assert_allclose(
        overlaps(boxes((0, 0, 10, 10)), boxes((0, 0, 10, 10), (5, 0, 10, 10), (20, 0, 5, 5))), [[1, 1 / 3, 0]]
    )


def test_each_face_is_found_once_and_ignored_faces_count_neither_way() -> None:
    tally = Tally()
    found = boxes((0, 0, 10, 10), (1, 0, 10, 10), (50, 0, 10, 10), (100, 0, 10, 10))
    truth = boxes((0, 0, 10, 10), (50, 0, 10, 10), (200, 0, 10, 10))
    count(tally, found, np.array([0.9, 0.8, 0.9, 0.9]), truth, np.array([False, True, False]))
    assert tally == Tally(faces=2, found=1, counted=3, wrong=2)
    assert tally.recall == pytest.approx(0.5)
    assert tally.precision == pytest.approx(1 / 3)


def test_boxes_below_the_smallest_size_are_not_wrong() -> None:
    tally = Tally()
    count(tally, boxes((0, 0, 9, 9)), np.array([0.9]), boxes(), np.zeros(0, dtype=bool), smallest=10)
    assert tally == Tally()
    assert (tally.recall, tally.precision) == (0, 1)


def test_a_folder_without_scenes_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give --data"):
        scenes(tmp_path)
