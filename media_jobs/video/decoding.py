"""Packets and frames of one stream of video, from a key frame on, whatever is damaged on the way."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain
from math import ceil
from typing import IO, Self, cast

import av.container
import av.error
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from .clock import Clock
from .containers import UNREADABLE, codec_name, open_video, prepare_decoder, read_only, video_stream

# These tell no time at which a frame is shown (AVI counts packets, raw streams not even those), so the order
# of decoding is what frames are timed by.
TIMED_BY_ORDER = frozenset({"avi", "mpegvideo"})
# Without any time in the file, a reader that did not begin at the beginning does not know where it is.
NEVER_SOUGHT = frozenset({"mpegvideo"})
# Of reading: after so many in one file there is nothing to be hoped for behind the next one.
MAX_FAULTS = 1000
# Codecs that show frames in another order than they store them in, and the furthest that one allows.
REORDERING = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vc1", "wmv3"})
MAX_REORDERED = 16
FIRST_STEP_BACK_MS = 1000


class Source:
    """The video stream of a file, opened for decoding. Use it as a context. Raises Refusal on entering.

    `container` and `stream` are those of the last opening.
    """

    container: av.container.InputContainer
    stream: VideoStream

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> Self:
        self.container = open_video(self._file)
        try:
            self.stream = video_stream(self.container)
            read_only(self.container, [self.stream])
            prepare_decoder(self.stream)
        except BaseException:
            self.container.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.container.close()

    def begin_again(self) -> None:
        """Open anew: the one way to the beginning that no container's seeking can miss."""
        self.container.close()
        self.__enter__()

    @property
    def by_order(self) -> bool:
        """Whether frames are timed by the order of decoding, for want of a time to show them at."""
        return self.container.format.name in TIMED_BY_ORDER

    @property
    def base(self) -> Fraction:
        """Seconds per tick of this stream's stamps."""
        return self.stream.time_base or Fraction(1, 1000)

    @property
    def step(self) -> int:
        """Ticks between two frames where nothing better is known."""
        rate = self.stream.average_rate or self.stream.guessed_rate or Fraction(25)
        return max(1, round(1 / (rate * self.base)))

    @property
    def margin_ms(self) -> int:
        """How long after the time of a key frame's packet the frame is shown, at most.

        Where only the order of decoding is known: codecs take a frame forward by up to 16 others.
        """
        if not self.by_order or codec_name(self.stream) not in REORDERING:
            return 0
        return ceil(MAX_REORDERED * self.step * self.base * 1000)

    def stamp(self, item: "Packet[VideoStream] | VideoFrame") -> int | None:
        return item.dts if self.by_order else item.pts


def packets_of(source: Source) -> "Iterator[Packet[VideoStream]]":
    """The packets from where the container is; the last is empty and makes the decoder give what it holds."""
    faults = 0
    while True:
        try:
            yield from source.container.demux(source.stream)
            return
        except UNREADABLE:
            faults += 1
            if faults > MAX_FAULTS:
                yield end_packet()
                return


def packets_before(
    source: Source, *, clock: Clock, start_ms: int, keyframes_ms: Sequence[int]
) -> "Iterator[Packet[VideoStream]]":
    """The packets from a key frame on that is shown at or before `start_ms`.

    clock: of packets. Where a container's seeking misses (an index that lies, none at all), it is tried again
    further back, in the end from the beginning of the file.
    """
    margin = source.margin_ms
    target = max((ms - margin for ms in keyframes_ms if ms <= start_ms), default=0)
    if target <= 0 or source.container.format.name in NEVER_SOUGHT:
        return packets_from_beginning(source, with_keyframes=bool(keyframes_ms))
    step = FIRST_STEP_BACK_MS
    while target > 0 and _sought(source, clock.stamp(target)):
        packets = packets_of(source)
        first = next((packet for packet in packets if _opens(source, packet)), None)
        if first is not None and clock.ms(source.stamp(first) or 0) + margin <= start_ms:
            return chain([first], packets)
        target, step = target - step, step * 2
    source.begin_again()
    return packets_from_beginning(source, with_keyframes=bool(keyframes_ms))


def packets_from_beginning(source: Source, *, with_keyframes: bool) -> "Iterator[Packet[VideoStream]]":
    """The packets of a source just opened, from the first key frame on where any is marked as one."""
    waiting = with_keyframes
    for packet in packets_of(source):
        waiting = waiting and not packet.is_keyframe and not is_end(packet)
        if not waiting:
            yield packet


def end_packet() -> "Packet[VideoStream]":
    """What makes the decoder give the frames that it still holds."""
    return cast("Packet[VideoStream]", Packet())


def is_end(packet: "Packet[VideoStream]") -> bool:
    """Whether this is no packet but the end of all: AVI has empty ones within, for a frame shown again."""
    return packet.size == 0 and packet.dts is None


def frames_of(source: Source, packets: "Iterator[Packet[VideoStream]]") -> Iterator[tuple[int, VideoFrame]]:
    """Each decoded frame with its stamp, without those that the decoder calls damaged.

    A packet that cannot be decoded is left out. The last frames of a file have no stamp in some containers;
    they follow the one before.
    """
    last: int | None = None
    for packet in packets:
        if packet.size == 0 and not is_end(packet):
            continue
        try:
            frames = source.stream.codec_context.decode(packet if packet.size else None)
        except (*UNREADABLE, av.error.EOFError):
            continue
        for frame in frames:
            stamp = source.stamp(frame)
            if stamp is None and last is not None:
                stamp = last + source.step
            if stamp is None:
                continue
            last = stamp
            if not frame.is_corrupt:
                yield stamp, frame


def _opens(source: Source, packet: "Packet[VideoStream]") -> bool:
    return packet.is_keyframe and source.stamp(packet) is not None


def _sought(source: Source, stamp: int) -> bool:
    try:
        source.container.seek(stamp, stream=source.stream)
    except av.error.FFmpegError:
        # Not every container can be sought in; the beginning is always there.
        return False
    return True
