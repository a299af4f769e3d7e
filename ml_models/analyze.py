"""Tries the engine on one photo: `python -m ml_models.analyze photo.jpg [--out annotated.jpg]`.

Prints everything the engine knows of each face as JSON; with --out it also draws numbered boxes, the points
and the strongest emotion of each face onto a copy.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from ml_models.colours import to_rgb
from ml_models.detection import DETECTION_MODELS
from ml_models.engine import FaceEngine
from ml_models.names import EMOTIONS
from ml_models.registry import WeightError
from ml_models.types import PARTS, Face


def read(file: Path) -> NDArray[np.uint8]:
    """The photo as RGB uint8, turned as its EXIF data says; ValueError when it cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as photo:
                return np.array(to_rgb(ImageOps.exif_transpose(photo)))
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
                "landmarks5": _rounded(face.landmarks5, 1),
                **described(face),
            }
            for number, face in enumerate(faces, start=1)
        ],
    }


def described(face: Face) -> dict[str, Any]:
    """What was asked of a face, as plain values; the mesh of 468 points is left out of what people read."""
    answer: dict[str, Any] = {}
    if face.emotions is not None:
        answer["strongest"] = EMOTIONS[int(face.emotions.argmax())]
        answer["emotions"] = {n: round(float(v), 4) for n, v in zip(EMOTIONS, face.emotions, strict=True)}
        answer |= {"valence": _rounded(face.valence), "arousal": _rounded(face.arousal)}
    if face.landmarks is not None:
        answer["landmarks27"] = {name: _rounded(point, 1) for name, point in face.landmarks.named.items()}
        answer["landmarks68"] = _rounded(face.landmarks.points68, 1)
    for name in ("attributes", "head_pose", "eyes", "quality"):
        value = getattr(face, name)
        if value is not None:
            answer[name] = _rounded(asdict(value))
    if face.embedding is not None:
        answer["embedding"] = _rounded(face.embedding)
    return answer


def _rounded(value: Any, digits: int = 4) -> Any:
    """Numbers of arrays, lists and dictionaries as plain numbers of so many places."""
    if isinstance(value, np.ndarray):
        return _rounded(value.tolist(), digits)
    if isinstance(value, dict):
        return {key: _rounded(one, digits) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one, digits) for one in value]
    return round(value, digits) if isinstance(value, float) else value


def draw(picture: NDArray[np.uint8], faces: list[Face]) -> Image.Image:
    """A copy of the photo with numbered boxes and points, and strongest emotion, gender and age of every
    face.
    """
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    line = max(2, round(max(image.size) / 500))
    for number, face in enumerate(faces, start=1):
        left, top, width, height = face.box
        pen.rectangle((left, top, left + width, top + height), outline=(255, 210, 0), width=line)
        for x, y in face.landmarks5.tolist() if face.landmarks is None else face.landmarks.points68.tolist():
            dot = line if face.landmarks is None else max(1.0, height / 100)
            pen.ellipse((x - dot, y - dot, x + dot, y + dot), fill=(0, 200, 255))
        text = str(number)
        if face.emotions is not None:
            strongest = int(face.emotions.argmax())
            text += f" {EMOTIONS[strongest]} {face.emotions[strongest]:.0%}"
        if face.age is not None:
            text += f", {face.gender} {face.age:.0f}"
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
    parser.add_argument("--threads", type=int, help="processors to use (all by default)")
    parser.add_argument(
        "--parts",
        nargs="*",
        choices=sorted(PARTS),
        default=sorted(PARTS),
        help="what to find out (everything)",
    )
    parser.add_argument(
        "--detection",
        choices=sorted(DETECTION_MODELS),
        help="02: small and turned faces too; 03: rotated too",
    )
    options = parser.parse_args(arguments)
    try:
        picture = read(options.photo)
        engine = FaceEngine.load(threads=options.threads)
        faces = engine.analyze([picture], parts=options.parts, detection=options.detection)[0]
        if options.out:
            draw(picture, faces).save(options.out)
    except (ValueError, OSError, WeightError) as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(as_json(faces, picture, dict(engine.model_versions)), indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
