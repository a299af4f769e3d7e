"""Unnamed people as the native API shows them, and what it is told about them."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from analysis.api.serializers import BoxSerializer
from analysis.face_json import box_as_json
from analysis.models import Face
from emotionsite.api.examples import example
from galleries.models import GalleryJob, UnnamedPerson
from galleries.unnamed import MOST
from galleries.unnamed_selectors import SHOWN

#: Faces that are split off by one request.
MOST_FACES = 1000
ID = "b0c1f5d2-3e4a-4c6b-9f7d-8a1e2b3c4d5f"
OTHER = "c9d8e7f6-1a2b-4c3d-8e4f-5a6b7c8d9e0f"
GALLERY = "5b7f6f0a-2a3f-4e0c-8a39-9f6c0a1b2c3d"
SUBJECT = "1d9b2f4e-7c55-4a55-9d0c-6f1a2b3c4d5e"


@example(
    {
        "id": "8e16d2f4-f529-4364-a7cc-f311d2068e71",
        "media_id": "fbe4a2aa-bae6-446a-8553-2d492fd808a4",
        "number": 1,
        "box": {"left": 172.06, "top": 110.6, "width": 184.48, "height": 229.92},
        "created_at": "2026-11-22T09:17:04.084459Z",
    }
)
class UnnamedFaceSerializer(serializers.ModelSerializer[Face]):
    """A face of an unnamed person and where it is: `media_id` is the photo."""

    media_id = serializers.UUIDField(read_only=True)
    box = serializers.SerializerMethodField()

    class Meta:
        model = Face
        fields = ["id", "media_id", "number", "box", "created_at"]
        read_only_fields = fields

    @extend_schema_field(BoxSerializer)
    def get_box(self, face: Face) -> dict[str, float]:
        return box_as_json(face.left, face.top, face.width, face.height)


@example(
    {
        "id": ID,
        "face_count": 31,
        "ignored": False,
        "by_hand": False,
        "model": "dlib-face-v1",
        "created_at": "2026-11-22T09:17:04.084459Z",
        "faces": [example.of(UnnamedFaceSerializer)],
    }
)
class UnnamedSerializer(serializers.ModelSerializer[UnnamedPerson]):
    """Somebody on the team's photos whom nobody has named. Needs the annotation of `unnamed_people`.

    `faces` are the few that show best who it is. `by_hand` is true once a person has merged or split it.
    """

    face_count = serializers.IntegerField(read_only=True, min_value=0)
    faces = serializers.SerializerMethodField(help_text=f"at most {SHOWN}")

    class Meta:
        model = UnnamedPerson
        fields = ["id", "face_count", "ignored", "by_hand", "model", "created_at", "faces"]
        read_only_fields = fields

    @extend_schema_field(UnnamedFaceSerializer(many=True))
    def get_faces(self, person: UnnamedPerson) -> Any:
        shown: dict[UUID, list[Face]] = self.context.get("shown", {})
        return UnnamedFaceSerializer(shown.get(person.pk, []), many=True).data


def _ids(most: int) -> serializers.ListField:
    return serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=most)


@example({"unnamed_ids": [ID, OTHER]})
class UnnamedIdsSerializer(serializers.Serializer[Any]):
    """Which unnamed people."""

    unnamed_ids = _ids(MOST)


@example({"unnamed_ids": [ID], "gallery_id": GALLERY, "name": "Grace Hopper"})
class NameUnnamedSerializer(UnnamedIdsSerializer):
    """Who they are: either a new person called `name`, or the person `subject_id` of the gallery."""

    gallery_id = serializers.UUIDField()
    name = serializers.CharField(max_length=128, required=False)
    external_id = serializers.CharField(max_length=128, required=False, allow_blank=True)
    subject_id = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("name" in attrs) == ("subject_id" in attrs):
            sentence = "Send either 'name' or 'subject_id'."
            raise serializers.ValidationError({"name": [sentence], "subject_id": [sentence]})
        if "external_id" in attrs and "name" not in attrs:
            raise serializers.ValidationError(
                {"external_id": ["Send it with 'name' only, for a new person."]}
            )
        return attrs


@example({"subject_id": SUBJECT, "gallery_id": GALLERY, "name": "Grace Hopper", "faces": 31, "enrolled": 10})
class NamedSerializer(serializers.Serializer[Any]):
    """Who they are now: `faces` of photos carry the name, and `enrolled` of them are enrolled."""

    subject_id = serializers.UUIDField(source="subject.pk", read_only=True)
    gallery_id = serializers.UUIDField(source="subject.gallery_id", read_only=True)
    name = serializers.CharField(source="subject.name", read_only=True)
    faces = serializers.IntegerField(read_only=True, min_value=0)
    enrolled = serializers.IntegerField(read_only=True, min_value=0)


@example({"face_ids": ["8e16d2f4-f529-4364-a7cc-f311d2068e71"]})
class SplitUnnamedSerializer(serializers.Serializer[Any]):
    """The faces that show somebody else."""

    face_ids = _ids(MOST_FACES)


@example({"changed": 2})
class ChangedSerializer(serializers.Serializer[Any]):
    """How many were changed; those that were so already are not counted."""

    changed = serializers.IntegerField(read_only=True, min_value=0)


@example({"id": "4b940104-252d-4a30-9b77-33cce38aaec4", "status": "queued"}, 202)
class ClusterSerializer(serializers.ModelSerializer[GalleryJob]):
    """The job that sorts the faces."""

    class Meta:
        model = GalleryJob
        fields = ["id", "status"]
        read_only_fields = fields
