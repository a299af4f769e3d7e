"""The second and third stage of detection: which windows are faces, and where exactly.

Candidates of several pictures pass each network together. A candidate's answer does not depend on the
others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_models.detection_boxes import (
    Boxes,
    Indices,
    Scores,
    corrected,
    crops,
    inside,
    squared,
    suppress,
)
from ml_models.levels import Levels
from ml_models.mtcnn_graphs import Mtcnn
from ml_models.pnet_canvas import Windows
from ml_models.runtime import Array, Network

Points = NDArray[np.float32]

#: Of windows that share more of their union than this, R-Net's best goes on.
REFINE_LIMIT = 0.6
#: Probability by O-Net's first look below which there is no second.
FIRST_LOOK = 0.1
#: Of boxes that share more of their union than this after O-Net's first look, the best is looked at again.
SAME_LIMIT = 0.5
#: Of two faces of which one covers so much of the smaller one, the surer stays.
FINAL_LIMIT = 0.7
#: Candidates that are cut out at once.
PORTION = 2048
#: Logits beyond this say no more.
SURE = 9.0
#: Mirrored, the left eye is the right one, and so with the corners of the mouth.
MIRRORED = [1, 0, 2, 4, 3]


@dataclass(frozen=True)
class Candidates:
    """boxes (N, 4): squares, left, top, right, bottom in pixels. owner (N,): number of the picture. logits
    (N,): R-Net's.
    """

    boxes: Boxes
    owner: Indices
    logits: Scores


@dataclass(frozen=True)
class Look:
    """What O-Net sees in squares: logits (N,), corrected boxes (N, 4), points (N, 5, 2) in pixels."""

    logits: Scores
    boxes: Boxes
    points: Points


@dataclass(frozen=True)
class Faces:
    """boxes (N, 4) as left, top, right, bottom, logits (N,), points (N, 5, 2), owner (N,)."""

    boxes: Boxes
    logits: Scores
    points: Points
    owner: Indices


@dataclass(frozen=True)
class Decision:
    """How sure a face is: its logit is look * O-Net's + refine * R-Net's + bias.

    `ml_models.training.detection_score` fits the three numbers.
    """

    look: float
    refine: float
    bias: float

    def logits(self, features: NDArray[np.float32]) -> Scores:
        """Logits (N,) of `evidence` (N, 2)."""
        weights = np.array([self.look, self.refine], dtype=np.float32)
        return np.asarray(features @ weights + np.float32(self.bias), dtype=np.float32)


def logit(probability: float) -> float:
    """The number that a sigmoid turns into the probability; infinite for 0 and 1."""
    if probability in (0, 1):
        return math.inf if probability else -math.inf
    return math.log(probability / (1 - probability))


def sigmoid(logits: Scores) -> Scores:
    """Logits as probabilities."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))), dtype=np.float32)


def _answers(
    network: Network,
    size: int,
    pictures: Sequence[Levels],
    boxes: Boxes,
    owner: Indices,
    *,
    mirrored: bool = False,
) -> tuple[Array, ...]:
    """A network's answers for crops of a size, of boxes given in the order of their pictures."""
    parts = []
    # In portions, so that the memory for crops does not grow with the number of candidates.
    for start in range(0, max(len(boxes), 1), PORTION):
        some, own = boxes[start : start + PORTION], owner[start : start + PORTION]
        pixels = [crops(levels, some[own == number], size) for number, levels in enumerate(pictures)]
        together = np.concatenate([np.zeros((0, size, size, 3), dtype=np.uint8), *pixels])
        parts.append(network.run(together[:, :, ::-1] if mirrored else together))
    return tuple(np.concatenate(answers) for answers in zip(*parts, strict=True))


def proposed(windows: Windows, pictures: Sequence[Levels], most: int) -> tuple[Boxes, Indices]:
    """Squares about the most probable windows of every picture, at most so many each, and their owners."""
    boxes, owners = [np.zeros((0, 4), dtype=np.float32)], [np.zeros(0, dtype=np.int64)]
    for number, levels in enumerate(pictures):
        own = np.nonzero(windows.pictures == number)[0]
        if len(own) > most:
            own = np.sort(own[np.argsort(-windows.logits[own], kind="stable")[:most]])
        squares = squared(windows.boxes[own])
        boxes.append(squares[inside(squares, levels.size)])
        owners.append(np.full(len(boxes[-1]), number, dtype=np.int64))
    return np.concatenate(boxes), np.concatenate(owners)


def refined(
    nets: Mtcnn, pictures: Sequence[Levels], boxes: Boxes, owner: Indices, least: float
) -> Candidates:
    """Stage two: R-Net throws out most candidates (logits below `least`) and corrects the others."""
    scores, shift = _answers(nets.refine, 24, pictures, boxes, owner)
    keep = scores[:, 0] > least
    boxes, owner, logits, shift = boxes[keep], owner[keep], scores[keep, 0], shift[keep]
    squares = squared(corrected(boxes, shift))
    chosen = [np.zeros(0, dtype=np.int64)]
    for number, levels in enumerate(pictures):
        own = np.nonzero(owner == number)[0]
        best = own[suppress(boxes[own], logits[own], REFINE_LIMIT)]
        chosen.append(best[inside(squares[best], levels.size)])
    rows = np.concatenate(chosen)
    return Candidates(squares[rows], owner[rows], logits[rows])


def look(
    nets: Mtcnn, pictures: Sequence[Levels], squares: Boxes, owner: Indices, *, mirrored: bool = False
) -> Look:
    """What O-Net says of squares (N, 4), given in the order of their pictures; with `mirrored` of their
    mirror images.
    """
    logits, shift, points = _answers(nets.output, 48, pictures, squares, owner, mirrored=mirrored)
    shares = points.reshape(-1, 2, 5).transpose(0, 2, 1)
    if mirrored:
        shift = shift[:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], dtype=np.float32)
        shares = shares[:, MIRRORED] * np.array([-1, 1], dtype=np.float32) + np.array(
            [1, 0], dtype=np.float32
        )
    size = squares[:, 2:] - squares[:, :2]
    return Look(logits[:, 0], corrected(squares, shift), shares * size[:, None] + squares[:, None, :2])


def evidence(
    nets: Mtcnn, pictures: Sequence[Levels], candidates: Candidates
) -> tuple[Faces, NDArray[np.float32]]:
    """Stage three without its decision: possible faces, and what speaks for each, (N, 2) as `Decision` takes
    it.

    O-Net looks at every candidate, and at the best of those that mean the same face once more, mirrored.
    Logits, boxes and points are the mean of both looks.
    """
    first = look(nets, pictures, candidates.boxes, candidates.owner)
    chosen = [np.zeros(0, dtype=np.int64)]
    for number, levels in enumerate(pictures):
        own = np.nonzero((candidates.owner == number) & (first.logits > logit(FIRST_LOOK)))[0]
        own = own[inside(first.boxes[own], levels.size)]
        chosen.append(own[suppress(first.boxes[own], first.logits[own], SAME_LIMIT)])
    rows = np.concatenate(chosen)
    second = look(nets, pictures, candidates.boxes[rows], candidates.owner[rows], mirrored=True)
    half = np.float32(0.5)
    faces = Faces(
        half * (first.boxes[rows] + second.boxes),
        half * (first.logits[rows] + second.logits),
        half * (first.points[rows] + second.points),
        candidates.owner[rows],
    )
    features = np.stack([faces.logits, candidates.logits[rows]], axis=1)
    return faces, np.clip(features, -SURE, SURE).astype(np.float32)


def decided(faces: Faces, logits: Scores, least: float, pictures: int) -> Faces:
    """Of possible faces with these logits those above `least`, without those that lie in a surer one."""
    chosen = [np.zeros(0, dtype=np.int64)]
    for number in range(pictures):
        own = np.nonzero((faces.owner == number) & (logits > least))[0]
        chosen.append(own[suppress(faces.boxes[own], logits[own], FINAL_LIMIT, smaller=True)])
    rows = np.concatenate(chosen)
    return Faces(faces.boxes[rows], logits[rows], faces.points[rows], faces.owner[rows])
