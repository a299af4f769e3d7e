"""Opening of a video so that nothing but its own bytes is ever read.

The first bytes say which of the listed demuxers reads the file; FFmpeg's own guessing, which would also try
playlists, pictures and network formats, is never asked, and neither is the file's name.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, NoReturn

import av
import av.container
import av.error
from av.codec.context import ThreadType
from av.stream import Discard, Disposition
from av.video.stream import VideoStream
from django.conf import settings

from media_jobs.containers import looks_like_svg
from media_jobs.refusals import Refusal, refuse

# Enough for the 188-byte rhythm of transport streams, long XML prologues and the first box of a MOV.
HEAD_BYTES = 4096
# Bytes and microseconds that FFmpeg reads ahead to learn codecs and rates; its own defaults, so that a
# hostile file cannot make it read everything before a limit is judged.
PROBE_BYTES = 5_000_000
PROBE_MICROSECONDS = 5_000_000
# More streams than any camera or cutting program writes; each costs memory before a limit could be judged.
MAX_STREAMS = 64
# A picture of this size and above is decoded by one thread: every further thread holds frames of its own.
LARGE_PIXELS = 2560 * 1600


@dataclass(frozen=True)
class Format:
    """A container: its short name, FFmpeg's demuxer for it, content type and extension."""

    name: str
    demuxer: str
    content_type: str
    extension: str


MP4 = Format("mp4", "mov", "video/mp4", "mp4")
MOV = Format("mov", "mov", "video/quicktime", "mov")
PHONE = Format("3gp", "mov", "video/3gpp", "3gp")
WEBM = Format("webm", "matroska", "video/webm", "webm")
MKV = Format("mkv", "matroska", "video/x-matroska", "mkv")
AVI = Format("avi", "avi", "video/x-msvideo", "avi")
FLV = Format("flv", "flv", "video/x-flv", "flv")
WMV = Format("wmv", "asf", "video/x-ms-wmv", "wmv")
MPEG = Format("mpeg", "mpeg", "video/mpeg", "mpg")
MPEG_TS = Format("mpeg", "mpegts", "video/mp2t", "ts")
MPEG_RAW = Format("mpeg", "mpegvideo", "video/mpeg", "mpg")
# All that is taken. Demuxers that follow names to other files (hls, dash, concat, sdp, image sequences) are
# not.
FORMATS = [MP4, MOV, PHONE, WEBM, MKV, AVI, FLV, WMV, MPEG, MPEG_TS, MPEG_RAW]
# What FFmpeg's readers and decoders say of bytes that they cannot make sense of.
UNREADABLE = (
    av.error.InvalidDataError,
    av.error.PatchWelcomeError,
    av.error.ArgumentError,
    av.error.BugError,
    av.error.ExternalError,
    av.error.NotImplementedError,
)

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MOV_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp"})
# Brands of ISO media files that hold still pictures (HEIC, AVIF), and of phones' 3GP.
_PICTURE_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"avis", b"hevc", b"msf1"})
_PHONE_BRANDS = (b"3gp", b"3g2", b"3ge", b"3gg", b"3gs")
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"\0\0\x01\0")
_PLAYLIST = re.compile(
    rb"""^\s*(?:
        \#EXTM3U | ffconcat | \[playlist\] | \[Reference\] | \[InternetShortcut\] | v=0\r?\n[a-z]=
        | (?:file|https?|rtsp|rtmp|mms|concat|subfile|data|crypto|async|cache|tcp|udp)\s*:
        | file\s+\S | (?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*
          <(?:MPD|asx|smil|playlist|SmoothStreamingMedia|manifest)\b
    )""",
    re.I | re.S | re.X,
)
# PyAV names a codec by its decoder; these differ.
_DECODERS = {"libdav1d": "av1", "flv": "flv1", "msmpeg4": "msmpeg4v3"}
# AVFMT_FLAG_GENPTS, which PyAV sets and names in an enumeration that its types do not count as numbers.
_MADE_UP_STAMPS = 0x0001
_BOM = b"\xef\xbb\xbf"


class View(io.RawIOBase):
    """A read-only look at a file with a position of its own, so that two readers can share one file."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file
        self._position = 0
        self.size = file.seek(0, io.SEEK_END)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        self._file.seek(self._position)
        content = self._file.read(size)
        self._position += len(content)
        return content


def format_of(head: bytes) -> Format:
    """The container that a file's first bytes open, whatever its name. Raises Refusal for everything else."""
    box = head[4:8]
    if box in _MOV_BOXES:
        return _iso_format(head)
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return WEBM if b"webm" in head[:64] else MKV
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return AVI
    if head[:4] == b"FLV\x01":
        return FLV
    if head[:16] == _ASF_HEADER:
        return WMV
    if head[:4] == b"\x00\x00\x01\xba":
        return MPEG
    if head[:4] == b"\x00\x00\x01\xb3":
        return MPEG_RAW
    if _is_transport_stream(head):
        return MPEG_TS
    raise _other(head)


def open_video(file: IO[bytes]) -> av.container.InputContainer:
    """Open the file with the demuxer of its content, which can reach no other file or address.

    The container reads through a `View`: the file's own position means nothing to it. Close it after use.
    Raises Refusal.
    """
    view = View(file)
    if view.size == 0:
        raise refuse("video_empty")
    form = format_of(view.read(HEAD_BYTES))
    view.seek(0)
    options = {
        "format_whitelist": form.demuxer if form.demuxer != "mov" else "mov,mp4,m4a,3gp,3g2,mj2",
        # No protocol of FFmpeg's is needed: bytes come from `view` alone.
        "protocol_whitelist": "none",
        "probesize": str(PROBE_BYTES),
        "analyzeduration": str(PROBE_MICROSECONDS),
        "max_streams": str(MAX_STREAMS),
    }
    if form.demuxer == "matroska":
        options["format_whitelist"] = "matroska,webm"
    if form.demuxer == "mov":
        options |= {"enable_drefs": "0", "use_absolute_path": "0"}
    try:
        return av.open(
            view,
            mode="r",
            format=form.demuxer,
            options={"max_pixels": _most_pixels()},
            container_options=options,
            io_open=_open_nothing_else,
        )
    except av.error.EOFError as error:
        raise refuse("video_empty") from error
    except UNREADABLE as error:
        raise refuse("video_damaged") from error


def video_stream(container: av.container.InputContainer) -> VideoStream:
    """The stream of moving pictures: the largest where there are several. Raises Refusal where there is none.

    Cover pictures of music files are streams of video to FFmpeg, and are none here.
    """
    streams = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise refuse("video_no_stream")
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        raise refuse("video_codec_not_supported", codec="?")
    return max(decodable, key=lambda stream: (stream.width or 0) * (stream.height or 0))


def codec_name(stream: av.stream.Stream) -> str:
    """FFmpeg's name of a stream's codec; empty where it has no decoder for it."""
    name: str = stream.codec_context.codec.name if stream.codec_context is not None else ""
    return _DECODERS.get(name, name)


def read_only(container: av.container.InputContainer, wanted: Sequence[av.stream.Stream]) -> None:
    """Let the demuxer skip all streams but the wanted, and take time stamps as they are in the file."""
    indexes = {stream.index for stream in wanted}
    for stream in container.streams:
        if stream.index not in indexes:
            stream.discard = Discard.all
    # Made-up stamps would depend on where reading began.
    container.flags &= ~_MADE_UP_STAMPS


def prepare_decoder(stream: VideoStream) -> None:
    """Bound what the decoder may hold: pixels by the limit, frames by the number of threads."""
    context = stream.codec_context
    context.options = {"max_pixels": _most_pixels()}
    context.thread_type = ThreadType.AUTO
    context.thread_count = 1 if stream.width * stream.height > LARGE_PIXELS else 2


def _most_pixels() -> str:
    """What decoders hold to. They count the blocks of 64 that they fill, of which a frame shows a part."""
    return str(settings.MAX_VIDEO_PIXELS * 5 // 4 + 64 * 1024)


def _open_nothing_else(url: str, flags: int, options: dict[str, str]) -> NoReturn:
    raise PermissionError("A video names another file; only its own bytes are read.")


def _iso_format(head: bytes) -> Format:
    if head[4:8] != b"ftyp":
        return MOV
    brand = head[8:12]
    if brand in _PICTURE_BRANDS:
        raise refuse("video_is_a_picture")
    if brand == b"qt  ":
        return MOV
    return PHONE if brand.startswith(_PHONE_BRANDS) else MP4


def _is_transport_stream(head: bytes) -> bool:
    """Packets of 188 bytes that begin with 0x47; cameras put four bytes of time before each."""
    return any(
        len(head) > start + 4 * length and all(head[start + n * length] == 0x47 for n in range(5))
        for start, length in ((0, 188), (4, 192), (0, 204))
    )


def _other(head: bytes) -> Refusal:
    is_riff_picture = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    if head.startswith(_PICTURES) or is_riff_picture or looks_like_svg(head) or _is_bitmap(head):
        return refuse("video_is_a_picture")
    if _PLAYLIST.match(head.removeprefix(_BOM)):
        return refuse("video_is_a_playlist")
    return refuse("video_format_not_supported")


def _is_bitmap(head: bytes) -> bool:
    # 'BM' alone begins many a text; the header's length in byte 14 does not.
    return head[:2] == b"BM" and head[14:18] in (b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0", b"\x0c\0\0\0")
