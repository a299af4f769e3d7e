"""Every packet of a video once, without decoding: how many, how long, how regular, and where decoding may
begin."""

from collections import Counter
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from av.packet import Packet
from av.stream import Discard
from django.conf import settings

from media_jobs.refusals import refuse

from .clock import Clock
from .containers import UNREADABLE
from .decoding import MAX_FAULTS, Source

# Of key frames that are noted; every frame is one in some codecs.
KEYFRAME_GAP_MS = 500
# How many frames may be out of order in the file: more than any codec's reordering.
REORDERED = 32
# A clock that goes back by more than codecs' reordering can explain.
JUMP_MS = 10_000
# A gap between two frames differs from the usual one when it does so by more than a fifth and by more than
# two milliseconds, to which many containers round; the rate varies when more than one gap in a hundred
# differs.
GAP_SHARE, GAP_MS, VARIED_SHARE = 0.2, 2, 0.01
# What may be missing between the length that the container states and the end of its last packet.
MISSING_SHARE, MISSING_SECONDS = 0.1, 2.0
# MPEG streams state no length; FFmpeg finds one at their end or estimates it.
STATES_NO_LENGTH = frozenset({"mpeg", "mpegts", "mpegvideo"})
# The bit of a VP8 frame that is zero where it is only referred to and never shown.
VP8_SHOWN = 0x10


@dataclass
class Scan:
    """`read` fills it in. Times are milliseconds from the first frame; memory is bounded but for key
    frames."""

    source: Source
    clock: Clock
    codec: str
    marked: bool
    frame_count: int = 0
    last_ms: int = 0
    end_ms: int = 0
    has_audio: bool = False
    keyframes: list[int] = field(default_factory=list)
    _gaps: Counter[int] = field(default_factory=Counter)
    _reached: float = 0.0
    _order: int | None = None
    _shown: int | None = None
    _waiting: list[int] = field(default_factory=list)
    _unstamped: int = 0

    def read(self) -> None:
        """Read a source just opened to its end.

        Raises Refusal: too long, a clock that jumps back, or less there than the container states.
        """
        container, wanted = self.source.container, self.source.stream.index
        for stream in container.streams:
            if stream.type in ("video", "audio"):
                stream.discard = Discard.default
        faults = 0
        while True:
            try:
                for packet in container.demux():
                    self._hear(packet)
                    if packet.stream_index == wanted and packet.size:
                        self._take(packet)
                break
            except UNREADABLE:
                faults += 1
                if faults > MAX_FAULTS:
                    break
        while self._waiting:
            self._show(heappop(self._waiting))
        if self._unstamped and not self.variable_rate:
            self.last_ms = max(self.last_ms, (self.frame_count - 1) * self._usual_gap())
        self.end_ms = max(self.end_ms, self.last_ms + max(1, self._usual_gap()))
        self._check_whole()

    @property
    def variable_rate(self) -> bool:
        usual = self._usual_gap()
        allowed = max(GAP_MS, GAP_SHARE * usual)
        varied = sum(count for gap, count in self._gaps.items() if abs(gap - usual) > allowed)
        # A frame without a time (MPEG writes them now and then) leaves one gap that is too long.
        return varied - self._unstamped > VARIED_SHARE * self._gaps.total()

    @property
    def peak_rate(self) -> float:
        """Frames per second in the densest parts: of the gap that only one in a hundred falls below."""
        below, few = 0, VARIED_SHARE * self._gaps.total()
        for gap, count in sorted(self._gaps.items()):
            below += count
            if below > few and gap > 0:
                return 1000 / gap
        return 0.0

    def _usual_gap(self) -> int:
        return self._gaps.most_common(1)[0][0] if self._gaps else 0

    def _hear(self, packet: "Packet[Any]") -> None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            self.has_audio = self.has_audio or packet.stream.type == "audio"
            self._reached = max(self._reached, float((stamp + (packet.duration or 0)) * packet.time_base))

    def _take(self, packet: "Packet[Any]") -> None:
        if packet.is_keyframe and not self.keyframes:
            # Reading from the beginning of the file gives all from here on, also where this frame is cut out.
            self.keyframes.append(0)
        hidden = packet.is_discard or (self.codec == "vp8" and not memoryview(packet)[0] & VP8_SHOWN)
        if not hidden and (self.keyframes or not self.marked):
            self._check_order(packet)
            self._note(packet)

    def _note(self, packet: "Packet[Any]") -> None:
        stamp = self.source.stamp(packet)
        ms = None if stamp is None else self.clock.ms(stamp)
        if ms is not None and ms < 0:
            # Shown before the first frame that can be decoded, so it cannot.
            return
        self.frame_count += 1
        if stamp is None or ms is None:
            self._unstamped += 1
            return
        if ms > settings.MAX_VIDEO_SECONDS * 1000:
            raise refuse("video_too_long", limit=settings.MAX_VIDEO_SECONDS / 3600)
        self.end_ms = max(self.end_ms, self.clock.ms(stamp + (packet.duration or 0)))
        heappush(self._waiting, ms)
        if len(self._waiting) > REORDERED:
            self._show(heappop(self._waiting))
        ready = ms + self.source.margin_ms
        if packet.is_keyframe and ready - self.keyframes[-1] >= KEYFRAME_GAP_MS:
            self.keyframes.append(ready)

    def _check_order(self, packet: "Packet[Any]") -> None:
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None:
            return
        ms = self.clock.ms(stamp)
        if self._order is not None and ms < self._order - JUMP_MS:
            raise refuse("video_time_jumps")
        self._order = ms

    def _show(self, ms: int) -> None:
        """Note a time, in the order in which frames are shown."""
        if self._shown is not None:
            self._gaps[max(0, min(ms - self._shown, JUMP_MS))] += 1
        self._shown = ms
        self.last_ms = max(self.last_ms, ms)

    def _check_whole(self) -> None:
        container = self.source.container
        if container.format.name in STATES_NO_LENGTH or not container.duration:
            return
        stated = (container.duration + max(0, container.start_time or 0)) / 1_000_000
        if stated - self._reached > max(MISSING_SECONDS, MISSING_SHARE * stated):
            raise refuse("video_truncated")
