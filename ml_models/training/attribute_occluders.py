"""Paints things before faces in training pictures: masks, sunglasses, hands, bars.

Labels for covered foreheads, eyes and mouths hardly exist, so the network learns them from faces that are
covered on purpose. Places are given in the face's own frame: the origin between the eyes, x to the right eye
of the picture, y down, both in distances between the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.floating]

#: What cannot be told any more when the mouth is covered, or the eyes, or the forehead.
OF_MOUTH = ("Smiling", "Mouth_Slightly_Open", "Mustache", "Goatee", "No_Beard", "5_o_Clock_Shadow",
            "Wearing_Lipstick", "High_Cheekbones")  # fmt: skip
OF_EYES = ("Eyeglasses", "sunglasses", "Arched_Eyebrows", "Bushy_Eyebrows", "Heavy_Makeup")
OF_FOREHEAD = ("Bangs", "Receding_Hairline", "Wearing_Hat")

MASK_TOP = np.array([[-0.85, 0.45], [-0.35, 0.42], [0.0, 0.32], [0.35, 0.42], [0.85, 0.45]])
LOW_MASK_TOP = np.array([[-0.8, 0.95], [-0.35, 0.85], [0.0, 0.82], [0.35, 0.85], [0.8, 0.95]])
MASK_BOTTOM = np.array([[0.8, 1.2], [0.4, 1.75], [0.0, 1.85], [-0.4, 1.75], [-0.8, 1.2]])
#: Medical blue and green, white, black, grey; others are drawn at random.
MASK_COLOURS = ((150, 190, 215), (165, 210, 200), (235, 235, 235), (25, 25, 28), (120, 120, 125))
SKIN = ((225, 180, 150), (190, 140, 110), (140, 95, 70), (90, 60, 45))


@dataclass
class Occluder:
    """Polygons in the face's frame, a colour, and what becomes of the labels: True, False or None
    (unknown).
    """

    polygons: list[Floats]
    colour: tuple[int, int, int]
    labels: dict[str, bool | None] = field(default_factory=dict)
    opacity: float = 1.0
    texture: float = 10.0


def ellipse(x: float, y: float, width: float, height: float, power: float = 2.0) -> Floats:
    """The outline of an ellipse, (24, 2); a higher power is more of a rectangle."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    outline = np.stack(
        [np.sign(cosine) * np.abs(cosine) ** (2 / power), np.sign(sine) * np.abs(sine) ** (2 / power)], axis=1
    )
    return np.asarray(outline * [width / 2, height / 2] + [x, y])


def _colour(rng: np.random.Generator, some: tuple[tuple[int, int, int], ...]) -> tuple[int, int, int]:
    if rng.random() < 0.35:
        red, green, blue = rng.integers(0, 256, 3).tolist()
    else:
        red, green, blue = some[int(rng.integers(len(some)))]
    return red, green, blue


def mask(rng: np.random.Generator) -> Occluder:
    """A face mask; one in four hangs below the nose."""
    low = rng.random() < 0.25
    top = (LOW_MASK_TOP if low else MASK_TOP) + [0, rng.uniform(-0.08, 0.08)]
    outline = np.concatenate([top, MASK_BOTTOM * [rng.uniform(0.9, 1.1), rng.uniform(0.92, 1.1)]])
    labels: dict[str, bool | None] = dict.fromkeys(OF_MOUTH)
    labels |= {"mask": True, "nose_and_mouth_covered": not low, "mouth_occluded": True}
    outline = outline + rng.normal(0, 0.03, outline.shape)
    return Occluder([outline], _colour(rng, MASK_COLOURS), labels, texture=rng.uniform(3, 25))


def sunglasses(rng: np.random.Generator) -> Occluder:
    """Two dark lenses and the bridge between them."""
    width, height, power = rng.uniform(0.65, 0.95), rng.uniform(0.4, 0.75), rng.uniform(2, 5)
    y = rng.uniform(0.0, 0.12)
    lenses = [ellipse(side * 0.5, y, width, height, power) for side in (-1, 1)]
    bridge = np.array([[-0.2, y - 0.1], [0.2, y - 0.1], [0.2, y], [-0.2, y]])
    arms = [
        np.array([[s * 0.8, y - 0.1], [s * 1.15, y - 0.12], [s * 1.15, y - 0.04], [s * 0.8, y]])
        for s in (-1, 1)
    ]
    shade, tint = rng.integers(5, 60), rng.integers(0, 35, 3).tolist()
    colour = (int(shade + tint[0]), int(shade + tint[1]), int(shade + tint[2]))
    labels: dict[str, bool | None] = {"Eyeglasses": True, "sunglasses": True, "eye_occluded": True}
    labels |= {"Arched_Eyebrows": None, "Bushy_Eyebrows": None}
    return Occluder([*lenses, bridge, *arms], colour, labels, rng.uniform(0.8, 1.0), 8.0)


def blob(rng: np.random.Generator, x: float, y: float, width: float, height: float) -> Floats:
    """A turned, uneven ellipse or rectangle about a place."""
    outline = ellipse(
        0, 0, width * rng.uniform(0.9, 1.3), height * rng.uniform(0.9, 1.3), rng.uniform(1.6, 6)
    )
    outline = outline * (1 + rng.normal(0, 0.05, (len(outline), 1)))
    turn = rng.uniform(-0.4, 0.4)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.asarray(outline @ matrix + [x, y])


def thing(rng: np.random.Generator, where: str) -> Occluder:
    """A hand, a bar or anything else before "mouth", "eyes", "forehead", or "elsewhere" beside them."""
    labels: dict[str, bool | None]
    if where == "mouth":
        labels = dict.fromkeys(OF_MOUTH) | {"mouth_occluded": True, "nose_and_mouth_covered": None}
        outline = blob(rng, rng.uniform(-0.15, 0.15), rng.uniform(1.0, 1.25), 0.95, 0.6)
    elif where == "eyes":
        labels = dict.fromkeys(OF_EYES) | {"eye_occluded": True}
        if rng.random() < 0.5:
            outline = blob(rng, 0.5 * rng.choice([-1, 1]), rng.uniform(-0.05, 0.1), 0.6, 0.5)
        else:
            outline = blob(rng, 0, rng.uniform(-0.05, 0.1), 2.0, 0.45)
    elif where == "forehead":
        labels = dict.fromkeys(OF_FOREHEAD) | {"forehead_occluded": True}
        outline = blob(rng, rng.uniform(-0.2, 0.2), rng.uniform(-0.85, -0.65), 1.6, 0.65)
    else:
        labels = {}
        side = rng.choice([-1, 1])
        outline = blob(rng, side * rng.uniform(1.0, 1.6), rng.uniform(0.6, 1.6), 0.6, 0.6)
    return Occluder([outline], _colour(rng, SKIN), labels, texture=rng.uniform(3, 30))


def random_occluder(rng: np.random.Generator) -> Occluder:
    """Any of them."""
    kind = rng.choice(
        ["mask", "sunglasses", "mouth", "eyes", "forehead", "elsewhere"], p=[0.2, 0.15, 0.2, 0.15, 0.15, 0.15]
    )
    if kind == "mask":
        return mask(rng)
    return sunglasses(rng) if kind == "sunglasses" else thing(rng, str(kind))


def paint(picture: Pixels, points: Floats, occluder: Occluder, rng: np.random.Generator) -> Pixels:
    """The picture (H, W, 3) with the occluder before the face whose five points (5, 2) are given."""
    middle, across = (points[0] + points[1]) / 2, points[1] - points[0]
    # Down the face is towards the mouth, even where the head is turned and the eyes seem near each other.
    down = (points[3] + points[4]) / 2 - middle
    size = max(float(np.hypot(*across)), 0.9 * float(np.hypot(*down)), 2.0)
    across = across / max(float(np.hypot(*across)), 1e-3) * size
    frame = np.stack([across, np.array([-across[1], across[0]])])
    cover = np.zeros(picture.shape[:2], dtype=np.uint8)
    for polygon in occluder.polygons:
        corners = np.clip(polygon @ frame + middle, -4000, 4000)
        cv2.fillPoly(cover, [np.rint(corners * 8).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=3)
    rows, columns = picture.shape[:2]
    coarse = rng.normal(0, occluder.texture, (max(2, rows // 8), max(2, columns // 8), 1)).astype(np.float32)
    shade = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_LINEAR)[:, :, None]
    layer = np.array(occluder.colour, dtype=np.float32) + shade
    share = cover[:, :, None].astype(np.float32) / 255 * occluder.opacity
    mixed = picture * (1 - share) + layer * share
    return np.clip(mixed, 0, 255).astype(np.uint8)
