"""`make bench-engine`: its photos, its way of taking turns and its verdict are what it says they are."""

import argparse
import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

TOOLS = Path(__file__).resolve().parent.parent / "tools"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of tools/ as the bench itself does."""
    monkeypatch.syspath_prepend(str(TOOLS))

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    return load


def test_the_photos_are_all_different_and_of_the_sizes_that_are_promised(tool: Any) -> None:
    photos = tool("bench_photos").made(10)
    assert len({photo.tobytes() for photo in photos}) == 10
    assert {max(photo.shape) for photo in photos} <= {640, 800, 1024, 1280, 1600, 1920}
    assert all(photo.dtype == np.uint8 and photo.shape[2] == 3 for photo in photos)


def test_photos_of_a_folder_are_spread_over_it_and_shrunk(tool: Any, tmp_path: Path) -> None:
    for number in range(6):
        Image.new("RGB", (200 + number, 50), (number * 40, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    photos = tool("bench_photos").read(tmp_path, 3, 100)
    assert [photo.shape[1] for photo in photos] == [100, 100, 100]
    assert [int(photo[0, 0, 0]) for photo in photos] == [0, 80, 160]
    with pytest.raises(SystemExit, match="no pictures"):
        tool("bench_photos").read(tmp_path / "none", 3, 100)


def test_the_large_photos_have_the_size_they_are_called_by(tool: Any) -> None:
    photos = tool("bench_photos")
    assert np.prod(photos.large(12).size) == pytest.approx(12e6, rel=0.01)
    assert photos.crowd(4, 3, 50).size == (200, 150)
    assert max(photos.small().size) == 256


def test_contenders_take_turns_on_every_item(tool: Any) -> None:
    order: list[tuple[str, int]] = []

    def noting(name: str) -> Any:
        return lambda item: order.append((name, item))

    times = tool("bench_rounds").interleaved({"a": noting("a"), "b": noting("b")}, [1, 2], 2)
    warm_up = [("a", 1), ("b", 1)]
    first, second = (
        [("a", 1), ("b", 1), ("a", 2), ("b", 2)],
        [("b", 1), ("a", 1), ("b", 2), ("a", 2)],
    )
    assert order == warm_up + first + second
    assert {name: each.shape for name, each in times.items()} == {"a": (2, 2), "b": (2, 2)}
    assert all((each > 0).all() for each in times.values())


def test_ratios_compare_sums_and_the_typical_time_is_a_median_of_medians(tool: Any) -> None:
    rounds = tool("bench_rounds")
    slow, fast = np.array([[2.0, 4.0], [3.0, 3.0]]), np.array([[1.0, 1.0], [2.0, 1.0]])
    assert rounds.ratios(slow, fast) == [3.0, 2.0]
    assert rounds.typical(np.array([[1.0, 5.0, 9.0], [3.0, 7.0, 9.0], [99.0, 6.0, 9.0]])) == 6.0


def test_the_verdict_follows_the_wanted_limit(tool: Any) -> None:
    bench = tool("bench_engine")
    assert bench.Check("fast", 4.0, 4.0).holds
    assert not bench.Check("fast", 3.9, 4.0).holds
    assert bench.Check("light", 0.5, 0.5, most=True).holds
    assert not bench.Check("light", 0.6, 0.5, most=True).holds
    findings = bench.Findings()
    findings.check_rounds("fast", [3.0, 5.0, 4.5], 4.0)
    assert (findings.checks[0].figure, findings.checks[0].low, findings.checks[0].high) == (4.5, 3.0, 5.0)
    assert findings.checks[0].line().endswith("holds")
    assert bench.Check("fast", 3.9, 4.0).line().endswith("DOES NOT HOLD")


def test_unknown_sections_and_counts_are_refused(tool: Any) -> None:
    bench = tool("bench_engine")
    assert bench.chosen_sections("start, parts") == {"start", "parts"}
    with pytest.raises(argparse.ArgumentTypeError, match="speed is unknown"):
        bench.chosen_sections("speed")
    with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
        bench.positive("0")


def test_a_short_run_measures_the_whole_engine_and_writes_it_down(
    tool: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.open(TOOLS.parent / "samples" / "astronaut.png").resize((200, 200)).save(tmp_path / "photo.png")
    file = tmp_path / "figures.json"
    given = [
        "--photos",
        str(tmp_path),
        "--rounds",
        "1",
        "--only",
        "detection,whole,parts",
        "--json",
        str(file),
    ]
    assert tool("bench_engine").main(given) == 0
    figures = json.loads(file.read_text())
    assert {"detection 20", "detection 36", "everything", "emotions"} <= set(figures["ms_per_photo"])
    assert all(value > 0 for value in figures["ms_per_photo"].values())
    assert {"points", "emotions", "embedding", "attributes", "landmarks", "quality"} == set(
        figures["ms_per_face"]
    )
    assert len(figures["checks"]) == 3
    assert all(isinstance(check["holds"], bool) for check in figures["checks"])
    assert "ms a photo" in capsys.readouterr().out
