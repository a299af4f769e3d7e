"""What can be told about a picture file from its container, without decoding a pixel."""

import io
import re
import struct
from typing import IO

_SVG = re.compile(
    rb"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!DOCTYPE\s+svg[^>]*>\s*)?<svg[\s>]", re.I | re.S
)
_BOM = b"\xef\xbb\xbf"


def looks_like_svg(head: bytes) -> bool:
    """True when the first bytes of a file open an SVG document, compressed or not."""
    if head[:2] == b"\x1f\x8b":
        # Gzip of an SVG (svgz): no picture format of ours begins so, and the sentence fits best.
        return True
    return bool(_SVG.match(head.removeprefix(_BOM).lstrip()))


def shorter_than_declared(file: IO[bytes], head: bytes, size: int) -> bool:
    """True when RIFF (WebP), BMP or ISO media boxes (HEIC) announce more bytes than the file has.

    Decoders of these formats report a cut file in many words or not at all; their headers say it plainly.
    """
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return struct.unpack("<I", head[4:8])[0] + 8 > size
    if head[:2] == b"BM" and len(head) >= 6:
        return struct.unpack("<I", head[2:6])[0] > size
    if head[4:8] == b"ftyp":
        return _boxes_end(file, size) > size
    return False


def _boxes_end(file: IO[bytes], size: int) -> int:
    """Where the last top-level box of an ISO media file says that it ends."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        length = struct.unpack(">I", header[:4])[0]
        if length == 1 and len(header) == 16:
            length = struct.unpack(">Q", header[8:16])[0]
        elif length == 0:
            return size
        if length < 8:
            return position
        position += length
    return position


def frame_count_of_gif(file: IO[bytes], stop_after: int) -> int:
    """Count the pictures of a GIF by walking its blocks; stops one past `stop_after`.

    Returns at least 1. A file that ends early is counted as far as it goes: the decode judges it.
    """
    file.seek(0)
    header = file.read(13)
    if len(header) == 13 and header[10] & 0x80:
        file.seek(3 << ((header[10] & 7) + 1), 1)
    frames = 0
    while frames <= stop_after:
        mark = file.read(1)
        if mark == b"!":
            file.seek(1, 1)
            _skip_sub_blocks(file)
        elif mark == b",":
            frames += 1
            descriptor = file.read(9)
            if len(descriptor) < 9:
                break
            if descriptor[8] & 0x80:
                file.seek(3 << ((descriptor[8] & 7) + 1), 1)
            file.seek(1, 1)
            _skip_sub_blocks(file)
        else:
            break
    return max(1, frames)


def first_frame_of_gif(content: bytes) -> bytes:
    """A GIF without what comes after the first of its pictures; as it is where no second one follows."""
    file = io.BytesIO(content)
    if frame_count_of_gif(file, 1) < 2:
        return content
    # Counting stops right after the picture that is one too many.
    frame_count_of_gif(file, 0)
    return content[: file.tell()] + b";"


def _skip_sub_blocks(file: IO[bytes]) -> None:
    while (length := file.read(1)) not in (b"", b"\x00"):
        file.seek(length[0], 1)
