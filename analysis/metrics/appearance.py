"""How far away somebody is, and which age group they look like."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Millimetres between the pupils of grown-ups, the mean of Dodgson (2004).
PUPILS_MM = 63.0
#: Degrees that a camera is taken to see along the longer side of its picture.
FIELD_OF_VIEW = 63.0
#: A head that is turned further shows too little of the distance between its pupils (degrees).
YAW_LIMIT = 60.0
#: Age groups and the first year of each.
AGE_GROUPS: tuple[tuple[str, int], ...] = (
    ("Child", 0),
    ("Teen", 13),
    ("Young-Adult", 20),
    ("Adult", 35),
    ("Senior", 65),
)


def distance_cm(
    landmarks: ArrayLike, yaw: ArrayLike, longer_side: float, field_of_view: float = FIELD_OF_VIEW
) -> Floats:
    """Estimated centimetres from the camera, (N,); NaN where a pupil or the yaw is unknown or beyond 60.

    landmarks: (N, 27, 2) pixels, pupils first (`ml_models.landmark_names.NAMED`). longer_side: pixels of the
    frame's longer side. field_of_view: degrees that the camera sees along it. A camera that sees an angle F
    over S pixels has a focal length of S / (2 tan(F / 2)) pixels; a head turned by yaw shows cos(yaw) of the
    distance of its pupils.
    """
    if not longer_side > 0 or not 0 < field_of_view < 180:
        raise ValueError("Give a frame of more than 0 pixels and a field of view between 0 and 180 degrees.")
    pupils = np.asarray(landmarks)[..., :2, :].astype(np.float64)
    turned = np.asarray(yaw, np.float64)
    focal = longer_side / (2 * math.tan(math.radians(field_of_view) / 2))
    apart = np.hypot(*np.moveaxis(pupils[..., 1, :] - pupils[..., 0, :], -1, 0))
    usable = (apart > 0) & (np.abs(turned) <= YAW_LIMIT)
    seen = np.where(usable, apart, np.nan)
    distance: Floats = focal * PUPILS_MM * np.cos(np.radians(turned)) / seen / 10
    return distance


def age_group(age: float | None) -> str | None:
    """The group of an age in years: Child, Teen, Young-Adult, Adult or Senior; None when it is unknown."""
    if age is None or not math.isfinite(age):
        return None
    return [name for name, first in AGE_GROUPS if first == 0 or age >= first][-1]


def age_groups(ages: ArrayLike) -> list[str | None]:
    """`age_group` of each of N ages."""
    return [age_group(float(age)) for age in np.asarray(ages, np.float64)]
