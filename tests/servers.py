"""pytest plugin: real PostgreSQL and Valkey in a temporary folder, for the whole run.

It is named in `addopts`, because the addresses must be in the environment before pytest-django reads the
settings, and that is earlier than any conftest.
"""

import atexit
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from emotionsite.supervisor.embedded import Services, temporary_services

_running = ExitStack()
services: Services | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    """The first hook of all: start the servers and say where they are."""
    global services
    if services is not None:
        return
    atexit.register(_running.close)
    data_dir = Path(_running.enter_context(tempfile.TemporaryDirectory(prefix="emotionsite-test-")))
    services = _running.enter_context(temporary_services())
    os.environ.update(
        {
            **services.environment,
            # Tests make their own database, which the application's role may not.
            "DATABASE_URL": services.environment["DATABASE_OWNER_URL"],
            "DATA_DIR": str(data_dir),
            "LOG_LEVEL": "WARNING",
        }
    )
    # Without pytest's own settings these would win over the ones above.
    os.environ.pop("STORAGE_URL", None)


def pytest_unconfigure(config: pytest.Config) -> None:
    _running.close()
