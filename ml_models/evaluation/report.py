"""What an evaluation found, and how it is written down."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Section:
    """One evaluation: its figures for programs, and the same as lines for people."""

    name: str
    figures: dict[str, Any]
    lines: list[str]


def write(sections: list[Section], folder: Path, command: str, versions: dict[str, str]) -> list[Path]:
    """Write the sections into the folder as dated JSON and Markdown; returns both files."""
    folder.mkdir(parents=True, exist_ok=True)
    day = datetime.now(UTC).strftime("%Y-%m-%d")
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
