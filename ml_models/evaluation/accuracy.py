"""Puts what the evaluations found into one dated page, `docs/accuracy.md`."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_models.evaluation.report import Row, Section

#: What holds for every figure of the page, whatever the parts add.
GENERAL = (
    "Of the sets that nets were trained on, only the part kept out of training is used: by the split "
    "that the set brings, or by the hash of the file's name. It is still the same collection: on pictures of "
    "another origin every figure must be expected to be lower.",
    "The collections hold near-duplicates (frames of one film, pictures of one photographer, one person at "
    "several events). Duplicates that a set marks are left out; others may remain on both sides.",
    "An interval says how far chance in the choice of pictures carries. It says nothing of other cameras, "
    "countries or ages than those in the set.",
    "Thresholds, temperatures and the length of training were chosen with some of these pictures in view, as "
    "the cards say; the figures concerned are a little too good.",
    "Labels are people's opinions of a picture, wrong ones among them. Emotions are what others would call "
    "the expression, not what the person felt.",
)
#: Where a breakdown is missing, and why.
MISSING = (
    "Emotion is not broken down by gender and age: its pictures carry no such labels, and estimates of the "
    "engine itself would mix the errors of two nets.",
)


def number(value: float, digits: int) -> str:
    """A figure with its digits."""
    return f"{value:.{digits}f}"


def interval_of(row: Row) -> str:
    """ "0.81 to 0.85", or a dash."""
    return "-" if row.interval is None else " to ".join(number(value, row.digits) for value in row.interval)


def wanted_of(row: Row) -> str:
    """ "at least 0.87, reached", or nothing."""
    if row.wanted is None:
        return ""
    words = f"at {'most' if row.most else 'least'} {number(row.wanted, row.digits)}"
    return f"{words}, {'reached' if row.reached else '**not reached**'}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "/") for cell in line) + " |" for line in lines]


def main_table(sections: Sequence[Section]) -> list[str]:
    """The rows of all sections that belong to no group."""
    rows = [row for section in sections for row in section.rows if not row.group]
    return table(
        ("what", "figure", "95 % interval", "taken on", "protocol", "wanted"),
        [
            (
                row.what,
                number(row.figure, row.digits),
                interval_of(row),
                row.count,
                row.protocol,
                wanted_of(row),
            )
            for row in rows
        ],
    )


def breakdown(section: Section) -> list[str]:
    """The rows of a section by group; empty when there are none."""
    rows = [row for row in section.rows if row.group]
    if not rows:
        return []
    cells = [
        (row.what, row.group, number(row.figure, row.digits), interval_of(row), row.count) for row in rows
    ]
    return ["", *table(("what", "group", "figure", "95 % interval", "taken on"), cells)]


def page(
    sections: Sequence[Section],
    *,
    day: str,
    command: str,
    versions: Mapping[str, str],
    left_out: Sequence[str] = (),
) -> str:
    """The whole page as Markdown. left_out: a sentence for every part that could not be measured."""
    lines = [
        "# How good the engine is",
        "",
        f"Measured on {day} by `{command}`, which wrote this page; do not edit it by hand. How fast it is, "
        "`make bench-engine` measures. The cards in [models](models) say how each net was made.",
        "",
        *main_table(sections),
        "",
        "## Models",
        "",
        *table(("part", "weights"), [(part, f"`{version}`") for part, version in versions.items()]),
        "",
        "## What these figures are not",
        "",
        *(f"- {note}" for note in GENERAL),
        *(f"- {note}" for section in sections for note in section.notes),
        *(f"- {note}" for note in MISSING if any(section.name == "emotion" for section in sections)),
        *(f"- Left out: {sentence}" for sentence in left_out),
    ]
    for section in sections:
        lines += ["", f"## {section.name.capitalize()}", *breakdown(section)]
        lines += ["", "```", *(line.rstrip() for line in section.lines), "```"]
    return "\n".join(lines) + "\n"


def as_data(
    sections: Sequence[Section],
    *,
    day: str,
    command: str,
    versions: Mapping[str, str],
    left_out: Sequence[str] = (),
) -> dict[str, Any]:
    """The same for programs."""
    rows = [
        {
            "part": section.name,
            "what": row.what,
            "group": row.group,
            "figure": row.figure,
            "interval": row.interval,
            "count": row.count,
            "protocol": row.protocol,
            "wanted": row.wanted,
            "reached": row.reached,
        }
        for section in sections
        for row in section.rows
    ]
    return {
        "date": day,
        "command": command,
        "python": platform.python_version(),
        "models": dict(versions),
        "rows": rows,
        "left_out": list(left_out),
        "parts": {section.name: section.figures for section in sections},
    }


def write_page(text: str, file: Path) -> None:
    """Write the page; its folder is made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def write_data(data: Mapping[str, Any], file: Path) -> None:
    """Write the data as JSON; its folder is made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
