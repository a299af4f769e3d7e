"""The contract of the engine."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ml_models import EMOTIONS, Face, FaceEngine
from ml_models.attributes import AttributeModel
from ml_models.emotion import EmotionModel
from ml_models.engine import shares
from ml_models.face_trunk import FaceTrunk
from ml_models.tests.conftest import scores
from ml_models.types import ATTRIBUTE_PARTS, PARTS

Photo = NDArray[np.uint8]


FIELDS = ("emotions", "embedding", "age", "male", "attributes", "landmarks", "head_pose", "eyes", "quality")


def assert_alike(first: Any, second: Any) -> None:
    """The same values to 1e-4 (points: hundredths of a pixel) in whatever holds them."""
    if is_dataclass(first):
        assert type(first) is type(second)
        for field in fields(first):
            assert_alike(getattr(first, field.name), getattr(second, field.name))
    elif isinstance(first, np.ndarray):
        np.testing.assert_allclose(first, second, atol=1e-4 if first.ndim == 1 else 1e-2)
    elif isinstance(first, float):
        assert first == pytest.approx(second, abs=1e-3 if abs(first) > 1 else 1e-4)
    elif isinstance(first, tuple):
        for one, other in zip(first, second, strict=True):
            assert_alike(one, other)
    else:
        assert first == second


def assert_same(first: Face, second: Face) -> None:
    np.testing.assert_allclose(first.box, second.box, atol=1e-2)
    assert first.confidence == pytest.approx(second.confidence, abs=1e-4)
    for name in ("landmarks5", *FIELDS):
        assert_alike(getattr(first, name), getattr(second, name))


def test_the_astronaut_is_one_happy_face(engine: FaceEngine, astronaut: Photo) -> None:
    [[face]] = engine.analyze([astronaut])
    assert EMOTIONS[int(scores(face).argmax())] == "happiness"
    assert scores(face)[1] > 0.8


def test_grace_hopper_is_one_face(engine: FaceEngine, grace_hopper: Photo) -> None:
    [[face]] = engine.analyze([grace_hopper])
    assert EMOTIONS[int(scores(face).argmax())] == "neutral"


def test_a_face_has_the_agreed_types(engine: FaceEngine, astronaut: Photo) -> None:
    [[face]] = engine.analyze([astronaut])
    assert isinstance(face, Face)
    assert [type(value) for value in face.box] == [float] * 4
    assert type(face.confidence) is float
    assert 0 <= face.confidence <= 1
    assert (face.landmarks5.shape, face.landmarks5.dtype) == ((5, 2), np.float32)
    assert (scores(face).shape, scores(face).dtype) == ((8,), np.float32)
    assert scores(face).sum() == pytest.approx(1, abs=1e-5)


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
    np.testing.assert_allclose(scores(second), scores(found), atol=1e-3)
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
    answer = engine.classify_emotions([picture])
    assert answer.shape == (1, 8)
    assert answer.sum() == pytest.approx(1, abs=1e-5)


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
    assert set(engine.model_versions) == {"detection", "emotion", "recognition", "attributes", "landmarks"}
    for version in engine.model_versions.values():
        assert len(version.rsplit("-", 1)[1]) == 12
    with pytest.raises(TypeError):
        engine.model_versions["emotion"] = "another"  # type: ignore[index]


def test_a_face_has_every_part_by_default(engine: FaceEngine, astronaut: Photo) -> None:
    [[face]] = engine.analyze([astronaut])
    assert face.embedding is not None
    assert (face.embedding.shape, face.embedding.dtype) == ((128,), np.float32)
    assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-5)
    assert face.landmarks is not None
    assert face.landmarks.mesh.shape == (468, 3)
    assert face.landmarks.points68.shape == (68, 2)
    assert len(face.landmarks.named) == 27
    assert face.landmarks.confidence > 0.9
    assert face.head_pose is not None
    assert abs(face.head_pose.yaw) < 30
    assert face.eyes is not None
    assert face.quality is not None
    assert face.quality.for_recognition in ("medium", "high")
    assert face.age is not None
    assert 15 < face.age < 60
    assert face.gender == "female"
    assert face.smile is not None
    assert face.smile > 0.8
    assert face.valence is not None
    assert face.valence > 0.5


def test_pupils_and_points_lie_where_the_five_points_do(engine: FaceEngine, astronaut: Photo) -> None:
    [[face]] = engine.analyze([astronaut])
    assert face.landmarks is not None
    named, distance = face.landmarks.named, np.linalg.norm(face.landmarks5[0] - face.landmarks5[1])
    for name, point in (("pupilLeft", 0), ("pupilRight", 1), ("mouthLeft", 3), ("mouthRight", 4)):
        assert np.linalg.norm(np.array(named[name]) - face.landmarks5[point]) < 0.2 * distance


@pytest.mark.parametrize("part", sorted(PARTS))
def test_only_what_is_asked_for_is_found_out_and_it_is_the_same(
    engine: FaceEngine, astronaut: Photo, part: str
) -> None:
    several = {"landmarks": {"landmarks", "head_pose", "eyes"}, "attributes": {"attributes", "age", "male"}}
    fields = several.get(part, {part})
    [[whole]], [[face]] = engine.analyze([astronaut]), engine.analyze([astronaut], parts=[part])
    assert {name for name in FIELDS if getattr(face, name) is not None} == fields
    for name in fields:
        assert_alike(getattr(face, name), getattr(whole, name))


@pytest.mark.parametrize("left_out", ["age", "gender", "appearance"])
def test_an_attribute_that_is_left_out_is_not_computed_and_changes_no_other(
    engine: FaceEngine, astronaut: Photo, left_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [[whole]] = engine.analyze([astronaut], parts={"attributes"})
    heads: list[str] = []
    original = AttributeModel._head

    def noting(self: AttributeModel, name: str, x: Any) -> Any:
        heads.append(name)
        return original(self, name, x)

    monkeypatch.setattr(AttributeModel, "_head", noting)
    [[face]] = engine.analyze([astronaut], parts=ATTRIBUTE_PARTS - {left_out})
    head = {"age": "age", "gender": "male", "appearance": "labels"}[left_out]
    assert set(heads) == {"age", "male", "labels"} - {head}
    assert [face.age, face.gender, face.attributes].count(None) == 1
    expected = {"age": whole.age, "gender": whole.male, "appearance": None} | {left_out: None}
    assert (face.age, face.male) == (expected["age"], expected["gender"])
    if face.attributes is not None:
        assert (face.attributes.age, face.attributes.male) == (expected["age"], expected["gender"])
        assert (face.attributes.age_range is None) is (left_out == "age")
        assert whole.attributes is not None
        assert face.attributes.smile == whole.attributes.smile


def test_without_emotions_the_emotion_networks_are_not_run(
    engine: FaceEngine, astronaut: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[frozenset[str]] = []
    original = FaceTrunk._net

    def noting(self: FaceTrunk, wanted: frozenset[str]) -> Any:
        run.append(wanted)
        return original(self, wanted)

    def never(*_: Any) -> None:
        raise AssertionError("the emotion network was run")

    monkeypatch.setattr(FaceTrunk, "_net", noting)
    monkeypatch.setattr(EmotionModel, "own_logits", never)
    [[face]] = engine.analyze([astronaut], parts={"attributes", "embedding"})
    assert face.emotions is None
    [[alone]] = engine.analyze([astronaut], parts={"attributes"})
    assert alone.age == face.age
    assert run
    assert not [answers for answers in run if "emotion" in answers]


def test_nothing_but_the_boxes_may_be_asked_for(engine: FaceEngine, astronaut: Photo) -> None:
    [[face]] = engine.analyze([astronaut], parts=())
    assert all(getattr(face, name) is None for name in FIELDS)
    assert face.confidence > 0.9


def test_unknown_parts_and_detections_are_refused(engine: FaceEngine, astronaut: Photo) -> None:
    with pytest.raises(ValueError, match="No part is called 'hat'"):
        engine.analyze([astronaut], parts={"hat"})
    with pytest.raises(ValueError, match="No detection is called 'detection_09'"):
        engine.analyze([astronaut], detection="detection_09")


def test_rotated_faces_are_found_when_asked_for(engine: FaceEngine, astronaut: Photo) -> None:
    turned = np.ascontiguousarray(np.rot90(astronaut))
    face = engine.analyze([turned], detection="detection_03")[0][0]
    assert EMOTIONS[int(scores(face).argmax())] == "happiness"
    assert face.gender == "female"


def test_two_threads_answer_as_one_does(engine: FaceEngine, astronaut: Photo, grace_hopper: Photo) -> None:
    canvas = np.full((600, 1024, 3), 128, dtype=np.uint8)
    canvas[:512, :512], canvas[:600, 512:] = astronaut, grace_hopper
    pictures = [canvas, astronaut, grace_hopper]
    with_two = FaceEngine.load(threads=2).analyze(pictures)
    for first, second in zip(FaceEngine.load(threads=1).analyze(pictures), with_two, strict=True):
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)


@pytest.mark.parametrize("count", [1, 2, 3, 16, 129])
@pytest.mark.parametrize("processors", [1, 2, 7])
def test_shares_hold_every_item_once_and_end_small(count: int, processors: int) -> None:
    found = shares(count, processors)
    assert [item for start, end in found for item in range(start, end)] == list(range(count))
    assert len(found) <= 2 * processors
    if count > 2 * processors:
        assert found[-1][1] - found[-1][0] <= count / processors / 4 + 1


@pytest.mark.parametrize(("threads", "streams"), [(0, None), (2, 1), (-1, None)])
def test_impossible_numbers_of_processors_are_refused(threads: int, streams: int | None) -> None:
    with pytest.raises(ValueError, match="at least 1 thread"):
        FaceEngine.load(threads=threads, streams=streams)


def test_analysing_needs_no_torch() -> None:
    code = (
        "import sys, numpy as np\nfrom ml_models import FaceEngine\n"
        "FaceEngine.load(threads=1).analyze([np.zeros((80, 80, 3), dtype=np.uint8)])\n"
        "print({'torch', 'torchvision', 'facenet_pytorch'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_a_face_cut_by_the_edge_is_answered_within_the_picture(engine: FaceEngine, astronaut: Photo) -> None:
    cut = astronaut[:, :225]
    [[face]] = engine.analyze([cut], boxes=[[(182, 60, 87, 114)]])
    left, top, width, height = face.box
    assert (left, top) == (182, 60)
    assert left + width <= 225
    assert scores(face).sum() == pytest.approx(1, abs=1e-5)
    for found in engine.analyze([cut, astronaut[110:]]):
        for face in found:
            left, top, width, height = face.box
            assert left >= 0
            assert top >= 0
            assert left + width <= 512
            assert top + height <= 512


def test_a_photo_of_50_megapixels_is_answered(engine: FaceEngine, astronaut: Photo) -> None:
    large = np.full((6_200, 8_100, 3), 127, dtype=np.uint8)
    enlarged = np.asarray(Image.fromarray(astronaut).resize((4_096, 4_096)))
    large[1_000:5_096, 2_000:6_096] = enlarged
    [faces] = engine.analyze([large], parts={"emotions", "quality"})
    assert len(faces) == 1
    assert 2_000 + 8 * 150 < faces[0].box[0] < 2_000 + 8 * 220
    assert EMOTIONS[int(scores(faces[0]).argmax())] == "happiness"


def test_a_hundred_faces_are_all_described(engine: FaceEngine, astronaut: Photo) -> None:
    tile = np.asarray(Image.fromarray(astronaut[30:210, 130:310]).resize((90, 90)))
    [faces] = engine.analyze([np.tile(tile, (10, 10, 1))])
    assert 95 <= len(faces) <= 105
    assert all(face.embedding is not None for face in faces)
