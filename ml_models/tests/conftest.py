"""Sample photos, the engine, and the data folder beside the project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from ml_models import Face, FaceEngine

ROOT = Path(__file__).parents[2]


def read(file: Path) -> NDArray[np.uint8]:
    """A photo as RGB uint8."""
    with Image.open(file) as photo:
        return np.array(photo.convert("RGB"))


def scores(face: Face) -> NDArray[np.float32]:
    """The emotions of a face that was asked for them."""
    assert face.emotions is not None
    return face.emotions


@pytest.fixture(scope="session")
def astronaut() -> NDArray[np.uint8]:
    """One laughing face."""
    return read(ROOT / "samples" / "astronaut.png")


@pytest.fixture(scope="session")
def grace_hopper() -> NDArray[np.uint8]:
    """One calm face."""
    return read(ROOT / "samples" / "grace_hopper.jpg")


@pytest.fixture(scope="session")
def engine() -> FaceEngine:
    """The real engine, loaded once."""
    from ml_models import FaceEngine

    return FaceEngine.load()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of pictures that are not part of the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the data folder ../shared/data, which is not part of the project")
    return folder


@pytest.fixture(autouse=True)
def empty_places() -> None:
    """Stands in for the fixture of the other apps: the engine needs neither files nor a broker."""
