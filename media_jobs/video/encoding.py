"""VP8 and Opus in WebM, which every browser plays, from a range of any video: for clips and for whole
previews."""

from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from typing import IO

import av
import av.container
from av.audio.stream import AudioStream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from .facts import VideoFacts
from .frames import Turner, first_of_slots
from .sound import RATE, Sound

# More frames per second are hardly told apart while watching, and cost twice as much.
MAX_RATE = 30.0
# A player can jump to key frames only.
KEYFRAME_MS = 2000
# Of a frame: about 1.5 Mbit/s for 720p at 25 frames a second.
BITS_PER_PIXEL = 0.065
MIN_BITS, MAX_BITS = 150_000, 4_000_000
SOUND_BITS = 96_000
_MS = Fraction(1, 1000)
# As fast as the codec goes: it has to be faster than watching, on the cores that analyse meanwhile.
_FAST = {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0", "lag-in-frames": "0"}


def encode(
    file: IO[bytes], facts: VideoFacts, out: IO[bytes], *, start_ms: int, end_ms: int, max_side: int
) -> Iterator[int]:
    """Write what is shown and heard in [start_ms, end_ms) into `out`; its own time begins at 0.

    Yields, after each frame, its time in milliseconds of the original: a caller takes away what was written,
    or tells how far it is. `out` needs no seek; with one, the file gets an index. Frames and sound are read
    side by side, so memory does not grow with the length. Raises Refusal (video_damaged) where no frame
    decodes.
    """
    turner = Turner(facts, max_side, even=True)
    length = end_ms - start_ms
    with av.open(out, mode="w", format="webm", options={"cluster_time_limit": str(KEYFRAME_MS)}) as written:
        pictures = _picture_stream(written, facts, turner.size, length)
        if not facts.has_audio:
            yield from _show(file, facts, turner, written, pictures, None, start_ms, end_ms)
            return
        into = _sound_stream(written, length)
        with closing(Sound(file, facts, start_ms=start_ms, into=into)) as sound:
            yield from _show(file, facts, turner, written, pictures, sound, start_ms, end_ms)
            written.mux(list(sound.until(length)))
            written.mux(list(sound.rest()))


def _show(
    file: IO[bytes],
    facts: VideoFacts,
    turner: Turner,
    written: av.container.OutputContainer,
    pictures: VideoStream,
    sound: Sound | None,
    start_ms: int,
    end_ms: int,
) -> Iterator[int]:
    """Encode the pictures, each after the sound that is heard before it."""
    rate = MAX_RATE if facts.frame_rate > MAX_RATE else None
    next_key = 0
    for ms, frame in first_of_slots(file, facts, start_ms=start_ms, end_ms=end_ms, frames_per_second=rate):
        picture = turner.yuv(frame)
        picture.pts, picture.time_base = ms - start_ms, _MS
        picture.pict_type = PictureType.NONE
        if ms - start_ms >= next_key:
            picture.pict_type = PictureType.I
            next_key = ms - start_ms + KEYFRAME_MS
        if sound is not None:
            written.mux(list(sound.until(ms - start_ms)))
        written.mux(pictures.encode(picture))
        yield ms
    written.mux(pictures.encode(None))


def _picture_stream(
    written: av.container.OutputContainer, facts: VideoFacts, size: tuple[int, int], length_ms: int
) -> VideoStream:
    rate = max(1.0, min(facts.frame_rate, MAX_RATE))
    stream = written.add_stream("libvpx", rate=Fraction(rate).limit_denominator(1000), options=_FAST)
    stream.width, stream.height = size
    stream.pix_fmt = "yuv420p"
    stream.thread_count = 2
    stream.codec_context.time_base = _MS
    stream.codec_context.bit_rate = int(
        min(MAX_BITS, max(MIN_BITS, size[0] * size[1] * rate * BITS_PER_PIXEL))
    )
    stream.metadata["DURATION"] = _clock(length_ms)
    return stream


def _sound_stream(written: av.container.OutputContainer, length_ms: int) -> AudioStream:
    stream = written.add_stream("libopus", rate=RATE, layout="stereo")
    stream.codec_context.bit_rate = SOUND_BITS
    stream.metadata["DURATION"] = _clock(length_ms)
    return stream


def _clock(ms: int) -> str:
    """As WebM's writer takes a length from, where it cannot come back to fill one in."""
    hours, rest = divmod(ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest / 1000:06.3f}"
