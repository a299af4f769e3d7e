"""What a picture of a face must have for recognition; the numbers alone, without what measures them.

Loads no network and no OpenCV: the web process says by these why a picture is poor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Levels with the value from which each holds, as Face API draws the lines.
BLUR_LEVELS = (("Low", 0.0), ("Medium", 0.25), ("High", 0.75))
EXPOSURE_LEVELS = (("UnderExposure", 0.0), ("GoodExposure", 0.25), ("OverExposure", 0.75))
NOISE_LEVELS = (("Low", 0.0), ("Medium", 0.3), ("High", 0.7))
#: Probability from which eyes or a mouth count as covered.
COVERED = 0.5
#: Where MTCNN's five points stand in the crop that is measured: eyes 40 px apart. What is inside is face on
#: nearly everybody: brows to lower lip, between the temples.
TEMPLATE_POINTS = ((16.0, 20.0), (56.0, 20.0), (36.0, 42.0), (19.5, 62.0), (52.5, 62.0))
EYE_DISTANCE = 40.0


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
    "medium": Limits(15.0, 45.0, 40.0, 0.68, 0.65, any_exposure=True, occluded=False),
}


def level(value: float, levels: Sequence[tuple[str, float]]) -> str:
    """The last level whose start the value reaches."""
    return next(name for name, start in reversed(levels) if value >= start or start == 0.0)


def eye_distance(points: Sequence[tuple[float, float]]) -> float:
    """How far apart the eyes of a face are in pixels, as all five points (left eye, right eye, nose, left and
    right corner of the mouth) say it: a head that is turned brings the eyes together and not the mouth.

    Least squares, as in `ml_models.alignment.similarities`. ValueError for another number of points.
    """
    own = [complex(x, y) for x, y in TEMPLATE_POINTS]
    theirs = [complex(x, y) for x, y in points]
    if len(theirs) != len(own):
        raise ValueError(f"A face has {len(own)} points, and here are {len(theirs)}.")
    middle, centre = sum(own) / len(own), sum(theirs) / len(theirs)
    spread = sum(abs(one - middle) ** 2 for one in own)
    turn = sum((one - middle).conjugate() * (two - centre) for one, two in zip(own, theirs, strict=True))
    return EYE_DISTANCE * abs(turn) / spread
