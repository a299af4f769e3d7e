"""The stand-in behaves like the engine where the web part can tell."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from ml_models import FaceEngine, FakeEngine
from ml_models.tests.conftest import scores
from ml_models.types import PARTS

PHOTO = np.random.default_rng(0).integers(0, 256, (100, 200, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["analyze", "classify_emotions"])
def test_methods_take_the_same_arguments_as_the_real_ones(name: str) -> None:
    real, fake = (inspect.signature(getattr(kind, name)) for kind in (FaceEngine, FakeEngine))
    assert list(real.parameters) == list(fake.parameters)


def test_it_always_finds_one_happy_face_in_the_middle() -> None:
    for _ in range(2):
        [[face]] = FakeEngine.load(threads=3).analyze([PHOTO])
        assert face.box == (50, 25, 100, 50)
        assert scores(face).argmax() == 1
        assert scores(face).sum() == pytest.approx(1)
        assert face.landmarks5.shape == (5, 2)


@pytest.mark.parametrize("part", sorted(PARTS))
def test_it_fills_what_is_asked_for_and_nothing_else(part: str) -> None:
    several = {"landmarks": {"landmarks", "head_pose", "eyes"}, "attributes": {"attributes", "age", "male"}}
    fields = several.get(part, {part})
    [[face]] = FakeEngine().analyze([PHOTO], parts={part})
    every = {
        "emotions",
        "embedding",
        "age",
        "male",
        "attributes",
        "landmarks",
        "head_pose",
        "eyes",
        "quality",
    }
    assert {name for name in every if getattr(face, name) is not None} == fields
    with pytest.raises(ValueError, match="No part is called 'hat'"):
        FakeEngine().analyze([PHOTO], parts={"hat"})


def test_small_and_flat_pictures_have_no_face() -> None:
    assert FakeEngine().analyze([PHOTO[:10], np.zeros((50, 50, 3), dtype=np.uint8)]) == [[], []]


def test_given_boxes_are_used_and_checked() -> None:
    [[face]] = FakeEngine().analyze([PHOTO], [[(1, 2, 30, 40)]])
    assert face.box == (1, 2, 30, 40)
    with pytest.raises(ValueError, match="outside"):
        FakeEngine().analyze([PHOTO], [[(500, 2, 30, 40)]])
    with pytest.raises(ValueError, match="one list for each"):
        FakeEngine().analyze([PHOTO], [])


def test_it_refuses_what_the_engine_refuses() -> None:
    with pytest.raises(ValueError, match="grey"):
        FakeEngine().analyze([PHOTO[:, :, 0]])
    assert FakeEngine().classify_emotions([PHOTO, PHOTO]).shape == (2, 8)
