"""The data folder: its room, its lock, its secrets and who may read them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emotionsite.supervisor import secret_store
from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.files import DataDir, RunLock, check_free_space, write_private


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_full_disk_is_said_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=312 * 2**20))
    with pytest.raises(
        SupervisorError, match=r"Only 312 MB are free .* at least 500 MB: free some space, or"
    ):
        check_free_space(tmp_path / "not" / "made" / "yet")


def test_room_enough_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=501 * 2**20))
    check_free_space(tmp_path / "not" / "made" / "yet")


def test_photos_logs_and_mail_are_for_the_owner_only(data: DataDir) -> None:
    for name in ("files", "logs", "mail", "run", "valkey"):
        assert mode(data.root / name) == 0o700, name
    assert mode(data.root) & 0o066 == 0


def test_folder_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SupervisorError, match=r"cannot be used .* choose a folder that belongs to you"):
        DataDir(tmp_path / "file" / "var").create()


def test_second_run_is_refused_with_the_process_of_the_first(data: DataDir) -> None:
    holder = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, pathlib\n"
            "from emotionsite.supervisor.files import DataDir, RunLock\n"
            "lock = RunLock(DataDir(pathlib.Path(sys.argv[1])))\n"
            "lock.acquire(); print('held', flush=True); sys.stdin.read()",
            str(data.root),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        with pytest.raises(SupervisorError, match=f"already running .*process {holder.pid}"):
            RunLock(data).acquire()
        assert RunLock(data).is_held()
        holder.kill()
    lock = RunLock(data)
    assert not lock.is_held()  # the kernel let go of it
    lock.acquire()
    assert lock.holder() == os.getpid()
    lock.release()


def test_secrets_are_made_once_and_private(data: DataDir) -> None:
    first = secret_store.load_or_create(data)
    assert mode(data.secrets_file) == 0o600
    assert secret_store.load_or_create(data) == first
    assert first.api_key_peppers.startswith("1:")
    assert len({first.postgres_admin, first.postgres_owner, first.postgres_app, first.valkey}) == 4
    assert first.valkey not in repr(first)


def test_secrets_that_others_can_read_are_closed_again(data: DataDir) -> None:
    secret_store.load_or_create(data)
    data.secrets_file.chmod(0o644)
    secret_store.load_or_create(data)
    assert mode(data.secrets_file) == 0o600


def test_lost_secrets_beside_a_database_are_not_replaced(data: DataDir) -> None:
    data.postgres.mkdir()
    (data.postgres / "PG_VERSION").write_text("18\n")
    with pytest.raises(SupervisorError, match="put the file back from a backup"):
        secret_store.load_or_create(data)
    assert not data.secrets_file.exists()


@pytest.mark.parametrize("text", ["{half a", "[]", json.dumps({"secret_key": "only this"})])
def test_damaged_secrets_are_said_in_a_sentence_and_kept(data: DataDir, text: str) -> None:
    data.secrets_file.write_text(text)
    with pytest.raises(SupervisorError, match="from a backup"):
        secret_store.load_or_create(data)
    assert data.secrets_file.read_text() == text


def test_private_file_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "services.env"
    path.write_text("old")
    path.chmod(0o666)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert os.listdir(tmp_path) == ["services.env"]


def test_big_logs_are_put_aside(data: DataDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotionsite.supervisor.files.LOG_ROTATE_BYTES", 10)
    data.log("web").write_text("long enough to turn")
    data.log("beat").write_text("short")
    data.create()
    assert not data.log("web").exists()
    assert (data.logs / "web.log.1").read_text() == "long enough to turn"
    assert data.log("beat").read_text() == "short"
