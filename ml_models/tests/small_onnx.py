"""Small ONNX recognition models with random weights, for tests: what they answer means nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ml_models.adding import add, onnx_description
from ml_models.recognition import Calibration, Description

CALIBRATION = Calibration(threshold=1.0, slope=10.0)


def onnx_bytes(
    dimension: int = 32,
    *,
    shape: tuple[Any, ...] = ("faces", 3, 112, 112),
    kind: int = TensorProto.FLOAT,
    outputs: int = 1,
    factor: float = 0.05,
    open_side: int = 112,
) -> bytes:
    """An ONNX network: means of tiles of 8 x 8 pixels, times random weights.

    open_side: the side it can really be run on where `shape` leaves it open.
    """
    first = shape[1] == 3
    colours, *sides = shape[1:] if first else (shape[3], *shape[1:3])
    rows, columns = ((side if isinstance(side, int) else open_side) // 8 for side in sides)
    weights = np.random.default_rng(3).normal(0, factor, (rows * columns * colours, dimension))
    nodes = [] if first else [helper.make_node("Transpose", ["face"], ["turned"], perm=[0, 3, 1, 2])]
    nodes += [
        helper.make_node(
            "AveragePool", ["face" if first else "turned"], ["tiles"], kernel_shape=[8, 8], strides=[8, 8]
        ),
        helper.make_node("Flatten", ["tiles"], ["flat"]),
    ]
    names = [f"embedding{number}" for number in range(outputs)]
    nodes += [helper.make_node("MatMul", ["flat", "weights"], [name]) for name in names]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("face", kind, list(shape))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [shape[0], dimension]) for name in names],
        [numpy_helper.from_array(weights.astype(np.float32), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    content: bytes = model.SerializeToString()
    return content


def small_onnx(
    folder: Path, name: str = "small-arcface", content: bytes | None = None, **other: Any
) -> Description:
    """Add a small ONNX model to a folder."""
    own = onnx_bytes() if content is None else content
    given: dict[str, Any] = {
        "mean": 127.5,
        "scale": 1 / 127.5,
        "channels": "rgb",
        "alignment": "arcface",
        "flip": False,
        "calibration": CALIBRATION,
        "licence": "none",
        "title": "",
    }
    description = onnx_description(own, name=name, **(given | other))
    add(description, own, folder)
    return description


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()
