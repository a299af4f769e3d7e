"""Faces as the native API shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analysis.face_json import LANDMARK_NAMES, box_as_json, landmarks_as_json
from analysis.models import Face
from emotionsite.api.examples import example
from ml_models import EMOTIONS


class BoxSerializer(serializers.Serializer[Any]):
    """A rectangle in pixels of the upright picture; it may reach over the edge."""

    left = serializers.FloatField(read_only=True)
    top = serializers.FloatField(read_only=True)
    width = serializers.FloatField(read_only=True)
    height = serializers.FloatField(read_only=True)


class PointSerializer(serializers.Serializer[Any]):
    """A point in pixels of the upright picture."""

    x = serializers.FloatField(read_only=True)
    y = serializers.FloatField(read_only=True)


def _named(name: str, names: tuple[str, ...], make: Any, doc: str) -> type[serializers.Serializer[Any]]:
    """A serializer with one field per name of a list that is kept elsewhere."""
    return type(name, (serializers.Serializer,), {"__doc__": doc, **{field: make() for field in names}})


LandmarksSerializer = _named(
    "LandmarksSerializer",
    LANDMARK_NAMES,
    lambda: PointSerializer(read_only=True),
    "Five points of a face, left and right as the viewer sees them.",
)
EmotionsSerializer = _named(
    "EmotionsSerializer",
    EMOTIONS,
    lambda: serializers.FloatField(read_only=True, min_value=0, max_value=1),
    "How likely people who look at the face would name each emotion; the eight add up to 1.",
)


def _share() -> serializers.FloatField:
    return serializers.FloatField(read_only=True, min_value=0, max_value=1)


def _shares(name: str, names: tuple[str, ...], doc: str, **more: Any) -> type[serializers.Serializer[Any]]:
    made = _named(name, names, _share, doc)
    return type(name, (made,), {"__doc__": doc, **more})


GlassesSerializer = _shares(
    "GlassesSerializer",
    ("none", "reading", "sunglasses"),
    "Probabilities of no glasses, clear ones and dark ones, which add up to 1; `kind` is the likeliest.",
    kind=serializers.ChoiceField(["NoGlasses", "ReadingGlasses", "Sunglasses"], read_only=True),
)
MaskSerializer = _shares(
    "MaskSerializer",
    ("worn", "nose_and_mouth_covered"),
    "Probability of a face mask, and that it covers nose and mouth.",
    kind=serializers.ChoiceField(["noMask", "faceMask", "otherMaskOrOcclusion", "uncertain"], read_only=True),
)
FacialHairSerializer = _shares(
    "FacialHairSerializer", ("moustache", "beard", "sideburns"), "Probabilities, each for itself."
)
HairSerializer = _shares(
    "HairSerializer",
    ("bald", "invisible", "brown", "blond", "black", "gray", "other"),
    "Probabilities, each for itself: no hair, hair under a hat, and the colours.",
)
MakeupSerializer = _shares("MakeupSerializer", ("eyes", "lips"), "Probabilities of visible make-up.")
OcclusionSerializer = _shares(
    "OcclusionSerializer", ("forehead", "eyes", "mouth"), "Probabilities that something hides this."
)


@example(
    {
        "smile": 0.0312,
        "glasses": {"kind": "NoGlasses", "none": 0.9711, "reading": 0.0253, "sunglasses": 0.0036},
        "headwear": 0.9893,
        "mask": {"kind": "noMask", "worn": 0.0021, "nose_and_mouth_covered": 0.0013},
        "facial_hair": {"moustache": 0.0061, "beard": 0.0042, "sideburns": 0.0027},
        "hair": {
            "bald": 0.0011,
            "invisible": 0.3341,
            "brown": 0.0413,
            "blond": 0.0125,
            "black": 0.0981,
            "gray": 0.5241,
            "other": 0.4062,
        },
        "makeup": {"eyes": 0.1284, "lips": 0.2315},
        "occlusion": {"forehead": 0.5312, "eyes": 0.0124, "mouth": 0.0087},
    }
)
class AttributesSerializer(serializers.Serializer[Any]):
    """How a face looks in this picture. Numbers are probabilities; `kind` names the likeliest."""

    smile = _share()
    glasses = GlassesSerializer(read_only=True)
    headwear = _share()
    mask = MaskSerializer(read_only=True)
    facial_hair = FacialHairSerializer(read_only=True)
    hair = HairSerializer(read_only=True)
    makeup = MakeupSerializer(read_only=True)
    occlusion = OcclusionSerializer(read_only=True)


@example(
    {
        "subject_id": "1d9b2f4e-7c55-4a55-9d0c-6f1a2b3c4d5e",
        "gallery_id": "5b7f6f0a-2a3f-4e0c-8a39-9f6c0a1b2c3d",
        "name": "Grace Hopper",
        "confidence": 0.9731,
        "by": "machine",
    }
)
class PersonSerializer(serializers.Serializer[Any]):
    """Whose face it is, and who says so. `confidence` is the machine's; null for a person's word."""

    subject_id = serializers.UUIDField(read_only=True)
    gallery_id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    confidence = serializers.FloatField(read_only=True, min_value=0, max_value=1, allow_null=True)
    by = serializers.ChoiceField(["machine", "person"], read_only=True)


@example(
    {
        "id": "8e16d2f4-f529-4364-a7cc-f311d2068e71",
        "number": 1,
        "box": {"left": 172.06, "top": 110.6, "width": 184.48, "height": 229.92},
        "confidence": 0.99995,
        "landmarks": {
            "left_eye": {"x": 220.47, "y": 193.87},
            "right_eye": {"x": 307.64, "y": 188.7},
            "nose": {"x": 267.38, "y": 240.48},
            "mouth_left": {"x": 234.17, "y": 279.87},
            "mouth_right": {"x": 308.51, "y": 275.51},
        },
        "strongest": "neutral",
        "emotions": {
            "neutral": 0.7362,
            "happiness": 0.0294,
            "surprise": 0.0015,
            "sadness": 0.1912,
            "anger": 0.0227,
            "disgust": 0.0074,
            "fear": 0.001,
            "contempt": 0.0106,
        },
        "age": 61.3,
        "gender": "female",
        "gender_confidence": 0.9327,
        "attributes": example.of(AttributesSerializer),
        "person": example.of(PersonSerializer),
        "unnamed_id": None,
    }
)
class FaceSerializer(serializers.ModelSerializer[Face]):
    """A face in a photo, numbered from 1 by size. What the team has switched off is null."""

    box = serializers.SerializerMethodField()
    landmarks = serializers.SerializerMethodField()
    strongest = serializers.SerializerMethodField()
    emotions = serializers.SerializerMethodField()
    gender = serializers.SerializerMethodField()
    attributes = serializers.SerializerMethodField()
    person = PersonSerializer(read_only=True, allow_null=True, help_text="null for nobody that is known")
    unnamed_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text="the unnamed person it was grouped with"
    )

    class Meta:
        model = Face
        fields = [
            *("id", "number", "box", "confidence", "landmarks", "strongest", "emotions", "age"),
            *("gender", "gender_confidence", "attributes", "person", "unnamed_id"),
        ]

    @extend_schema_field(BoxSerializer)
    def get_box(self, face: Face) -> dict[str, float]:
        return box_as_json(face.left, face.top, face.width, face.height)

    @extend_schema_field(LandmarksSerializer)
    def get_landmarks(self, face: Face) -> dict[str, dict[str, float]]:
        return landmarks_as_json(list(zip(face.landmarks[::2], face.landmarks[1::2], strict=True)))

    @extend_schema_field(EmotionsSerializer(allow_null=True))
    def get_emotions(self, face: Face) -> dict[str, Any] | None:
        return face.emotions

    @extend_schema_field(serializers.ChoiceField(EMOTIONS, allow_null=True))
    def get_strongest(self, face: Face) -> str | None:
        return face.strongest or None

    @extend_schema_field(serializers.ChoiceField(("female", "male"), allow_null=True))
    def get_gender(self, face: Face) -> str | None:
        return face.gender or None

    @extend_schema_field(AttributesSerializer(allow_null=True))
    def get_attributes(self, face: Face) -> dict[str, Any] | None:
        return face.attributes


@example(
    {
        **example.of(FaceSerializer),
        "media_id": "fbe4a2aa-bae6-446a-8553-2d492fd808a4",
        "created_at": "2026-11-22T09:17:04.402113Z",
    }
)
class FoundFaceSerializer(FaceSerializer):
    """A face with the photo it is in."""

    media_id = serializers.UUIDField(read_only=True)

    class Meta(FaceSerializer.Meta):
        fields = [*FaceSerializer.Meta.fields, "media_id", "created_at"]
