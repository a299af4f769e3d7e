"""Small pictures cut around faces."""

import io

import pytest
from PIL import Image

from media_jobs.crops import face_cut, overlap

from .pictures import encoded, noise


def cut(image: Image.Image, box: tuple[float, float, float, float]) -> tuple[Image.Image, list[float]]:
    made = face_cut(image, box)
    assert made is not None
    content, inside = made
    return Image.open(io.BytesIO(content)), list(inside)


def test_a_cut_shows_the_face_with_something_around_it_and_says_where_it_is() -> None:
    image = Image.new("RGB", (400, 300), (250, 250, 250))
    image.paste((10, 20, 200), (150, 100, 210, 180))
    shown, inside = cut(image, (150.0, 100.0, 60.0, 80.0))
    assert shown.size == (96, 128)
    assert inside == [18, 24, 60, 80]
    left, top, width, height = (round(value) for value in inside)
    middle = shown.getpixel((left + width // 2, top + height // 2))
    assert middle == pytest.approx((10, 20, 200), abs=8)
    assert shown.getpixel((4, 4)) == pytest.approx((250, 250, 250), abs=8)


def test_a_large_face_is_made_smaller_and_a_small_one_is_not_made_larger() -> None:
    shown, inside = cut(noise(1200, 1000), (200.0, 200.0, 400.0, 500.0))
    assert max(shown.size) == 256
    assert inside[3] == pytest.approx(256 / 1.6, abs=1)
    assert cut(noise(100, 100), (40.0, 40.0, 20.0, 20.0))[0].size == (32, 32)


def test_a_face_at_the_edge_is_cut_to_the_picture() -> None:
    shown, inside = cut(noise(100, 100), (-10.0, 80.0, 40.0, 40.0))
    # 12 pixels around the face, of what lies in the picture.
    assert shown.size == (42, 32)
    assert inside == [-10, 12, 40, 40]


def test_a_face_outside_of_the_picture_has_no_cut() -> None:
    assert face_cut(noise(100, 100), (300.0, 10.0, 20.0, 20.0)) is None


def test_a_cut_holds_nothing_of_what_a_picture_says_of_itself() -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    original = Image.open(
        io.BytesIO(encoded(noise(100, 100), "JPEG", comment=b"by Ada", exif=exif, icc_profile=b"profile"))
    )
    made = face_cut(original, (20.0, 20.0, 40.0, 40.0))
    assert made is not None
    assert not any(word in made[0] for word in (b"home", b"Ada", b"profile"))


def test_overlap_is_what_two_boxes_share() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 0, 10, 10)) == 0
