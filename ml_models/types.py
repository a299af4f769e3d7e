"""What the engine returns, and the protocol that engines share. Loads neither OpenVINO nor numpy."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ml_models.affect import arousal_of, valence_of
from ml_models.attribute_types import gender_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml_models.attribute_types import FaceAttributes

    #: RGB uint8 (H, W, 3).
    Picture = NDArray[np.uint8]

#: (left, top, width, height) in pixels of the picture; left and top may be fractions.
Box = tuple[float, float, float, float]

#: What a caller may ask of the engine beside box, confidence and the five points.
PARTS: frozenset[str] = frozenset({"emotions", "embedding", "attributes", "landmarks", "quality"})
#: What "attributes" is short for; a caller may name some of them instead. appearance: all but age and gender.
#: What is not named is not computed.
ATTRIBUTE_PARTS: frozenset[str] = frozenset({"age", "gender", "appearance"})


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """The surface of one face and its eyes; pixels of the picture, x to the right and y down.

    mesh: float32 (468, 3), points of MediaPipe's face mesh; z grows away from the camera, in pixels, with its
    zero about the middle of the head's front. iris: float32 (2, 5, 3), left and right iris as seen in the
    picture, each its middle and four points of its rim. points68: float32 (68, 2), iBUG's points in their
    order. confidence: probability in [0, 1] that the mesh lies on a face.
    """

    mesh: NDArray[np.float32]
    iris: NDArray[np.float32]
    points68: NDArray[np.float32]
    confidence: float

    @property
    def named(self) -> dict[str, tuple[float, float]]:
        """The 27 points of Face API by name: `pupilLeft`, `noseTip` ...; left as seen in the picture."""
        from ml_models.landmark_names import NAMED

        irises = {"pupilLeft": self.iris[0, 0], "pupilRight": self.iris[1, 0]}
        points = {n: irises[n] if number is None else self.mesh[number] for n, number in NAMED.items()}
        return {name: (float(point[0]), float(point[1])) for name, point in points.items()}


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Degrees, with the signs of Face API's document (`ml_models.head_pose`): yaw grows as the nose moves to
    the right of the picture, pitch as the face looks up, roll as the head leans clockwise.
    """

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True)
class Eyes:
    """left_open, right_open: in [0, 1], 0 shut, 1 as open as an open eye is; left as seen in the picture.

    gaze_yaw, gaze_pitch: degrees relative to the head, positive to the right of the picture and up.
    """

    left_open: float
    right_open: float
    gaze_yaw: float
    gaze_pitch: float


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the picture of the face is (`ml_models.quality`); the levels are Face API's words.

    blur, exposure, noise: in [0, 1]; the larger the blurrier, brighter, noisier. for_recognition: low, medium
    or high: how far a comparison of the embedding can be trusted; covered eyes or a covered mouth lower it
    where the attributes, which tell them, were asked for too.
    """

    blur: float
    blur_level: str
    exposure: float
    exposure_level: str
    noise: float
    noise_level: str
    for_recognition: str


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in a picture. What was not asked for is None.

    box: (left, top, width, height), float pixels of the picture that was given, inside the picture.
    confidence: probability in [0, 1] that this is a face.
    landmarks5: float32 (5, 2), x and y in pixels of: left eye, right eye, nose, left and right corner of
    the mouth (left and right as seen in the picture); may lie outside a picture whose edge cuts the face.
    emotions: float32 (8,), probabilities in the order of `ml_models.EMOTIONS`; they sum to 1.
    embedding: float32 of length 1, (128,) by the default model; the smaller the Euclidean distance, the
    likelier the same person (`ml_models.recognition` says how likely).
    age: years that people would guess, in [0, 100]. male: probability in [0, 1] that people call the face
    male, otherwise female. attributes: smile, glasses, hair and so on, with age and gender where these were
    asked for too. landmarks, head_pose, eyes: from the face mesh.
    """

    box: Box
    confidence: float
    landmarks5: NDArray[np.float32]
    emotions: NDArray[np.float32] | None = None
    embedding: NDArray[np.float32] | None = None
    age: float | None = None
    male: float | None = None
    attributes: FaceAttributes | None = None
    landmarks: Landmarks | None = None
    head_pose: HeadPose | None = None
    eyes: Eyes | None = None
    quality: Quality | None = None

    @property
    def gender(self) -> str | None:
        """ "male" or "female", whichever people would likelier say."""
        return gender_of(self.male)

    @property
    def gender_confidence(self) -> float | None:
        """Probability in [0.5, 1] of `gender`."""
        return None if self.male is None else max(self.male, 1 - self.male)

    @property
    def smile(self) -> float | None:
        """Probability in [0, 1] that people call the face smiling."""
        return None if self.attributes is None else self.attributes.smile

    @property
    def valence(self) -> float | None:
        """How pleasant the expression looks, in [-1, 1] (`ml_models.affect`)."""
        return None if self.emotions is None else valence_of(self.emotions)

    @property
    def arousal(self) -> float | None:
        """How excited the expression looks, in [0, 1] (`ml_models.affect`)."""
        return None if self.emotions is None else arousal_of(self.emotions)


def check_parts(parts: Collection[str]) -> frozenset[str]:
    """The parts asked for, with those of `ATTRIBUTE_PARTS` in the place of "attributes".

    ValueError for a name that is none of `PARTS` and `ATTRIBUTE_PARTS`.
    """
    wanted = frozenset([parts] if isinstance(parts, str) else parts)
    if unknown := wanted - PARTS - ATTRIBUTE_PARTS:
        raise ValueError(
            f"No part is called {', '.join(sorted(map(repr, unknown)))}: "
            f"choose of {', '.join(sorted(PARTS | ATTRIBUTE_PARTS))}."
        )
    return wanted - {"attributes"} | (ATTRIBUTE_PARTS if "attributes" in wanted else frozenset())


class Engine(Protocol):
    """What `FaceEngine`, `FakeEngine` and any other engine offer."""

    @property
    def model_versions(self) -> Mapping[str, str]:
        """Name of the part -> name and checksum of its weights."""

    def analyze(
        self,
        images: Sequence[Picture],
        boxes: Sequence[Sequence[Box] | None] | None = None,
        parts: Collection[str] = PARTS,
        *,
        detection: Any = None,
        recognition: str | None = None,
        hurry: bool = False,
    ) -> list[list[Face]]:
        """The faces of every picture, largest first. hurry: somebody waits for them."""
