"""Reads dlib's face recognition network from its .dat file, as plain arrays of numbers.

dlib writes a network from its input to its output. Whole numbers stand as one byte of length (highest bit:
negative) and so many bytes, least first; fractions as two whole numbers, mantissa and exponent of 2; lists
of numbers of a tensor as four sizes and 32-bit floats. Nothing of the file is executed, and every read is
checked against the end of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: More numbers than any tensor of the network has; a larger count means the file is not what it should be.
MOST_NUMBERS = 10_000_000
#: Layers whose settings are of no use here: their name, and how many whole numbers follow it.
PLAIN_LAYERS = {"relu_": 0, "add_prev_": 0, "max_pool_2": 6, "avg_pool_2": 6}


class DlibFileError(ValueError):
    """The file is not dlib's face recognition network; the message says what is wrong."""


@dataclass(frozen=True)
class Convolution:
    """weight (out, in, rows, columns) and bias (out,); stride and padding in pixels, the same both ways."""

    weight: Floats
    bias: Floats
    stride: int
    padding: int


@dataclass(frozen=True)
class Affine:
    """What is left of a batch norm: output = gamma * input + beta, each (channels,)."""

    gamma: Floats
    beta: Floats


@dataclass(frozen=True)
class Dense:
    """A linear layer without bias: weight (in, out)."""

    weight: Floats


Layer = Convolution | Affine | Dense | str


@dataclass(frozen=True)
class DlibNetwork:
    """mean: what is taken from red, green and blue before the division by 256. size: side of the input in
    pixels. layers: from input to output; a string names a layer without weights.
    """

    mean: tuple[float, float, float]
    size: int
    layers: list[Layer]


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 0

    def octets(self, count: int) -> bytes:
        if count < 0 or self.place + count > len(self.content):
            raise DlibFileError(f"The file ends in the middle of a value (byte {self.place}).")
        self.place += count
        return self.content[self.place - count : self.place]

    def integer(self) -> int:
        head = self.octets(1)[0]
        length = head & 0x0F
        if head & 0x70 or not 1 <= length <= 8:
            raise DlibFileError(f"There is no whole number at byte {self.place - 1}.")
        value = int.from_bytes(self.octets(length), "little")
        return -value if head & 0x80 else value

    def fraction(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if not -1100 <= exponent <= 1000:
            raise DlibFileError(f"The number before byte {self.place} is none that a network holds.")
        return float(mantissa) * 2.0**exponent

    def text(self) -> str:
        length = self.integer()
        if not 0 < length <= 64:
            raise DlibFileError(f"There is no name of a layer at byte {self.place}.")
        return self.octets(length).decode("ascii", "replace")

    def expect(self, *values: int) -> None:
        for value in values:
            found = self.integer()
            if found != value:
                raise DlibFileError(f"Before byte {self.place} stands {found} instead of {value}.")

    def tensor(self) -> Floats:
        """All numbers of a tensor in a row."""
        self.expect(2)
        count = 1
        for _ in range(4):
            size = self.integer()
            if not 0 <= size <= MOST_NUMBERS:
                raise DlibFileError(f"A tensor before byte {self.place} has the impossible size {size}.")
            count *= size
        if count > MOST_NUMBERS:
            raise DlibFileError(f"A tensor before byte {self.place} has {count} numbers: too many.")
        return np.frombuffer(self.octets(4 * count), dtype="<f4").astype(np.float32)

    def shape(self) -> tuple[int, ...]:
        """Where a tensor of this shape stands within another."""
        self.expect(1)
        return tuple(self.integer() for _ in range(4))

    def convolution(self) -> Convolution:
        numbers = self.tensor()
        outputs, rows, columns, stride, stride_x, padding, padding_x = (self.integer() for _ in range(7))
        shape, bias_shape = self.shape(), self.shape()
        self._multipliers(4)
        weights = int(np.prod(shape, dtype=np.int64))
        square = stride == stride_x and padding == padding_x and shape[2:] == (rows, columns)
        if not square or shape[0] != outputs or bias_shape != (1, outputs, 1, 1):
            raise DlibFileError(f"A convolution before byte {self.place} contradicts itself.")
        if numbers.size != weights + outputs:
            raise DlibFileError(f"A convolution before byte {self.place} has {numbers.size} numbers.")
        return Convolution(numbers[:weights].reshape(shape), numbers[weights:], stride, padding)

    def affine(self) -> Affine:
        numbers = self.tensor()
        gamma, beta = self.shape(), self.shape()
        self.integer()  # per channel or per pixel; the sizes say so too
        if gamma != beta or gamma != (1, numbers.size // 2, 1, 1) or numbers.size % 2:
            raise DlibFileError(f"A scaling before byte {self.place} contradicts itself.")
        return Affine(numbers[: numbers.size // 2], numbers[numbers.size // 2 :])

    def dense(self) -> Dense:
        outputs, inputs = self.integer(), self.integer()
        numbers, shape, _ = self.tensor(), self.shape(), self.shape()
        self.expect(1)  # no bias
        self._multipliers(4)
        if shape[:2] != (inputs, outputs) or numbers.size != inputs * outputs:
            raise DlibFileError(f"The linear layer before byte {self.place} contradicts itself.")
        return Dense(numbers.reshape(inputs, outputs))

    def _multipliers(self, count: int) -> None:
        """Factors of learning rate and weight decay: of use in training only."""
        for _ in range(count):
            self.fraction()

    def layer(self) -> Layer:
        """One layer with what dlib keeps of its last use: three marks and three tensors, all empty."""
        name = self.text()
        found: Layer = name
        if name == "con_4":
            found = self.convolution()
        elif name == "affine_":
            found = self.affine()
        elif name == "fc_2":
            found = self.dense()
        elif name in PLAIN_LAYERS:
            for _ in range(PLAIN_LAYERS[name]):
                self.integer()
        else:
            raise DlibFileError(f"The file has a layer {name!r} that the network does not.")
        if set(self.octets(3)) - set(b"01"):
            raise DlibFileError(f"The marks after the layer {name!r} are damaged (byte {self.place}).")
        for _ in range(3):
            self.tensor()
        return found


def parse(content: bytes) -> DlibNetwork:
    """The network in the bytes of a file; DlibFileError when it is another or damaged."""
    reader = _Reader(content)
    reader.expect(1)
    if reader.text() != "loss_metric_2":
        raise DlibFileError("The file does not start as dlib's face recognition network does.")
    reader.fraction(), reader.fraction()  # margin and threshold of the training
    # One version number per layer, from the output down; the input's name ends them.
    for _ in range(1000):
        before = reader.place
        if reader.integer() > 3:
            reader.place = before
            break
    if reader.text() != "input_rgb_image_sized":
        raise DlibFileError("The network in the file does not take pictures of a fixed size.")
    red, green, blue = reader.fraction(), reader.fraction(), reader.fraction()
    size = reader.integer()
    reader.expect(size)
    layers: list[Layer] = []
    while not layers or not isinstance(layers[-1], Dense):
        layers.append(reader.layer())
        if len(layers) == 1:
            reader.expect(1)  # one face per picture
    if reader.place != len(content):
        raise DlibFileError(f"The file goes on after the end of the network (byte {reader.place}).")
    return DlibNetwork((red, green, blue), size, layers)


def read(file: Path) -> DlibNetwork:
    """The network in a file; DlibFileError names the file."""
    try:
        return parse(file.read_bytes())
    except DlibFileError as error:
        raise DlibFileError(
            f"{file} is not dlib's face recognition network: {error} Install the package that ships it again."
        ) from error
