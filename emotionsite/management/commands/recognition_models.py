"""`manage.py recognition_models`: which recognition models this installation has."""

from typing import Any

from django.core.management.base import BaseCommand

from analysis.recognition import photo_model
from ml_models.recognition import problems, recognition_models


class Command(BaseCommand):
    help = "List the recognition models of this installation; * marks the one of photos and new galleries."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = problems()
        used = photo_model().name
        for model in recognition_models().values():
            mark = "*" if model.name == used else " "
            self.stdout.write(
                f"{mark} {model.version}  {model.dimension:>4}  {model.title} ({model.licence})"
            )
        for sentence in wrong:
            self.stderr.write(self.style.ERROR(sentence))
