from pathlib import Path

from django.apps import AppConfig
from django.conf import settings

from ml_models.recognition import look_in


class AnalysisConfig(AppConfig):
    name = "analysis"

    def ready(self) -> None:
        """Tell the engine, which knows no Django, where the operator's recognition models lie."""
        look_in(Path(settings.RECOGNITION_MODELS_DIR))
