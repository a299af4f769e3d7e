"""Pictures made for tests, as bytes."""

import io
import struct
import zlib

from PIL import Image


def noise(width: int, height: int, seed: int = 1) -> Image.Image:
    """A picture that does not compress, so that its file is never under the smallest size."""
    state = seed
    data = bytearray()
    for _ in range(width * height * 3):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        data.append(state >> 16 & 255)
    return Image.frombytes("RGB", (width, height), bytes(data))


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header announces a size that its few bytes of data do not have."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 4000, 0))
        + chunk(b"IEND", b"")
    )


def gif_of_frames(count: int, side: int = 32) -> bytes:
    """A GIF that repeats one small frame `count` times."""
    first = encoded(noise(side, side).convert("P"), "GIF")
    start = first.index(b",", 13 + 768)
    return first[:start] + first[start:-1] * count + b";"
