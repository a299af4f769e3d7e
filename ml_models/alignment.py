"""Cuts faces out of pictures so that eyes, nose and mouth stand where a network expects them.

Coordinates are pixels, x to the right and y down; the middle of the first pixel is at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ml_models.levels import Levels

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]
Pixels = NDArray[np.uint8]

#: OpenCV counts rows and columns with 16 bits.
LONGEST_SIDE = 32_000
#: Places so far outside a picture are no longer left to OpenCV's fixed-point numbers.
FARTHEST = 1e5
#: No face is cut from less than a 65,536th of its picture.
MOST_HALVINGS = 16


def five_points(landmarks5: Sequence[Numbers], pictures: int) -> list[Floats]:
    """MTCNN's points of each picture's faces as float32 (n, 5, 2).

    Raises ValueError when there is not one list for each picture, or for another shape, or when points are
    not finite.
    """
    if len(landmarks5) != pictures:
        raise ValueError(
            f"There are {pictures} pictures and points for {len(landmarks5)}: give one list for each."
        )
    answers = []
    for points in landmarks5:
        some = np.asarray(points, dtype=np.float32)
        if not some.size:
            some = some.reshape(0, 5, 2)
        if some.ndim != 3 or some.shape[1:] != (5, 2):
            raise ValueError(f"Give the five points of faces as (n, 5, 2), not {some.shape}.")
        if not np.isfinite(some).all():
            raise ValueError(
                "Some of the five points of a face are not finite numbers: detect the faces again."
            )
        answers.append(some)
    return answers


def similarities(template: Numbers, points: Numbers, weights: Numbers | None = None) -> Floats:
    """The turn, scale and shift that bring a template closest to each face's points.

    template: (K, 2); points: (N, K, 2); weights: (K,), how much each point counts, or None for all alike.
    Returns float32 (N, 2, 3): point in the picture = matrix @ (x, y, 1) of the template. Least squares in the
    picture; points that all coincide give a crop of one pixel's width instead of an error.
    """
    template, points = np.asarray(template, dtype=np.float64), np.asarray(points, dtype=np.float64)
    share = np.ones(len(template)) if weights is None else np.asarray(weights, dtype=np.float64)
    share = share / share.sum()
    centre, middles = share @ template, share @ points
    own, theirs = template - centre, points - middles[:, None]
    spread = (own**2).sum(axis=1) @ share
    # As complex numbers: a = sum(conj(own) * theirs) / sum(|own|^2).
    cosine = (own * theirs).sum(axis=2) @ share / spread
    sine = (own[:, 0] * theirs[..., 1] - own[:, 1] * theirs[..., 0]) @ share / spread
    cosine = np.where(cosine**2 + sine**2 < 1e-8, 1e-4, cosine)
    matrices = np.empty((len(points), 2, 3))
    matrices[:, 0, 0], matrices[:, 0, 1] = cosine, -sine
    matrices[:, 1, 0], matrices[:, 1, 1] = sine, cosine
    matrices[:, :, 2] = middles - matrices[:, :, :2] @ centre
    return matrices.astype(np.float32)


def apply(matrices: Numbers, points: Numbers) -> Floats:
    """Points (N, K, 2) or (K, 2) moved by each matrix (N, 2, 3) -> (N, K, 2)."""
    moved = points @ matrices[:, :, :2].transpose(0, 2, 1) + matrices[:, None, :, 2]
    return moved.astype(np.float32, copy=False)


def inverted(matrices: Numbers) -> Floats:
    """The way back of similarities (N, 2, 3)."""
    turn = matrices[:, :, :2].astype(np.float64)
    back = turn.transpose(0, 2, 1) / ((turn**2).sum(axis=(1, 2))[:, None, None] / 2)
    return np.concatenate([back, -(back @ matrices[:, :, 2:])], axis=2).astype(np.float32)


def scales(matrices: Numbers) -> Floats:
    """Pixels of the picture per pixel of the crop, (N,)."""
    return np.hypot(matrices[:, 0, 0], matrices[:, 1, 0]).astype(np.float32, copy=False)


def cut(levels: Levels, matrices: Numbers, size: tuple[int, int]) -> Pixels:
    """Crops uint8 (N, rows, columns, 3) of the regions the matrices (N, 2, 3) name.

    Bilinear, each from the level where a step of the crop is one to two pixels, so that every pixel counts;
    what lies outside the picture repeats its edge.
    """
    rows, columns = size
    crops = np.empty((len(matrices), rows, columns, 3), dtype=np.uint8)
    height, width = levels.size
    steps = np.clip(np.nan_to_num(scales(matrices), nan=1.0), 1, 2.0**MOST_HALVINGS)
    for crop, matrix, step in zip(crops, matrices.astype(np.float64), steps.tolist(), strict=True):
        level = levels.nearest(1 / step)
        ratio = np.array([level.shape[1] / width, level.shape[0] / height])
        # From the crop's pixels, counted from the middle of the first, to the level's, counted alike.
        own = matrix * ratio[:, None]
        own[:, 2] += own[:, :2].sum(axis=1) / 2 - 0.5
        _resample(level, own, crop)
    return crops


def crops_of(pictures: Sequence[Levels], regions: Sequence[Numbers], size: tuple[int, int]) -> Pixels:
    """Crops uint8 (N, rows, columns, 3) of the regions (n, 2, 3) of each picture, one after another."""
    parts = [cut(one, some, size) for one, some in zip(pictures, regions, strict=True) if len(some)]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([np.empty((0, *size, 3), dtype=np.uint8), *parts])


def mirrored(crops: Pixels) -> Pixels:
    """The mirror images of crops (N, rows, columns, 3), left and right changed."""
    answers = np.empty(crops.shape, dtype=np.uint8)
    for crop, answer in zip(crops, answers, strict=True):
        # Numpy would take thirty times as long to reverse pixels of three bytes.
        cv2.flip(crop, 1, dst=answer)
    return answers


def _resample(level: Pixels, matrix: NDArray[np.float64], crop: Pixels) -> None:
    """Fill a crop: its pixel (x, y) is the level's at matrix @ (x, y, 1)."""
    rows, columns = crop.shape[:2]
    if max(level.shape[:2]) <= LONGEST_SIDE:
        view, shifted = level, matrix
    else:
        view, shifted = _seen(level, matrix, (rows, columns))
    reach = np.abs(shifted[:, :2]) @ [columns, rows] + np.abs(shifted[:, 2])
    if max(view.shape[:2]) <= LONGEST_SIDE and (reach < FARTHEST).all():
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(view, shifted, (columns, rows), dst=crop, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    else:
        crop[:] = _sampled(level, matrix, (rows, columns))


def _seen(
    level: Pixels, matrix: NDArray[np.float64], size: tuple[int, int]
) -> tuple[Pixels, NDArray[np.float64]]:
    """The part of a level that a crop of this size sees, and the matrix that leads into it."""
    rows, columns = size
    corners = np.array([[0, columns, 0, columns], [0, 0, rows, rows], [1, 1, 1, 1]])
    limits = np.array(level.shape[1::-1])[:, None]
    ends = np.clip(np.nan_to_num(matrix @ corners), 0, limits - 1)
    left, top = np.maximum(np.floor(ends.min(axis=1)).astype(int) - 1, 0).tolist()
    right, bottom = (np.ceil(ends.max(axis=1)).astype(int) + 2).tolist()
    shifted = matrix.copy()
    shifted[:, 2] -= [left, top]
    return level[top:bottom, left:right], shifted


def _sampled(level: Pixels, matrix: NDArray[np.float64], size: tuple[int, int]) -> Pixels:
    """The same as OpenCV's answer, slower, for any size of picture and any place."""
    y, x = np.mgrid[: size[0], : size[1]]
    limit = np.array(level.shape[1::-1])[:, None, None] - 1
    places = np.tensordot(matrix[:, :2], np.stack([x, y]), axes=1) + matrix[:, 2, None, None]
    # Not a number or far outside: the edge, like everything outside.
    places = np.clip(np.nan_to_num(places), 0, limit)
    left, top = low = np.floor(places).astype(int)
    right, bottom = np.minimum(low + 1, limit)
    across, down = (places - low)[..., None]
    upper = level[top, left] * (1 - across) + level[top, right] * across
    lower = level[bottom, left] * (1 - across) + level[bottom, right] * across
    return np.rint(upper * (1 - down) + lower * down).astype(np.uint8)
