"""The database and the broker of a run: embedded ones, or those that the environment names."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
import redis

from emotionsite.supervisor.console import Console
from emotionsite.supervisor.errors import SupervisorError, known_cause
from emotionsite.supervisor.files import DataDir, write_private
from emotionsite.supervisor.ports import load_ports, save_ports
from emotionsite.supervisor.postgres import EmbeddedPostgres
from emotionsite.supervisor.processes import ProcessTable, failure_sentence, never
from emotionsite.supervisor.secret_store import Secrets
from emotionsite.supervisor.valkey import ONE_TRY, EmbeddedValkey

# A server that dies twice within this time is not saved by starting it again.
RELAPSE_SECONDS = 300.0


@dataclass
class _Service:
    name: str
    title: str
    server: EmbeddedPostgres | EmbeddedValkey
    last_death: float | None = None


class ServiceSet:
    """Starts, watches and stops what is embedded, and knows the addresses of all."""

    def __init__(self, data: DataDir, secrets: Secrets, table: ProcessTable) -> None:
        ports = load_ports(data.ports_file)
        self._data, self._secrets = data, secrets
        self.postgres: EmbeddedPostgres | None = None
        self.valkey: EmbeddedValkey | None = None
        if not os.environ.get("DATABASE_URL"):
            self.postgres = EmbeddedPostgres(
                data.postgres,
                secrets=secrets,
                log=data.log("postgres"),
                port=ports.get("postgres", 0),
                table=table,
            )
        if not os.environ.get("REDIS_URL"):
            self.valkey = EmbeddedValkey(
                data.valkey, secrets=secrets, log=data.log("valkey"), port=ports.get("valkey", 0), table=table
            )
        self._started: list[_Service] = []

    def start_database(self, check: Callable[[], None]) -> None:
        """Start PostgreSQL, or see that the given one answers."""
        if self.postgres is None:
            _check_database(os.environ["DATABASE_URL"])
            return
        self._started.append(_Service("postgres", "PostgreSQL", self.postgres))
        self.postgres.start(check)

    def start_broker(self, check: Callable[[], None]) -> None:
        """Start Valkey, or see that the given broker answers."""
        if self.valkey is None:
            _check_broker(os.environ["REDIS_URL"])
            return
        self._started.append(_Service("valkey", "Valkey", self.valkey))
        self.valkey.start(check)

    def write_files(self) -> None:
        """Remember the ports, and let every `manage.py` command of this DATA_DIR find the servers."""
        ports = load_ports(self._data.ports_file)
        lines = [
            f"SECRET_KEY={self._secrets.secret_key}",
            f"API_KEY_PEPPERS={self._secrets.api_key_peppers}",
        ]
        if self.postgres is not None:
            ports["postgres"] = self.postgres.port
            lines += [
                f"DATABASE_URL={self.postgres.app_url}",
                f"DATABASE_OWNER_URL={self.postgres.owner_url}",
            ]
        if self.valkey is not None:
            ports["valkey"] = self.valkey.port
            lines.append(f"REDIS_URL={self.valkey.url}")
        save_ports(self._data.ports_file, ports)
        write_private(self._data.services_env, "\n".join(lines) + "\n")

    def environment(self) -> dict[str, str]:
        """What the web process and the worker need. The owner's password is not among it."""
        values = {
            "SECRET_KEY": os.environ.get("SECRET_KEY") or self._secrets.secret_key,
            "API_KEY_PEPPERS": os.environ.get("API_KEY_PEPPERS") or self._secrets.api_key_peppers,
        }
        if self.postgres is not None:
            values["DATABASE_URL"] = self.postgres.app_url
        if self.valkey is not None:
            values["REDIS_URL"] = self.valkey.url
        return values

    def owner_environment(self) -> dict[str, str]:
        """What `migrate` needs instead of the application's role."""
        if self.postgres is not None:
            owner = self.postgres.owner_url
        else:
            owner = os.environ.get("DATABASE_OWNER_URL") or os.environ["DATABASE_URL"]
        return {"DATABASE_URL": owner, "DATABASE_OWNER_URL": owner}

    def revive(self, console: Console, check: Callable[[], None]) -> None:
        """Start again what has died; SupervisorError when that does not help."""
        for service in self._started:
            code = service.server.poll()
            if code is None:
                continue
            now = time.monotonic()
            how = failure_sentence(service.title, code, service.server.log_since_start(), service.server.log)
            cause = known_cause(service.server.log_since_start())
            if service.last_death is not None and now - service.last_death < RELAPSE_SECONDS:
                raise SupervisorError(
                    f"{how}\nIt was started again a moment ago, so starting it once more would not help. "
                    "What was "
                    f"committed is safe. {cause or 'Correct what the log names, then `make run`.'}"
                )
            service.last_death = now
            console.say(f"{service.title} has died; starting it again. What was committed is safe.")
            try:
                service.server.start(check, keep_port=True)
            except SupervisorError as error:
                raise SupervisorError(
                    f"{error}\n{service.title} could not be started again, so everything stops; what was "
                    "committed "
                    "is safe."
                ) from error
            console.say(f"{service.title} is running again.")

    def stop(self, hurried: Callable[[], bool] = never) -> None:
        """Stop what was started, the database last."""
        for service in reversed(self._started):
            service.server.stop(hurried)


def _check_database(url: str) -> None:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[-1]
        raise SupervisorError(
            f"The database that DATABASE_URL names ({_host(url)}) does not answer: {reason}. Start it or "
            "correct "
            "the address, or unset DATABASE_URL to use the embedded one."
        ) from error


def _check_broker(url: str) -> None:
    try:
        client = redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5, retry=ONE_TRY)
        client.ping()
        client.close()
    except (redis.RedisError, ValueError) as error:
        raise SupervisorError(
            f"The broker that REDIS_URL names ({_host(url)}) does not answer: {error}. Start it or correct "
            "the "
            "address, or unset REDIS_URL to use the embedded one."
        ) from error


def _host(url: str) -> str:
    """Host and port of a URL, without its password."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or "no host"
