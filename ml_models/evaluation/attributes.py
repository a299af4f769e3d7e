"""Measures age, gender and the other attributes on the pictures held out of their training:
`python -m ml_models.evaluation attributes --data DATA`.

Each picture goes the engine's way: the detector finds the face, its points give the crops, the networks
answer. Where no face is found, the whole picture counts as a box that a caller has drawn.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml_models.attribute_types import LABELS
from ml_models.attributes import HIGH, LOW, AttributeArrays, AttributeModel, quantile
from ml_models.detection import FaceDetector
from ml_models.evaluation.measures import bootstrap, grouped, interval, mean_interval
from ml_models.evaluation.report import Row, Section
from ml_models.face_trunk import FaceTrunk, face_crops
from ml_models.levels import Levels
from ml_models.training.attribute_copies import near_copies
from ml_models.training.attribute_data import RANGES, Sample, load_samples, read_picture
from ml_models.training.attribute_losses import USED
from ml_models.training.attribute_points import middle_face

Floats = NDArray[np.float32]
Marks = NDArray[np.bool_]

PORTION = 64
PROTOCOL = "held out by name's hash, near-copies left out; face detected"
BOX_PROTOCOL = "the same pictures, each given whole as the box of a face"
NOTE = (
    "Attributes: age and gender are what labellers guessed or what a web page said; the calibration and the "
    "epoch of the training were chosen on these pictures; persons of CelebA and UTKFace may be on both sides."
)
STARTS = np.array([low for low, _ in RANGES.values()])
#: Groups of the breakdown by age, and the years they start with; edges of FairFace's ranges.
AGE_GROUPS = np.array(
    [f"age: {one}" for one in ("0 to 9", "10 to 19", "20 to 39", "40 to 59", "60 and more")]
)
AGE_STARTS = np.array([0, 10, 20, 40, 60])
#: Labels, the words for them in the table, and the accuracy that is wanted.
NAMED: tuple[tuple[str, str, float | None], ...] = (
    ("Eyeglasses", "Glasses, CelebA: accuracy", 0.985),
    ("sunglasses", "Sunglasses, CelebA: accuracy", None),
    ("Wearing_Hat", "Headwear, CelebA: accuracy", 0.98),
    ("Smiling", "Smile, CelebA: accuracy", None),
    ("No_Beard", "Beard, CelebA: accuracy", None),
    ("Mustache", "Moustache, CelebA: accuracy", None),
    ("Bald", "Bald, CelebA: accuracy", None),
    ("Heavy_Makeup", "Eye make-up, CelebA: accuracy", None),
    ("Wearing_Lipstick", "Lip make-up, CelebA: accuracy", None),
)


@dataclass(frozen=True)
class Answers:
    """Samples, what the engine says of each, and whether its face was found."""

    samples: list[Sample]
    arrays: AttributeArrays
    found: Marks

    def pick(self, keep: Marks) -> Answers:
        """Some of them."""
        arrays = self.arrays
        some = AttributeArrays(arrays.labels[keep], arrays.ages[keep], arrays.male[keep])
        chosen = [one for one, kept in zip(self.samples, keep.tolist(), strict=True) if kept]
        return Answers(chosen, some, self.found[keep])

    def of(self, source: str) -> Answers:
        """Those of one set."""
        return self.pick(np.array([one.source == source for one in self.samples], dtype=bool))

    @property
    def male(self) -> Marks:
        """Whom the labels call male."""
        return np.array([bool(one.male) for one in self.samples], dtype=bool)

    @property
    def male_right(self) -> Marks:
        """Whether the gender is answered as labelled."""
        return np.asarray((self.arrays.male >= 0.5) == self.male)

    @property
    def youngest(self) -> NDArray[np.int64]:
        """The stated age, or the first year of the stated range."""
        return np.array([(one.age or (-1, -1))[0] for one in self.samples], dtype=np.int64)

    def right(self, label: str) -> tuple[Marks, Marks]:
        """Whether a label is answered rightly, and whether it is known."""
        column = LABELS.index(label)
        truth = np.array([one.row()[column] for one in self.samples], dtype=np.int8)
        return (self.arrays.labels[:, column] >= 0.5) == (truth == 1), truth >= 0


def answers(data: Path, samples: Sequence[Sample], *, boxes: bool = False) -> Answers:
    """What the engine's parts say of pictures. boxes: treat the whole picture as the face's box."""
    detector, trunk, model = FaceDetector.load(), FaceTrunk.load(), AttributeModel.load()
    parts: list[AttributeArrays] = []
    found: list[bool] = []
    for start in tqdm(range(0, len(samples), PORTION), desc="attributes", unit="portion"):
        levels = [Levels(read_picture(data / one.file)) for one in samples[start : start + PORTION]]
        seen = [None] * len(levels) if boxes else detector.detect(levels)
        points = []
        for one, own in zip(levels, seen, strict=True):
            rows, columns = one.size
            place = None if own is None else middle_face(own, one.size)
            found.append(place is not None)
            whole = detector.look_at(one, [(0, 0, columns, rows)]).landmarks if place is None else place[None]
            points.append(whole)
        features = trunk.run(face_crops(levels, points)).features
        parts.append(model.arrays(levels, points, features))
    arrays = AttributeArrays(
        np.concatenate([one.labels for one in parts]),
        np.concatenate([one.ages for one in parts]),
        np.concatenate([one.male for one in parts]),
    )
    return Answers(list(samples), arrays, np.array(found, dtype=bool))


def range_of(years: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.int64]:
    """The number of FairFace's range of each age (N,), rounded to whole years."""
    return np.asarray(np.searchsorted(STARTS, np.rint(years), side="right") - 1)


def share_row(what: str, right: Marks, protocol: str, wanted: float | None = None, group: str = "") -> Row:
    """A row with the share of right answers."""
    count = f"{len(right):,} faces"
    figure = float(right.mean()) if len(right) else 0.0
    return Row(what, figure, interval(int(right.sum()), len(right)), count, protocol, wanted, group=group)


def age_row(what: str, errors: Floats, protocol: str, wanted: float | None = None, group: str = "") -> Row:
    """A row with a mean error in years."""
    span, count = mean_interval(errors), f"{len(errors):,} faces"
    return Row(what, float(errors.mean()), span, count, protocol, wanted, most=True, group=group, digits=2)


def groups_of(own: Answers) -> dict[str, NDArray[np.int64]]:
    """The pictures of each gender and of each age group, by the labels."""
    ages = AGE_GROUPS[np.searchsorted(AGE_STARTS, own.youngest, side="right") - 1]
    return grouped(genders_of(own)) | grouped(ages)


def age_rows(own: Answers, name: str, protocol: str, *, exact: bool) -> list[Row]:
    """Age and gender of one set, whole and by group."""
    years = own.arrays.age
    errors, in_range = (
        np.abs(years - own.youngest).astype(np.float32),
        range_of(years) == range_of(own.youngest),
    )
    rows = []
    for group, chosen in {"": np.arange(len(years)), **groups_of(own)}.items():
        wanted = (5.0, 0.94) if exact else (0.52, 0.90)
        age, gender = wanted if not group else (None, None)
        if exact:
            rows.append(age_row(f"Age, {name}: mean error, years", errors[chosen], protocol, age, group))
        else:
            rows.append(
                share_row(f"Age, {name}: right of nine ranges", in_range[chosen], protocol, age, group)
            )
        rows.append(share_row(f"Gender, {name}: accuracy", own.male_right[chosen], protocol, gender, group))
    return rows


def label_mean(right: NDArray[np.float64]) -> tuple[float, tuple[float, float]]:
    """Mean over labels of the share of right answers (N, labels), and its interval over pictures."""
    return float(right.mean()), bootstrap(lambda drawn: float(right[drawn].mean()), len(right))


def portrait_rows(own: Answers, protocol: str) -> list[Row]:
    """The yes/no labels of CelebA, whole and by gender."""
    right = np.stack([own.right(name)[0] for name in USED], axis=1).astype(np.float64)
    rows = []
    for group, chosen in {"": np.arange(len(right)), **grouped(genders_of(own))}.items():
        figure, span = label_mean(right[chosen])
        what = f"{len(USED)} attributes, CelebA: mean accuracy"
        wanted = None if group else 0.91
        rows.append(Row(what, figure, span, f"{len(chosen):,} faces", protocol, wanted, group=group))
    for label, what, least in NAMED:
        correct, known = own.right(label)
        rows.append(share_row(what, correct[known], protocol, least))
    rows.append(share_row("Gender, CelebA: accuracy", own.male_right, protocol))
    return [*rows, share_row("Mask, CelebA: called unmasked", own.right("mask")[0], protocol)]


def all_rows(own: Answers, protocol: str) -> list[Row]:
    """The rows of every set that there is."""
    rows: list[Row] = []
    for source, name, exact in (("utk", "UTKFace", True), ("fairface", "FairFace", False)):
        some = own.of(source)
        if some.samples:
            rows += age_rows(some, name, protocol, exact=exact)
    portraits, masks = own.of("celeba"), own.of("masks")
    if portraits.samples:
        rows += portrait_rows(portraits, protocol)
    if masks.samples:
        right = masks.right("mask")[0]
        rows.append(share_row("Mask, masked and unmasked faces: accuracy", right, protocol, 0.98))
    return rows


def genders_of(own: Answers) -> NDArray[np.str_]:
    """The labels' gender as the name of a group."""
    return np.where(own.male, "gender: male", "gender: female")


def label_errors(own: Answers, bins: int = 10) -> dict[str, dict[str, float]]:
    """Accuracy, share of yes among the labels, balanced accuracy and calibration error of every label."""
    table: dict[str, dict[str, float]] = {}
    for number, name in enumerate(LABELS):
        right, known = own.right(name)
        truth = np.array([one.row()[number] == 1 for one in own.samples], dtype=bool)[known]
        if not truth.any() or truth.all():
            continue
        given, right = own.arrays.labels[known, number], right[known]
        place = np.minimum((given * bins).astype(int), bins - 1)
        off = sum(abs(float((given - truth)[place == one].sum())) for one in range(bins)) / len(given)
        table[name] = {
            "accuracy": round(float(right.mean()), 4),
            "share": round(float(truth.mean()), 4),
            "balanced": round(float(right[truth].mean() + right[~truth].mean()) / 2, 4),
            "calibration_error": round(off, 4),
        }
    return table


def milliseconds(repeats: int = 100) -> float:
    """Median time of the attribute network for one face on one processor, the recognition network's not."""
    model, picture = AttributeModel.load(), np.zeros((300, 300, 3), dtype=np.uint8)
    points = np.array([[[120, 130], [180, 130], [150, 165], [125, 190], [175, 190]]], dtype=np.float32)
    features, times = np.zeros((1, 64, 17, 17), dtype=np.float32), []
    for _ in range(repeats):
        started = time.perf_counter()
        model.attributes([Levels(picture)], [points], features)
        times.append(time.perf_counter() - started)
    return round(1000 * float(np.median(times)), 2)


def lines_of(figures: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    """The figures for people."""
    lines: list[str] = []
    for row in rows:
        span = "" if row.interval is None else f"  (95 % {row.interval[0]:.4f} to {row.interval[1]:.4f})"
        name = f"  {row.group}: {row.what}" if row.group else row.what
        lines.append(f"{name}: {row.figure:.4f}{span}, {row.count}, {row.protocol}")
    lines += ["", f"{'label':<24} accuracy    share  balanced  calibration error"]
    lines += [
        f"{name:<24}   {one['accuracy']:.4f}   {one['share']:.4f}    {one['balanced']:.4f}             "
        f"{one['calibration_error']:.4f}"
        for name, one in figures["labels"].items()
    ]
    lines.append(
        f"{figures['not_found']} of {figures['pictures']} faces were not found and taken as a given box"
    )
    lines.append(f"{figures['copies_left_out']} near-copies of training pictures left out")
    lines.append(
        f"age between the two ends of its range: {figures['age_in_range']} of UTKFace (0.8 is meant)"
    )
    lines.append(f"{figures['ms_per_face']} ms a face beside the recognition network")
    return lines


def evaluate(data: Path, *, timing: bool = True) -> Section:
    """Score the shipped network on the held-out part of the sets of a data folder."""
    every = load_samples(data)
    held = [one for one in every if one.held_out]
    copies = near_copies(data, every)
    kept = [one for one in held if one.file not in copies]
    own, boxed = answers(data, kept), answers(data, kept, boxes=True)
    rows = all_rows(own, PROTOCOL)
    rows += [replace(row, wanted=None) for row in all_rows(boxed, BOX_PROTOCOL) if not row.group]
    aged = own.of("utk")
    low, high = quantile(aged.arrays.ages, LOW), quantile(aged.arrays.ages, HIGH)
    inside = (aged.youngest >= low) & (aged.youngest <= high)
    figures: dict[str, Any] = {
        "pictures": len(kept),
        "copies_left_out": len(copies),
        "not_found": int((~own.found).sum()),
        "labels": label_errors(own),
        "age_in_range": round(float(inside.mean()), 4) if len(inside) else None,
        "ms_per_face": milliseconds() if timing else None,
        "rows": {f"{row.group} {row.what} ({row.protocol})".strip(): round(row.figure, 4) for row in rows},
    }
    return Section("attributes", figures, lines_of(figures, rows), rows, [NOTE])
