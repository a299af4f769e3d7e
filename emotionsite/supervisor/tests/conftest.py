"""Fixtures for the supervisor's tests: folders any user can pass through, and servers that always end."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from emotionsite.supervisor.files import DataDir
from emotionsite.supervisor.processes import ProcessTable


@pytest.fixture
def table() -> Iterator[ProcessTable]:
    """A process table whose watchdog ends with the test, and everything it still watches with it."""
    table = ProcessTable()
    yield table
    table.guard.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A new folder that PostgreSQL's user can reach even when the tests run as root, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="emotionsite-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def data(open_folder: Path) -> DataDir:
    """A data folder with its inner folders made."""
    data = DataDir(open_folder / "var")
    data.create()
    return data
