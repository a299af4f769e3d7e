"""Finds held-out pictures that show the same photo as a training picture, so that no score counts them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml_models.training.attribute_data import Sample, read_picture

Floats = NDArray[np.float32]

#: Side of the grey thumbnails that are compared, and the correlation above which two are one photo.
THUMB, ALIKE = 16, 0.97
#: Held-out pictures that are compared at once: bounds memory.
PORTION = 256


def thumbnail(picture: NDArray[np.uint8]) -> Floats:
    """A picture as 256 grey values of mean 0 and length 1, so that a product of two is their correlation."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-3), dtype=np.float32)


def near_copies(data: Path, samples: Sequence[Sample]) -> set[str]:
    """Files of the held-out samples that look like a training picture of the same set, or like its mirror."""
    thumbs = np.stack(
        [thumbnail(read_picture(data / one.file)) for one in tqdm(samples, desc="copies", unit="picture")]
    )
    held = np.array([one.held_out for one in samples])
    source = np.array([one.source for one in samples])
    mirror = np.arange(THUMB**2).reshape(THUMB, THUMB)[:, ::-1].ravel()
    found: set[str] = set()
    for name in np.unique(source).tolist():
        trained = thumbs[~held & (source == name)]
        own = np.nonzero(held & (source == name))[0]
        for start in range(0, len(own), PORTION):
            some = own[start : start + PORTION]
            if len(trained):
                alike = [(thumbs[some][:, order] @ trained.T).max(axis=1) for order in (slice(None), mirror)]
                found |= {samples[k].file for k in some[np.maximum(*alike) > ALIKE].tolist()}
    return found
