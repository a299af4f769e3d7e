"""Head poses: known rotations come back, signs are those of Face API's document."""

from __future__ import annotations

import numpy as np
import pytest

from ml_models.conversion.face_shape import mirror_order, rigid_face
from ml_models.evaluation.pose import flat_pose, known_rotations
from ml_models.head_pose import HeadPoseModel, angles, fit, rotations
from ml_models.landmark_names import EYE_CORNERS, NAMED
from ml_models.levels import Levels
from ml_models.mesh import MeshModel
from ml_models.tests.faces import SAMPLES, mesh_model, mirrored, sample

#: Points of faces in the answers that Face API's document shows, and the pose beside them: yaw, pitch, roll.
DOCUMENTED = {
    "turned_right_leaning": (
        (23.4, 0.4, 12.9),
        {
            "noseTip": (245.6, 278.8),
            "eyebrowLeftOuter": (170.0, 179.1),
            "eyebrowLeftInner": (231.6, 189.2),
            "eyeLeftOuter": (182.8, 210.0),
            "eyeLeftTop": (198.7, 206.5),
            "eyeLeftBottom": (196.8, 217.0),
            "eyeLeftInner": (211.9, 215.9),
            "eyebrowRightInner": (275.2, 199.0),
            "eyebrowRightOuter": (325.2, 208.1),
            "eyeRightInner": (276.3, 229.6),
            "eyeRightTop": (292.8, 226.2),
            "eyeRightBottom": (291.3, 237.1),
            "eyeRightOuter": (306.0, 234.9),
            "noseRootLeft": (232.5, 220.3),
            "noseRootRight": (260.9, 227.0),
            "noseLeftAlarTop": (220.9, 256.0),
            "noseRightAlarTop": (265.2, 263.3),
            "noseLeftAlarOutTip": (205.8, 272.6),
            "noseRightAlarOutTip": (270.9, 286.1),
        },
    ),
    "turned_left_leaning": (
        (-32.3, -23.5, -12.2),
        {
            "noseTip": (755.2, 361.8),
            "eyebrowLeftOuter": (728.7, 331.7),
            "eyebrowLeftInner": (746.4, 329.5),
            "eyeLeftOuter": (738.6, 340.4),
            "eyeLeftTop": (743.1, 337.7),
            "eyeLeftBottom": (743.5, 340.8),
            "eyeLeftInner": (748.5, 339.1),
            "eyebrowRightInner": (762.7, 326.4),
            "eyebrowRightOuter": (795.2, 324.3),
            "eyeRightInner": (771.9, 335.1),
            "eyeRightTop": (778.0, 332.0),
            "eyeRightBottom": (778.2, 335.6),
            "eyeRightOuter": (783.4, 333.3),
            "noseRootLeft": (750.7, 339.1),
            "noseRootRight": (762.2, 337.5),
            "noseLeftAlarTop": (749.2, 354.2),
            "noseRightAlarTop": (766.2, 353.2),
            "noseLeftAlarOutTip": (746.4, 362.5),
            "noseRightAlarOutTip": (771.0, 360.0),
        },
    ),
    "turned_right": (
        (31.0, -5.4, 2.4),
        {
            "noseTip": (455.7, 363.0),
            "eyebrowLeftOuter": (413.5, 335.4),
            "eyebrowLeftInner": (444.2, 331.4),
            "eyeLeftOuter": (424.0, 343.4),
            "eyeLeftTop": (430.6, 341.1),
            "eyeLeftBottom": (430.4, 345.3),
            "eyeLeftInner": (436.5, 343.2),
            "eyebrowRightInner": (458.9, 331.1),
            "eyebrowRightOuter": (476.2, 331.6),
            "eyeRightInner": (458.2, 342.4),
            "eyeRightTop": (463.6, 340.1),
            "eyeRightBottom": (464.1, 344.2),
            "eyeRightOuter": (469.2, 341.5),
            "noseRootLeft": (444.3, 343.0),
            "noseRootRight": (454.1, 342.7),
            "noseLeftAlarTop": (442.8, 357.9),
            "noseRightAlarTop": (458.9, 356.3),
            "noseLeftAlarOutTip": (439.3, 366.4),
            "noseRightAlarOutTip": (463.6, 363.6),
        },
    ),
}


@pytest.fixture(scope="module")
def model() -> HeadPoseModel:
    return HeadPoseModel.load()


@pytest.fixture(scope="module")
def mesh() -> MeshModel:
    return mesh_model()


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"),
    [(0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 20, 0), (0, -20, 0), (0, 0, 45), (0, 0, -120), (60, -40, 170)],
)
def test_known_rotations_come_back(model: HeadPoseModel, yaw: float, pitch: float, roll: float) -> None:
    rotation = known_rotations(yaw, pitch, roll)
    points = 80 * model.shape @ rotation[0].T + [300, 200, 0]
    noise = np.random.default_rng(0).normal(0, 0.5, points.shape)
    found = model.poses((points + noise)[None])
    assert found.yaw[0] == pytest.approx(yaw, abs=1)
    assert found.pitch[0] == pytest.approx(pitch, abs=1)
    assert found.roll[0] == pytest.approx(roll, abs=1)
    assert found.residual[0] < 0.02
    np.testing.assert_allclose(found.rotation, rotation, atol=0.02)


def test_signs_are_what_the_words_say(model: HeadPoseModel) -> None:
    """Right in the picture is x, down is y: where does the nose of the turned head point?"""
    nose, eyes = NAMED["noseTip"], EYE_CORNERS

    def nose_from_eyes(yaw: float, pitch: float) -> np.ndarray:
        points = model.shape @ known_rotations(yaw, pitch, 0)[0].T
        return points[nose] - points[eyes].mean(axis=0)

    straight = nose_from_eyes(0, 0)
    assert straight[0] == pytest.approx(0, abs=1e-3)
    assert nose_from_eyes(20, 0)[0] > 0.2
    assert nose_from_eyes(0, 20)[1] < straight[1] - 0.1
    leaning = model.shape @ known_rotations(0, 0, 20)[0].T
    assert leaning[eyes[3], 1] > leaning[eyes[0], 1]


def test_angles_and_rotations_lead_back_to_each_other() -> None:
    rng = np.random.default_rng(0)
    given = rng.uniform([-85, -85, -175], [85, 85, 175], (50, 3)).T.astype(np.float32)
    np.testing.assert_allclose(np.stack(angles(rotations(*given))), given, atol=1e-2)


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_the_documented_answers_have_the_same_signs_and_about_the_same_angles(
    model: HeadPoseModel, name: str
) -> None:
    """Some twenty flat points say less than a mesh, so the angles agree roughly; the signs must agree."""
    (yaw, _, roll), points = DOCUMENTED[name]
    indices = [index for one in points if (index := NAMED[one]) is not None]
    rotation = flat_pose(model.shape[indices], np.array(list(points.values())))
    found_yaw, found_pitch, found_roll = (float(one[0]) for one in angles(rotation[None]))
    assert np.sign(found_yaw) == np.sign(yaw)
    assert found_yaw == pytest.approx(yaw, abs=13)
    assert found_roll == pytest.approx(roll, abs=7)
    assert abs(found_pitch) < 30


@pytest.mark.parametrize("name", SAMPLES)
def test_a_mirrored_photo_changes_the_signs_of_yaw_and_roll(
    model: HeadPoseModel, mesh: MeshModel, name: str
) -> None:
    picture, points = sample(name)
    image, image_points = mirrored(picture)
    found = model.poses(mesh.surfaces([Levels(picture), Levels(image)], [points, image_points]))
    assert found.yaw[1] == pytest.approx(-found.yaw[0], abs=2)
    assert found.roll[1] == pytest.approx(-found.roll[0], abs=1)
    assert found.pitch[1] == pytest.approx(found.pitch[0], abs=2)
    assert np.abs(found.yaw).max() < 30
    assert found.residual.max() < 0.1


def test_the_samples_are_posed_as_one_sees_them(model: HeadPoseModel, mesh: MeshModel) -> None:
    """Both look nearly into the camera; the astronaut's head leans clockwise."""
    found = model.poses(np.concatenate([mesh.surfaces([Levels(p)], [q]) for p, q in map(sample, SAMPLES)]))
    assert np.abs(found.yaw).max() < 20
    assert np.abs(found.pitch).max() < 20
    assert 1 < found.roll[0] < 10


def test_a_fit_never_answers_with_a_mirror_image(model: HeadPoseModel) -> None:
    points = model.shape * [1, 1, -1]
    rotation, residual = fit(model.shape, points[None].astype(np.float32), model.weights)
    assert np.linalg.det(rotation[0]) == pytest.approx(1, abs=1e-3)
    assert residual[0] > 0.1


def test_the_shape_is_its_own_mirror_image(model: HeadPoseModel) -> None:
    eyes = model.shape[EYE_CORNERS].reshape(2, 2, 3).mean(axis=1)
    assert np.linalg.norm(eyes[1] - eyes[0]) == pytest.approx(1, abs=1e-4)
    assert model.weights.sum() == pytest.approx(1, abs=1e-4)
    for left, right in ((33, 263), (61, 291), (234, 454), (70, 300), (245, 465), (102, 331)):
        np.testing.assert_allclose(model.shape[left] * [-1, 1, 1], model.shape[right], atol=1e-3)


def test_the_rigid_face_is_found_from_turned_and_scaled_ones() -> None:
    rng = np.random.default_rng(0)
    half = rng.normal(0, 1, (234, 3)) * [0.5, 1, 0.4] + [1, 0, 0]
    face = np.empty((468, 3))
    face[0::2], face[1::2] = half * [-1, 1, 1], half
    face[EYE_CORNERS] = [[-0.7, 0, 0], [-0.3, 0, 0], [0.3, 0, 0], [0.7, 0, 0]]
    face[[262, 363]] = face[[32, 132]] * [-1, 1, 1]
    pairs = np.arange(468) ^ 1
    pairs[[33, 263, 133, 362]], pairs[[32, 262, 132, 363]] = [263, 33, 362, 133], [262, 32, 363, 132]
    turns = rotations(rng.uniform(-30, 30, 60), rng.uniform(-10, 10, 60), rng.uniform(-20, 20, 60))
    points = (face @ turns.transpose(0, 2, 1) * rng.uniform(20, 90, (60, 1, 1))).astype(np.float32)
    order = mirror_order(points, points[:, pairs])
    np.testing.assert_array_equal(order, pairs)
    shape, weights = rigid_face(points, order)
    _, residual = fit(shape, points, weights)
    assert residual.max() < 1e-2


def test_no_mesh_gives_no_pose(model: HeadPoseModel) -> None:
    found = model.poses(np.zeros((0, 468, 3), dtype=np.float32))
    assert found.yaw.shape == found.residual.shape == (0,)
    assert found.rotation.shape == (0, 3, 3)


def test_wrong_meshes_are_refused(model: HeadPoseModel) -> None:
    with pytest.raises(ValueError, match=r"\(N, 468, 3\)"):
        model.poses(np.zeros((468, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="not finite"):
        model.poses(np.full((1, 468, 3), np.nan, dtype=np.float32))


def test_a_mesh_of_one_point_gives_finite_angles(model: HeadPoseModel) -> None:
    found = model.poses(np.zeros((1, 468, 3), dtype=np.float32))
    assert np.isfinite([found.yaw, found.pitch, found.roll, found.residual]).all()
