"""Alignment: similarities are found again, and crops hold the pixels they should."""

from __future__ import annotations

import numpy as np
import pytest

from ml_models.alignment import (
    Pixels,
    _resample,
    _sampled,
    apply,
    crops_of,
    cut,
    five_points,
    inverted,
    mirrored,
    scales,
    similarities,
)
from ml_models.levels import Levels

TEMPLATE = np.array([[48.7, 45.7], [103.2, 45.7], [76.0, 81.2], [51.7, 103.9], [100.3, 103.9]])


def noise(*shape: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)


def shifted(x: float, y: float, scale: float = 1.0) -> np.ndarray:
    return np.array([[[scale, 0, x], [0, scale, y]]], dtype=np.float32)


def test_a_similarity_is_found_again() -> None:
    matrix = np.array([[[0.6, -0.8, 5.0], [0.8, 0.6, -3.0]]]) * [2.0, 2.0, 1.0]
    points = apply(matrix, TEMPLATE)
    np.testing.assert_allclose(similarities(TEMPLATE, points), matrix, atol=1e-3)
    np.testing.assert_allclose(scales(matrix), [2.0])
    moved = points.copy()
    moved[0, 4] += 100
    weights = np.array([1.0, 1, 1, 1, 0])
    np.testing.assert_allclose(similarities(TEMPLATE, moved, weights), matrix, atol=1e-3)
    assert np.abs(similarities(TEMPLATE, moved) - matrix).max() > 1
    back = apply(inverted(matrix), apply(matrix, TEMPLATE))[0]
    np.testing.assert_allclose(back, TEMPLATE, atol=1e-3)


def test_points_that_coincide_give_a_crop_of_one_pixel() -> None:
    matrices = similarities(TEMPLATE, np.full((1, 5, 2), 7.5))
    assert 0 < scales(matrices)[0] < 0.01
    picture = noise(20, 20)
    crop = cut(Levels(picture), matrices, (9, 9))[0].astype(float)
    np.testing.assert_allclose(crop, np.broadcast_to(picture[7, 7], crop.shape), atol=3)


def test_cutting_without_turn_or_scale_gives_the_pixels_themselves() -> None:
    picture = noise(40, 50)
    crop = cut(Levels(picture), shifted(7, 5), (20, 30))
    assert crop.shape == (1, 20, 30, 3)
    assert crop.dtype == np.uint8
    np.testing.assert_array_equal(crop[0], picture[5:25, 7:37])


def test_half_a_pixel_aside_is_the_mean_of_neighbours() -> None:
    picture = noise(30, 30)
    crop = cut(Levels(picture), shifted(4.5, 3), (10, 10))[0].astype(float)
    mean = (picture[3:13, 4:14].astype(float) + picture[3:13, 5:15]) / 2
    np.testing.assert_allclose(crop, mean, atol=1.01)


def test_what_lies_outside_repeats_the_edge() -> None:
    picture = noise(10, 10)
    crop = cut(Levels(picture), shifted(-6, -6), (8, 8))[0]
    assert (crop[:6, :6] == picture[0, 0]).all()
    np.testing.assert_array_equal(crop[6:, 6:], picture[:2, :2])
    far = cut(Levels(picture), shifted(1e7, -1e9), (4, 4))[0]
    assert (far == picture[0, -1]).all()


def test_a_negative_axis_cuts_the_mirror_image() -> None:
    picture = noise(30, 40)
    matrix = np.array([[[-1.0, 0, 40], [0, 1, 0]]], dtype=np.float32)
    np.testing.assert_array_equal(cut(Levels(picture), matrix, (30, 40))[0], picture[:, ::-1])


def test_mirrored_crops_change_left_and_right() -> None:
    crops = np.stack([noise(6, 9), 255 - noise(6, 9)])
    np.testing.assert_array_equal(mirrored(crops), crops[:, :, ::-1])
    assert mirrored(crops[:0]).shape == (0, 6, 9, 3)


def test_read_only_and_mirrored_views_are_cut_like_copies() -> None:
    picture = noise(30, 30)
    picture.flags.writeable = False
    view = picture[:, ::-1]
    np.testing.assert_array_equal(cut(Levels(view), shifted(0, 0), (30, 30))[0], view)


def test_a_large_face_is_cut_with_every_pixel_counted() -> None:
    """Stripes of one pixel become grey: plain bilinear sampling would see black or white only."""
    picture = np.zeros((512, 512, 3), dtype=np.uint8)
    picture[:, ::2] = 255
    crop = cut(Levels(picture), shifted(0, 0, 4), (100, 100))
    assert crop.std() < 5
    assert 110 < crop.mean() < 145


@pytest.mark.parametrize("degrees", [0.0, 12.0, -75.0, 180.0])
def test_the_quick_way_and_the_plain_way_agree(degrees: float) -> None:
    picture = np.asarray(Levels(noise(400, 300)).level(2))
    turn, scale = np.radians(degrees), 1.3
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    matrix = np.array([[cosine, -sine, 30.3], [sine, cosine, 25.8]])
    quick = np.empty((40, 50, 3), dtype=np.uint8)
    _resample(picture, matrix, quick)
    plain = _sampled(picture, matrix, (40, 50))
    assert np.abs(quick.astype(float) - plain).mean() < 0.5
    assert np.abs(quick.astype(int) - plain).max() <= 6


@pytest.mark.parametrize("shape", [(40_000, 20), (20, 40_000), (50_000, 2), (1, 70_000)])
def test_sides_that_opencv_cannot_count_are_cut_all_the_same(shape: tuple[int, int]) -> None:
    picture = noise(*shape)
    y, x = max(shape[0] - 30, 0), max(shape[1] - 30, 0)
    crop = cut(Levels(picture), shifted(x, y), (15, 15))[0]
    own = picture[y : y + 15, x : x + 15]
    np.testing.assert_array_equal(crop[: own.shape[0], : own.shape[1]], own)
    for scale in (1000.0, 1e12, float("nan")):
        assert cut(Levels(picture), shifted(0, 0, scale), (15, 15)).shape == (1, 15, 15, 3)


def test_crops_come_picture_by_picture() -> None:
    pictures = [noise(20, 20), 255 - noise(20, 20), noise(20, 20)]
    regions = [np.repeat(shifted(0, 0), 2, axis=0), np.zeros((0, 2, 3), dtype=np.float32), shifted(3, 3)]
    crops = crops_of([Levels(one) for one in pictures], regions, (5, 5))
    assert crops.shape == (3, 5, 5, 3)
    np.testing.assert_array_equal(crops[1], pictures[0][:5, :5])
    np.testing.assert_array_equal(crops[2], pictures[2][3:8, 3:8])
    assert crops_of([], [], (5, 5)).shape == (0, 5, 5, 3)


def test_points_are_checked() -> None:
    assert five_points([[]], 1)[0].shape == (0, 5, 2)  # type: ignore[list-item]
    for wrong, message in (
        ([np.zeros((1, 5, 2))], "points for 1: give one list for each"),
        ([np.zeros((1, 5, 2)), np.zeros((5, 2))], r"\(n, 5, 2\)"),
        ([np.zeros((1, 5, 2)), np.full((1, 5, 2), np.inf)], "not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            five_points(wrong, 2)
