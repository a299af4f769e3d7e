"""Adds recognition models to an installation: checks a file, calibrates it, and writes both at once."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

from ml_models.calibration import fit
from ml_models.further_nets import FACENET_INPUT, FurtherNet, facenet_runner
from ml_models.onnx_runner import OnnxRunner
from ml_models.pairs import load_pairs, pair_distances
from ml_models.recognition import Calibration, Description, describe
from ml_models.registry import WeightError

FACENET = "facenet-vggface2"
#: What facenet is taken to be until somebody fits it. The threshold is that of Schroff et al. (2015), a
#: squared distance of 1.1; the slope is the default model's, stretched to that threshold.
FACENET_GUESS = Calibration(threshold=1.05, slope=24.0)
NOT_MEASURED = "not fitted to any pairs: a published threshold of the same kind of network"
#: Stands in for a calibration while one is fitted; distances do not depend on it.
_UNKNOWN = Calibration(threshold=1.0, slope=1.0)


def facenet_description(content: bytes, calibration: Calibration | None) -> Description:
    """The description of converted facenet weights. WeightError when they are another network's."""
    facenet_runner(content)
    return Description(
        name=FACENET,
        **FACENET_INPUT,  # type: ignore[arg-type]
        file=file_name(FACENET, content, "safetensors"),
        sha256=hashlib.sha256(content).hexdigest(),
        flip=False,
        calibration=calibration or FACENET_GUESS,
        licence="MIT (facenet-pytorch); trained on VGGFace2, whose pictures are for research",
        title="InceptionResnetV1 of facenet-pytorch, trained on VGGFace2, 512 numbers",
        measured="numbers given by hand" if calibration else NOT_MEASURED,
    )


def onnx_description(
    content: bytes,
    *,
    name: str,
    mean: float,
    scale: float,
    channels: str,
    alignment: str,
    flip: bool,
    calibration: Calibration | None,
    licence: str,
    title: str,
) -> Description:
    """The description of an ONNX file, of which this finds out sizes. WeightError when it cannot be used,
    ValueError for a name or number that cannot be.
    """
    runner = OnnxRunner(content, mean=mean, scale=scale, channels=channels)
    return Description(
        name=name,
        kind="onnx",
        file=file_name(name, content, "onnx"),
        sha256=hashlib.sha256(content).hexdigest(),
        dimension=runner.dimension,
        input_size=runner.side,
        mean=mean,
        scale=scale,
        alignment=alignment,
        channels=channels,
        flip=flip,
        calibration=calibration or _UNKNOWN,
        licence=licence,
        title=title or f"{name}, ONNX, {runner.dimension} numbers",
        measured="numbers given by hand" if calibration else NOT_MEASURED,
    )


def file_name(name: str, content: bytes, ending: str) -> str:
    """A name of the weights that other weights of the same model do not have."""
    return f"{name}-{hashlib.sha256(content).hexdigest()[:12]}.{ending}"


def calibrated(description: Description, content: bytes, data: Path) -> Description:
    """The description with a calibration fitted to the pairs of a folder.

    Raises FileNotFoundError when it has no pairs, ValueError when they are too few or the model does not tell
    people apart.
    """
    pairs = load_pairs(data)
    with tempfile.TemporaryDirectory() as folder:
        here = replace(description, folder=Path(folder))
        here.path.write_bytes(content)
        calibration = fit(pair_distances(pairs, FurtherNet.load(here)), pairs.same)
    return replace(description, calibration=calibration, measured=f"{len(pairs.same)} pairs of {data.name}")


def add(description: Description, content: bytes, folder: Path) -> Path:
    """Write weights and description into the folder; returns the description's file.

    The weights lie there as a whole before the description names them; older ones of the same model go
    afterwards. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    old = _file_before(description.name, folder)
    _write(folder / description.file, content)
    text = json.dumps(description.as_json(), indent=2) + "\n"
    file = _write(folder / f"{description.name}.json", text.encode())
    if old is not None and old != description.file:
        (folder / old).unlink(missing_ok=True)
    return file


def _file_before(name: str, folder: Path) -> str | None:
    try:
        return describe(name, folder).file
    except WeightError:
        # There was none, or one that cannot be read; both are what this is about to mend.
        return None


def _write(file: Path, content: bytes) -> Path:
    """Write a file as a whole or not at all, readable for the workers too."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=file.parent)
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        new.chmod(0o644)
        os.replace(new, file)
    finally:
        new.unlink(missing_ok=True)
    return file
