"""Runs face recognition networks in ONNX files by onnxruntime, on the processor."""

from __future__ import annotations

import threading

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ml_models.registry import WeightError

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# `ml_models.__init__` has kept its reports from being set up at all; this is the second lock.
onnxruntime.disable_telemetry_events()

#: Sides that a network may take when its file leaves them open.
OPEN_SIDE = 112


class OnnxRunner:
    """A network from square faces to vectors. Threads may share it; each face is a pass of its own.

    content: the file. It has to hold everything: weights beside it are not read. mean, scale: the network
    sees (pixel - mean) * scale. channels: "rgb" or "bgr". streams: how many threads may compute at a time.
    Raises WeightError when the file is no such network: it has one input of float32, (N, 3, side, side) or
    (N, side, side, 3), and one output (N, d).
    """

    def __init__(self, content: bytes, *, mean: float, scale: float, channels: str, streams: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        # One thread a pass: processors are used for faces beside each other.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Errors of onnxruntime have no base class but Exception; all of them are about this file.
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise WeightError(
                f"The file is no ONNX network that can be run ({_first_line(error)}): give one .onnx file "
                "that holds its weights itself."
            ) from error
        self._mean, self._scale = np.float32(mean), np.float32(scale)
        self._reverse = channels == "bgr"
        self._free = threading.BoundedSemaphore(max(1, streams))
        self._input, self.side, self._channels_first = self._shape_of_input()
        outputs = self._session.get_outputs()
        if len(outputs) != 1:
            raise WeightError(f"The network has {len(outputs)} outputs: give one that gives embeddings only.")
        self.dimension = self._tried()

    def __call__(self, crops: Pixels) -> Floats:
        """Answers float32 (N, d), not normalised, of RGB faces uint8 (N, side, side, 3)."""
        answers = np.empty((len(crops), self.dimension), dtype=np.float32)
        for number in range(len(crops)):
            answers[number] = self._run(crops[number : number + 1])[0]
        return answers

    def _run(self, crop: Pixels) -> Floats:
        x = (crop.astype(np.float32) - self._mean) * self._scale
        x = x[..., ::-1] if self._reverse else x
        x = x.transpose(0, 3, 1, 2) if self._channels_first else x
        with self._free:
            found: Floats = self._session.run(None, {self._input: np.ascontiguousarray(x)})[0]
        return found

    def _shape_of_input(self) -> tuple[str, int, bool]:
        """Name of the input, side of the face in pixels, and whether colours come before rows."""
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 4:
            found = ", ".join(f"{one.type} {one.shape}" for one in inputs)
            raise WeightError(f"The network takes {found}: give one that takes one batch of float32 faces.")
        batch, *shape = inputs[0].shape
        # A file may leave sizes open: they have names, or nothing.
        sizes = [size if isinstance(size, int) and size > 0 else None for size in shape]
        first = sizes[0] == 3
        rows, columns = sizes[1:] if first else sizes[:2]
        sides = {side for side in (rows, columns) if side is not None} or {OPEN_SIDE}
        if (not first and sizes[2] != 3) or len(sides) != 1 or (isinstance(batch, int) and batch > 1):
            raise WeightError(
                f"The network takes {inputs[0].shape}: give one that takes (N, 3, side, side) or "
                "(N, side, side, 3) with N of 1 or open."
            )
        return inputs[0].name, sides.pop(), first

    def _tried(self) -> int:
        """Length of an answer; WeightError when a face gives none or all faces the same."""
        noise = np.random.default_rng(0).integers(0, 256, (2, self.side, self.side, 3), dtype=np.uint8)
        try:
            first, second = (self._run(noise[number : number + 1]) for number in range(2))
        except Exception as error:
            raise WeightError(f"The network cannot be run on a face ({_first_line(error)}).") from error
        if first.ndim != 2 or first.shape[0] != 1 or first.dtype != np.float32:
            raise WeightError(
                f"The network gives {first.dtype} {first.shape}: it has to give float32 (N, d)."
            )
        if not (np.isfinite(first).all() and np.isfinite(second).all()) or np.array_equal(first, second):
            raise WeightError(
                "The network gives numbers that are not finite, or every face the same: look at mean and "
                "scale."
            )
        return int(first.shape[1])


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
