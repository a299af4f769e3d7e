"""Runs every check of style, types and structure, shows what each found, and fails when one did."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CHECKS: dict[str, Sequence[str]] = {
    "mypy": (str(BIN / "mypy"), "."),
    "ruff check": (str(BIN / "ruff"), "check", "."),
    "ruff format": (str(BIN / "ruff"), "format", "--check", "."),
    "import-linter": (str(BIN / "lint-imports"),),
    "djlint format": (str(BIN / "djlint"), "templates", "--check"),
    "djlint lint": (str(BIN / "djlint"), "templates", "--lint"),
    "migrations": (sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"),
}

# Settings can be read without servers; nothing here connects to one.
PLACEHOLDERS = {
    "DJANGO_SETTINGS_MODULE": "emotionsite.settings.test",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1",
    "SECRET_KEY": "only-for-checks",
    "PYTHONWARNINGS": "ignore:Got an error checking a consistent migration history:RuntimeWarning",
    "NO_COLOR": "1",
}


def run(argv: Sequence[str]) -> tuple[int, str, float]:
    """Exit code, output and seconds of one check."""
    started = time.monotonic()
    result = subprocess.run(
        argv,
        cwd=ROOT,
        env={**os.environ, **PLACEHOLDERS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout, time.monotonic() - started


def main() -> int:
    failed = []
    with ThreadPoolExecutor(max_workers=2) as pool:  # mypy takes as long as all the others together
        for name, (code, output, seconds) in zip(CHECKS, pool.map(run, CHECKS.values()), strict=True):
            print(f"{name:<14} {'ok' if code == 0 else 'FAILED'}  ({seconds:.1f} s)", flush=True)
            if code != 0:
                failed.append(name)
                print("".join(f"    {line}\n" for line in output.splitlines()), flush=True)
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
