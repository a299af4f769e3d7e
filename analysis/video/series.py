"""The samples of a face through a video: one row per analysed frame, kept as a compressed Arrow table.

A row in Postgres for each would be hundreds of bytes a frame and face; here a sample takes about 150 with its
landmarks, and a person's whole timeline is read at once, which is how it is used.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from accounts.models import Team
from analysis.switches import hidden_columns
from ml_models import EMOTIONS
from ml_models.landmark_names import NAMED

if TYPE_CHECKING:
    from ml_models.types import Face

#: Names of the 27 landmarks, in the order of their columns.
LANDMARKS: tuple[str, ...] = tuple(NAMED)
BOX = ("left", "top", "width", "height")
#: Columns of one number each, float32; NaN where it is not known.
NUMBERS: tuple[str, ...] = (
    *(*BOX, "confidence", *EMOTIONS, "smile", "left_open", "right_open"),
    *("yaw", "pitch", "roll", "gaze_yaw", "gaze_pitch", "age", "male", "glasses"),
)
#: What a switch of the team takes away, beside columns of the same name as in photos.
_HIDDEN_BY = {"gender": ("male",), "strongest": EMOTIONS, "age": ("age",)}

#: Under this name a table says which numbers it holds, in their order.
_NAMES = b"numbers"

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Series:
    """N samples in the order of time.

    ms: int32 (N,), milliseconds from the first frame of the video. numbers: for each of `NUMBERS` float32
    (N,); boxes in pixels of the upright video, probabilities in [0, 1], angles in degrees, age in years.
    key: bool (N,), whether the face was found by searching the whole frame. landmarks: float32 (N, 27, 2),
    pixels.
    """

    ms: NDArray[np.int32]
    numbers: dict[str, Floats]
    key: NDArray[np.bool_]
    landmarks: Floats

    def __len__(self) -> int:
        return len(self.ms)

    def __getitem__(self, name: str) -> Floats:
        """One column of `NUMBERS`."""
        return self.numbers[name]

    @property
    def emotions(self) -> Floats:
        """(N, 8) in the order of `ml_models.EMOTIONS`."""
        return np.stack([self.numbers[name] for name in EMOTIONS], axis=1)

    @property
    def boxes(self) -> Floats:
        """(N, 4): left, top, width, height."""
        return np.stack([self.numbers[name] for name in BOX], axis=1)

    def chosen(self, which: Any) -> Series:
        """The samples that a mask, a slice or indices choose."""
        numbers = {name: column[which] for name, column in self.numbers.items()}
        return Series(self.ms[which], numbers, self.key[which], self.landmarks[which])

    def between(self, start_ms: int, end_ms: int) -> Series:
        """Those with start_ms <= ms < end_ms."""
        first, last = np.searchsorted(self.ms, [start_ms, end_ms])
        return self.chosen(slice(first, last))

    def without(self, columns: Iterable[str]) -> Series:
        """The same with nothing in some columns."""
        gone = dict.fromkeys(set(columns) & self.numbers.keys(), np.full(len(self), np.nan, np.float32))
        return Series(self.ms, {**self.numbers, **gone}, self.key, self.landmarks)

    def hidden_from(self, team: Team) -> Series:
        """The same without what the team has switched off (`analysis.switches`)."""
        hidden = hidden_columns(team)
        if not hidden:
            return self
        further = [name for column in hidden for name in _HIDDEN_BY.get(column, ())]
        return self.without({*hidden, *further})

    def as_bytes(self) -> bytes:
        """For `VideoTrack.samples`; `series_read` is the way back."""
        import pyarrow

        # Numbers as one column of lists: thirty columns of their own would take five times as long to read.
        numbers = np.stack([self.numbers[name] for name in NUMBERS], axis=1)
        table = pyarrow.table(
            {
                "ms": pyarrow.array(self.ms),
                "key": pyarrow.array(self.key),
                "numbers": _lists(numbers),
                "landmarks": _lists(self.landmarks.reshape(len(self), 2 * len(LANDMARKS))),
            }
        ).replace_schema_metadata({_NAMES: ",".join(NUMBERS)})
        sink = io.BytesIO()
        options = pyarrow.ipc.IpcWriteOptions(compression="zstd")
        with pyarrow.ipc.new_stream(sink, table.schema, options=options) as writer:
            writer.write_table(table)
        return sink.getvalue()


def series_read(content: bytes | memoryview, *, landmarks: bool = True) -> Series:
    """What `Series.as_bytes` has made. A column that was not there then is NaN.

    landmarks: without, they are not unpacked and NaN, for those who do not look at them.
    """
    import pyarrow

    # Handing columns of fifty rows to threads takes longer than unpacking them.
    options = pyarrow.ipc.IpcReadOptions(use_threads=False, included_fields=None if landmarks else [0, 1, 2])
    with pyarrow.ipc.open_stream(pyarrow.py_buffer(content), options=options) as reader:
        batches = list(reader)
    if not batches:
        return empty()
    # One batch: it was written at once.
    (batch,) = batches
    names = batch.schema.metadata[_NAMES].decode().split(",")
    rows = batch["numbers"].flatten().to_numpy().reshape(len(batch), len(names)).T
    blank = np.full(len(batch), np.nan, np.float32)
    numbers = {**dict.fromkeys(NUMBERS, blank), **dict(zip(names, rows, strict=True))}
    shape = (len(batch), len(LANDMARKS), 2)
    points = (
        batch["landmarks"].flatten().to_numpy().reshape(shape)
        if landmarks
        else np.broadcast_to(np.float32(np.nan), shape)
    )
    return Series(batch["ms"].to_numpy(), numbers, batch["key"].to_numpy(zero_copy_only=False), points)


def _lists(rows: Floats) -> Any:
    """Float32 (N, K) as an Arrow array of N lists."""
    import pyarrow

    flat = pyarrow.array(np.ascontiguousarray(rows, np.float32).reshape(-1))
    return pyarrow.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def joined(parts: Sequence[Series]) -> Series:
    """Several series as one, in the order of time; of two samples at one moment the first stays."""
    if not parts:
        return empty()
    ms = np.concatenate([part.ms for part in parts])
    _, order = np.unique(ms, return_index=True)
    numbers = {
        name: np.concatenate([part.numbers[name] for part in parts])[order].astype(np.float32)
        for name in NUMBERS
    }
    key = np.concatenate([part.key for part in parts])[order]
    landmarks = np.concatenate([part.landmarks for part in parts])[order]
    return Series(ms[order], numbers, key, landmarks)


def empty() -> Series:
    """No samples."""
    numbers = {name: np.zeros(0, np.float32) for name in NUMBERS}
    return Series(
        np.zeros(0, np.int32), numbers, np.zeros(0, np.bool_), np.zeros((0, len(LANDMARKS), 2), np.float32)
    )


def series_of(
    ms: Sequence[int], faces: Sequence[Face], found: Sequence[bool], *, scale: float = 1.0
) -> Series:
    """The samples of a face: where the engine saw it in each frame.

    scale: pixels of the upright video per pixel of the pictures that were analysed.
    """
    numbers = {name: np.full(len(faces), np.nan, np.float32) for name in NUMBERS}
    landmarks = np.full((len(faces), len(LANDMARKS), 2), np.nan, np.float32)
    for row, face in enumerate(faces):
        for name, value in _figures(face, scale).items():
            numbers[name][row] = value
        if face.landmarks is not None:
            named = face.landmarks.named
            landmarks[row] = np.array([named[name] for name in LANDMARKS], np.float32) * scale
    return Series(np.array(ms, np.int32), numbers, np.array(found, np.bool_), landmarks)


def _figures(face: Face, scale: float) -> dict[str, float]:
    """What is known of a face in one frame, by column."""
    known: dict[str, float] = {name: value * scale for name, value in zip(BOX, face.box, strict=True)}
    known["confidence"] = face.confidence
    if face.emotions is not None:
        known |= {name: float(value) for name, value in zip(EMOTIONS, face.emotions, strict=True)}
    if face.attributes is not None:
        known["smile"] = face.attributes.smile
        known["glasses"] = 1.0 - face.attributes.glasses.none
    if face.age is not None:
        known["age"] = face.age
    if face.male is not None:
        known["male"] = face.male
    if face.head_pose is not None:
        pose = face.head_pose
        known |= {"yaw": pose.yaw, "pitch": pose.pitch, "roll": pose.roll}
    if face.eyes is not None:
        eyes = face.eyes
        known |= {"left_open": eyes.left_open, "right_open": eyes.right_open}
        known |= {"gaze_yaw": eyes.gaze_yaw, "gaze_pitch": eyes.gaze_pitch}
    return known
