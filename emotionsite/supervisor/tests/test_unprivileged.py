"""PostgreSQL under root: another user, and places that this user can reach."""

import os
import shutil
from pathlib import Path

import psycopg
import pytest

from emotionsite.supervisor import unprivileged
from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.postgres import EmbeddedPostgres
from emotionsite.supervisor.processes import ProcessTable
from emotionsite.supervisor.unprivileged import (
    can_enter,
    postgres_user,
    reachable_data_folder,
    reachable_package,
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")


@pytest.fixture
def shared(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What stands for /var/lib/emotionsite."""
    monkeypatch.setattr(unprivileged, "SHARED_FOLDER", open_folder / "shared")
    return open_folder / "shared"


@pytest.fixture
def private(open_folder: Path) -> Path:
    """DATA_DIR inside a folder that only its owner may enter, as under /root."""
    data_dir = open_folder / "private" / "var"
    data_dir.mkdir(parents=True)
    data_dir.parent.chmod(0o700)
    return data_dir


@as_root
def test_data_in_a_private_folder_moves_to_a_reachable_one(
    private: Path, shared: Path, table: ProcessTable
) -> None:
    server = EmbeddedPostgres(private / "postgres", table=table, durable=False)
    server.start()
    with psycopg.connect(server.app_url) as connection:
        assert connection.execute("SELECT '[1]'::vector::text").fetchone() == ("[1]",)
    server.stop()
    real = (private / "postgres").resolve()
    assert shared in real.parents
    assert real.stat().st_mode & 0o777 == 0o700
    assert real.stat().st_uid != 0
    (note,) = server.notes
    assert str(real) in note
    server.start()  # finds it again
    server.stop()
    shutil.rmtree(real.parent)
    with pytest.raises(SupervisorError, match="which is gone: put it back from a backup, or remove"):
        server.start()


@as_root
def test_private_data_dir_is_opened_for_passing_through_only(open_folder: Path) -> None:
    data_dir = open_folder / "var"
    data_dir.mkdir(mode=0o700)
    user = postgres_user(data_dir / "postgres")
    assert not can_enter(data_dir, user)
    assert reachable_data_folder(data_dir / "postgres", user) == data_dir / "postgres"
    assert can_enter(data_dir, user)
    assert data_dir.stat().st_mode & 0o777 == 0o711


@as_root
def test_programs_in_a_private_environment_are_copied_once(private: Path, shared: Path) -> None:
    package = private / "package"
    (package / "bin").mkdir(parents=True)
    program = package / "bin" / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    (package / "lib.a").write_text("not needed to run")
    user = postgres_user(private / "postgres")
    place = reachable_package([package], "1.0", user)
    copied = place / "package" / "bin" / "program"
    assert place == shared / "programs-1.0"
    assert copied.stat().st_mode & 0o777 == 0o755
    assert can_enter(copied.parent, user)
    assert not (place / "package" / "lib.a").exists()
    program.write_text("changed")
    assert reachable_package([package], "1.0", user) == place
    assert copied.read_text() == "#!/bin/sh\n"


@as_root
def test_shared_folder_of_somebody_else_is_refused(private: Path, shared: Path) -> None:
    user = postgres_user(private / "postgres")
    assert user is not None
    shared.mkdir()
    os.chown(shared, user.uid, user.gid)
    with pytest.raises(SupervisorError, match="must belong to root"):
        reachable_data_folder(private / "postgres", user)
    assert not (private / "postgres").is_symlink()


@as_root
def test_root_keeps_the_owner_of_data_that_exists(tmp_path: Path) -> None:
    os.chown(tmp_path, 54321, 54321)
    user = postgres_user(tmp_path)
    assert user is not None
    assert (user.uid, user.gid) == (54321, 54321)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use everybody's data")
def test_ordinary_user_runs_postgres_as_itself_and_not_on_foreign_data(tmp_path: Path) -> None:
    assert postgres_user(tmp_path) is None
    with pytest.raises(SupervisorError, match="belongs to another user"):
        postgres_user(Path("/"))
