"""Makes the videos of `make bench-video`: two faces of the samples that move over a grey wall."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SIZE = (1280, 720)
RATE = 30
#: The face with some room around it, in pixels of the sample: left, top, right, bottom; and how tall it is.
FACES = (("astronaut.png", (120, 10, 330, 290), 420), ("grace_hopper.jpg", (120, 20, 400, 390), 380))


def make(path: Path, seconds: int) -> None:
    """A video of so many seconds: H.264 in MP4, 1280 x 720, 30 frames a second."""
    faces = [_face(*one) for one in FACES]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(seconds * RATE):
            picture = _picture(faces, number / RATE)
            for packet in stream.encode(av.VideoFrame.from_image(picture)):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def repeat(source: Path, path: Path, times: int) -> None:
    """The same video so many times over, copied without encoding it anew."""
    with av.open(str(path), "w") as container:
        stream, offset, counted = None, 0, 0
        for _ in range(times):
            with av.open(str(source)) as given:
                own = given.streams.video[0]
                stream = stream or container.add_stream_from_template(own)
                for packet in given.demux(own):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    container.mux(packet)
                    counted += 1
                offset = round(Fraction(counted, RATE) / (own.time_base or 1))


def _face(name: str, box: tuple[int, int, int, int], tall: int) -> Image.Image:
    with Image.open(ROOT / "samples" / name) as sample:
        face = sample.convert("RGB").crop(box)
    return face.resize((face.width * tall // face.height, tall))


def _picture(faces: list[Image.Image], seconds: float) -> Image.Image:
    canvas = Image.new("RGB", SIZE, (96, 112, 128))
    share = SIZE[0] // len(faces)
    for number, face in enumerate(faces):
        left = number * share + (share - face.width) * (0.5 + 0.5 * np.sin(0.7 * seconds + number))
        top = (SIZE[1] - face.height) * (0.5 + 0.5 * np.sin(0.5 * seconds + 2 * number))
        canvas.paste(face, (int(left), int(top)))
    return canvas
