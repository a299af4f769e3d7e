"""Says how faces look: age, gender, smile, glasses, hair and so on, of MTCNN's five points.

The graph of `ml_models.attribute_net` in two parts, one for each view of a face, and the last layer here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops
from safetensors.numpy import load_file

from ml_models.alignment import crops_of, five_points, similarities
from ml_models.attribute_types import (
    LABELS,
    OLDEST,
    FaceAttributes,
    FacialHair,
    Glasses,
    Hair,
    Makeup,
    Mask,
    Occlusion,
)
from ml_models.embedding_net import BLOCKS
from ml_models.face_trunk import POINT_WEIGHTS, TEMPLATE
from ml_models.levels import Levels
from ml_models.registry import WeightError, weight
from ml_models.runtime import Layers, Network, Node, add, avg_pool, mean_pixel, pad, pixels, relu
from ml_models.types import ATTRIBUTE_PARTS

Array = NDArray[np.floating]
Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
#: Years, and the years between which they lie.
_Age = tuple[float, tuple[float, float]]

WEIGHTS = "attributes-v1"
#: What the face view is: the answer of the recognition network's block of this number (from 0).
FACE_BLOCK = 6
FEATURES = (64, 17, 17)
#: Rows and columns of the wide view, and how its pixels are scaled.
WIDE_SIZE = (96, 80)
WIDE_MEAN, WIDE_SCALE = 127.5, 1 / 64
#: Where MTCNN's five points stand in the wide view: as in the face view (`face_trunk`), but with the eyes
#: 20 px apart, below the middle, so that hair and hats are seen.
WIDE_TEMPLATE = (TEMPLATE - TEMPLATE[:2].mean(axis=0)) * (20 / 54.5) + np.array([40.0, 52.0])
#: Shares of the distribution of ages between which the age is said to lie.
LOW, HIGH = 0.1, 0.9
#: Below this a mask is denied, above one half affirmed; between them it is uncertain.
UNSURE_MASK = 0.35
#: The last layers, by the name of their weights.
HEADS = ("labels", "age", "male")


def face_graph(tensors: Mapping[str, Array]) -> tuple[ov.Node, Node]:
    """Input float (1, 64, 17, 17), the recognition network's block `FACE_BLOCK`, and (1, 256) of it."""
    layers = Layers(tensors)
    parameter = ops.parameter([1, *FEATURES], np.float32, "features")
    x: Node = parameter
    for number, (_, halve) in enumerate(BLOCKS[FACE_BLOCK + 1 : -1]):
        name = f"top.{number}"
        out = relu(layers.conv(x, f"{name}.conv1", stride=2 if halve else 1, padding=0 if halve else 1))
        out = layers.conv(out, f"{name}.conv2", padding=1)
        if halve:
            x = avg_pool(x, 2, 2)
            own, other = (list(one.shape) for one in (out, x))
            out = pad(out, [0] * 4, [0, 0, other[2] - own[2], other[3] - own[3]])
            x = pad(x, [0] * 4, [0, own[1] - other[1], 0, 0])
        x = relu(add(out, x))
    return parameter, mean_pixel(x)


def wide_graph(tensors: Mapping[str, Array]) -> tuple[ov.Node, Node]:
    """Input uint8 (1, 96, 80, 3), whole heads, and (1, 256) of them."""
    layers = Layers(tensors)
    parameter, x = pixels((1, *WIDE_SIZE, 3), mean=WIDE_MEAN, scale=WIDE_SCALE)
    x = relu(layers.conv_norm(x, "wide.stem.0", "wide.stem.1", stride=2, padding=2))
    for number in range(4):
        name, stride = f"wide.blocks.{number}", 1 if number == 0 else 2
        out = relu(layers.conv_norm(x, f"{name}.conv1", f"{name}.norm1", stride=stride, padding=1))
        out = layers.conv_norm(out, f"{name}.conv2", f"{name}.norm2", padding=1)
        if stride > 1:
            x = layers.conv_norm(avg_pool(x, 2, 2), f"{name}.shortcut.1", f"{name}.shortcut.2")
        x = relu(add(out, x))
    return parameter, mean_pixel(x)


@dataclass(frozen=True)
class Logits:
    """Uncalibrated answers, float32: labels (N, 29) in the order of `LABELS`, age (N, 101), male (N,)."""

    labels: Floats
    age: Floats
    male: Floats


@dataclass(frozen=True)
class AttributeArrays:
    """Calibrated answers of N faces, float32.

    labels: (N, 29) probabilities in the order of `LABELS`. ages: (N, 101) probabilities of whole years. male:
    (N,) probabilities.
    """

    labels: Floats
    ages: Floats
    male: Floats

    @property
    def age(self) -> Floats:
        """Years (N,): the middle of the distribution, which errs least."""
        return quantile(self.ages, 0.5)


@dataclass(frozen=True)
class Calibration:
    """logit * scale + shift is right for each of `LABELS` and, last, for male: float32 (30,) both.
    age_temperature divides the logits of ages.
    """

    scale: Floats
    shift: Floats
    age_temperature: float

    def applied(self, logits: Logits) -> AttributeArrays:
        """Probabilities of logits."""
        return AttributeArrays(self.labels(logits.labels), self.ages(logits.age), self.male(logits.male))

    def labels(self, logits: Floats) -> Floats:
        """Probabilities (N, 29) of the logits of `LABELS`."""
        return _sigmoid(logits * self.scale[:-1] + self.shift[:-1])

    def ages(self, logits: Floats) -> Floats:
        """Probabilities (N, 101) of the logits of whole years."""
        raised = np.exp((logits - logits.max(axis=1, keepdims=True)) / self.age_temperature)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float32)

    def male(self, logits: Floats) -> Floats:
        """Probabilities (N,) of the logits of being male."""
        return _sigmoid(logits * self.scale[-1] + self.shift[-1])


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), dtype=np.float32)


class AttributeFields(TypedDict, total=False):
    """Fields of `ml_models.types.Face` that the attribute network fills; only what was asked for."""

    age: float
    male: float
    attributes: FaceAttributes


def quantile(ages: Floats, share: float) -> Floats:
    """Years (N,) below which this share of each distribution (N, 101) lies, with fractions of a year.

    A year's probability is spread evenly over half a year to either side of it.
    """
    sums = np.cumsum(ages, axis=1, dtype=np.float64)
    year = np.minimum((sums < share).sum(axis=1), OLDEST)
    rows = np.arange(len(ages))
    before = sums[rows, year] - ages[rows, year]
    within = (share - before) / np.maximum(ages[rows, year], 1e-12)
    return np.clip(year - 0.5 + np.clip(within, 0, 1), 0, OLDEST).astype(np.float32)


class AttributeModel:
    """The attribute network with its verified weights. Threads may share it: it keeps no state."""

    def __init__(
        self, tensors: Mapping[str, Array], calibration: Calibration, *, streams: int = 1, exact: bool = False
    ) -> None:
        (face, out), (wide, whole) = face_graph(tensors), wide_graph(tensors)
        self._face = Network(face, [out], name=f"{WEIGHTS} (face)", exact=exact, streams=streams)
        self._wide = Network(wide, [whole], name=f"{WEIGHTS} (wide)", exact=exact, streams=streams)
        heads = {name: [tensors[f"{name}.{part}"] for part in ("weight", "bias")] for name in HEADS}
        self._heads = {name: [part.astype(np.float32) for part in parts] for name, parts in heads.items()}
        self._calibration = calibration

    @classmethod
    def load(cls, streams: int = 1, *, exact: bool = False) -> AttributeModel:
        """Load and verify the weights; WeightError when the file is missing, altered or lacks something.

        streams: how many threads may compute at a time. exact: see `ml_models.runtime.Network`.
        """
        tensors = load_file(weight(WEIGHTS).verified())
        try:
            table = tensors["calibration"]
            calibration = Calibration(table[0, :-1], table[1, :-1], float(table[0, -1]))
            return cls(tensors, calibration, streams=streams, exact=exact)
        except KeyError as missing:
            raise WeightError(
                f"The weights {WEIGHTS} lack {missing}: make them anew by the export."
            ) from missing

    def attributes(
        self, levels: Sequence[Levels], landmarks5: Sequence[NDArray[np.floating]], features: Floats
    ) -> list[FaceAttributes]:
        """The attributes of the faces of some pictures, picture by picture, one after another.

        landmarks5: for each picture MTCNN's points of its faces, (n, 5, 2) in pixels. features: of all faces,
        `ml_models.face_trunk.TrunkAnswers.features`. Raises ValueError when the lengths differ or points are
        not finite.
        """
        return described(self.arrays(levels, landmarks5, features))

    def fields(
        self,
        levels: Sequence[Levels],
        landmarks5: Sequence[NDArray[np.floating]],
        features: Floats,
        parts: frozenset[str] = ATTRIBUTE_PARTS,
    ) -> list[AttributeFields]:
        """`attributes` for some parts of `ATTRIBUTE_PARTS`: what nobody asked for is not computed.

        The wide view, which neither age nor gender needs, is cut for the appearance only.
        """
        (face,) = self._face.run(features)
        ages: list[_Age | None] = [None] * len(features)
        males: list[float | None] = [None] * len(features)
        rows: list[list[float] | None] = [None] * len(features)
        if "age" in parts:
            ages = list(_ages(self._calibration.ages(self._head("age", face))))
        if "gender" in parts:
            males = self._calibration.male(self._head("male", face)[:, 0]).tolist()
        if "appearance" in parts:
            (whole,) = self._wide.run(wide_crops(levels, landmarks5))
            both = np.concatenate([face, whole], axis=1)
            rows = self._calibration.labels(self._head("labels", both)).tolist()
        return [_fields(*one) for one in zip(rows, ages, males, strict=True)]

    def arrays(
        self, levels: Sequence[Levels], landmarks5: Sequence[NDArray[np.floating]], features: Floats
    ) -> AttributeArrays:
        """The same as arrays."""
        return self._calibration.applied(self.logits(features, wide_crops(levels, landmarks5)))

    def logits(self, features: Floats, wide: Pixels) -> Logits:
        """The network's answers to both views of N faces: features (N, 64, 17, 17), wide uint8
        (N, 96, 80, 3).

        Raises ValueError when there are not as many of one as of the other.
        """
        if len(features) != len(wide):
            raise ValueError(
                f"{len(wide)} faces but features of {len(features)}: give those of the same faces."
            )
        (face,), (whole,) = self._face.run(features), self._wide.run(wide)
        both = np.concatenate([face, whole], axis=1)
        labels, age, male = (self._head(name, both if name == "labels" else face) for name in self._heads)
        return Logits(labels, age, male[:, 0])

    def _head(self, name: str, x: Floats) -> Floats:
        matrix, bias = self._heads[name]
        return np.asarray(x @ matrix.T + bias, dtype=np.float32)


def wide_crops(levels: Sequence[Levels], landmarks5: Sequence[NDArray[np.floating]]) -> Pixels:
    """The wide views uint8 (N, 96, 80, 3) of the faces of some pictures.

    landmarks5: for each picture MTCNN's points of its faces, (n, 5, 2) in pixels.
    """
    points = five_points(landmarks5, len(levels))
    return crops_of(levels, [similarities(WIDE_TEMPLATE, some, POINT_WEIGHTS) for some in points], WIDE_SIZE)


def described(arrays: AttributeArrays) -> list[FaceAttributes]:
    """The answers of N faces, each as plain values."""
    return [
        _one(row, age, male)
        for row, age, male in zip(
            arrays.labels.tolist(), _ages(arrays.ages), arrays.male.tolist(), strict=True
        )
    ]


def _ages(ages: Floats) -> list[_Age]:
    """Age and age range of each distribution (N, 101)."""
    middle, low, high = (quantile(ages, share).tolist() for share in (0.5, LOW, HIGH))
    return list(zip(middle, zip(low, high, strict=True), strict=True))


def _fields(row: list[float] | None, age: _Age | None, male: float | None) -> AttributeFields:
    """The fields of one face from what was computed of it."""
    fields: AttributeFields = {}
    if age is not None:
        fields["age"] = age[0]
    if male is not None:
        fields["male"] = male
    if row is not None:
        fields["attributes"] = _one(row, age, male)
    return fields


def _one(row: list[float], age: _Age | None, male: float | None) -> FaceAttributes:
    """Face API's fields from the probabilities of `LABELS`."""
    p = dict(zip(LABELS, row, strict=True))
    dark = min(p["sunglasses"], p["Eyeglasses"])
    # Each colour is a question of its own; other is that all four are denied.
    other = (1 - p["Brown_Hair"]) * (1 - p["Blond_Hair"]) * (1 - p["Black_Hair"]) * (1 - p["Gray_Hair"])
    covered = min(p["nose_and_mouth_covered"], p["mouth_occluded"])
    return FaceAttributes(
        age=age[0] if age else None,
        age_range=age[1] if age else None,
        male=male,
        smile=p["Smiling"],
        facial_hair=FacialHair(p["Mustache"], 1 - p["No_Beard"], p["Sideburns"]),
        glasses=Glasses(1 - p["Eyeglasses"], p["Eyeglasses"] - dark, dark),
        headwear=p["Wearing_Hat"],
        mask=Mask(p["mask"], covered, _mask_kind(p["mask"], p["mouth_occluded"])),
        hair=Hair(
            bald=p["Bald"],
            invisible=p["Wearing_Hat"] * other,
            brown=p["Brown_Hair"],
            blond=p["Blond_Hair"],
            black=p["Black_Hair"],
            gray=p["Gray_Hair"],
            other=other,
        ),
        makeup=Makeup(p["Heavy_Makeup"], p["Wearing_Lipstick"]),
        occlusion=Occlusion(p["forehead_occluded"], p["eye_occluded"], p["mouth_occluded"]),
    )


def _mask_kind(mask: float, mouth: float) -> str:
    if mask >= 0.5:
        return "faceMask"
    if mask >= UNSURE_MASK:
        return "uncertain"
    return "otherMaskOrOcclusion" if mouth >= 0.5 else "noMask"
