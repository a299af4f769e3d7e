"""Builds networks from their weights as OpenVINO graphs and runs them.

The networks are defined and trained in PyTorch (`*_net.py`); to run them the same layers are laid out here,
without importing torch: that halves the time of a pass, starts in a tenth of the time and takes a fifth of
the memory. Tests hold both to the same answers.

A `Layers` turns named weights into nodes; a `Network` is a compiled graph that any number of threads share.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops
from threadpoolctl import threadpool_limits

Array = NDArray[Any]
# Processors are used for pictures beside each other; numpy's small products would only wait for theirs.
threadpool_limits(1, user_api="blas")

#: A node of a graph, or one of its outputs.
Node: TypeAlias = "ov.Node | ov.Output"

#: Two numbers (rows, columns), or one for both.
Pair = int | tuple[int, int]
#: Padding before and after, or one number for both.
Padding = int | tuple[int, int]


def _pair(value: Pair) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)


class Layers:
    """Layers with weights by name, as nodes of a graph of pictures (N, C, H, W).

    tensors: name -> array, as the PyTorch module's `state_dict` has them.
    """

    def __init__(self, tensors: Mapping[str, Array]) -> None:
        self.tensors = tensors

    def constant(self, name: str) -> Array:
        """The weights of this name; KeyError when there are none."""
        return np.ascontiguousarray(self.tensors[name], dtype=np.float32)

    def conv(self, x: Node, name: str, *, stride: Pair = 1, padding: Padding = 0, groups: int = 1) -> Node:
        """`nn.Conv2d` called `name`; with a `nn.BatchNorm2d` to follow use `conv_norm`."""
        bias = self.constant(f"{name}.bias") if f"{name}.bias" in self.tensors else None
        return conv(x, self.constant(f"{name}.weight"), bias, stride=stride, padding=padding, groups=groups)

    def conv_norm(
        self, x: Node, name: str, norm: str, *, stride: Pair = 1, padding: Padding = 0, groups: int = 1
    ) -> Node:
        """`nn.Conv2d` without bias and the `nn.BatchNorm2d` after it, as one convolution."""
        scale, bias = self._norm(norm)
        weight = self.constant(f"{name}.weight") * scale[:, None, None, None]
        return conv(x, weight, bias, stride=stride, padding=padding, groups=groups)

    def prelu(self, x: Node, name: str) -> Node:
        """`nn.PReLU` called `name`."""
        return ops.prelu(x, self.constant(f"{name}.weight"))

    def dense(self, x: Node, name: str) -> Node:
        """`nn.Linear` called `name` on (N, features)."""
        out = ops.matmul(x, self.constant(f"{name}.weight"), False, True)
        return ops.add(out, self.constant(f"{name}.bias")[None]) if f"{name}.bias" in self.tensors else out

    def dense_norm(self, x: Node, name: str, norm: str) -> Node:
        """`nn.Linear` without bias and the `nn.BatchNorm1d` after it, as one layer."""
        scale, bias = self._norm(norm)
        weight = np.ascontiguousarray(self.constant(f"{name}.weight") * scale[:, None])
        return ops.add(ops.matmul(x, weight, False, True), bias[None])

    def _norm(self, name: str) -> tuple[Array, Array]:
        """Factor and summand of each channel of the batch norm called `name`."""
        scale = self.constant(f"{name}.weight") / np.sqrt(self.constant(f"{name}.running_var") + 1e-5)
        return scale, self.constant(f"{name}.bias") - self.constant(f"{name}.running_mean") * scale


def conv(
    x: Node, weight: Array, bias: Array | None, *, stride: Pair = 1, padding: Padding = 0, groups: int = 1
) -> Node:
    """A convolution of (N, C, H, W) with weights (outputs, C / groups, h, w)."""
    weight = np.ascontiguousarray(weight, dtype=np.float32)
    before, after = (padding, padding) if isinstance(padding, int) else padding
    sides = [before, before], [after, after]
    if groups == 1:
        out = ops.convolution(x, weight, _pair(stride), *sides, [1, 1])
    else:
        grouped = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
        out = ops.group_convolution(x, grouped, _pair(stride), *sides, [1, 1])
    if bias is None:
        return out
    return ops.add(out, np.asarray(bias, dtype=np.float32)[None, :, None, None])


def relu(x: Node) -> Node:
    """The larger of x and 0."""
    return ops.relu(x)


def add(first: Node, second: Node) -> Node:
    """The sum of two nodes of one shape."""
    return ops.add(first, second)


def max_pool(x: Node, size: int, stride: int, *, ceil: bool = False) -> Node:
    """`nn.MaxPool2d(size, stride, ceil_mode=ceil)`."""
    rounding = "ceil" if ceil else "floor"
    return ops.max_pool(x, [stride] * 2, [1, 1], [0, 0], [0, 0], [size] * 2, rounding).output(0)


def avg_pool(x: Node, size: int, stride: int, *, ceil: bool = False) -> Node:
    """`nn.AvgPool2d(size, stride, ceil_mode=ceil)` without padding."""
    rounding = "ceil" if ceil else "floor"
    return ops.avg_pool(x, [stride] * 2, [0, 0], [0, 0], [size] * 2, True, rounding)


def mean_pixel(x: Node) -> Node:
    """The mean over all pixels: (N, C, H, W) -> (N, C)."""
    return ops.reduce_mean(x, np.array([2, 3]), False)


def pad(x: Node, before: Sequence[int], after: Sequence[int]) -> Node:
    """Zeros before and after each of the four axes."""
    return ops.pad(x, np.array(before), np.array(after), "constant", np.float32(0))


def flatten(x: Node) -> Node:
    """(N, C, H, W) -> (N, C * H * W)."""
    return ops.reshape(x, np.array([0, -1]), True)


def softmax(x: Node, axis: int = 1) -> Node:
    """Shares that sum to 1 along an axis."""
    return ops.softmax(x, axis)


def pixels(
    shape: Sequence[int], *, mean: Sequence[float] | float = 0.0, scale: float = 1.0
) -> tuple[ov.Node, Node]:
    """An input of uint8 pictures (N, H, W, channels) and the node (N, channels, H, W) of (pixel - mean) *
    scale.

    Pictures go in as they lie in memory; turning them into floats is part of the graph.
    """
    parameter = ops.parameter(list(shape), np.uint8, "pictures")
    x = ops.transpose(ops.convert(parameter, "f32"), np.array([0, 3, 1, 2]))
    shift = np.asarray(mean, dtype=np.float32).reshape(1, -1, 1, 1)
    return parameter, ops.multiply(ops.subtract(x, shift), np.float32(scale))


@cache
def _core() -> ov.Core:
    return ov.Core()


@cache
def half_precision() -> bool:
    """Whether this processor computes in bfloat16 by itself (AVX-512 BF16 or AMX): twice as fast."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class Network:
    """A compiled graph. Threads may share it; each call runs on one processor.

    parameter: the input node. outputs: what a call returns, in this order. name: for messages. exact: compute
    in float32 even where the processor has bfloat16 (relative error 0.4 % in every layer). streams: how many
    calls may run beside each other; more wait.

    The graph has a fixed shape whose first axis is the batch. `run` takes any number of rows and feeds them
    in batches of that size, so that a row's answer does not depend on what is computed with it.
    """

    def __init__(
        self, parameter: ov.Node, outputs: Sequence[Node], *, name: str, exact: bool, streams: int = 1
    ) -> None:
        model = ov.Model(list(outputs), [parameter], name)
        self.name = name
        self.batch = int(model.input(0).shape[0])
        self._shapes = [tuple(output.shape)[1:] for output in model.outputs]
        self._row = tuple(model.input(0).shape)[1:]
        self._compiled = _core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": streams,
                "NUM_STREAMS": streams,
                "INFERENCE_PRECISION_HINT": "bf16" if half_precision() and not exact else "f32",
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._outputs = len(self._shapes)
        self._lock = threading.Lock()
        # Made here and not by the first calls: while others compute, making one was once seen to hang.
        self._idle = [self._made() for _ in range(streams)]

    def run(self, rows: Array) -> tuple[Array, ...]:
        """Answers float32 (N, ...) of rows (N, ...); N may be 0.

        Raises ValueError when the rows have another shape than the graph.
        """
        if rows.shape[1:] != self._row:
            raise ValueError(f"{self.name} takes rows of the shape {self._row}, not {rows.shape[1:]}.")
        answers = tuple(np.empty((len(rows), *shape), dtype=np.float32) for shape in self._shapes)
        call = self._take()
        try:
            for start in range(0, len(rows), self.batch):
                some = rows[start : start + self.batch]
                count = len(some)
                np.copyto(call.given[:count], some)
                # What was in there before would be computed again, at the same cost as zeros.
                call.request.infer()
                for answer, found in zip(answers, call.found, strict=True):
                    answer[start : start + count] = found[:count]
        finally:
            with self._lock:
                self._idle.append(call)
        return answers

    def _take(self) -> _Call:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._made()

    def _made(self) -> _Call:
        """A new request. One by one, of whichever graph."""
        with _MAKING:
            return _Call(self._compiled.create_infer_request(), self._outputs)


#: Held while a request is made.
_MAKING = threading.Lock()


class _Call:
    """A request with its memory: `given` goes in, `found` comes out. One thread at a time."""

    def __init__(self, request: ov.InferRequest, outputs: int) -> None:
        self.request = request
        self.given: Array = request.get_input_tensor(0).data
        self.found: list[Array] = [request.get_output_tensor(number).data for number in range(outputs)]
