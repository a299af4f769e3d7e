"""`/api/v1/faces/{id}/label`: a person says who the face of a photo is."""

from typing import Any, ClassVar
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from analysis import selectors as faces_of_team
from analysis.api.serializers import FoundFaceSerializer
from emotionsite.api.examples import example
from galleries.labelling import face_label, face_unlabel

from .corrections import people_of
from .subjects import SUBJECT


@example({"subject_id": SUBJECT["id"], "enrol": False})
class LabelSerializer(serializers.Serializer[Any]):
    """Who it is: a person of any gallery of the team. With `enrol` the face is enrolled for them as well."""

    subject_id = serializers.UUIDField()
    enrol = serializers.BooleanField(default=False)


class FaceLabelView(TeamAPIView):
    problems: ClassVar = {
        "PUT": (
            *("subject_unknown", "face_unknown", "identity_switched_off", "consent_ended"),
            # Of `enrol`:
            *("photo_face_without_vector", "face_model_differs", "face_too_small", "face_too_blurred"),
            *("face_quality_low", "face_duplicate", "subject_full", "quota_faces", "quota_storage"),
        ),
        "DELETE": ("face_unknown", "identity_switched_off", "face_not_labelled"),
    }

    @extend_schema(summary="Say who a face is", request=LabelSerializer, responses=FoundFaceSerializer)
    def put(self, request: Request, face_id: UUID) -> Response:
        """A person's word: no training changes it, and the machine does not say the name before it again."""
        face = get_object_or_404(faces_of_team.faces(), pk=face_id)
        wanted = LabelSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        subject = people_of(None, [wanted.validated_data["subject_id"]])[0]
        face_label(face=face, subject=subject, user=self.access.user, enrol=wanted.validated_data["enrol"])
        return Response(FoundFaceSerializer(get_object_or_404(faces_of_team.faces(), pk=face_id)).data)

    @extend_schema(summary="Say that a face is not this person", responses={204: None})
    def delete(self, request: Request, face_id: UUID) -> Response:
        """Takes the label off. The machine does not say the same again, but may find somebody else."""
        face_unlabel(face=get_object_or_404(faces_of_team.faces(), pk=face_id), user=self.access.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
