"""Faces as plain JSON: the same words for stored faces and for those that are detected and forgotten."""

from collections.abc import Sequence
from typing import Any

LANDMARK_NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


def box_as_json(left: float, top: float, width: float, height: float) -> dict[str, float]:
    """A box in pixels, rounded to hundredths."""
    values = {"left": left, "top": top, "width": width, "height": height}
    return {name: round(float(value), 2) for name, value in values.items()}


def landmarks_as_json(points: Sequence[Any]) -> dict[str, dict[str, float]]:
    """The five points, each as x and y in pixels."""
    return {name: point_as_json(*point) for name, point in zip(LANDMARK_NAMES, points, strict=True)}


def point_as_json(x: float, y: float) -> dict[str, float]:
    """A point in pixels, rounded to hundredths."""
    return {"x": round(float(x), 2), "y": round(float(y), 2)}
