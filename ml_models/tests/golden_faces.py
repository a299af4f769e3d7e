"""Makes and holds the outputs that the networks for faces cut by points gave when they were accepted.

After a change on purpose: `python -m ml_models.tests.golden_faces` writes `golden_faces.json` anew.
"""

from __future__ import annotations

import json
from pathlib import Path

from ml_models.embedding import EmbeddingModel
from ml_models.mesh import MeshModel
from ml_models.tests.golden import pixels, some

FILE = Path(__file__).with_name("golden_faces.json")


def outputs(*, exact: bool = True) -> dict[str, list[float]]:
    """A few numbers of every output of every network."""
    embedder, mesh = EmbeddingModel.load(exact=exact), MeshModel.load(exact=exact)
    answers = {
        "embedding": (embedder.trunk.run(pixels(2, 150, 150, 3)).embedding,),
        "mesh": mesh.face.run(pixels(2, 192, 192, 3)),
        "iris": mesh.iris.run(pixels(2, 64, 64, 3)),
    }
    return {
        f"{name}_{number}": [round(float(value), 6) for value in some(output)]
        for name, parts in answers.items()
        for number, output in enumerate(parts)
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(outputs(), indent=1) + "\n")
