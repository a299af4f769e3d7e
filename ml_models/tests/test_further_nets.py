"""The networks of further models: facenet's graph is facenet's, ONNX files are what they should be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from facenet_pytorch import InceptionResnetV1
from onnx import TensorProto
from safetensors.numpy import load

from ml_models.alignment import similarities
from ml_models.conversion import facenet as conversion
from ml_models.facenet_graph import facenet
from ml_models.further_nets import TEMPLATES, aligned_crops, facenet_runner
from ml_models.levels import Levels
from ml_models.onnx_runner import OnnxRunner
from ml_models.registry import WeightError
from ml_models.runtime import Network
from ml_models.tests.conftest import ROOT
from ml_models.tests.faces import sample
from ml_models.tests.small_facenet import facenet_bytes
from ml_models.tests.small_onnx import digest, onnx_bytes

CROPS = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)


# --- facenet --------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def module() -> InceptionResnetV1:
    """facenet-pytorch's own module with random weights, and batch norms that do something."""
    torch.manual_seed(2)
    found = InceptionResnetV1().eval()
    for layer in found.modules():
        if isinstance(layer, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            layer.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
            layer.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.normal_(layer.bias, 0, 0.1)
    return found


def test_the_graph_gives_what_facenet_s_own_module_gives(module: InceptionResnetV1) -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)
    pictures[1] //= 3
    with torch.inference_mode():
        x = (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127.5) / 128
        expected = module(x).numpy()
    parameter, out = facenet({name: one.numpy() for name, one in module.state_dict().items()})
    [found] = Network(parameter, [out], name="facenet", exact=True).run(pictures)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_converted_weights_run_as_the_module_does(module: InceptionResnetV1, tmp_path: Path) -> None:
    file = tmp_path / "some.pt"
    torch.save(module.state_dict() | {"logits.weight": torch.ones(2, 512)}, file)
    content = conversion.convert(file)
    tensors = load(content)
    assert set(module.state_dict()) - set(tensors) == {
        name for name in module.state_dict() if name.endswith("num_batches_tracked")
    }
    assert not any(name.startswith("logits") for name in tensors)
    assert conversion.convert(file) == content
    pictures = np.random.default_rng(1).integers(0, 256, (1, 160, 160, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = module((torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127.5) / 128).numpy()
    found = facenet_runner(content, exact=True)(pictures)
    np.testing.assert_allclose(found / np.linalg.norm(found), expected, atol=2e-6)


def test_the_conversion_takes_the_published_file_only_unless_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "some.pt", tmp_path / "some.safetensors"
    torch.save({"a": torch.ones(2)}, file)
    assert conversion.main([str(file), str(out)]) == 1
    assert "fetch it again" in capsys.readouterr().err
    assert not out.exists()
    assert conversion.main([str(file), str(out), "--sha256", digest(file.read_bytes())]) == 0
    assert capsys.readouterr().out.strip() == digest(out.read_bytes())
    assert load(out.read_bytes())["a"].tolist() == [1, 1]


class Evil:
    def __reduce__(self) -> Any:
        return os.system, ("touch executed",)


@pytest.mark.parametrize("content", [b"", b"\x80\x02no weights", [1, 2], {"a": 1}, Evil()])
def test_a_file_that_holds_no_tensors_is_refused_and_not_executed(
    tmp_path: Path, content: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "some.pt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(ValueError, match=r"some\.pt"):
        conversion.convert(file)
    assert [one.name for one in tmp_path.iterdir()] == ["some.pt"]


@pytest.mark.parametrize("content", [b"", b"no safetensors at all", facenet_bytes()[:5000]])
def test_broken_facenet_weights_are_refused(content: bytes) -> None:
    with pytest.raises(WeightError, match="does not hold the weights of InceptionResnetV1"):
        facenet_runner(content)


def test_weights_without_a_layer_are_refused() -> None:
    from safetensors.numpy import save

    tensors = load(facenet_bytes())
    del tensors["repeat_2.3.conv2d.bias"], tensors["last_bn.running_var"]
    with pytest.raises(WeightError, match="last_bn"):
        facenet_runner(save(tensors))


# --- ONNX -----------------------------------------------------------------------------------------
def runner(content: bytes, **other: Any) -> OnnxRunner:
    usual: dict[str, Any] = {"mean": 127.5, "scale": 1 / 127.5, "channels": "rgb"}
    return OnnxRunner(content, **(usual | other))


def test_an_onnx_network_sees_pixels_less_the_mean_times_the_scale() -> None:
    """Held against the same sums in numpy."""
    weights = np.random.default_rng(3).normal(0, 0.05, (14 * 14 * 3, 32)).astype(np.float32)
    tiles = ((CROPS.astype(np.float32) - 127.5) / 127.5).transpose(0, 3, 1, 2)
    expected = tiles.reshape(3, 3, 14, 8, 14, 8).mean(axis=(3, 5)).reshape(3, -1) @ weights
    np.testing.assert_allclose(runner(onnx_bytes())(CROPS), expected, atol=1e-5)
    np.testing.assert_allclose(runner(onnx_bytes(), channels="bgr")(CROPS[..., ::-1]), expected, atol=1e-5)


@pytest.mark.parametrize(
    "shape", [(1, 3, 112, 112), ("n", 3, "h", "w"), ("n", 3, 112, "w"), (1, 112, 112, 3), ("n", "h", "w", 3)]
)
def test_the_usual_shapes_of_input_are_taken(shape: tuple[Any, ...]) -> None:
    found = runner(onnx_bytes(shape=shape))
    assert (found.side, found.dimension) == (112, 32)
    np.testing.assert_allclose(found(CROPS), runner(onnx_bytes())(CROPS), atol=1e-5)
    assert found(CROPS[:0]).shape == (0, 32)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"shape": (4, 3, 112, 112)}, "with N of 1 or open"),
        ({"shape": (1, 3, 112, 96)}, "with N of 1 or open"),
        ({"shape": (1, 112, 112, 1)}, "with N of 1 or open"),
        ({"shape": ("n", 3, "h", "w"), "open_side": 56}, "cannot be run on a face"),
        ({"outputs": 2}, "2 outputs"),
        ({"factor": 0.0}, "every face the same"),
        ({"factor": float("nan")}, "not finite"),
        ({"kind": TensorProto.FLOAT16}, "float32|no ONNX network"),
    ],
)
def test_other_networks_are_refused_with_the_reason(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(WeightError, match=reason):
        runner(onnx_bytes(**given))


@pytest.mark.parametrize("content", [b"", b"no onnx", onnx_bytes()[:3000]])
def test_a_file_that_is_no_network_is_refused(content: bytes) -> None:
    with pytest.raises(WeightError, match="no ONNX network that can be run"):
        runner(content)


def test_onnx_runtime_reports_to_nobody(tmp_path: Path) -> None:
    """Left to itself it makes itself an identity and a store of reports in the home folder when imported."""
    kept = ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH")
    places = ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "TMPDIR")
    home = {name: str(tmp_path) for name in places}
    program = (
        "import threading, os\n"
        "from ml_models.onnx_runner import OnnxRunner\n"
        "from ml_models.tests.small_onnx import onnx_bytes\n"
        "OnnxRunner(onnx_bytes(), mean=0, scale=1, channels='rgb')\n"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={name: os.environ[name] for name in kept if name in os.environ}
        | home
        | {"ORT_DISABLE_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "1"
    assert [
        str(one) for one in tmp_path.rglob("*") if "icrosoft" in str(one) or "onnxruntime" in str(one)
    ] == []


# --- Crops ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("alignment", sorted(TEMPLATES))
def test_eyes_nose_and_mouth_come_to_stand_where_the_template_says(alignment: str) -> None:
    """A picture with a white dot on each of the five points."""
    side = 160
    shares, stretch = TEMPLATES[alignment]
    turn = np.array([[0.9, -0.3], [0.3, 0.9]])
    points = (shares * side * [1, stretch]) @ turn.T * 1.5 + (120, 90)
    picture = np.zeros((600, 600, 3), dtype=np.uint8)
    for x, y in points:
        picture[int(y) - 4 : int(y) + 5, int(x) - 4 : int(x) + 5] = 255
    [crop] = aligned_crops([Levels(picture)], [points[None].astype(np.float32)], alignment, side)
    for x, y in shares * side:
        assert crop[round(y), round(x)].min() > 150
    assert crop.mean() < 40


def test_a_face_of_facenet_is_pressed_together_and_one_of_arcface_is_not() -> None:
    picture, points = sample("grace_hopper.jpg")
    for alignment, (shares, stretch) in TEMPLATES.items():
        matrix = similarities(shares * 160 * [1, stretch], points)[0]
        [crop] = aligned_crops([Levels(picture)], [points], alignment, 160)
        assert crop.shape == (160, 160, 3)
        ratio = np.hypot(*(matrix[:, 1] * stretch)) / np.hypot(*matrix[:, 0])
        assert ratio == pytest.approx(1.334 if alignment == "facenet" else 1)
