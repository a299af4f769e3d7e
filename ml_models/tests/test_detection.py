"""Faces are found, in any picture, with bounded memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from ml_models.detection import DetectionOptions, FaceDetector, Halvings, squared, suppress_inside
from ml_models.mtcnn_nets import halve
from ml_models.tests.conftest import read

Photo = NDArray[np.uint8]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def corners(box: NDArray[np.float32]) -> list[float]:
    return [*box[:2].tolist(), *(box[:2] + box[2:]).tolist()]


def test_the_astronaut_photo_has_one_face_where_it_is(detector: FaceDetector, astronaut: Photo) -> None:
    found = detector.detect(astronaut)
    assert len(found.boxes) == 1
    # What facenet-pytorch 2.5.3's MTCNN.detect gives, to a twentieth of the face's height.
    assert corners(found.boxes[0]) == pytest.approx([181.1, 62.2, 267.7, 172.1], abs=5.5)
    points = [[205.0, 101.7], [246.8, 103.7], [224.7, 129.0], [201.7, 139.2], [245.3, 141.9]]
    np.testing.assert_allclose(found.landmarks[0], points, atol=3)
    assert found.confidence[0] > 0.99
    eyes, mouth = found.landmarks[0, :2], found.landmarks[0, 3:]
    assert eyes[0, 0] < eyes[1, 0]
    assert mouth[0, 0] < mouth[1, 0]
    assert eyes[:, 1].max() < found.landmarks[0, 2, 1] < mouth[:, 1].min()


def test_grace_hopper_has_one_face(detector: FaceDetector, grace_hopper: Photo) -> None:
    found = detector.detect(grace_hopper)
    assert len(found.boxes) == 1
    # As above.
    assert corners(found.boxes[0]) == pytest.approx([174.4, 119.6, 355.6, 340.5], abs=11)


def test_a_pasted_face_is_found_at_its_place_and_size(detector: FaceDetector, astronaut: Photo) -> None:
    head = astronaut[40:230, 140:310]
    canvas = np.full((900, 1200, 3), 128, dtype=np.uint8)
    canvas[600:790, 900:1070] = head
    found = detector.detect(canvas)
    assert len(found.boxes) == 1
    near = detector.detect(astronaut).boxes[0]
    expected = [near[0] + 760, near[1] + 560, near[2], near[3]]
    np.testing.assert_allclose(found.boxes[0], expected, atol=8)


def test_far_more_faces_than_a_handful_are_found(detector: FaceDetector, astronaut: Photo) -> None:
    head = torch.from_numpy(astronaut[40:230, 140:310].copy()).permute(2, 0, 1)[None]
    tile = F.interpolate(head, (76, 68), mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()
    crowd = np.tile(np.pad(tile, ((12, 12), (16, 16), (0, 0)), constant_values=128), (10, 12, 1))
    assert len(detector.detect(crowd).boxes) == 120


def test_boxes_lie_in_the_picture_when_the_edge_cuts_a_face(detector: FaceDetector, astronaut: Photo) -> None:
    cut = astronaut[90:, 200:]
    for box in detector.detect(cut).boxes:
        left, top, right, bottom = corners(box)
        assert 0 <= left < right <= cut.shape[1]
        assert 0 <= top < bottom <= cut.shape[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (20_000, 1), (19, 19), (21, 300), (30, 30)])
def test_pictures_too_small_for_a_face_have_none(detector: FaceDetector, shape: tuple[int, int]) -> None:
    assert len(detector.detect(np.full((*shape, 3), 90, dtype=np.uint8)).boxes) == 0


def test_noise_and_flat_colours_have_no_face(detector: FaceDetector) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for picture in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        found = detector.detect(picture)
        assert found.boxes.shape == (0, 4)
        assert found.landmarks.shape == (0, 5, 2)
        assert found.confidence.shape == (0,)


def test_huge_pictures_are_searched_at_a_bounded_size(astronaut: Photo) -> None:
    bounded = FaceDetector(DetectionOptions(max_pixels=300_000))
    huge = np.repeat(np.repeat(astronaut, 4, axis=0), 4, axis=1)
    found = bounded.detect(huge)
    assert len(found.boxes) == 1
    np.testing.assert_allclose(found.boxes[0] / 4, bounded.detect(astronaut).boxes[0], atol=6)


def test_shrinking_bounds_the_pixels_and_says_by_how_much() -> None:
    picture = np.zeros((40, 60, 3), dtype=np.uint8)
    assert (Halvings(picture, 2400).size, Halvings(picture, 2400).shrunk.tolist()) == ((40, 60), [1, 1])
    assert (Halvings(picture, 600).size, Halvings(picture, 600).shrunk.tolist()) == ((20, 30), [2, 2])
    thin = Halvings(np.zeros((1, 20_000, 3), dtype=np.uint8), 5_000)
    assert thin.size[0] == 1
    assert thin.size[1] * thin.shrunk[0].item() == pytest.approx(20_000)


def test_read_only_pictures_are_fine(detector: FaceDetector, astronaut: Photo) -> None:
    fixed = astronaut.copy()
    fixed.flags.writeable = False
    assert len(detector.detect(fixed).boxes) == 1


def test_given_boxes_get_points_and_confidence(detector: FaceDetector, astronaut: Photo) -> None:
    found = detector.detect(astronaut)
    left, top, width, height = found.boxes[0].tolist()
    given = detector.look_at(
        astronaut, [(left, top, width, height), (10.0, 300.0, 60.0, 60.0), (0, 0, 0.5, 0.5)]
    )
    np.testing.assert_allclose(given.landmarks[0], found.landmarks[0], atol=8)
    assert given.confidence[0] > 0.9
    assert given.confidence[1] < 0.5
    assert np.isfinite(given.landmarks).all()
    np.testing.assert_array_equal(given.boxes[0], found.boxes[0])


def test_a_better_box_removes_one_inside_it_and_no_other() -> None:
    boxes = torch.tensor([[0.0, 0, 50, 50], [5, 5, 45, 45], [100, 0, 150, 50], [30, 0, 80, 50]])
    assert suppress_inside(boxes, torch.tensor([0.9, 0.95, 0.8, 0.7])).tolist() == [1, 2, 3]
    assert suppress_inside(torch.zeros(0, 4), torch.zeros(0)).tolist() == []


def test_squares_keep_their_middle() -> None:
    assert squared(torch.tensor([[0.0, 10, 10, 40]])).tolist() == [[-10, 10, 20, 40]]


def test_halving_is_ceiling_max_pooling() -> None:
    for shape in ((7, 9), (8, 6), (1, 5)):
        x = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(1))
        assert torch.equal(halve(x), F.max_pool2d(x, 2, 2, ceil_mode=True))


def test_crops_of_large_regions_average_all_their_pixels() -> None:
    stripes = np.zeros((512, 512, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    crops, kept = Halvings(stripes).crops(torch.tensor([[1.0, 1, 480, 480], [600, 600, 700, 700]]), 24)
    assert len(kept) == 1
    assert crops.abs().max() < 0.05


def test_solvay_1927_has_nearly_all_of_its_29_faces(detector: FaceDetector, data: Path) -> None:
    found = detector.detect(read(data / "photos" / "solvay1927.jpg"))
    assert 26 <= len(found.boxes) <= 31


@pytest.mark.parametrize(
    ("name", "least", "most"), [("group-2", 3, 3), ("group-3", 4, 4), ("group-1", 14, 18)]
)
def test_group_photos_have_the_people_in_them(
    detector: FaceDetector, data: Path, name: str, least: int, most: int
) -> None:
    assert least <= len(detector.detect(read(data / "photos" / f"{name}.jpg")).boxes) <= most
