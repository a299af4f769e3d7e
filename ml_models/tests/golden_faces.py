"""Makes and holds the outputs that the networks for faces cut by points gave when they were accepted.

After a change on purpose: `python -m ml_models.tests.golden_faces` writes `golden_faces.json` anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from ml_models.embedding import EmbeddingModel
from ml_models.mesh import MeshModel
from ml_models.tests.golden import pixels

FILE = Path(__file__).with_name("golden_faces.json")


@torch.inference_mode()
def outputs() -> dict[str, list[float]]:
    """A few numbers of every output of every network."""
    embedder, mesh = EmbeddingModel.load(), MeshModel.load()
    tensors = {
        "embedding": (embedder.net((pixels(2, 3, 150, 150) + 1) * 127),),
        "mesh": mesh.face((pixels(2, 3, 192, 192) + 1) / 2),
        "iris": mesh.iris((pixels(2, 3, 64, 64) + 1) / 2),
    }
    return {
        f"{name}_{number}": [round(value, 6) for value in output.flatten()[:24].tolist()]
        for name, parts in tensors.items()
        for number, output in enumerate(parts)
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(outputs(), indent=1) + "\n")
