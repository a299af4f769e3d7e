"""Reads the pictures and labels that the attribute network learns from.

The data folder holds `attributes/` (CelebA: portraits with yes/no labels), `age_gender/` (UTKFace: age and
gender; FairFace: age range and gender) and `masks/` (faces with and without a mask), each with its table;
sets that are missing are left out. What a set does not label is unknown and trains nothing.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml_models.attribute_types import CELEBA_LABELS, LABELS, OLDEST

#: Of every set so many percent are held out, by a hash of the file's name.
HELD_OUT = 12
#: Portraits of CelebA whose glasses have dark lenses, and those where it cannot be told, found by looking.
SUNGLASSES = Path(__file__).parent / "celeba_sunglasses.csv"
#: FairFace's words for ages, and the years they mean.
RANGES: dict[str, tuple[int, int]] = {
    "0-2": (0, 2), "3-9": (3, 9), "10-19": (10, 19), "20-29": (20, 29), "30-39": (30, 39), "40-49": (40, 49),
    "50-59": (50, 59), "60-69": (60, 69), "more than 70": (70, OLDEST),
}  # fmt: skip
SETS = ("celeba", "masks", "utk", "fairface")


@dataclass(frozen=True)
class Sample:
    """One picture: file below the data folder, the set it is of, and what is known of it.

    labels: of `LABELS`, what is known. age: youngest and oldest year it may be, or None. male: or None.
    """

    file: str
    source: str
    labels: dict[str, bool] = field(default_factory=dict)
    age: tuple[int, int] | None = None
    male: bool | None = None

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the validation part."""
        return int(hashlib.sha256(Path(self.file).as_posix().encode()).hexdigest(), 16) % 100 < HELD_OUT

    @property
    def wide(self) -> bool:
        """Whether the picture shows more than the face, and has labels that need it."""
        return self.source in ("celeba", "masks")

    def row(self) -> NDArray[np.int8]:
        """1, 0 or, where unknown, -1 for each of `LABELS`."""
        return np.array([int(self.labels.get(name, -1)) for name in LABELS], dtype=np.int8)


def _rows(table: Path) -> Iterator[dict[str, str]]:
    if table.is_file():
        with table.open(newline="") as lines:
            yield from csv.DictReader(lines)


def _celeba(data: Path) -> Iterator[Sample]:
    dark = {row["picture"]: row["sunglasses"] for row in _rows(SUNGLASSES)}
    for row in _rows(data / "attributes" / "celeba_attributes.csv"):
        labels = {name: row[name] == "1" for name in CELEBA_LABELS}
        tint = dark.get(Path(row["image"]).stem, "0") if labels["Eyeglasses"] else "0"
        if tint != "unsure":
            labels["sunglasses"] = labels["eye_occluded"] = tint == "1"
        # A hat or a fringe hides the forehead; the set's portraits are without masks, and with few hands.
        labels["forehead_occluded"] = labels["Bangs"] or labels["Wearing_Hat"]
        labels["mask"] = labels["nose_and_mouth_covered"] = labels["mouth_occluded"] = False
        yield Sample(f"attributes/{row['image']}", "celeba", labels, male=row["Male"] == "1")


def _masks(data: Path) -> Iterator[Sample]:
    for row in _rows(data / "masks" / "masks.csv"):
        covered = row["mask"] == "1"
        names = ("mask", "nose_and_mouth_covered", "mouth_occluded")
        yield Sample(f"masks/{row['image']}", "masks", dict.fromkeys(names, covered))


def _ages(data: Path) -> Iterator[Sample]:
    for row in _rows(data / "age_gender" / "utk.csv"):
        years = min(OLDEST, int(row["age"]))
        yield Sample(f"age_gender/{row['image']}", "utk", age=(years, years), male=row["gender"] == "male")
    for row in _rows(data / "age_gender" / "fairface.csv"):
        years_of = RANGES[row["age_range"]]
        yield Sample(f"age_gender/{row['image']}", "fairface", age=years_of, male=row["gender"] == "male")


def load_samples(data: Path) -> list[Sample]:
    """All pictures of a data folder; FileNotFoundError when it has none of the sets."""
    samples = [*_celeba(data), *_masks(data), *_ages(data)]
    if not samples:
        raise FileNotFoundError(
            f"{data} has none of attributes/celeba_attributes.csv, masks/masks.csv, age_gender/utk.csv and "
            "age_gender/fairface.csv: give --data the data folder."
        )
    return samples


def read_picture(file: Path) -> NDArray[np.uint8]:
    """A picture file as RGB uint8 (H, W, 3)."""
    with Image.open(file) as picture:
        return np.array(picture.convert("RGB"))
