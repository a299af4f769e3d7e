"""dlib's face recognition network (King, 2017) as a graph, laid out from dlib's own file."""

from __future__ import annotations

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from ml_models.dlib_file import Affine, Convolution, Dense, DlibFileError, DlibNetwork
from ml_models.runtime import Node, add, avg_pool, conv, max_pool, mean_pixel, pad, relu

Floats = NDArray[np.float32]

#: Channels of each residual block, and whether it halves the picture.
BLOCKS = [(32, False)] * 3 + [(64, True)] + [(64, False)] * 3 + [(128, True)] + [(128, False)] * 2
BLOCKS += [(256, True)] + [(256, False)] * 2 + [(256, True)]
#: Length of an embedding, and side of the network's input in pixels.
LENGTH, SIZE = 128, 150
#: What dlib divides colours by.
COLOURS = 256


def expected() -> list[tuple[tuple[int, ...], int, int]]:
    """Weights' shape, stride and padding of every convolution, from input to output."""
    plan: list[tuple[tuple[int, ...], int, int]] = [((32, 3, 7, 7), 2, 0)]
    inputs = 32
    for outputs, halve in BLOCKS:
        plan.append(((outputs, inputs, 3, 3), 2 if halve else 1, 0 if halve else 1))
        plan.append(((outputs, outputs, 3, 3), 1, 1))
        inputs = outputs
    return plan


def folded(network: DlibNetwork) -> tuple[list[tuple[Floats, Floats]], Floats]:
    """Weights and bias of every convolution with the scaling after it folded in, and the last layer's
    weights (256, 128).

    Raises DlibFileError when the layers are not those of the face network.
    """
    plan = expected()
    weighted = [layer for layer in network.layers if not isinstance(layer, str)]
    if network.size != SIZE or len(weighted) != 2 * len(plan) + 1:
        raise DlibFileError(f"It has {len(weighted)} layers with weights for {network.size} px.")
    convolutions = []
    for layer, scaling, (shape, stride, padding) in zip(weighted[:-1:2], weighted[1::2], plan, strict=True):
        if not isinstance(layer, Convolution) or not isinstance(scaling, Affine):
            raise DlibFileError("A convolution is not followed by its scaling.")
        same = layer.weight.shape == shape and len(scaling.gamma) == len(layer.weight)
        if not same or (layer.stride, layer.padding) != (stride, padding):
            raise DlibFileError(f"A convolution has the shape {layer.weight.shape}.")
        weight = layer.weight * scaling.gamma[:, None, None, None]
        convolutions.append((weight, layer.bias * scaling.gamma + scaling.beta))
    last = weighted[-1]
    if not isinstance(last, Dense) or last.weight.shape != (BLOCKS[-1][0], LENGTH):
        raise DlibFileError("The last layer does not give 128 numbers.")
    return convolutions, np.ascontiguousarray(last.weight)


def block(x: Node, first: tuple[Floats, Floats], second: tuple[Floats, Floats], halve: bool) -> Node:
    """Two 3x3 convolutions beside the input; where the sizes differ, the smaller one ends in zeros."""
    out = relu(conv(x, *first, stride=2 if halve else 1, padding=0 if halve else 1))
    out = conv(out, *second, padding=1)
    if halve:
        x = avg_pool(x, 2, 2)
        own, theirs = (list(one.shape) for one in (out, x))
        rows, columns = theirs[2] - own[2], theirs[3] - own[3]
        out = pad(out, [0] * 4, [0, 0, rows, columns]) if rows or columns else out
        x = pad(x, [0] * 4, [0, own[1] - theirs[1], 0, 0]) if own[1] > theirs[1] else x
    return relu(add(out, x))


def layers(network: DlibNetwork, batch: int = 1) -> tuple[ov.Node, list[Node], Node]:
    """The graph of a network read by `dlib_file`: an input of RGB faces uint8 (batch, 150, 150, 3), aligned
    as dlib does; the answers of the blocks, from (batch, 32, 35, 35) to (batch, 256, 2, 2); and embeddings
    (batch, 128), not normalised.

    Raises DlibFileError when the layers are not those of the face network.
    """
    convolutions, last = folded(network)
    stem, bias = convolutions[0]
    # (pixel - mean) / 256 is part of the first convolution, which pads nothing.
    mean = np.array(network.mean, dtype=np.float32)[None, :, None, None]
    stem = stem / np.float32(COLOURS)
    bias = bias - (stem * mean).sum(axis=(1, 2, 3))
    parameter = ops.parameter([batch, SIZE, SIZE, 3], np.uint8, "faces")
    x = ops.transpose(ops.convert(parameter, "f32"), np.array([0, 3, 1, 2]))
    x = max_pool(relu(conv(x, stem, bias, stride=2)), 3, 2)
    blocks: list[Node] = []
    for number, (_, halve) in enumerate(BLOCKS):
        x = block(x, convolutions[1 + 2 * number], convolutions[2 + 2 * number], halve)
        blocks.append(x)
    return parameter, blocks, ops.matmul(mean_pixel(x), last, False, False)
