"""What the evaluations of faces share, and the command line `python -m ml_models.evaluation.PART`."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

from ml_models.evaluation import report
from ml_models.evaluation.report import Section
from ml_models.pairs import middle_face as middle_face
from ml_models.pairs import read_picture as read_picture
from ml_models.registry import weight


def fingerprint(names: list[str]) -> str:
    """Names and first digits of the checksums of weights, for the head of a report."""
    if len(names) == 1:
        return f"{names[0]}-{weight(names[0]).sha256[:12]}"
    together = "".join(weight(name).sha256 for name in names)
    return f"{'+'.join(names)}-{hashlib.sha256(together.encode()).hexdigest()[:12]}"


def run(part: str, evaluate: Callable[[Path], Section], versions: dict[str, str]) -> int:
    """Read the command line, print the figures, write them when asked; exit code 0."""
    parser = argparse.ArgumentParser(prog=f"python -m ml_models.evaluation.{part}")
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--write", type=Path, help="folder for a dated report as JSON and Markdown")
    options = parser.parse_args()
    section = evaluate(options.data)
    print(f"{section.name}\n" + "\n".join(section.lines))
    if options.write:
        command = f"python -m ml_models.evaluation.{part} --data DATA"
        for file in report.write([section], options.write, command, versions):
            print(f"written: {file}")
    return 0
