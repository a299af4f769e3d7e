"""What a task asks of the worker's engine reaches the engine, and what answers says which nets did."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from media_jobs import engine as worker
from media_jobs.engine import PictureError, worker_engine
from ml_models import BatchedEngine, Face, FakeEngine, WeightError
from ml_models.recognition import DEFAULT, RecognitionModel, default_model, recognition_model
from ml_models.tests.small_onnx import small_onnx
from ml_models.types import PARTS

PHOTO = np.random.default_rng(0).integers(0, 256, (100, 200, 3), dtype=np.uint8)


class Asked(FakeEngine):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def recognition(self, name: str | None = None) -> RecognitionModel:
        return recognition_model(name)

    def analyze(
        self,
        images: Any,
        boxes: Any = None,
        parts: Collection[str] = PARTS,
        *,
        detection: Any = None,
        recognition: str | None = None,
        hurry: bool = False,
    ) -> list[list[Face]]:
        self.asked.append({"boxes": boxes, "recognition": recognition})
        return super().analyze(images, boxes, parts, detection=detection, recognition=recognition)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Asked]:
    """The worker's engine, with a stand-in where the networks would be."""
    fake = Asked()
    settings.ENGINE_PASSES = 1
    monkeypatch.setattr("ml_models.FaceEngine.load", lambda **_: fake)
    monkeypatch.setattr(worker, "_engine", None)
    yield fake
    made = worker._engine
    if made is not None:
        batched: BatchedEngine = made._batched
        batched.close()
    worker._engine = None


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECOGNITION_MODELS_DIR", str(tmp_path))
    small_onnx(tmp_path)
    return tmp_path


def test_the_usual_model_makes_embeddings_and_is_named(asked: Asked) -> None:
    engine = worker_engine(parts={"embedding", "quality"})
    [[face]] = engine.analyze([engine.as_array(Image.fromarray(PHOTO))])
    assert len(face.embedding) == 128
    assert engine.model_versions["recognition"] == default_model().version
    assert asked.asked[0]["recognition"] == DEFAULT


def test_another_model_makes_embeddings_and_is_named(asked: Asked, models: Path) -> None:
    engine = worker_engine(parts={"embedding"}, recognition="small-arcface")
    [[face]] = engine.analyze([PHOTO])
    assert len(face.embedding) == 32
    assert engine.recognition == recognition_model("small-arcface")
    assert engine.model_versions["recognition"] == recognition_model("small-arcface").version


def test_without_embeddings_no_recognition_model_is_looked_for(asked: Asked) -> None:
    engine = worker_engine(parts={"emotions"}, recognition="nobody")
    [[face]] = engine.analyze([PHOTO])
    assert face.embedding is None
    assert "recognition" not in engine.model_versions
    assert asked.asked[0]["recognition"] is None


def test_a_model_that_is_not_there_is_refused_before_any_picture(asked: Asked) -> None:
    with pytest.raises(WeightError, match="There is no recognition model 'nobody'"):
        worker_engine(parts={"embedding"}, recognition="nobody")
    assert asked.asked == []


def test_faces_whose_boxes_are_known_are_not_searched(asked: Asked) -> None:
    engine = worker_engine(parts={"embedding"})
    box = (10.0, 20.0, 30.0, 40.0)
    [[first]], [[found]] = engine.analyze([PHOTO], [[box]]), engine.analyze([PHOTO], [None])
    assert first.box == box
    assert found.box == (50, 25, 100, 50)
    assert engine.analyze([PHOTO], [[]]) == [[]]


def test_a_box_outside_spoils_its_own_picture_only(asked: Asked) -> None:
    engine = worker_engine(parts={"embedding"})
    bad, good = engine.analyze([PHOTO, PHOTO], [[(900.0, 0.0, 5.0, 5.0)], None])
    assert bad == PictureError(reason="ValueError")
    assert len(good) == 1
    with pytest.raises(ValueError, match="shorter"):
        engine.analyze([PHOTO, PHOTO], [None])
