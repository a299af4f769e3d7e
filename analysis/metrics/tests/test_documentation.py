"""docs/metrics.md and the functions say the same: names, arguments, fields, constants, examples."""

from __future__ import annotations

import doctest
import inspect
import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from analysis import metrics
from analysis.metrics import Summary
from ml_models import EMOTIONS

from .helpers import mixed, viewer

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/metrics.md"
TEXT = DOCUMENT.read_text()
MODULES = ("timeline", "expression", "looking", "eyelids", "appearance", "summary", "moments", "audience")


def functions() -> dict[str, str]:
    """Every public function with its arguments, as a heading shows them."""
    public = {name: getattr(metrics, name) for name in metrics.__all__}
    shown = {}
    for name, function in public.items():
        if inspect.isfunction(function):
            given = inspect.signature(function).parameters.values()
            plain = [one.replace(annotation=inspect.Parameter.empty) for one in given]
            shown[name] = f"{name}{inspect.Signature(plain)}".replace("1000.0", "1000")
    return shown


def test_every_public_function_has_a_heading_with_its_arguments_and_there_is_no_other() -> None:
    headings = dict(re.findall(r"^### `((\w+)\(.*\))`$", TEXT, flags=re.MULTILINE))
    assert {name: heading for heading, name in headings.items()} == functions()


def test_every_section_says_a_unit_or_that_of_its_values() -> None:
    sections = re.split(r"^### `(\w+)\(.*\)`$", TEXT, flags=re.MULTILINE)[1:]
    silent = [
        name
        for name, text in zip(sections[::2], sections[1::2], strict=True)
        if not re.search(r"[Uu]nits?\b", text.split("\n## ")[0])
    ]
    assert silent == []


def test_every_public_function_has_a_docstring() -> None:
    assert [name for name in metrics.__all__ if not inspect.getdoc(getattr(metrics, name))] == []


def test_every_field_of_the_summary_is_in_the_table() -> None:
    table = TEXT.partition("| field | what |")[2].partition("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split(" | ")[0])}
    assert named == {field.name for field in fields(Summary)}


def test_every_curve_is_named() -> None:
    section = TEXT.partition("### `curves(")[2].partition("###")[0]
    named = set(re.findall(r"`(\w+)`", section))
    assert named == set(metrics.curves(viewer([0]))) - set(EMOTIONS)


def test_every_constant_is_documented_with_its_value() -> None:
    documented = {
        name: float(value)
        for name, value in re.findall(r"^\| `(\w+\.[A-Z_]+)` \| ([\d.]+) \|$", TEXT, flags=re.MULTILINE)
    }
    actual = {}
    for module in (import_module(f"analysis.metrics.{name}") for name in MODULES):
        source = inspect.getsource(module)
        own = re.findall(r"^([A-Z][A-Z_]+(?:, [A-Z][A-Z_]+)*) = ", source, flags=re.MULTILINE)
        for name in (part for line in own for part in line.split(", ")):
            value = getattr(module, name)
            if isinstance(value, int | float):
                actual[f"{module.__name__.rpartition('.')[2]}.{name}"] = float(value)
    assert documented == actual


def test_the_examples_of_the_document_are_true() -> None:
    found = doctest.testfile(str(DOCUMENT), module_relative=False)
    assert found.attempted >= 8
    assert found.failed == 0


@pytest.mark.parametrize(
    "row",
    re.findall(
        r"^\| ((?:\w+ [\d.]+(?:, )?)+) \| (.*) \|$", TEXT.partition("| face |")[2], flags=re.MULTILINE
    ),
    ids=lambda row: row[0],
)
def test_the_table_of_faces_is_true(row: tuple[str, str]) -> None:
    shares = {
        name: float(share) for name, share in re.findall(r"(\w+) ([\d.]+)", row[0]) if name != "neutral"
    }
    face = mixed(**shares)
    names = ("activation", "positive", "neutral", "negative", "satisfaction", "valence", "rejecting")
    found = [float(getattr(metrics, name)(face)) for name in names]
    assert np.array(row[1].split(" | "), float).tolist() == pytest.approx(found, abs=0.0051)
