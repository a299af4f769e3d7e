"""Faces are found, in any picture, alone and among others, with bounded memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ml_models.detection import DETECTION_MODELS, DetectionOptions, Detections, FaceDetector
from ml_models.levels import Levels
from ml_models.tests.conftest import read

Photo = NDArray[np.uint8]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector.load(streams=2)


def one(detector: FaceDetector, picture: Photo, options: DetectionOptions | None = None) -> Detections:
    return detector.detect([Levels(picture)], options)[0]


def corners(box: NDArray[np.float32]) -> list[float]:
    return [*box[:2].tolist(), *(box[:2] + box[2:]).tolist()]


def scene(head: Photo, height: int, places: Sequence[tuple[int, int]], size: tuple[int, int]) -> Photo:
    """A grey picture with a head, its face so many pixels high, at places (x, y)."""
    # The face is 0.58 of the height of the head that is cut out below.
    share = height / 0.58 / head.shape[0]
    small = cv2.resize(head, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    canvas = np.full((*size, 3), 128, dtype=np.uint8)
    for x, y in places:
        canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
    return canvas


@pytest.fixture(scope="module")
def head(astronaut: Photo) -> Photo:
    return astronaut[40:230, 140:310]


def test_the_astronaut_photo_has_one_face_where_it_is(detector: FaceDetector, astronaut: Photo) -> None:
    found = one(detector, astronaut)
    assert len(found.boxes) == 1
    # What facenet-pytorch 2.5.3's MTCNN.detect gives, to a twentieth of the face's height.
    assert corners(found.boxes[0]) == pytest.approx([181.1, 62.2, 267.7, 172.1], abs=5.5)
    points = [[205.0, 101.7], [246.8, 103.7], [224.7, 129.0], [201.7, 139.2], [245.3, 141.9]]
    np.testing.assert_allclose(found.landmarks[0], points, atol=3)
    assert found.confidence[0] > 0.99
    assert {found.boxes.dtype, found.confidence.dtype, found.landmarks.dtype} == {np.dtype(np.float32)}


def test_grace_hopper_has_one_face(detector: FaceDetector, grace_hopper: Photo) -> None:
    found = one(detector, grace_hopper)
    assert len(found.boxes) == 1
    # As above.
    assert corners(found.boxes[0]) == pytest.approx([174.4, 119.6, 355.6, 340.5], abs=11)


def test_a_pasted_face_is_found_at_its_place_and_size(detector: FaceDetector, astronaut: Photo) -> None:
    canvas = np.full((900, 1200, 3), 128, dtype=np.uint8)
    canvas[600:790, 900:1070] = astronaut[40:230, 140:310]
    found = one(detector, canvas)
    assert len(found.boxes) == 1
    near = one(detector, astronaut).boxes[0]
    np.testing.assert_allclose(found.boxes[0], [near[0] + 760, near[1] + 560, near[2], near[3]], atol=8)


@pytest.mark.parametrize("height", [24, 32, 60, 200])
def test_faces_of_24_pixels_and_more_are_found_wherever_they_are(
    detector: FaceDetector, head: Photo, height: int
) -> None:
    room = int(height * 1.9)
    places = [(x, y) for x in (7, 7 + room, 7 + 2 * room) for y in (5, 5 + room)]
    found = one(detector, scene(head, height, places, (max(420, 3 * room), max(640, 4 * room))))
    assert len(found.boxes) == len(places)
    np.testing.assert_allclose(found.boxes[:, 3], height, rtol=0.25)
    middles = found.boxes[:, :2] + found.boxes[:, 2:] / 2
    wanted = np.array(places) + np.array([0.5, 0.45]) * height / 0.58 * np.array([170 / 190, 1])
    distances = np.linalg.norm(middles[:, None] - wanted[None], axis=2)
    assert (distances.min(axis=0) < 0.25 * height).all()


def test_detection_02_finds_smaller_faces_than_detection_01(detector: FaceDetector, head: Photo) -> None:
    picture = scene(head, 11, [(40, 40), (200, 90), (300, 210)], (300, 400))
    assert len(one(detector, picture, DETECTION_MODELS["detection_01"]).boxes) == 0
    assert len(one(detector, picture, DETECTION_MODELS["detection_02"]).boxes) == 3


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("name", ["astronaut", "grace_hopper"])
def test_detection_03_finds_turned_faces_and_their_points(
    detector: FaceDetector, request: pytest.FixtureRequest, name: str, turns: int
) -> None:
    photo: Photo = request.getfixturevalue(name)
    upright = one(detector, photo)
    picture = np.ascontiguousarray(np.rot90(photo, turns), dtype=np.uint8)
    found = one(detector, picture, DETECTION_MODELS["detection_03"])
    best = found.confidence.argmax()
    assert found.confidence[best] > 0.98
    assert (np.delete(found.confidence, best) < 0.6).all()
    rows, columns = photo.shape[:2]
    x, y = upright.landmarks[0, :, 0], upright.landmarks[0, :, 1]
    # np.rot90 turns to the left: what was on the right is then above.
    wanted = [(x, y), (y, columns - x), (columns - x, rows - y), (rows - y, x)][turns]
    size = upright.boxes[0, 3]
    np.testing.assert_allclose(found.landmarks[best], np.stack(wanted, axis=1), atol=0.04 * size)
    left, top, right, bottom = corners(found.boxes[best])
    assert ((found.landmarks[best] > [left, top]) & (found.landmarks[best] < [right, bottom])).all()
    sides = upright.boxes[0, 2:][:: -1 if turns % 2 else 1]
    np.testing.assert_allclose(found.boxes[best, 2:], sides, rtol=0.1)


def test_turned_copies_of_huge_pictures_are_bounded(detector: FaceDetector, astronaut: Photo) -> None:
    turned = np.ascontiguousarray(astronaut[::-1, ::-1], dtype=np.uint8)
    huge = np.repeat(np.repeat(turned, 8, axis=0), 8, axis=1)
    options = replace(DETECTION_MODELS["detection_03"], max_pixels=200_000)
    tracemalloc.start()
    found = one(detector, huge, options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(found.boxes / 8, one(detector, turned, options).boxes, atol=8)
    # The halvings of the picture (a third of its 50 MB), and no turned copy of all of it.
    assert peak < huge.nbytes


def test_far_more_faces_than_a_handful_are_found(detector: FaceDetector, head: Photo) -> None:
    tile = cv2.resize(head, (68, 76), interpolation=cv2.INTER_AREA)
    padded = np.pad(tile, ((12, 12), (16, 16), (0, 0)), constant_values=128)
    crowd = np.tile(padded, (10, 12, 1)).astype(np.uint8)
    assert len(one(detector, crowd).boxes) == 120


def test_a_picture_has_the_same_faces_alone_and_among_others(
    detector: FaceDetector, astronaut: Photo, grace_hopper: Photo, head: Photo
) -> None:
    small = scene(head, 40, [(20, 20), (200, 100)], (300, 400))
    pictures = [astronaut, np.zeros((50, 70, 3), dtype=np.uint8), grace_hopper, small, astronaut[90:, 200:]]
    together = detector.detect([Levels(picture) for picture in pictures])
    assert [len(found.boxes) for found in together][:4] == [1, 0, 1, 2]
    for picture, found in zip(pictures, together, strict=True):
        alone = one(detector, picture)
        np.testing.assert_allclose(found.boxes, alone.boxes, atol=1e-4)
        np.testing.assert_allclose(found.confidence, alone.confidence, atol=1e-4)
        np.testing.assert_allclose(found.landmarks, alone.landmarks, atol=1e-4)


def test_pictures_that_need_several_portions_keep_their_order(
    detector: FaceDetector, astronaut: Photo, grace_hopper: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [astronaut, grace_hopper, astronaut[40:230, 140:310]]
    whole = detector.detect([Levels(picture) for picture in pictures])
    monkeypatch.setattr("ml_models.detection.PIXELS_AT_ONCE", 1)
    monkeypatch.setattr("ml_models.detection_stages.PORTION", 8)
    for found, again in zip(whole, detector.detect([Levels(one) for one in pictures]), strict=True):
        np.testing.assert_allclose(found.boxes, again.boxes, atol=1e-4)


def test_threads_may_share_a_detector(detector: FaceDetector, astronaut: Photo, grace_hopper: Photo) -> None:
    pictures = [astronaut, grace_hopper] * 4
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda picture: one(detector, picture), pictures))
    for number, result in enumerate(found):
        np.testing.assert_allclose(result.boxes, found[number % 2].boxes, atol=1e-4)


def test_boxes_lie_in_the_picture_when_the_edge_cuts_a_face(detector: FaceDetector, astronaut: Photo) -> None:
    cut = astronaut[85:, :235]
    found = one(detector, cut, DetectionOptions(thresholds=(0.5, 0.5, 0.05)))
    assert len(found.boxes)
    for box in found.boxes:
        left, top, right, bottom = corners(box)
        assert 0 <= left < right <= cut.shape[1]
        assert 0 <= top < bottom <= cut.shape[0]


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 20_000), (20_000, 1), (19, 19), (21, 300), (30, 30), (24, 70_000)]
)
@pytest.mark.parametrize("model", list(DETECTION_MODELS))
def test_pictures_too_small_for_a_face_have_none(
    detector: FaceDetector, shape: tuple[int, int], model: str
) -> None:
    found = one(detector, np.full((*shape, 3), 90, dtype=np.uint8), DETECTION_MODELS[model])
    assert found.boxes.shape == (0, 4)


def test_noise_and_flat_colours_have_no_face(detector: FaceDetector) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    pictures = [noise, np.zeros_like(noise), np.full_like(noise, 255)]
    for found in detector.detect([Levels(picture) for picture in pictures]):
        assert found.boxes.shape == (0, 4)
        assert found.landmarks.shape == (0, 5, 2)
        assert found.confidence.shape == (0,)


def test_no_pictures_have_no_answers(detector: FaceDetector) -> None:
    assert detector.detect([]) == []


def test_a_face_in_a_very_long_picture_is_found(detector: FaceDetector, head: Photo) -> None:
    picture = np.full((190, 40_000, 3), 128, dtype=np.uint8)
    picture[:, 36_000:36_170] = head
    found = one(detector, picture, DetectionOptions(max_pixels=8_000_000))
    assert len(found.boxes) == 1
    assert found.boxes[0, 0] == pytest.approx(36_041, abs=8)


def test_huge_pictures_are_searched_at_a_bounded_size(detector: FaceDetector, astronaut: Photo) -> None:
    huge = np.repeat(np.repeat(astronaut, 14, axis=0), 14, axis=1)
    options = DetectionOptions(max_pixels=300_000)
    tracemalloc.start()
    found = one(detector, huge, options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.boxes) == 1
    np.testing.assert_allclose(found.boxes[0] / 14, one(detector, astronaut, options).boxes[0], atol=6)
    # The halvings of the picture (a third of its 154 MB) and little else.
    assert peak < 0.5 * huge.nbytes


def test_candidates_of_a_picture_are_bounded(
    detector: FaceDetector, head: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    run = type(detector.nets.refine).run

    def counted(network: object, rows: Photo) -> object:
        if network is detector.nets.refine:
            seen.append(len(rows))
        return run(network, rows)  # type: ignore[arg-type]

    monkeypatch.setattr("ml_models.runtime.Network.run", counted)
    picture = scene(head, 40, [(20, 20), (200, 100)], (300, 400))
    one(detector, picture, DetectionOptions(max_candidates=7))
    assert 0 < sum(seen) <= 7
    one(detector, picture)
    assert sum(seen) > 14


def test_read_only_pictures_are_fine(detector: FaceDetector, astronaut: Photo) -> None:
    fixed = astronaut.copy()
    fixed.flags.writeable = False
    assert len(one(detector, fixed).boxes) == 1


def test_given_boxes_get_points_and_confidence(detector: FaceDetector, astronaut: Photo) -> None:
    found = one(detector, astronaut)
    left, top, width, height = found.boxes[0].tolist()
    boxes = [
        (left, top, width, height),
        (10.0, 300.0, 60.0, 60.0),
        (0, 0, 0.5, 0.5),
        (500, 500, 90, 90),
        (9e3, 9e3, 50, 50),
    ]
    given = detector.look_at(Levels(astronaut), boxes)
    np.testing.assert_allclose(given.landmarks[0], found.landmarks[0], atol=8)
    assert given.confidence[0] > 0.9
    assert (given.confidence[1:] < 0.5).all()
    assert np.isfinite(given.landmarks).all()
    np.testing.assert_array_equal(given.boxes, np.array(boxes, dtype=np.float32))
    assert detector.look_at(Levels(astronaut), []).landmarks.shape == (0, 5, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_face": 0.0},
        {"min_face": float("nan")},
        {"thresholds": (0.6, 0.7, 1.0)},
        {"thresholds": (0.6, 0.7)},
        {"factor": 1.0},
        {"factor": 0.0},
        {"max_pixels": 0},
        {"max_candidates": 0},
        {"turns": ()},
        {"turns": (0, 4)},
        {"turned_threshold": -0.1},
    ],
)
def test_options_that_make_no_sense_are_refused_with_a_sentence(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^(The|Give) .*\.$"):
        DetectionOptions(**wrong)  # type: ignore[arg-type]


def test_solvay_1927_has_all_of_its_29_faces(detector: FaceDetector, data: Path) -> None:
    assert 28 <= len(one(detector, read(data / "photos" / "solvay1927.jpg")).boxes) <= 30


@pytest.mark.parametrize(
    ("name", "least", "most"), [("group-2", 3, 3), ("group-3", 4, 4), ("group-1", 14, 18)]
)
def test_group_photos_have_the_people_in_them(
    detector: FaceDetector, data: Path, name: str, least: int, most: int
) -> None:
    assert least <= len(one(detector, read(data / "photos" / f"{name}.jpg")).boxes) <= most
