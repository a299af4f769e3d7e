"""Eyes: open ones are open, shut ones shut, and the gaze follows the iris."""

from __future__ import annotations

import numpy as np
import pytest

from ml_models.eyes import EYEBALL, INNER, LOWER, OUTER, REST_HEIGHT, UPPER, Eyes, along_head, measure
from ml_models.head_pose import HeadPoseModel, HeadPoses, rotations
from ml_models.levels import Levels
from ml_models.mesh import Meshes
from ml_models.mesh_graph import FEATURES
from ml_models.tests.faces import SAMPLES, mesh_model, mirrored, sample


def meshes(iris: np.ndarray, eyes: np.ndarray) -> Meshes:
    """A mesh of which only irises and eyes are drawn."""
    nothing = np.zeros((1, 468, 3), dtype=np.float32), np.zeros((1, 2, FEATURES), dtype=np.float32)
    return Meshes(nothing[0], iris, eyes, np.ones(1, dtype=np.float32), nothing[1])


def made(gap: float, shift: tuple[float, float] = (0, 0), angles: tuple[float, ...] = (0, 0, 0)) -> Eyes:
    """What is measured on two drawn eyes of 40 px, their lids `gap` of that apart, the irises shifted by
    `shift` of it from where they rest, on a head turned by `angles`.
    """
    eyes = np.zeros((1, 2, 71, 3), dtype=np.float32)
    iris = np.zeros((1, 2, 5, 3), dtype=np.float32)
    for side, (centre, outward) in enumerate(((-50.0, -1), (50.0, 1))):
        eyes[0, side, OUTER, 0], eyes[0, side, INNER, 0] = centre + 20 * outward, centre - 20 * outward
        for place in (*UPPER, *LOWER):
            eyes[0, side, place, :2] = centre, (20 if place in LOWER else -20) * gap
        iris[0, side, :, :2] = centre + 40 * shift[0], 40 * (shift[1] - REST_HEIGHT)
    rotation = rotations(*(np.array([one]) for one in angles))
    nothing = np.zeros(1, dtype=np.float32)
    poses = HeadPoses(nothing, nothing, nothing, rotation, nothing)
    turn = rotation[0].T
    return measure(meshes(iris @ turn, eyes @ turn), poses)


def test_shut_eyes_are_0_and_open_ones_1_and_between_it_grows() -> None:
    opened = [made(gap).open for gap in (0.0, 0.08, 0.14, 0.18, 0.22, 0.30)]
    assert opened[0].max() == opened[1].max() == 0
    assert opened[-1].min() == 1
    assert np.diff([float(one.mean()) for one in opened[1:]]).min() > 0


@pytest.mark.parametrize("angles", [(40, 0, 0), (0, 25, 0), (0, -25, 0), (0, 0, 60), (-35, 15, -30)])
def test_a_turned_head_neither_shuts_its_eyes_nor_looks_aside(angles: tuple[float, ...]) -> None:
    straight, turned = made(0.2, (0.1, -0.05)), made(0.2, (0.1, -0.05), angles)
    np.testing.assert_allclose(turned.gap, straight.gap, atol=1e-3)
    np.testing.assert_allclose(turned.gaze, straight.gaze, atol=0.5)


@pytest.mark.parametrize("degrees", [-40, -15, 0, 15, 40])
def test_gaze_follows_the_iris(degrees: float) -> None:
    shift = EYEBALL * np.sin(np.radians(degrees))
    np.testing.assert_allclose(made(0.25, (shift, 0)).gaze[0], [degrees, 0], atol=0.1)
    # Up in the picture is less y, and a positive gaze.
    np.testing.assert_allclose(made(0.25, (0, -shift)).gaze[0], [0, degrees], atol=0.1)


def test_gaze_has_a_limit() -> None:
    assert made(0.25, (0.9, 0)).gaze[0, 0] == pytest.approx(60, abs=0.1)


def test_a_shut_eye_has_no_say_in_the_gaze() -> None:
    rotation = rotations(*np.zeros((3, 1)))
    nothing = np.zeros(1, dtype=np.float32)
    poses = HeadPoses(nothing, nothing, nothing, rotation, nothing)
    eyes = np.zeros((1, 2, 71, 3), dtype=np.float32)
    eyes[0, :, OUTER, 0], eyes[0, :, INNER, 0] = (-70, 70), (-30, 30)
    eyes[0, 0, LOWER, 1], eyes[0, 0, UPPER, 1] = 6, -6
    iris = np.zeros((1, 2, 5, 3), dtype=np.float32)
    iris[0, :, :, 0] = np.array([-50.0, 66])[:, None]
    found = measure(meshes(iris, eyes), poses)
    assert found.open[0].tolist() == [1, 0]
    assert abs(found.gaze[0, 0]) < 0.5


@pytest.mark.parametrize("name", SAMPLES)
def test_the_sample_photos_look_into_the_camera_with_open_eyes(name: str) -> None:
    picture, points = sample(name)
    image, image_points = mirrored(picture)
    both = mesh_model().meshes([Levels(picture), Levels(image)], [points, image_points])
    found = measure(both, HeadPoseModel.load().poses(both.points))
    assert found.open.min() > 0.5
    assert np.abs(found.gaze).max() < 20
    # Mirrored: the eyes change places and the gaze its side.
    np.testing.assert_allclose(found.gap[1], found.gap[0, ::-1], atol=0.04)
    assert found.gaze[1, 0] == pytest.approx(-found.gaze[0, 0], abs=5)
    assert found.gaze[1, 1] == pytest.approx(found.gaze[0, 1], abs=5)


@pytest.mark.parametrize("name", SAMPLES)
def test_lids_painted_over_the_eyes_shut_them(name: str) -> None:
    """Skin painted over the openings, with a dark line of lashes where the lids would meet."""
    picture, points = sample(name)
    model, head = mesh_model(), HeadPoseModel.load()
    before = model.meshes([Levels(picture)], [points])
    shut = picture.copy()
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    for lids in before.eyes[0, :, :16, :2]:
        width = np.linalg.norm(lids[INNER] - lids[OUTER])
        middle = (lids[INNER] + lids[OUTER]) / 2
        far = ((columns - middle[0]) / (0.62 * width)) ** 2 + ((rows - middle[1]) / (0.30 * width)) ** 2
        cheek = picture[int(middle[1] + 0.5 * width), int(middle[0])]
        shut[far < 1] = cheek
        line = np.abs(rows - middle[1] - 0.12 * width) < max(0.6, 0.03 * width)
        shut[line & (far < 0.7)] = cheek // 3
    after = model.meshes([Levels(shut)], [points])
    opened = [measure(some, head.poses(some.points)).open.mean() for some in (before, after)]
    assert opened[1] < opened[0] - 0.25


def test_no_face_gives_empty_answers() -> None:
    none = mesh_model().meshes([], [])
    found = measure(none, HeadPoseModel.load().poses(none.points))
    assert found.open.shape == found.gap.shape == found.gaze.shape == (0, 2)


def test_a_profile_gives_finite_numbers() -> None:
    rotation = rotations(np.array([90.0, 89.9, -90.0]), np.zeros(3), np.zeros(3))
    assert np.isfinite(along_head(np.ones((3, 2, 2), dtype=np.float32), rotation)).all()
