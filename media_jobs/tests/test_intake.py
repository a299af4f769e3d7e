"""What is taken in, what is refused, and with which words."""

import io

import pytest
from PIL import Image
from pytest_django import Settings

from media_jobs.containers import frame_count_of_gif
from media_jobs.intake import PREVIEW_SIDE, THUMBNAIL_SIDE, Picture, decode_original, read_picture
from media_jobs.refusals import REFUSALS, Refusal

from .pictures import encoded, gif_of_frames, noise, png_claiming

PHOTO = noise(64, 48)


def read(content: bytes) -> Picture:
    return read_picture(io.BytesIO(content), len(content))


def code_of(content: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        read(content)
    status, _ = REFUSALS[caught.value.code]
    assert caught.value.status == status
    assert "{" not in caught.value.message
    return caught.value.code


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("BMP", "image/bmp"),
        ("WEBP", "image/webp"),
        ("HEIF", "image/heic"),
        ("TIFF", "image/tiff"),
    ],
)
def test_each_format_is_taken_and_known_by_its_bytes(form: str, content_type: str) -> None:
    picture = read(encoded(PHOTO, form))
    assert picture.content_type == content_type
    assert (picture.width, picture.height) == (64, 48)
    assert Image.open(io.BytesIO(picture.thumbnail)).format == "JPEG"


@pytest.mark.parametrize("form", ["GIF", "BMP", "HEIF", "TIFF"])
def test_formats_browsers_do_not_show_get_a_preview(form: str) -> None:
    preview = read(encoded(PHOTO, form)).preview
    assert preview is not None
    assert Image.open(io.BytesIO(preview)).size == (64, 48)


def test_a_photo_browsers_can_show_is_its_own_preview() -> None:
    assert read(encoded(PHOTO, "JPEG")).preview is None


def test_a_large_photo_gets_smaller_copies() -> None:
    picture = read(encoded(noise(60, 40).resize((2400, 1600)), "JPEG", quality=90))
    assert picture.preview is not None
    assert max(Image.open(io.BytesIO(picture.preview)).size) == PREVIEW_SIDE
    assert max(Image.open(io.BytesIO(picture.thumbnail)).size) == THUMBNAIL_SIDE


def test_exif_turns_the_picture_and_the_copies_lose_all_metadata() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    picture = read(encoded(PHOTO, "JPEG", exif=exif))
    assert (picture.width, picture.height) == (48, 64)
    assert picture.preview is not None
    preview = Image.open(io.BytesIO(picture.preview))
    assert preview.size == (48, 64)
    assert not preview.getexif()


def test_heic_is_turned_once() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    # As bytes, the encoder writes both the tag and the container's own turn, as phones do.
    content = encoded(PHOTO, "HEIF", exif=exif.tobytes())
    assert b"irot" in content
    picture = read(content)
    assert (picture.width, picture.height) == (48, 64)


def test_worker_sees_the_same_upright_picture_as_intake() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    image = decode_original(io.BytesIO(encoded(PHOTO, "JPEG", exif=exif)))
    assert image.mode == "RGB"
    assert image.size == (48, 64)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "LA"])
def test_other_colour_modes_become_rgb(mode: str) -> None:
    form = "TIFF" if mode == "CMYK" else "PNG"
    large = noise(128, 96).convert("RGB" if mode == "LA" else mode)
    if mode == "LA":
        large = large.convert("LA")
    content = encoded(large, form)
    assert decode_original(io.BytesIO(content)).mode == "RGB"
    assert (read(content).width, read(content).height) == (128, 96)


def test_transparent_parts_become_white() -> None:
    image = noise(64, 64).convert("RGBA")
    image.putalpha(0)
    assert decode_original(io.BytesIO(encoded(image, "PNG"))).getpixel((5, 5)) == (255, 255, 255)


def test_sixteen_bit_grey_keeps_its_shades() -> None:
    deep = Image.frombytes("I;16", (64, 64), b"".join((n * 16).to_bytes(2, "little") for n in range(4096)))
    upright = decode_original(io.BytesIO(encoded(deep, "PNG")))
    low, high = upright.convert("L").getextrema()
    assert (low, high) == (0, 255)
    assert 110 < upright.convert("L").getpixel((0, 32)) < 145  # type: ignore[operator]


def test_only_the_first_frame_of_an_animation_counts() -> None:
    frames = [noise(48, 48, seed) for seed in (1, 2, 3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    first = decode_original(io.BytesIO(buffer.getvalue()))
    assert first.size == (48, 48)
    assert read(buffer.getvalue()).content_type == "image/gif"


@pytest.mark.parametrize("size", [0, 1, 1023])
def test_under_one_kilobyte_is_refused(size: int) -> None:
    assert code_of(b"x" * size) == "file_too_small"


def test_over_the_limit_is_refused_before_anything_is_read(settings: Settings) -> None:
    class Untouchable(io.BytesIO):
        def read(self, *args: object) -> bytes:
            raise AssertionError("the file was read")

    with pytest.raises(Refusal) as caught:
        read_picture(Untouchable(), settings.MAX_UPLOAD_BYTES + 1)
    assert caught.value.code == "file_too_large"
    assert "25 MB" in caught.value.message


@pytest.mark.parametrize("side", [(100_000, 1_000), (8000, 6251)])
def test_over_fifty_megapixels_is_refused_by_the_header_alone(side: tuple[int, int]) -> None:
    assert code_of(png_claiming(*side)) == "too_many_pixels"


def test_a_picture_of_a_few_pixels_is_refused() -> None:
    assert code_of(encoded(noise(15, 300), "BMP")) == "too_few_pixels"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "HEIF", "TIFF"])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
def test_a_cut_file_is_refused_as_cut(form: str, share: float) -> None:
    content = encoded(noise(200, 150), form)
    assert code_of(content[: int(len(content) * share)]) in {"picture_truncated", "picture_damaged"}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "WEBP", "HEIF"])
def test_the_common_formats_are_told_from_damaged_ones_when_cut_in_half(form: str) -> None:
    content = encoded(noise(200, 150), form)
    assert code_of(content[: len(content) // 2]) == "picture_truncated"


def test_a_damaged_file_is_refused() -> None:
    content = bytearray(encoded(noise(200, 150), "PNG"))
    content[len(content) // 2 : len(content) // 2 + 64] = bytes(64)
    assert code_of(bytes(content)) in {"picture_damaged", "picture_truncated"}


def test_a_long_animation_is_refused() -> None:
    assert code_of(gif_of_frames(1001)) == "too_many_frames"


def test_a_short_animation_of_huge_frames_is_refused() -> None:
    content = bytearray(gif_of_frames(30))
    # The canvas of the header: 7,000 x 7,000, just under the limit for one picture.
    content[6:10] = (7000).to_bytes(2, "little") * 2
    assert code_of(bytes(content)) == "too_many_frames"


def test_frames_of_a_gif_are_counted_no_further_than_asked() -> None:
    content = io.BytesIO(gif_of_frames(40))
    assert frame_count_of_gif(content, 1000) == 40
    assert frame_count_of_gif(content, 10) == 11


@pytest.mark.parametrize(
    "head",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg">',
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a drawing -->\n<svg>',
        b"\x1f\x8b\x08\x00",
    ],
)
def test_svg_is_refused_by_name(head: bytes) -> None:
    assert code_of(head + b" " * 2000) == "svg_not_supported"


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7" + b"x" * 2000,
        b"PK\x03\x04" + b"x" * 2000,
        b"hello " * 400,
        bytes(2000),
        encoded(noise(64, 64), "PPM"),
        encoded(noise(64, 64), "ICO"),
        encoded(noise(200, 200), "AVIF"),
    ],
    ids=["pdf", "zip", "text", "zeros", "ppm", "ico", "avif"],
)
def test_anything_else_is_refused_whatever_its_name(content: bytes) -> None:
    assert code_of(content) == "format_not_supported"


@pytest.mark.parametrize("size", [(5000, 3000), (1700, 500), (1024, 768)])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_scaled_decode_keeps_the_figures_of_the_whole_picture(
    size: tuple[int, int], orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(noise(50, 30).resize(size), "JPEG", exif=exif)
    picture = read(content)
    expected = size if orientation == 1 else size[::-1]
    assert (picture.width, picture.height) == expected
    assert decode_original(io.BytesIO(content)).size == expected
    assert max(Image.open(io.BytesIO(picture.thumbnail)).size) == THUMBNAIL_SIDE
    if picture.preview is not None:
        assert max(Image.open(io.BytesIO(picture.preview)).size) == min(PREVIEW_SIDE, max(size))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_large_jpeg_that_ends_early_is_found_out_by_the_scaled_decode(share: float) -> None:
    content = encoded(noise(50, 30).resize((4000, 2400)), "JPEG")
    assert code_of(content[: int(len(content) * share)]) == "picture_truncated"
