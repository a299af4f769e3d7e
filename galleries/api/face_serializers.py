"""Bodies of enrolled faces in `/api/v1/galleries`."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analysis.api.serializers import BoxSerializer
from analysis.face_json import box_as_json
from emotionsite.api.examples import example
from galleries.models import EnrolledFace
from galleries.quality import REASONS, sentences_of
from media_jobs.crops import Box

EXAMPLE_BOX = {"left": 172.06, "top": 110.6, "width": 184.48, "height": 229.92}


class ReasonSerializer(serializers.Serializer[Any]):
    """What is wrong with the picture of a face: a code for programs and a sentence for people."""

    code = serializers.ChoiceField(list(REASONS), read_only=True)
    message = serializers.CharField(read_only=True)


ENROLLED = {
    "id": "9a4e2c1b-0d3f-4b7a-8c5d-1e2f3a4b5c6d",
    "gallery_id": "5b7f6f0a-2a3f-4e0c-8a39-9f6c0a1b2c3d",
    "subject_id": "1d9b2f4e-7c55-4a55-9d0c-6f1a2b3c4d5e",
    "box": EXAMPLE_BOX,
    "quality": "medium",
    "reasons": [{"code": "turned", "message": REASONS["turned"]}],
    "crop": "/api/v1/galleries/5b7f6f0a-2a3f-4e0c-8a39-9f6c0a1b2c3d/faces/"
    "9a4e2c1b-0d3f-4b7a-8c5d-1e2f3a4b5c6d/crop",
    "crop_box": {"left": 40.0, "top": 52.2, "width": 128.4, "height": 160.0},
    "photo_face_id": None,
    "notes": "",
    "by_hand": False,
    "created_at": "2026-11-22T09:17:04.084459Z",
}


@example(ENROLLED)
class EnrolledFaceSerializer(serializers.ModelSerializer[EnrolledFace]):
    """An enrolled face; its vector is never shown. `subject_id` is null in a gallery of faces.

    `box` is where it was in its picture, null when nobody knows. `reasons` say what keeps `quality` from
    being high. `crop` is where its picture can be fetched, null where none is kept; `crop_box` is the face in
    it. `by_hand` is true once a person has given it to somebody.
    """

    gallery_id = serializers.UUIDField(read_only=True)
    subject_id = serializers.UUIDField(read_only=True, allow_null=True)
    box = serializers.SerializerMethodField()
    quality = serializers.SerializerMethodField()
    reasons = serializers.SerializerMethodField()
    crop = serializers.SerializerMethodField()
    crop_box = serializers.SerializerMethodField()
    photo_face_id = serializers.UUIDField(
        source="source_id", read_only=True, allow_null=True, help_text="face of a stored photo that it was"
    )

    class Meta:
        model = EnrolledFace
        fields = list(ENROLLED)
        read_only_fields = fields

    @extend_schema_field(BoxSerializer(allow_null=True))
    def get_box(self, face: EnrolledFace) -> dict[str, float] | None:
        if face.left is None or face.top is None or face.width is None or face.height is None:
            return None
        return box_as_json(face.left, face.top, face.width, face.height)

    @extend_schema_field(serializers.ChoiceField(EnrolledFace.Quality.choices, allow_null=True))
    def get_quality(self, face: EnrolledFace) -> str | None:
        return face.quality or None

    @extend_schema_field(ReasonSerializer(many=True))
    def get_reasons(self, face: EnrolledFace) -> list[dict[str, str]]:
        return sentences_of(face.quality_reasons)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_crop(self, face: EnrolledFace) -> str | None:
        return reverse("api_gallery_face_crop", args=[face.gallery_id, face.pk]) if face.crop else None

    @extend_schema_field(BoxSerializer(allow_null=True))
    def get_crop_box(self, face: EnrolledFace) -> dict[str, float] | None:
        return box_as_json(*face.crop_box) if face.crop_box else None


@extend_schema_field(
    {
        "oneOf": [
            {
                "type": "object",
                "required": ["left", "top", "width", "height"],
                "properties": {
                    "left": {"type": "number"},
                    "top": {"type": "number"},
                    "width": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                    "height": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
                },
            },
            {"type": "string", "description": "left,top,width,height"},
        ],
        "example": EXAMPLE_BOX,
    }
)
class MeantBoxField(serializers.Field[Any, Any, Any, Any]):
    """Which face is meant: a box as answers have it, or in a form four numbers with commas between."""

    default_error_messages = {
        "wrong": "Send left, top, width and height in pixels, width and height above 0.",
    }

    def to_internal_value(self, data: Any) -> Box:
        values: list[Any]
        if isinstance(data, dict):
            values = [data.get(name) for name in ("left", "top", "width", "height")]
        else:
            values = data.split(",") if isinstance(data, str) else []
        if len(values) != 4 or any(isinstance(value, bool) for value in values):
            self.fail("wrong")
        number = serializers.FloatField(min_value=-1e6, max_value=1e6)
        try:
            left, top, width, height = (float(number.run_validation(value)) for value in values)
        except serializers.ValidationError:
            self.fail("wrong")
        if not (width > 0 and height > 0):
            self.fail("wrong")
        return left, top, width, height

    def to_representation(self, value: Any) -> Any:
        return value


@example({"url": "https://example.org/ada.jpg", "box": EXAMPLE_BOX, "notes": "from the staff page"})
class EnrolSerializer(serializers.Serializer[Any]):
    """Where the face is, in one of three ways, and which one of several is meant."""

    url = serializers.CharField(
        required=False, max_length=2000, help_text="http or https address of a picture."
    )
    temporary_face_id = serializers.UUIDField(
        required=False, help_text="A face that `POST /api/v1/detect` has kept."
    )
    photo_face_id = serializers.UUIDField(required=False, help_text="A face of one of the team's photos.")
    box = MeantBoxField(
        required=False, help_text="Which face of the picture is meant, where there are several."
    )
    notes = serializers.CharField(required=False, allow_blank=True, max_length=1024)


@example({"file": "grace_hopper.jpg", "box": "172,110,184,230"})
class EnrolFormSerializer(serializers.Serializer[Any]):
    """A picture, and which of its faces is meant."""

    file = serializers.FileField(help_text="One JPEG, PNG, GIF, BMP, WebP, HEIC or TIFF picture.")
    box = MeantBoxField(
        required=False, help_text="Which face of the picture is meant, where there are several."
    )
    notes = serializers.CharField(required=False, allow_blank=True, max_length=1024)


@example({"notes": "taken in 1943"})
class FaceChangeSerializer(serializers.Serializer[Any]):
    """What of an enrolled face can be changed."""

    notes = serializers.CharField(allow_blank=True, max_length=1024)
