"""How good a picture of a face is: blur and exposure, measured on the aligned crop, noise, measured on the
picture's own pixels in the middle of the face, and what they and the pose mean for recognition.

Words and limits of the levels are those of Face API. docs/models/quality.md shows how the figures move with
known amounts of blur, darkness, light and noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ml_models.alignment import Levels, crops_of, cut, scales, similarities
from ml_models.mesh import five_points

if TYPE_CHECKING:
    from ml_models.types import Picture

Floats = NDArray[np.float32]

#: Side of the crop, and where MTCNN's five points stand in it: eyes 40 px apart, brows to chin inside.
SIZE = 128
TEMPLATE = torch.tensor([[44.0, 48.0], [84.0, 48.0], [64.0, 70.0], [47.5, 90.0], [80.5, 90.0]])
EYE_DISTANCE = 40.0
#: Rows and columns of the crop that are face on nearly everybody: brows to lower lip, between the temples.
INNER = slice(28, 100)
#: Pixels of that part.
TONES = (INNER.stop - INNER.start) ** 2
#: Side of the square whose noise is measured, per distance between the eyes.
NOISE_REGION = 1.6
#: Luma of ITU-R BT.601.
LUMA = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
#: Blur effect (Crété et al., 2007) of a sharp face and of one without any edge left: 0 and 1 of our value.
SHARP, FLAT = 0.42, 0.92
#: Width of the strong blur that the blur effect compares with, in pixels.
REBLUR = 9
#: Noise of this many grey levels gives the value 1 - 1/e.
NOISE_SCALE = 16.8

#: Levels with the value from which each holds, as Face API draws the lines.
BLUR_LEVELS = (("Low", 0.0), ("Medium", 0.25), ("High", 0.75))
EXPOSURE_LEVELS = (("UnderExposure", 0.0), ("GoodExposure", 0.25), ("OverExposure", 0.75))
NOISE_LEVELS = (("Low", 0.0), ("Medium", 0.3), ("High", 0.7))


@dataclass(frozen=True)
class Limits:
    """What a face must have for a quality: eyes at least so many pixels apart, yaw and pitch at most so many
    degrees, blur and noise at most so much, in good exposure or not, and nothing before eyes and mouth.
    """

    eye_distance: float
    yaw: float
    pitch: float
    blur: float
    noise: float
    any_exposure: bool
    occluded: bool


#: What each quality for recognition asks; a face that reaches neither is "low".
RECOGNITION = {
    "high": Limits(30.0, 25.0, 25.0, 0.40, 0.45, any_exposure=False, occluded=False),
    "medium": Limits(15.0, 45.0, 40.0, 0.75, 0.70, any_exposure=True, occluded=False),
}


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


def level(value: float, levels: Sequence[tuple[str, float]]) -> str:
    """The last level whose start the value reaches."""
    return next(name for name, start in reversed(levels) if value >= start or start == 0.0)


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


def blur_effect(grey: Tensor) -> Tensor:
    """Crété's perceptual blur of grey faces (N, 1, H, W) -> (N,) in [0, 1].

    A strong blur changes a sharp picture much and a blurred one little: the share of the differences between
    neighbours that survives it, in the direction where more survives.
    """
    answers = []
    for axis in (2, 3):
        kernel = torch.full((1, 1, *((REBLUR, 1) if axis == 2 else (1, REBLUR))), 1 / REBLUR)
        padding = (0, 0, REBLUR // 2, REBLUR // 2) if axis == 2 else (REBLUR // 2, REBLUR // 2, 0, 0)
        again = F.conv2d(F.pad(grey, padding, mode="replicate"), kernel)
        before, after = grey.diff(dim=axis).abs(), again.diff(dim=axis).abs()
        lost = (before - after).clamp_min(0).sum(dim=(1, 2, 3))
        answers.append(1 - lost / before.sum(dim=(1, 2, 3)).clamp_min(1e-6))
    flat = grey.amax(dim=(1, 2, 3)) - grey.amin(dim=(1, 2, 3)) < 1
    # A surface of one tone has no edge that could be sharp.
    return torch.where(flat, torch.ones(len(grey)), torch.maximum(*answers))


def smoothed(grey: Tensor) -> Tensor:
    """A little blur (1, 2, 1 both ways) that keeps edges of faces but not the noise of single pixels."""
    kernel = torch.tensor([1.0, 2.0, 1.0]) / 4
    padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, (kernel[:, None] * kernel[None])[None, None])


def noise_deviation(grey: Tensor) -> Tensor:
    """Deviation of the noise in grey levels of grey faces (N, 1, H, W) -> (N,).

    The second differences in both directions at once answer neither to slopes nor to straight edges
    (Immerkaer, 1996); their median, unlike the mean, is deaf to eyes, lips and hair.
    """
    kernel = torch.tensor([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])[None, None]
    answer = F.conv2d(grey, kernel).abs().flatten(1)
    # 36 is the sum of the squared factors, 0.6745 the median of a normal distribution's absolute values.
    return answer.median(dim=1).values / 6 / 0.6745


class QualityModel:
    """Measures faces; has no weights and no state, so threads may share it."""

    @classmethod
    def load(cls) -> QualityModel:
        """Nothing to load; named as in the other parts of the engine."""
        return cls()

    @torch.inference_mode()
    def qualities(
        self, pictures: Sequence[Picture | Levels], landmarks5: Sequence[NDArray[np.floating]]
    ) -> Qualities:
        """The measurements of the faces of some pictures, picture by picture.

        pictures: RGB uint8 (H, W, 3), or their `Levels`. landmarks5: for each picture MTCNN's points of its
        faces, (n, 5, 2) in pixels. Raises ValueError when the lengths differ or points are not finite.
        """
        levels = [one if isinstance(one, Levels) else Levels(one) for one in pictures]
        points = five_points(landmarks5, len(levels))
        regions = [similarities(TEMPLATE, some) for some in points]
        grey = (crops_of(levels, regions, (SIZE, SIZE)) * LUMA).sum(dim=1, keepdim=True)[..., INNER, INNER]
        tones = grey.flatten(1).sort(dim=1).values
        spread = (tones[:, TONES // 20] + tones[:, -TONES // 20]) / 2 / 255
        blur = (blur_effect(smoothed(grey)) - SHARP) / (FLAT - SHARP)
        size = torch.cat([torch.zeros(0), *(scales(some) for some in regions)])
        noise = 1 - torch.exp(-self._noise(levels, points) / NOISE_SCALE)
        return Qualities(
            blur.clamp(0, 1).numpy(), spread.clamp(0, 1).numpy(), noise.numpy(), (EYE_DISTANCE * size).numpy()
        )

    @staticmethod
    def _noise(levels: Sequence[Levels], points: Sequence[Tensor]) -> Tensor:
        """Deviation of the noise of every face, from the picture's own pixels in its middle: resampled ones
        would look smoother than they are.
        """
        found = [torch.zeros(0)]
        for one, faces in zip(levels, points, strict=True):
            own = torch.zeros(len(faces))
            middle = faces.mean(dim=1)
            extent = (faces[:, 1] - faces[:, 0]).norm(dim=1) * NOISE_REGION
            sides = 2 ** extent.clamp(16, 128).log2().floor().int()
            for side in sides.unique().tolist():
                chosen = sides == side
                corner = (middle[chosen] - side / 2).round()
                turn = torch.eye(2).expand(len(corner), 2, 2)
                crops = cut(one, torch.cat([turn, corner[..., None]], dim=2), (side, side))
                own[chosen] = noise_deviation((crops * LUMA).sum(dim=1, keepdim=True))
            found.append(own)
        return torch.cat(found)
