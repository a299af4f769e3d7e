"""Photos for `make bench-engine`: made from the two samples while it runs, or read from a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

Picture = NDArray[np.uint8]

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
#: Longest side of the photos made from the samples, and how many samples stand in rows and columns.
MADE = (
    (640, 1, 1),
    (1280, 2, 2),
    (1024, 1, 1),
    (1920, 3, 2),
    (800, 2, 1),
    (1600, 1, 1),
    (1024, 3, 3),
    (1920, 4, 3),
)
#: Heads in the samples as shares of the picture: left, top, right, bottom.
HEADS = {"astronaut.png": (0.22, 0.02, 0.68, 0.48), "grace_hopper.jpg": (0.2, 0.08, 0.82, 0.6)}


def scaled(image: Image.Image, longest: int) -> Image.Image:
    """The picture with this longest side."""
    factor = longest / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.LANCZOS)


def varied(image: Image.Image, number: int) -> Image.Image:
    """The picture a little darker with every number, every other one mirrored: no two are the same."""
    turned = ImageOps.mirror(image) if number % 2 else image
    return ImageEnhance.Brightness(turned).enhance(1.0 - 0.03 * (number % 12))


def tiled(images: Sequence[Image.Image], columns: int, rows: int) -> Image.Image:
    """Copies of the pictures beside and below each other, each filling its place."""
    width, height = images[0].size
    sheet = Image.new("RGB", (columns * width, rows * height))
    for place in range(columns * rows):
        one = ImageOps.fit(images[place % len(images)], (width, height), Image.Resampling.LANCZOS)
        sheet.paste(varied(one, place), (place % columns * width, place // columns * height))
    return sheet


def samples() -> list[Image.Image]:
    """The two sample photos."""
    return [Image.open(SAMPLES / name).convert("RGB") for name in HEADS]


def made(count: int) -> list[Picture]:
    """`count` photos of 640 to 1920 px with 1 to 12 faces."""
    originals = samples()
    photos = []
    for number in range(count):
        longest, columns, rows = MADE[number % len(MADE)]
        turn = number % 2
        sheet = tiled([*originals[turn:], *originals[:turn]], columns, rows)
        photos.append(np.array(scaled(varied(sheet, number // len(MADE)), longest)))
    return photos


def read(folder: Path, count: int, longest: int) -> list[Picture]:
    """`count` photos spread evenly over the folder, none with a side above `longest` px.

    Raises SystemExit with a sentence when there are none.
    """
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    if not files:
        raise SystemExit(f"There are no pictures in {folder}. Name another folder with --photos.")
    chosen = [files[place * len(files) // count] for place in range(min(count, len(files)))]
    photos = []
    for file in chosen:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
        photos.append(np.array(scaled(image, longest) if max(image.size) > longest else image))
    return photos


def large(megapixels: float) -> Image.Image:
    """A photo of so many megapixels, 4 to 3, with twelve faces."""
    sheet = tiled(samples(), 4, 3)
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    return sheet.resize((width, round(width * 3 / 4)), Image.Resampling.BICUBIC)


def crowd(columns: int = 10, rows: int = 10, side: int = 200) -> Image.Image:
    """A photo of columns * rows heads, each `side` px wide."""
    heads = []
    for image, (left, top, right, bottom) in zip(samples(), HEADS.values(), strict=True):
        width, height = image.size
        head = image.crop(
            (round(left * width), round(top * height), round(right * width), round(bottom * height))
        )
        heads.append(ImageOps.fit(head, (side, side), Image.Resampling.LANCZOS))
    return tiled(heads, columns, rows)


def small() -> Image.Image:
    """The first sample at 256 px."""
    return scaled(samples()[0], 256)
