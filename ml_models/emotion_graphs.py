"""The two emotion networks as graphs: the same layers as `emotion_net` and `emotion_head_net`, from the same
weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from ml_models.runtime import Layers, Node, add, avg_pool, flatten, mean_pixel, pixels, relu

Tensors = Mapping[str, NDArray[Any]]

#: Side of the grey picture of the network on its own (`emotion_net.INPUT_SIZE`).
INPUT_SIZE = 48
#: Blocks of the recognition network that the head reads (`emotion_head_net.TAPS`).
TAPS = (6, 9, 13)
#: What batch norms add to the variance.
EPSILON = 1e-5


def residual(net: Layers, x: Node, name: str, *, stride: int, shortcut: bool) -> Node:
    """`emotion_net.ResidualBlock` called `name`; `shortcut`: whether it has a convolution beside it."""
    out = relu(net.conv_norm(x, f"{name}.conv1", f"{name}.norm1", stride=stride, padding=1))
    out = net.conv_norm(out, f"{name}.conv2", f"{name}.norm2", padding=1)
    if shortcut:
        x = avg_pool(x, stride, stride, ceil=True) if stride != 1 else x
        x = net.conv_norm(x, f"{name}.shortcut.1", f"{name}.shortcut.2")
    return relu(add(out, x))


def scaled(net: Layers, x: Node, name: str, axes: int) -> Node:
    """A batch norm without weights of its own on (N, C, ...) of so many axes: mean 0 and deviation 1 for each
    channel.
    """
    shape = [1, -1] + [1] * (axes - 2)
    mean = net.constant(f"{name}.running_mean").reshape(shape)
    deviation = np.sqrt(net.constant(f"{name}.running_var") + EPSILON).reshape(shape)
    return ops.multiply(ops.subtract(x, mean), (1 / deviation).astype(np.float32))


def emotion_net(tensors: Tensors, batch: int = 1) -> tuple[ov.Node, Node]:
    """`EmotionNet` with its standardising: grey faces uint8 (batch, 48, 48, 1) -> logits (batch, 8)."""
    net = Layers(tensors)
    parameter, x = pixels((batch, INPUT_SIZE, INPUT_SIZE, 1), scale=1 / 255)
    area = np.array([1, 2, 3])
    own = ops.subtract(x, ops.reduce_mean(x, area, True))
    deviation = ops.sqrt(ops.reduce_mean(ops.multiply(own, own), area, True))
    x = ops.divide(own, ops.maximum(deviation, np.float32(1e-3)))
    x = relu(net.conv_norm(x, "stem.0", "stem.1", stride=2, padding=2))
    for number in range(4):
        stride = 1 if number == 0 else 2
        x = residual(net, x, f"blocks.{number}", stride=stride, shortcut=stride != 1)
    return parameter, net.dense(mean_pixel(x), "head")


def emotion_head(tensors: Tensors, blocks: Sequence[Node], embedding: Node) -> Node:
    """`EmotionHead` on a recognition network's blocks and embedding (N, 128) -> logits (N, 8)."""
    net = Layers(tensors)
    early, middle, last = (blocks[number] for number in TAPS)
    x = relu(net.conv_norm(scaled(net, early, "scale_early", 4), "early.0", "early.1", stride=2))
    x = ops.concat([x, scaled(net, middle, "scale_middle", 4)], 1)
    x = relu(net.conv_norm(x, "join.0", "join.1"))
    x = residual(net, x, "block1", stride=1, shortcut=False)
    x = residual(net, x, "block2", stride=2, shortcut=True)
    flat = scaled(net, ops.concat([flatten(last), embedding], 1), "scale_flat", 2)
    flat = relu(net.dense_norm(flat, "flat.0", "flat.1"))
    return net.dense(ops.concat([mean_pixel(x), flat], 1), "head")
