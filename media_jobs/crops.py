"""Small pictures cut around faces."""

import io

from PIL import Image

#: Of the cut, in multiples of the face's box: enough around it for every way in which nets align faces.
GROWTH = 1.6
#: The longer side of a cut picture, in pixels, at most.
LONGEST = 256
QUALITY = 85

Box = tuple[float, float, float, float]


def face_cut(image: Image.Image, box: Box) -> tuple[bytes, Box] | None:
    """A JPEG cut around a face, and the face's box in it, in its pixels.

    image: upright RGB. box: (left, top, width, height) in pixels; what reaches over the edge of the picture
    is left out. None when nothing of the face lies in the picture. Holds no metadata of the picture.
    """
    left, top, width, height = box
    grown = (
        max(0, round(left - width * (GROWTH - 1) / 2)),
        max(0, round(top - height * (GROWTH - 1) / 2)),
        min(image.width, round(left + width * (GROWTH + 1) / 2)),
        min(image.height, round(top + height * (GROWTH + 1) / 2)),
    )
    across, down = grown[2] - grown[0], grown[3] - grown[1]
    if across < 1 or down < 1:
        return None
    scale = min(1.0, LONGEST / max(across, down))
    size = max(1, round(across * scale)), max(1, round(down * scale))
    cut = image.resize(size, Image.Resampling.BICUBIC, grown, reducing_gap=2.0)
    # Pillow would write a comment of the picture's into the cut.
    cut.info = {}
    buffer = io.BytesIO()
    cut.save(buffer, "JPEG", quality=QUALITY)
    sideways, upwards = size[0] / across, size[1] / down
    inside = ((left - grown[0]) * sideways, (top - grown[1]) * upwards, width * sideways, height * upwards)
    return buffer.getvalue(), inside


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (left, top, width, height), 0 to 1."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / (one[2] * one[3] + other[2] * other[3] - across * down)
