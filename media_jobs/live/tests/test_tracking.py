"""Which box of a frame is which of the frame before."""

import pytest

from media_jobs.live.tracking import FORGOTTEN, Box, Tracks, fitting, intersection_over_union

LEFT, RIGHT = (100.0, 100.0, 80.0, 80.0), (400.0, 100.0, 80.0, 80.0)


def moved(box: Box, by: float) -> Box:
    return (box[0] + by, *box[1:])


def test_faces_keep_their_numbers_whatever_order_they_come_in() -> None:
    tracks = Tracks()
    assert tracks.follow([LEFT, RIGHT], 0.0) == [1, 2]
    assert tracks.follow([moved(RIGHT, 10), moved(LEFT, -10)], 0.2) == [2, 1]


def test_a_face_that_moved_further_than_its_box_is_still_the_same() -> None:
    tracks = Tracks()
    tracks.follow([LEFT], 0.0)
    step = moved(LEFT, 60)
    assert intersection_over_union(LEFT, step) < 0.2
    assert tracks.follow([step], 0.2) == [1]


def test_a_face_elsewhere_or_of_another_size_is_somebody_new() -> None:
    tracks = Tracks()
    tracks.follow([LEFT], 0.0)
    assert tracks.follow([RIGHT], 0.2) == [2]
    assert fitting(LEFT, (130.0, 130.0, 20.0, 20.0)) == 0


def test_two_boxes_never_share_a_number_and_the_better_fit_gets_it() -> None:
    tracks = Tracks()
    tracks.follow([LEFT], 0.0)
    assert tracks.follow([moved(LEFT, 30), moved(LEFT, 5)], 0.2) == [2, 1]


def test_a_face_that_looked_away_for_a_moment_is_known_again_and_later_is_not() -> None:
    tracks = Tracks()
    tracks.follow([LEFT], 0.0)
    assert tracks.follow([], 1.0) == []
    assert tracks.follow([LEFT], FORGOTTEN) == [1]
    assert tracks.follow([LEFT], 2 * FORGOTTEN + 0.1) == [2]


@pytest.mark.parametrize(("box", "share"), [(LEFT, 1.0), (moved(LEFT, 40), 1 / 3), (RIGHT, 0.0)])
def test_overlap_is_the_shared_part_of_what_both_cover(box: Box, share: float) -> None:
    assert intersection_over_union(LEFT, box) == pytest.approx(share)


def test_boxes_without_area_fit_nothing() -> None:
    assert fitting((1, 1, 0, 0), (1, 1, 0, 0)) == 0
