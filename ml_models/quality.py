"""How good a picture of a face is: blur and exposure, measured on the aligned crop, noise, measured on the
picture's own pixels in the middle of the face, and what they and the pose mean for recognition.

Words and limits of the levels are those of Face API. docs/models/quality.md shows how the figures move with
known amounts of blur, darkness, light and noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ml_models.alignment import cut, five_points, scales, similarities
from ml_models.levels import Levels
from ml_models.quality_limits import (
    BLUR_LEVELS,
    EXPOSURE_LEVELS,
    EYE_DISTANCE,
    NOISE_LEVELS,
    RECOGNITION,
    TEMPLATE_POINTS,
    level,
)

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]
Pixels = NDArray[np.uint8]

#: Side of the crop in which faces are measured.
SIZE = 72
TEMPLATE = np.array(TEMPLATE_POINTS)
#: Side of the square whose noise is measured, per distance between the eyes.
NOISE_REGION = 1.6
#: Luma of ITU-R BT.601.
LUMA = np.array([[0.299, 0.587, 0.114]])
#: Blur effect (Crété et al., 2007) of a sharp face and of one without any edge left: 0 and 1 of our value.
SHARP, FLAT = 0.42, 0.92
#: Width of the strong blur that the blur effect compares with, in pixels.
REBLUR = 9
#: Noise of this many grey levels gives the value 1 - 1/e.
NOISE_SCALE = 16.8


@dataclass(frozen=True)
class Qualities:
    """The measurements of N faces.

    blur: (N,) in [0, 1], the larger the blurrier. exposure: (N,) in [0, 1], 0 black, 1 white. noise: (N,) in
    [0, 1], the larger the noisier. eye_distance: (N,) in pixels of the picture. All float32.
    """

    blur: Floats
    exposure: Floats
    noise: Floats
    eye_distance: Floats

    @property
    def blur_levels(self) -> list[str]:
        """Low, Medium or High for each face."""
        return [level(value, BLUR_LEVELS) for value in self.blur]

    @property
    def exposure_levels(self) -> list[str]:
        """UnderExposure, GoodExposure or OverExposure for each face."""
        return [level(value, EXPOSURE_LEVELS) for value in self.exposure]

    @property
    def noise_levels(self) -> list[str]:
        """Low, Medium or High for each face."""
        return [level(value, NOISE_LEVELS) for value in self.noise]


def for_recognition(
    qualities: Qualities, yaw: Floats, pitch: Floats, occluded: NDArray[np.bool_] | None = None
) -> list[str]:
    """ "How far a comparison of its embedding can be trusted.

    yaw, pitch: (N,) in degrees. occluded: (N,), whether something covers eyes or mouth; None when unknown.
    Raises ValueError when the lengths differ.
    """
    count = len(qualities.blur)
    occluded = np.zeros(count, dtype=bool) if occluded is None else occluded
    if not len(yaw) == len(pitch) == len(occluded) == count:
        raise ValueError(f"There are {count} faces: give as many angles and marks of occlusion.")
    good = np.array([one == "GoodExposure" for one in qualities.exposure_levels], dtype=bool)
    answers = np.full(count, "low", dtype=object)
    for name in ("medium", "high"):
        limits = RECOGNITION[name]
        reached = (qualities.eye_distance >= limits.eye_distance) & (np.abs(yaw) <= limits.yaw)
        reached &= (np.abs(pitch) <= limits.pitch) & (qualities.blur <= limits.blur)
        reached &= (qualities.noise <= limits.noise) & (good | limits.any_exposure)
        answers[reached & (~occluded | limits.occluded)] = name
    return [str(answer) for answer in answers]


def grey_of(crop: Pixels) -> Floats:
    """Luma float32 (H, W), 0 to 255 and not rounded, of a crop uint8 (H, W, 3)."""
    return np.asarray(cv2.transform(crop.astype(np.float32), LUMA), dtype=np.float32)


def blur_effect(grey: Floats) -> float:
    """Crété's perceptual blur of a grey face (H, W), in [0, 1].

    A strong blur changes a sharp picture much and a blurred one little: the share of the differences between
    neighbours that survives it, in the direction where more survives.
    """
    if grey.max() - grey.min() < 1:
        # A surface of one tone has no edge that could be sharp.
        return 1.0
    answers = []
    for axis, size in ((0, (1, REBLUR)), (1, (REBLUR, 1))):
        again = cv2.blur(grey, size, borderType=cv2.BORDER_REPLICATE)
        before, after = np.abs(np.diff(grey, axis=axis)), np.abs(np.diff(again, axis=axis))
        lost = float(np.maximum(before - after, 0).sum(dtype=np.float64))
        answers.append(1 - lost / max(float(before.sum(dtype=np.float64)), 1e-6))
    return max(answers)


def smoothed(grey: Floats) -> Floats:
    """A little blur (1, 2, 1 both ways) that keeps edges of faces but not the noise of single pixels."""
    kernel = np.array([0.25, 0.5, 0.25])
    return np.asarray(cv2.sepFilter2D(grey, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE))


def exposure_of(grey: Floats) -> float:
    """The middle between the 5 % darkest and the 5 % lightest pixels of a grey face, 0 black to 1 white."""
    few = grey.size // 20
    dark, light = np.partition(grey, (few, grey.size - 1 - few), axis=None)[[few, grey.size - 1 - few]]
    return float(dark + light) / 2 / 255


def noise_deviation(grey: Floats) -> float:
    """Deviation of the noise in grey levels of a grey face (H, W).

    The second differences in both directions at once answer neither to slopes nor to straight edges
    (Immerkaer, 1996); their median, unlike the mean, is deaf to eyes, lips and hair.
    """
    across = grey[:, 2:] - 2 * grey[:, 1:-1] + grey[:, :-2]
    answer = np.abs(across[2:] - 2 * across[1:-1] + across[:-2])
    # 36 is the sum of the squared factors, 0.6745 the median of a normal distribution's absolute values.
    return float(np.median(answer)) / 6 / 0.6745


class QualityModel:
    """Measures faces; has no weights and no state, so threads may share it."""

    @classmethod
    def load(cls) -> QualityModel:
        """Nothing to load; named as in the other parts of the engine."""
        return cls()

    def qualities(self, levels: Sequence[Levels], landmarks5: Sequence[Numbers]) -> Qualities:
        """The measurements of the faces of some pictures, picture by picture.

        landmarks5: for each picture MTCNN's points of its faces, (n, 5, 2) in pixels. Raises ValueError when
        the lengths differ or points are not finite.
        """
        rows: list[tuple[float, float, float, float]] = []
        for one, points in zip(levels, five_points(landmarks5, len(levels)), strict=True):
            regions = similarities(TEMPLATE, points)
            sizes = EYE_DISTANCE * scales(regions)
            for crop, face, size in zip(cut(one, regions, (SIZE, SIZE)), points, sizes, strict=True):
                grey = grey_of(crop)
                blur = (blur_effect(smoothed(grey)) - SHARP) / (FLAT - SHARP)
                noise = 1 - np.exp(-noise_deviation(self._middle(one, face)) / NOISE_SCALE)
                rows.append((min(max(blur, 0), 1), exposure_of(grey), noise, size))
        blurs, exposures, noises, distances = np.array(rows, dtype=np.float32).reshape(-1, 4).T.copy()
        return Qualities(blurs, exposures, noises, distances)

    @staticmethod
    def _middle(levels: Levels, points: Floats) -> Floats:
        """The picture's own grey pixels in the middle of a face: resampled ones would look smoother than they
        are.
        """
        extent = float(np.linalg.norm(points[1] - points[0])) * NOISE_REGION
        side = int(2 ** np.floor(np.log2(np.clip(extent, 16, 128))))
        corner = np.round(points.mean(axis=0) - side / 2)
        region = np.concatenate([np.eye(2, dtype=np.float32), corner[:, None]], axis=1)
        return grey_of(cut(levels, region[None], (side, side))[0])
