"""A part of a video as a file of its own."""

import io
from collections.abc import Iterator
from typing import IO, cast

from media_jobs.refusals import refuse

from .encoding import encode
from .facts import VideoFacts

MAX_CLIP_MS = 5 * 60 * 1000
MAX_SIDE = 1280
CONTENT_TYPE = "video/webm"
# Bytes collected before they are handed on.
PIECE_BYTES = 64 * 1024


class _Outbox(io.RawIOBase):
    """What was written since it was last emptied. It has no seek, as a connection has none."""

    def __init__(self) -> None:
        super().__init__()
        self._content = bytearray()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, content: bytes) -> int:  # type: ignore[override]  # FFmpeg gives bytes only
        self._content += content
        return len(content)

    def __len__(self) -> int:
        return len(self._content)

    def empty(self) -> bytes:
        content = bytes(self._content)
        self._content.clear()
        return content


def write_clip(file: IO[bytes], facts: VideoFacts, *, start_ms: int, end_ms: int) -> Iterator[bytes]:
    """A part of a video with its sound as WebM (VP8, Opus), in pieces that are made while they are read.

    At most 5 minutes long, with pictures of at most 1280 px. The first frame is decoded before this returns,
    so that a refusal comes before the first byte is sent. Raises Refusal: clip_too_long, clip_empty,
    video_damaged.
    """
    end_ms = min(end_ms, facts.duration_ms)
    if end_ms - start_ms > MAX_CLIP_MS:
        raise refuse("clip_too_long", limit=MAX_CLIP_MS // 60_000)
    if start_ms < 0 or start_ms >= end_ms:
        raise refuse("clip_empty")
    outbox = _Outbox()
    steps = encode(file, facts, cast(IO[bytes], outbox), start_ms=start_ms, end_ms=end_ms, max_side=MAX_SIDE)
    if next(steps, None) is None:
        raise refuse("clip_empty")
    return _pieces(outbox, steps)


def _pieces(outbox: _Outbox, steps: Iterator[int]) -> Iterator[bytes]:
    for _ in steps:
        if len(outbox) >= PIECE_BYTES:
            yield outbox.empty()
    yield outbox.empty()
