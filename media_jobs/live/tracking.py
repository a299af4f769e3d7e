"""Which face of a frame is which of the frames before: by their boxes alone.

Live frames are a fraction of a second apart, so that a face is where it was, or near. No vector is computed
for it: a live session recognises nobody, and whoever leaves the picture for longer than `FORGOTTEN` seconds
and comes back is somebody new.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Left, top, width, height in pixels.
Box = tuple[float, float, float, float]

#: Seconds after which a face that is not seen any more is forgotten.
FORGOTTEN = 2.0
#: Boxes that overlap by less than this (intersection over union) are joined only when they are near.
OVERLAP = 0.2
#: Near: the middles are at most this many mean sides apart, and sides differ by less than `GROWTH` times.
NEAR = 0.8
GROWTH = 1.8


@dataclass
class Track:
    """A face that is followed: its number in the session, where it was last, and when (seconds)."""

    number: int
    box: Box
    seen: float


class Tracks:
    """The faces of one session. Numbers begin at 1 and are never given twice."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._last = 0

    def follow(self, boxes: Sequence[Box], now: float) -> list[int]:
        """The number of each box of a frame that was taken at `now` seconds, in the order of the boxes.

        The pair that fits best is joined first, then the best of what is left; a box that fits none of the
        faces seen in the last `FORGOTTEN` seconds begins a new number.
        """
        self._tracks = [track for track in self._tracks if now - track.seen <= FORGOTTEN]
        pairs = sorted(
            (
                (fit, at, track)
                for at, box in enumerate(boxes)
                for track in self._tracks
                if (fit := fitting(track.box, box)) > 0
            ),
            key=lambda pair: (-pair[0], pair[1]),
        )
        found: dict[int, Track] = {}
        taken: set[int] = set()
        for _, at, track in pairs:
            if at not in found and track.number not in taken:
                found[at] = track
                taken.add(track.number)
        return [self._noted(found.get(at), box, now) for at, box in enumerate(boxes)]

    def _noted(self, track: Track | None, box: Box, now: float) -> int:
        if track is None:
            self._last += 1
            track = Track(self._last, box, now)
            self._tracks.append(track)
        track.box, track.seen = box, now
        return track.number


def fitting(before: Box, now: Box) -> float:
    """How well two boxes fit together, 0 not at all.

    From 1 to 2 by overlap where they overlap by `OVERLAP` or more; else up to 1 by how near they are, where
    they are of about one size.
    """
    overlap = intersection_over_union(before, now)
    if overlap >= OVERLAP:
        return 1 + overlap
    side_before, side_now = (math.sqrt(max(0.0, box[2] * box[3])) for box in (before, now))
    smaller, larger = sorted((side_before, side_now))
    if smaller <= 0 or larger / smaller >= GROWTH:
        return 0.0
    apart = math.hypot(
        before[0] + before[2] / 2 - now[0] - now[2] / 2, before[1] + before[3] / 2 - now[1] - now[3] / 2
    )
    return max(0.0, 1 - apart / (NEAR * (smaller + larger) / 2))


def intersection_over_union(a: Box, b: Box) -> float:
    """Area that two boxes share per area that they cover together, 0 to 1."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    covered = a[2] * a[3] + b[2] * b[3] - shared
    return shared / covered if covered > 0 else 0.0
