"""The watchdog and the record of processes: nothing is left behind, and no stranger is hurt."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from emotionsite.supervisor.guard import Guard, Watched, end_processes, wait_ended
from emotionsite.supervisor.processes import Child, Command, ProcessTable, read_table, run_to_end

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    *(sys.executable, "-c"),
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('deaf', flush=True); time.sleep(600)",
]


@pytest.fixture
def spawn() -> Iterator[Callable[[list[str]], psutil.Process]]:
    """Starts programs that are ended with the test in any case."""
    started: list[subprocess.Popen[bytes]] = []

    def start(argv: list[str]) -> psutil.Process:
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE))
        return psutil.Process(started[-1].pid)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def watched(process: psutil.Process) -> Watched:
    return Watched(process.pid, process.create_time(), int(signal.SIGTERM))


def test_watchdog_ends_what_its_owner_leaves_when_killed(
    spawn: Callable[[list[str]], psutil.Process],
) -> None:
    orphan = spawn(SLEEP)
    owner = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, time\n"
            "from emotionsite.supervisor.guard import Guard, Watched\n"
            "guard = Guard(); guard.watch(Watched(int(sys.argv[1]), float(sys.argv[2]), 15))\n"
            "print('watching', flush=True); time.sleep(600)",
            *(str(orphan.pid), str(orphan.create_time())),
        ],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    with owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        (helper,) = psutil.Process(owner.pid).children()
        assert wait_ended([orphan], 0.3) == [orphan]  # not before its owner has gone
        owner.kill()
    assert wait_ended([orphan, helper], 10) == []


def test_killed_watchdog_is_replaced_with_the_whole_list(
    spawn: Callable[[list[str]], psutil.Process],
) -> None:
    first, second = spawn(SLEEP), spawn(SLEEP)
    before = set(psutil.Process().children())
    guard = Guard()
    guard.watch(watched(first))
    (helper,) = set(psutil.Process().children()) - before
    helper.kill()
    wait_ended([helper], 5)
    guard.watch(watched(second))
    guard.close()  # as if we had gone
    assert wait_ended([first, second], 5) == []


def test_forgotten_process_is_left_alone(spawn: Callable[[list[str]], psutil.Process]) -> None:
    process = spawn(SLEEP)
    guard = Guard()
    guard.watch(watched(process))
    guard.forget(process.pid)
    guard.close()
    assert wait_ended([process], 0.3) == [process]


def test_reused_process_id_is_not_mistaken(spawn: Callable[[list[str]], psutil.Process]) -> None:
    stranger = spawn(SLEEP)
    earlier = Watched(stranger.pid, stranger.create_time() - 60, int(signal.SIGTERM))
    assert end_processes([earlier], grace=0.1) == 0
    assert wait_ended([stranger], 0.2) == [stranger]


def test_deaf_process_and_its_child_are_killed(spawn: Callable[[list[str]], psutil.Process]) -> None:
    parent = spawn(STUBBORN)
    deadline = time.monotonic() + 10
    while not parent.children() and time.monotonic() < deadline:
        time.sleep(0.02)
    (child,) = parent.children()
    time.sleep(0.2)  # until it is deaf
    assert end_processes([watched(parent)], grace=0.2) == 1
    assert wait_ended([parent, child], 0) == []


def test_next_run_ends_what_the_last_one_recorded(tmp_path: Path) -> None:
    record = tmp_path / "processes.json"
    command = Command("sleeper", SLEEP, tmp_path / "log", {})
    earlier = ProcessTable(record)
    child = Child(command, earlier)
    child.start()
    assert [name for name, _entry in read_table(record)] == ["sleeper"]
    later = ProcessTable(record)
    assert later.end_leftovers() == 1
    assert child.poll() == -signal.SIGTERM
    assert read_table(record) == []
    earlier.guard.close()


def test_child_has_a_session_of_its_own_and_a_private_log(tmp_path: Path, table: ProcessTable) -> None:
    report = "import os; print(os.getsid(0) == os.getpid(), sorted(os.environ.items())[0])"
    log = tmp_path / "log"
    log.write_text("from before\n")
    log.chmod(0o600)
    code, text = run_to_end(
        Command("report", [sys.executable, "-c", report], log, {"A_SETTING": "here"}), table
    )
    assert (code, text) == (0, "True ('A_SETTING', 'here')\n")


def test_hurry_cuts_the_wait_for_a_deaf_child(tmp_path: Path, table: ProcessTable) -> None:
    child = Child(
        Command("deaf", STUBBORN, tmp_path / "log", {}, stop_signals=((signal.SIGTERM, 60),)), table
    )
    child.start()
    while "deaf" not in child.log_since_start():
        time.sleep(0.02)
    started = time.monotonic()
    child.stop(hurried=lambda: True)
    assert time.monotonic() - started < 5
    assert child.poll() == -signal.SIGKILL
