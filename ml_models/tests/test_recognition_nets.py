"""Every recognition model keeps to one interface: the default, facenet and an ONNX file of an operator's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ml_models import FaceEngine, registry
from ml_models.embedding import distances
from ml_models.levels import Levels
from ml_models.recognition import DEFAULT, VARIABLE, describe, recognition_model
from ml_models.recognition_nets import LoadedNets, RecognitionNet, load_recognition
from ml_models.registry import WeightError
from ml_models.tests.faces import SAMPLES, Floats, mesh_model, sample
from ml_models.tests.small_facenet import small_facenet
from ml_models.tests.small_onnx import onnx_bytes, small_onnx

NAMES = (DEFAULT, "facenet-vggface2", "small-arcface", "small-flipped")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small models."""
    folder = tmp_path_factory.mktemp("models")
    small_facenet(folder)
    small_onnx(folder)
    small_onnx(folder, "small-flipped", flip=True, channels="bgr", alignment="facenet")
    return folder


@pytest.fixture(autouse=True)
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(folder))


@pytest.fixture(scope="module", params=NAMES)
def net(request: pytest.FixtureRequest, folder: Path) -> Iterator[RecognitionNet]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(folder))
        yield load_recognition(request.param, streams=2)


def faces() -> tuple[list[Levels], list[Floats]]:
    """The sample photos and the five points of their faces."""
    pictures, points = zip(*(sample(name) for name in SAMPLES), strict=True)
    return [Levels(picture) for picture in pictures], list(points)


def test_embeddings_have_length_one_and_the_registered_dimension(net: RecognitionNet) -> None:
    found = net.embeddings(*faces(), None)
    assert found.shape == (2, net.model.dimension)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.abs(found[0] - found[1]).max() > 1e-6


def test_the_net_is_the_model_of_the_registry(net: RecognitionNet) -> None:
    assert net.model == recognition_model(net.model.name)
    assert net.model.version == f"{net.model.name}-{net.model.sha256[:12]}"


def test_a_face_gets_the_same_answer_alone_and_among_others(net: RecognitionNet) -> None:
    levels, points = faces()
    together = net.embeddings([*levels, levels[0]], [*points, np.concatenate([points[0]] * 9)], None)
    alone = net.embeddings(levels[:1], points[:1], None)
    assert together.shape == (11, net.model.dimension)
    np.testing.assert_allclose(together[[0, 2, 10]], np.repeat(alone, 3, axis=0), atol=1e-4)


def test_the_same_face_gets_the_same_answer_again(net: RecognitionNet) -> None:
    np.testing.assert_array_equal(net.embeddings(*faces(), None), net.embeddings(*faces(), None))


def test_meshes_that_are_there_already_change_nothing(net: RecognitionNet) -> None:
    levels, points = faces()
    meshes = [mesh_model().surfaces([one], [some]) for one, some in zip(levels, points, strict=True)]
    # Half precision, where the processor has it, makes other meshes of one face by a hundredth of a pixel.
    given, made = net.embeddings(levels, points, meshes), net.embeddings(levels, points, None)
    assert distances(given, made).max() < 0.02


def test_no_face_gives_no_embedding(net: RecognitionNet) -> None:
    levels, _ = faces()
    none = np.zeros((0, 5, 2), dtype=np.float32)
    assert net.embeddings([], [], None).shape == (0, net.model.dimension)
    assert net.embeddings(levels, [none, none], None).shape == (0, net.model.dimension)


def test_wrong_points_are_refused(net: RecognitionNet) -> None:
    levels, points = faces()
    with pytest.raises(ValueError, match="give one list for each"):
        net.embeddings(levels, points[:1], None)
    with pytest.raises(ValueError, match="not finite"):
        net.embeddings(levels[:1], [points[0] * np.nan], None)
    with pytest.raises(ValueError, match=r"\(n, 5, 2\)"):
        net.embeddings(levels[:1], [points[0][:, :4]], None)


def test_many_threads_get_the_same_answers(net: RecognitionNet) -> None:
    levels, points = faces()
    expected = net.embeddings(levels, points, None)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: net.embeddings(levels, points, None), range(8)):
            np.testing.assert_allclose(found, expected, atol=1e-4)


def test_faces_at_the_edge_still_get_an_answer(net: RecognitionNet) -> None:
    levels, points = faces()
    for some in (points[0] - 5000, points[0] * 0 + 3, points[0] * 100):
        assert np.isfinite(net.embeddings(levels[:1], [some], None)).all()


@pytest.mark.parametrize("name", NAMES)
def test_altered_weights_are_not_loaded(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == DEFAULT:
        file = registry.weight("face-mesh").path()
        shutil.copytree(registry.FOLDER, tmp_path, dirs_exist_ok=True)
        monkeypatch.setattr(registry, "FOLDER", tmp_path)
    else:
        file = describe(name).path
        (tmp_path / f"{name}.json").write_bytes((folder / f"{name}.json").read_bytes())
        monkeypatch.setenv(VARIABLE, str(tmp_path))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / file.name).write_bytes(content)
    with pytest.raises(WeightError, match=r"SHA-256"):
        load_recognition(name)
    (tmp_path / file.name).unlink()
    with pytest.raises(WeightError, match=r"missing|cannot be read"):
        load_recognition(name)


def test_weights_of_another_network_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_onnx(tmp_path, "swapped")
    small_onnx(tmp_path, "other", onnx_bytes(16))
    own, other = describe("swapped", tmp_path).as_json(), describe("other", tmp_path).as_json()
    text = json.dumps(own | {"file": other["file"], "sha256": other["sha256"]})
    (tmp_path / "swapped.json").write_text(text)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(WeightError, match="gives 16 numbers, its description says 112 and 32"):
        load_recognition("swapped")


def test_the_engine_makes_embeddings_by_the_model_asked_for(
    engine: FaceEngine, astronaut: np.ndarray
) -> None:
    [[usual]] = engine.analyze([astronaut], parts={"embedding"})
    [[named]] = engine.analyze([astronaut], parts={"embedding"}, recognition="recognition_04")
    [[other]] = engine.analyze([astronaut], parts={"embedding", "emotions"}, recognition="small-arcface")
    [[without]] = engine.analyze([astronaut], parts={"emotions"}, recognition="small-arcface")
    assert usual.embedding is not None
    assert other.embedding is not None
    np.testing.assert_array_equal(usual.embedding, named.embedding)
    expected = load_recognition("small-arcface").embeddings(
        [Levels(astronaut)], [other.landmarks5[None]], None
    )
    np.testing.assert_allclose(other.embedding, expected[0], atol=1e-6)
    assert other.emotions is not None
    assert without.embedding is None
    with pytest.raises(WeightError, match="There is no recognition model 'nobody'"):
        engine.analyze([astronaut], recognition="nobody")


def test_a_model_is_loaded_once_and_anew_when_its_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    small_onnx(tmp_path)
    nets = LoadedNets(streams=1)
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: nets.other("small-arcface"), range(8))
    assert all(one is first for one in others)
    assert nets.other("recognition_01") is None
    assert nets.model(None).name == DEFAULT
    small_onnx(tmp_path, content=onnx_bytes(16))
    again = nets.other("small-arcface")
    assert again is not None
    assert again.model.dimension == 16
    assert len(list(tmp_path.glob("*.onnx"))) == 1
