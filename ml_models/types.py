"""What the engine returns, and the protocol that engines share. Loads neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: RGB uint8 (H, W, 3).
    Picture = NDArray[np.uint8]

#: (left, top, width, height) in pixels of the picture; left and top may be fractions.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in a picture.

    box: (left, top, width, height), float pixels of the picture that was given, inside the picture.
    confidence: probability in [0, 1] that this is a face.
    landmarks5: float32 (5, 2), x and y in pixels of: left eye, right eye, nose, left and right corner of
    the mouth (left and right as seen in the picture); may lie outside a picture whose edge cuts the face.
    emotions: float32 (8,), probabilities in the order of `ml_models.EMOTIONS`; they sum to 1.
    """

    box: Box
    confidence: float
    landmarks5: NDArray[np.float32]
    emotions: NDArray[np.float32]


class Engine(Protocol):
    """What `FaceEngine`, `FakeEngine` and any other engine offer."""

    @property
    def model_versions(self) -> Mapping[str, str]:
        """Name of the part -> name and checksum of its weights."""

    def analyze(
        self, images: Sequence[Picture], boxes: Sequence[Sequence[Box] | None] | None = None
    ) -> list[list[Face]]:
        """The faces of every picture, largest first."""
