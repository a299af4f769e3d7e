"""Makes and holds the outputs that each network gave when its weights were accepted.

After a network was trained again on purpose: `python -m ml_models.tests.golden` writes `golden.json` anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml_models.detection import load_mtcnn
from ml_models.emotion import EmotionScorer

FILE = Path(__file__).with_name("golden.json")


def pixels(*shape: int) -> Tensor:
    """Numbers in [-1, 1) that are the same on every machine and for every version of the libraries."""
    count = int(np.prod(shape))
    values = (
        np.arange(count, dtype=np.int64) * 7919 + np.arange(count, dtype=np.int64) // 13 * 104_729
    ) % 1009
    return torch.from_numpy((values / 504.5 - 1).astype(np.float32).reshape(shape))


@torch.inference_mode()
def outputs() -> dict[str, list[float]]:
    """A few numbers of every output of every network."""
    pnet, rnet, onet = load_mtcnn()
    squares = ((pixels(3, 1, 48, 48) + 1) * 127).to(torch.uint8)
    tensors = {
        "pnet": pnet(pixels(1, 3, 20, 24)),
        "rnet": rnet(pixels(2, 3, 24, 24)),
        "onet": onet(pixels(2, 3, 48, 48)),
        "emotion": (EmotionScorer().logits(squares),),
    }
    return {
        f"{name}_{number}": [round(value, 6) for value in output.flatten()[:24].tolist()]
        for name, parts in tensors.items()
        for number, output in enumerate(parts)
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(outputs(), indent=1) + "\n")
