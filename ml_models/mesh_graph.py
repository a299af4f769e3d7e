"""The networks of `mesh_net` as graphs, which run without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

from openvino import opset13 as ops

from ml_models.runtime import Array, Layers, Node, add, avg_pool, flatten, max_pool, pad, pixels

#: Channels of the trunk's blocks of the mesh, and whether each halves the picture.
FACE_TRUNK = [(16, False), (16, False), (32, True), (32, False), (32, False), (64, True), (64, False)]
FACE_TRUNK += [(64, False), (128, True), (128, False), (128, False), (128, True), (128, False), (128, False)]
#: Inputs, outputs and halving of the blocks of the iris network's trunk, and halvings in its branches.
IRIS_TRUNK = [(64, 64, False)] * 4 + [(64, 128, True)] + [(128, 128, False)] * 4 + [(128, 128, True)]
IRIS_BRANCH = [False, False, True, False, False, True, False, False]
#: Sides of the square inputs in pixels.
FACE_SIZE, IRIS_SIZE = 192, 64
#: Points of the face mesh; points around an eye; points of an iris (its middle first).
MESH_POINTS, EYE_POINTS, IRIS_POINTS = 468, 71, 5
#: Numbers that the mesh's network holds of a face before its answers: 128 channels in 3 x 3 places at the end
#: of the trunk, 32 in 3 x 3 before the points.
FEATURES = 128 * 9 + 32 * 9

#: Before and after: a 3x3 convolution that halves pads at the right and the bottom only.
HALVING = (0, 1)


def _shortcut(x: Node, halve: bool, channels: int) -> Node:
    """The input halved by its maxima and filled up with channels of zeros, where sizes differ."""
    x = max_pool(x, 2, 2) if halve else x
    own = int(x.shape[1])
    return pad(x, [0] * 4, [0, channels - own, 0, 0]) if channels > own else x


def _channels(layers: Layers, name: str) -> int:
    return int(layers.tensors[f"{name}.weight"].shape[0])


def _face_block(layers: Layers, x: Node, name: str, halve: bool) -> Node:
    """`mesh_net.FaceBlock`."""
    inputs = _channels(layers, f"{name}.depthwise")
    stride, padding = (2, HALVING) if halve else (1, 1)
    out = layers.conv(x, f"{name}.depthwise", stride=stride, padding=padding, groups=inputs)
    out = layers.conv(out, f"{name}.pointwise")
    shortcut = _shortcut(x, halve, _channels(layers, f"{name}.pointwise"))
    return layers.prelu(add(out, shortcut), f"{name}.prelu")


def _face_branch(layers: Layers, x: Node, name: str, blocks: int) -> tuple[Node, Node]:
    """From the trunk to what one answer is made of, and the answer."""
    for number in range(blocks):
        x = _face_block(layers, x, f"{name}.{number}", halve=number == 0)
    x = layers.prelu(layers.conv(x, f"{name}.{blocks}"), f"{name}.{blocks + 1}")
    x = _face_block(layers, x, f"{name}.{blocks + 2}", halve=False)
    return x, layers.conv(x, f"{name}.{blocks + 3}")


def face_graph(tensors: Mapping[str, Array], batch: int = 1) -> tuple[Node, list[Node]]:
    """The input of RGB faces uint8 (batch, 192, 192, 3), and points (batch, 1404, 1, 1) and logits (batch, 1,
    1, 1) as `mesh_net.FaceMeshNet` gives them, of its weights by name; and what they are made of, (batch,
    FEATURES).
    """
    layers = Layers(tensors)
    parameter, x = pixels([batch, FACE_SIZE, FACE_SIZE, 3], scale=1 / 255)
    x = layers.prelu(layers.conv(x, "stem", stride=2, padding=HALVING), "prelu")
    for number, (_, halve) in enumerate(FACE_TRUNK):
        x = _face_block(layers, x, f"trunk.{number}", halve)
    before, points = _face_branch(layers, x, "points", 3)
    _, face = _face_branch(layers, x, "face", 1)
    features = ops.concat([flatten(avg_pool(x, 2, 2)), flatten(before)], 1)
    return parameter, [points, face, features]


def _iris_block(layers: Layers, x: Node, name: str, halve: bool) -> Node:
    """`mesh_net.IrisBlock`."""
    out = layers.prelu(layers.conv(x, f"{name}.reduce", stride=2 if halve else 1), f"{name}.prelu1")
    out = layers.conv(out, f"{name}.depthwise", padding=1, groups=_channels(layers, f"{name}.depthwise"))
    out = layers.conv(out, f"{name}.expand")
    shortcut = _shortcut(x, halve, _channels(layers, f"{name}.expand"))
    return layers.prelu(add(out, shortcut), f"{name}.prelu2")


def iris_graph(tensors: Mapping[str, Array], batch: int = 2) -> tuple[Node, list[Node]]:
    """The input of RGB left eyes uint8 (batch, 64, 64, 3), and points around the eye (batch, 213, 1, 1) and
    of the iris (batch, 15, 1, 1) as `mesh_net.IrisNet` gives them, of its weights by name.
    """
    layers = Layers(tensors)
    parameter, x = pixels([batch, IRIS_SIZE, IRIS_SIZE, 3], scale=1 / 255)
    x = layers.prelu(layers.conv(x, "stem", stride=2, padding=HALVING), "prelu")
    for number, (_, _, halve) in enumerate(IRIS_TRUNK):
        x = _iris_block(layers, x, f"trunk.{number}", halve)
    answers = []
    for branch in ("eye", "iris"):
        out = x
        for number, halve in enumerate(IRIS_BRANCH):
            out = _iris_block(layers, out, f"{branch}.{number}", halve)
        answers.append(layers.conv(out, f"{branch}.{len(IRIS_BRANCH)}"))
    return parameter, answers
