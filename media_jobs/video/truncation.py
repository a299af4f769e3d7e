"""Whether a file is shorter than its own container says, found in headers alone."""

import struct

from media_jobs.refusals import refuse

from .containers import View

# Containers in one level of a file; more than any recorder writes in four hours.
MAX_BOXES = 500_000
_SEGMENT = b"\x18\x53\x80\x67"
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_BROADCAST = 1


def check_ending(view: View, demuxer: str) -> None:
    """Refuse a file that ends before the end its container names. Raises Refusal.

    A recording that was written as a stream (WebM of a browser, for one) names no end, and passes.
    """
    cut = {"mov": _mov_cut, "matroska": _matroska_cut, "avi": _avi_cut, "flv": _flv_cut, "asf": _asf_cut}
    if demuxer in cut and cut[demuxer](view):
        raise refuse("video_truncated")


def _read(view: View, at: int, length: int) -> bytes:
    view.seek(at)
    return view.read(length)


def _mov_cut(view: View) -> bool:
    """A box that reaches past the end, or media without the index (`moov`) that comes last in recordings."""
    position, kinds = 0, set()
    for _ in range(MAX_BOXES):
        header = _read(view, position, 16)
        if len(header) < 8:
            break
        length, kind = struct.unpack(">I4s", header[:8])
        if length == 1 and len(header) == 16:
            length = struct.unpack(">Q", header[8:])[0]
        elif length == 0:
            length = view.size - position
        if length < 8:
            # Zeros behind the last box, as some cameras leave them.
            break
        kinds.add(kind)
        position += length
        if position > view.size:
            return True
    return b"mdat" in kinds and b"moov" not in kinds


def _matroska_cut(view: View) -> bool:
    """The segment's length, where it is known: all ones stand for a recording whose end nobody knew."""
    head = _read(view, 0, 4096)
    at = head.find(_SEGMENT)
    if at < 0 or len(head) < at + 12 or head[at + 4] == 0:
        return False
    width = 9 - head[at + 4].bit_length()
    body = at + 4 + width
    length = int.from_bytes(head[at + 4 : body], "big") & ((1 << 7 * width) - 1)
    return length != (1 << 7 * width) - 1 and body + length > view.size


def _avi_cut(view: View) -> bool:
    """The RIFF chunks, of which files over 1 GB have several; a length of zero was never filled in."""
    position = 0
    while position + 12 <= view.size:
        kind, length = struct.unpack("<4sI", _read(view, position, 8))
        if kind != b"RIFF" or length == 0:
            break
        position += 8 + length + length % 2
        # Some writers count the padding, some do not.
        if position - 1 > view.size:
            return True
    return False


def _flv_cut(view: View) -> bool:
    """The last four bytes tell the length of the tag before them; a cut leaves other bytes there."""
    if view.size < 4 + 11 + 13:
        return True
    (length,) = struct.unpack(">I", _read(view, view.size - 4, 4))
    start = view.size - 4 - length
    if length < 11 or start < 13:
        return True
    header = _read(view, start, 4)
    return int.from_bytes(header[1:4], "big") + 11 != length


def _asf_cut(view: View) -> bool:
    """The length in the file properties, unless they say that it was a broadcast."""
    head = _read(view, 0, 65536)
    at = head.find(_ASF_FILE_PROPERTIES)
    if at < 0 or len(head) < at + 92:
        return False
    (length,) = struct.unpack("<Q", head[at + 40 : at + 48])
    (flags,) = struct.unpack("<I", head[at + 88 : at + 92])
    return not flags & _ASF_BROADCAST and length > view.size
