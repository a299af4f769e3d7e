"""The first frame of a video: the proof that it can be decoded, and what only a decoded frame tells."""

from collections.abc import Iterator
from dataclasses import dataclass

from av.packet import Packet
from av.video.stream import VideoStream
from django.conf import settings

from media_jobs.refusals import refuse

from .containers import codec_name
from .decoding import Source, end_packet, frames_of, is_end, packets_from_beginning

# Codecs of moving pictures that are read, by FFmpeg's names. FFmpeg knows many more, of games and of the
# nineties; each decoder that is left out is one that a hostile file cannot reach.
CODECS = frozenset(
    {
        *("h264", "hevc", "vp8", "vp9", "av1", "mpeg1video", "mpeg2video", "mpeg4", "h263", "flv1"),
        *("msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "wmv3", "vc1", "vp6", "vp6a", "vp6f"),
        *("mjpeg", "theora", "prores", "dnxhd", "dvvideo", "svq1", "svq3"),
    }
)
# A decoder that has given no frame after so many packets will give none.
MAX_PACKETS = 500
# Widest pixel that is believed; where a file has nonsense here, players show square pixels as well.
MAX_ASPECT = 5


@dataclass(frozen=True)
class Opening:
    """stamp: of the first frame. packet_stamp: of the first packet, by which the other packets are timed.

    width, height: of the frame as decoded, pixels. rotation: degrees clockwise, by quarters. marked: whether
    the file marks its key frames.
    """

    stamp: int
    packet_stamp: int
    width: int
    height: int
    rotation: int
    pixel_format: str
    marked: bool


def read_opening(source: Source) -> Opening:
    """Decode the first frame of a source just opened.

    Raises Refusal: a codec that is not read, more pixels than allowed, no frame at all, or none that decodes.
    """
    name = codec_name(source.stream)
    if name not in CODECS:
        raise refuse("video_codec_not_supported", codec=name)
    _check_pixels(source.stream.width, source.stream.height)
    anything = False
    for marked in (True, False):
        stamps: list[int] = []
        packets = _first_packets(source, marked, stamps)
        for stamp, frame in frames_of(source, packets):
            _check_pixels(frame.width, frame.height)
            return Opening(
                stamp=stamp,
                packet_stamp=stamps[0] if source.by_order else stamp,
                width=frame.width,
                height=frame.height,
                rotation=round(-frame.rotation / 90) * 90 % 360,  # FFmpeg tells it counter-clockwise.
                pixel_format=frame.format.name,
                marked=marked,
            )
        anything = anything or bool(stamps)
        source.begin_again()
    raise refuse("video_damaged" if anything else "video_empty")


def _first_packets(source: Source, marked: bool, stamps: list[int]) -> "Iterator[Packet[VideoStream]]":
    """The first packets to decode, and then the end; their stamps are noted."""
    for number, packet in enumerate(packets_from_beginning(source, with_keyframes=marked)):
        if is_end(packet) or number >= MAX_PACKETS:
            break
        if (stamp := source.stamp(packet)) is not None:
            stamps.append(stamp)
        yield packet
    yield end_packet()


def _check_pixels(width: int, height: int) -> None:
    if width * height > settings.MAX_VIDEO_PIXELS:
        limit = round(settings.MAX_VIDEO_PIXELS / 1_000_000, 1)
        raise refuse("video_too_many_pixels", width=width, height=height, limit=limit)


def upright_size(opening: Opening, stream: VideoStream) -> tuple[int, int]:
    """Width and height with square pixels, turned upright; of a pixel the longer side is stretched."""
    width, height = opening.width, opening.height
    aspect = stream.sample_aspect_ratio
    if aspect and 1 < aspect <= MAX_ASPECT:
        width = round(width * aspect)
    elif aspect and 1 / MAX_ASPECT <= aspect < 1:
        height = round(height / aspect)
    return (height, width) if opening.rotation % 180 else (width, height)
