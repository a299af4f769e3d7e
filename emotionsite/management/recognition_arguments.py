"""What the commands about recognition models share."""

import json
from argparse import ArgumentParser
from pathlib import Path
from types import TracebackType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper

from ml_models.recognition import Calibration, RecognitionModel, models_folder


class NeedsEngine:
    """Says in a sentence that the engine's packages are missing, as they are in the web image."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ModuleNotFoundError):
            raise CommandError(
                f"The package {error.name} is not installed here: run this where the worker runs "
                "(`docker compose exec worker python manage.py ...`), or install requirements/ml.txt."
            ) from error


def models_dir() -> Path:
    """The folder that further models lie in, whether it is there yet or not."""
    return models_folder() or Path(settings.RECOGNITION_MODELS_DIR)


def add_calibration_arguments(parser: ArgumentParser) -> None:
    """--pairs, or --threshold and --slope."""
    parser.add_argument(
        "--pairs", type=Path, metavar="FOLDER", help="fit its confidence to the pairs (pairs_dev.csv) in here"
    )
    parser.add_argument("--threshold", type=float, help="distance of confidence 0.5, if you have measured it")
    parser.add_argument("--slope", type=float, help="how fast the confidence falls there")


def calibration_given(options: dict[str, Any]) -> Calibration | None:
    """The calibration given as numbers, None without. CommandError for half of it, or with pairs."""
    numbers = options["threshold"], options["slope"]
    if numbers == (None, None):
        return None
    if None in numbers or options["pairs"]:
        raise CommandError("Give either --pairs, or --threshold and --slope together.")
    try:
        return Calibration(*numbers)
    except ValueError as error:
        raise CommandError(str(error)) from error


def report(out: OutputWrapper, model: RecognitionModel, folder: Path) -> None:
    """Say what was added, as one line of JSON."""
    out.write(
        json.dumps(
            {
                "name": model.name,
                "sha256": model.sha256,
                "dimension": model.dimension,
                "threshold": model.calibration.threshold,
                "slope": model.calibration.slope,
                "folder": str(folder),
            }
        )
    )
