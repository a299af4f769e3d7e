"""The web process reads names from `ml_models` and must stay small."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ml_models


def loaded_after(code: str) -> set[str]:
    """Which heavy modules a fresh Python has loaded after running the code."""
    heavy = ("torch", "torchvision", "numpy", "PIL", "openvino", "cv2")
    script = f"{code}\nimport sys\nprint(*(m for m in {heavy} if m in sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import ml_models; assert len(ml_models.EMOTIONS) == 8") == set()


def test_face_type_error_and_registry_need_neither_torch_nor_numpy() -> None:
    code = "from ml_models import Face, WeightError; from ml_models import registry; registry.weights()"
    assert loaded_after(code) == set()


def test_batcher_and_fake_engine_need_no_networks() -> None:
    assert not {"torch", "openvino"} & loaded_after("from ml_models import BatchedEngine, FakeEngine")


def test_the_real_engine_runs_without_torch() -> None:
    loaded = loaded_after("from ml_models import FaceEngine; FaceEngine.load(threads=1)")
    assert "openvino" in loaded
    assert not {"torch", "torchvision"} & loaded


def test_emotions_are_in_the_agreed_order() -> None:
    assert ml_models.EMOTIONS == (
        "neutral",
        "happiness",
        "surprise",
        "sadness",
        "anger",
        "disgust",
        "fear",
        "contempt",
    )


def test_every_public_name_can_be_had_and_others_cannot() -> None:
    assert all(getattr(ml_models, name) is not None for name in ml_models.__all__)
    assert set(ml_models.__all__) <= set(dir(ml_models))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = ml_models.Nothing
