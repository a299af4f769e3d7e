"""How a video is cut into chunks that are worked off on their own, in any order.

A chunk begins where a slot of the analysis rate begins, so that the first frame of a slot, which is the one
that is analysed, is the same whether a chunk or the whole video is read. Where a key frame is near, the slot
that begins at or next after it is preferred: a chunk that begins at a key frame decodes nothing twice.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from .clock import slot_of, slot_start, slots_per_second
from .facts import VideoFacts

CHUNK_MS = 10_000
CHUNK_FRAMES = 64
# A chunk is made shorter by up to this share of itself to end at a key frame.
NEAR_SHARE = 0.4


@dataclass(frozen=True)
class Chunk:
    """Frames shown in [start_ms, end_ms). number: from 0 on, without a gap."""

    number: int
    start_ms: int
    end_ms: int


def plan_chunks(facts: VideoFacts, *, frames_per_second: float | None) -> list[Chunk]:
    """Chunks that follow each other from 0 to the end of the video; at least one.

    frames_per_second: analysed at most; None is every frame. A chunk has at most 64 analysed frames and at
    most 10 seconds, or one slot where that is longer. Where the rate varies and every frame is analysed, its
    densest parts are what 64 frames are reckoned by.
    """
    bounds = [0, *_bounds(facts, frames_per_second), max(1, facts.duration_ms)]
    return [Chunk(n, start, end) for n, (start, end) in enumerate(pairwise(bounds))]


def expected_frames(facts: VideoFacts, frames_per_second: float | None) -> int:
    """How many frames will be analysed, at most; fewer where frames are further apart than slots."""
    if frames_per_second is None:
        return facts.frame_count
    slots = slot_of(max(0, facts.duration_ms - 1), slots_per_second(frames_per_second)) + 1
    return max(1, min(facts.frame_count, slots))


def _bounds(facts: VideoFacts, frames_per_second: float | None) -> Iterator[int]:
    """The times at which a new chunk begins, after the first."""
    rate = slots_per_second(frames_per_second)
    longest = _slots_of_chunk(facts, rate)
    slot, end = 0, facts.duration_ms
    while slot_start(slot + longest, rate) < end:
        at_most = slot + longest
        near = _slot_at_keyframe(facts.keyframes_ms, at_most, rate)
        slot = near if near > at_most - NEAR_SHARE * longest else at_most
        yield slot_start(slot, rate)


def _slots_of_chunk(facts: VideoFacts, rate: float) -> int:
    """How many slots a chunk has at most."""
    densest = max(facts.frame_rate, facts.peak_rate)
    if rate <= densest:
        return max(1, min(CHUNK_FRAMES, int(CHUNK_MS * rate / 1000)))
    # Most slots have no frame: n + 1 frames fit between n gaps.
    return max(1, int(min(CHUNK_MS / 1000, (CHUNK_FRAMES - 1) / densest) * rate))


def _slot_at_keyframe(keyframes_ms: tuple[int, ...], at_most: int, rate: float) -> int:
    """The last slot up to `at_most` that begins at a key frame, or next after one; 0 without any."""
    number = bisect_right(keyframes_ms, slot_start(at_most, rate)) - 1
    if number < 0:
        return 0
    slot = slot_of(keyframes_ms[number], rate)
    return slot if slot_start(slot, rate) >= keyframes_ms[number] else slot + 1
