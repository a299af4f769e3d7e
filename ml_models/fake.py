"""A stand-in for the engine in tests of the web part: no networks, no weights, the same answer every time.

It finds one happy face in the middle of every picture, checks pictures as the real engine does, and finds
nothing in pictures whose shorter side is below 20 pixels or that are of one flat colour. Never use its
numbers for anything.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_models.attribute_types import (
    FaceAttributes,
    FacialHair,
    Glasses,
    Hair,
    Makeup,
    Mask,
    Occlusion,
)
from ml_models.pictures import check_box, check_pictures
from ml_models.recognition import recognition_model
from ml_models.types import PARTS, Eyes, Face, HeadPose, Landmarks, Quality, check_parts

if TYPE_CHECKING:
    from ml_models.types import Box, Picture

SCORES = (0.05, 0.80, 0.05, 0.02, 0.02, 0.02, 0.02, 0.02)
#: The five points in shares of the box.
POINTS = ((0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75))
ATTRIBUTES = FaceAttributes(
    age=30.0,
    age_range=(25.0, 36.0),
    male=0.1,
    smile=0.9,
    facial_hair=FacialHair(moustache=0.01, beard=0.01, sideburns=0.01),
    glasses=Glasses(none=0.97, reading=0.02, sunglasses=0.01),
    headwear=0.02,
    mask=Mask(worn=0.01, nose_and_mouth_covered=0.01, kind="noMask"),
    hair=Hair(bald=0.01, invisible=0.01, brown=0.8, blond=0.1, black=0.1, gray=0.01, other=0.05),
    makeup=Makeup(eyes=0.3, lips=0.6),
    occlusion=Occlusion(forehead=0.05, eyes=0.01, mouth=0.01),
)
QUALITY = Quality(0.1, "Low", 0.5, "GoodExposure", 0.1, "Low", "high")


class FakeEngine:
    """Has the methods of `FaceEngine`."""

    @classmethod
    def load(cls, threads: int | None = None, streams: int | None = None) -> FakeEngine:
        """Ready at once; the numbers mean nothing."""
        return cls()

    @property
    def model_versions(self) -> Mapping[str, str]:
        """Names that nobody can mistake for real weights."""
        return dict.fromkeys(("detection", "emotion", "recognition"), "fake-000000000000")

    def analyze(
        self,
        images: Sequence[Picture],
        boxes: Sequence[Sequence[Box] | None] | None = None,
        parts: Collection[str] = PARTS,
        *,
        detection: Any = None,
        recognition: str | None = None,
        hurry: bool = False,
    ) -> list[list[Face]]:
        """One face in the middle half of every picture, or one in each box given.

        Its embedding is as long as those of the recognition model; WeightError when there is no such model.
        """
        pictures = check_pictures(images)
        wanted = check_parts(parts)
        dimension = recognition_model(recognition).dimension
        if boxes is not None and len(boxes) != len(pictures):
            raise ValueError(
                f"There are {len(pictures)} pictures and boxes for {len(boxes)}: give one list for each."
            )
        given = [None] * len(pictures) if boxes is None else list(boxes)
        return [
            [
                self._face(box, wanted, dimension)
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
    def _face(box: Box, parts: frozenset[str], dimension: int) -> Face:
        left, top, width, height = box
        points = np.array([(left + x * width, top + y * height) for x, y in POINTS], dtype=np.float32)
        fields: dict[str, Any] = {}
        if "emotions" in parts:
            fields["emotions"] = np.array(SCORES, dtype=np.float32)
        if "embedding" in parts:
            fields["embedding"] = np.full(dimension, dimension**-0.5, dtype=np.float32)
        if "age" in parts:
            fields["age"] = ATTRIBUTES.age
        if "gender" in parts:
            fields["male"] = ATTRIBUTES.male
        if "appearance" in parts:
            fields["attributes"] = replace(
                ATTRIBUTES,
                age=ATTRIBUTES.age if "age" in parts else None,
                age_range=ATTRIBUTES.age_range if "age" in parts else None,
                male=ATTRIBUTES.male if "gender" in parts else None,
            )
        if "landmarks" in parts:
            # Every point in the middle of the box: the stand-in has no idea of a face's shape.
            flat = np.array([left + width / 2, top + height / 2], dtype=np.float32)
            deep = np.append(flat, np.float32(0))
            fields["landmarks"] = Landmarks(
                np.tile(deep, (468, 1)), np.tile(deep, (2, 5, 1)), np.tile(flat, (68, 1)), 0.99
            )
            fields["head_pose"], fields["eyes"] = HeadPose(0.0, 0.0, 0.0), Eyes(1.0, 1.0, 0.0, 0.0)
        if "quality" in parts:
            fields["quality"] = QUALITY
        return Face(box, 0.99, points, **fields)
