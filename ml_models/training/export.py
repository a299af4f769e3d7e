"""Turns a trained emotion network into the weights that the engine ships.

`python -m ml_models.training.export --data FOLDER --weights best.safetensors` fits the temperature on the
validation part, writes `ml_models/weights/emotion_v1.safetensors` and its entry in `manifest.json`, and
prints the scores.
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
from safetensors.torch import load_file, save_file

from ml_models import registry
from ml_models.emotion import WEIGHTS
from ml_models.emotion_net import INPUT_SIZE, EmotionNet
from ml_models.evaluation.calibration import fit_temperature
from ml_models.evaluation.emotion import figures_of, lines_of
from ml_models.names import EMOTIONS
from ml_models.training.emotion import predict
from ml_models.training.emotion_data import load_emotion_set

#: How a square like the training pictures lies about MTCNN's box: `ml_models.training.crop_region` measures
#: it.
REGION, LOWER = 0.97, -0.01


def entry_of(
    name: str, file: Path, input_size: int, data: str, date: str, settings: dict[str, float]
) -> dict[str, Any]:
    """What the list of weights says about a file of ours whose network standardises its input itself."""
    return {
        "name": name,
        "file": file.name,
        "package": None,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "input_size": input_size,
        "mean": None,
        "scale": None,
        "licence": "Apache-2.0 (see docs/models/emotion.md for the licence of the training data)",
        "training_data": data,
        "date": date,
        "settings": settings,
    }


def update_manifest(manifest: Path, new: dict[str, Any]) -> None:
    """Put the entry into the list, in place of an older one of the same name."""
    known = json.loads(manifest.read_text())
    known["weights"] = [one for one in known["weights"] if one["name"] != new["name"]] + [new]
    manifest.write_text(json.dumps(known, indent=2) + "\n")


def main() -> int:
    """Export, and print the scores on the validation part."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.training.export", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with votes.csv and sheet_*.png")
    parser.add_argument("--weights", type=Path, required=True, help="best.safetensors of a training run")
    parser.add_argument("--out", type=Path, default=registry.FOLDER / "emotion_v1.safetensors")
    parser.add_argument(
        "--training-data", default="FER2013 pictures with the FER+ votes (MIT), training part"
    )
    parser.add_argument("--date", default=datetime.now(UTC).strftime("%Y-%m-%d"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    net = EmotionNet()
    tensors = load_file(options.weights)
    net.load_state_dict(tensors)
    validation = load_emotion_set(options.data, "validation").clear()
    logits, truth = predict(net, validation.pictures).numpy(), validation.majority.numpy()
    temperature = fit_temperature(logits, truth)
    metadata = {
        "emotions": ",".join(EMOTIONS),
        "temperature": str(temperature),
        "date": options.date,
        "training_data": options.training_data,
    }
    save_file(tensors, options.out, metadata=metadata)
    # safetensors writes files that only their owner can read; a worker runs as another user.
    options.out.chmod(0o644)
    settings = {"temperature": temperature, "region": REGION, "lower": LOWER}
    new = entry_of(WEIGHTS, options.out, INPUT_SIZE, options.training_data, options.date, settings)
    update_manifest(registry.MANIFEST, new)
    print("\n".join(lines_of(figures_of((logits / temperature).astype(np.float32), truth))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
