"""Makes and holds the outputs that each network gave when its weights were accepted.

After a network was trained again on purpose: `python -m ml_models.tests.golden` writes `golden.json` anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ml_models.attributes import AttributeModel
from ml_models.emotion_graphs import emotion_net
from ml_models.face_trunk import FaceTrunk
from ml_models.mtcnn_graphs import CANVAS, Mtcnn
from ml_models.registry import weight
from ml_models.runtime import Network

FILE = Path(__file__).with_name("golden.json")
#: How many numbers of each output are kept, spread evenly over it.
KEPT = 24


def pixels(*shape: int) -> NDArray[np.uint8]:
    """Numbers from 0 to 255 that are the same on every machine and for every version of the libraries."""
    values = np.arange(int(np.prod(shape)), dtype=np.int64)
    values = (values * 7919 + values // 13 * 104_729) % 1009 * 255 // 1008
    return values.astype(np.uint8).reshape(shape)


def outputs() -> dict[str, list[float]]:
    """A few numbers of every output of every network, computed in float32."""
    mtcnn = Mtcnn.load(exact=True)
    parameter, logits = emotion_net(load_file(weight("emotion-v1").verified()))
    emotion = Network(parameter, [logits], name="emotion", exact=True)
    trunk = FaceTrunk.load(exact=True).run(pixels(2, 150, 150, 3))
    attributes = AttributeModel.load(exact=True).logits(trunk.features, pixels(2, 96, 80, 3))
    parts = {
        "pnet": mtcnn.proposal.run(pixels(1, CANVAS, CANVAS, 3)),
        "rnet": mtcnn.refine.run(pixels(2, 24, 24, 3)),
        "onet": mtcnn.output.run(pixels(2, 48, 48, 3)),
        "emotion": emotion.run(pixels(3, 48, 48, 1)),
        "trunk": (trunk.embedding, trunk.emotion, trunk.features),
        "attributes": (attributes.labels, attributes.age, attributes.male),
    }
    return {
        f"{name}_{number}": [round(float(value), 6) for value in some(output)]
        for name, answers in parts.items()
        for number, output in enumerate(answers)
    }


def some(output: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most `KEPT` numbers, spread evenly."""
    flat = output.ravel()
    return flat[np.linspace(0, len(flat) - 1, min(KEPT, len(flat))).round().astype(int)]


if __name__ == "__main__":
    FILE.write_text(json.dumps(outputs(), indent=1) + "\n")
