"""From bytes somebody sent to a picture that is safe to keep: checks by content, never by name.

The order matters: size, signature, header, pixel count and frame count are judged before a single pixel
is decoded, and the full decode at the end is the proof that the file is whole.
"""

import hashlib
import io
import warnings
from dataclasses import dataclass
from typing import IO

from django.conf import settings
from PIL import Image, ImageOps, UnidentifiedImageError
from pillow_heif import register_heif_opener

from ml_models.colours import to_rgb

from .containers import frame_count_of_gif, looks_like_svg, shorter_than_declared
from .refusals import refuse

register_heif_opener()
# Pillow only warns between one and two times its limit; here the limit is the limit.
warnings.simplefilter("error", Image.DecompressionBombWarning)
Image.MAX_IMAGE_PIXELS = settings.MAX_IMAGE_PIXELS

# Pillow's name of a format -> (content type, extension). MPO is what phones write for a JPEG with a depth
# map or a second view; its first picture is an ordinary JPEG.
FORMATS = {
    "JPEG": ("image/jpeg", "jpg"),
    "MPO": ("image/jpeg", "jpg"),
    "PNG": ("image/png", "png"),
    "GIF": ("image/gif", "gif"),
    "BMP": ("image/bmp", "bmp"),
    "WEBP": ("image/webp", "webp"),
    "HEIF": ("image/heic", "heic"),
    "TIFF": ("image/tiff", "tiff"),
}
SHOWN_BY_BROWSERS = frozenset({"JPEG", "PNG", "WEBP"})
MIN_SIDE = 16
MAX_FRAMES = 1000
# All frames of an animation together, in multiples of the largest still picture.
MAX_ANIMATION_PICTURES = 20
PREVIEW_SIDE = 1600
THUMBNAIL_SIDE = 320
EXIF_ORIENTATION = 0x0112
SIDEWAYS = frozenset({5, 6, 7, 8})
# Pillow's decoders answer a damaged stream with any of these; each means the same to a user.
DECODER_FAULTS = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError)


@dataclass(frozen=True)
class Picture:
    """A checked picture: its figures and the smaller copies made from it."""

    sha256: str
    size: int
    content_type: str
    extension: str
    width: int
    height: int
    preview: bytes | None
    thumbnail: bytes


def read_picture(file: IO[bytes], size: int) -> Picture:
    """Check an uploaded file of `size` bytes and make its preview and thumbnail.

    `preview` is None where a browser can show the original as it is. Raises Refusal with a code of
    `media_jobs.refusals.REFUSALS`; the file is left as it was, at any position.
    """
    _check_size(size)
    file.seek(0)
    sha256 = _digest(file)
    image = _open(file, size)
    content_type, extension = FORMATS[image.format or ""]
    width, height = image.size
    orientation = _orientation(image)
    shown_as_is = (
        image.format in SHOWN_BY_BROWSERS
        and max(image.size) <= PREVIEW_SIDE
        and orientation == 1
        and image.mode != "CMYK"
    )
    if orientation in SIDEWAYS:
        width, height = height, width
    upright = _decode(_draft(image, THUMBNAIL_SIDE if shown_as_is else PREVIEW_SIDE))
    return Picture(
        sha256=sha256,
        size=size,
        content_type=content_type,
        extension=extension,
        width=width,
        height=height,
        preview=None if shown_as_is else _smaller_copy(upright, PREVIEW_SIDE, 85),
        thumbnail=_smaller_copy(upright, THUMBNAIL_SIDE, 80),
    )


def check_header(file: IO[bytes], size: int) -> None:
    """Refuse of `size` bytes what can be refused without decoding a pixel. Raises Refusal.

    `decode_original` then judges the rest, where the picture is decoded anyway.
    """
    _check_size(size)
    _open(file, size)


def _check_size(size: int) -> None:
    if size < settings.MIN_UPLOAD_BYTES:
        raise refuse("file_too_small", size=size, limit=settings.MIN_UPLOAD_BYTES)
    if size > settings.MAX_UPLOAD_BYTES:
        raise refuse("file_too_large", limit=f"{settings.MAX_UPLOAD_BYTES / 1024**2:g}")


def _orientation(image: Image.Image) -> int:
    """The EXIF turn, 1 to 8; 1 without one. Some formats decode the picture to find it."""
    try:
        return int(image.getexif().get(EXIF_ORIENTATION, 1))
    except DECODER_FAULTS as error:
        raise _damaged(error) from error


def _draft(image: Image.Image, side: int) -> Image.Image:
    """Let a JPEG be decoded at the smallest scale that still has `side` pixels; others stay as they are.

    The decoder reads all the data all the same, so a file that ends early is found out for half the work.
    """
    scale = side / max(image.size)
    if scale < 1:
        image.draft("RGB", (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    return image


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(1024 * 1024):
        digest.update(piece)
    return digest.hexdigest()


def decode_original(file: IO[bytes]) -> Image.Image:
    """Decode a stored original to an upright RGB picture, as `read_picture` saw it.

    Raises Refusal when the stored bytes are not the picture that was taken in.
    """
    size = file.seek(0, io.SEEK_END)
    return _decode(_open(file, size))


def _open(file: IO[bytes], size: int) -> Image.Image:
    """Read the header only, and refuse what must not be decoded."""
    file.seek(0)
    head = file.read(4096)
    if looks_like_svg(head):
        raise refuse("svg_not_supported")
    if shorter_than_declared(file, head, size):
        raise refuse("picture_truncated")
    file.seek(0)
    try:
        image = Image.open(file, formats=[name for name in FORMATS if name != "MPO"])
    except UnidentifiedImageError as error:
        raise refuse("format_not_supported") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise refuse("too_many_pixels", limit=f"{settings.MAX_IMAGE_PIXELS / 1e6:g}") from error
    except DECODER_FAULTS as error:
        raise _damaged(error) from error
    # AVIF shares HEIC's container and opener, but is not among the formats this product answers for.
    if image.format not in FORMATS:
        raise refuse("format_not_supported")
    if image.width * image.height > settings.MAX_IMAGE_PIXELS:
        raise refuse("too_many_pixels", limit=f"{settings.MAX_IMAGE_PIXELS / 1e6:g}")
    if min(image.size) < MIN_SIDE:
        raise refuse("too_few_pixels", width=image.width, height=image.height, limit=MIN_SIDE)
    _refuse_long_animation(image, file)
    return image


def _refuse_long_animation(image: Image.Image, file: IO[bytes]) -> None:
    try:
        if image.format == "GIF":
            # Pillow would seek through every frame; the block walk stops at the limit.
            frames = frame_count_of_gif(file, MAX_FRAMES)
        else:
            frames = getattr(image, "n_frames", 1)
    except DECODER_FAULTS as error:
        raise _damaged(error) from error
    total = frames * image.width * image.height
    if frames > MAX_FRAMES or (frames > 1 and total > MAX_ANIMATION_PICTURES * settings.MAX_IMAGE_PIXELS):
        raise refuse("too_many_frames", limit=MAX_FRAMES)


def _decode(image: Image.Image) -> Image.Image:
    """Decode the first frame completely, turn it upright and bring it to RGB."""
    try:
        image.seek(0)
        image.load()
        upright = ImageOps.exif_transpose(image)
        return to_rgb(upright)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise refuse("too_many_pixels", limit=f"{settings.MAX_IMAGE_PIXELS / 1e6:g}") from error
    except DECODER_FAULTS as error:
        raise _damaged(error) from error


def _smaller_copy(image: Image.Image, side: int, quality: int) -> bytes:
    """A JPEG of at most `side` pixels, without any metadata of the original."""
    copy = image.copy() if max(image.size) <= side else image
    if copy is image:
        scale = side / max(image.size)
        target = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        copy = image.resize(target, Image.Resampling.BILINEAR, reducing_gap=1.1)
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _damaged(error: Exception) -> Exception:
    words = str(error).lower()
    short = ("truncat", "unexpected end", "end of file", "eof", "not enough data", "0 bytes", "missing data")
    return refuse("picture_truncated" if any(word in words for word in short) else "picture_damaged")
