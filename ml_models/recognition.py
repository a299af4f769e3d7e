"""Which recognition models there are, and what a distance between two of their embeddings means.

Loads no network: the web process reads this too. `ml_models.recognition_nets` runs them. The default comes
with the project; further ones are described by `<name>.json` beside their weights in a folder of the
operator's: the environment variable RECOGNITION_MODELS_DIR, or what `look_in` was told.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ml_models.registry import WeightError, weight

Numbers = NDArray[np.floating]

#: The model that comes with the project, and the weights it is made of.
DEFAULT = "dlib-face-v1"
DEFAULT_WEIGHTS = ("dlib-face", "face-mesh", "face-shape")
DEFAULT_DIMENSION = 128
#: Names by which other products call their models: all mean the default, as nothing is set aside for them.
ALIASES = frozenset({"", "recognition_01", "recognition_02", "recognition_03", "recognition_04"})
#: What `kind` of a description may be: the network of facenet-pytorch, or any ONNX file.
KINDS = ("facenet", "onnx")
#: What the `alignment` of a description may be: `ml_models.recognition_crops` has the points.
ALIGNMENTS = ("facenet", "arcface")
CHANNELS = ("rgb", "bgr")
#: pgvector's half precision holds 16,000 numbers, its index 4,000.
LONGEST = 4000
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
VARIABLE = "RECOGNITION_MODELS_DIR"


@dataclass(frozen=True)
class Calibration:
    """What a distance means: the probability that two faces are one person, as a logistic curve.

    threshold: Euclidean distance of two embeddings of length 1 (0 to 2) at which two faces are as likely one
    person as two. slope: how fast the probability falls there, per unit of distance; above 0.
    `ml_models.calibration` fits both. Raises ValueError for numbers outside of these ranges.
    """

    threshold: float
    slope: float

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 2:
            raise ValueError(
                f"The threshold {self.threshold} is not between 0 and 2: give a distance of two embeddings."
            )
        if not (math.isfinite(self.slope) and self.slope > 0):
            raise ValueError(
                f"The slope {self.slope} does not fall with the distance: give a number above 0."
            )

    @overload
    def confidence(self, distance: float) -> float: ...
    @overload
    def confidence(self, distance: Numbers) -> NDArray[np.float64]: ...
    def confidence(self, distance: float | Numbers) -> float | NDArray[np.float64]:
        """The confidence in [0, 1] that two faces at this distance are one person: 0.5 at the threshold."""
        # Within 700 the exponential is a number; so far out the confidence is 0 or 1 anyway.
        power = np.clip(self.slope * (np.asarray(distance, dtype=np.float64) - self.threshold), -700, 700)
        found = 1 / (1 + np.exp(power))
        return float(found) if np.ndim(distance) == 0 else np.asarray(found)

    @overload
    def distance(self, confidence: float) -> float: ...
    @overload
    def distance(self, confidence: Numbers) -> NDArray[np.float64]: ...
    def distance(self, confidence: float | Numbers) -> float | NDArray[np.float64]:
        """The distance at which the confidence is this, in [0, 2]; ValueError outside of [0, 1]."""
        given = np.asarray(confidence, dtype=np.float64)
        if not ((given >= 0) & (given <= 1)).all():
            raise ValueError("A confidence is a number from 0 to 1.")
        with np.errstate(divide="ignore"):
            found = self.threshold + (np.log1p(-given) - np.log(given)) / self.slope
        found = np.clip(found, 0, 2)
        return float(found) if np.ndim(confidence) == 0 else np.asarray(found)


@dataclass(frozen=True)
class RecognitionModel:
    """A recognition model: what its embeddings are, and what their distances mean.

    sha256: one digest over all weights it uses; embeddings of two digests are never compared. dimension:
    numbers of an embedding. title: one line for people.
    """

    name: str
    sha256: str
    dimension: int
    calibration: Calibration
    licence: str
    title: str

    @property
    def version(self) -> str:
        """The name with the first 12 digits of the digest, as results name the nets that made them."""
        return f"{self.name}-{self.sha256[:12]}"


@dataclass(frozen=True)
class Description:
    """A further model as its `<name>.json` has it.

    kind: of `KINDS`. file: its weights, beside the description. input_size: side of the square picture in
    pixels that it takes; it sees (pixel - mean) * scale. alignment: of `ALIGNMENTS`, how faces are cut out.
    channels: of `CHANNELS`, the order of the colours. flip: whether the mirror image of the face is looked
    at as well. measured: in words what the calibration was fitted on. Raises ValueError for anything else.
    """

    name: str
    kind: str
    file: str
    sha256: str
    dimension: int
    input_size: int
    mean: float
    scale: float
    alignment: str
    channels: str
    flip: bool
    calibration: Calibration
    licence: str
    title: str
    measured: str
    folder: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name == DEFAULT or self.name in ALIASES:
            raise ValueError(
                f"{self.name!r} cannot be the name of a further model: take small letters a to z, digits, "
                f"'.', '-' and '_', at most 63, and another name than {DEFAULT}."
            )
        checks = {
            "kind": self.kind in KINDS,
            "file": bool(self.file) and Path(self.file).name == self.file,
            "sha256": bool(re.fullmatch("[0-9a-f]{64}", self.sha256)),
            "dimension": 2 <= self.dimension <= LONGEST,
            "input_size": 16 <= self.input_size <= 1024,
            "mean": math.isfinite(self.mean),
            "scale": math.isfinite(self.scale) and self.scale > 0,
            "alignment": self.alignment in ALIGNMENTS,
            "channels": self.channels in CHANNELS,
        }
        if wrong := [name for name, right in checks.items() if not right]:
            raise ValueError(f"The description of {self.name} has a wrong value for {', '.join(wrong)}.")

    @property
    def model(self) -> RecognitionModel:
        """What callers need to know of it."""
        # The same weights under another alignment give other embeddings: they are another model.
        return RecognitionModel(
            self.name, self.digest, self.dimension, self.calibration, self.licence, self.title
        )

    @property
    def digest(self) -> str:
        """The digest of the weights and of how faces are brought before them."""
        way = (self.kind, self.sha256, self.input_size, self.mean, self.scale)
        text = repr((*way, self.alignment, self.channels, self.flip))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def path(self) -> Path:
        """Where its weights lie."""
        return self.folder / self.file

    def content(self) -> bytes:
        """The weights, once their SHA-256 is right; WeightError otherwise."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise WeightError(self._missing()) from error
        self._check(hashlib.sha256(content).hexdigest())
        return content

    def check(self) -> None:
        """WeightError when the weights are missing or altered. A file is read once, until it changes."""
        try:
            found = self.path.stat()
            digest = _digest(self.path, found.st_size, found.st_mtime_ns)
        except OSError as error:
            raise WeightError(self._missing()) from error
        self._check(digest)

    def as_json(self) -> dict[str, Any]:
        """The same as `<name>.json` has it."""
        own = {name: getattr(self, name) for name in _FIELDS}
        calibration = {"threshold": self.calibration.threshold, "slope": self.calibration.slope}
        return own | {"calibration": calibration}

    def _missing(self) -> str:
        remedy = self._remedy()
        return f"The weights of the recognition model {self.name} cannot be read ({self.path}): {remedy}."

    def _check(self, digest: str) -> None:
        if digest != self.sha256:
            raise WeightError(
                f"The weights of the recognition model {self.name} ({self.path}) are not the file that was "
                f"added: SHA-256 {digest[:12]}... instead of {self.sha256[:12]}...: {self._remedy()}."
            )

    def _remedy(self) -> str:
        if self.kind == "facenet":
            return f"run `manage.py fetch_weights {self.name}` again"
        return f"put the file back, or run `manage.py add_recognition_model {self.name} FILE.onnx` again"


_FIELDS = tuple(name for name in Description.__dataclass_fields__ if name not in {"folder", "calibration"})


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, changed: int) -> str:
    """The SHA-256 of a file of this size, changed at this time (ns)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Place:
    """Where further models lie when the environment does not say."""

    folder: Path | None = None


def look_in(folder: Path | None) -> None:
    """Take further models from this folder, unless the environment names another; None for nowhere."""
    _Place.folder = folder


def models_folder() -> Path | None:
    """Where further models lie; None when nobody has said."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else _Place.folder


def canonical(name: str | None) -> str:
    """The model's own name: the default for None, '' and the names other products use."""
    return DEFAULT if name is None or name in ALIASES else name


def default_model() -> RecognitionModel:
    """The model that comes with the project. WeightError when the list of weights is damaged."""
    trunk = weight(DEFAULT_WEIGHTS[0])
    digests = "".join(weight(name).sha256 for name in DEFAULT_WEIGHTS)
    try:
        calibration = Calibration(trunk.settings["threshold"], trunk.settings["slope"])
    except (KeyError, ValueError) as error:
        raise WeightError(
            f"The list of weights has no usable threshold and slope for {trunk.name} ({error}): restore it "
            "from the project's repository, or fit them with `python -m ml_models.training.confidence`."
        ) from error
    return RecognitionModel(
        DEFAULT,
        hashlib.sha256(digests.encode()).hexdigest(),
        DEFAULT_DIMENSION,
        calibration,
        trunk.licence,
        "dlib's face recognition network on two views of a face, 128 numbers",
    )


def recognition_models(folder: Path | None = None) -> dict[str, RecognitionModel]:
    """All models that can be used, by name, the default first. Broken ones are left out: see `problems`."""
    found = {DEFAULT: default_model()}
    for name in _listed(folder):
        try:
            description = describe(name, folder)
            description.check()
        except WeightError:
            # Not hidden: `problems` says why, and so does who asks for it by name.
            continue
        found[name] = description.model
    return found


def recognition_model(name: str | None, folder: Path | None = None) -> RecognitionModel:
    """One model by its name or another name for it; WeightError when it is not there or not as it was."""
    own = canonical(name)
    if own == DEFAULT:
        return default_model()
    description = describe(own, folder)
    description.check()
    return description.model


def problems(folder: Path | None = None) -> list[str]:
    """A sentence for every further model that cannot be used: empty when all is well."""
    found = []
    for name in _listed(folder):
        try:
            describe(name, folder).check()
        except WeightError as error:
            found.append(str(error))
    return found


def describe(name: str, folder: Path | None = None) -> Description:
    """The description of a further model; WeightError when there is none or it cannot be read."""
    place = folder or models_folder()
    file = place / f"{name}.json" if place and NAME.fullmatch(name) else None
    if file is None or not file.is_file():
        known = ", ".join([DEFAULT, *_listed(folder)])
        raise WeightError(
            f"There is no recognition model {name!r} here, only {known}: choose one of these, or add it with "
            "`manage.py fetch_weights facenet-vggface2` or `manage.py add_recognition_model`."
        )
    try:
        return _read(file)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightError(
            f"The description of the recognition model {name} ({file}) cannot be read ({error}): add the "
            "model again with `manage.py fetch_weights` or `manage.py add_recognition_model`."
        ) from error


def _read(file: Path) -> Description:
    given: Mapping[str, Any] = json.loads(file.read_text())
    if given["name"] != file.stem:
        raise ValueError(f"it describes {given['name']!r}")
    own = {name: given[name] for name in _FIELDS}
    return Description(**own, calibration=Calibration(**given["calibration"]), folder=file.parent)


def _listed(folder: Path | None) -> list[str]:
    """Names of the descriptions in the folder, in alphabetical order."""
    place = folder or models_folder()
    if place is None or not place.is_dir():
        return []
    return sorted(file.stem for file in place.glob("*.json") if NAME.fullmatch(file.stem))
