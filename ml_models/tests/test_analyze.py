"""The engine tried from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml_models import analyze
from ml_models.tests.conftest import ROOT

PHOTO = ROOT / "samples" / "astronaut.png"


def test_a_photo_gives_json_and_an_annotated_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "annotated.png"
    assert analyze.main([str(PHOTO), "--out", str(out)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["width"], answer["height"]) == (512, 512)
    [face] = answer["faces"]
    assert face["strongest"] == "happiness"
    assert sum(face["emotions"].values()) == pytest.approx(1, abs=0.001)
    assert set(answer["models"]) == {"detection", "emotion", "recognition", "attributes", "landmarks"}
    assert face["attributes"]["age"] > 10
    assert set(face["head_pose"]) == {"yaw", "pitch", "roll"}
    assert len(face["landmarks27"]) == 27
    assert len(face["landmarks68"]) == 68
    assert len(face["embedding"]) == 128
    assert face["quality"]["for_recognition"] in ("low", "medium", "high")
    assert -1 <= face["valence"] <= 1
    with Image.open(PHOTO) as before, Image.open(out) as after:
        changed = (np.asarray(before.convert("RGB")) != np.asarray(after)).any(axis=2)
    box = face["box"]
    assert changed[round(box["top"]), round(box["left"]) : round(box["left"] + box["width"])].all()
    assert changed.mean() < 0.1


def test_only_some_parts_may_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze.main([str(PHOTO), "--parts", "emotions", "--detection", "detection_02"]) == 0
    [face] = json.loads(capsys.readouterr().out)["faces"]
    assert {"strongest", "emotions", "valence", "arousal"} <= set(face)
    assert not {"attributes", "embedding", "quality", "head_pose"} & set(face)
    with pytest.raises(SystemExit):
        analyze.main([str(PHOTO), "--parts", "hats"])


def test_a_turned_photo_is_set_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(PHOTO) as photo:
        photo.convert("RGB").crop((0, 0, 512, 300)).save(tmp_path / "turned.jpg", exif=exif)
    assert analyze.read(tmp_path / "turned.jpg").shape == (512, 300, 3)


def test_grey_deep_transparent_and_printed_photos_are_read_as_they_look(tmp_path: Path) -> None:
    with Image.open(PHOTO) as photo:
        colour = photo.convert("RGB")
    grey = np.asarray(colour.convert("L"))
    colour.convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    clear = colour.convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 255))
    clear.save(tmp_path / "clear.png")
    for name in ("cmyk.jpg", "grey.png", "deep.png", "clear.png"):
        read = analyze.read(tmp_path / name)
        assert (read.shape, read.dtype) == ((512, 512, 3), np.uint8)
        assert np.abs(read.mean(axis=2) - grey).mean() < 12, name


def test_what_is_no_photo_gives_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.jpg").write_text("no photo")
    for file in (tmp_path / "text.jpg", tmp_path / "absent.jpg"):
        assert analyze.main([str(file)]) == 1
        assert "cannot be read as a photo" in capsys.readouterr().err


def test_a_photo_of_too_many_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="too many pixels"):
        analyze.read(PHOTO)
