"""Lays the pyramids of pictures out on canvases of one size, on which P-Net runs.

A graph of a fixed shape is compiled once; one that takes any shape is compiled anew for every size of photo,
which takes longer than the search. So every level of every picture is cut into pieces and the pieces are
packed into canvases. Pieces overlap by what a window reaches, so that no window is lost, and begin at even
rows and columns, where the windows of the whole level begin.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ml_models.levels import Levels
from ml_models.mtcnn_graphs import CANVAS, STRIDE, WINDOW
from ml_models.runtime import Network

#: Pixels that two neighbouring pieces share.
OVERLAP = WINDOW - STRIDE
#: A piece is not cut for less room than this: the overlap would eat it.
LEAST = 36
#: How often the best windows of each neighbourhood are taken; a third time adds one window in fifty.
ROUNDS = 2
#: What is not lower than this share of a shelf stands on it.
FILL = 0.4


@dataclass(frozen=True)
class Step:
    """One level of a pyramid: of which picture (number), and its rows and columns, both even."""

    picture: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Piece:
    """Part of a level: where it begins there (top, left), its size, and where it lies on which canvas."""

    step: int
    top: int
    left: int
    rows: int
    columns: int
    canvas: int = 0
    y: int = 0
    x: int = 0


def pyramid(size: tuple[int, int], number: int, min_face: float, factor: float) -> list[Step]:
    """The levels of picture `number` of a size (rows, columns), the largest first.

    A window of 12 pixels sees faces of `min_face` pixels in the first of them, 1 / factor larger ones in each
    next.
    """
    rows, columns = size
    scale = WINDOW / min_face
    steps = []
    while min(rows, columns) * scale >= WINDOW:
        even = 2 * math.ceil(rows * scale / 2), 2 * math.ceil(columns * scale / 2)
        steps.append(Step(number, *even))
        scale *= factor
    return steps


def _rank(piece: Piece) -> tuple[int, int]:
    return -piece.rows, -piece.columns


def packed(steps: Sequence[Step], side: int = CANVAS) -> tuple[list[Piece], int]:
    """Pieces of all levels, each with its place, and how many canvases they need.

    Shelves as high as the highest piece left; a piece that is too long for the rest of its shelf, or too
    high for the rest of the canvas, is cut there.
    """
    waiting = [Piece(number, 0, 0, step.rows, step.columns) for number, step in enumerate(steps)]
    waiting.sort(key=_rank)
    done: list[Piece] = []
    canvas = 0
    while waiting:
        y = 0
        while waiting and (first := _first(waiting, side - y)) is not None:
            shelf = waiting[first].rows
            done += _filled(waiting, first, canvas, y, side)
            y += shelf
        canvas += 1
    return done, canvas


def _first(waiting: list[Piece], room: int) -> int | None:
    """Which piece begins the next shelf in a canvas with so many rows left; None when it is full."""
    if waiting[0].rows <= room:
        return 0
    fits = next((number for number, piece in enumerate(waiting) if piece.rows <= room), None)
    if fits is not None and (waiting[fits].rows >= 0.8 * room or room < LEAST):
        return fits
    if room < LEAST:
        return None
    whole = waiting.pop(0)
    upper = Piece(whole.step, whole.top, whole.left, room, whole.columns)
    below = room - OVERLAP
    lower = Piece(whole.step, whole.top + below, whole.left, whole.rows - below, whole.columns)
    insort(waiting, upper, key=_rank)
    insort(waiting, lower, key=_rank)
    return waiting.index(upper)


def _filled(waiting: list[Piece], first: int, canvas: int, y: int, side: int) -> Iterator[Piece]:
    """Take pieces for one shelf out of `waiting`."""
    shelf, x = waiting[first].rows, 0
    while first < len(waiting) and waiting[first].rows >= FILL * shelf and x < side:
        piece, room = waiting[first], side - x
        if piece.columns > room and room < LEAST:
            first += 1
            continue
        del waiting[first]
        columns = min(piece.columns, room)
        yield Piece(piece.step, piece.top, piece.left, piece.rows, columns, canvas, y, x)
        if columns < piece.columns:
            beside = columns - OVERLAP
            rest = Piece(piece.step, piece.top, piece.left + beside, piece.rows, piece.columns - beside)
            insort(waiting, rest, key=_rank)
        x += columns


@dataclass(frozen=True)
class Windows:
    """Windows that P-Net took for faces.

    boxes (N, 4): left, top, right, bottom in pixels of the picture, corrected. logits (N,). pictures (N,):
    number of the picture.
    """

    boxes: NDArray[np.float32]
    logits: NDArray[np.float32]
    pictures: NDArray[np.int64]


def search(network: Network, pictures: Sequence[Levels], steps: Sequence[Step], least: float) -> Windows:
    """Windows of all levels with a logit of at least `least`, each better than its neighbours.

    Memory: the canvases (uint8) and P-Net's answers (float32) of the levels given.
    """
    pieces, count = packed(steps)
    canvases = np.zeros((count, CANVAS, CANVAS, 3), dtype=np.uint8)
    by_step: list[list[Piece]] = [[] for _ in steps]
    for piece in pieces:
        by_step[piece.step].append(piece)
    for step, own in zip(steps, by_step, strict=True):
        level = _resampled(pictures[step.picture], step)
        for piece in own:
            part = level[piece.top : piece.top + piece.rows, piece.left : piece.left + piece.columns]
            canvases[piece.canvas, piece.y : piece.y + piece.rows, piece.x : piece.x + piece.columns] = part
    logits, shifts = network.run(canvases)
    found = [
        _windows(step, pictures[step.picture].size, *_joined(step, own, logits, shifts), least)
        for step, own in zip(steps, by_step, strict=True)
    ]
    if not found:
        return Windows(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))
    numbers = np.repeat([step.picture for step in steps], [len(scores) for _, scores in found])
    return Windows(
        np.concatenate([boxes for boxes, _ in found]), np.concatenate([s for _, s in found]), numbers
    )


def _resampled(levels: Levels, step: Step) -> NDArray[np.uint8]:
    """The picture at the size of a step, from the nearest of its halvings."""
    rows, columns = levels.size
    nearest = levels.nearest(max(step.rows / rows, step.columns / columns))
    if nearest.shape[:2] == (step.rows, step.columns):
        return nearest
    resized = cv2.resize(nearest, (step.columns, step.rows), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8)


def _joined(
    step: Step, own: Sequence[Piece], logits: NDArray[np.float32], shifts: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """P-Net's answers for a whole level, (h, w) and (4, h, w), out of those for its pieces."""
    size = (step.rows - OVERLAP) // STRIDE, (step.columns - OVERLAP) // STRIDE
    logit, shift = np.empty(size, np.float32), np.empty((4, *size), np.float32)
    for piece in own:
        rows, columns = (piece.rows - OVERLAP) // STRIDE, (piece.columns - OVERLAP) // STRIDE
        top, left, y, x = (value // STRIDE for value in (piece.top, piece.left, piece.y, piece.x))
        here = slice(top, top + rows), slice(left, left + columns)
        there = slice(y, y + rows), slice(x, x + columns)
        logit[here] = logits[piece.canvas, 0][there]
        shift[:, *here] = shifts[piece.canvas][:, *there]
    return logit, shift


def _windows(
    step: Step,
    size: tuple[int, int],
    logit: NDArray[np.float32],
    shift: NDArray[np.float32],
    least: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (N, 4) and logits (N,) of a level's best windows.

    Neighbouring windows (also across a corner) share more than half of their union, others do not: so
    "no two may share more than half" means that of neighbours the best stays. After the highest of each
    neighbourhood come those beside none of them.
    """
    kernel = np.ones((3, 3), np.uint8)
    open_cells = logit >= least
    chosen = np.zeros(logit.shape, dtype=bool)
    for _ in range(ROUNDS):
        if not open_cells.any():
            break
        left = np.where(open_cells, logit, -np.inf).astype(np.float32)
        best = open_cells & (left >= cv2.dilate(left, kernel))
        chosen |= best
        open_cells &= cv2.dilate(best.view(np.uint8), kernel) == 0
    rows, columns = np.nonzero(chosen)
    width, height = size[1] / step.columns, size[0] / step.rows
    low = STRIDE * np.stack([columns, rows], axis=1)
    ratio = np.array([width, height])
    corners = np.concatenate([low * ratio, (low + WINDOW) * ratio], axis=1)
    corners += shift[:, rows, columns].T * np.tile(WINDOW * ratio, 2)
    return corners.astype(np.float32), logit[rows, columns]
