"""Train, and Get Training Status."""

from datetime import datetime
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from galleries.jobs import OPEN
from galleries.models import Gallery, GalleryJob
from galleries.training import Training, gallery_train, training_of

from .errors import kind_error, training_error
from .kinds import Kind
from .views import FaceView, nothing, shown


class TrainView(FaceView):
    def post(self, request: Request, key: str) -> Response:
        """Ask for a training. One that waits already is not doubled; one that runs gets a successor."""
        gallery_train(gallery=self.collection(key))
        return nothing(202)


class TrainingView(FaceView):
    def get(self, request: Request, key: str) -> Response:
        training = training_of(self.collection(key))
        if training.status == "not_started":
            raise kind_error(self.the_kind, "NotTrained", 404)
        return Response(training_shown(training))


def training_shown(training: Training) -> dict[str, Any]:
    """How a training stands. What waits for a worker is running: programs wait for the end of that."""
    created = training.asked_at or training.trained_from
    last = training.finished_at or training.started_at or created
    return shown(
        status=training.status,
        createdDateTime=time_shown(created),
        lastActionDateTime=time_shown(last),
        lastSuccessfulTrainingDateTime=time_shown(training.trained_from),
        message=training.message or None,
    )


def time_shown(moment: datetime | None) -> str | None:
    """A moment as Face API writes it: UTC, with a Z."""
    return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


def check_trained(kind: Kind, gallery: Gallery) -> None:
    """Raises FaceError while a collection is being trained; whether it ever was, the search itself knows."""
    if GalleryJob.objects.filter(gallery=gallery, kind=GalleryJob.Kind.TRAIN, status__in=OPEN).exists():
        raise training_error(kind)
