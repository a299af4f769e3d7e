"""Words and geometry of the photo pages, without a database."""

import pytest
from django.utils import translation

from analysis.models import Face
from media_jobs.models import Media
from media_jobs.templatetags import photos


def face(left: float, top: float, width: float, height: float, number: int = 1) -> Face:
    return Face(
        number=number, left=left, top=top, width=width, height=height, happiness=0.5, strongest="happiness"
    )


@pytest.mark.parametrize(
    ("share", "words"), [(0.0, "0.0%"), (0.9342, "93.4%"), (0.00049, "0.0%"), (1.0, "100.0%")]
)
def test_a_probability_is_said_in_percent_with_one_decimal(share: float, words: str) -> None:
    assert photos.percent(share) == words


@pytest.mark.parametrize(("count", "words"), [(0, "No face"), (1, "1 face"), (29, "29 faces")])
def test_faces_are_counted_in_words(count: int, words: str) -> None:
    assert photos.faces_in_words(count) == words


def test_the_parts_of_the_mix_fill_the_bar_without_gaps() -> None:
    parts = list(photos.mix_segments([("happiness", 4), ("neutral", 3), ("fear", 1)]))
    assert [(part.start, part.count) for part in parts] == [(0, 4), (4, 3), (7, 1)]


def test_a_box_that_reaches_over_the_edge_ends_at_the_edge() -> None:
    photo = Media(width=200, height=100)
    (box,) = photos.face_boxes(photo, [face(-10, -5, 50, 200)])
    assert (box.left, box.top, box.width, box.height) == ("0", "0", "40", "100")


def test_only_a_wide_box_has_room_for_the_word() -> None:
    photo = Media(width=1000, height=500)
    wide, narrow = photos.face_boxes(photo, [face(100, 200, 120, 150), face(500, 200, 40, 50, number=2)])
    assert [label.text for label in wide.labels] == ["Person 1", "1"]
    assert [label.text for label in narrow.labels] == ["2"]


def test_a_label_stands_above_its_box_and_inside_at_the_upper_edge() -> None:
    photo = Media(width=1000, height=500)
    low, high = photos.face_boxes(photo, [face(100, 200, 60, 70), face(500, 4, 60, 70, number=2)])
    assert (low.label_top, high.label_top) == ("-20", "0")


@pytest.mark.parametrize(
    ("box", "view"),
    [
        ((400, 300, 100, 100), "365 265 170 170"),
        ((0, 0, 100, 80), "0 0 170 170"),
        ((950, 950, 100, 100), "830 830 170 170"),
        ((0, 0, 1200, 1200), "0 0 1000 1000"),
    ],
)
def test_a_crop_is_a_square_inside_the_picture(box: tuple[int, int, int, int], view: str) -> None:
    assert photos.crop_view(Media(width=1000, height=1000), face(*box)) == view


@pytest.mark.parametrize(("width", "small"), [(50, True), (70, False)])
def test_a_phone_enlarges_pictures_whose_usual_face_is_small(width: int, small: bool) -> None:
    faces = [face(0, 0, 300, 300), face(0, 0, width, 60), face(0, 0, width, 60)]
    assert photos.are_small_in(faces, Media(width=1000, height=1000)) is small


def test_numbers_for_svg_keep_their_point_in_every_language() -> None:
    with translation.override("de"):
        (box,) = photos.face_boxes(Media(width=1000, height=500), [face(10.256, 20.5, 30, 40)])
    assert (box.left, box.top) == ("10.26", "20.5")
