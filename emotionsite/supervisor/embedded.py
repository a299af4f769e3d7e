"""The embedded servers for programs other than the supervisor: tests and measurements.

with temporary_services() as services:
    os.environ.update(services.environment)
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emotionsite.supervisor.postgres import EmbeddedPostgres
from emotionsite.supervisor.processes import ProcessTable
from emotionsite.supervisor.secret_store import Secrets
from emotionsite.supervisor.valkey import EmbeddedValkey

__all__ = ["EmbeddedPostgres", "EmbeddedValkey", "Services", "temporary_services"]


@dataclass(frozen=True)
class Services:
    """A running pair of servers in a folder that goes when they do."""

    folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey

    @property
    def environment(self) -> dict[str, str]:
        """DATABASE_URL (application role), DATABASE_OWNER_URL and REDIS_URL."""
        return {
            "DATABASE_URL": self.postgres.app_url,
            "DATABASE_OWNER_URL": self.postgres.owner_url,
            "REDIS_URL": self.valkey.url,
        }


@contextmanager
def temporary_services() -> Iterator[Services]:
    """Start both servers in a temporary folder, quickly and not safe against power cuts; remove all after.

    They also end when this process is killed. Raises SupervisorError when one cannot start.
    """
    folder = Path(tempfile.mkdtemp(prefix="emotionsite-"))
    secrets, table = Secrets.generate(), ProcessTable()
    postgres = EmbeddedPostgres(folder / "postgres", secrets=secrets, table=table, durable=False)
    valkey = EmbeddedValkey(folder / "valkey", secrets=secrets, table=table)
    try:
        postgres.start()
        valkey.start()
        yield Services(folder, postgres, valkey)
    finally:
        valkey.stop()
        postgres.stop()
        table.guard.close()
        if postgres.data_dir.is_symlink():
            shutil.rmtree(postgres.data_dir.resolve().parent, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
