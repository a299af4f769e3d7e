"""Turns a trained attribute network into the weights that the engine ships.

`python -m ml_models.training.attribute_export --data FOLDER --run FOLDER` fits the calibration on the held-
out part, writes `ml_models/weights/attributes_v1.safetensors` and its entry in `manifest.json`, and prints
scores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from ml_models import registry
from ml_models.attribute_net import AttributeNet
from ml_models.attribute_types import LABELS
from ml_models.attributes import WEIGHTS, WIDE_MEAN, WIDE_SCALE, WIDE_SIZE
from ml_models.evaluation.calibration import fit_temperature
from ml_models.training.attribute_losses import Truth, scores
from ml_models.training.attributes import predict, prepare
from ml_models.training.export import update_manifest

Floats = NDArray[np.floating]

#: How firmly a scale stays near 1 and a shift near 0 where a label has few pictures: as much as this many.
FIRMNESS = 4.0
#: Masked faces come from a small set of their own, so their share here says nothing of a user's pictures. The
#: calibration takes it to be this: with one half, a hand before the mouth passes for a mask; with the 5 % of
#: the sets, unusual masks are missed.
MASKED_SHARE = 0.2
OF_MASKS = ("mask", "nose_and_mouth_covered", "mouth_occluded")
DATA = "CelebA (first 10,000), UTKFace, FairFace, Face-Mask-Detection: their training parts"


def fit_scale_and_shift(
    logits: Floats, truth: NDArray[np.bool_], *, share: float | None = None
) -> tuple[float, float]:
    """The numbers for which sigmoid(logit * scale + shift) is likeliest (Platt, 1999), by Newton's steps.

    logits: (N,). truth: (N,). share: pictures count as if this share of them were yes, None for as they are.
    Held near 1 and 0 by `FIRMNESS`; without any picture, or with only one answer, 1 and 0.
    """
    if not truth.any() or truth.all():
        return 1.0, 0.0
    x = np.stack([np.asarray(logits, dtype=np.float64), np.ones(len(logits))], axis=1)
    yes = truth.mean()
    wanted = yes if share is None else share
    counts = np.where(truth, wanted / yes, (1 - wanted) / (1 - yes))
    start = np.array([1.0, 0.0])
    found = start.copy()
    for _ in range(30):
        probability = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        slope = x.T @ ((probability - truth) * counts) + FIRMNESS * (found - start)
        curve = (x * (probability * (1 - probability) * counts)[:, None]).T @ x + FIRMNESS * np.eye(2)
        step = np.linalg.solve(curve, slope)
        # A long step of a method that only knows the curve here may overshoot.
        found = found - step * min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-9))
        if np.abs(step).max() < 1e-7:
            break
    return float(found[0]), float(found[1])


def calibration(out: tuple[Tensor, Tensor, Tensor], truth: Truth) -> NDArray[np.float32]:
    """Scales and shifts of `LABELS`, of male, and the temperature of ages (with 0 below it): (2, 31)."""
    labels, age, male = (one.numpy() for one in out)
    columns = [(labels[:, k], truth.labels[: len(labels), k].numpy()) for k in range(len(LABELS))]
    columns.append((male[:, 0], truth.male.numpy()))
    table = np.empty((2, len(columns) + 1), dtype=np.float32)
    for number, (logits, answers) in enumerate(columns):
        known = answers >= 0
        share = MASKED_SHARE if number < len(LABELS) and LABELS[number] in OF_MASKS else None
        table[:, number] = fit_scale_and_shift(logits[known], answers[known] == 1, share=share)
    exact = ((truth.youngest == truth.oldest) & (truth.youngest >= 0)).numpy()
    years = truth.youngest.numpy()[exact].astype(np.int64)
    table[:, -1] = fit_temperature(age[exact], years) if len(years) else 1.0, 0.0
    return table


def entry(file: Path, data: str, date: str) -> dict[str, Any]:
    """What the list of weights says about the file."""
    return {
        "name": WEIGHTS,
        "file": file.name,
        "package": None,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "input_size": WIDE_SIZE[0],
        "mean": WIDE_MEAN,
        "scale": WIDE_SCALE,
        "licence": "Apache-2.0 (see docs/models/attributes.md for the licences of the training data)",
        "training_data": data,
        "date": date,
        "settings": {},
    }


def main() -> int:
    """Export, and print the scores on the held-out part."""
    parser = argparse.ArgumentParser(
        prog="python -m ml_models.training.attribute_export", description=__doc__
    )
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--run", type=Path, required=True, help="folder of a training run")
    parser.add_argument("--out", type=Path, default=registry.FOLDER / "attributes_v1.safetensors")
    parser.add_argument("--manifest", type=Path, default=registry.MANIFEST)
    parser.add_argument("--training-data", default=DATA)
    parser.add_argument("--date", default=datetime.now(UTC).strftime("%Y-%m-%d"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    net = AttributeNet()
    trained = load_file(options.run / "best.safetensors")
    # Halves the file; the networks run with fewer digits than that anyway. Scores are taken with them.
    tensors = {k: v.half() if v.is_floating_point() else v for k, v in trained.items()}
    net.load_state_dict(tensors)
    data = prepare(options.data, options.run)
    out, truth = predict(net, data), data.truth.pick(data.validation)
    tensors["calibration"] = torch.from_numpy(calibration(out, truth))
    metadata = {"labels": ",".join(LABELS), "date": options.date, "training_data": options.training_data}
    save_file(tensors, options.out, metadata=metadata)
    # safetensors writes files that only their owner can read; a worker runs as another user.
    options.out.chmod(0o644)
    update_manifest(options.manifest, entry(options.out, options.training_data, options.date))
    print(json.dumps(scores(out, truth), indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
