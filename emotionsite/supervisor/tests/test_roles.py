"""Processes that die: started again with growing pauses, given up with a sentence and the end of the log."""

import io
import sys
import time
from collections.abc import Iterator

import pytest

from emotionsite.supervisor import roles
from emotionsite.supervisor.console import Console
from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.files import DataDir
from emotionsite.supervisor.plan import Role
from emotionsite.supervisor.processes import ProcessTable
from emotionsite.supervisor.roles import RoleSet

DYING = "import sys; print('out of film'); sys.exit(3)"
LASTING = "import time; time.sleep(600)"


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def role_set(
    data: DataDir, table: ProcessTable, output: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RoleSet]:
    monkeypatch.setattr(roles, "FIRST_PAUSE_SECONDS", 0.05)
    role_set = RoleSet(data, table, Console(1, output))
    yield role_set
    role_set.stop()


def attend_for(role_set: RoleSet, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        role_set.attend()
        time.sleep(0.02)


def test_process_that_keeps_dying_is_given_up(role_set: RoleSet, output: io.StringIO, data: DataDir) -> None:
    role_set.start([Role("worker", "The worker", [sys.executable, "-c", DYING], 1)], {})
    with pytest.raises(SupervisorError) as given_up:
        attend_for(role_set, 30)
    sentence = str(given_up.value)
    assert sentence.startswith("The worker died 5 times in a row; at last it ended with code 3.")
    assert "    out of film" in sentence
    assert str(data.log("worker")) in sentence
    assert data.log("worker").read_text().count("out of film") == 5
    assert output.getvalue().count("starting it again in") == 4


def test_killed_process_comes_back(role_set: RoleSet, output: io.StringIO) -> None:
    role_set.start([Role("web", "The web process", [sys.executable, "-c", LASTING], 1)], {})
    (process,) = role_set.processes
    before = process.pid
    process.kill()
    attend_for(role_set, 1)
    assert process.running
    assert process.pid != before
    assert "The web process was ended by signal 9; starting it again" in output.getvalue()


def test_stopped_processes_stay_stopped(role_set: RoleSet) -> None:
    role_set.start([Role("web", "The web process", [sys.executable, "-c", LASTING], 1)], {})
    role_set.stop()
    assert [process.running for process in role_set.processes] == [False]
