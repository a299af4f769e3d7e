"""Brings pictures of any colour mode to RGB without losing what they show. Needs Pillow alone."""

from __future__ import annotations

from typing import cast

from PIL import Image


def to_rgb(image: Image.Image) -> Image.Image:
    """The picture in RGB: transparent parts over white, deep grey stretched to what it holds."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep_grey(image)
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        picture = image.convert("RGBA")
        ground = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(ground, picture).convert("RGB")
    return image.convert("RGB")


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and floating grey: stretched from its own darkest to its own brightest value.

    `convert("L")` would clip everything above 255 to white.
    """
    deep = image.convert("F")
    low, high = (float(value) for value in cast(tuple[float, float], deep.getextrema()))
    scale = 255.0 / (high - low) if high > low else 0.0
    return deep.point(lambda value: value * scale - low * scale).convert("L").convert("RGB")
