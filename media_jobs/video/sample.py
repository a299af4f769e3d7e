"""A video made of the sample photos, for the demo team and the bench: two faces move before a wall."""

import math
from collections.abc import Iterator
from typing import IO, Any

import av
from django.conf import settings
from PIL import Image

#: The face with some room around it, in pixels of the sample (left, top, right, bottom), and how much of the
#: picture's height it takes.
FACES = (
    ("astronaut.png", (120, 10, 330, 290), 0.58),
    ("grace_hopper.jpg", (120, 20, 400, 390), 0.53),
)
WALL = (96, 112, 128)


def sample_write(
    out: IO[bytes], *, seconds: float, size: tuple[int, int], rate: int, form: str, codec: str, **options: str
) -> None:
    """Write the video into a file that can seek.

    size: width and height in pixels, both even. form and codec: a muxer and an encoder of FFmpeg, options
    those of the encoder.
    """
    with av.open(out, "w", format=form) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for picture in _pictures(seconds, size, rate):
            for packet in stream.encode(av.VideoFrame.from_image(picture)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def _pictures(seconds: float, size: tuple[int, int], rate: int) -> Iterator[Image.Image]:
    width, height = size
    faces = [_face(name, box, round(share * height)) for name, box, share in FACES]
    room = width // len(faces)
    for number in range(round(seconds * rate)):
        at = number / rate
        canvas = Image.new("RGB", size, WALL)
        for place, face in enumerate(faces):
            left = place * room + (room - face.width) * (0.5 + 0.5 * math.sin(0.7 * at + place))
            top = (height - face.height) * (0.5 + 0.5 * math.sin(0.5 * at + 2 * place))
            canvas.paste(face, (int(left), int(top)))
        yield canvas


def _face(name: str, box: tuple[int, int, int, int], tall: int) -> Image.Image:
    with Image.open(settings.BASE_DIR / "samples" / name) as sample:
        face = sample.convert("RGB").crop(box)
    return face.resize((face.width * tall // face.height, tall))
