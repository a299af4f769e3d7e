"""`manage.py fetch_weights`: a second recognition model, facenet-pytorch's, as published or from a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from emotionsite.management.recognition_arguments import (
    NeedsEngine,
    add_calibration_arguments,
    calibration_given,
    models_dir,
    report,
)
from emotionsite.recognition_files import Unfetched, facenet_weights
from ml_models.registry import WeightError


class Command(BaseCommand):
    help = "Fetch the weights of facenet-vggface2, check and convert them, and add it to this installation."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", default="facenet-vggface2", choices=["facenet-vggface2"])
        parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help=".pt or .safetensors")
        parser.add_argument("--sha256", metavar="HEX", help="of the file, unless it is the published one")
        parser.add_argument("--proxy", metavar="URL", help="for the download; else HTTPS_PROXY counts")
        add_calibration_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with NeedsEngine():
            from ml_models.adding import add, calibrated, facenet_description
        calibration = calibration_given(options)
        try:
            content = facenet_weights(
                source=options["source"], sha256=options["sha256"], proxy=options["proxy"]
            )
            description = facenet_description(content, calibration)
            if options["pairs"]:
                description = calibrated(description, content, options["pairs"])
            add(description, content, models_dir())
        except (Unfetched, ValueError, OSError, WeightError) as error:
            raise CommandError(str(error)) from error
        report(self.stdout, description.model, models_dir())
        if not (options["pairs"] or calibration):
            self.stdout.write(
                "Its confidences are not fitted to any pictures yet. Fit them before you rely on them: "
                f"`python -m ml_models.training.confidence --data FOLDER --model {description.name} --write`."
            )
