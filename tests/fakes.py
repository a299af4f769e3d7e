"""Stand-ins for tests that are about something else than the engine."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy
from PIL import Image

from analysis.recognition import photo_model
from media_jobs.engine import PictureError
from ml_models.attribute_types import (
    FaceAttributes,
    FacialHair,
    Glasses,
    Hair,
    Makeup,
    Mask,
    Occlusion,
    gender_of,
)
from ml_models.types import HeadPose, Quality

STRAIGHT = HeadPose(0.0, 0.0, 0.0)
QUALITY = Quality(0.1, "Low", 0.5, "GoodExposure", 0.1, "Low", "high")
POINTS_IN_BOX = ((0.3, 0.35), (0.7, 0.35), (0.5, 0.55), (0.35, 0.75), (0.65, 0.75))
HAPPY = (0.1, 0.65, 0.05, 0.05, 0.05, 0.04, 0.03, 0.03)
POINTS = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0), (9.0, 10.0))
AGE, MALE = 34.5, 0.2
ATTRIBUTES = FaceAttributes(
    age=AGE,
    age_range=(28.0, 41.0),
    male=MALE,
    smile=0.9,
    facial_hair=FacialHair(moustache=0.01, beard=0.02, sideburns=0.03),
    glasses=Glasses(none=0.9, reading=0.08, sunglasses=0.02),
    headwear=0.04,
    mask=Mask(worn=0.05, nose_and_mouth_covered=0.01, kind="noMask"),
    hair=Hair(bald=0.01, invisible=0.02, brown=0.8, blond=0.1, black=0.1, gray=0.03, other=0.05),
    makeup=Makeup(eyes=0.3, lips=0.6),
    occlusion=Occlusion(forehead=0.06, eyes=0.07, mouth=0.08),
)


@dataclass
class FaceWithoutNets:
    box: tuple[float, float, float, float]
    confidence: float = 0.99
    landmarks5: Any = POINTS
    emotions: Sequence[float] | None = HAPPY
    age: float | None = AGE
    male: float | None = MALE
    attributes: FaceAttributes | None = ATTRIBUTES
    embedding: Any = None
    quality: Any = None
    head_pose: Any = STRAIGHT

    @property
    def gender(self) -> str | None:
        return gender_of(self.male)

    @property
    def gender_confidence(self) -> float | None:
        return None if self.male is None else max(self.male, 1 - self.male)


@dataclass
class EngineWithoutNets:
    """Answers with `faces` faces per picture; fails on the pictures whose width is in `fails_on_width`.

    vectors: whether faces have one to be recognised by.
    """

    faces: int = 1
    vectors: bool = False
    fails_on_width: frozenset[int] = frozenset()
    model_versions: dict[str, str] = field(default_factory=lambda: {"emotion": "none"})
    seen: list[tuple[int, int]] = field(default_factory=list)

    def as_array(self, image: Image.Image) -> Any:
        return image

    def analyze(self, pictures: Sequence[Any]) -> list[Any]:
        return [self._answer(picture) for picture in pictures]

    def _answer(self, picture: Image.Image) -> Any:
        self.seen.append(picture.size)
        width, height = picture.size
        if width in self.fails_on_width:
            return PictureError(reason="RuntimeError")
        return [
            FaceWithoutNets(
                (width / 4 + n, height / 4, width / 2 - n, height / 2),
                embedding=embedding_of(n) if self.vectors else None,
            )
            for n in range(self.faces)
        ]


#: A picture for `EngineOfPeople` shows people side by side, each a square of this many pixels.
SQUARE = 200


def people_picture(*persons: int, view: int = 0, form: str = "PNG") -> bytes:
    """A picture of people (numbers 0 to 62) side by side, for `EngineOfPeople`.

    Another view shows the same people a little differently, in other bytes.
    """
    picture = Image.new("RGB", (SQUARE * max(1, len(persons)), SQUARE), (250, 250, 250))
    for place, person in enumerate(persons):
        colour = (4 * person + 2, 4 * (view % 60) + 2, 120)
        picture.paste(colour, (SQUARE * place + 50, 50, SQUARE * place + 150, 150))
        # Noise, so that the file is not smaller than a picture may be.
        state = person * 64 + view + 1
        for x in range(40):
            for y in range(20):
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                value = 200 + (state >> 16) % 40
                picture.putpixel((SQUARE * place + x, y), (value, (value * 7) % 256, value))
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def embedding_of(person: int, view: int = 0, dimension: int = 128) -> list[float]:
    """The vector of a person, of length 1. Views of one person are about 0.25 apart, strangers about 1.4."""
    random = numpy.random.default_rng(person + 1)
    base = random.normal(size=dimension)
    base /= numpy.linalg.norm(base)
    noise = numpy.random.default_rng([person + 1, view + 1]).normal(size=dimension)
    vector = base + 0.18 * noise / numpy.linalg.norm(noise)
    return [float(value) for value in vector / numpy.linalg.norm(vector)]


@dataclass
class EngineOfPeople:
    """Finds the people of `people_picture` in it; who they are is in their colour.

    `quality` is what it says of every face, `head_pose` how every head is turned.
    """

    quality: Quality = QUALITY
    head_pose: HeadPose = STRAIGHT
    model_versions: dict[str, str] = field(
        default_factory=lambda: {"emotion": "none", "recognition": photo_model().version}
    )

    def as_array(self, image: Image.Image) -> Any:
        return image

    def analyze(self, pictures: Sequence[Any], boxes: Any = None) -> list[Any]:
        given = boxes or [None] * len(pictures)
        return [self._answer(*one) for one in zip(pictures, given, strict=True)]

    def _answer(self, picture: Image.Image, boxes: Any) -> list[FaceWithoutNets]:
        rgb = picture.convert("RGB")
        if boxes is None:
            places = range(rgb.width // SQUARE)
            boxes = [(SQUARE * place + 50.0, 50.0, 100.0, 100.0) for place in places]
        faces = []
        for left, top, width, height in boxes:
            red, green, blue = _pixel(rgb, left + width / 2, top + height / 2)
            if abs(blue - 120) > 10:
                continue
            points = tuple((left + x * width, top + y * height) for x, y in POINTS_IN_BOX)
            faces.append(
                FaceWithoutNets(
                    (left, top, width, height),
                    landmarks5=points,
                    embedding=embedding_of(red // 4, green // 4),
                    quality=self.quality,
                    head_pose=self.head_pose,
                )
            )
        return faces


def _pixel(picture: Image.Image, x: float, y: float) -> tuple[int, int, int]:
    red, green, blue = picture.crop((int(x), int(y), int(x) + 1, int(y) + 1)).tobytes()
    return red, green, blue
