"""The recognition network's answers to the emotion pictures, plain and changed, kept on disk."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from ml_models import dlib_file
from ml_models.alignment import similarities
from ml_models.detection import FaceDetector
from ml_models.embedding_net import SIZE, layers
from ml_models.emotion_head_net import FLAT, SHAPES, TAPS
from ml_models.face_trunk import POINT_WEIGHTS, TEMPLATE, WEIGHTS
from ml_models.levels import Levels
from ml_models.registry import weight
from ml_models.runtime import Network

#: Early, middle and flat answers, float16 (N, 64, 17, 17), (N, 128, 8, 8) and (N, 1152).
Features = tuple[Tensor, Tensor, Tensor]
PARTS = ("early", "middle", "flat")
#: The changes of a variant: degrees of turn, factor of the size, shift in pixels of the crop of 150 px.
TURN, SCALE, SHIFT = 10.0, 0.12, 6.0
#: Side of MTCNN's box per side of an emotion picture (`ml_models.training.crop_region`).
BOX_SHARE = 1 / 0.97


def load_features(folder: Path, split: str, variant: int) -> Features:
    """What `extract` has written, read from disk as it is needed."""
    early, middle, flat = (
        torch.from_numpy(np.load(_file(folder, split, variant, part), mmap_mode="c")) for part in PARTS
    )
    return early, middle, flat


def extract(pictures: NDArray[np.uint8], folder: Path, split: str, variant: int, seed: int) -> None:
    """Write the answers to pictures uint8 (N, 48, 48), unless they are there already.

    Variant 0 are the plain pictures; in the others each picture is changed by chance, every second one
    mirrored.
    """
    files = [_file(folder, split, variant, part) for part in PARTS]
    if all(file.is_file() for file in files):
        return
    detector, net = FaceDetector.load(), _network()
    shapes = (SHAPES[0], SHAPES[1], (FLAT,))
    arrays = [np.zeros((len(pictures), *shape), dtype=np.float16) for shape in shapes]
    for number, picture in enumerate(tqdm(pictures, desc=f"{split}, variant {variant}", unit="face")):
        draw = np.random.default_rng((seed, variant, number))
        matrix = alignment_of(detector, picture)
        if variant:
            matrix, picture = jittered(matrix, draw), relit(picture, draw)
        crop = crop_of(picture, matrix)
        if variant and (number + variant) % 2:
            crop = crop[:, ::-1]
        early, middle, last, embedding = net.run(np.repeat(crop[None, :, :, None], 3, axis=3))
        arrays[0][number], arrays[1][number] = early[0], middle[0]
        arrays[2][number] = np.concatenate([last.ravel(), embedding[0]])
    for file, array in zip(files, arrays, strict=True):
        np.save(file.with_suffix(".tmp.npy"), array)
        os.replace(file.with_suffix(".tmp.npy"), file)


def alignment_of(detector: FaceDetector, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The similarity (2, 3) that the engine would cut the face of an emotion picture with."""
    side = picture.shape[0] * BOX_SHARE
    corner = (picture.shape[0] - side) / 2
    found = detector.look_at(
        Levels(np.repeat(picture[:, :, None], 3, axis=2)), [(corner, corner, side, side)]
    )
    return similarities(TEMPLATE, found.landmarks, POINT_WEIGHTS)[0].astype(np.float64)


def jittered(matrix: NDArray[np.float64], draw: np.random.Generator) -> NDArray[np.float64]:
    """The similarity after a random turn, scale and shift of the crop about its middle."""
    angle, factor = np.radians(draw.uniform(-TURN, TURN)), np.exp(draw.uniform(-SCALE, SCALE))
    turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.full(2, SIZE / 2)
    shift = middle + draw.uniform(-SHIFT, SHIFT, 2) - turn @ middle
    return np.concatenate([matrix[:, :2] @ turn, (matrix[:, :2] @ shift + matrix[:, 2])[:, None]], axis=1)


def relit(picture: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """The picture with other contrast, brightness and gamma."""
    shares = picture.astype(np.float32) / 255
    mean = shares.mean()
    shares = (shares - mean) * np.exp(draw.uniform(-0.35, 0.35)) + mean + draw.uniform(-0.12, 0.12)
    relit: NDArray[np.uint8] = (255 * np.clip(shares, 1e-4, 1) ** np.exp(draw.uniform(-0.35, 0.35))).astype(
        np.uint8
    )
    return relit


def crop_of(picture: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The grey crop (150, 150) of a similarity, as `ml_models.alignment.cut` makes it in colour."""
    own = matrix.copy()
    own[:, 2] += own[:, :2].sum(axis=1) / 2 - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(picture, own, (SIZE, SIZE), flags=flags, borderMode=cv2.BORDER_REPLICATE),
        dtype=np.uint8,
    )


def _network() -> Network:
    parameter, blocks, embedding = layers(dlib_file.read(weight(WEIGHTS).verified()))
    outputs = [*(blocks[number] for number in TAPS), embedding]
    return Network(parameter, outputs, name=WEIGHTS, exact=False)


def _file(folder: Path, split: str, variant: int, part: str) -> Path:
    return folder / f"{split}_{variant}_{part}.npy"
