"""What a video is: its figures, found by reading every packet and decoding the first frame."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import IO, Any, Self

from media_jobs.refusals import refuse

from .clock import Clock
from .containers import HEAD_BYTES, MOV, MP4, WEBM, Format, View, codec_name, format_of
from .decoding import Source
from .opening import Opening, read_opening, upright_size
from .scan import Scan
from .truncation import check_ending

# (codecs of pictures, of sound) that all current browsers play in these containers; 8 bits and 4:2:0 for
# H.264.
_PLAYED = {
    MP4.name: ({"h264"}, {"aac", "mp3", "mp3float"}),
    MOV.name: ({"h264"}, {"aac", "mp3", "mp3float"}),
    WEBM.name: ({"vp8", "vp9", "av1"}, {"opus", "libopus", "vorbis"}),
}
_PLAYED_PIXELS = frozenset({"yuv420p", "yuvj420p"})


@dataclass(frozen=True)
class VideoFacts:
    """Figures of one video. Times are whole milliseconds from the first frame.

    container: mp4, mov, 3gp, webm, mkv, avi, flv, wmv or mpeg. width, height: of the upright picture with
    square pixels, in pixels; of a pixel that is not square the longer side is stretched, so that no detail
    is lost. rotation: degrees clockwise (0, 90, 180, 270) by which decoded pictures are turned to be upright.
    duration_ms: from the first frame to the end of the last. frame_count: by packets. frame_rate: mean, per
    second. keyframes_ms: at which decoding may begin, at least half a second apart. player_offset_ms: add it
    to a time of ours for a player's, where sound begins before the pictures. peak_rate: frames per second
    where they are densest. first_stamp, first_packet_stamp: what is 0 ms for
    frames and for packets, in ticks of the file.
    """

    container: str
    content_type: str
    extension: str
    codec: str
    width: int
    height: int
    rotation: int
    duration_ms: int
    frame_count: int
    frame_rate: float
    variable_rate: bool
    has_audio: bool
    keyframes_ms: tuple[int, ...]
    shown_by_browsers: bool
    first_stamp: int = 0
    first_packet_stamp: int = 0
    player_offset_ms: int = 0
    peak_rate: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As plain values for a JSON field; `from_json` takes them back."""
        return {**asdict(self), "keyframes_ms": list(self.keyframes_ms)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**{**stored, "keyframes_ms": tuple(stored["keyframes_ms"])})


def read_facts(file: IO[bytes]) -> VideoFacts:
    """Judge a file of any content and read its figures.

    Every packet is looked at and none kept, so memory does not grow with the video, except for the times of
    key frames. Raises Refusal with one of the `video_` codes of `media_jobs.refusals`.
    """
    view = View(file)
    if view.size == 0:
        raise refuse("video_empty")
    form = format_of(view.read(HEAD_BYTES))
    check_ending(view, form.demuxer)
    with Source(file) as source:
        opening = read_opening(source)
        source.begin_again()
        clock = Clock(opening.packet_stamp, source.base)
        scan = Scan(source, clock, codec_name(source.stream), opening.marked)
        scan.read()
        return _facts(source, form, opening, scan)


def _facts(source: Source, form: Format, opening: Opening, scan: Scan) -> VideoFacts:
    stream = source.stream
    width, height = upright_size(opening, stream)
    rate = float(stream.average_rate or stream.guessed_rate or 1)
    if scan.last_ms > 0 and scan.frame_count > 1:
        rate = (scan.frame_count - 1) * 1000 / scan.last_ms
    shown = _shown_by_browsers(source, form, opening)
    offset = float(opening.stamp * source.base) - (source.container.start_time or 0) / 1_000_000
    return VideoFacts(
        container=form.name,
        content_type=form.content_type,
        extension=form.extension,
        codec=codec_name(stream),
        width=width,
        height=height,
        rotation=opening.rotation,
        duration_ms=scan.end_ms,
        frame_count=scan.frame_count,
        frame_rate=rate,
        variable_rate=scan.variable_rate,
        has_audio=scan.has_audio,
        keyframes_ms=tuple(scan.keyframes),
        shown_by_browsers=shown,
        first_stamp=opening.stamp,
        first_packet_stamp=opening.packet_stamp,
        player_offset_ms=max(0, round(offset * 1000)) if shown else 0,
        peak_rate=scan.peak_rate,
    )


def _shown_by_browsers(source: Source, form: Format, opening: Opening) -> bool:
    pictures, sounds = _PLAYED.get(form.name, (frozenset(), frozenset()))
    name = codec_name(source.stream)
    if name not in pictures or (name == "h264" and opening.pixel_format not in _PLAYED_PIXELS):
        return False
    return all(codec_name(stream) in sounds for stream in source.container.streams.audio)
