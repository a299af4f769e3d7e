"""Stand-ins for tests that are about something else than the engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from media_jobs.engine import PictureError

HAPPY = (0.1, 0.65, 0.05, 0.05, 0.05, 0.04, 0.03, 0.03)
POINTS = ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0), (9.0, 10.0))


@dataclass
class FaceWithoutNets:
    box: tuple[float, float, float, float]
    confidence: float = 0.99
    landmarks5: Any = POINTS
    emotions: Sequence[float] = HAPPY


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
