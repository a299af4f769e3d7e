"""A weight file that is missing or altered is never used."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from ml_models import registry
from ml_models.registry import WeightError, read_manifest, weight


def test_all_shipped_weights_are_the_listed_ones() -> None:
    assert registry.problems() == []


def test_every_entry_says_where_its_weights_come_from() -> None:
    for entry in registry.weights().values():
        assert len(entry.sha256) == 64
        assert entry.licence
        assert entry.training_data
        assert entry.date
        assert entry.input_size > 0


def test_a_missing_file_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    with pytest.raises(WeightError, match=r"emotion-v1 are missing .*git checkout"):
        weight("emotion-v1").verified()


def test_one_changed_byte_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = weight("emotion-v1")
    content = bytearray(entry.path().read_bytes())
    content[-1] ^= 1
    (tmp_path / entry.file).write_bytes(content)
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    with pytest.raises(WeightError, match="not the file that was tested"):
        weight("emotion-v1").verified()


@pytest.mark.parametrize("name", sorted(registry.weights()))
def test_the_engine_does_not_start_with_an_altered_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever file it is."""
    from ml_models import FaceEngine

    altered = dataclasses.replace(weight(name), sha256="0" * 64)
    listed = {**registry.weights(), name: altered}
    monkeypatch.setattr(registry, "weights", lambda: listed)
    with pytest.raises(WeightError, match=rf"{name} .*SHA-256"):
        FaceEngine.load(threads=1)


def test_an_absent_package_is_named() -> None:
    absent = dataclasses.replace(weight("dlib-face"), package="surely_not_installed")
    with pytest.raises(WeightError, match=r"surely_not_installed .*install requirements/ml.txt"):
        absent.verified()


def test_an_altered_package_file_says_which_package_to_install_again() -> None:
    altered = dataclasses.replace(weight("dlib-face"), sha256="0" * 64)
    with pytest.raises(WeightError, match="install face_recognition_models again"):
        altered.verified()


def test_problems_lists_a_sentence_per_bad_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    own = [name for name, entry in registry.weights().items() if entry.package is None]
    found = registry.problems()
    assert len(found) == len(own) > 0
    assert all(any(name in sentence for sentence in found) for name in own)


def test_unknown_names_and_unreadable_lists_are_errors(tmp_path: Path) -> None:
    with pytest.raises(WeightError, match="choose one of"):
        weight("nothing")
    for text in ("no json", json.dumps({"weights": [{"name": "x"}]}), json.dumps({})):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(WeightError, match="cannot be read"):
            read_manifest(tmp_path / "manifest.json")
