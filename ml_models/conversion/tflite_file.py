"""Reads networks out of .tflite files: tensors with their numbers, and the operators between them.

A .tflite file is a FlatBuffer. Only what the conversion needs is read; every offset is checked against the
size of the file. Layout: tensorflow/lite/schema/schema.fbs, version 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: Numbers of the schema's TensorType.
TYPES: dict[int, str] = {0: "<f4", 1: "<f2", 2: "<i4", 3: "u1", 4: "<i8"}
#: Numbers of the schema's BuiltinOperator that networks for faces use.
OPERATORS: dict[int, str] = {
    0: "ADD",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    22: "RESHAPE",
    34: "PAD",
    54: "PRELU",
}


class TfliteError(ValueError):
    """The file is not a .tflite file that can be read; the message says what is wrong."""


@dataclass(frozen=True)
class TfTensor:
    """Name, shape and, for weights, the numbers of one tensor."""

    name: str
    shape: tuple[int, ...]
    data: NDArray[np.generic] | None


@dataclass(frozen=True)
class TfOperator:
    """One step: its kind and the numbers of the tensors it reads (-1: none) and writes.

    options: the raw fields of its settings by number of the field, as 32-bit integers or bytes.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[int, int]


@dataclass(frozen=True)
class TfGraph:
    """The only subgraph of a file."""

    tensors: list[TfTensor]
    operators: list[TfOperator]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class _Table:
    """One table of a FlatBuffer: its fields are found through the table of offsets it points to."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content, self.place = content, place
        self.fields = place - self.read("<i", place)
        self.count = (self.read("<H", self.fields) - 4) // 2

    def read(self, code: str, place: int) -> int:
        if not 0 <= place <= len(self.content) - struct.calcsize(code):
            raise TfliteError("The file ends too early or points outside itself: fetch it again.")
        return int(struct.unpack_from(code, self.content, place)[0])

    def at(self, field: int) -> int | None:
        """Where the field stands, or None when it has its default."""
        offset = self.read("<H", self.fields + 4 + 2 * field) if field < self.count else 0
        return self.place + offset if offset else None

    def number(self, field: int, code: str = "<i", default: int = 0) -> int:
        place = self.at(field)
        return default if place is None else self.read(code, place)

    def _target(self, place: int) -> int:
        return place + self.read("<I", place)

    def table(self, field: int) -> _Table | None:
        place = self.at(field)
        return None if place is None else _Table(self.content, self._target(place))

    def _vector(self, field: int, width: int) -> tuple[int, int]:
        """First place and length of a vector of items of this width."""
        place = self.at(field)
        if place is None:
            return 0, 0
        start = self._target(place)
        length = self.read("<I", start)
        if start + 4 + length * width > len(self.content):
            raise TfliteError("A list in the file is longer than the file: fetch it again.")
        return start + 4, length

    def tables(self, field: int) -> list[_Table]:
        start, length = self._vector(field, 4)
        return [_Table(self.content, self._target(start + 4 * k)) for k in range(length)]

    def numbers(self, field: int) -> tuple[int, ...]:
        start, length = self._vector(field, 4)
        return struct.unpack_from(f"<{length}i", self.content, start)

    def octets(self, field: int) -> bytes:
        start, length = self._vector(field, 1)
        return self.content[start : start + length]


def _tensor(table: _Table, buffers: list[_Table]) -> TfTensor:
    shape, kind, buffer = table.numbers(0), table.number(1, "<b"), table.number(2, "<I")
    name = table.octets(3).decode("utf-8", "replace")
    if buffer >= len(buffers):
        raise TfliteError(f"The tensor {name} names a buffer that is not in the file: fetch it again.")
    octets = buffers[buffer].octets(0)
    if not octets:
        return TfTensor(name, shape, None)
    if kind not in TYPES:
        raise TfliteError(f"The tensor {name} has numbers of kind {kind}, which this reader does not know.")
    data = np.frombuffer(octets, dtype=TYPES[kind])
    if data.size != int(np.prod(shape, dtype=np.int64)):
        raise TfliteError(f"The tensor {name} has {data.size} numbers for the shape {shape}.")
    return TfTensor(name, shape, data.reshape(shape))


def _operator(table: _Table, codes: list[int]) -> TfOperator:
    code = codes[table.number(0, "<I")]
    if code not in OPERATORS:
        raise TfliteError(f"The file uses operator {code}, which this reader does not know.")
    options = table.table(4)
    # Settings are all small enumerations or numbers, of 8 or 32 bits; the reader of a kind knows which.
    fields = {k: options.number(k, "<B") for k in range(options.count)} if options else {}
    return TfOperator(OPERATORS[code], table.numbers(1), table.numbers(2), fields)


def read_tflite(file: Path) -> TfGraph:
    """The network in a file; TfliteError when it is not such a file or uses what is not known here."""
    content = file.read_bytes()
    if len(content) < 8 or content[4:8] != b"TFL3":
        raise TfliteError(f"{file} is not a .tflite file of version 3.")
    root = _Table(content, struct.unpack_from("<I", content)[0])
    # Codes above 127 stand in a field of their own; none of ours is one.
    codes = [max(code.number(0, "<b"), code.number(3)) for code in root.tables(1)]
    graphs = root.tables(2)
    if len(graphs) != 1:
        raise TfliteError(f"{file} has {len(graphs)} networks; one is expected.")
    buffers, (graph,) = root.tables(4), graphs
    return TfGraph(
        [_tensor(table, buffers) for table in graph.tables(0)],
        [_operator(table, codes) for table in graph.tables(3)],
        graph.numbers(1),
        graph.numbers(2),
    )
