"""The face engine: pictures in, faces with emotions out."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ml_models.detection import DetectionOptions, Detections, FaceDetector
from ml_models.emotion import WEIGHTS, EmotionScorer
from ml_models.pictures import check_box, check_pictures
from ml_models.registry import weight
from ml_models.types import Face

if TYPE_CHECKING:
    from ml_models.types import Box, Picture

_threads_lock = threading.Lock()
_threads_set: int | None = None


def set_threads(threads: int | None) -> None:
    """Set torch's threads for this process, once: later calls with another number are an error in the caller.

    Raises ValueError when `threads` is below 1, RuntimeError when another number was set before.
    """
    global _threads_set
    if threads is None:
        return
    if threads < 1:
        raise ValueError(
            f"The engine cannot run on {threads} threads: give 1 or more, or nothing for torch's choice."
        )
    with _threads_lock:
        if _threads_set not in (None, threads):
            raise RuntimeError(
                f"This process runs its networks on {_threads_set} threads already: "
                "load every engine with that number."
            )
        torch.set_num_threads(threads)
        _threads_set = threads


class FaceEngine:
    """Finds faces and scores their expressions. Load one per process; threads may share it.

    Threads that each bring one picture are served better by `BatchedEngine` around it.
    """

    def __init__(self, detector: FaceDetector, scorer: EmotionScorer) -> None:
        self._detector, self._scorer = detector, scorer
        mtcnn = "".join(weight(name).sha256 for name in ("mtcnn-pnet", "mtcnn-rnet", "mtcnn-onet"))
        self._versions = {
            "detection": f"mtcnn-{hashlib.sha256(mtcnn.encode()).hexdigest()[:12]}",
            "emotion": f"{WEIGHTS}-{weight(WEIGHTS).sha256[:12]}",
        }

    @classmethod
    def load(cls, threads: int | None = None, detection: DetectionOptions | None = None) -> FaceEngine:
        """Load and verify all weights, about a second.

        threads: how many threads torch uses in this process, None for its own choice (set once per process).
        Raises WeightError when a weight file is missing or its SHA-256 differs.
        """
        set_threads(threads)
        return cls(FaceDetector(detection), EmotionScorer())

    @property
    def model_versions(self) -> Mapping[str, str]:
        """Part -> name and first 12 digits of the SHA-256 of its weights (of the three digests for MTCNN)."""
        return MappingProxyType(self._versions)

    def analyze(
        self, images: Sequence[Picture], boxes: Sequence[Sequence[Box] | None] | None = None
    ) -> list[list[Face]]:
        """The faces of every picture.

        images: RGB uint8 arrays (H, W, 3), of any sizes. boxes: for every picture its faces as (left, top,
        width, height) in pixels, or None to detect them; boxes that leave the picture are cut to it.
        Returns one list per picture, largest face first; for given boxes, one face per box in the order
        given. Raises ValueError for anything that is not such a picture or box, before any network has run.
        """
        pictures = check_pictures(images)
        given = self._check_boxes(pictures, boxes)
        found = [
            self._largest_first(self._detector.detect(picture))
            if own is None
            else self._detector.look_at(picture, own)
            for picture, own in zip(pictures, given, strict=True)
        ]
        squares = [
            self._scorer.face(picture, _box(row))
            for picture, result in zip(pictures, found, strict=True)
            for row in result.boxes
        ]
        scores = iter(self._scorer.probabilities(squares))
        return [
            [
                Face(_box(box), float(confidence), points, next(scores))
                for box, confidence, points in zip(
                    result.boxes, result.confidence, result.landmarks, strict=True
                )
            ]
            for result in found
        ]

    def classify_emotions(self, crops: Sequence[Picture]) -> NDArray[np.float32]:
        """Emotions of tight face crops, RGB uint8 (H, W, 3) of any sizes -> float32 (N, 8), rows sum to 1.

        A crop that is not square keeps its proportions. Raises ValueError for anything else than such crops.
        """
        return self._scorer.probabilities([self._scorer.crop(crop) for crop in check_pictures(crops, "Crop")])

    @staticmethod
    def _check_boxes(pictures: list[Picture], boxes: Any) -> list[list[Box] | None]:
        if boxes is None:
            return [None] * len(pictures)
        if len(boxes) != len(pictures):
            raise ValueError(
                f"There are {len(pictures)} pictures and boxes for {len(boxes)}: give one list for each."
            )
        return [
            None
            if own is None
            else [check_box(box, picture, f"Box {k} of picture {number}") for k, box in enumerate(own)]
            for number, (picture, own) in enumerate(zip(pictures, boxes, strict=True))
        ]

    @staticmethod
    def _largest_first(found: Detections) -> Detections:
        order = np.argsort(-found.boxes[:, 2] * found.boxes[:, 3], kind="stable")
        return Detections(found.boxes[order], found.confidence[order], found.landmarks[order])


def _box(row: NDArray[np.float32]) -> Box:
    left, top, width, height = (float(value) for value in row)
    return left, top, width, height
