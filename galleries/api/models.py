"""`/api/v1/galleries/models`: the recognition models that are installed."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from analysis.recognition import photo_model
from emotionsite.api.examples import example
from ml_models.recognition import recognition_models

MODEL = {
    "name": "dlib-face-v1",
    "title": "dlib's face recognition network on two views of a face, 128 numbers",
    "sha256": "9d2d6f1f2a4b5c6d7e8f90112233445566778899aabbccddeeff001122334455",
    "dimension": 128,
    "threshold": 0.41,
    "licence": "CC0-1.0",
    "usual": True,
}


@example(MODEL)
class RecognitionModelSerializer(serializers.Serializer[Any]):
    """A model. `threshold` is the distance of two vectors at which its confidence is 0.5; `usual` is the one
    that photos are looked at with and that new galleries get."""

    name = serializers.CharField()
    title = serializers.CharField()
    sha256 = serializers.CharField(help_text="one digest over all weights it uses")
    dimension = serializers.IntegerField(help_text="numbers of a vector")
    threshold = serializers.FloatField()
    licence = serializers.CharField()
    usual = serializers.BooleanField()


@example({"models": [MODEL]})
class RecognitionModelsSerializer(serializers.Serializer[Any]):
    """The models that a gallery can be pinned to, the one that comes with the server first."""

    models = RecognitionModelSerializer(many=True)


class RecognitionModelListView(TeamAPIView):
    @extend_schema(
        tags=["galleries"],
        summary="List recognition models",
        operation_id="gallery_models_list",
        responses=RecognitionModelsSerializer,
    )
    def get(self, request: Request) -> Response:
        """The models that a gallery can be pinned to, the one that comes with the server first."""
        usual = photo_model().name
        found = [
            {
                "name": model.name,
                "title": model.title,
                "sha256": model.sha256,
                "dimension": model.dimension,
                "threshold": model.calibration.threshold,
                "licence": model.licence,
                "usual": model.name == usual,
            }
            for model in recognition_models().values()
        ]
        return Response(RecognitionModelsSerializer({"models": found}).data)
