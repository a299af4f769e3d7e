"""Videos made for tests, as bytes: faces of `samples/` that move and grow, in any container that is taken.

`make_video` remembers what it made, because encoding is most of the time of a test.
"""

import io
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache, lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import cast

import av
import av.container
import numpy as np
from av.audio.stream import AudioStream
from av.video.frame import PictureType
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
# Of the face with some room around it, in pixels of the sample: left, top, right, bottom.
FACES = {
    "astronaut": ("astronaut.png", (120, 10, 330, 290)),
    "hopper": ("grace_hopper.jpg", (120, 20, 400, 390)),
}
# What each container is filled with where a test does not say. (muxer, video codec, sound codec)
KINDS = {
    "mp4": ("mp4", "libx264", "aac"),
    "mov": ("mov", "libx264", "aac"),
    "3gp": ("3gp", "mpeg4", "aac"),
    "webm": ("webm", "libvpx", "libopus"),
    "mkv": ("matroska", "libx264", "aac"),
    "avi": ("avi", "mpeg4", "mp2"),
    "flv": ("flv", "flv", "aac"),
    "wmv": ("asf", "wmv2", "wmav2"),
    "mpg": ("mpeg", "mpeg2video", "mp2"),
    "ts": ("mpegts", "libx264", "aac"),
    "m2v": ("mpeg2video", "mpeg2video", "mp2"),
}
QUICK = {
    "libx264": {"preset": "ultrafast", "crf": "28"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "row-mt": "1"},
}
Picture = NDArray[np.uint8]
Scene = Callable[[float], Picture]
TICKS = 90_000


@cache
def face(name: str) -> Image.Image:
    """One of FACES, cut out of its sample."""
    file, box = FACES[name]
    with Image.open(SAMPLES / file) as sample:
        return sample.convert("RGB").crop(box)


def faces_moving(size: tuple[int, int], names: Sequence[str]) -> Scene:
    """A scene in which each of the faces has a part of the width, sways in it and grows and shrinks."""
    width, height = size

    def picture_at(seconds: float) -> Picture:
        canvas = Image.new("RGB", size, (96, 112, 128))
        for number, name in enumerate(names):
            share = width / len(names)
            tall = int(height * (0.75 + 0.1 * np.sin(seconds + number)))
            picture = face(name)
            wide = min(int(picture.width * tall / picture.height), int(share))
            left = number * share + (share - wide) * (0.5 + 0.5 * np.sin(2 * seconds + number))
            canvas.paste(picture.resize((wide, tall)), (int(left), (height - tall) // 2))
        return np.asarray(canvas)

    return picture_at


def numbered(size: tuple[int, int]) -> Scene:
    """A scene without faces whose every frame differs: bars that count in tenths of a second."""
    width, height = size

    def picture_at(seconds: float) -> Picture:
        picture = np.full((height, width, 3), 64, np.uint8)
        for bit in range(12):
            if int(seconds * 20) >> bit & 1:
                picture[:, bit * width // 12 : (bit + 1) * width // 12] = 220
        return picture

    return picture_at


def make_video(
    *,
    kind: str = "mp4",
    seconds: float = 2.0,
    fps: float = 10,
    size: tuple[int, int] = (320, 240),
    faces: tuple[str, ...] = ("astronaut",),
    scene: Scene | None = None,
    codec: str | None = None,
    audio: bool = False,
    gop: int | None = None,
    bframes: int = 0,
    rotation: int = 0,
    times_ms: tuple[int, ...] | None = None,
    start_ms: int = 0,
    aspect: Fraction | None = None,
    pixels: str = "yuv420p",
    seekable: bool = True,
    muxing: tuple[tuple[str, str], ...] = (),
    index_first: bool = False,
) -> bytes:
    """A video file.

    kind: one of KINDS; `codec` is another video encoder than its usual. faces: of FACES; () is a scene of
    bars. scene: gives the RGB picture (height, width, 3) of a moment instead. times_ms: the moments of all
    frames, for a variable rate (then `seconds` and `fps` count for nothing else than the sound and the
    encoder). rotation: degrees clockwise that a player has to turn the pictures by. start_ms: time stamp of
    the first frame. aspect: width of a pixel over its height. seekable: False writes as a live recorder
    does, without duration, cues and sizes where the container can. muxing: options of the muxer, in pairs.
    index_first: an MP4 as it is made ready for the web, with what comes last otherwise before the media.
    """
    options = (kind, seconds, fps, size, faces, scene, codec, audio, gop, bframes, rotation)
    made = _made(*options, times_ms, start_ms, aspect, pixels, seekable, muxing)
    return _index_first(made) if index_first else made


class Stream(io.RawIOBase):
    """Bytes written one after the other, as into a socket."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]  # the base takes any buffer
        self.content += content
        return len(content)


@lru_cache(maxsize=256)
def _made(
    kind: str,
    seconds: float,
    fps: float,
    size: tuple[int, int],
    faces: tuple[str, ...],
    scene: Scene | None,
    codec: str | None,
    audio: bool,
    gop: int | None,
    bframes: int,
    rotation: int,
    times_ms: tuple[int, ...] | None,
    start_ms: int,
    aspect: Fraction | None,
    pixels: str,
    seekable: bool,
    muxing: tuple[tuple[str, str], ...],
) -> bytes:
    muxer, usual_codec, sound_codec = KINDS[kind]
    codec = codec or usual_codec
    picture_at = scene or (faces_moving(size, faces) if faces else numbered(size))
    moments = times_ms or tuple(round(n * 1000 / fps) for n in range(max(1, round(seconds * fps))))
    stamps = _stamps(moments, fps, start_ms, times_ms is not None)
    out = io.BytesIO() if seekable else Stream()
    with av.open(out, "w", format=muxer, options=dict(muxing)) as container:
        rate = Fraction(fps).limit_denominator(1001)
        video = cast(VideoStream, container.add_stream(codec, rate=rate, options=QUICK.get(codec, {})))
        video.width, video.height, video.pix_fmt = *size, pixels
        video.codec_context.time_base = Fraction(1, round(fps)) if times_ms is None else Fraction(1, 1000)
        video.codec_context.max_b_frames = bframes
        video.codec_context.bit_rate = 400_000
        if gop is not None:
            video.codec_context.gop_size = gop
        if aspect is not None:
            video.codec_context.sample_aspect_ratio = aspect
        if rotation:
            video.set_display_rotation(-rotation)
        sound = _sound(container, sound_codec) if audio else None
        heard = 0
        for moment, (pts, base) in zip(moments, stamps, strict=True):
            frame = av.VideoFrame.from_ndarray(picture_at(moment / 1000), format="rgb24").reformat(
                format=pixels
            )
            frame.pts, frame.time_base = pts, base
            frame.pict_type = PictureType.NONE
            container.mux(video.encode(frame))
            while sound is not None and heard < (moment + 1000 / fps) * 48:
                container.mux(sound.encode(_tone(heard, start_ms)))
                heard += 960
        container.mux(video.encode(None))
        if sound is not None:
            container.mux(sound.encode(None))
    return bytes(out.content) if isinstance(out, Stream) else out.getvalue()


def _stamps(moments: Sequence[int], fps: float, start_ms: int, variable: bool) -> list[tuple[int, Fraction]]:
    if variable:
        return [(moment + start_ms, Fraction(1, 1000)) for moment in moments]
    first = round(start_ms * fps / 1000)
    return [(first + number, Fraction(1, round(fps))) for number in range(len(moments))]


def _sound(container: av.container.OutputContainer, codec: str) -> AudioStream:
    stream = cast(AudioStream, container.add_stream(codec, rate=48_000, layout="stereo"))
    stream.codec_context.bit_rate = 128_000
    return stream


def _tone(start: int, start_ms: int) -> av.AudioFrame:
    """20 ms of a quiet 440 Hz tone, from its sample `start` on."""
    wave = 0.1 * np.sin(2 * np.pi * 440 * (start + np.arange(960)) / 48_000)
    frame = av.AudioFrame.from_ndarray(
        np.stack([wave, wave]).astype(np.float32), format="fltp", layout="stereo"
    )
    frame.sample_rate = 48_000
    frame.pts, frame.time_base = start + start_ms * 48, Fraction(1, 48_000)
    return frame


def _index_first(content: bytes) -> bytes:
    """An MP4 packed anew by its muxer, which needs a path for this: it moves what it wrote."""
    with NamedTemporaryFile(suffix=".mp4") as file:
        with (
            av.open(io.BytesIO(content), "r") as read,
            av.open(file.name, "w", options={"movflags": "faststart"}) as out,
        ):
            streams = {stream.index: out.add_stream_from_template(stream) for stream in read.streams}
            for packet in read.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)
        return Path(file.name).read_bytes()


def sound_only(kind: str = "mp4") -> bytes:
    """A file of this kind with a second of sound and no picture."""
    muxer, _, sound_codec = KINDS[kind]
    out = io.BytesIO()
    with av.open(out, "w", format=muxer) as container:
        sound = _sound(container, sound_codec)
        for start in range(0, 48_000, 960):
            container.mux(sound.encode(_tone(start, 0)))
        container.mux(sound.encode(None))
    return out.getvalue()


def cut_short(content: bytes, share: float = 0.6) -> bytes:
    """The first part of a file, as an upload or a recording that broke off leaves it."""
    return content[: int(len(content) * share)]


def without_cues(content: bytes) -> bytes:
    """A WebM or MKV whose index is overwritten by an empty element of the same length."""
    at = content.rindex(b"\x1c\x53\xbb\x6b")
    length, width = _element_length(content, at + 4)
    whole = 4 + width + length
    return (
        content[:at]
        + b"\xec\x01"
        + struct.pack(">Q", whole - 9)[1:]
        + bytes(whole - 9)
        + content[at + whole :]
    )


def _element_length(content: bytes, at: int) -> tuple[int, int]:
    """The length that an EBML element's header tells, and how many bytes tell it."""
    width = 9 - content[at].bit_length()
    value = int.from_bytes(content[at : at + width], "big") & ((1 << 7 * width) - 1)
    return value, width


def spoilt(content: bytes, begin: float = 0.45, end: float = 0.55) -> bytes:
    """A file whose bytes between two shares of its length are noise: a bad sector."""
    first, last = int(len(content) * begin), int(len(content) * end)
    noise = np.random.default_rng(7).integers(0, 256, last - first, np.uint8).tobytes()
    return content[:first] + noise + content[last:]


@cache
def three_hours(kind: str = "mp4") -> bytes:
    """Three hours of a tiny picture, one frame in four seconds, made in a second or two."""
    return make_video(
        kind=kind,
        times_ms=tuple(range(0, 3 * 3600 * 1000, 4000)),
        size=(64, 48),
        faces=(),
        gop=10,
    )
