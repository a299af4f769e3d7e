"""Which weight files the engine uses, and whether they are the right ones. Loads neither torch nor numpy.

`weights/manifest.json` lists each file with its checksum and origin; `python -m ml_models.training.export`
rewrites the entry of a network that was trained again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "weights"
MANIFEST = FOLDER / "manifest.json"


class WeightError(RuntimeError):
    """A weight file is missing, altered or not listed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight file.

    file: path below `ml_models/weights`, or below the package when one is named.
    package: installed package that ships the file, or None when the project does.
    input_size: side in pixels of the square the network sees. mean, scale: input = (pixel - mean) * scale, or
    None where the network standardises each picture itself. settings: numbers that belong to these weights.
    """

    name: str
    file: str
    package: str | None
    sha256: str
    input_size: int
    mean: float | None
    scale: float | None
    licence: str
    training_data: str
    date: str
    settings: dict[str, float]

    def path(self) -> Path:
        """Where the file should be; WeightError when its package is not installed."""
        if self.package is None:
            return FOLDER / self.file
        spec = find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise WeightError(
                f"The package {self.package} with the weights {self.name} is not installed: "
                "install requirements/ml.txt (or run `make setup`)."
            )
        return Path(next(iter(spec.submodule_search_locations))) / self.file

    def verified(self) -> Path:
        """The path of the file, once its SHA-256 is right; WeightError otherwise."""
        path = self.path()
        remedy = (
            f"install {self.package} again as pinned in requirements/ml.txt"
            if self.package
            else f"restore it with `git checkout -- {MANIFEST.parent.parent.name}/weights/{self.file}`"
        )
        if not path.is_file():
            raise WeightError(f"The weights {self.name} are missing ({path}): {remedy}.")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest != self.sha256:
            raise WeightError(
                f"The weights {self.name} ({path}) are not the file that was tested: SHA-256 "
                f"{digest[:12]}... instead of {self.sha256[:12]}...: {remedy}."
            )
        return path


def read_manifest(file: Path = MANIFEST) -> dict[str, Weight]:
    """All weights by name; WeightError when the list is missing or malformed."""
    try:
        entries: list[dict[str, Any]] = json.loads(file.read_text())["weights"]
        weights = [Weight(**entry) for entry in entries]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WeightError(
            f"The list of weights {file} cannot be read ({error}): restore it from the project's repository."
        ) from error
    return {weight.name: weight for weight in weights}


@cache
def weights() -> dict[str, Weight]:
    """All weights by name, read once per process."""
    return read_manifest()


def weight(name: str) -> Weight:
    """One weight by name; WeightError when it is not listed."""
    known = weights()
    if name not in known:
        raise WeightError(f"No weights are called {name!r}: choose one of {', '.join(sorted(known))}.")
    return known[name]


def problems(names: Iterable[str] | None = None) -> list[str]:
    """A sentence for every weight file (of these names, or all) that is missing or altered: empty when all
    is well.
    """
    found = []
    for name in weights() if names is None else names:
        try:
            weight(name).verified()
        except WeightError as error:
            found.append(str(error))
    return found
