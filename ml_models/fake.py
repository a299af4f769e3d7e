"""A stand-in for the engine in tests of the web part: no torch, no weights, the same answer every time.

It finds one happy face in the middle of every picture, checks pictures as the real engine does, and finds
nothing in pictures whose shorter side is below 20 pixels or that are of one flat colour. Never use its
numbers for anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ml_models.pictures import check_box, check_pictures
from ml_models.types import Face

if TYPE_CHECKING:
    from ml_models.types import Box, Picture

SCORES = (0.05, 0.80, 0.05, 0.02, 0.02, 0.02, 0.02, 0.02)
#: The five points in shares of the box.
POINTS = ((0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75))


class FakeEngine:
    """Has the methods of `FaceEngine`."""

    @classmethod
    def load(cls, threads: int | None = None) -> FakeEngine:
        """Ready at once; the number of threads means nothing."""
        return cls()

    @property
    def model_versions(self) -> Mapping[str, str]:
        """Names that nobody can mistake for real weights."""
        return {"detection": "fake-000000000000", "emotion": "fake-000000000000"}

    def analyze(
        self, images: Sequence[Picture], boxes: Sequence[Sequence[Box] | None] | None = None
    ) -> list[list[Face]]:
        """One face in the middle half of every picture, or one in each box given."""
        pictures = check_pictures(images)
        if boxes is not None and len(boxes) != len(pictures):
            raise ValueError(
                f"There are {len(pictures)} pictures and boxes for {len(boxes)}: give one list for each."
            )
        given = [None] * len(pictures) if boxes is None else list(boxes)
        return [
            [
                self._face(box)
                for box in (self._middle(picture) if own is None else self._checked(picture, own))
            ]
            for picture, own in zip(pictures, given, strict=True)
        ]

    def classify_emotions(self, crops: Sequence[Picture]) -> NDArray[np.float32]:
        """The same scores for every crop, float32 (N, 8)."""
        return np.tile(np.array(SCORES, dtype=np.float32), (len(check_pictures(crops, "Crop")), 1))

    @staticmethod
    def _checked(picture: Picture, boxes: Sequence[Box]) -> list[Box]:
        return [check_box(box, picture, f"Box {number}") for number, box in enumerate(boxes)]

    @staticmethod
    def _middle(picture: Picture) -> list[Box]:
        rows, columns = picture.shape[:2]
        if min(rows, columns) < 20 or picture.min() == picture.max():
            return []
        return [(columns / 4, rows / 4, columns / 2, rows / 2)]

    @staticmethod
    def _face(box: Box) -> Face:
        left, top, width, height = box
        points = np.array([(left + x * width, top + y * height) for x, y in POINTS], dtype=np.float32)
        return Face(box, 0.99, points, np.array(SCORES, dtype=np.float32))
