"""`python -m ml_models.evaluation PART --data FOLDER`, PART one of the engine's parts or `all`.

`all` also writes the page docs/accuracy.md (--out names another file). Needs requirements/train.txt.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from ml_models.engine import FaceEngine
from ml_models.evaluation import accuracy, report
from ml_models.evaluation.report import Section
from ml_models.registry import WeightError

#: Modules of this package with `evaluate(data: Path) -> Section`, in the order of the page.
PARTS = (
    "emotion",
    "detection",
    "verification",
    "identification",
    "grouping",
    "attributes",
    "landmarks",
    "pose",
    "quality",
)
PAGE = Path("docs/accuracy.md")


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m ml_models.evaluation", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("part", choices=[*PARTS, "all"])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with emotion/, detection/ and the other sets"
    )
    parser.add_argument("--out", type=Path, help=f"page to write (for `all`: {PAGE}, else none)")
    parser.add_argument("--json", type=Path, help="file for the same as JSON")
    parser.add_argument("--write", type=Path, help="folder for a dated report as JSON and Markdown")
    return parser


def evaluation(part: str) -> Callable[[Path], Section]:
    """The function that measures a part; only its own imports are paid for."""
    found: Callable[[Path], Section] = import_module(f"ml_models.evaluation.{part}").evaluate
    return found


def measure(parts: list[str], data: Path) -> tuple[list[Section], list[str]]:
    """The sections, and a sentence for every part whose pictures are not there."""
    sections: list[Section] = []
    left_out: list[str] = []
    for part in parts:
        started = time.monotonic()
        try:
            section = evaluation(part)(data)
        except FileNotFoundError as error:
            left_out.append(f"{part}: {error}")
            print(f"\n{part} left out: {error}", flush=True)
            continue
        sections.append(section)
        print(f"\n{part}  ({time.monotonic() - started:.0f} s)\n" + "\n".join(section.lines), flush=True)
    return sections, left_out


def main(given: list[str] | None = None) -> int:
    """Print the figures, write what is asked for; exit code 1 with a sentence when there is nothing."""
    options = arguments().parse_args(given)
    every = options.part == "all"
    try:
        sections, left_out = measure(list(PARTS) if every else [options.part], options.data)
        if not sections:
            print(f"Nothing was measured: {options.data} has none of the sets.", file=sys.stderr)
            return 1
        versions = dict(FaceEngine.load(threads=1).model_versions)
    except WeightError as error:
        print(error, file=sys.stderr)
        return 1
    # The folder of whoever runs this is nobody else's business, and the page is part of the project.
    command = f"python -m ml_models.evaluation {options.part} --data DATA"
    day = report.today()
    out = options.out or (PAGE if every else None)
    if out:
        text = accuracy.page(sections, day=day, command=command, versions=versions, left_out=left_out)
        accuracy.write_page(text, out)
        print(f"written: {out}")
    if options.json:
        data = accuracy.as_data(sections, day=day, command=command, versions=versions, left_out=left_out)
        accuracy.write_data(data, options.json)
        print(f"written: {options.json}")
    if options.write:
        for file in report.write(sections, options.write, command, versions):
            print(f"written: {file}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
