"""Every face of a shot is in one track, and a track is one person's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ml_models import FaceEngine
from ml_models.fake import QUALITY
from ml_models.grouping import grouping_distance
from ml_models.linking import Tracklet, people_of
from ml_models.tracking import Track, best_pairs, goodness, matched, nearness, overlaps, tracks_of
from ml_models.types import Box, Face, HeadPose
from ml_models.video_faces import FrameFaces, faces_in

Picture = NDArray[np.uint8]
SAME = 0.4


def person(number: int, noise: float = 0.0) -> NDArray[np.float32]:
    """The embedding of a person, turned by some noise towards another direction."""
    vector = np.zeros(16)
    vector[number], vector[15] = 1.0, noise
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def face(
    x: float, who: int | None = None, *, y: float = 50.0, size: float = 40.0, noise: float = 0.0
) -> Face:
    """A face whose middle is at x and y."""
    points = np.zeros((5, 2), dtype=np.float32)
    box = (x - size / 2, y - size / 2, size, size)
    return Face(box, 0.99, points, embedding=None if who is None else person(who, noise))


def frames(*faces: Sequence[Face], step: int = 200, cuts: Sequence[int] = ()) -> list[FrameFaces]:
    """Frames with these faces, all of them detected."""
    return [FrameFaces(k * step, tuple(own), (True,) * len(own), k in cuts) for k, own in enumerate(faces)]


def middles(track: Track) -> list[float]:
    return [one.box[0] + one.box[2] / 2 for one in track.faces]


def test_no_frames_and_empty_frames_have_no_tracks() -> None:
    assert tracks_of([]) == []
    assert tracks_of(frames([], [])) == []


def test_two_faces_are_two_tracks_whatever_their_order_in_a_frame() -> None:
    found = tracks_of(frames([face(50), face(200)], [face(205), face(55)], [face(60), face(210)]))
    assert [middles(one) for one in found] == [[50, 55, 60], [200, 205, 210]]
    assert [one.frames for one in found] == [(0, 200, 400)] * 2
    assert (found[0].start_ms, found[0].end_ms) == (0, 400)


def test_a_track_goes_on_after_frames_without_its_face_but_not_after_a_long_time() -> None:
    seen = frames([face(50)], [], [], [face(55)])
    assert [one.frames for one in tracks_of(seen, gap_ms=600)] == [(0, 600)]
    assert [one.frames for one in tracks_of(seen, gap_ms=599)] == [(0,), (600,)]


def test_frames_farther_apart_than_the_gap_still_follow_each_other() -> None:
    found = tracks_of(frames([face(50)], [face(55)], step=5000), gap_ms=1000)
    assert [one.frames for one in found] == [(0, 5000)]


def test_a_cut_ends_every_track() -> None:
    found = tracks_of(frames([face(50)], [face(50)], [face(50)], cuts=[2]))
    assert [one.frames for one in found] == [(0, 200), (400,)]


def test_a_face_that_moves_by_more_than_its_width_is_followed() -> None:
    found = tracks_of(frames(*[[face(50 + 50 * k), face(500, y=150)] for k in range(6)]))
    assert [len(one.frames) for one in found] == [6, 6]


def test_a_face_of_another_size_in_the_place_is_no_neighbour() -> None:
    found = tracks_of(frames([face(50, size=40)], [face(125, size=100)]))
    assert len(found) == 2


def test_another_face_that_comes_up_after_a_gap_elsewhere_is_another_track() -> None:
    assert len(tracks_of(frames([face(50)], [], [face(95)]))) == 2


def test_faces_that_pass_each_other_keep_their_tracks_by_their_movement() -> None:
    crossing = [[face(100 + 20 * k, y=50), face(300 - 20 * k, y=60)] for k in range(11)]
    found = tracks_of(frames(*crossing))
    assert sorted(middles(one) for one in found) == [
        [100 + 20.0 * k for k in range(11)],
        [300 - 20.0 * k for k in range(11)],
    ]


def test_faces_that_turn_back_at_each_other_keep_their_tracks_by_their_embeddings() -> None:
    # Where movement alone says that they passed each other.
    way = [100, 130, 160, 185, 195, 195, 185, 160, 130, 100]
    turning = [[face(x, 0), face(400 - x, 1)] for x in way]
    found = tracks_of(frames(*turning), same_distance=SAME)
    assert [middles(one) for one in found] == [way, [400 - x for x in way]]


def test_somebody_else_in_the_same_place_is_another_track_where_embeddings_count() -> None:
    seen = frames([face(50, 0)], [face(50, 1)])
    assert len(tracks_of(seen, same_distance=SAME)) == 2
    assert len(tracks_of(seen)) == 1


def test_a_poor_picture_in_the_same_place_does_not_end_a_track() -> None:
    # 0.5 apart: too far for one person in any two photos, not for one that stays in his place.
    seen = frames([face(50, 0)], [face(50, 0, noise=0.53)], [face(50, 0)])
    assert SAME < float(np.linalg.norm(person(0) - person(0, 0.53))) < 1.35 * SAME
    assert len(tracks_of(seen, same_distance=SAME)) == 1


def test_the_same_person_who_jumped_is_the_same_track() -> None:
    seen = frames([face(50, 0), face(500, 1)], [], [face(300, 0), face(500, 1)])
    assert [middles(one) for one in tracks_of(seen, same_distance=SAME)] == [[50, 300], [500, 500]]
    assert len(tracks_of(seen)) == 3


places = st.tuples(st.floats(0, 500), st.floats(0, 300), st.floats(5, 200), st.none() | st.integers(0, 3))


@given(st.lists(st.lists(places, max_size=5), max_size=8), st.booleans())
def test_every_face_is_in_exactly_one_track(
    film: list[list[tuple[float, float, float, int | None]]], embed: bool
) -> None:
    seen = frames(*[[face(x, who, y=y, size=size) for x, y, size, who in own] for own in film])
    tracks = tracks_of(seen, same_distance=SAME if embed else None)
    counted = [(ms, id(one)) for track in tracks for ms, one in zip(track.frames, track.faces, strict=True)]
    assert sorted(counted) == sorted((frame.ms, id(one)) for frame in seen for one in frame.faces)
    for track in tracks:
        # In order, and never twice on a frame.
        assert all(a < b for a, b in zip(track.frames, track.frames[1:], strict=False))


def test_the_embedding_is_the_mean_weighted_by_how_good_the_pictures_are() -> None:
    large, small = face(50, 0, size=400), face(50, 1, size=20)
    track = Track((0, 200, 400), (large, small, face(50)), (True, True, False))
    assert track.embedding is not None
    assert track.embedding_count == 2
    assert float(np.linalg.norm(track.embedding)) == pytest.approx(1, abs=1e-6)
    assert track.embedding.dtype == np.float32
    ratio = track.embedding[0] / track.embedding[1]
    assert ratio == pytest.approx(goodness(large) / goodness(small), rel=1e-4)
    assert ratio > 3


def test_without_embeddings_a_track_has_none() -> None:
    track = Track((0,), (face(50),), (True,))
    assert track.embedding is None
    assert track.embedding_count == 0


def test_opposite_embeddings_still_have_a_direction() -> None:
    one = face(50, 0)
    other = replace(one, embedding=-person(0))
    embedding = Track((0, 200), (one, other), (True, True)).embedding
    assert embedding is not None
    assert float(np.linalg.norm(embedding)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "worse",
    [
        face(50, size=30),
        replace(face(50), head_pose=HeadPose(50.0, 0.0, 0.0)),
        replace(face(50), head_pose=HeadPose(0.0, -50.0, 0.0)),
        replace(face(50), quality=replace(QUALITY, blur=0.8)),
    ],
    ids=["small", "turned", "bowed", "blurred"],
)
def test_the_best_picture_is_sharp_large_and_frontal(worse: Face) -> None:
    pose = worse.head_pose or HeadPose(0.0, 0.0, 0.0)
    worse = replace(worse, quality=worse.quality or QUALITY, head_pose=pose)
    good = replace(face(50), quality=QUALITY, head_pose=HeadPose(3.0, 2.0, 0.0))
    assert Track((0, 1, 2), (worse, good, worse), (True,) * 3).best == 1
    assert Track((0, 1), (good, worse), (True,) * 2).best == 0


def test_a_picture_of_known_quality_goes_before_one_of_unknown() -> None:
    known = replace(face(50, size=30), quality=QUALITY)
    assert Track((0, 1), (face(50, size=60), known), (False, True)).best == 1


def test_pairs_are_made_best_first_and_each_once() -> None:
    scores = np.array([[0.5, 0.9, 0.0], [0.8, 0.95, 0.0]])
    assert best_pairs(scores) == [(0, 0), (1, 1)]
    assert best_pairs(scores, 0.6) == [(1, 1)]
    assert best_pairs(np.zeros((0, 3))) == []
    boxes: list[Box] = [(0, 0, 10, 10), (100, 0, 10, 10)]
    assert matched(boxes, [(101, 0, 10, 10), (5, 0, 10, 10)], 0.3) == [(0, 1), (1, 0)]


def test_overlap_and_nearness_are_what_they_say() -> None:
    found = overlaps([(0, 0, 10, 10)], [(0, 0, 10, 10), (5, 0, 10, 10), (10, 0, 10, 10)])
    np.testing.assert_allclose(found, [[1, 1 / 3, 0]])
    near = nearness([(0, 0, 10, 10)], [(0, 0, 10, 10), (15, 0, 10, 10), (7.5, 0, 10, 10), (0, 0, 17, 17)])
    np.testing.assert_allclose(near, [[0.2, 0, 0.1, 0]])


# ---- with the networks


def scenes(astronaut: Picture, grace_hopper: Picture) -> list[tuple[int, Picture]]:
    """Six seconds at 5 frames a second. Two people pass each other; one leaves and comes back; then a cut to
    another scene with the same two.
    """
    one, other = astronaut[20:250, 110:340], grace_hopper[60:400, 110:420]
    found = []
    for number in range(30):
        canvas = np.full((360, 640, 3), 110, dtype=np.uint8)
        shown = [(one, 20.0 + 30 * number, 15.0), (other, 430.0 - 30 * number, 175.0)]
        if number >= 14:
            shown = [(one, 400.0, 15.0), (other, 20.0, 175.0)][: 1 if number < 18 else 2]
        if number >= 24:
            canvas[:] = (30, 60, 160)
            shown = [(one, 60.0, 120.0), (other, 380.0, 60.0)]
        for picture, x, y in shown:
            scale = 170 / picture.shape[0]
            matrix = np.array([[scale, 0, x], [0, scale, y]])
            cv2.warpAffine(picture, matrix, (640, 360), dst=canvas, borderMode=cv2.BORDER_TRANSPARENT)
        found.append((200 * number, canvas))
    return found


def test_two_real_people_are_two_people_through_crossing_leaving_and_a_cut(
    engine: FaceEngine, astronaut: Picture, grace_hopper: Picture
) -> None:
    same = grouping_distance(engine.recognition().calibration)

    def analyze(
        pictures: Sequence[Picture], boxes: Sequence[Sequence[Box] | None] | None, parts: frozenset[str]
    ) -> list[list[Face]]:
        return engine.analyze(pictures, boxes, parts)

    seen = list(faces_in(scenes(astronaut, grace_hopper), analyze, parts=frozenset({"embedding", "quality"})))
    assert [one.ms for one in seen if one.cut] == [24 * 200]
    tracks = tracks_of(seen, same_distance=same)
    tracklets = [
        Tracklet(0, t.start_ms, t.end_ms, t.faces[0].box, t.faces[-1].box, t.embedding, t.embedding_count)
        for t in tracks
    ]
    people = people_of(tracklets, same_distance=same)
    assert people.max() == 1
    # Who is who: the laughing face is the upper one before the cut, and the left one after.
    numbers: dict[bool, set[int]] = {True: set(), False: set()}
    for track, number in zip(tracks, people.tolist(), strict=True):
        [laughing] = {
            one.box[1] + one.box[3] / 2 < 175 if ms < 4800 else one.box[0] < 280
            for ms, one in zip(track.frames, track.faces, strict=True)
        }
        numbers[laughing].add(number)
    assert sorted(map(len, numbers.values())) == [1, 1]
    assert numbers[True] != numbers[False]
    # Nobody is on a frame twice.
    for number in (0, 1):
        own = [ms for track, p in zip(tracks, people, strict=True) if p == number for ms in track.frames]
        assert len(own) == len(set(own))
        assert len(own) >= 18
