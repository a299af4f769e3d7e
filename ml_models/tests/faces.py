"""Faces of the sample photos, found once, for the tests of what is measured on a face."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml_models.detection import FaceDetector
from ml_models.levels import Levels
from ml_models.mesh import MeshModel
from ml_models.tests.conftest import ROOT

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]


@cache
def detector() -> FaceDetector:
    """The detector, loaded once."""
    return FaceDetector.load()


@cache
def mesh_model() -> MeshModel:
    """The mesh's networks, loaded once, in float32 on every processor."""
    return MeshModel.load(exact=True)


@cache
def sample(name: str) -> tuple[Picture, Floats]:
    """A sample photo and the five points of its face, (1, 5, 2)."""
    with Image.open(ROOT / "samples" / name) as photo:
        picture = np.array(photo.convert("RGB"))
    return picture, points_of(picture)


def points_of(picture: Picture) -> Floats:
    """The five points of the first face of a picture, (1, 5, 2)."""
    return detector().detect([Levels(picture)])[0].landmarks[:1]


SAMPLES = ("astronaut.png", "grace_hopper.jpg")


def mirrored(picture: Picture) -> tuple[Picture, Floats]:
    """The mirror image of a picture and the five points of its first face."""
    image = np.ascontiguousarray(picture[:, ::-1])
    return image, points_of(image)
