"""Joins the faces of frames to tracks: one face through a shot, by where it stands and by whom it shows.

A face joins the track whose box, moved on as it moved before, lies nearest; embeddings, where both sides have
one, forbid a track of somebody else and find the right one of two that cross, or again after a jump. A track
ends at a cut and after a gap. docs/models/tracking.md has figures. numpy alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ml_models.types import Box, Face
    from ml_models.video_faces import FrameFaces

Floats = NDArray[np.float32]
Numbers = NDArray[np.float64]

#: Milliseconds for which a face may be missed within one track.
GAP_MS = 1000
#: Boxes that do not overlap may still be one face's on neighbouring frames: their middles are at most so many
#: sizes apart, and neither is so many times as large as the other.
REACH, GROWTH = 1.5, 1.6
#: What such nearness counts beside the overlap.
NEARNESS = 0.2
#: Least overlap (intersection over union) after a gap, in which a face may have gone anywhere.
OVERLAP = 0.2
#: Embeddings farther apart than so many times the distance for one person are of two: within a shot, where
#: the place speaks for one, more is needed than between any two photos.
OTHER = 1.35
#: What the same embedding counts beside the overlap, at distance 0.
ALIKE = 1.0
#: Height of a face in pixels that is half as good as a very large one.
HALF_AS_GOOD = 80.0


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One face through some frames: three tuples of one length, in the order of time.

    frames: milliseconds. faces: as they were analysed. found: whether full detection found the face, see
    `ml_models.video_faces.FrameFaces`.
    """

    frames: tuple[int, ...]
    faces: tuple[Face, ...]
    found: tuple[bool, ...]

    @property
    def start_ms(self) -> int:
        """Time of the first frame."""
        return self.frames[0]

    @property
    def end_ms(self) -> int:
        """Time of the last frame."""
        return self.frames[-1]

    @property
    def embedding_count(self) -> int:
        """How many of the faces have an embedding."""
        return sum(face.embedding is not None for face in self.faces)

    @property
    def embedding(self) -> Floats | None:
        """The mean of the embeddings, weighted by `goodness` and made one long; None without any."""
        some = [(face.embedding, goodness(face)) for face in self.faces if face.embedding is not None]
        if not some:
            return None
        mean = np.sum([weight * vector.astype(np.float64) for vector, weight in some], axis=0)
        length = float(np.linalg.norm(mean))
        # Opposite vectors leave nothing to turn into a direction: take the best picture's.
        unit = mean / length if length > 1e-6 else max(some, key=lambda one: one[1])[0]
        return np.asarray(unit, dtype=np.float32)

    @property
    def best(self) -> int:
        """Number of the face whose picture is best: sharp, large, frontal. Of equals the first.

        Faces whose quality was measured go before those of which it is unknown, and detected before carried.
        """
        ranks = [
            (face.quality is not None, found, goodness(face))
            for face, found in zip(self.faces, self.found, strict=True)
        ]
        return max(range(len(ranks)), key=ranks.__getitem__)


def goodness(face: Face) -> float:
    """How good the picture of a face is, above 0 and at most 1: sharpness, size and turn multiplied.

    What is not known of a face (blur, head pose) counts as good.
    """
    height = max(face.box[2:])
    sharp = 1.0 if face.quality is None else 1.0 - face.quality.blur
    frontal = 1.0
    if face.head_pose is not None:
        frontal = math.cos(math.radians(face.head_pose.yaw)) * math.cos(math.radians(face.head_pose.pitch))
    return max(sharp, 0.05) * max(frontal, 0.05) * height / (height + HALF_AS_GOOD)


def tracks_of(
    frames: Iterable[FrameFaces], *, gap_ms: int = GAP_MS, same_distance: float | None = None
) -> list[Track]:
    """The tracks of some consecutive frames, in the order of their beginning, larger faces first.

    Every face of every frame is in exactly one track. gap_ms: for how long a face may be missed.
    same_distance: the Euclidean distance of two embeddings up to which they are taken for one person
    (`ml_models.grouping.grouping_distance` of the recognition model's calibration); None to go by the place
    alone.
    """
    done: list[_Open] = []
    live: list[_Open] = []
    before: int | None = None
    for frame in frames:
        if frame.cut:
            done, live = done + live, []
        ended = [track for track in live if frame.ms - track.ms[-1] > gap_ms and track.ms[-1] != before]
        done, live = done + ended, [track for track in live if track not in ended]
        scores = _scores(live, frame, before, same_distance)
        joined = {face: track for track, face in best_pairs(scores)}
        for number, (face, found) in enumerate(zip(frame.faces, frame.found, strict=True)):
            if number not in joined:
                live.append(_Open())
            live[joined.get(number, -1)].add(frame.ms, face, found)
        before = frame.ms
    every = [Track(tuple(one.ms), tuple(one.faces), tuple(one.found)) for one in done + live]
    return sorted(every, key=lambda one: (one.start_ms, -one.faces[0].box[2] * one.faces[0].box[3]))


@dataclass(slots=True, eq=False)
class _Open:
    """A track that grows. total: the sum of its embeddings so far."""

    ms: list[int] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)
    total: Numbers | None = None

    def add(self, ms: int, face: Face, found: bool) -> None:
        self.ms.append(ms)
        self.faces.append(face)
        self.found.append(found)
        if face.embedding is not None:
            own = face.embedding.astype(np.float64)
            self.total = own if self.total is None else self.total + own

    def box_at(self, ms: int) -> Box:
        """Where the face is expected: on from its last place as it moved between the last two frames."""
        left, top, width, height = self.faces[-1].box
        if len(self.ms) < 2:
            return left, top, width, height
        before = self.faces[-2].box
        # Not farther than it came: after a longer gap nobody knows where it went.
        steps = min((ms - self.ms[-1]) / (self.ms[-1] - self.ms[-2]), 1.0)
        x = left + width / 2 - before[0] - before[2] / 2
        y = top + height / 2 - before[1] - before[3] / 2
        return left + steps * x, top + steps * y, width, height


def _scores(
    live: Sequence[_Open], frame: FrameFaces, before: int | None, same_distance: float | None
) -> Numbers:
    """How much speaks for each face of the frame (columns) being the next one of each track (rows); 0:
    nothing, or something against it.
    """
    boxes = [face.box for face in frame.faces]
    # Where it would be if it moved on and where it was: whoever stops or turns round is near his last place.
    expected = [track.box_at(frame.ms) for track in live], [track.faces[-1].box for track in live]
    overlap = np.maximum(*(overlaps(own, boxes) for own in expected))
    near = np.maximum(*(nearness(own, boxes) for own in expected))
    seen = np.array([track.ms[-1] == before for track in live], dtype=bool)[:, None]
    scores = np.where(seen, overlap + near, np.where(overlap >= OVERLAP, overlap, 0.0))
    if same_distance is not None:
        apart = _distances([track.total for track in live], [face.embedding for face in frame.faces])
        alike = apart <= same_distance
        scores[alike] = (overlap + ALIKE * (1.0 - apart / same_distance))[alike] + 1e-6
        scores[apart > OTHER * same_distance] = 0.0
    return scores


def _distances(totals: Sequence[Numbers | None], embeddings: Sequence[Floats | None]) -> Numbers:
    """The distances of the directions of sums of embeddings (rows) and embeddings (columns); NaN where one is
    missing.
    """
    found = np.full((len(totals), len(embeddings)), np.nan)
    rows = [row for row, total in enumerate(totals) if total is not None]
    columns = [column for column, one in enumerate(embeddings) if one is not None]
    if rows and columns:
        sums = np.array([totals[row] for row in rows])
        means = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        faces = np.array([embeddings[column] for column in columns], dtype=np.float64)
        found[np.ix_(rows, columns)] = np.sqrt(np.maximum(2.0 - 2.0 * means @ faces.T, 0.0))
    return found


def nearness(one: Sequence[Box], other: Sequence[Box]) -> Numbers:
    """How near boxes of two lists (rows, columns) are that are about as large: from `NEARNESS` in the same
    place to 0 at `REACH` and beyond.
    """
    first = np.array(one, dtype=np.float64).reshape(-1, 1, 4)
    second = np.array(other, dtype=np.float64).reshape(1, -1, 4)
    apart = first[..., :2] + first[..., 2:] / 2 - second[..., :2] - second[..., 2:] / 2
    sizes = first[..., 2:].max(axis=2), second[..., 2:].max(axis=2)
    larger, smaller = np.maximum(*sizes), np.minimum(*sizes)
    near = NEARNESS * (1.0 - np.hypot(apart[..., 0], apart[..., 1]) / (REACH * np.maximum(larger, 1e-9)))
    return np.asarray(np.where(larger <= GROWTH * smaller, np.maximum(near, 0.0), 0.0))


def overlaps(one: Sequence[Box], other: Sequence[Box]) -> Numbers:
    """Intersection over union of each box of one list (rows) and each of the other (columns), in [0, 1]."""
    first = np.array(one, dtype=np.float64).reshape(-1, 1, 4)
    second = np.array(other, dtype=np.float64).reshape(1, -1, 4)
    low = np.maximum(first[..., :2], second[..., :2])
    high = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    union = first[..., 2:].prod(axis=2) + second[..., 2:].prod(axis=2) - shared
    return np.asarray(shared / np.maximum(union, 1e-9))


def best_pairs(scores: Numbers, least: float = 0.0) -> list[tuple[int, int]]:
    """Rows and columns in pairs, each in one at most: the best score first, only scores above `least`."""
    rows, columns = np.nonzero(scores > least)
    order = np.lexsort((columns, rows, -scores[rows, columns]))
    pairs: list[tuple[int, int]] = []
    taken_rows: set[int] = set()
    taken_columns: set[int] = set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in taken_rows and column not in taken_columns:
            pairs.append((row, column))
            taken_rows.add(row)
            taken_columns.add(column)
    return sorted(pairs)


def matched(one: Sequence[Box], other: Sequence[Box], least: float) -> list[tuple[int, int]]:
    """Boxes of two lists in pairs that overlap by more than `least`, the most overlapping first."""
    return best_pairs(overlaps(one, other), least)
