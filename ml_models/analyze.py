"""Tries the engine on one photo: `python -m ml_models.analyze photo.jpg [--out annotated.jpg]`.

Prints JSON; with --out it also draws numbered boxes and the strongest emotion of each face onto a copy.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from ml_models.engine import FaceEngine
from ml_models.names import EMOTIONS
from ml_models.registry import WeightError
from ml_models.types import Face


def read(file: Path) -> NDArray[np.uint8]:
    """The photo as RGB uint8, turned as its EXIF data says; ValueError when it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as photo:
                return np.array(ImageOps.exif_transpose(photo).convert("RGB"))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ValueError(f"{file} has too many pixels: give a photo of at most 89 megapixels.") from None
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise ValueError(
            f"{file} cannot be read as a photo ({error}): give a JPEG, PNG or WebP file."
        ) from error


def as_json(faces: list[Face], picture: NDArray[np.uint8], versions: dict[str, str]) -> dict[str, Any]:
    """What is printed: size of the photo, models, and every face with its emotions."""
    return {
        "width": picture.shape[1],
        "height": picture.shape[0],
        "models": versions,
        "faces": [
            {
                "number": number,
                "box": dict(
                    zip(("left", "top", "width", "height"), (round(v, 1) for v in face.box), strict=True)
                ),
                "confidence": round(face.confidence, 4),
                "landmarks5": [[round(x, 1), round(y, 1)] for x, y in face.landmarks5.tolist()],
                "strongest": EMOTIONS[int(face.emotions.argmax())],
                "emotions": {n: round(float(v), 4) for n, v in zip(EMOTIONS, face.emotions, strict=True)},
            }
            for number, face in enumerate(faces, start=1)
        ],
    }


def draw(picture: NDArray[np.uint8], faces: list[Face]) -> Image.Image:
    """A copy of the photo with numbered boxes, the five points and the strongest emotion of every face."""
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    line = max(2, round(max(image.size) / 500))
    for number, face in enumerate(faces, start=1):
        left, top, width, height = face.box
        pen.rectangle((left, top, left + width, top + height), outline=(255, 210, 0), width=line)
        for x, y in face.landmarks5.tolist():
            pen.ellipse((x - line, y - line, x + line, y + line), fill=(0, 200, 255))
        strongest = int(face.emotions.argmax())
        text = f"{number} {EMOTIONS[strongest]} {face.emotions[strongest]:.0%}"
        font = ImageFont.load_default(size=max(11, round(height / 8)))
        x0, y0, x1, y1 = pen.textbbox((left, top + height + line), text, font=font)
        pen.rectangle((x0 - 2, y0 - 2, x1 + 2, y1 + 2), fill=(0, 0, 0))
        pen.text((left, top + height + line), text, font=font, fill=(255, 255, 255))
    return image


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0, or 1 with a sentence when the photo or the weights cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.analyze", description=__doc__)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--out", type=Path, help="where to write the annotated copy")
    parser.add_argument("--threads", type=int, help="threads of the networks (torch's choice by default)")
    options = parser.parse_args(arguments)
    try:
        picture = read(options.photo)
        engine = FaceEngine.load(threads=options.threads)
        faces = engine.analyze([picture])[0]
        if options.out:
            draw(picture, faces).save(options.out)
    except (ValueError, OSError, WeightError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(as_json(faces, picture, dict(engine.model_versions)), indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
