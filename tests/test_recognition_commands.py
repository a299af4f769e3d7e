"""The commands that bring recognition models into an installation, and what they refuse."""

import hashlib
import io
import json
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from django.core.management import CommandError, call_command
from safetensors.numpy import load

from emotionsite import recognition_files
from ml_models.conversion import facenet as conversion
from ml_models.recognition import DEFAULT, describe, recognition_model, recognition_models
from ml_models.tests.small_facenet import facenet_bytes
from ml_models.tests.small_onnx import digest, onnx_bytes
from ml_models.tests.test_calibration import pairs_folder

Run = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for models that does not exist yet."""
    place = tmp_path / "deep" / "models"
    monkeypatch.setenv("RECOGNITION_MODELS_DIR", str(place))
    return place


@pytest.fixture
def run(folder: Path) -> Run:
    def call(name: str, *args: Any) -> str:
        out = io.StringIO()
        call_command(name, *map(str, args), stdout=out, stderr=out)
        return out.getvalue()

    return call


@pytest.fixture
def network(tmp_path: Path) -> Path:
    file = tmp_path / "net.onnx"
    file.write_bytes(onnx_bytes())
    return file


@pytest.fixture(scope="module")
def published() -> bytes:
    """A narrow facenet as PyTorch would publish it."""
    out = io.BytesIO()
    state = {name: torch.from_numpy(one.copy()) for name, one in load(facenet_bytes()).items()}
    torch.save(state | {"logits.bias": torch.zeros(8631)}, out)
    return out.getvalue()


def nothing_was_written(folder: Path) -> bool:
    return not folder.exists() or list(folder.iterdir()) == []


# --- facenet --------------------------------------------------------------------------------------
def test_both_places_name_the_same_published_file() -> None:
    assert recognition_files.PUBLISHED_SHA256 == conversion.PUBLISHED
    assert recognition_files.ADDRESS.startswith("https://")


def test_weights_in_a_file_are_checked_converted_and_added(
    run: Run, folder: Path, tmp_path: Path, published: bytes
) -> None:
    file = tmp_path / "some.pt"
    file.write_bytes(published)
    printed = run("fetch_weights", "--from", file, "--sha256", digest(published).upper())
    model = recognition_model("facenet-vggface2")
    assert json.loads(printed.splitlines()[0])["sha256"] == model.sha256
    assert "not fitted to any pictures yet" in printed
    assert model.dimension == 512
    assert load(describe(model.name).content()).keys() == load(facenet_bytes()).keys()
    assert sorted(one.suffix for one in folder.iterdir()) == [".json", ".safetensors"]
    assert all(one.stat().st_mode & 0o777 == 0o644 for one in folder.iterdir())
    assert run("fetch_weights", "--from", file, "--sha256", digest(published)) == printed


def test_a_converted_file_needs_no_pytorch_but_its_digest(
    run: Run, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition_files, "find_spec", lambda _: None)
    file = tmp_path / "some.safetensors"
    file.write_bytes(facenet_bytes())
    with pytest.raises(CommandError, match="Give --sha256 with a converted file"):
        run("fetch_weights", "--from", file)
    with pytest.raises(CommandError, match=r"PyTorch, which is not installed here.*requirements/train\.txt"):
        run("fetch_weights")
    assert nothing_was_written(folder)
    printed = run(
        *("fetch_weights", "--from", file, "--sha256", digest(facenet_bytes())),
        *("--threshold", 1.1, "--slope", 20),
    )
    assert "not fitted" not in printed
    assert recognition_model("facenet-vggface2").calibration.threshold == 1.1


def test_another_file_than_the_published_one_is_refused(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "some.pt").write_bytes(b"something else")
    with pytest.raises(
        CommandError, match=r"has the SHA-256 [0-9a-f]{64}, not 281cebca.*Nothing was changed"
    ):
        run("fetch_weights", "--from", tmp_path / "some.pt")
    with pytest.raises(CommandError, match="cannot be read"):
        run("fetch_weights", "--from", tmp_path / "nothing.pt")
    other = io.BytesIO()
    torch.save({"a": torch.ones(1)}, other)
    (tmp_path / "other.pt").write_bytes(other.getvalue())
    with pytest.raises(CommandError, match="does not hold the weights of InceptionResnetV1"):
        run("fetch_weights", "--from", tmp_path / "other.pt", "--sha256", digest(other.getvalue()))
    (tmp_path / "broken.pt").write_bytes(b"no weights")
    with pytest.raises(CommandError, match="could not be converted"):
        run("fetch_weights", "--from", tmp_path / "broken.pt", "--sha256", digest(b"no weights"))
    assert nothing_was_written(folder)


class Opener:
    """Stands in for urllib's: answers with bytes, or raises."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer, self.asked = answer, ""
        self.handlers: tuple[Any, ...] = ()

    def open(self, address: str, timeout: float) -> io.BytesIO:
        self.asked = address
        if isinstance(self.answer, Exception):
            raise self.answer
        return io.BytesIO(self.answer)


@pytest.fixture
def opener(monkeypatch: pytest.MonkeyPatch) -> Opener:
    opener = Opener(b"")

    def build(*handlers: Any) -> Opener:
        opener.handlers = handlers
        return opener

    monkeypatch.setattr(urllib.request, "build_opener", build)
    return opener


def test_the_published_file_is_downloaded_through_a_proxy_where_one_is_given(
    run: Run, folder: Path, opener: Opener, published: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener.answer = published
    monkeypatch.setattr(recognition_files, "PUBLISHED_SHA256", digest(published))
    run("fetch_weights", "--proxy", "http://proxy.example:3128")
    assert opener.asked == recognition_files.ADDRESS
    assert opener.handlers[0].proxies == {"https": "http://proxy.example:3128"}
    assert recognition_model("facenet-vggface2").dimension == 512
    run("fetch_weights")
    assert opener.handlers == ()


@pytest.mark.parametrize("answer", [OSError("no route"), b"<html>sign in</html>", b"x" * 2000])
def test_a_download_that_fails_changes_nothing(
    run: Run, folder: Path, opener: Opener, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition_files, "MOST_BYTES", 1000)
    opener.answer = answer
    with pytest.raises(CommandError, match=r"no route.*--from|has the SHA-256|more than 1000 bytes"):
        run("fetch_weights")
    assert nothing_was_written(folder)


# --- ONNX -----------------------------------------------------------------------------------------
def test_an_onnx_file_becomes_a_model_with_a_fitted_confidence(
    run: Run, folder: Path, network: Path, tmp_path: Path
) -> None:
    pairs = pairs_folder(tmp_path / "pairs")
    printed = run("add_recognition_model", "mine", network, "--pairs", pairs, "--licence", "MIT", "--flip")
    model = recognition_model("mine")
    assert (model.dimension, model.licence) == (32, "MIT")
    assert json.loads(printed)["threshold"] == model.calibration.threshold
    assert 0 < model.calibration.threshold < 1.4
    assert model.calibration.slope > 1
    assert describe("mine").measured == "48 pairs of pairs"
    assert describe("mine").flip
    assert describe("mine").sha256 == hashlib.sha256(network.read_bytes()).hexdigest()
    listed = run("recognition_models").splitlines()
    assert [line.split()[0] for line in listed] == ["*", model.version]
    assert listed[0].split()[1].startswith(DEFAULT)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((), "Say what its distances mean"),
        (("--threshold", 1), "--threshold and --slope together"),
        (("--threshold", 1, "--slope", 9, "--pairs", "x"), "either --pairs, or"),
        (("--threshold", 3, "--slope", 9), "between 0 and 2"),
        (("--threshold", 1, "--slope", 9, "--std", 0), "--std above 0"),
        (("--pairs", "/nowhere"), "pairs_dev.csv"),
    ],
)
def test_what_cannot_be_a_model_is_refused_and_nothing_written(
    run: Run, folder: Path, network: Path, args: tuple[Any, ...], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        run("add_recognition_model", "mine", network, *args)
    assert nothing_was_written(folder)


@pytest.mark.parametrize("name", [DEFAULT, "recognition_01", "Up", "a/b", ".."])
def test_a_name_that_cannot_be_is_refused(run: Run, folder: Path, network: Path, name: str) -> None:
    with pytest.raises(CommandError, match="cannot be the name"):
        run("add_recognition_model", name, network, "--threshold", 1, "--slope", 9)
    assert nothing_was_written(folder)


def test_a_file_that_is_no_network_is_refused(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    for file, reason in ((tmp_path / "x.onnx", "no ONNX network"), (tmp_path / "y.onnx", "No such file")):
        with pytest.raises(CommandError, match=reason):
            run("add_recognition_model", "mine", file, "--threshold", 1, "--slope", 9)
    assert nothing_was_written(folder)


def test_a_model_is_replaced_only_when_that_is_said(run: Run, folder: Path, network: Path) -> None:
    add = ("add_recognition_model", "mine", network, "--threshold", 1, "--slope", 9)
    run(*add)
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    network.write_bytes(onnx_bytes(16))
    with pytest.raises(CommandError, match="There is a model called mine already"):
        run(*add)
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == before
    run(*add, "--replace")
    assert recognition_model("mine").dimension == 16
    assert len(list(folder.iterdir())) == 2


def test_a_disk_that_fails_leaves_the_model_as_it_was(
    run: Run, folder: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = ("add_recognition_model", "mine", network, "--threshold", 1, "--slope", 9, "--replace")
    run(*add)
    before = {one.name: one.read_bytes() for one in folder.iterdir()}
    network.write_bytes(onnx_bytes(16))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ml_models.adding.os.fsync", full)
    with pytest.raises(CommandError, match="No space left"):
        run(*add)
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == before
    assert recognition_models()["mine"].dimension == 32


def test_broken_models_are_listed_with_what_to_do(run: Run, folder: Path, network: Path) -> None:
    run("add_recognition_model", "mine", network, "--threshold", 1, "--slope", 9)
    describe("mine").path.write_bytes(b"altered")
    printed = run("recognition_models")
    assert "mine-" not in printed.splitlines()[0]
    assert "not the file that was added" in printed


@pytest.mark.parametrize("name", ["fetch_weights", "add_recognition_model"])
def test_where_the_engine_is_missing_the_command_says_where_to_run_it(
    run: Run, folder: Path, network: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ml_models.adding", None)
    args = () if name == "fetch_weights" else ("mine", network, "--threshold", 1, "--slope", 9)
    with pytest.raises(CommandError, match="not installed here: run this where the worker runs"):
        run(name, *args)
    assert nothing_was_written(folder)
