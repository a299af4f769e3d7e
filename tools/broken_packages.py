"""Removes the records of packages that an interrupted installation left incomplete: pip then installs them.

Runs with the environment's own Python. pip takes a package for installed as soon as its record's folder is
there, even when files of the package are missing.
"""

from __future__ import annotations

import shutil
import site
import sys
from importlib import metadata
from pathlib import Path


def is_complete(package: metadata.Distribution) -> bool:
    """Whether every file in the package's record exists with the size that was recorded."""
    files = package.files
    if not files or not package.metadata["Name"]:
        return False
    for file in files:
        path = Path(str(file.locate()))
        if file.suffix == ".pyc":
            continue
        if not path.exists() or (file.size is not None and path.stat().st_size != file.size):
            return False
    return True


def remove_broken(folder: Path) -> list[str]:
    """Remove incomplete records from a site-packages folder; the names of their folders."""
    removed = []
    for record in sorted(folder.glob("*.dist-info")):
        if not is_complete(metadata.PathDistribution(record)):
            shutil.rmtree(record)
            removed.append(record.name)
    for stash in folder.glob("~*"):  # where pip puts the old version aside while it replaces it
        shutil.rmtree(stash, ignore_errors=True)
    return removed


if __name__ == "__main__":
    for packages in site.getsitepackages():
        for name in remove_broken(Path(packages)):
            print(f"Installing {name} again")
    sys.exit(0)
