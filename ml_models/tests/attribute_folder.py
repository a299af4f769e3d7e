"""A made-up data folder for the attribute training."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from ml_models.attribute_types import CELEBA_LABELS
from ml_models.training.attribute_data import RANGES, Sample

#: Five points of a face that fills a picture of 96 px.
POINTS = np.array([[34, 40], [62, 40], [48, 55], [37, 70], [60, 70]], dtype=np.float32)


def write_table(file: Path, header: list[str], rows: list[list[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(header)
        table.writerows(rows)


def make_folder(folder: Path, count: int = 40) -> Path:
    """`count` pictures of each of the four sets; light pictures are men, old ones and masked ones."""
    rng = np.random.default_rng(0)

    def picture(name: str, light: bool) -> str:
        pixels = rng.integers(0, 120, (96, 96, 3), dtype=np.uint8) + (120 if light else 0)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name)
        return name.split("/", 1)[1]

    numbers = range(count)
    light = [bool(k % 2) for k in numbers]
    write_table(
        folder / "attributes" / "celeba_attributes.csv",
        ["image", "Male", *CELEBA_LABELS],
        [
            [
                picture(f"attributes/celeba/{k:06}.png", light[k]),
                int(light[k]),
                *[(k + n) % 2 for n in range(23)],
            ]
            for k in numbers
        ],
    )
    write_table(
        folder / "masks" / "masks.csv",
        ["image", "mask"],
        [[picture(f"masks/all/{k}.png", light[k]), int(light[k])] for k in numbers],
    )
    sex = ["male" if one else "female" for one in light]
    write_table(
        folder / "age_gender" / "utk.csv",
        ["image", "age", "gender"],
        [[picture(f"age_gender/utk/{k}.png", light[k]), 70 if light[k] else 10, sex[k]] for k in numbers],
    )
    words = list(RANGES)
    write_table(
        folder / "age_gender" / "fairface.csv",
        ["image", "age_range", "gender"],
        [[picture(f"age_gender/fairface/{k}.png", light[k]), words[k % 9], sex[k]] for k in numbers],
    )
    return folder


def write_points(samples: list[Sample], file: Path) -> None:
    """Points of every sample, as if the detector had found them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    points = np.stack([np.stack([POINTS, POINTS + 1])] * len(samples))
    np.savez(file, names=np.array([sample.file for sample in samples]), points=points)
