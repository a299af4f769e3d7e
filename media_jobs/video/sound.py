"""The sound of a range of a video, encoded as Opus beside its pictures."""

from collections.abc import Iterator
from fractions import Fraction
from typing import IO

import av.error
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from .containers import UNREADABLE, open_video, read_only, video_stream
from .facts import VideoFacts

RATE = 48_000
# Samples of one packet of Opus: 20 ms.
PACKET_SAMPLES = 960
# Sound that is further off than this from where it ought to be was interrupted, and is moved there.
GAP_SAMPLES = RATE // 10


class Sound:
    """The first stream of sound of a file, from `start_ms` on. Times are milliseconds from `start_ms`.

    Reads the file on its own, so that pictures and sound need not be kept until the other has come as far.
    """

    def __init__(self, file: IO[bytes], facts: VideoFacts, *, start_ms: int, into: AudioStream) -> None:
        self._container = open_video(file)
        self._into = into
        pictures = video_stream(self._container)
        self._begin = float(facts.first_packet_stamp * (pictures.time_base or 0)) + start_ms / 1000
        self._stream = next(
            (stream for stream in self._container.streams.audio if stream.codec_context is not None), None
        )
        self._frames = self._decoded(start_ms)
        self._next: AudioFrame | None = next(self._frames, None)
        self._resampler: AudioResampler | None = None
        self._resampled: tuple[str, str, int] | None = None
        self._written = 0

    def close(self) -> None:
        self._container.close()

    def until(self, ms: float) -> "Iterator[Packet[AudioStream]]":
        """The packets of what is heard before this time and was not asked for before."""
        while self._next is not None and self._place(self._next) < ms * RATE / 1000:
            if self._place(self._next) + self._length(self._next) > 0:
                yield from self._encoded(self._next)
            self._next = next(self._frames, None)

    def rest(self) -> "Iterator[Packet[AudioStream]]":
        """What the encoder still holds."""
        yield from self._into.encode(None)

    def _decoded(self, start_ms: int) -> Iterator[AudioFrame]:
        if self._stream is None:
            return
        read_only(self._container, [self._stream])
        if start_ms > 0 and not self._sought():
            # Not every container can be sought in; then all before is read, and left out.
            self._container.seek(0)
        try:
            for packet in self._container.demux(self._stream):
                yield from self._decode(packet)
        except UNREADABLE:
            # What follows is silent; the pictures are what a damaged file is judged by.
            return

    def _sought(self) -> bool:
        try:
            self._container.seek(int(self._begin * 1_000_000))
        except av.error.FFmpegError:
            return False
        return True

    @staticmethod
    def _decode(packet: "Packet[AudioStream]") -> list[AudioFrame]:
        try:
            return packet.decode()
        except (*UNREADABLE, av.error.EOFError):
            # A damaged packet is some hundredths of a second of silence.
            return []

    def _place(self, frame: AudioFrame) -> int:
        """The first sample of a frame, counted from the start of the range; negative before it."""
        return round(((frame.time or 0.0) - self._begin) * RATE)

    @staticmethod
    def _length(frame: AudioFrame) -> int:
        return frame.samples * RATE // (frame.sample_rate or RATE)

    def _encoded(self, frame: AudioFrame) -> "Iterator[Packet[AudioStream]]":
        place = self._place(frame)
        if place - self._written > GAP_SAMPLES:
            self._written = place
        for piece in self._resample(frame):
            piece.pts = self._written
            piece.time_base = Fraction(1, RATE)
            self._written += piece.samples
            yield from self._into.encode(piece)

    def _resample(self, frame: AudioFrame) -> list[AudioFrame]:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if self._resampler is None or kind != self._resampled:
            # Broadcasts change from stereo to mono between programmes.
            self._resampler, self._resampled = (
                AudioResampler(format="flt", layout="stereo", rate=RATE, frame_size=PACKET_SAMPLES),
                kind,
            )
        return self._resampler.resample(frame)
