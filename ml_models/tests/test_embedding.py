"""Embeddings: the file is read safely, the network is dlib's, and people are told apart."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml_models import dlib_file, registry
from ml_models.alignment import crops_of, similarities
from ml_models.calibration import best_threshold
from ml_models.dlib_file import Affine, Convolution, DlibFileError
from ml_models.embedding import EmbeddingModel, SecondView, distances, unit
from ml_models.embedding_net import SIZE, folded
from ml_models.evaluation import verification
from ml_models.face_trunk import TEMPLATE, FaceTrunk
from ml_models.levels import Levels
from ml_models.pairs import load_pairs
from ml_models.registry import WeightError, weight
from ml_models.runtime import half_precision
from ml_models.tests import golden_faces
from ml_models.tests.faces import SAMPLES, Floats, Picture, mesh_model, mirrored, sample

CONTENT = weight("dlib-face").path().read_bytes()


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    return EmbeddingModel.load()


def embedded(model: EmbeddingModel, pictures: Sequence[Picture], points: Sequence[Floats]) -> Floats:
    """The embeddings of faces given by their five points, with the meshes that belong to them."""
    levels = [Levels(picture) for picture in pictures]
    meshes = [mesh_model().surfaces([one], [some]) for one, some in zip(levels, points, strict=True)]
    return model.embeddings(levels, points, meshes)


def test_the_file_is_read_to_its_last_byte() -> None:
    network = dlib_file.parse(CONTENT)
    assert network.size == 150
    assert network.mean == pytest.approx((122.782, 117.001, 104.298), abs=1e-3)
    assert sum(isinstance(layer, Convolution) for layer in network.layers) == 29


@pytest.mark.parametrize("length", [0, 1, 3, 100, 340, 20_000, 1_000_000, len(CONTENT) - 1])
def test_a_file_cut_short_is_refused(length: int) -> None:
    with pytest.raises(DlibFileError):
        dlib_file.parse(CONTENT[:length])


def test_a_file_that_goes_on_is_refused() -> None:
    with pytest.raises(DlibFileError, match="goes on after the end"):
        dlib_file.parse(CONTENT + b"\0")


@pytest.mark.parametrize("place", [2, 5, 17, 290, 337, 343, 19_300, 19_330, 19_384])
def test_a_damaged_head_of_a_layer_is_refused(place: int) -> None:
    damaged = bytearray(CONTENT)
    damaged[place] ^= 0x5A
    with pytest.raises(DlibFileError):
        folded(dlib_file.parse(bytes(damaged)))


def test_an_impossible_size_is_refused_before_memory_is_taken() -> None:
    damaged = bytearray(CONTENT)
    damaged[343:346] = b"\x02\xff\xff"  # 4,736 numbers of the first convolution become 65,535
    with pytest.raises(DlibFileError):
        dlib_file.parse(bytes(damaged))


def test_a_picture_instead_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.dat").write_bytes(b"\x89PNG" * 100)
    with pytest.raises(DlibFileError, match=r"x\.dat is not dlib's face recognition network"):
        dlib_file.read(tmp_path / "x.dat")


def test_another_network_of_dlib_is_refused() -> None:
    network = dlib_file.parse(CONTENT)
    with pytest.raises(DlibFileError, match="layers with weights"):
        folded(dataclasses.replace(network, layers=network.layers[3:]))
    swapped = list(network.layers)
    first, second = (n for n, layer in enumerate(swapped) if isinstance(layer, Affine) and n < 7)
    swapped[first], swapped[second - 1] = swapped[second - 1], swapped[first]
    with pytest.raises(DlibFileError):
        folded(dataclasses.replace(network, layers=swapped))


def test_an_altered_file_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    altered = dataclasses.replace(weight("dlib-face"), sha256="0" * 64)
    listed = {**registry.weights(), "dlib-face": altered}
    monkeypatch.setattr(registry, "weights", lambda: listed)
    with pytest.raises(WeightError, match="SHA-256"):
        EmbeddingModel.load()


@pytest.mark.parametrize("exact", [True, False])
def test_the_networks_give_their_accepted_numbers(exact: bool) -> None:
    """Those of dlib and MediaPipe (tests below); in bfloat16, where the processor has it, about those."""
    expected = json.loads(golden_faces.FILE.read_text())
    found = golden_faces.outputs(exact=exact)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        if exact or not half_precision():
            assert found[name] == pytest.approx(values, abs=1e-3), name
        else:
            spread = np.abs(values).max()
            assert found[name] == pytest.approx(values, abs=0.05 * spread + 0.1), name


def test_the_network_equals_dlib() -> None:
    dlib = pytest.importorskip("dlib", reason="compares with dlib, which the project does not need")
    original = dlib.face_recognition_model_v1(str(weight("dlib-face").path()))
    trunk = FaceTrunk.load(exact=True)
    for name in SAMPLES:
        picture, points = sample(name)
        crop = crops_of([Levels(picture)], [similarities(TEMPLATE, points)], (SIZE, SIZE))
        own = trunk.run(crop).embedding
        np.testing.assert_allclose(own[0], np.array(original.compute_face_descriptor(crop[0])), atol=1e-5)


def test_bfloat16_changes_an_embedding_little(model: EmbeddingModel) -> None:
    pictures, points = zip(*(sample(name) for name in SAMPLES), strict=True)
    exact = embedded(EmbeddingModel.load(exact=True), pictures, points)
    assert distances(exact, embedded(model, pictures, points)).max() < 0.02


def test_embeddings_have_length_one_and_tell_two_people_apart(model: EmbeddingModel) -> None:
    pictures, points = zip(*(sample(name) for name in SAMPLES), strict=True)
    found = embedded(model, pictures, points)
    assert found.shape == (2, 128)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert distances(found[:1], found[1:])[0] > 0.45


@pytest.mark.parametrize("name", SAMPLES)
def test_a_person_stays_the_same_when_turned_darker_smaller_or_mirrored(
    model: EmbeddingModel, name: str
) -> None:
    picture, points = sample(name)
    image = Image.fromarray(picture)
    width, height = image.size
    small = np.array(image.resize((width // 2, height // 2)))
    dark = (picture * 0.6).astype(np.uint8)
    flat, flat_points = mirrored(picture)
    half = (points / 2).astype(np.float32)
    # A quarter turn clockwise: (x, y) goes to (height - y, x).
    quarter = np.ascontiguousarray(np.rot90(picture, -1))
    turned = np.stack([height - points[..., 1], points[..., 0]], axis=2).astype(np.float32)
    found = embedded(
        model, [picture, small, dark, flat, quarter], [points, half, points, flat_points, turned]
    )
    apart = distances(np.repeat(found[:1], 4, axis=0), found[1:])
    assert apart[0] < 0.30
    assert apart[1] < 0.15
    assert apart[2] < 0.20
    assert apart[3] < 0.05


def test_the_second_view_is_the_mirror_image_aligned_by_the_mesh() -> None:
    """Cut from a picture and from its mirror image with the mirrored mesh, the crops mirror each other."""
    picture, points = sample("grace_hopper.jpg")
    mesh = mesh_model().surfaces([Levels(picture)], [points])
    view = SecondView.load()
    own = view.crops([Levels(picture)], [mesh])[0]
    order = mesh_model().order
    assert order is not None
    flat = mesh[:, order] * [-1, 1, 1] + [picture.shape[1], 0, 0]
    other = view.crops([Levels(picture[:, ::-1])], [flat])[0]
    assert np.abs(own[:, ::-1].astype(float) - other).mean() < 2
    plain = crops_of([Levels(picture)], [similarities(TEMPLATE, points)], (SIZE, SIZE))[0]
    alike, mirrored_alike = (np.corrcoef(one.ravel(), plain.ravel())[0, 1] for one in (own, own[:, ::-1]))
    assert mirrored_alike > max(0.7, alike + 0.1)


def test_with_and_without_the_second_view_people_are_themselves(model: EmbeddingModel) -> None:
    picture, points = sample(SAMPLES[0])
    single = EmbeddingModel.load(flip=False).embeddings([Levels(picture)], [points], [])
    assert 0 < distances(single, embedded(model, [picture], [points]))[0] < 0.2


def test_a_face_gets_the_same_embedding_alone_and_among_others(model: EmbeddingModel) -> None:
    pictures, points = zip(*(sample(name) for name in SAMPLES), strict=True)
    together = embedded(model, [*pictures, pictures[0]], [*points, np.concatenate([points[0]] * 20)])
    assert together.shape == (22, 128)
    alone = embedded(model, pictures[:1], points[:1])
    np.testing.assert_allclose(together[[0, 2, 21]], np.repeat(alone, 3, axis=0), atol=1e-4)


def test_many_threads_get_the_same_answers() -> None:
    model = EmbeddingModel.load(streams=2)
    picture, points = sample(SAMPLES[0])
    alone = embedded(model, [picture], [points])
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: embedded(model, [picture], [points]), range(12)):
            np.testing.assert_allclose(found, alone, atol=1e-4)


def test_no_face_gives_no_embedding(model: EmbeddingModel) -> None:
    picture = Levels(np.zeros((20, 20, 3), dtype=np.uint8))
    assert model.embeddings([], [], []).shape == (0, 128)
    none, mesh = np.zeros((0, 5, 2), dtype=np.float32), np.zeros((0, 468, 3), dtype=np.float32)
    assert model.embeddings([picture], [none], [mesh]).shape == (0, 128)
    assert unit(np.zeros((1, 128), dtype=np.float32)).tolist() == [[0.0] * 128]


def test_wrong_points_and_meshes_are_refused(model: EmbeddingModel) -> None:
    picture, points = sample(SAMPLES[0])
    levels, mesh = Levels(picture), np.zeros((1, 468, 3), dtype=np.float32)
    with pytest.raises(ValueError, match="give one list for each"):
        model.embeddings([levels, levels], [points], [mesh, mesh])
    with pytest.raises(ValueError, match="give one list for each"):
        model.embeddings([levels], [points], [])
    with pytest.raises(ValueError, match="not finite"):
        model.embeddings([levels], [points * np.nan], [mesh])
    with pytest.raises(ValueError, match="make the mesh again"):
        model.embeddings([levels], [points], [mesh * np.nan])
    with pytest.raises(ValueError, match=r"\(n, 468, 3\)"):
        model.embeddings([levels], [points], [mesh[0]])
    with pytest.raises(ValueError, match="five points of 1 faces and meshes of 2"):
        model.embeddings([levels], [points], [np.repeat(mesh, 2, axis=0)])


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (37, 53)])
def test_faces_far_outside_or_in_tiny_pictures_still_give_an_answer(
    model: EmbeddingModel, size: tuple[int, int]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    _, points = sample(SAMPLES[0])
    for some in (points, points - 5000, points * 0 + 3, points * 1000):
        assert np.isfinite(embedded(model, [picture], [some])).all()


def test_the_best_threshold_lies_between_both_kinds() -> None:
    distance = np.array([0.2, 0.3, 0.5, 0.8, 0.9], dtype=np.float32)
    same = np.array([True, True, True, False, False])
    assert best_threshold(distance, same) == pytest.approx(0.65)
    right, limits = verification.cross_validated(np.tile(distance, 2), np.tile(same, 2), np.repeat([1, 2], 5))
    assert right.all()
    assert limits == {1: pytest.approx(0.65), 2: pytest.approx(0.65)}
    assert verification.equal_error(distance, same) == 0
    assert verification.accepted_at(distance, same, 0.01) == 1
    with pytest.raises(ValueError, match="two folds"):
        verification.cross_validated(distance, same, np.ones(5, dtype=np.int64))


def test_it_reaches_the_floor_on_pairs_of_the_data_folder(data: Path, model: EmbeddingModel) -> None:
    """Every tenth pair: enough to see a wrong alignment, which costs several percent."""
    pairs = load_pairs(data)
    chosen = np.arange(0, len(pairs.same), 10)
    used = np.unique(np.concatenate([pairs.first[chosen], pairs.second[chosen]]))
    some = dataclasses.replace(pairs, names=[pairs.names[number] for number in used])
    found = verification.embed_all(some, model)
    place = {number: row for row, number in enumerate(used.tolist())}
    first = found.embeddings[[place[number] for number in pairs.first[chosen].tolist()]]
    second = found.embeddings[[place[number] for number in pairs.second[chosen].tolist()]]
    right, _ = verification.cross_validated(distances(first, second), pairs.same[chosen], pairs.fold[chosen])
    assert found.missed <= 2
    assert right.mean() >= 0.97
