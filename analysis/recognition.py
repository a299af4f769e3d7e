"""Which recognition model the photos of this installation are looked at with."""

from django.conf import settings

from ml_models.recognition import RecognitionModel, canonical, recognition_model


def photo_model() -> RecognitionModel:
    """The model whose vectors stored faces carry; new galleries use it too.

    Raises ml_models.WeightError when RECOGNITION_MODEL names one that is not installed.
    """
    return recognition_model(canonical(settings.RECOGNITION_MODEL))
