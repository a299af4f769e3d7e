"""Stand-ins for tests that are about something else than the engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

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

    @property
    def gender(self) -> str | None:
        return gender_of(self.male)

    @property
    def gender_confidence(self) -> float | None:
        return None if self.male is None else max(self.male, 1 - self.male)


@dataclass
class EngineWithoutNets:
    """Answers with `faces` faces per picture; fails on the pictures whose width is in `fails_on_width`."""

    faces: int = 1
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
            FaceWithoutNets((width / 4 + n, height / 4, width / 2 - n, height / 2)) for n in range(self.faces)
        ]
