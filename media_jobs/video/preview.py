"""A copy of a video that every browser plays, and the still picture that stands for it."""

import io
from collections.abc import Callable
from typing import IO

from PIL import Image

from media_jobs.refusals import Refusal

from .encoding import encode
from .facts import VideoFacts
from .frames import Frame, frames_between

POSTER_SIDE = 640
POSTER_QUALITY = 80
# Films begin in black; a little way in there is something to be recognised by.
POSTER_SHARE = 0.1


def write_preview(
    file: IO[bytes],
    facts: VideoFacts,
    out: IO[bytes],
    *,
    progress: Callable[[float], None],
    max_side: int = 1280,
) -> None:
    """Write the whole video as WebM (VP8, Opus) into `out`, which can seek, upright and with square pixels.

    Has a key frame every two seconds and an index, so that a player can jump. Its time 0 is the first
    frame. progress: told the share done, 0 to 1, about once per second of video; what it raises ends the
    work. Raises Refusal (video_damaged).
    """
    told = 0
    for ms in encode(file, facts, out, start_ms=0, end_ms=facts.duration_ms, max_side=max_side):
        if ms - told >= 1000:
            told = ms
            progress(min(1.0, ms / facts.duration_ms))
    progress(1.0)


def poster(file: IO[bytes], facts: VideoFacts) -> bytes:
    """A JPEG of at most 640 px of a frame about a tenth into the video. Raises Refusal (video_damaged)."""
    frame = _frame_from(file, facts, int(facts.duration_ms * POSTER_SHARE)) or _frame_from(file, facts, 0)
    if frame is None:
        # Facts come from a first frame that was decoded, so the file is not the one they are of.
        raise ValueError("The video has no frame.")
    buffer = io.BytesIO()
    Image.fromarray(frame.picture).save(buffer, "JPEG", quality=POSTER_QUALITY, optimize=True)
    return buffer.getvalue()


def _frame_from(file: IO[bytes], facts: VideoFacts, start_ms: int) -> Frame | None:
    """The first frame at or after a moment; None where nothing is left to decode there."""
    frames = frames_between(
        file, facts, start_ms=start_ms, end_ms=facts.duration_ms, frames_per_second=None, max_side=POSTER_SIDE
    )
    try:
        return next(frames, None)
    except Refusal:
        if start_ms == 0:
            raise
        return None
