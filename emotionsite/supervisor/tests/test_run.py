"""Whole runs with real PostgreSQL and Valkey and stand-ins for Django: start, trouble, stop, nothing left."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from emotionsite.supervisor import control
from emotionsite.supervisor.embedded import temporary_services
from emotionsite.supervisor.files import DataDir
from emotionsite.supervisor.guard import wait_ended
from emotionsite.supervisor.ports import free_port
from emotionsite.supervisor.postgres import EmbeddedPostgres
from emotionsite.supervisor.processes import ProcessTable, read_table
from emotionsite.supervisor.secret_store import load_or_create

pytestmark = pytest.mark.whole_system

PROJECT = Path(__file__).parents[3]
SERVERS = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "API_KEY_PEPPERS", "PUBLIC_URL"}


class Run:
    """One supervisor as a process, with what it prints in a file."""

    def __init__(self, data: DataDir, fault: str = "", environment: dict[str, str] | None = None) -> None:
        self.data = data
        self.port = free_port()
        self._output = data.root / "output"
        inherited = {name: value for name, value in os.environ.items() if name not in SERVERS}
        with self._output.open("w") as stream:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "emotionsite.supervisor.tests.stand_ins"),
                    *(str(data.root), str(self.port), fault),
                ],
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=PROJECT,
                env={**inherited, **(environment or {})},
            )
        self._family: set[psutil.Process] = set()

    @property
    def output(self) -> str:
        return self._output.read_text()

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until the supervisor has printed `text`."""
        deadline = time.monotonic() + seconds
        while text not in self.output:
            self.note_children()
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def note_children(self) -> None:
        """Remember every process that belongs to the run now."""
        with suppress(psutil.NoSuchProcess):
            self._family.update(psutil.Process(self.process.pid).children(recursive=True))

    def left(self, seconds: float = 0) -> list[psutil.Process]:
        """The processes of the run that are alive after so many seconds."""
        return wait_ended(self._family, seconds)

    def pid(self, name: str) -> int:
        return next(entry.pid for title, entry in read_table(self.data.processes_file) if title == name)

    def interrupt(self) -> int:
        """Ctrl-C, then the exit code."""
        self.note_children()
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def end(self) -> None:
        self.note_children()
        self.process.kill()
        self.process.wait()
        for process in self.left(20):
            process.kill()


@pytest.fixture(scope="module")
def used_data() -> Iterator[DataDir]:
    """The data folder of a site that has run before: making a database takes seconds, copying it none."""
    with tempfile.TemporaryDirectory(prefix="emotionsite-test-") as folder:
        Path(folder).chmod(0o711)
        data = DataDir(Path(folder) / "var")
        data.create()
        table = ProcessTable()
        secrets = load_or_create(data)
        server = EmbeddedPostgres(
            data.postgres, secrets=secrets, log=data.log("postgres"), table=table, durable=False
        )
        server.start()
        server.stop()
        table.guard.close()
        yield data


@pytest.fixture
def data(open_folder: Path, used_data: DataDir) -> DataDir:
    """A data folder of the test's own in which a database is ready."""
    subprocess.run(["cp", "-a", str(used_data.root), str(open_folder / "var")], check=True)
    return DataDir(open_folder / "var")


@pytest.fixture
def empty_data(open_folder: Path) -> DataDir:
    """A data folder of the test's own in which nothing is ready."""
    data = DataDir(open_folder / "new")
    data.create()
    return data


@pytest.fixture
def runs() -> Iterator[list[Run]]:
    """Runs put here are ended with the test in any case."""
    started: list[Run] = []
    yield started
    for run in started:
        run.end()


def start(runs: list[Run], data: DataDir, fault: str = "", environment: dict[str, str] | None = None) -> Run:
    runs.append(Run(data, fault, environment))
    return runs[-1]


def test_first_run_second_run_and_interrupt(runs: list[Run], empty_data: DataDir) -> None:
    data = empty_data
    first = start(runs, data)
    first.wait_for("Stop with Ctrl-C.")
    for text in (f"http://127.0.0.1:{first.port}/", "demo@example.org", "pw-1", "es_1", "This is run 1"):
        assert text in first.output
    assert len(first._family) > 8  # four of ours, two servers with processes of their own, a watchdog
    assert control.status(data.root) == 0
    for private in (data.services_env, data.first_login_file, data.secrets_file, data.processes_file):
        assert private.stat().st_mode & 0o077 == 0, private
    assert first.interrupt() == 0
    assert first.left() == []
    assert "Everything has stopped; the data is kept." in first.output
    assert control.status(data.root) == control.NOT_RUNNING
    ports = data.ports_file.read_text()

    begun = time.monotonic()
    second = start(runs, data)
    second.wait_for("Stop with Ctrl-C.")
    assert time.monotonic() - begun < 30
    assert "This is run 2" in second.output  # the database of before
    assert data.ports_file.read_text() == ports
    assert json.loads(data.first_login_file.read_text())["url"] == f"http://127.0.0.1:{second.port}"
    assert control.stop(data.root) == 0
    assert second.process.wait(10) == 0
    assert second.left() == []


def test_killed_supervisor_leaves_nothing_running(runs: list[Run], data: DataDir) -> None:
    run = start(runs, data)
    run.wait_for("Stop with Ctrl-C.")
    run.note_children()
    run.process.kill()
    run.process.wait()
    assert run.left(15) == []
    again = start(runs, data)
    again.wait_for("This is run 2")
    again.wait_for("Stop with Ctrl-C.")
    assert again.interrupt() == 0


def test_next_run_stops_what_a_killed_supervisor_and_watchdog_left(runs: list[Run], data: DataDir) -> None:
    run = start(runs, data)
    run.wait_for("Stop with Ctrl-C.")
    run.note_children()
    for child in psutil.Process(run.process.pid).children():
        if any(part.endswith("guard.py") for part in child.cmdline()):
            child.kill()
    run.process.kill()
    run.process.wait()
    assert len(run.left()) > 4
    again = start(runs, data)
    again.wait_for("Stop with Ctrl-C.")
    assert (
        "An earlier run was cut off; 6 of its processes were still running and were stopped." in again.output
    )
    assert run.left() == []
    assert again.interrupt() == 0


def test_second_run_on_the_same_data_is_refused(runs: list[Run], data: DataDir) -> None:
    first = start(runs, data)
    first.wait_for("Stop with Ctrl-C.")
    second = Run(data)
    assert second.process.wait(20) == 1
    assert f"already running on {data.root} (process {first.process.pid})" in second.output
    assert first.process.poll() is None
    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(30) == 0


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("migrate", "Bringing the database up to date ended with code 7."),
        ("demo", "Preparing the demo team ended with code 7."),
        ("web", "The web process died 5 times in a row"),
    ],
)
def test_failing_child_ends_the_run_with_a_sentence(
    runs: list[Run], data: DataDir, fault: str, sentence: str
) -> None:
    run = start(runs, data, fault)
    while run.process.poll() is None:
        run.note_children()
        time.sleep(0.1)
    assert run.process.returncode == 1
    assert sentence in run.output
    assert "the moon is in the wrong house" in run.output
    assert "make run" in run.output
    assert "Stop with Ctrl-C." not in run.output
    assert run.left() == []


def test_killed_servers_are_started_again_on_their_ports(runs: list[Run], data: DataDir) -> None:
    run = start(runs, data)
    run.wait_for("Stop with Ctrl-C.")
    values = dict(line.split("=", 1) for line in data.services_env.read_text().splitlines())
    with redis.Redis.from_url(f"{values['REDIS_URL']}/0") as client:
        client.lpush("batch", "kept")
    os.kill(run.pid("PostgreSQL"), signal.SIGKILL)
    run.wait_for("PostgreSQL is running again.")
    os.kill(run.pid("Valkey"), signal.SIGKILL)
    run.wait_for("Valkey is running again.")
    with psycopg.connect(values["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    with redis.Redis.from_url(f"{values['REDIS_URL']}/0") as client:
        assert client.lrange("batch", 0, -1) == [b"kept"]
    os.kill(run.pid("PostgreSQL"), signal.SIGKILL)  # twice within minutes: no use
    assert run.process.wait(30) == 1
    assert "What was committed is safe" in run.output
    assert run.left() == []


def test_worker_that_does_not_end_is_killed(runs: list[Run], data: DataDir) -> None:
    run = start(runs, data, "worker-stuck")
    run.wait_for("Stop with Ctrl-C.")
    run.note_children()
    run.process.send_signal(signal.SIGHUP)  # as when the terminal is closed
    assert run.process.wait(20) == 0
    assert run.left() == []


def test_interrupt_while_starting_stops_what_was_started(runs: list[Run], empty_data: DataDir) -> None:
    run = start(runs, empty_data)
    run.wait_for("Starting PostgreSQL")
    assert run.interrupt() == 0
    assert run.left() == []
    again = start(runs, empty_data)  # an initdb that was cut off is done over
    again.wait_for("This is run 1")
    again.wait_for("Stop with Ctrl-C.")
    assert again.interrupt() == 0


def test_servers_named_in_the_environment_are_used(runs: list[Run], empty_data: DataDir) -> None:
    data = empty_data
    with temporary_services() as services:
        run = start(runs, data, environment=services.environment)
        run.wait_for("Stop with Ctrl-C.")
        assert "the server in DATABASE_URL answers" in run.output
        assert not data.postgres.exists()
        assert "URL" not in data.services_env.read_text()
        assert run.interrupt() == 0
        with psycopg.connect(services.postgres.app_url) as connection:
            assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    gone = start(runs, data, environment=services.environment)
    assert gone.process.wait(30) == 1
    assert "does not answer" in gone.output
    assert services.postgres.secrets.postgres_app not in gone.output
