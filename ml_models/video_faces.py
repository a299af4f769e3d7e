"""Finds the faces of a film's frames: by full detection on key frames, carried between them where that gives
the same answer faster.

A face that two neighbouring key frames both show stands, in the frames between, about where a straight line
between its two boxes leads. O-Net looks there; its five points say where the face really is, and the middle
of both places comes nearest to detection. Wherever anything speaks against it (a face in one of the key
frames only, one that detection is not sure of, a long way between both boxes, a look that sees no face or one
elsewhere, a cut), the frames between are fully detected. docs/models/tracking.md says how this compares with
full detection everywhere. numpy and OpenCV alone: the engine is handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ml_models.alignment import scales, similarities
from ml_models.tracking import matched
from ml_models.types import check_parts

if TYPE_CHECKING:
    from ml_models.types import Box, Face, Picture

Floats = NDArray[np.float32]

#: Milliseconds from one key frame to the next; docs/models/tracking.md has the choice.
KEY_EVERY_MS = 400
#: What changes slowly and costs much: asked for on key frames only. The best picture of a face is one of a
#: key frame, so its quality is of use there alone.
ON_KEY_FRAMES = frozenset({"embedding", "age", "gender", "quality"})
#: A window is worked off when it has so many frames or pixels (100 MB): enough for two cores, little enough
#: for the memory.
FRAMES_AT_ONCE = 16
PIXELS_AT_ONCE = 32_000_000
#: Confidence of a face on both key frames, and of the look at it between them, below which it is not carried.
SURE = 0.9
#: Least overlap (intersection over union) of a face's boxes on both key frames.
NEAR = 0.1
#: A face is not carried that is off by more than this share of its size from where it was expected.
LOST = 0.1
#: Size (columns, rows) of the small pictures that are compared for cuts, and how many greys a colour has.
THUMBNAIL = (64, 36)
GREYS = 4
#: From one scene to another, the small pictures differ by this share of white at least on average, and this
#: share of their pixels has another colour, wherever it stands.
CUT_PIXELS, CUT_COLOURS = 0.10, 0.40


class Analyze(Protocol):
    """What is needed of an engine: the faces of pictures, in the boxes given or, for None, detected."""

    def __call__(
        self,
        pictures: Sequence[Picture],
        boxes: Sequence[Sequence[Box] | None] | None,
        parts: frozenset[str],
    ) -> list[list[Face]]:
        """One list for each picture; one face per box where boxes are given. As `FaceEngine.analyze`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class FrameFaces:
    """The faces of one frame.

    ms: its time. found: for each face whether full detection found it; else it was carried from key frames,
    and what is asked for on key frames only (`ON_KEY_FRAMES`) is None. cut: another scene begins here.
    """

    ms: int
    faces: tuple[Face, ...]
    found: tuple[bool, ...]
    cut: bool = False


def faces_in(
    frames: Iterable[tuple[int, Picture]],
    analyze: Analyze,
    *,
    parts: frozenset[str],
    key_every_ms: int = KEY_EVERY_MS,
) -> Iterator[FrameFaces]:
    """The faces of frames, one answer per frame, in their order and as soon as they are known.

    frames: milliseconds, growing, and RGB uint8 (H, W, 3), all of one size. analyze: the engine; it gets
    several pictures at once. parts: as `FaceEngine.analyze` takes them. key_every_ms: milliseconds from one
    key frame to the next at the most; 0 makes every frame one. At most a window of frames is held: about 16,
    more only where key frames are farther apart, and never more than 32 million pixels and one frame.

    Raises ValueError for times that do not grow and for unknown parts, and what the engine raises.
    """
    wanted = check_parts(parts)
    before: _Key | None = None
    for window in _windows(frames, key_every_ms):
        answers, before = _answered(window, before, analyze, wanted)
        # Let go of the pictures before the next window is read.
        window.clear()
        yield from answers


@dataclass(slots=True, eq=False)
class _Frame:
    """A frame of the window. key: it is fully detected; cut: another scene begins with it."""

    ms: int
    picture: Picture
    key: bool
    cut: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Key:
    """A key frame that was detected."""

    ms: int
    cut: bool
    faces: list[Face]


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """The frames between two key frames."""

    first: _Key
    between: list[_Frame]
    last: _Key


def _answered(
    window: Sequence[_Frame], before: _Key | None, analyze: Analyze, parts: frozenset[str]
) -> tuple[list[FrameFaces], _Key | None]:
    """The faces of a window's frames, and its last key frame. before: the last one of the window before."""
    keys = [frame for frame in window if frame.key]
    found = analyze([frame.picture for frame in keys], None, parts)
    detected = {frame.ms: _Key(frame.ms, frame.cut, faces) for frame, faces in zip(keys, found, strict=True)}
    segments: list[_Segment] = []
    waiting: list[_Frame] = []
    for frame in window:
        if not frame.key:
            waiting.append(frame)
            continue
        if before is not None and waiting:
            segments.append(_Segment(before, waiting, detected[frame.ms]))
        before, waiting = detected[frame.ms], []
    answers = _between(segments, analyze, parts - ON_KEY_FRAMES)
    answers |= {key.ms: _detected(key.ms, key.faces, key.cut) for key in detected.values()}
    return [answers[frame.ms] for frame in window], before


def _windows(frames: Iterable[tuple[int, Picture]], key_every_ms: int) -> Iterator[list[_Frame]]:
    """Consecutive frames, each window ending with a key frame; the first and the last of all are key frames
    too, and so are the two on both sides of a cut.
    """
    window: list[_Frame] = []
    last: _Frame | None = None
    key_ms, pixels, small = 0, 0, None
    for ms, picture in frames:
        if last is not None and ms <= last.ms:
            raise ValueError(f"A frame at {ms} ms follows one at {last.ms} ms: give frames in their order.")
        thumbnail = _thumbnail(picture)
        cut = small is not None and is_cut(small, thumbnail)
        small = thumbnail
        if cut and window:
            window[-1].key = True
        size = picture.shape[0] * picture.shape[1]
        full = pixels + 2 * size > PIXELS_AT_ONCE
        key = cut or last is None or full or ms - key_ms >= key_every_ms
        last = _Frame(ms, picture, key, cut)
        window.append(last)
        pixels += size
        key_ms = ms if key else key_ms
        if key and (len(window) >= FRAMES_AT_ONCE or full):
            yield window
            window, pixels = [], 0
    if window:
        window[-1].key = True
        yield window


def _thumbnail(picture: Picture) -> NDArray[np.uint8]:
    """The picture at `THUMBNAIL`'s size."""
    # Every so many rows and columns are enough, and ten times as fast as the mean of all.
    step = max(1, min(picture.shape[0] // (4 * THUMBNAIL[1]), picture.shape[1] // (4 * THUMBNAIL[0])))
    return np.asarray(cv2.resize(picture[::step, ::step], THUMBNAIL, interpolation=cv2.INTER_AREA))


def is_cut(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Whether two small pictures (36, 64, 3) are of two scenes.

    A moving camera changes what stands at a place and hardly which colours there are; light that changes
    alters colours and not by much. Both together are a cut.
    """
    apart = float(np.abs(one.astype(np.int16) - other).mean()) / 255
    if apart < CUT_PIXELS:
        return False
    share = np.abs(_colours(one) - _colours(other)).sum() / 2
    return bool(share >= CUT_COLOURS)


def _colours(small: NDArray[np.uint8]) -> Floats:
    """How often each of `GREYS` ** 3 colours is there, as shares of all pixels."""
    levels = (small.reshape(-1, 3) // (256 // GREYS)).astype(np.int64)
    counts = np.bincount(levels @ [GREYS * GREYS, GREYS, 1], minlength=GREYS**3)
    return (counts / len(levels)).astype(np.float32)


def _between(segments: Sequence[_Segment], analyze: Analyze, parts: frozenset[str]) -> dict[int, FrameFaces]:
    """The faces of all frames that are no key frames, by their time."""
    carried: list[tuple[_Frame, list[_Carried]]] = []
    whole: list[_Frame] = []
    for segment in segments:
        pairs = _pairs(segment)
        if pairs is None:
            whole += segment.between
        else:
            for frame in segment.between:
                share = (frame.ms - segment.first.ms) / (segment.last.ms - segment.first.ms)
                carried.append((frame, [_Carried(one, other, share) for one, other in pairs]))
    answers = {}
    for (frame, _), faces in zip(carried, _looked_at(carried, analyze, parts), strict=True):
        if faces is None:
            whole.append(frame)
        else:
            order = sorted(faces, key=lambda face: -face.box[2] * face.box[3])
            answers[frame.ms] = FrameFaces(frame.ms, tuple(order), (False,) * len(order))
    whole.sort(key=lambda frame: frame.ms)
    found = analyze([frame.picture for frame in whole], None, parts) if whole else []
    return answers | {frame.ms: _detected(frame.ms, faces) for frame, faces in zip(whole, found, strict=True)}


def _pairs(segment: _Segment) -> list[tuple[Face, Face]] | None:
    """The faces of both key frames in pairs; None when the frames between have to be detected."""
    first, last = segment.first.faces, segment.last.faces
    if len(first) != len(last) or any(face.confidence < SURE for face in [*first, *last]):
        return None
    pairs = matched([face.box for face in first], [face.box for face in last], NEAR)
    if len(pairs) < len(first):
        return None
    return [(first[one], last[other]) for one, other in pairs]


@dataclass(frozen=True, slots=True, eq=False)
class _Carried:
    """A face between two key frames. share: how far on the way from one to the other, in (0, 1)."""

    one: Face
    other: Face
    share: float

    @property
    def box(self) -> Box:
        """Where it stands if it moves on a straight line."""
        return _mixed(self.one.box, self.other.box, self.share)

    def box_of(self, points: Floats) -> Box:
        """The box that detection would draw about five points, as it did on both key frames."""
        return _mixed(_moved(self.one, points), _moved(self.other, points), self.share)


def _mixed(one: Box, other: Box, share: float) -> Box:
    mixed = (1 - share) * np.array(one) + share * np.array(other)
    left, top, width, height = mixed.tolist()
    return left, top, width, height


def _moved(face: Face, points: Floats) -> Box:
    """The face's box after the move and growth that bring its five points to these."""
    matrix = similarities(face.landmarks5, points[None])[0].astype(np.float64)
    scale = float(scales(matrix[None])[0])
    left, top, width, height = face.box
    x, y = matrix[:, :2] @ [left + width / 2, top + height / 2] + matrix[:, 2]
    return x - scale * width / 2, y - scale * height / 2, scale * width, scale * height


def _looked_at(
    carried: Sequence[tuple[_Frame, list[_Carried]]], analyze: Analyze, parts: frozenset[str]
) -> list[list[Face] | None]:
    """The faces of each frame, or None where they are not where they were expected."""
    answers: list[list[Face] | None] = [[] for _ in carried]
    some = [number for number, (_, own) in enumerate(carried) if own]
    pictures = [carried[number][0].picture for number in some]
    boxes = [
        [_inside(one.box, picture) for one in carried[number][1]]
        for number, picture in zip(some, pictures, strict=True)
    ]
    seen = analyze(pictures, boxes, parts) if some else []
    for number, picture, faces in zip(some, pictures, seen, strict=True):
        own = carried[number][1]
        pointed = [_inside(one.box_of(f.landmarks5), picture) for one, f in zip(own, faces, strict=True)]
        both = list(zip(faces, pointed, strict=True))
        if any(face.confidence < SURE or _drift(box, face.box) > LOST for face, box in both):
            answers[number] = None
        else:
            # Looking once more there makes it worse: points err towards the box that was looked at.
            answers[number] = [replace(face, box=_mixed(face.box, box, 0.5)) for face, box in both]
    return answers


def _drift(one: Box, other: Box) -> float:
    """How far two boxes are apart, as a share of their size: of their middles or of their sizes."""
    size = max(other[2], other[3])
    x, y = (one[axis] + one[axis + 2] / 2 - other[axis] - other[axis + 2] / 2 for axis in (0, 1))
    return max(abs(x), abs(y), abs(one[2] - other[2]), abs(one[3] - other[3])) / size


def _inside(box: Box, picture: Picture) -> Box:
    """The box cut to the picture, at least a pixel of it."""
    rows, columns = picture.shape[:2]
    left, top = min(max(box[0], 0.0), columns - 1.0), min(max(box[1], 0.0), rows - 1.0)
    right, bottom = min(box[0] + box[2], columns), min(box[1] + box[3], rows)
    return left, top, max(right - left, 1.0), max(bottom - top, 1.0)


def _detected(ms: int, faces: Sequence[Face], cut: bool = False) -> FrameFaces:
    return FrameFaces(ms, tuple(faces), (True,) * len(faces), cut)
