"""What an evaluation found, and how it is written down."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One figure for the table of all figures (`ml_models.evaluation.accuracy`).

    what: "Age, UTKFace: mean error, years". figure: the number. interval: its 95 % interval, None where there
    is none to give. count: pictures (faces, pairs ...) it is taken on, with the word: "2,910 faces".
    protocol: on which pictures, how judged, in a few words. wanted: the figure to reach, None for rows that
    only inform. most: whether wanted is the most the figure may be instead of the least. group: "" for a row
    of the first table; otherwise the row is part of a breakdown: "gender: female", "age: 0 to 19".
    digits: places after the point.
    """

    what: str
    figure: float
    interval: tuple[float, float] | None
    count: str
    protocol: str
    wanted: float | None = None
    most: bool = False
    group: str = ""
    digits: int = 3

    @property
    def reached(self) -> bool | None:
        """Whether the wanted figure is reached; None when none is wanted."""
        if self.wanted is None:
            return None
        return self.figure <= self.wanted if self.most else self.figure >= self.wanted


@dataclass(frozen=True)
class Section:
    """One evaluation: its figures for programs, the same as lines for people, rows for the table of all
    figures, and notes on what the figures are not.
    """

    name: str
    figures: dict[str, Any]
    lines: list[str]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def today() -> str:
    """The date of now as 2026-01-31, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")


def write(sections: list[Section], folder: Path, command: str, versions: dict[str, str]) -> list[Path]:
    """Write the sections into the folder as dated JSON and Markdown; returns both files."""
    folder.mkdir(parents=True, exist_ok=True)
    day = today()
    stem = f"{day}-" + "-".join(section.name for section in sections)
    about = {"date": day, "command": command, "python": platform.python_version(), "models": versions}
    data = folder / f"{stem}.json"
    data.write_text(json.dumps({**about, **{s.name: s.figures for s in sections}}, indent=1) + "\n")
    page = folder / f"{stem}.md"
    parts = [f"# Evaluation of {day}\n\nMade by `{command}`.\n"]
    parts += [f"- {part}: {version}" for part, version in versions.items()]
    for section in sections:
        parts += [f"\n## {section.name.capitalize()}\n", "```", *section.lines, "```"]
    page.write_text("\n".join(parts) + "\n")
    return [data, page]
