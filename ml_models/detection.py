"""Finds faces: MTCNN in three stages, each a network over the candidates of several pictures at once.

P-Net looks at every place of a pyramid of the picture (`pnet_canvas`), R-Net at what is left, O-Net decides
(`detection_stages`). The search goes through the picture as it is given; a larger picture than
`max_pixels` is searched at a smaller size, but boxes and points are always in its own pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ml_models.detection_boxes import Scores, clipped, squared, suppress
from ml_models.detection_stages import (
    Decision,
    Faces,
    decided,
    evidence,
    logit,
    look,
    proposed,
    refined,
    sigmoid,
)
from ml_models.detection_turned import turned, turned_back
from ml_models.levels import Levels
from ml_models.mtcnn_graphs import WEIGHTS, Mtcnn
from ml_models.pnet_canvas import Step, pyramid, search
from ml_models.registry import weight

if TYPE_CHECKING:
    from ml_models.types import Box

#: Pictures are searched together until their pyramids have so many pixels: bounds memory, about 15 bytes a
#: pixel.
PIXELS_AT_ONCE = 8_000_000
#: Of two faces found in differently turned pictures that share more than this, the surer stays.
TURNED_LIMIT = 0.4


@dataclass(frozen=True)
class DetectionOptions:
    """How to search.

    min_face: smallest face in pixels; in a picture of more than `max_pixels`, of the picture shrunk to that
    many. thresholds: least probability after each stage; the last is that of `Detections.confidence`. factor:
    step of the pyramid, in (0, 1). max_candidates: at most so many windows of a picture, the most probable,
    leave the first stage. turns: by how many quarter turns the picture is also searched, 0 is upright;
    turned_threshold: least confidence of what is found in a turned one.

    Raises ValueError when a number is out of its range.
    """

    min_face: float = 20.0
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.33)
    factor: float = 0.709
    max_pixels: int = 4_000_000
    max_candidates: int = 6_000
    turns: tuple[int, ...] = (0,)
    turned_threshold: float = 0.8

    def __post_init__(self) -> None:
        if not 4 <= self.min_face < math.inf:
            raise ValueError(f"The smallest face to look for is {self.min_face} pixels: give 4 or more.")
        if len(self.thresholds) != 3 or not all(0 < one < 1 for one in self.thresholds):
            raise ValueError(f"The thresholds {self.thresholds} are not three numbers between 0 and 1.")
        if not 0 < self.factor <= 0.95:
            raise ValueError(f"The step of the pyramid is {self.factor}: give a number from above 0 to 0.95.")
        if self.max_pixels < 1 or self.max_candidates < 1:
            raise ValueError("Give at least 1 for max_pixels and for max_candidates.")
        if not 0 < self.turned_threshold < 1:
            raise ValueError(
                f"The threshold {self.turned_threshold} of turned pictures is not between 0 and 1."
            )
        if not self.turns or not set(self.turns) <= {0, 1, 2, 3}:
            raise ValueError(f"The quarter turns {self.turns} are not some of 0, 1, 2 and 3.")


#: The thresholds of the models that look for small faces: those are less sure.
SMALL = (0.6, 0.7, 0.27)
#: What the detection models of the Face API mean here: 02 finds small faces as well, for twice the
#: time; 03 also those that lie on the side or stand on the head, for eight times the time.
DETECTION_MODELS = {
    "detection_01": DetectionOptions(),
    "detection_02": DetectionOptions(min_face=12.0, thresholds=SMALL),
    "detection_03": DetectionOptions(min_face=12.0, thresholds=SMALL, turns=(0, 1, 2, 3)),
}


@dataclass(frozen=True)
class Detections:
    """Faces: boxes (N, 4) as left, top, width, height inside the picture, confidence (N,) in [0, 1],
    landmarks (N, 5, 2); float32, in pixels of the picture.
    """

    boxes: NDArray[np.float32]
    confidence: NDArray[np.float32]
    landmarks: NDArray[np.float32]


class FaceDetector:
    """MTCNN with a decision of our own at the end. Holds no state between calls, so threads may share it."""

    def __init__(self, nets: Mtcnn, decision: Decision, options: DetectionOptions | None = None) -> None:
        self.nets, self.decision, self.options = nets, decision, options or DetectionOptions()

    @classmethod
    def load(cls, options: DetectionOptions | None = None, *, streams: int = 1) -> FaceDetector:
        """Build the networks from their verified weights, about 0.2 seconds.

        options: for calls that bring none. streams: how many threads may search beside each other; more wait.
        Raises WeightError when the weight file is missing or its SHA-256 differs.
        """
        return cls(Mtcnn.load(streams=streams), Decision(**weight(WEIGHTS).settings), options)

    def detect(self, levels: Sequence[Levels], options: DetectionOptions | None = None) -> list[Detections]:
        """Faces of checked RGB pictures, for each picture in no particular order.

        A picture's faces are the same alone and among others; several at once share the networks' batches.
        """
        chosen = options or self.options
        if chosen.turns != (0,):
            return self._detect_turned(levels, chosen)
        found: list[Detections] = []
        for steps, some in _groups(levels, chosen):
            found += self._search(some, steps, chosen)
        return found

    def look_at(self, levels: Levels, boxes: Sequence[Box]) -> Detections:
        """Confidence and landmarks of given boxes (left, top, width, height), by O-Net only.

        The boxes come back unchanged. They may reach over the edge or lie outside of the picture, whose last
        pixels are taken to go on there.
        """
        given = np.array(boxes, dtype=np.float32).reshape(-1, 4)
        # A box of less than a pixel has nothing to look at; one pixel is the least.
        size = np.maximum(given[:, 2:], 1)
        squares = squared(np.concatenate([given[:, :2], given[:, :2] + size], axis=1))
        owner = np.zeros(len(given), dtype=np.int64)
        looks = [look(self.nets, [levels], squares, owner, mirrored=mirrored) for mirrored in (False, True)]
        logits = np.mean([one.logits for one in looks], axis=0, dtype=np.float32)
        points = np.mean([one.points for one in looks], axis=0, dtype=np.float32)
        return Detections(given, sigmoid(np.asarray(logits)), np.asarray(points, dtype=np.float32))

    def possible(
        self, levels: Sequence[Levels], options: DetectionOptions | None = None
    ) -> tuple[Faces, NDArray[np.float32]]:
        """Boxes that may be faces, and what speaks for each (N, 2): all that comes before the decision.

        For pictures that may be searched at once, see `PIXELS_AT_ONCE`; the owner of a box is its picture's
        number. The training of the decision uses this.
        """
        chosen = options or self.options
        steps = [step for own, _ in _groups(levels, chosen, math.inf) for step in own]
        return self._possible(levels, steps, chosen)

    def _possible(
        self, pictures: Sequence[Levels], steps: Sequence[Step], options: DetectionOptions
    ) -> tuple[Faces, NDArray[np.float32]]:
        """Stages one and two, and three without its decision."""
        first, second, _ = (logit(threshold) for threshold in options.thresholds)
        windows = search(self.nets.proposal, pictures, steps, first)
        boxes, owner = proposed(windows, pictures, options.max_candidates)
        return evidence(self.nets, pictures, refined(self.nets, pictures, boxes, owner, second))

    def _search(
        self, pictures: Sequence[Levels], steps: Sequence[Step], options: DetectionOptions
    ) -> list[Detections]:
        """The three stages on some pictures together."""
        possible, features = self._possible(pictures, steps, options)
        least = logit(options.thresholds[2])
        faces = decided(possible, self.decision.logits(features), least, len(pictures))
        found = []
        for number, levels in enumerate(pictures):
            own = faces.owner == number
            cut = clipped(faces.boxes[own], levels.size)
            size = cut[:, 2:] - cut[:, :2]
            # A box that lies wholly beside the picture after the last correction is no face in it.
            keep = (size >= 1).all(axis=1)
            boxes = np.concatenate([cut[:, :2], size], axis=1)[keep]
            found.append(Detections(boxes, sigmoid(faces.logits[own][keep]), faces.points[own][keep]))
        return found

    def _detect_turned(self, levels: Sequence[Levels], options: DetectionOptions) -> list[Detections]:
        """Faces of pictures that are searched turned as well; of those found twice the surer stays."""
        upright = replace(options, turns=(0,))
        found = []
        # One picture at a time: its turned copies are a batch already.
        for picture in levels:
            copies = [turned(picture, turn, options.max_pixels) for turn in options.turns]
            parts = []
            for turn, copy, seen in zip(options.turns, copies, self.detect(copies, upright), strict=True):
                keep = seen.confidence > (options.turned_threshold if turn else options.thresholds[2])
                boxes, points = turned_back(seen.boxes[keep], seen.landmarks[keep], turn, copy, picture)
                parts.append((boxes, seen.confidence[keep], points))
            boxes, scores, points = (np.concatenate(some) for some in zip(*parts, strict=True))
            best = _surest(boxes, scores)
            found.append(Detections(boxes[best], scores[best], points[best]))
        return found


def _surest(boxes: NDArray[np.float32], scores: Scores) -> NDArray[np.int64]:
    """Which of boxes as left, top, width, height stay."""
    return suppress(np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1), scores, TURNED_LIMIT)


def _groups(
    pictures: Sequence[Levels], options: DetectionOptions, most: float = PIXELS_AT_ONCE
) -> Iterator[tuple[list[Step], Sequence[Levels]]]:
    """Pictures that are searched together, and the levels of their pyramids."""
    first, total = 0, 0
    steps: list[Step] = []
    for number, levels in enumerate(pictures):
        rows, columns = levels.size
        least = options.min_face * max(1.0, math.sqrt(rows * columns / options.max_pixels))
        own = pyramid(levels.size, number, least, options.factor)
        pixels = sum(step.rows * step.columns for step in own)
        if number > first and total + pixels > most:
            yield steps, pictures[first:number]
            steps, first, total = [], number, 0
        steps += [replace(step, picture=number - first) for step in own]
        total += pixels
    if first < len(pictures):
        yield steps, pictures[first:]
