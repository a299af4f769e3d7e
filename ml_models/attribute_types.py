"""What the engine says of a face's attributes. Loads neither OpenVINO nor numpy.

Probabilities are calibrated: of many faces given 0.8, about eight in ten are so (docs/models/attributes.md
says how well). They say how a face looks in this picture, not who or what a person is.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Ages are whole years from 0 to this one in the network.
OLDEST = 100
#: The yes/no labels of CelebA that are learnt; those that judge people (attractive, chubby ...) are not.
CELEBA_LABELS: tuple[str, ...] = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair",
    "Bushy_Eyebrows", "Eyeglasses", "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones",
    "Mouth_Slightly_Open", "Mustache", "No_Beard", "Receding_Hairline", "Sideburns", "Smiling",
    "Straight_Hair", "Wavy_Hair", "Wearing_Hat", "Wearing_Lipstick",
)  # fmt: skip
#: Labels of our own making (docs/models/attributes.md).
OWN_LABELS: tuple[str, ...] = (
    "sunglasses", "mask", "nose_and_mouth_covered", "forehead_occluded", "eye_occluded", "mouth_occluded"
)  # fmt: skip
#: What the network's yes/no outputs mean, in their order.
LABELS: tuple[str, ...] = CELEBA_LABELS + OWN_LABELS


def gender_of(male: float | None) -> str | None:
    """The likelier of male and female for the probability of being called male; None for None."""
    if male is None:
        return None
    return "male" if male >= 0.5 else "female"


@dataclass(frozen=True, slots=True)
class FacialHair:
    """Probabilities in [0, 1] that there is a moustache, a beard of any kind, sideburns."""

    moustache: float
    beard: float
    sideburns: float


@dataclass(frozen=True, slots=True)
class Glasses:
    """Probabilities in [0, 1] that sum to 1: no glasses, clear ones, dark ones (or goggles)."""

    none: float
    reading: float
    sunglasses: float

    @property
    def kind(self) -> str:
        """The likeliest, in Face API's words: NoGlasses, ReadingGlasses or Sunglasses.

        SwimmingGoggles is never answered: no set labels them, and they are taken for sunglasses.
        """
        if self.none >= 0.5:
            return "NoGlasses"
        return "Sunglasses" if self.sunglasses > self.reading else "ReadingGlasses"


@dataclass(frozen=True, slots=True)
class Hair:
    """Probabilities in [0, 1], each for itself.

    bald: no hair on the head, or nearly. invisible: headwear covers the hair so that no colour is seen. The
    colours: that people would call the hair so; several may be likely. other: none of those four. Red and
    white hair have no labels to learn from: red falls under brown, blond or other, white under gray or blond.
    """

    bald: float
    invisible: float
    brown: float
    blond: float
    black: float
    gray: float
    other: float

    @property
    def colours(self) -> tuple[tuple[str, float], ...]:
        """Colours and their probabilities, the likeliest first."""
        named = [(name, getattr(self, name)) for name in ("brown", "blond", "black", "gray", "other")]
        return tuple(sorted(named, key=lambda pair: -pair[1]))


@dataclass(frozen=True, slots=True)
class Makeup:
    """Probabilities in [0, 1] that the eyes and the lips are visibly made up."""

    eyes: float
    lips: float


@dataclass(frozen=True, slots=True)
class Occlusion:
    """Probabilities in [0, 1] that something hides the forehead (a fringe or a hat too), an eye (dark glasses
    too) or the mouth (a mask too).
    """

    forehead: float
    eyes: float
    mouth: float


@dataclass(frozen=True, slots=True)
class Mask:
    """worn: probability in [0, 1] of a face mask, wherever it hangs. nose_and_mouth_covered: that it covers
    both. kind: Face API's word, of noMask, faceMask, otherMaskOrOcclusion (something else hides the mouth)
    and uncertain.
    """

    worn: float
    nose_and_mouth_covered: float
    kind: str


@dataclass(frozen=True, slots=True)
class FaceAttributes:
    """How one face looks. age, age_range and male are None when nobody asked for them.

    age: years in [0, 100] that people would guess. age_range: years between which the age lies for eight of
    ten such faces. male: probability in [0, 1] that people call the face male, otherwise female. smile:
    in [0, 1], probability that people call it smiling. headwear: probability in [0, 1] of a hat, cap, helmet
    or scarf on the head.
    """

    age: float | None
    age_range: tuple[float, float] | None
    male: float | None
    smile: float
    facial_hair: FacialHair
    glasses: Glasses
    headwear: float
    mask: Mask
    hair: Hair
    makeup: Makeup
    occlusion: Occlusion

    @property
    def gender(self) -> str | None:
        """The likelier of male and female, as the training data names them."""
        return gender_of(self.male)

    @property
    def accessories(self) -> tuple[tuple[str, float], ...]:
        """Face API's accessories that are likelier worn than not, of headwear, glasses and mask, with
        their probabilities.
        """
        found = (("headwear", self.headwear), ("glasses", 1 - self.glasses.none), ("mask", self.mask.worn))
        return tuple((name, value) for name, value in found if value >= 0.5)
