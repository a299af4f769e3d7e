"""What is refused, and how faces are cut out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ml_models.pictures import check_box, check_picture, check_pictures, fit_crop, square_crop

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (PICTURE[:, :, 0], "grey"),
        (PICTURE[:, :, :1], "grey"),
        (np.zeros((4, 4, 4), dtype=np.uint8), "four channels"),
        (np.zeros((4, 4, 2), dtype=np.uint8), "shape"),
        (np.zeros((3, 4, 4, 3), dtype=np.uint8), "shape"),
        (PICTURE.astype(np.float32) / 255, "float32"),
        (PICTURE.astype(np.uint16), "uint16"),
        (PICTURE > 3, "bool"),
        (np.zeros((0, 5, 3), dtype=np.uint8), "empty"),
        (np.zeros((5, 0, 3), dtype=np.uint8), "empty"),
        (PICTURE.tolist(), "list"),
        (None, "NoneType"),
        ("photo.jpg", "str"),
    ],
)
def test_other_things_than_rgb_pictures_are_refused_with_a_sentence(picture: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_picture(picture)


def test_pictures_that_are_not_contiguous_or_read_only_are_fine() -> None:
    flipped = PICTURE[::-1, ::2]
    checked = check_picture(flipped)
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, flipped)


def test_a_single_picture_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(ValueError, match="list of pictures"):
        check_pictures(PICTURE)
    with pytest.raises(ValueError, match="not a str"):
        check_pictures("photo.jpg")
    with pytest.raises(ValueError, match="Picture 1 is a NoneType"):
        check_pictures([PICTURE, None])
    assert len(check_pictures(np.stack([PICTURE, PICTURE]))) == 2
    assert check_pictures([]) == []


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 0, 5),
        (0, 0, 5, -1),
        (float("nan"), 0, 5, 5),
        (0, 0, float("inf"), 5),
        (60, 0, 5, 5),
        (0, 41, 5, 5),
        (-9, 0, 9, 5),
        (1, 2, 3),
        "abcd",
        None,
    ],
)
def test_boxes_without_any_of_the_picture_are_refused(box: Any) -> None:
    with pytest.raises(ValueError, match="Box 3"):
        check_box(box, PICTURE, "Box 3")


def test_boxes_that_leave_the_picture_are_cut_to_it() -> None:
    assert check_box((-5, 30, 20, 20), PICTURE, "Box") == (0, 30, 15, 10)
    assert check_box(np.array([50, 0, 100, 10]), PICTURE, "Box") == (50, 0, 10, 10)


def test_a_square_inside_is_that_part_of_the_picture() -> None:
    grey = np.repeat(PICTURE[:, :, :1], 3, axis=2)
    np.testing.assert_array_equal(square_crop(grey, (10, 5, 16, 16), 16), grey[5:21, 10:26, 0])


def test_outside_of_the_picture_its_edge_is_repeated() -> None:
    grey = np.repeat(PICTURE[:, :, :1], 3, axis=2)
    cut = square_crop(grey, (-8, -8, 16, 16), 16)
    np.testing.assert_array_equal(cut[8:, 8:], grey[:8, :8, 0])
    assert (cut[:8, :8] == grey[0, 0, 0]).all()
    far = square_crop(grey, (200, 10, 16, 16), 16)
    np.testing.assert_array_equal(far, np.repeat(grey[10:26, -1:, 0], 16, axis=1))


def test_halves_of_pixels_shift_the_crop() -> None:
    ramp = np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 40, axis=0).repeat(3, axis=2)
    shifted = square_crop(ramp, (10.5, 5, 16, 16), 16).astype(int) - square_crop(ramp, (10, 5, 16, 16), 16)
    assert (shifted[:, 1:-1] == 2).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (20_000, 1), (48, 48), (3, 500), (200, 100)])
def test_crops_of_any_shape_become_squares(shape: tuple[int, int]) -> None:
    assert fit_crop(np.full((*shape, 3), 77, dtype=np.uint8), 48).tolist() == [[77] * 48] * 48


def test_a_tall_crop_keeps_its_proportions() -> None:
    tall = np.zeros((96, 48, 3), dtype=np.uint8)
    tall[:, 24:] = 200
    square = fit_crop(tall, 48)
    assert square.shape == (48, 48)
    assert (square[:, :20] == 0).all()
    assert (square[:, 28:] == 200).all()
