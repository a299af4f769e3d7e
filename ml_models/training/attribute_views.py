"""Makes what the attribute network sees of every training picture: changed copies, cut and stored once.

The face view comes from the lower half of the recognition network, which does not change in training; so its
answers to a few changed copies of every picture are computed before the training and read from a file in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml_models import dlib_file
from ml_models.alignment import cut, similarities
from ml_models.attribute_types import LABELS
from ml_models.attributes import (
    FACE_BLOCK,
    FEATURES,
    WIDE_SIZE,
    WIDE_TEMPLATE,
)
from ml_models.embedding_net import layers
from ml_models.face_trunk import POINT_WEIGHTS, face_crops
from ml_models.face_trunk import WEIGHTS as RECOGNITION
from ml_models.levels import Levels
from ml_models.registry import weight
from ml_models.runtime import Network
from ml_models.training.attribute_data import Sample, read_picture
from ml_models.training.attribute_occluders import paint, random_occluder

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Changed copies of every training picture of a set; of all pictures there is an unchanged one as well.
COPIES = {"celeba": 3, "masks": 4, "utk": 4, "fairface": 4}
#: In how many of them the points are those of a look at the whole picture.
WHOLE = {"celeba": 0.2, "masks": 0.35, "utk": 0.35, "fairface": 0.35}
#: The stored wide view has a margin, in pixels, for the changes that are made anew in every step.
MARGIN = 8
STORED = (WIDE_SIZE[0] + 2 * MARGIN, WIDE_SIZE[1] + 2 * MARGIN)
SAVE_EVERY = 500


def mirrored(picture: Pixels, points: Floats) -> tuple[Pixels, Floats]:
    """Picture and five points as in a mirror: left and right change places."""
    turned = points[[1, 0, 2, 4, 3]].copy()
    turned[:, 0] = picture.shape[1] - turned[:, 0]
    return np.ascontiguousarray(picture[:, ::-1]), turned


def moved(points: Floats, rng: np.random.Generator) -> Floats:
    """Points turned, scaled and shifted a little together, and each a little alone: another detector's."""
    middle, size = points.mean(axis=0), float(np.hypot(*(points[1] - points[0])))
    turn, scale = rng.normal(0, 0.07), np.exp(rng.normal(0, 0.05))
    matrix = scale * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    alone = rng.normal(0, 0.02 * size, (5, 2)) + rng.normal(0, 0.03 * size, 2)
    return np.asarray((points - middle) @ matrix + middle + alone, dtype=np.float32)


def relit(picture: Pixels, rng: np.random.Generator) -> Pixels:
    """Other light, colours, sharpness, noise and compression."""
    x = picture.astype(np.float32) / 255
    grey = x @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    saturation = 0.0 if rng.random() < 0.06 else float(np.exp(rng.normal(0, 0.2)))
    x = grey[:, :, None] + (x - grey[:, :, None]) * saturation
    x = (x - x.mean()) * np.exp(rng.normal(0, 0.18)) + x.mean() + rng.normal(0, 0.06)
    x = x * np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    x = np.clip(x, 0, 1) ** np.exp(rng.normal(0, 0.2))
    if rng.random() < 0.2:
        x = cv2.GaussianBlur(x, (0, 0), float(rng.uniform(0.4, 1.3)))
    if rng.random() < 0.15:
        rows, columns = x.shape[:2]
        share = rng.uniform(0.4, 0.9)
        x = cv2.resize(
            x, (max(8, int(columns * share)), max(8, int(rows * share))), interpolation=cv2.INTER_AREA
        )
        x = cv2.resize(x, (columns, rows), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.2:
        x = x + rng.normal(0, rng.uniform(0.01, 0.04), x.shape)
    out = (np.clip(x, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.25:
        _, coded = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 90))])
        out = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return out


def tightened(picture: Pixels, points: Floats, rng: np.random.Generator) -> tuple[Pixels, Floats]:
    """Only the part of the picture near the face, as tight crops are; the views repeat its edge."""
    size, middle = float(np.hypot(*(points[1] - points[0]))), points.mean(axis=0)
    reach = size * rng.uniform([1.1, 1.3], [1.7, 1.9])
    left, top = np.maximum(np.floor(middle - reach), 0).astype(int).tolist()
    right, bottom = np.ceil(middle + reach).astype(int).tolist()
    part = picture[top:bottom, left:right]
    if min(part.shape[:2]) < 16:
        return picture, points
    return np.ascontiguousarray(part), points - np.array([left, top], dtype=np.float32)


def changed(
    picture: Pixels, found: Floats, whole: Floats, sample: Sample, copy: int, seed: Sequence[int]
) -> tuple[Pixels, Floats, NDArray[np.int8]]:
    """Changed copy number `copy` (from 1; 0 is the picture as it is) with its points (5, 2) and labels.

    found: the detector's points. whole: those of a look at the whole picture, which is how a caller's own box
    is treated; tight crops of one face are often given so.
    """
    row = sample.row()
    if copy == 0:
        return picture, found, row
    rng = np.random.default_rng([*seed, copy])
    points = whole if rng.random() < WHOLE[sample.source] else found
    if copy % 2 == 0:
        picture, points = mirrored(picture, points)
    if rng.random() < (0.4 if sample.source == "celeba" else 0.08):
        occluder = random_occluder(rng)
        picture = paint(picture, points, occluder, rng)
        for name, value in occluder.labels.items():
            row[LABELS.index(name)] = -1 if value is None else int(value)
    if sample.wide and rng.random() < 0.12:
        picture, points = tightened(picture, points, rng)
        hidden = ("Bald", "Wearing_Hat", "Receding_Hairline", "Straight_Hair", "Wavy_Hair")
        row[[LABELS.index(name) for name in hidden]] = -1
    if rng.random() < 0.85:
        picture = relit(picture, rng)
    return picture, moved(points, rng), row


def stored_wide(picture: Pixels, points: Floats) -> Pixels:
    """The wide view with its margin, uint8 (112, 96, 3)."""
    matrices = similarities(WIDE_TEMPLATE + MARGIN, points[None], POINT_WEIGHTS)
    return cut(Levels(picture), matrices, STORED)[0]


@dataclass(frozen=True)
class Plan:
    """Which copies there are: the number of the sample and of the copy of every row."""

    sample: NDArray[np.int64]
    copy: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Plan:
        """The unchanged picture of all that are held out; changed copies of all others."""
        rows = [
            (number, copy)
            for number, sample in enumerate(samples)
            for copy in ([0] if sample.held_out else range(COPIES[sample.source] + 1))
        ]
        table = np.array(rows, dtype=np.int64).reshape(-1, 2)
        return cls(table[:, 0], table[:, 1])


@dataclass(frozen=True)
class Views:
    """What the network sees, row by row of the plan, and what is known of it.

    features: float16 (R, 64, 17, 17). wide: uint8 (R, 112, 96, 3), zeros where a set has no wide labels.
    labels: int8 (R, labels), -1 for unknown.
    """

    plan: Plan
    features: NDArray[np.float16]
    wide: Pixels
    labels: NDArray[np.int8]


def trunk(*, exact: bool = False) -> Network:
    """The lower half of the recognition network: crops uint8 (N, 150, 150, 3) -> features (N, 64, 17, 17)."""
    parameter, blocks, _ = layers(dlib_file.read(weight(RECOGNITION).verified()))
    return Network(parameter, [blocks[FACE_BLOCK]], name="face view", exact=exact)


def make_views(data: Path, samples: Sequence[Sample], points: Floats, out: Path, seed: int = 1) -> Views:
    """Compute all rows, or those that are missing after an interruption, into files of the folder `out`.

    points: (N, 2, 5, 2), for every sample the detector's points and those of a look at the whole picture.
    """
    plan = Plan.of(samples)
    count = len(plan.sample)
    shapes: dict[str, tuple[tuple[int, ...], type]] = {
        "features": ((count, *FEATURES), np.float16),
        "wide": ((count, *STORED, 3), np.uint8),
        "labels": ((count, len(LABELS)), np.int8),
    }
    note = out / "views.json"
    done = json.loads(note.read_text())["rows"] if note.is_file() else 0
    arrays = {
        name: np.lib.format.open_memmap(
            out / f"{name}.npy", mode="r+" if done else "w+", dtype=kind, shape=shape
        )
        for name, (shape, kind) in shapes.items()
    }
    if any(arrays[name].shape != shape for name, (shape, _) in shapes.items()):
        raise ValueError(f"{out} holds the views of other pictures: give another --out.")
    net = trunk()
    number, picture = -1, np.zeros((1, 1, 3), dtype=np.uint8)
    for row in tqdm(range(done, count), initial=done, total=count, desc="views", unit="view", mininterval=10):
        if plan.sample[row] != number:
            number = int(plan.sample[row])
            picture = read_picture(data / samples[number].file)
        sample, copy = samples[number], int(plan.copy[row])
        found, whole = points[number]
        one, where, arrays["labels"][row] = changed(picture, found, whole, sample, copy, (seed, number))
        crop = face_crops([Levels(one)], [where[None]])
        arrays["features"][row] = net.run(crop)[0][0]
        if sample.wide:
            arrays["wide"][row] = stored_wide(one, where)
        if (row + 1) % SAVE_EVERY == 0 or row + 1 == count:
            for array in arrays.values():
                array.flush()
            note.with_suffix(".tmp").write_text(json.dumps({"rows": row + 1}))
            os.replace(note.with_suffix(".tmp"), note)
    return Views(plan, arrays["features"], arrays["wide"], arrays["labels"])
