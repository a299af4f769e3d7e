"""`/api/v1/videos/{id}/identify`: who the people of a video are, asked again."""

from typing import Any, ClassVar
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from analysis.models import VideoPerson
from emotionsite.api.examples import example
from galleries.videos import gallery_find, video_identify_again
from media_jobs.models import Video

PERSON = "5c3b7e0e-6a0e-4a8f-9d2b-3f1d8c9a7b60"


@example({"gallery": "staff"})
class VideoIdentifySerializer(serializers.Serializer[Any]):
    """`gallery` is the id or the key of a gallery of people, null to forget who they are."""

    gallery = serializers.CharField(max_length=64, allow_null=True)


class VideoSubjectSerializer(serializers.Serializer[Any]):
    """Whom the gallery takes somebody in the video for."""

    person_id = serializers.UUIDField()
    number = serializers.IntegerField(min_value=1)
    subject_id = serializers.UUIDField()
    name = serializers.CharField()
    confidence = serializers.FloatField(min_value=0, max_value=1)


@example(
    {
        "identified": [
            {
                "person_id": PERSON,
                "number": 1,
                "subject_id": "0b5e7d0a-30f6-4f3a-9a46-7b1f0d1d4c11",
                "name": "Ada",
                "confidence": 0.98,
            }
        ]
    }
)
class VideoIdentifiedSerializer(serializers.Serializer[Any]):
    """Who is known, by their number in the video; everybody else is unknown to the gallery."""

    identified = VideoSubjectSerializer(many=True)


class VideoIdentifyView(TeamAPIView):
    keeps_answers = False
    problems: ClassVar = {
        "POST": (
            *("video_not_ready", "gallery_unknown", "gallery_holds_faces", "gallery_not_trained"),
            *("gallery_training", "models_differ", "model_unknown", "model_replaced"),
        )
    }

    @extend_schema(
        tags=["videos"],
        summary="Ask a gallery who the people of a video are",
        operation_id="video_identify",
        request=VideoIdentifySerializer,
        responses=VideoIdentifiedSerializer,
    )
    def post(self, request: Request, video_id: UUID) -> Response:
        """Each person is looked up once, by the mean of their faces. Whom it took them for before is
        forgotten; names that members have given stay."""
        get_object_or_404(Video.objects.only("pk"), pk=video_id)
        wanted = VideoIdentifySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        named = wanted.validated_data["gallery"]
        gallery_id = None if named is None else gallery_find(self.access.team, named)
        video_identify_again(video_id=video_id, gallery_id=gallery_id)
        people = VideoPerson.objects.filter(video_id=video_id, label__isnull=False)
        identified = [
            {
                "person_id": one.pk,
                "number": one.number,
                "subject_id": one.label.subject_id,
                "name": one.label.subject.name,
                "confidence": one.label.confidence,
            }
            for one in people.select_related("label__subject").order_by("number")
        ]
        return Response(VideoIdentifiedSerializer({"identified": identified}).data)
