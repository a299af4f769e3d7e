"""facenet-pytorch's InceptionResnetV1 (Sandberg's facenet) as a graph, which runs without PyTorch.

Tensors have the names of the module's `state_dict`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from ml_models.runtime import Array, Layers, Node, add, conv, max_pool, mean_pixel, pad, pixels, relu

#: Side of the network's input in pixels, and numbers of an embedding.
SIZE, LENGTH = 160, 512
#: Pixels come in as (pixel - mean) * scale.
MEAN, SCALE = 127.5, 1 / 128
#: What the module's batch norms add to the variance.
EPSILON = 1e-3
#: Residual blocks: how often, how many layers in each branch, and how much of it is added to the input.
REPEATS = {
    "repeat_1": (5, (1, 2, 3), 0.17),
    "repeat_2": (10, (1, 3), 0.10),
    "repeat_3": (5, (1, 3), 0.20),
}
#: Layers of the last block, whose branch is added as a whole and without a ReLU after it.
LAST = (1, 3)
#: Layers in each branch of the blocks that halve the picture; a maximum stands beside them.
HALVING = {"mixed_6a": (1, 3), "mixed_7a": (2, 2, 3)}


def norm(tensors: Mapping[str, Array], name: str) -> tuple[Array, Array]:
    """Factor and summand of each channel of the batch norm called `name`."""
    weight, bias, mean, variance = (
        np.asarray(tensors[f"{name}.{part}"], dtype=np.float32)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = weight / np.sqrt(variance + np.float32(EPSILON))
    return scale, bias - mean * scale


def basic(layers: Layers, x: Node, name: str, *, stride: int = 1, keep: bool = True) -> Node:
    """`BasicConv2d` called `name`: convolution, batch norm and ReLU. keep: pad, so that the size stays."""
    scale, bias = norm(layers.tensors, f"{name}.bn")
    weight = layers.constant(f"{name}.conv.weight") * scale[:, None, None, None]
    rows, columns = weight.shape[2] // 2, weight.shape[3] // 2
    if keep and rows != columns:
        x = pad(x, [0, 0, rows, columns], [0, 0, rows, columns])
    return relu(conv(x, weight, bias, stride=stride, padding=rows if keep and rows == columns else 0))


def branch(layers: Layers, x: Node, name: str, count: int, *, halve: bool = False) -> Node:
    """`BasicConv2d` one after another, called `name` or, when there are several, `name.0` and so on."""
    for number in range(count):
        last = halve and number == count - 1
        own = name if count == 1 else f"{name}.{number}"
        x = basic(layers, x, own, stride=2 if last else 1, keep=not last)
    return x


def joined(layers: Layers, x: Node, name: str, counts: tuple[int, ...], *, halve: bool = False) -> list[Node]:
    """The branches of a block, side by side."""
    return [
        branch(layers, x, f"{name}.branch{number}", count, halve=halve) for number, count in enumerate(counts)
    ]


def residual(layers: Layers, x: Node, name: str, counts: tuple[int, ...], share: float) -> Node:
    """A block whose joined branches are added to its input: `Block35`, `Block17` and `Block8`."""
    out = layers.conv(ops.concat(joined(layers, x, name, counts), 1), f"{name}.conv2d")
    return add(ops.multiply(out, np.float32(share)), x)


def halved(layers: Layers, x: Node, name: str) -> Node:
    """`Mixed_6a` and `Mixed_7a`."""
    own = joined(layers, x, name, HALVING[name], halve=True)
    return ops.concat([*own, max_pool(x, 3, 2)], 1)


def repeated(layers: Layers, x: Node, name: str) -> Node:
    """The residual blocks called `name.0` and so on."""
    times, counts, share = REPEATS[name]
    for number in range(times):
        x = relu(residual(layers, x, f"{name}.{number}", counts, share))
    return x


def facenet(tensors: Mapping[str, Array], batch: int = 1) -> tuple[ov.Node, Node]:
    """The graph: an input of RGB faces uint8 (batch, 160, 160, 3), and embeddings (batch, 512), not
    normalised.

    Raises KeyError when tensors are missing.
    """
    layers = Layers(tensors)
    parameter, x = pixels([batch, SIZE, SIZE, 3], mean=MEAN, scale=SCALE)
    x = basic(layers, x, "conv2d_1a", stride=2, keep=False)
    x = basic(layers, x, "conv2d_2a", keep=False)
    x = max_pool(basic(layers, x, "conv2d_2b"), 3, 2)
    x = basic(layers, basic(layers, x, "conv2d_3b"), "conv2d_4a", keep=False)
    x = basic(layers, x, "conv2d_4b", stride=2, keep=False)
    x = halved(layers, repeated(layers, x, "repeat_1"), "mixed_6a")
    x = halved(layers, repeated(layers, x, "repeat_2"), "mixed_7a")
    x = residual(layers, repeated(layers, x, "repeat_3"), "block8", LAST, 1.0)
    x = layers.dense(mean_pixel(x), "last_linear")
    scale, bias = norm(tensors, "last_bn")
    return parameter, ops.add(ops.multiply(x, scale[None]), bias[None])
