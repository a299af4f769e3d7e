"""Turns pictures by quarters, and what was found in them back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ml_models.levels import Levels

Floats = NDArray[np.float32]


def turned(levels: Levels, turn: int, max_pixels: int) -> Levels:
    """The picture turned to the left by so many quarters.

    Made from the smallest halving with at least `max_pixels`, which bounds the copy; for no turn it is the
    picture itself.
    """
    if turn == 0:
        return levels
    rows, columns = levels.size
    number = 0
    while (rows >> (number + 1)) * (columns >> (number + 1)) >= max_pixels:
        number += 1
    return Levels(np.rot90(levels.level(number), turn))


def turned_back(
    boxes: Floats, points: Floats, turn: int, copy: Levels, picture: Levels
) -> tuple[Floats, Floats]:
    """Boxes (N, 4: left, top, width, height) and points (N, 5, 2) found in `turned(picture, turn)`, in pixels
    of the picture.

    The points keep their meaning: the first is still the eye that is on the left when the face is upright.
    """
    if turn == 0:
        return boxes, points
    corners = np.stack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
    places = np.concatenate([corners, points], axis=1)
    rows, columns = copy.size
    for _ in range(turn):
        # A quarter to the right: what was at the left edge is now at the upper one.
        places = np.stack([rows - places[..., 1], places[..., 0]], axis=-1)
        rows, columns = columns, rows
    ratio = np.array([picture.size[1] / columns, picture.size[0] / rows], dtype=np.float32)
    places = (places * ratio).astype(np.float32)
    low, high = places[:, :2].min(axis=1), places[:, :2].max(axis=1)
    return np.concatenate([low, high - low], axis=1), places[:, 2:]
