"""faceAttributes in the words, types and ranges of the table."""

from typing import Any

import pytest

from compat.face_v1.attributes import ATTRIBUTES, attributes_of
from compat.face_v1.errors import ATTRIBUTES as SAID
from media_jobs.detect import PARTS
from media_jobs.detect_work import face_as_json
from ml_models import EMOTIONS
from ml_models.attribute_types import (
    FaceAttributes,
    FacialHair,
    Glasses,
    Hair,
    Makeup,
    Mask,
    Occlusion,
)
from ml_models.quality_limits import BLUR_LEVELS, EXPOSURE_LEVELS, NOISE_LEVELS
from ml_models.types import HeadPose, Quality
from tests.fakes import FaceWithoutNets

DOCUMENTED = [
    *(
        "age",
        "gender",
        "headPose",
        "smile",
        "facialHair",
        "glasses",
        "emotion",
        "hair",
        "makeup",
        "occlusion",
    ),
    *("accessories", "blur", "exposure", "noise"),
]
EMOTION_VALUES = (0.013, 0.394, 0.0, 0.004, 0.008, 0.006, 0.575, 0.0)
LATER = ["mask", "qualityForRecognition"]


def described(**changes: Any) -> dict[str, Any]:
    """A face as a worker describes it, with some attributes changed."""
    fields: dict[str, Any] = {
        "age": 71.04,
        "age_range": (60.0, 80.0),
        "male": 0.9,
        "smile": 0.8812,
        "facial_hair": FacialHair(0.8, 0.1, 0.02),
        "glasses": Glasses(none=0.01, reading=0.09, sunglasses=0.9),
        "headwear": 0.99,
        "mask": Mask(worn=0.87, nose_and_mouth_covered=0.6, kind="faceMask"),
        "hair": Hair(bald=0.0, invisible=0.1, brown=0.9, blond=0.88, black=0.48, gray=0.07, other=0.11),
        "makeup": Makeup(eyes=0.5, lips=0.4999),
        "occlusion": Occlusion(forehead=0.2, eyes=0.7, mouth=0.5),
        **changes,
    }
    face = FaceWithoutNets(
        (394.2, 54.1, 78.3, 78.0),
        age=fields["age"],
        male=fields["male"],
        attributes=FaceAttributes(**fields),
        quality=Quality(0.5143, "Medium", 0.55, "GoodExposure", 0.12, "Low", "medium"),
        head_pose=HeadPose(yaw=3.04, pitch=-1.66, roll=2.1),
        emotions=EMOTION_VALUES,
    )
    return face_as_json(1, face, set(PARTS) - {"landmarks"})


def said(*names: str, **changes: Any) -> Any:
    """What is said of one attribute, or of several."""
    values = attributes_of(described(**changes), names)
    return values[names[0]] if len(names) == 1 else values


def test_the_sixteen_attributes_are_those_of_the_table_and_of_the_error() -> None:
    assert list(ATTRIBUTES) == [*DOCUMENTED, *LATER]
    assert SAID.replace(" and ", ", ").split(", ") == list(ATTRIBUTES)


def test_all_of_them_have_the_structure_of_the_document() -> None:
    assert attributes_of(described(), ATTRIBUTES) == {
        "age": 71.0,
        "gender": "male",
        "headPose": {"pitch": -1.7, "roll": 2.1, "yaw": 3.0},
        "smile": 0.881,
        "facialHair": {"moustache": 0.8, "beard": 0.1, "sideburns": 0.02},
        "glasses": "Sunglasses",
        "emotion": dict(zip(EMOTIONS, EMOTION_VALUES, strict=True)),
        "hair": {
            "bald": 0.0,
            "invisible": False,
            "hairColor": [
                {"color": "brown", "confidence": 0.9},
                {"color": "blond", "confidence": 0.88},
                {"color": "black", "confidence": 0.48},
                {"color": "other", "confidence": 0.11},
                {"color": "gray", "confidence": 0.07},
            ],
        },
        "makeup": {"eyeMakeup": True, "lipMakeup": False},
        "occlusion": {"foreheadOccluded": False, "eyeOccluded": True, "mouthOccluded": True},
        "accessories": [
            {"type": "headwear", "confidence": 0.99},
            {"type": "glasses", "confidence": 0.99},
            {"type": "mask", "confidence": 0.87},
        ],
        "blur": {"blurLevel": "Medium", "value": 0.514},
        "exposure": {"exposureLevel": "GoodExposure", "value": 0.55},
        "noise": {"noiseLevel": "Low", "value": 0.12},
        "mask": {"type": "faceMask", "noseAndMouthCovered": True},
        "qualityForRecognition": "Medium",
    }


def test_the_emotions_are_the_eight_of_the_document() -> None:
    names = ["anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
    assert list(said("emotion")) == names


@pytest.mark.parametrize(
    ("none", "reading", "dark", "word"),
    [(0.9, 0.1, 0.0, "NoGlasses"), (0.1, 0.8, 0.1, "ReadingGlasses"), (0.1, 0.1, 0.8, "Sunglasses")],
)
def test_glasses_are_one_word_and_an_accessory_where_there_are_some(
    none: float, reading: float, dark: float, word: str
) -> None:
    glasses = Glasses(none=none, reading=reading, sunglasses=dark)
    assert said("glasses", glasses=glasses) == word
    worn = [one["type"] for one in said("accessories", glasses=glasses)]
    assert ("glasses" in worn) == (word != "NoGlasses")


def test_who_wears_nothing_has_no_accessories() -> None:
    nothing = {
        "glasses": Glasses(none=0.8, reading=0.1, sunglasses=0.1),
        "headwear": 0.3,
        "mask": Mask(worn=0.2, nose_and_mouth_covered=0.1, kind="noMask"),
    }
    assert said("accessories", **nothing) == []
    assert said("mask", **nothing) == {"type": "noMask", "noseAndMouthCovered": False}


def test_of_hair_that_is_not_seen_no_colour_is_named() -> None:
    hair = Hair(bald=0.2, invisible=0.7, brown=0.9, blond=0.1, black=0.1, gray=0.1, other=0.1)
    assert said("hair", hair=hair) == {"bald": 0.2, "invisible": True, "hairColor": []}


def test_levels_are_words_of_the_table() -> None:
    blur, noise, exposure = (
        {name for name, _ in levels} for levels in (BLUR_LEVELS, NOISE_LEVELS, EXPOSURE_LEVELS)
    )
    assert blur == noise == {"Low", "Medium", "High"}
    assert exposure == {"UnderExposure", "GoodExposure", "OverExposure"}


def test_what_was_not_computed_is_absent() -> None:
    face = described() | {"age": None, "gender": None, "emotions": None}
    assert set(attributes_of(face, ATTRIBUTES)) == set(ATTRIBUTES) - {"age", "gender", "emotion"}


def test_only_the_attributes_that_are_named_are_said_in_the_order_in_which_they_are() -> None:
    assert list(attributes_of(described(), ["smile", "age"])) == ["smile", "age"]


def test_the_engine_names_hair_colours_that_the_document_knows() -> None:
    colours = {one["color"] for one in said("hair")["hairColor"]}
    assert colours == {"brown", "blond", "black", "gray", "other"}
    assert colours <= {"unknown", "white", "gray", "blond", "brown", "red", "black", "other"}
