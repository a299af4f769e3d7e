"""Quality: each figure moves the right way, and only a good picture is good for recognition."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ml_models.evaluation.one_part import middle_face, read_picture
from ml_models.evaluation.quality import Damage, accuracy_by, blurred, lit, lower, noisy, shrunk
from ml_models.levels import Levels
from ml_models.pairs import load_pairs
from ml_models.quality import (
    Qualities,
    QualityModel,
    blur_effect,
    exposure_of,
    for_recognition,
    noise_deviation,
    smoothed,
)
from ml_models.quality_limits import (
    BLUR_LEVELS,
    EXPOSURE_LEVELS,
    NOISE_LEVELS,
    eye_distance,
    level,
)
from ml_models.tests.faces import SAMPLES, Floats, Picture, detector, sample

MODEL = QualityModel.load()


def faces(data: Path | None) -> list[tuple[Picture, Floats]]:
    """The sample photos and, where the data folder is there, some portraits of it."""
    if data is None:
        return [sample(name) for name in SAMPLES]
    pairs = load_pairs(data)
    pictures = [read_picture(pairs.folder / name) for name in pairs.names[::80]]
    return [(picture, middle_face(detector(), Levels(picture))[0][None]) for picture in pictures]


def measured(pictures: Sequence[Picture], points: Sequence[Floats]) -> Qualities:
    return MODEL.qualities([Levels(picture) for picture in pictures], points)


@pytest.fixture(scope="module", params=["samples", "data folder"])
def some_faces(request: pytest.FixtureRequest) -> list[tuple[Picture, Floats]]:
    return faces(None if request.param == "samples" else request.getfixturevalue("data"))


def series(some: list[tuple[Picture, Floats]], damages: list[Damage], figure: str) -> Floats:
    """The figure (damages, faces) of every face after every damage."""
    points = [one for _, one in some]
    return np.stack(
        [getattr(measured([d(p) for p, _ in some], points), figure) for d in [lit(1.0), *damages]]
    )


def eye_distances(some: list[tuple[Picture, Floats]]) -> Floats:
    return np.array([np.linalg.norm(points[0, 1] - points[0, 0]) for _, points in some])


def test_blur_grows_with_blur(some_faces: list[tuple[Picture, Floats]]) -> None:
    """Blurred by shares of the distance between the eyes, so that large faces are damaged as much."""
    for picture, points in some_faces:
        eyes = float(np.linalg.norm(points[0, 1] - points[0, 0]))
        found = series([(picture, points)], [blurred(eyes * s) for s in (0.03, 0.06, 0.12)], "blur")[:, 0]
        assert np.diff(found).min() > 0.02
        assert found[-1] > 0.75


def test_details_lost_in_a_small_copy_count_as_blur(some_faces: list[tuple[Picture, Floats]]) -> None:
    found = series(some_faces, [shrunk(0.35), shrunk(0.12)], "blur")
    assert np.diff(found, axis=0).min() > -0.02
    assert np.diff(found, axis=0).mean(axis=1).min() > 0.1


def test_exposure_falls_in_the_dark_and_rises_in_the_light(some_faces: list[tuple[Picture, Floats]]) -> None:
    darker = series(some_faces, [lit(0.7), lit(0.45), lit(0.25)], "exposure")
    assert np.diff(darker, axis=0).max() < -0.02
    assert darker[-1].max() < 0.25
    lighter = series(some_faces, [lit(1.0, 30), lit(1.0, 70), lit(1.0, 130)], "exposure")
    assert np.diff(lighter, axis=0).min() > 0
    assert lighter[-1].min() > 0.70


def test_noise_grows_with_noise(some_faces: list[tuple[Picture, Floats]]) -> None:
    found = series(some_faces, [noisy(6), noisy(12), noisy(25), noisy(50)], "noise")
    assert np.diff(found, axis=0).min() > 0.02
    assert found[-1].mean() > 0.6


def test_light_and_noise_leave_the_other_figures_mostly_alone() -> None:
    some = faces(None)
    assert np.abs(np.diff(series(some, [lit(0.7)], "blur"), axis=0)).max() < 0.05
    assert np.abs(np.diff(series(some, [noisy(8)], "exposure"), axis=0)).max() < 0.05
    assert np.diff(series(some, [blurred(2)], "noise"), axis=0).max() < 0.02


def test_the_sample_photos_are_good() -> None:
    some = faces(None)
    found = measured([picture for picture, _ in some], [points for _, points in some])
    assert "High" not in found.blur_levels
    assert found.exposure_levels == ["GoodExposure", "GoodExposure"]
    assert found.noise_levels == ["Low", "Low"]
    np.testing.assert_allclose(found.eye_distance, eye_distances(some), rtol=0.15)


def test_levels_begin_where_face_api_says() -> None:
    assert [level(v, BLUR_LEVELS) for v in (0.0, 0.249, 0.25, 0.749, 0.75, 1.0)] == [
        *("Low", "Low", "Medium", "Medium", "High", "High")
    ]
    assert [level(v, EXPOSURE_LEVELS) for v in (0.0, 0.25, 0.75)] == [
        *("UnderExposure", "GoodExposure", "OverExposure")
    ]
    assert [level(v, NOISE_LEVELS) for v in (0.12, 0.3, 0.7)] == ["Low", "Medium", "High"]


def test_noise_of_a_known_deviation_is_found_again() -> None:
    rng = np.random.default_rng(1)
    slope = np.linspace(0, 100, 80) + 2 * np.linspace(0, 60, 80)[:, None]
    for deviation in (1.0, 5.0, 20.0, 5.0):
        grey = (slope + deviation * rng.standard_normal((80, 80))).astype(np.float32)
        assert noise_deviation(grey) == pytest.approx(deviation, rel=0.08)


def test_a_flat_surface_is_blurred_and_a_checkerboard_is_not() -> None:
    flat = np.full((40, 40), 90, dtype=np.float32)
    board = ((np.arange(40)[:, None] // 2 + np.arange(40) // 2) % 2 * 200).astype(np.float32)
    assert blur_effect(flat) == 1
    assert blur_effect(board) < 0.3
    assert blur_effect(smoothed(smoothed(board))) > blur_effect(smoothed(board)) > blur_effect(board)


def test_exposure_is_the_middle_of_the_lightest_and_darkest() -> None:
    grey = np.full((40, 40), 100, dtype=np.float32)
    assert exposure_of(grey) == pytest.approx(100 / 255)
    # Fewer than one in twenty do not count, more do.
    grey[0] = 250
    assert exposure_of(grey) == pytest.approx(100 / 255)
    grey[1:3] = 250
    assert exposure_of(grey) == pytest.approx(175 / 255)
    grey[10:13] = 0
    assert exposure_of(grey) == pytest.approx(125 / 255)


def test_many_threads_measure_the_same() -> None:
    picture, points = sample(SAMPLES[0])
    alone = measured([picture], [points])
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: measured([picture], [points]), range(12)):
            assert found.blur == alone.blur
            assert found.noise == alone.noise


def test_wrong_points_are_refused() -> None:
    picture, points = sample(SAMPLES[0])
    with pytest.raises(ValueError, match="give one list for each"):
        measured([picture], [])
    with pytest.raises(ValueError, match="not finite"):
        measured([picture], [points * np.nan])


def qualities(**changed: float) -> Qualities:
    values = {"blur": 0.1, "exposure": 0.5, "noise": 0.1, "eye_distance": 60.0, **changed}
    return Qualities(**{name: np.array([value], dtype=np.float32) for name, value in values.items()})


ZERO = np.zeros(1, dtype=np.float32)


def test_a_good_frontal_picture_is_high() -> None:
    assert for_recognition(qualities(), ZERO, ZERO) == ["high"]


@pytest.mark.parametrize(
    ("changed", "yaw", "answer"),
    [
        ({"eye_distance": 20}, 0, "medium"),
        ({"eye_distance": 8}, 0, "low"),
        ({"blur": 0.6}, 0, "medium"),
        ({"blur": 0.9}, 0, "low"),
        ({"noise": 0.6}, 0, "medium"),
        ({"noise": 0.9}, 0, "low"),
        ({"exposure": 0.1}, 0, "medium"),
        ({}, 35, "medium"),
        ({}, -60, "low"),
    ],
)
def test_each_fault_lowers_the_quality(changed: dict[str, float], yaw: float, answer: str) -> None:
    assert for_recognition(qualities(**changed), ZERO + yaw, ZERO) == [answer]
    if not changed:
        assert for_recognition(qualities(), ZERO, ZERO + yaw) == [answer]


def test_what_covers_the_face_makes_it_low() -> None:
    assert for_recognition(qualities(), ZERO, ZERO, np.array([True])) == ["low"]


def test_angles_of_other_faces_are_refused() -> None:
    with pytest.raises(ValueError, match="There are 1 faces"):
        for_recognition(qualities(), np.zeros(2, dtype=np.float32), ZERO)


def test_a_face_is_measured_the_same_alone_and_among_others() -> None:
    some = faces(None)
    pictures, points = [picture for picture, _ in some], [points for _, points in some]
    together = measured(pictures, [np.repeat(points[0], 3, axis=0), points[1]])
    alone = measured(pictures[1:], points[1:])
    for field in dataclasses.fields(together):
        own, others = getattr(alone, field.name), getattr(together, field.name)
        assert others.shape == (4,)
        assert own.dtype == np.float32
        np.testing.assert_allclose(own[0], others[3], atol=1e-4)
        np.testing.assert_allclose(others[0], others[2], atol=1e-4)


def test_no_face_and_odd_pictures_give_answers() -> None:
    empty = measured([np.zeros((4, 4, 3), dtype=np.uint8)], [np.zeros((0, 5, 2), dtype=np.float32)])
    assert empty.blur.shape == (0,)
    assert empty.blur_levels == []
    assert for_recognition(empty, ZERO[:0], ZERO[:0]) == []
    _, points = sample(SAMPLES[0])
    for size in ((1, 1), (1, 900), (700, 2)):
        found = measured([np.full((*size, 3), 128, dtype=np.uint8)], [points])
        values = np.concatenate([getattr(found, field.name) for field in dataclasses.fields(found)])
        assert np.isfinite(values).all()


def test_a_pair_is_as_good_as_its_worse_face() -> None:
    assert lower(["high", "high", "low"], ["high", "medium", "medium"]) == ["high", "medium", "low"]
    found = accuracy_by(np.array([True, False, True]), np.array(["high", "high", "low"]))
    assert {word: (row["comparisons"], row["accuracy"]) for word, row in found.items()} == {
        "high": (2, 0.5),
        "low": (1, 1.0),
    }


def test_the_distance_of_the_eyes_told_from_points_alone_is_the_measured_one(
    data: Path | None,
) -> None:
    for picture, points in faces(data):
        measured = MODEL.qualities([Levels(picture)], [points]).eye_distance
        told = [eye_distance([(float(x), float(y)) for x, y in one]) for one in points]
        assert told == pytest.approx(measured, rel=1e-4)
    with pytest.raises(ValueError, match="5 points"):
        eye_distance([(0, 0), (1, 0)])
