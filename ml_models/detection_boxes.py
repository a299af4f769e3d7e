"""Boxes of candidates: their arithmetic, the crops under them, and which of overlapping ones stay.

A box here is (left, top, right, bottom) in pixels of the picture, counted from its upper left corner.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ml_models.levels import Levels

Boxes = NDArray[np.float32]
Scores = NDArray[np.float32]
Indices = NDArray[np.int64]

#: Boxes that are compared with others at once: bounds the memory.
BLOCK = 128
#: OpenCV resamples out of and into pictures whose sides are below 32,767 pixels.
LONGEST = 32_000
CROPS_AT_ONCE = 512


def squared(boxes: Boxes) -> Boxes:
    """Boxes made square about their middle, as wide as the longer side."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True, initial=0) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def corrected(boxes: Boxes, shift: Boxes) -> Boxes:
    """Edges of boxes moved by shares of the box's width and height."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + shift * np.concatenate([size, size], axis=1)


def clipped(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    """Boxes cut to a picture of a size (rows, columns)."""
    rows, columns = size
    return np.clip(boxes, 0, np.array([columns, rows, columns, rows], dtype=np.float32))


def inside(boxes: Boxes, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which boxes have at least one pixel of the picture in them."""
    cut = clipped(boxes, size)
    return np.asarray((cut[:, 2:] - cut[:, :2] >= 1).all(axis=1))


def crops(levels: Levels, boxes: Boxes, size: int) -> NDArray[np.uint8]:
    """Crops (N, size, size, 3) of what boxes show of the picture.

    Each comes from the halving of the picture in which a pixel of the crop is one to two pixels wide, by
    bilinear interpolation between the middles of pixels. Beyond the edge the picture's last pixels go on.
    """
    out = np.empty((len(boxes), size, size, 3), dtype=np.uint8)
    extent = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    wanted = np.floor(np.log2(np.maximum(extent / size, 1))).astype(np.int64)
    least = 0
    while max(levels.size) >> least >= LONGEST:
        least += 1
    wanted = np.maximum(wanted, least)
    for number in np.unique(wanted).tolist():
        source = levels.level(number)
        chosen = np.nonzero(wanted == number)[0]
        for start in range(0, len(chosen), CROPS_AT_ONCE):
            some = chosen[start : start + CROPS_AT_ONCE]
            out[some] = _sampled(source, levels.size, boxes[some], size)
    return out


def _sampled(source: NDArray[np.uint8], whole: tuple[int, int], boxes: Boxes, size: int) -> NDArray[np.uint8]:
    """Crops of boxes, given in pixels of the whole picture, out of one of its halvings."""
    ratio = np.array([source.shape[1] / whole[1], source.shape[0] / whole[0]], dtype=np.float32)
    low, high = boxes[:, :2] * ratio, boxes[:, 2:] * ratio
    steps = (np.arange(size, dtype=np.float32) + 0.5) / size
    places = low[:, :, None] + (high - low)[:, :, None] * steps - 0.5
    count = len(boxes)
    x = np.broadcast_to(places[:, 0, None, :], (count, size, size)).reshape(count * size, size)
    y = np.broadcast_to(places[:, 1, :, None], (count, size, size)).reshape(count * size, size)
    sampled = cv2.remap(source, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, dtype=np.uint8).reshape(count, size, size, 3)


def _pairs(boxes: Boxes, limit: float, smaller: bool) -> tuple[Indices, Indices]:
    """Pairs (better, worse) of boxes, given best first, that share too much (see `suppress`)."""
    order = np.argsort(boxes[:, 0], kind="stable")
    ordered = boxes[order]
    area = (ordered[:, 2:] - ordered[:, :2]).prod(axis=1)
    # Sorted by their left edge, a box can only touch those that begin before it ends.
    ends = np.searchsorted(ordered[:, 0], np.maximum.accumulate(ordered[:, 2]))
    pairs = [np.zeros((2, 0), dtype=np.int64)]
    for start in range(0, len(boxes), BLOCK):
        own, reach = slice(start, start + BLOCK), slice(start, ends[min(start + BLOCK, len(boxes)) - 1])
        mine, theirs = ordered[own, None], ordered[None, reach]
        sides = np.minimum(mine[..., 2:], theirs[..., 2:]) - np.maximum(mine[..., :2], theirs[..., :2])
        shared = np.maximum(sides[..., 0], 0) * np.maximum(sides[..., 1], 0)
        first, second = area[own, None], area[None, reach]
        base = np.minimum(first, second) if smaller else first + second - shared
        one, two = np.nonzero(shared > limit * base)
        later = two > one
        pairs.append(np.stack([order[one[later] + start], order[two[later] + start]]))
    found = np.concatenate(pairs, axis=1)
    return found.min(axis=0), found.max(axis=0)


def suppress(boxes: Boxes, scores: Scores, limit: float, *, smaller: bool = False) -> Indices:
    """Indices of boxes that stay, best first: one goes when it shares too much with a better one that stays.

    limit: shared area as a share of the union, or with `smaller` of the smaller of both. Memory grows with
    the number of boxes that lie near each other, not with the square of all.
    """
    order = np.argsort(-scores, kind="stable")
    better, worse = _pairs(boxes[order], limit, smaller)
    alive = np.ones(len(order), dtype=bool)
    while len(better):
        # What no better box threatens any more stays; what one of those overlaps goes.
        safe = np.ones(len(order), dtype=bool)
        safe[worse] = False
        alive[worse[safe[better]]] = False
        going = alive[better] & alive[worse] & ~safe[better]
        better, worse = better[going], worse[going]
    return order[alive]
