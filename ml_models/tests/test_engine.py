"""The contract of the engine."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ml_models import EMOTIONS, Face, FaceEngine
from ml_models.engine import set_threads

Photo = NDArray[np.uint8]


def assert_same(first: Face, second: Face) -> None:
    np.testing.assert_allclose(first.box, second.box, atol=1e-2)
    np.testing.assert_allclose(first.landmarks5, second.landmarks5, atol=1e-2)
    np.testing.assert_allclose(first.emotions, second.emotions, atol=1e-4)
    assert first.confidence == pytest.approx(second.confidence, abs=1e-4)


def test_the_astronaut_is_one_happy_face(engine: FaceEngine, astronaut: Photo) -> None:
    [[face]] = engine.analyze([astronaut])
    assert EMOTIONS[int(face.emotions.argmax())] == "happiness"
    assert face.emotions[1] > 0.8


def test_grace_hopper_is_one_face(engine: FaceEngine, grace_hopper: Photo) -> None:
    [[face]] = engine.analyze([grace_hopper])
    assert EMOTIONS[int(face.emotions.argmax())] == "neutral"


def test_a_face_has_the_agreed_types(engine: FaceEngine, astronaut: Photo) -> None:
    [[face]] = engine.analyze([astronaut])
    assert isinstance(face, Face)
    assert [type(value) for value in face.box] == [float] * 4
    assert type(face.confidence) is float
    assert 0 <= face.confidence <= 1
    assert (face.landmarks5.shape, face.landmarks5.dtype) == ((5, 2), np.float32)
    assert (face.emotions.shape, face.emotions.dtype) == ((8,), np.float32)
    assert face.emotions.sum() == pytest.approx(1, abs=1e-5)


def test_the_largest_face_comes_first(engine: FaceEngine, astronaut: Photo, grace_hopper: Photo) -> None:
    canvas = np.full((600, 1024, 3), 128, dtype=np.uint8)
    canvas[:512, :512], canvas[:600, 512:] = astronaut, grace_hopper
    [faces] = engine.analyze([canvas])
    areas = [face.box[2] * face.box[3] for face in faces]
    assert len(faces) == 2
    assert areas == sorted(areas, reverse=True)
    assert faces[0].box[0] > 512


def test_alone_and_in_a_batch_the_answer_is_the_same(
    engine: FaceEngine, astronaut: Photo, grace_hopper: Photo
) -> None:
    blank = np.zeros((100, 80, 3), dtype=np.uint8)
    pictures = [
        astronaut,
        blank,
        grace_hopper,
        astronaut[::-1, ::-1],
        np.ascontiguousarray(astronaut[:, ::-1]),
    ]
    together = engine.analyze(pictures)
    assert together[1] == []
    for picture, faces in zip(pictures, together, strict=True):
        [alone] = engine.analyze([picture])
        assert len(alone) == len(faces)
        for first, second in zip(alone, faces, strict=True):
            assert_same(first, second)


def test_no_pictures_give_no_answers(engine: FaceEngine) -> None:
    assert engine.analyze([]) == []
    assert engine.analyze([], boxes=[]) == []
    assert engine.classify_emotions([]).shape == (0, 8)


def test_given_boxes_are_scored_in_their_order_without_detection(
    engine: FaceEngine, astronaut: Photo
) -> None:
    [[found]] = engine.analyze([astronaut])
    small = (400.0, 300.0, 50.0, 40.0)
    [first, second] = engine.analyze([astronaut], boxes=[[small, found.box]])[0]
    assert first.box == small
    assert second.box == pytest.approx(found.box, abs=1e-3)
    np.testing.assert_allclose(second.emotions, found.emotions, atol=1e-3)
    assert engine.analyze([astronaut], boxes=[[]]) == [[]]


def test_boxes_may_be_given_for_some_pictures_only(
    engine: FaceEngine, astronaut: Photo, grace_hopper: Photo
) -> None:
    found, given = engine.analyze([astronaut, grace_hopper], boxes=[None, [(200, 150, 200, 250)]])
    assert len(found) == 1
    assert given[0].box == (200, 150, 200, 250)


def test_a_box_that_leaves_the_picture_is_cut(engine: FaceEngine, astronaut: Photo) -> None:
    [[face]] = engine.analyze([astronaut], boxes=[[(-50, 450, 100, 100)]])
    assert face.box == (0, 450, 50, 62)


@pytest.mark.parametrize(
    ("boxes", "words"),
    [
        ([], "one list for each"),
        ([[(600, 0, 10, 10)]], "outside the picture"),
        ([[(0, 0, 10, 10), (0, 0, 0, 10)]], "Box 1 of picture 0"),
        ([[(1, 2)]], "four numbers"),
    ],
)
def test_wrong_boxes_are_refused(engine: FaceEngine, astronaut: Photo, boxes: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        engine.analyze([astronaut], boxes=boxes)


def test_wrong_pictures_are_refused_by_number(engine: FaceEngine, astronaut: Photo) -> None:
    with pytest.raises(ValueError, match="Picture 1 is grey"):
        engine.analyze([astronaut, astronaut[:, :, 0]])
    with pytest.raises(ValueError, match="Crop 0 has numbers of type float64"):
        engine.classify_emotions([astronaut / 255])  # type: ignore[list-item]


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (20_000, 1), (2, 2), (48, 48), (700, 30)])
def test_pictures_and_crops_of_odd_shapes_are_answered(engine: FaceEngine, shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert engine.analyze([picture]) == [[]]
    scores = engine.classify_emotions([picture])
    assert scores.shape == (1, 8)
    assert scores.sum() == pytest.approx(1, abs=1e-5)


def test_crops_are_scored_the_same_alone_and_together(engine: FaceEngine, astronaut: Photo) -> None:
    rng = np.random.default_rng(5)
    crops = [rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for size in range(20, 160)]
    crops[70] = astronaut[65:200, 157:292]
    together = engine.classify_emotions(crops)
    assert (together.shape, together.dtype) == ((140, 8), np.float32)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    assert EMOTIONS[int(together[70].argmax())] == "happiness"
    for number in (0, 63, 64, 70, 139):
        np.testing.assert_allclose(together[number], engine.classify_emotions([crops[number]])[0], atol=1e-4)


def test_light_and_contrast_do_not_change_the_scores(engine: FaceEngine, astronaut: Photo) -> None:
    face = astronaut[65:200, 157:292]
    dark = (face * 0.5 + 20).astype(np.uint8)
    first, second = engine.classify_emotions([face, dark])
    np.testing.assert_allclose(first, second, atol=0.03)


def test_the_pictures_are_left_as_they_were(engine: FaceEngine, astronaut: Photo) -> None:
    before = astronaut.copy()
    engine.analyze([astronaut])
    np.testing.assert_array_equal(astronaut, before)


def test_threads_may_share_an_engine(engine: FaceEngine, astronaut: Photo, grace_hopper: Photo) -> None:
    expected = {id(p): engine.analyze([p])[0] for p in (astronaut, grace_hopper)}
    pictures = [astronaut, grace_hopper] * 4
    with ThreadPoolExecutor(4) as pool:
        for picture, [faces] in zip(pictures, pool.map(lambda p: engine.analyze([p]), pictures), strict=True):
            for first, second in zip(faces, expected[id(picture)], strict=True):
                assert_same(first, second)


def test_versions_name_each_part_with_its_checksum(engine: FaceEngine) -> None:
    assert set(engine.model_versions) == {"detection", "emotion"}
    for version in engine.model_versions.values():
        assert len(version.rsplit("-", 1)[1]) == 12
    with pytest.raises(TypeError):
        engine.model_versions["emotion"] = "another"  # type: ignore[index]


def test_threads_are_set_once_for_the_process() -> None:
    code = (
        "import torch\nfrom ml_models.engine import set_threads\n"
        "set_threads(None); set_threads(1); set_threads(1); assert torch.get_num_threads() == 1\n"
        "try:\n    set_threads(2)\nexcept RuntimeError as error:\n    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "1 threads already" in result.stdout
    with pytest.raises(ValueError, match="1 or more"):
        set_threads(0)
