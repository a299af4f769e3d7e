"""Bodies of `/api/v1/detect`."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analysis.api.serializers import (
    AttributesSerializer,
    BoxSerializer,
    EmotionsSerializer,
    LandmarksSerializer,
    PointSerializer,
)
from emotionsite.api.examples import example
from media_jobs.detect import (
    DETECTIONS,
    LONGEST_DEADLINE,
    LONGEST_KEPT,
    PARTS,
    SHORTEST_KEPT,
    USUAL_PARTS,
)
from ml_models import EMOTIONS


@extend_schema_field(
    {
        "type": "array",
        "minItems": 1,
        "items": {"type": "string", "enum": list(PARTS)},
        "default": list(USUAL_PARTS),
    }
)
class PartsField(serializers.Field[Any, Any, Any, Any]):
    """Names of `PARTS`, as a list or with commas between."""

    default_error_messages = {
        "wrong": "Send some of {known}, with commas between two.",
    }

    def to_internal_value(self, data: Any) -> list[str]:
        names = data.split(",") if isinstance(data, str) else data
        if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
            self.fail("wrong", known=", ".join(PARTS))
        wanted = {name.strip() for name in names}
        if wanted - PARTS.keys():
            self.fail("wrong", known=", ".join(PARTS))
        return [name for name in PARTS if name in wanted]

    def to_representation(self, value: Any) -> Any:
        return value


class OptionsSerializer(serializers.Serializer[Any]):
    """Options of a detection. What the body says counts, then what the address says."""

    detection = serializers.ChoiceField(
        DETECTIONS,
        required=False,
        help_text="How faces are found: 01 as in photos, 02 small and turned ones too, 03 rotated ones too.",
    )
    max_faces = serializers.IntegerField(
        required=False, min_value=1, max_value=1000, help_text="Only so many, the largest first."
    )
    deadline = serializers.FloatField(
        required=False, min_value=0.1, max_value=LONGEST_DEADLINE, help_text="Seconds to wait at most."
    )
    keep_faces = serializers.IntegerField(
        required=False,
        min_value=SHORTEST_KEPT,
        max_value=LONGEST_KEPT,
        help_text="Keep each face, its vector and box, for so many seconds under a `face_id`.",
    )
    recognition = serializers.CharField(
        required=False,
        max_length=80,
        help_text="Recognition model of the faces that are kept; the usual one without it.",
    )

    def get_fields(self) -> dict[str, Any]:
        # The name is a word of Python's, so it cannot stand in the body of a class.
        return {"return": PartsField(required=False), **super().get_fields()}


@example({"url": "https://example.org/photo.jpg", "return": ["emotions", "age"], "max_faces": 5})
class DetectSerializer(OptionsSerializer):
    """Where to fetch the picture from, with options."""

    url = serializers.CharField(
        required=False, max_length=2000, help_text="http or https address of a picture."
    )


@example({"file": "grace_hopper.jpg", "return": "emotions,age,gender"})
class DetectFormSerializer(OptionsSerializer):
    """A picture with options."""

    file = serializers.FileField(help_text="One JPEG, PNG, GIF, BMP, WebP, HEIC or TIFF picture.")


class HeadPoseSerializer(serializers.Serializer[Any]):
    """Degrees: yaw grows as the nose moves to the right of the picture, pitch as the face looks up, roll as
    the head leans clockwise."""

    yaw = serializers.FloatField(read_only=True)
    pitch = serializers.FloatField(read_only=True)
    roll = serializers.FloatField(read_only=True)


class LevelSerializer(serializers.Serializer[Any]):
    """A value between 0 and 1 and its level in a word."""

    value = serializers.FloatField(read_only=True)
    level = serializers.CharField(read_only=True)


class QualitySerializer(serializers.Serializer[Any]):
    """How good the picture of the face is."""

    blur = LevelSerializer(read_only=True)
    exposure = LevelSerializer(read_only=True)
    noise = LevelSerializer(read_only=True)
    for_recognition = serializers.ChoiceField(["low", "medium", "high"], read_only=True)


class DetectedFaceSerializer(serializers.Serializer[Any]):
    """A face, numbered from 1 by size. A part that was not asked for is missing, one that the team has
    switched off is null."""

    number = serializers.IntegerField(read_only=True)
    box = BoxSerializer(read_only=True)
    confidence = serializers.FloatField(read_only=True)
    landmarks = LandmarksSerializer(read_only=True)
    strongest = serializers.ChoiceField(EMOTIONS, required=False, allow_null=True)
    emotions = EmotionsSerializer(required=False, allow_null=True)
    age = serializers.FloatField(required=False, allow_null=True)
    gender = serializers.ChoiceField(["female", "male"], required=False, allow_null=True)
    gender_confidence = serializers.FloatField(required=False, allow_null=True)
    attributes = AttributesSerializer(required=False)
    landmarks27 = serializers.DictField(
        child=PointSerializer(), required=False, help_text="27 points by their names in Microsoft's Face API."
    )
    landmarks68 = PointSerializer(many=True, required=False, help_text="iBUG's 68 points in their order.")
    head_pose = HeadPoseSerializer(required=False)
    quality = QualitySerializer(required=False)
    face_id = serializers.UUIDField(required=False, help_text="Where it is kept, if that was asked for.")


@example(
    {
        "width": 512,
        "height": 600,
        "models": {
            "detection": "mtcnn-1f2e3d4c5b6a",
            "emotion": "emotion-v1-0a1b2c3d4e5f",
            "attributes": "attributes-v1-5a6b7c8d9e0f",
        },
        "faces": [
            {
                "number": 1,
                "box": {"left": 172.06, "top": 110.6, "width": 184.48, "height": 229.92},
                "confidence": 0.9999,
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
            }
        ],
    },
    200,
)
class DetectedSerializer(serializers.Serializer[Any]):
    """The faces in a picture, the largest first, and the nets that judged them. Sizes are of the upright
    picture."""

    width = serializers.IntegerField(read_only=True)
    height = serializers.IntegerField(read_only=True)
    models = serializers.DictField(child=serializers.CharField(), read_only=True)
    faces = DetectedFaceSerializer(many=True, read_only=True)
    expires_at = serializers.DateTimeField(
        required=False, help_text="When faces that are kept will be forgotten; missing where none are."
    )
