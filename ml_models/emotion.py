"""Scores the expression of faces: two networks that look at them in different ways, averaged and calibrated.

One network sees the grey face alone, 48 px small, and was trained on such pictures from nothing; the other is
a head on the layers of the recognition network (`ml_models.face_trunk`), which sees the aligned face in
colour at 150 px. Where they err they err differently: docs/models/emotion.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ml_models.emotion_graphs import INPUT_SIZE, emotion_net
from ml_models.face_trunk import HEAD_WEIGHTS, face_crops
from ml_models.levels import Levels
from ml_models.names import EMOTIONS
from ml_models.pictures import fit_crop, square_crop
from ml_models.registry import WeightError, weight
from ml_models.runtime import Network

if TYPE_CHECKING:
    from ml_models.detection import FaceDetector
    from ml_models.face_trunk import FaceTrunk
    from ml_models.types import Box, Picture

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

WEIGHTS = "emotion-v1"


def _settings(name: str, *keys: str) -> list[float]:
    """Numbers that belong to weights; WeightError when the list of weights lacks one."""
    settings = weight(name).settings
    try:
        return [settings[key] for key in keys]
    except KeyError as missing:
        raise WeightError(
            f"The entry {name} of the list of weights lacks the setting {missing}: restore "
            "ml_models/weights/manifest.json from the project's repository."
        ) from missing


@dataclass(frozen=True)
class Average:
    """How both networks' logits become calibrated ones: own * first + head * second + bias.

    bias: float32 (8,). Fitted by `ml_models.training.export_head`.
    """

    own: float
    head: float
    bias: Floats

    @classmethod
    def fitted(cls) -> Average:
        """As the list of weights has it; WeightError when it lacks a number."""
        own, head, *bias = _settings(
            HEAD_WEIGHTS, "own_share", "head_share", *(f"bias_{n}" for n in EMOTIONS)
        )
        return cls(own, head, np.array(bias, dtype=np.float32))


class EmotionModel:
    """Both networks with their verified weights. Threads may share it: it keeps no state."""

    def __init__(self, net: Network, average: Average) -> None:
        self._net, self._average = net, average
        self.region, self.lower = _settings(WEIGHTS, "region", "lower")

    @classmethod
    def load(cls, streams: int = 1, *, exact: bool = False, average: Average | None = None) -> EmotionModel:
        """Load and verify the weights; WeightError when the file is missing or altered.

        streams: how many threads may compute at a time. exact: see `ml_models.runtime.Network`. average:
        another one than that of the list of weights.
        """
        parameter, logits = emotion_net(load_file(weight(WEIGHTS).verified()))
        net = Network(parameter, [logits], name=WEIGHTS, exact=exact, streams=streams)
        return cls(net, Average.fitted() if average is None else average)

    def square(self, picture: Picture, box: Box) -> Pixels:
        """The grey square (48, 48) around a detected box that looks like the pictures of the training.

        `region` and `lower` were measured: side of the square per height of MTCNN's box, and how far the
        square's middle lies below the box's middle, per height (docs/models/emotion.md).
        """
        left, top, width, height = box
        # A box cut by the picture's edge or turned faces are wider than high: the larger of both is the face.
        extent = max(height, width)
        side = self.region * extent
        x, y = left + width / 2 - side / 2, top + height / 2 + self.lower * extent - side / 2
        return square_crop(picture, (x, y, side, side), INPUT_SIZE)

    def own_logits(self, squares: Pixels) -> Floats:
        """Logits (N, 8) of the network on its own, for grey squares (N, 48, 48)."""
        found: Floats = self._net.run(squares[..., None])[0]
        return found

    def calibrated(self, own: Floats, head: Floats) -> Floats:
        """Logits (N, 8) whose softmax are calibrated probabilities, from the logits of both networks."""
        average = self._average
        logits: Floats = average.own * own + average.head * head + average.bias
        return logits

    def combined(self, own: Floats, head: Floats) -> Floats:
        """Calibrated probabilities (N, 8) from the logits of both networks; rows sum to 1."""
        logits = self.calibrated(own, head)
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: Floats = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
        return probabilities

    def probabilities(
        self, levels: Sequence[Levels], boxes: Sequence[NDArray[np.floating]], head: Floats
    ) -> Floats:
        """Probabilities (N, 8) of the faces of some pictures, picture by picture.

        boxes: for each picture those of its faces, (n, 4) as left, top, width, height. head: logits (N, 8) of
        the emotion head for the same faces.
        """
        squares = [
            self.square(picture.level(0), (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
            for picture, own in zip(levels, boxes, strict=True)
            for box in own
        ]
        return self.combined(self.own_logits(_stacked(squares)), head)

    def of_crops(self, crops: Sequence[Picture], detector: FaceDetector, trunk: FaceTrunk) -> Floats:
        """Probabilities (N, 8) of crops that are faces already, RGB uint8 of any sizes."""
        return self.combined(*self.crop_logits(crops, detector, trunk))

    def crop_logits(
        self, crops: Sequence[Picture], detector: FaceDetector, trunk: FaceTrunk
    ) -> tuple[Floats, Floats]:
        """Logits (N, 8) of both networks for crops that are faces already.

        Such a crop is taken for the square that `square` would cut; the detector's last network finds the
        five points in it.
        """
        levels = [Levels(crop) for crop in crops]
        points = []
        for one in levels:
            rows, columns = one.size
            side = max(rows, columns) / self.region
            box = ((columns - side) / 2, (rows - side) / 2 - self.lower * side, side, side)
            points.append(detector.look_at(one, [box]).landmarks)
        own = self.own_logits(_stacked([fit_crop(crop, INPUT_SIZE) for crop in crops]))
        return own, trunk.run(face_crops(levels, points)).emotion


def _stacked(squares: list[Pixels]) -> Pixels:
    return np.stack(squares) if squares else np.zeros((0, INPUT_SIZE, INPUT_SIZE), dtype=np.uint8)
