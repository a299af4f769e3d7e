"""The three networks of MTCNN as graphs, laid out from `weights/mtcnn.safetensors` without torch.

`mtcnn_nets.py` has the same networks as PyTorch modules; a test holds both to the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from openvino import opset13 as ops
from safetensors.numpy import load_file

from ml_models import runtime
from ml_models.registry import weight
from ml_models.runtime import Array, Layers, Network, Node, conv, flatten, max_pool

WEIGHTS = "mtcnn"
#: P-Net looks at windows of this many pixels, two pixels apart.
WINDOW, STRIDE = 12, 2
#: Rows and columns that P-Net sees at once, and the cells it answers for them. Small canvases leave less of
#: the last one empty, large ones need fewer seams.
CANVAS = 224
CELLS = (CANVAS - WINDOW) // STRIDE + 1
#: Pixels 0 to 255 become -1 to 1, as in the training of MTCNN.
MEAN, SCALE = 127.5, 1 / 128
#: Candidates at once: larger batches are hardly faster for one candidate and leave more of the last empty.
REFINE_BATCH, OUTPUT_BATCH = 32, 8


@dataclass(frozen=True)
class Mtcnn:
    """proposal: canvases (N, 224, 224, 3) -> logit of a face (N, 1, 107, 107), corrections (N, 4, 107, 107).

    refine: crops (N, 24, 24, 3) -> logit (N, 1), corrections (N, 4). output: crops (N, 48, 48, 3) -> logit,
    corrections, points (N, 10: five x, then five y). Crops are uint8 RGB; corrections and points are shares
    of the window's width and height.
    """

    proposal: Network
    refine: Network
    output: Network

    @classmethod
    def load(cls, *, exact: bool = False, streams: int = 1) -> Mtcnn:
        """All three with their verified weights; WeightError when the file is not right."""
        tensors = load_file(weight(WEIGHTS).verified())
        return cls(
            proposal_graph(_part(tensors, "pnet"), CANVAS, exact=exact, streams=streams),
            refine_graph(_part(tensors, "rnet"), REFINE_BATCH, exact=exact, streams=streams),
            output_graph(_part(tensors, "onet"), OUTPUT_BATCH, exact=exact, streams=streams),
        )


def _part(tensors: Mapping[str, Array], net: str) -> Layers:
    """The layers of one of the nets."""
    start = f"{net}."
    return Layers({name.removeprefix(start): one for name, one in tensors.items() if name.startswith(start)})


def _margin(layers: Layers, name: str) -> tuple[Array, Array]:
    """Weights and bias of one output, face minus no face: its sigmoid is the face's share of a softmax."""
    weights, bias = layers.constant(f"{name}.weight"), layers.constant(f"{name}.bias")
    return weights[1:] - weights[:1], bias[1:] - bias[:1]


def _heads(layers: Layers, x: Node, decision: str, *others: str) -> Node:
    """The margin of `decision` and the outputs of the other dense layers, side by side."""
    weights, bias = _margin(layers, decision)
    weights = np.concatenate([weights, *(layers.constant(f"{name}.weight") for name in others)])
    bias = np.concatenate([bias, *(layers.constant(f"{name}.bias") for name in others)])
    return ops.add(ops.matmul(x, weights, False, True), bias[None])


def _flat(x: Node) -> Node:
    """(N, C, H, W) -> (N, W * H * C): the weights come from Matlab, which runs through columns first."""
    return flatten(ops.transpose(x, np.array([0, 3, 2, 1])))


def _sides(x: Node, *sizes: int) -> list[Node]:
    """The outputs of joined heads, apart again."""
    return list(ops.variadic_split(x, np.int64(1), np.array(sizes, dtype=np.int64)).outputs())


def proposal_graph(layers: Layers, side: int, *, exact: bool, streams: int) -> Network:
    """P-Net on canvases of one size."""
    pictures, x = runtime.pixels((1, side, side, 3), mean=MEAN, scale=SCALE)
    x = max_pool(layers.prelu(layers.conv(x, "conv1"), "prelu1"), 2, 2, ceil=True)
    x = layers.prelu(layers.conv(x, "conv2"), "prelu2")
    x = layers.prelu(layers.conv(x, "conv3"), "prelu3")
    weights, bias = _margin(layers, "conv4_1")
    joined = np.concatenate([weights, layers.constant("conv4_2.weight")])
    x = conv(x, joined, np.concatenate([bias, layers.constant("conv4_2.bias")]))
    return Network(pictures, _sides(x, 1, 4), name="P-Net", exact=exact, streams=streams)


def refine_graph(layers: Layers, batch: int, *, exact: bool, streams: int) -> Network:
    """R-Net on crops of 24 pixels."""
    pictures, x = runtime.pixels((batch, 24, 24, 3), mean=MEAN, scale=SCALE)
    x = max_pool(layers.prelu(layers.conv(x, "conv1"), "prelu1"), 3, 2, ceil=True)
    x = max_pool(layers.prelu(layers.conv(x, "conv2"), "prelu2"), 3, 2, ceil=True)
    x = layers.prelu(layers.conv(x, "conv3"), "prelu3")
    x = layers.prelu(layers.dense(_flat(x), "dense4"), "prelu4")
    x = _heads(layers, x, "dense5_1", "dense5_2")
    return Network(pictures, _sides(x, 1, 4), name="R-Net", exact=exact, streams=streams)


def output_graph(layers: Layers, batch: int, *, exact: bool, streams: int) -> Network:
    """O-Net on crops of 48 pixels."""
    pictures, x = runtime.pixels((batch, 48, 48, 3), mean=MEAN, scale=SCALE)
    x = max_pool(layers.prelu(layers.conv(x, "conv1"), "prelu1"), 3, 2, ceil=True)
    x = max_pool(layers.prelu(layers.conv(x, "conv2"), "prelu2"), 3, 2, ceil=True)
    x = max_pool(layers.prelu(layers.conv(x, "conv3"), "prelu3"), 2, 2, ceil=True)
    x = layers.prelu(layers.conv(x, "conv4"), "prelu4")
    x = layers.prelu(layers.dense(_flat(x), "dense5"), "prelu5")
    x = _heads(layers, x, "dense6_1", "dense6_2", "dense6_3")
    return Network(pictures, _sides(x, 1, 4, 10), name="O-Net", exact=exact, streams=streams)
