"""Embeddings: the file is read safely, the network is dlib's, and people are told apart."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ml_models import dlib_file, registry
from ml_models.alignment import Levels, apply, crops_of, cut, inverted, similarities
from ml_models.dlib_file import Affine, Convolution, DlibFileError
from ml_models.embedding import SIZE, TEMPLATE, EmbeddingModel, distances
from ml_models.embedding_net import build
from ml_models.evaluation import verification
from ml_models.registry import WeightError, weight
from ml_models.tests import golden_faces
from ml_models.tests.faces import SAMPLES, mirrored, sample

CONTENT = weight("dlib-face").path().read_bytes()


@pytest.fixture(scope="module")
def model() -> EmbeddingModel:
    return EmbeddingModel.load()


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
        build(dlib_file.parse(bytes(damaged)))


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
        build(dataclasses.replace(network, layers=network.layers[3:]))
    swapped = list(network.layers)
    first, second = (n for n, layer in enumerate(swapped) if isinstance(layer, Affine) and n < 7)
    swapped[first], swapped[second - 1] = swapped[second - 1], swapped[first]
    with pytest.raises(DlibFileError):
        build(dataclasses.replace(network, layers=swapped))


def test_an_altered_file_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    altered = dataclasses.replace(weight("dlib-face"), sha256="0" * 64)
    monkeypatch.setattr(registry, "weights", lambda: {"dlib-face": altered})
    with pytest.raises(WeightError, match="SHA-256"):
        EmbeddingModel.load()


def test_the_networks_give_their_accepted_numbers() -> None:
    expected = json.loads(golden_faces.FILE.read_text())
    found = golden_faces.outputs()
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, abs=1e-3), name


def test_the_network_equals_dlib(model: EmbeddingModel) -> None:
    dlib = pytest.importorskip("dlib", reason="compares with dlib, which the project does not need")
    original = dlib.face_recognition_model_v1(str(weight("dlib-face").path()))
    for name in SAMPLES:
        picture, points = sample(name)
        regions = similarities(TEMPLATE, torch.from_numpy(points))
        crop = crops_of([Levels(picture)], [regions], (SIZE, SIZE)).round()
        chip = np.ascontiguousarray(crop[0].permute(1, 2, 0).numpy().astype(np.uint8))
        with torch.inference_mode():
            own = model.net(crop)[0].numpy()
        np.testing.assert_allclose(own, np.array(original.compute_face_descriptor(chip)), atol=1e-5)


def test_embeddings_have_length_one_and_tell_two_people_apart(model: EmbeddingModel) -> None:
    pictures, points = zip(*(sample(name) for name in SAMPLES), strict=True)
    found = model.embeddings(pictures, points)
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
    # A quarter turn clockwise: (x, y) goes to (height - y, x).
    quarter = np.ascontiguousarray(np.rot90(picture, -1))
    turned = np.stack([height - points[..., 1], points[..., 0]], axis=2).astype(np.float32)
    found = model.embeddings(
        [picture, small, dark, flat, quarter], [points, points / 2, points, flat_points, turned]
    )
    apart = distances(np.repeat(found[:1], 4, axis=0), found[1:])
    assert apart[0] < 0.30
    assert apart[1] < 0.15
    assert apart[2] < 0.20
    assert apart[3] < 0.05


def test_a_face_gets_the_same_embedding_alone_and_among_others(model: EmbeddingModel) -> None:
    pictures, points = zip(*(sample(name) for name in SAMPLES), strict=True)
    together = model.embeddings([*pictures, pictures[0]], [*points, np.concatenate([points[0]] * 20)])
    assert together.shape == (22, 128)
    alone = model.embeddings(pictures[:1], points[:1])
    np.testing.assert_allclose(together[[0, 2, 21]], np.repeat(alone, 3, axis=0), atol=1e-4)


def test_no_face_gives_no_embedding(model: EmbeddingModel) -> None:
    picture = np.zeros((20, 20, 3), dtype=np.uint8)
    assert model.embeddings([], []).shape == (0, 128)
    assert model.embeddings([picture], [np.zeros((0, 5, 2), dtype=np.float32)]).shape == (0, 128)


def test_wrong_points_are_refused(model: EmbeddingModel) -> None:
    picture, points = sample(SAMPLES[0])
    with pytest.raises(ValueError, match="give one list for each"):
        model.embeddings([picture, picture], [points])
    with pytest.raises(ValueError, match="not finite"):
        model.embeddings([picture], [points * np.nan])


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (37, 53)])
def test_faces_far_outside_or_in_tiny_pictures_still_give_an_answer(
    model: EmbeddingModel, size: tuple[int, int]
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    _, points = sample(SAMPLES[0])
    for some in (points, points - 5000, points * 0 + 3, points * 1000):
        assert np.isfinite(model.embeddings([picture], [some])).all()


def test_a_similarity_is_found_again() -> None:
    matrix = torch.tensor([[[0.6, -0.8, 5.0], [0.8, 0.6, -3.0]]]) * torch.tensor([2.0, 2.0, 1.0])
    points = apply(matrix, TEMPLATE)
    torch.testing.assert_close(similarities(TEMPLATE, points), matrix, atol=1e-3, rtol=1e-4)
    weights = torch.tensor([1.0, 1, 1, 1, 0])
    points[0, 4] += 100
    torch.testing.assert_close(similarities(TEMPLATE, points, weights), matrix, atol=1e-3, rtol=1e-4)
    back = apply(inverted(matrix), apply(matrix, TEMPLATE))[0]
    torch.testing.assert_close(back, TEMPLATE, atol=1e-3, rtol=1e-4)


def test_cutting_without_turn_or_scale_gives_the_pixels_themselves() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    matrix = torch.tensor([[[1.0, 0, 7], [0, 1, 5]]])
    crop = cut(Levels(picture), matrix, (20, 30))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(crop, picture[5:25, 7:37], atol=1e-3)


def test_read_only_and_mirrored_views_are_cut_like_copies() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    picture.flags.writeable = False
    view = picture[:, ::-1]
    matrix = torch.tensor([[[1.0, 0, 0], [0, 1, 0]]])
    crop = cut(Levels(view), matrix, (30, 30))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(crop, view, atol=1e-3)


def test_a_large_face_is_cut_with_every_pixel_counted() -> None:
    """Stripes of one pixel become grey: plain bilinear sampling would see black or white only."""
    picture = np.zeros((512, 512, 3), dtype=np.uint8)
    picture[:, ::2] = 255
    crop = cut(Levels(picture), torch.tensor([[[4.0, 0, 0], [0, 4, 0]]]), (100, 100))
    assert crop.std() < 5
    assert 110 < crop.mean() < 145


def test_the_best_threshold_lies_between_both_kinds() -> None:
    distance = np.array([0.2, 0.3, 0.5, 0.8, 0.9], dtype=np.float32)
    same = np.array([True, True, True, False, False])
    assert verification.best_threshold(distance, same) == pytest.approx(0.65)
    right, limits = verification.cross_validated(np.tile(distance, 2), np.tile(same, 2), np.repeat([1, 2], 5))
    assert right.all()
    assert limits == {1: pytest.approx(0.65), 2: pytest.approx(0.65)}
    assert verification.equal_error(distance, same) == 0
    assert verification.accepted_at(distance, same, 0.01) == 1
    with pytest.raises(ValueError, match="two folds"):
        verification.cross_validated(distance, same, np.ones(5, dtype=np.int64))


def test_it_reaches_the_floor_on_pairs_of_the_data_folder(data: Path, model: EmbeddingModel) -> None:
    """Every tenth pair: enough to see a wrong alignment, which costs several percent."""
    pairs = verification.load_pairs(data)
    chosen = np.arange(0, len(pairs.same), 10)
    used = np.unique(np.concatenate([pairs.first[chosen], pairs.second[chosen]]))
    some = dataclasses.replace(pairs, names=[pairs.names[number] for number in used])
    embeddings, missed, _ = verification.embed_all(some, model)
    place = {number: row for row, number in enumerate(used.tolist())}
    first = embeddings[[place[number] for number in pairs.first[chosen].tolist()]]
    second = embeddings[[place[number] for number in pairs.second[chosen].tolist()]]
    right, _ = verification.cross_validated(distances(first, second), pairs.same[chosen], pairs.fold[chosen])
    assert missed <= 2
    assert right.mean() >= 0.97
