"""The frames of a range of a video, the same whatever ranges it is read in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from media_jobs.refusals import refuse

from .clock import Clock, slot_of, slots_per_second
from .decoding import Source, frames_of, packets_before
from .facts import VideoFacts


@dataclass(frozen=True)
class Frame:
    """ms: from the first frame of the video. picture: upright, RGB, (height, width, 3)."""

    ms: int
    picture: NDArray[np.uint8]


def frames_between(
    file: IO[bytes],
    facts: VideoFacts,
    *,
    start_ms: int,
    end_ms: int,
    frames_per_second: float | None,
    max_side: int = 1920,
) -> Iterator[Frame]:
    """The first frame of each slot of `frames_per_second` (None: every frame) that is shown in [start_ms,
    end_ms).

    `start_ms` has to begin a slot, as the chunks of `plan_chunks` do. An `end_ms` at or after the video's
    end means all that is left. Pictures are upright, with square pixels, their longer side at most
    `max_side` pixels. Frames are decoded one after the other; the decoder holds a few, and nothing else is
    kept. What is damaged is left out. Raises Refusal (video_damaged) where a range that has frames has none
    that can be decoded.
    """
    turned = Turner(facts, max_side)
    for ms, frame in first_of_slots(
        file, facts, start_ms=start_ms, end_ms=end_ms, frames_per_second=frames_per_second
    ):
        yield Frame(ms, turned.rgb(frame))


def first_of_slots(
    file: IO[bytes], facts: VideoFacts, *, start_ms: int, end_ms: int, frames_per_second: float | None
) -> Iterator[tuple[int, VideoFrame]]:
    """As `frames_between`, with the frames as they were decoded."""
    rate = slots_per_second(frames_per_second)
    last = -1
    for ms, frame in _decoded(file, facts, start_ms, end_ms):
        slot = slot_of(ms, rate)
        if slot > last:
            last = slot
            yield ms, frame


def _decoded(
    file: IO[bytes], facts: VideoFacts, start_ms: int, end_ms: int
) -> Iterator[tuple[int, VideoFrame]]:
    """All frames of a range with their times, each later than the one before."""
    with Source(file) as source:
        clock = Clock(facts.first_packet_stamp, source.base)
        packets = _Counted(source, clock, start_ms, end_ms)
        began = packets_before(source, clock=clock, start_ms=start_ms, keyframes_ms=facts.keyframes_ms)
        shown = Clock(facts.first_stamp, source.base)
        last, given = start_ms - 1, 0
        for stamp, frame in frames_of(source, packets.through(began)):
            ms = shown.ms(stamp)
            if end_ms <= ms and end_ms < facts.duration_ms:
                break
            if ms > last:
                last, given = ms, given + 1
                yield ms, frame
        if packets.within and not given:
            raise refuse("video_damaged")


class _Counted:
    """Counts the packets that should give a frame of a range, as they pass."""

    def __init__(self, source: Source, clock: Clock, start_ms: int, end_ms: int) -> None:
        self._source, self._clock = source, clock
        self._range = range(start_ms, end_ms)
        self.within = 0

    def through(self, packets: "Iterator[Packet[VideoStream]]") -> "Iterator[Packet[VideoStream]]":
        for packet in packets:
            stamp = self._source.stamp(packet)
            if stamp is not None and packet.size and not packet.is_discard:
                self.within += self._clock.ms(stamp) in self._range
            yield packet


class Turner:
    """Makes upright pictures of a size out of decoded frames.

    size: width and height of what it makes; never more than the video has.
    """

    def __init__(self, facts: VideoFacts, max_side: int, *, even: bool = False) -> None:
        scale = min(1.0, max_side / max(facts.width, facts.height))
        grid = 2 if even else 1
        width, height = (max(grid, round(side * scale / grid) * grid) for side in (facts.width, facts.height))
        self.size = width, height
        self._turns = facts.rotation // 90
        self._decoded_size = (height, width) if self._turns % 2 else (width, height)
        self._reformatter = VideoReformatter()

    def rgb(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """(height, width, 3), contiguous."""
        picture = self._scaled(frame, "rgb24").to_ndarray()
        return np.ascontiguousarray(np.rot90(picture, -self._turns)).astype(np.uint8, copy=False)

    def yuv(self, frame: VideoFrame) -> VideoFrame:
        """A frame of pixel format yuv420p, as encoders take it."""
        if not self._turns:
            return self._scaled(frame, "yuv420p")
        return VideoFrame.from_ndarray(self.rgb(frame), format="rgb24").reformat(format="yuv420p")

    def _scaled(self, frame: VideoFrame, form: str) -> VideoFrame:
        width, height = self._decoded_size
        smaller = width < frame.width or height < frame.height
        # Averages all pixels that a smaller one stands for; the others leave out some and make edges rough.
        way = Interpolation.AREA if smaller else Interpolation.BICUBIC
        return self._reformatter.reformat(frame, width, height, form, interpolation=way)
