"""Checks pictures and boxes that come from outside, and cuts faces out of pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from ml_models.types import Box, Picture


def check_picture(picture: Any, where: str = "The picture") -> Picture:
    """Return the picture as a contiguous array, or raise ValueError saying what is wrong and what to do."""
    if not isinstance(picture, np.ndarray):
        raise ValueError(
            f"{where} is a {type(picture).__name__}: give a numpy array, RGB uint8 (height, width, 3)."
        )
    if picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 1):
        raise ValueError(
            f"{where} is grey, shape {picture.shape}: convert it to RGB first (three equal channels)."
        )
    if picture.ndim != 3 or picture.shape[2] not in (3, 4):
        raise ValueError(f"{where} has shape {picture.shape}: give RGB as (height, width, 3).")
    if picture.shape[2] == 4:
        raise ValueError(f"{where} has four channels (RGBA or CMYK): convert it to RGB first.")
    if picture.dtype != np.uint8:
        raise ValueError(f"{where} has numbers of type {picture.dtype}: convert it to uint8, 0 to 255.")
    if picture.size == 0:
        raise ValueError(f"{where} is empty, shape {picture.shape}: give at least one pixel.")
    return np.ascontiguousarray(picture)


def check_pictures(pictures: Any, what: str = "Picture") -> list[Picture]:
    """Check a list of pictures (or an array (N, H, W, 3)); an empty list is fine."""
    if isinstance(pictures, np.ndarray) and pictures.ndim != 4:
        raise ValueError(
            f"Give a list of pictures, not one array of shape {pictures.shape}: put it into [ ]."
        )
    if not isinstance(pictures, Sequence | np.ndarray) or isinstance(pictures, str | bytes):
        raise ValueError(f"Give a list of pictures, not a {type(pictures).__name__}.")
    return [check_picture(picture, f"{what} {number}") for number, picture in enumerate(pictures)]


def check_box(box: Any, picture: Picture, where: str) -> Box:
    """Return the part of the box that lies in the picture; ValueError when there is none."""
    try:
        left, top, width, height = (float(value) for value in box)
    except (TypeError, ValueError):
        raise ValueError(
            f"{where} is {box!r}: give four numbers (left, top, width, height) in pixels."
        ) from None
    if not all(math.isfinite(value) for value in (left, top, width, height)) or width <= 0 or height <= 0:
        raise ValueError(f"{where} is {box!r}: width and height must be positive, all four finite.")
    rows, columns = picture.shape[:2]
    right, bottom = min(left + width, columns), min(top + height, rows)
    left, top = max(left, 0.0), max(top, 0.0)
    if right <= left or bottom <= top:
        raise ValueError(f"{where} is {box!r}, outside the picture of {columns} x {rows} pixels.")
    return left, top, right - left, bottom - top


def square_crop(picture: Picture, box: Box, size: int) -> NDArray[np.uint8]:
    """Grey uint8 (size, size) of a square region; what lies outside the picture repeats the picture's edge.

    `box` is the region as (left, top, width, height); it may leave the picture.
    """
    left, top, width, height = box
    rows, columns = picture.shape[:2]
    x0, y0 = math.floor(left), math.floor(top)
    x1, y1 = max(math.ceil(left + width), x0 + 1), max(math.ceil(top + height), y0 + 1)
    cut_x0, cut_x1 = min(max(x0, 0), columns - 1), max(min(x1, columns), 1)
    cut_y0, cut_y1 = min(max(y0, 0), rows - 1), max(min(y1, rows), 1)
    cut = Image.fromarray(picture[cut_y0:cut_y1, cut_x0:cut_x1]).convert("L")
    padding = ((max(0, cut_y0 - y0), max(0, y1 - cut_y1)), (max(0, cut_x0 - x0), max(0, x1 - cut_x1)))
    if any(any(side) for side in padding):
        cut = Image.fromarray(np.pad(np.asarray(cut), padding, mode="edge"))
    region = (left - x0, top - y0, left - x0 + width, top - y0 + height)
    return np.asarray(cut.resize((size, size), Image.Resampling.BILINEAR, box=region))


def fit_crop(crop: Picture, size: int) -> NDArray[np.uint8]:
    """Grey uint8 (size, size) of a whole crop: its longer side fills the square, the edge is repeated
    beside it.
    """
    rows, columns = crop.shape[:2]
    scale = size / max(rows, columns)
    width, height = max(1, round(columns * scale)), max(1, round(rows * scale))
    small = np.asarray(Image.fromarray(crop).convert("L").resize((width, height), Image.Resampling.BILINEAR))
    above, before = (size - height) // 2, (size - width) // 2
    return np.pad(small, ((above, size - height - above), (before, size - width - before)), mode="edge")
