"""Faces carried between key frames are those that full detection finds, and no frame is lost."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ml_models import FaceEngine, video_faces
from ml_models.tests.conftest import scores
from ml_models.tracking import overlaps
from ml_models.types import Box, Face
from ml_models.video_faces import ON_KEY_FRAMES, FrameFaces, faces_in, is_cut

Picture = NDArray[np.uint8]
Place = Callable[[int], Box | None]

ALL = frozenset({"emotions", "embedding", "attributes", "landmarks", "quality"})
BETWEEN = frozenset({"emotions", "appearance", "landmarks"})
POINTS = np.array([(0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75)], dtype=np.float32)


def points_of(box: Box) -> NDArray[np.float32]:
    """Five points as they stand in a box."""
    return (np.array(box[:2]) + POINTS * np.array(box[2:])).astype(np.float32)


@dataclass
class World:
    """An engine that knows where the faces are: the number of the frame stands in the picture's first pixel.

    places: the faces; unsure: frames on which detection is not sure; blind: frames on which a look sees no
    face. calls: for each picture its frame, whether it was fully detected, and the parts that were asked for.
    """

    places: Sequence[Place]
    unsure: frozenset[int] = frozenset()
    blind: frozenset[int] = frozenset()
    calls: list[tuple[int, bool, frozenset[str]]] = field(default_factory=list)

    def __call__(
        self, pictures: Sequence[Picture], boxes: Sequence[Sequence[Box] | None] | None, parts: frozenset[str]
    ) -> list[list[Face]]:
        given = [None] * len(pictures) if boxes is None else boxes
        return [self._one(picture, own, parts) for picture, own in zip(pictures, given, strict=True)]

    def truth(self, number: int) -> list[Box]:
        """The boxes on a frame."""
        return [box for place in self.places if (box := place(number)) is not None]

    def detected(self) -> list[int]:
        """The frames that were fully detected."""
        return sorted(number for number, full, _ in self.calls if full)

    def _one(self, picture: Picture, own: Sequence[Box] | None, parts: frozenset[str]) -> list[Face]:
        number = int(picture[0, 0, 0])
        self.calls.append((number, own is None, parts))
        truth = self.truth(number)
        if own is None:
            return [Face(box, 0.5 if number in self.unsure else 0.99, points_of(box)) for box in truth]
        faces = []
        for box in own:
            shared = overlaps([box], truth)[0] if truth else np.zeros(1)
            seen = shared.max() > 0.2 and number not in self.blind
            points = points_of(truth[int(shared.argmax())] if seen else box)
            faces.append(Face(box, 0.99 if seen else 0.1, points))
        return faces


def film(count: int, step_ms: int = 40) -> Iterator[tuple[int, Picture]]:
    """Frames that differ by the number in their first pixel only."""
    for number in range(count):
        picture = np.full((360, 640, 3), 90, dtype=np.uint8)
        picture[0, 0] = number
        yield number * step_ms, picture


def walking(start: float, speed: float, first: int = 0, last: int = 255) -> Place:
    """A face of 80 x 100 pixels that goes to the right by `speed` a frame, there from `first` to `last`."""
    return lambda number: (start + speed * number, 100.0, 80.0, 100.0) if first <= number <= last else None


@pytest.mark.parametrize("count", [1, 2, 10, 11, 12, 40])
@pytest.mark.parametrize("key_every_ms", [0, 40, 400, 100_000])
def test_every_frame_has_one_answer_in_its_order(count: int, key_every_ms: int) -> None:
    world = World([walking(10, 2)])
    found = list(faces_in(film(count), world, parts=ALL, key_every_ms=key_every_ms))
    assert [one.ms for one in found] == [40 * number for number in range(count)]
    assert all(len(one.faces) == len(one.found) == 1 for one in found)
    # The first and the last frame are always looked at in full.
    assert found[0].found == found[-1].found == (True,)


def test_no_frames_have_no_answers() -> None:
    assert list(faces_in(iter([]), World([]), parts=ALL)) == []


def test_only_key_frames_are_detected_and_asked_for_what_costs_much() -> None:
    world = World([walking(10, 2), walking(300, -1)])
    found = list(faces_in(film(41), world, parts=ALL, key_every_ms=400))
    assert world.detected() == [0, 10, 20, 30, 40]
    assert [one.ms for one in found if all(one.found)] == [0, 400, 800, 1200, 1600]
    assert {parts for _, full, parts in world.calls if full} == {BETWEEN | ON_KEY_FRAMES}
    assert {parts for _, full, parts in world.calls if not full} == {BETWEEN}
    # Each frame is looked at once.
    assert sorted(number for number, *_ in world.calls) == list(range(41))


def test_a_face_that_is_carried_stands_where_it_is() -> None:
    # It gathers speed: on a straight line between both key frames it would be 7.5 pixels too far on.
    world = World([lambda number: (20 + 0.3 * number**2, 100.0, 80.0, 100.0)])
    found = list(faces_in(film(11), world, parts=ALL, key_every_ms=400))
    off = [abs(one.faces[0].box[0] - world.truth(k)[0][0]) for k, one in enumerate(found)]
    carried = [k for k, one in enumerate(found) if not any(one.found)]
    assert len(carried) == 9
    # The middle between the straight line (7.5 px off in the middle) and what the points say.
    assert 3.5 < max(off[k] for k in carried) < 4.0


def test_the_box_grows_as_the_points_do() -> None:
    world = World(
        [lambda number: (200 - 2.0 * number, 100 - 2.0 * number, 80 + 4.0 * number, 100 + 4.0 * number)]
    )
    found = list(faces_in(film(11), world, parts=ALL, key_every_ms=400))
    for number, one in enumerate(found):
        assert overlaps([one.faces[0].box], world.truth(number))[0, 0] > 0.98
    assert world.detected() == [0, 10]


@pytest.mark.parametrize(("first", "last"), [(4, 255), (0, 14)], ids=["comes", "goes"])
def test_frames_between_are_detected_where_a_face_comes_or_goes(first: int, last: int) -> None:
    world = World([walking(10, 1), walking(400, 1, first, last)])
    found = list(faces_in(film(31), world, parts=ALL, key_every_ms=400))
    assert [len(one.faces) for one in found] == [len(world.truth(k)) for k in range(31)]
    change = range(11) if first else range(10, 21)
    assert set(change) <= set(world.detected())
    # And nowhere else.
    assert len(world.detected()) == 11 + 2


def test_two_faces_that_change_places_are_not_carried_through_each_other() -> None:
    world = World([walking(100, 20), walking(300, -20)])
    list(faces_in(film(11), world, parts=ALL, key_every_ms=400))
    # On both key frames there is a face in both places, and in the middle there is none in either.
    assert {3, 4, 5, 6, 7} <= set(world.detected())


def test_a_frame_is_detected_where_the_look_sees_no_face() -> None:
    world = World([walking(10, 2)], blind=frozenset({4}))
    found = list(faces_in(film(11), world, parts=ALL, key_every_ms=400))
    assert world.detected() == [0, 4, 10]
    assert found[4].found == (True,)
    assert found[5].found == (False,)


def test_a_frame_is_detected_where_the_face_is_not_where_it_was_expected() -> None:
    def jumping(number: int) -> Box:
        return 100 + (40.0 if number == 6 else 0.0), 100.0, 80.0, 100.0

    world = World([jumping])
    found = list(faces_in(film(11), world, parts=ALL, key_every_ms=400))
    assert world.detected() == [0, 6, 10]
    assert found[6].faces[0].box[0] == 140


def test_what_detection_is_not_sure_of_is_not_carried() -> None:
    world = World([walking(10, 2)], unsure=frozenset({10}))
    list(faces_in(film(31), world, parts=ALL, key_every_ms=400))
    assert world.detected() == [*range(21), 30]


def test_frames_without_a_face_are_not_looked_at_between_key_frames() -> None:
    world = World([])
    found = list(faces_in(film(21), world, parts=ALL, key_every_ms=400))
    assert [one.faces for one in found] == [()] * 21
    assert [number for number, *_ in world.calls] == [0, 10, 20]


def test_a_face_at_the_edge_stays_in_the_picture() -> None:
    world = World([lambda number: (max(0.0, 40 - 8.0 * number), 100.0, min(80.0, 120 - 8.0 * number), 100.0)])
    for one in faces_in(film(11), world, parts=ALL, key_every_ms=400):
        left, top, width, height = one.faces[0].box
        assert left >= 0
        assert top >= 0
        assert left + width <= 640
        assert top + height <= 360


def test_both_sides_of_a_cut_are_key_frames() -> None:
    def frames() -> Iterator[tuple[int, Picture]]:
        for ms, picture in film(20):
            if ms >= 13 * 40:
                picture[1:] = (200, 40, 40)
            yield ms, picture

    world = World([walking(10, 1)])
    found = list(faces_in(frames(), world, parts=ALL, key_every_ms=400))
    assert [one.ms // 40 for one in found if one.cut] == [13]
    assert world.detected() == [0, 10, 12, 13, 19]


def test_answers_come_before_the_film_ends_and_pictures_are_let_go() -> None:
    read = alive = most = 0

    def gone() -> None:
        nonlocal alive
        alive -= 1

    def frames() -> Iterator[tuple[int, Picture]]:
        nonlocal read, alive, most
        for ms, picture in film(200):
            read, alive = read + 1, alive + 1
            most = max(most, alive)
            weakref.finalize(picture, gone)
            yield ms, picture

    answers = faces_in(frames(), World([walking(10, 1)]), parts=ALL, key_every_ms=400)
    next(answers)
    assert read <= 30
    assert sum(1 for _ in answers) == 199
    # A window of 21 to 30 frames, and one that the source still holds.
    assert most <= 32


def test_large_pictures_make_small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_faces, "PIXELS_AT_ONCE", 5 * 360 * 640)
    asked: list[int] = []
    world = World([walking(10, 1)])

    def counting(
        pictures: Sequence[Picture], boxes: Sequence[Sequence[Box] | None] | None, parts: frozenset[str]
    ) -> list[list[Face]]:
        asked.append(len(pictures))
        return world(pictures, boxes, parts)

    found = list(faces_in(film(30), counting, parts=ALL, key_every_ms=100_000))
    assert len(found) == 30
    assert max(asked) <= 5


@pytest.mark.parametrize("times", [(0, 40, 40), (0, 80, 40)])
def test_times_that_do_not_grow_are_refused(times: tuple[int, ...]) -> None:
    frames = [(ms, np.zeros((36, 64, 3), dtype=np.uint8)) for ms in times]
    with pytest.raises(ValueError, match="order"):
        list(faces_in(frames, World([]), parts=ALL))


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(ValueError, match="'mood'"):
        list(faces_in(film(2), World([]), parts=frozenset({"mood"})))


def small(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, (64, 36), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def test_a_cut_is_another_scene_and_not_a_movement_or_another_light(
    astronaut: Picture, grace_hopper: Picture
) -> None:
    here = small(astronaut[:288])
    assert is_cut(here, small(grace_hopper[:288]))
    assert not is_cut(here, here)
    assert not is_cut(here, small(astronaut[40:328]))
    assert not is_cut(here, small(np.roll(astronaut, 60, axis=1)[:288]))
    assert not is_cut(here, np.clip(here * 1.15, 0, 255).astype(np.uint8))


# ---- with the networks


def real_film(astronaut: Picture, grace_hopper: Picture, count: int) -> Iterator[tuple[int, Picture]]:
    """Two portraits that move over a canvas on curves, one of them nearing."""
    one, other = astronaut[20:250, 110:340], grace_hopper[60:400, 110:420]
    for number in range(count):
        canvas = np.full((360, 640, 3), 110, dtype=np.uint8)
        for picture, x, y, size in (
            (one, 20 + 0.1 * number**2, 60 + 2 * number, 200 + 2 * number),
            (other, 420 - 3 * number, 40, 210),
        ):
            scale = size / picture.shape[0]
            matrix = np.array([[scale, 0, x], [0, scale, y]])
            # cv2 has no names for the corners of what it leaves as it was.
            cv2.warpAffine(picture, matrix, (640, 360), dst=canvas, borderMode=cv2.BORDER_TRANSPARENT)
        yield number * 40, canvas


def test_the_real_engine_sees_the_same_as_on_every_frame(
    engine: FaceEngine, astronaut: Picture, grace_hopper: Picture
) -> None:
    parts = frozenset({"emotions", "landmarks"})
    frames = list(real_film(astronaut, grace_hopper, 21))

    def analyze(
        pictures: Sequence[Picture], boxes: Sequence[Sequence[Box] | None] | None, parts: frozenset[str]
    ) -> list[list[Face]]:
        return engine.analyze(pictures, boxes, parts)

    own = list(faces_in(frames, analyze, parts=parts, key_every_ms=400))
    full = list(faces_in(frames, analyze, parts=parts, key_every_ms=0))
    assert sum(not any(one.found) for one in own) >= 15
    for one, other in zip(own, full, strict=True):
        assert len(one.faces) == len(other.faces) == 2
        for face, detected in _alike(one, other):
            assert overlaps([face.box], [detected.box])[0, 0] > 0.8
            assert scores(face).argmax() == scores(detected).argmax()
            assert np.abs(scores(face) - scores(detected)).mean() < 0.03
            assert face.landmarks is not None


def _alike(one: FrameFaces, other: FrameFaces) -> list[tuple[Face, Face]]:
    shared = overlaps([face.box for face in one.faces], [face.box for face in other.faces])
    return [(face, other.faces[int(shared[k].argmax())]) for k, face in enumerate(one.faces)]
