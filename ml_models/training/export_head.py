"""Turns a trained emotion head into the weights that the engine ships, and fits how both networks are
averaged.

`python -m ml_models.training.export_head --data FOLDER --weights RUN/best.safetensors` runs the shipped
network and the new head on the validation part as the engine does, fits the share of each (which is the
calibration as well), writes `ml_models/weights/emotion_head_v1.safetensors` and its entry in
`manifest.json`, and prints the scores.

`--balance` moves the answers from emotions that are frequent in the training pictures to rare ones: each
logit loses so many times the logarithm of the emotion's share. Posed or selected pictures show rare emotions
more often than pictures of the web do.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ml_models import registry
from ml_models.detection import FaceDetector
from ml_models.emotion import Average, EmotionModel
from ml_models.evaluation.emotion import crop_logits, figures_of, lines_of
from ml_models.face_trunk import HEAD_WEIGHTS, FaceTrunk
from ml_models.names import EMOTIONS
from ml_models.training.emotion_data import load_emotion_set, targets
from ml_models.training.export import entry_of, update_manifest

Floats = NDArray[np.float32]


def fit_shares(own: Floats, head: Floats, truth: NDArray[np.int64], bias: Floats) -> tuple[float, float]:
    """Factors of both networks' logits with the least negative log likelihood, none below 0."""
    first, second, right = torch.from_numpy(own), torch.from_numpy(head), torch.from_numpy(truth)
    logs = torch.zeros(2, requires_grad=True)
    optimiser = torch.optim.LBFGS([logs], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        shares = logs.exp()
        value = nn.functional.cross_entropy(
            shares[0] * first + shares[1] * second + torch.from_numpy(bias), right
        )
        value.backward()
        return value

    optimiser.step(loss)
    own_share, head_share = logs.exp().tolist()
    return round(own_share, 4), round(head_share, 4)


def balance(votes: Tensor, amount: float) -> Floats:
    """What is added to the logits (8,): `amount` times the negative logarithm of each emotion's share."""
    target, usable = targets(votes)
    share = target[usable].mean(dim=0).clamp_min(1e-6)
    bias: Floats = (-amount * share.log()).numpy().astype(np.float32)
    return bias - bias.mean()


def main() -> int:
    """Export, and print the scores on the validation part."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.training.export_head", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with votes.csv and sheet_*.png")
    parser.add_argument("--weights", type=Path, required=True, help="best.safetensors of a training run")
    parser.add_argument("--out", type=Path, default=registry.FOLDER / "emotion_head_v1.safetensors")
    parser.add_argument("--balance", type=float, default=0.0)
    parser.add_argument(
        "--training-data", default="FER2013 pictures with the FER+ votes (MIT), training part"
    )
    parser.add_argument("--date", default=datetime.now(UTC).strftime("%Y-%m-%d"))
    options = parser.parse_args()
    tensors = load_file(options.weights)
    trunk = FaceTrunk.of({name: tensor.numpy() for name, tensor in tensors.items()})
    validation = load_emotion_set(options.data, "validation").clear()
    model = EmotionModel.load(average=Average(1.0, 1.0, np.zeros(len(EMOTIONS), dtype=np.float32)))
    own, head = crop_logits(validation.pictures[:, 0].numpy(), model, FaceDetector.load(), trunk)
    bias = balance(load_emotion_set(options.data, "train").votes, options.balance)
    truth = validation.majority.numpy()
    own_share, head_share = fit_shares(own, head, truth, bias)
    save_file(tensors, options.out, metadata={"emotions": ",".join(EMOTIONS), "date": options.date})
    # safetensors writes files that only their owner can read; a worker runs as another user.
    options.out.chmod(0o644)
    settings = {"own_share": own_share, "head_share": head_share}
    settings |= {f"bias_{name}": round(float(value), 4) for name, value in zip(EMOTIONS, bias, strict=True)}
    new = entry_of(HEAD_WEIGHTS, options.out, 150, options.training_data, options.date, settings)
    update_manifest(registry.MANIFEST, new)
    logits = own_share * own + head_share * head + bias
    print("\n".join(lines_of(figures_of(logits, truth))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
