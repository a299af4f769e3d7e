"""`manage.py add_recognition_model NAME FILE.onnx`: a recognition model of the operator's own."""

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
from ml_models.recognition import ALIGNMENTS
from ml_models.registry import WeightError


class Command(BaseCommand):
    help = "Check an ONNX network from faces to vectors, fit its confidence, and add it to this installation."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the model is called here: small letters, digits, . - _")
        parser.add_argument("file", type=Path, help=".onnx file that holds its weights itself")
        parser.add_argument("--licence", default="not stated", help="of the weights, for who uses them later")
        parser.add_argument("--title", default="", help="one line for people")
        parser.add_argument("--mean", type=float, default=127.5, help="it sees (pixel - mean) / std: 127.5")
        parser.add_argument("--std", type=float, default=127.5, help="as above: 127.5")
        parser.add_argument("--bgr", action="store_true", help="its colours are blue, green, red")
        parser.add_argument(
            "--flip", action="store_true", help="look at the mirror image as well: twice the time"
        )
        parser.add_argument(
            "--alignment", choices=ALIGNMENTS, default="arcface", help="how faces are cut out for it"
        )
        parser.add_argument("--replace", action="store_true", help="take the place of a model of this name")
        add_calibration_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with NeedsEngine():
            from ml_models.adding import add, calibrated, onnx_description
        calibration = calibration_given(options)
        folder = models_dir()
        if not (calibration or options["pairs"]):
            raise CommandError(
                "Say what its distances mean: --pairs FOLDER with pictures of people "
                "(docs/models/recognition-onnx.md says how they lie there), or --threshold and --slope if "
                "you have measured them."
            )
        if (folder / f"{options['name']}.json").exists() and not options["replace"]:
            raise CommandError(
                f"There is a model called {options['name']} already. Take another name, as galleries belong "
                "to the weights that made their vectors; or give --replace and re-embed its galleries."
            )
        if options["std"] <= 0:
            raise CommandError("Give a --std above 0.")
        try:
            content = options["file"].read_bytes()
            description = onnx_description(
                content,
                name=options["name"],
                mean=options["mean"],
                scale=1 / options["std"],
                channels="bgr" if options["bgr"] else "rgb",
                alignment=options["alignment"],
                flip=options["flip"],
                calibration=calibration,
                licence=options["licence"],
                title=options["title"],
            )
            if options["pairs"]:
                description = calibrated(description, content, options["pairs"])
            add(description, content, folder)
        except (ValueError, OSError, WeightError) as error:
            raise CommandError(str(error)) from error
        report(self.stdout, description.model, folder)
