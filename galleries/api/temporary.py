"""`/api/v1/galleries/temporary-faces/{id}`: faces that detection has kept for a while."""

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.models import Scope
from analysis.api.serializers import BoxSerializer
from analysis.face_json import box_as_json
from emotionsite.api.examples import example
from galleries.models import TemporaryFace
from galleries.quality import REASONS, sentences_of
from galleries.temporary import temporary_face_forget, temporary_face_get

from .face_serializers import EXAMPLE_BOX, ReasonSerializer

TEMPORARY = {
    "id": "3f2b9c1d-5e6f-4a70-8b91-c2d3e4f5a6b7",
    "box": EXAMPLE_BOX,
    "model": "dlib-face-v1",
    "quality": "low",
    "reasons": [{"code": "small", "message": REASONS["small"]}],
    "created_at": "2026-11-22T09:17:04.084459Z",
    "expires_at": "2026-11-23T09:17:04.084459Z",
}


@example(TEMPORARY)
class TemporaryFaceSerializer(serializers.ModelSerializer[TemporaryFace]):
    """A face that is kept until `expires_at`: its vector, which is not shown, and its box."""

    box = serializers.SerializerMethodField()
    reasons = serializers.SerializerMethodField()

    class Meta:
        model = TemporaryFace
        fields = list(TEMPORARY)
        read_only_fields = fields

    @extend_schema_field(BoxSerializer)
    def get_box(self, face: TemporaryFace) -> dict[str, float]:
        return box_as_json(face.left, face.top, face.width, face.height)

    @extend_schema_field(ReasonSerializer(many=True))
    def get_reasons(self, face: TemporaryFace) -> list[dict[str, str]]:
        return sentences_of(face.quality_reasons)


class TemporaryFaceView(TeamAPIView):
    reads = TemporaryFaceSerializer
    required_scopes: ClassVar = {"DELETE": Scope.ANALYZE}
    problems: ClassVar = {
        "GET": ("temporary_face_unknown", "temporary_face_expired"),
        "DELETE": ("temporary_face_unknown", "temporary_face_expired"),
    }

    @extend_schema(summary="Show a face that is kept for a while", responses=TemporaryFaceSerializer)
    def get(self, request: Request, face_id: UUID) -> Response:
        """410 once its time is over."""
        return self.show(temporary_face_get(face_id))

    @extend_schema(summary="Forget a face that is kept for a while", responses={204: None})
    def delete(self, request: Request, face_id: UUID) -> Response:
        """It is gone at once, and not only when its time is over."""
        temporary_face_forget(face_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
