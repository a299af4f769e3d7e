"""`/api/v1/galleries/{id}/train` and `/training`."""

from typing import Any, ClassVar
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from emotionsite.api.examples import example
from galleries.models import Gallery
from galleries.training import gallery_train, training_of

STATUSES = ("not_started", "running", "succeeded", "failed")


@example(
    {
        "status": "succeeded",
        "message": "",
        "asked_at": "2026-11-22T09:17:04.084459Z",
        "started_at": "2026-11-22T09:17:04.512022Z",
        "finished_at": "2026-11-22T09:17:05.118204Z",
        "trained_from": "2026-11-22T09:17:04.530981Z",
        "face_count": 57,
        "subject_count": 12,
        "due": False,
    }
)
class TrainingSerializer(serializers.Serializer[Any]):
    """How the training of a gallery stands.

    `status` is that of the last training asked for, `running` while it waits for a worker too; `message` says
    why it failed. `trained_from`, `face_count` and `subject_count` are of the state that answers now. `due`
    says that faces have changed since.
    """

    status = serializers.ChoiceField(STATUSES)
    message = serializers.CharField()
    asked_at = serializers.DateTimeField(allow_null=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    trained_from = serializers.DateTimeField(allow_null=True)
    face_count = serializers.IntegerField()
    subject_count = serializers.IntegerField()
    due = serializers.BooleanField()


class GalleryTrainView(TeamAPIView):
    problems: ClassVar = {"POST": ("not_found",)}

    @extend_schema(summary="Train a gallery", request=None, responses={202: TrainingSerializer})
    def post(self, request: Request, gallery_id: UUID) -> Response:
        """Queues a training: identification then answers from the faces enrolled until now. The training
        before goes on answering meanwhile. Asking again while one waits changes nothing.
        """
        gallery = get_object_or_404(Gallery.objects.select_related("team"), pk=gallery_id)
        gallery_train(gallery=gallery, user=self.access.user)
        headers = {"Location": f"/api/v1/galleries/{gallery.pk}/training"}
        shown = TrainingSerializer(training_of(gallery)).data
        return Response(shown, status=status.HTTP_202_ACCEPTED, headers=headers)


class GalleryTrainingView(TeamAPIView):
    reads = TrainingSerializer

    @extend_schema(summary="Show the training of a gallery", responses=TrainingSerializer)
    def get(self, request: Request, gallery_id: UUID) -> Response:
        """How it stands, and whether it is due."""
        return self.show(training_of(get_object_or_404(Gallery.objects.all(), pk=gallery_id)))
