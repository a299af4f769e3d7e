"""The embedded PostgreSQL: durability, roles, and healing."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors, sql

from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.postgres import EmbeddedPostgres
from emotionsite.supervisor.postgres_roles import ADMIN, OWNER
from emotionsite.supervisor.processes import ProcessTable
from emotionsite.supervisor.secret_store import Secrets


@pytest.fixture(scope="module")
def shared_server() -> Iterator[EmbeddedPostgres]:
    """One server for the tests of this module, because making one takes seconds."""
    with tempfile.TemporaryDirectory(prefix="emotionsite-test-") as folder:
        table = ProcessTable()
        server = EmbeddedPostgres(Path(folder) / "postgres", table=table, durable=False)
        yield server
        server.stop()
        table.guard.close()


@pytest.fixture
def server(shared_server: EmbeddedPostgres) -> EmbeddedPostgres:
    """The shared server, running, without the tables of the test before."""
    if not shared_server.running:
        shared_server.start()
    for (name,) in rows(
        shared_server.owner_url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    ):
        rows(shared_server.owner_url, f"DROP TABLE {name}")
    return shared_server


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.SQL(statement))
        return cursor.fetchall() if cursor.description else []


def test_committed_rows_survive_a_killed_server(open_folder: Path, table: ProcessTable) -> None:
    server = EmbeddedPostgres(open_folder / "postgres", table=table)
    server.start()
    rows(server.owner_url, "CREATE TABLE faces (id int PRIMARY KEY, embedding vector(3))")
    with psycopg.connect(server.app_url, autocommit=True) as connection:
        for number in range(200):
            connection.execute("INSERT INTO faces VALUES (%s, '[1,2,3]')", [number])
        server.kill()
    port = server.port
    assert not server.running
    server.start(keep_port=True)
    assert server.port == port
    assert rows(server.app_url, "SELECT count(*), min(embedding::text) FROM faces") == [(200, "[1,2,3]")]
    server.stop()
    assert not server.running


def test_owner_can_use_pgvector_in_a_database_it_makes(server: EmbeddedPostgres) -> None:
    rows(server.owner_url, "CREATE DATABASE test_copy")
    copy = server.url(OWNER, "test_copy")
    # What migrations say; it must not ask for a superuser.
    rows(copy, "CREATE EXTENSION IF NOT EXISTS vector")
    rows(copy, "CREATE TABLE t (v vector(2))")
    rows(copy, "INSERT INTO t VALUES ('[3,4]')")
    assert rows(copy, "SELECT v <-> '[0,0]' FROM t") == [(5.0,)]
    # The application's rights came along with the template.
    rows(copy, "SET ROLE emotionsite_app; INSERT INTO t VALUES ('[1,1]')")
    assert rows(copy, "SELECT count(*) FROM t") == [(2,)]


def test_application_role_reads_and_writes_rows(server: EmbeddedPostgres) -> None:
    rows(server.owner_url, "CREATE TABLE t (id bigserial PRIMARY KEY, name text)")
    app = server.app_url
    rows(app, "INSERT INTO t (name) VALUES ('a'), ('b')")
    rows(app, "UPDATE t SET name = 'c' WHERE name = 'a'")
    rows(app, "DELETE FROM t WHERE name = 'b'")
    assert rows(app, "SELECT id, name FROM t") == [(1, "c")]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
        "ALTER TABLE t DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE t OWNER TO emotionsite_app",
        "TRUNCATE t",
        "DROP TABLE t",
        "SET ROLE emotionsite_owner",
        "SELECT * FROM pg_authid",
    ],
)
def test_application_role_cannot_own_or_change_structure(server: EmbeddedPostgres, statement: str) -> None:
    rows(server.owner_url, "CREATE TABLE IF NOT EXISTS t (id int)")
    with pytest.raises(errors.InsufficientPrivilege):
        rows(server.app_url, statement)
    owned = "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = 'emotionsite_app'"
    assert rows(server.owner_url, owned) == [(0,)]


def test_row_level_security_binds_the_application_role(server: EmbeddedPostgres) -> None:
    rows(server.owner_url, "CREATE TABLE t (team int); ALTER TABLE t ENABLE ROW LEVEL SECURITY")
    rows(server.owner_url, "INSERT INTO t VALUES (1)")
    assert rows(server.owner_url, "SELECT count(*) FROM t") == [(1,)]
    assert rows(server.app_url, "SELECT count(*) FROM t") == [(0,)]


def test_a_privilege_taken_away_by_a_migration_stays_away(server: EmbeddedPostgres) -> None:
    rows(server.owner_url, "CREATE TABLE log (id int); REVOKE DELETE ON log FROM emotionsite_app")
    server.stop()
    server.start()
    with pytest.raises(errors.InsufficientPrivilege):
        rows(server.app_url, "DELETE FROM log")


def test_interrupted_bootstrap_heals(open_folder: Path, table: ProcessTable) -> None:
    half_made = open_folder / "postgres.new" / "data"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(open_folder / "postgres", table=table, durable=False)
    server.start()
    # Cut off after initdb and before the roles were complete.
    rows(server.url(ADMIN, "postgres"), "DROP DATABASE emotionsite")
    rows(server.url(ADMIN, "template1"), "DROP OWNED BY emotionsite_app")
    server.stop()
    server.start()
    assert rows(server.app_url, "SELECT '[1]'::vector::text") == [("[1]",)]
    assert not half_made.exists()
    server.stop()


def test_lock_file_with_the_id_of_another_program_is_stale(server: EmbeddedPostgres) -> None:
    server.stop()
    lock = server.data_dir / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{server.data_dir}\n1700000000\n{server.port}\n\n127.0.0.1\n")
    server.start()
    assert rows(server.app_url, "SELECT 1") == [(1,)]


def test_server_left_over_on_the_folder_is_replaced(server: EmbeddedPostgres, table: ProcessTable) -> None:
    rows(server.owner_url, "CREATE TABLE t AS SELECT 7 AS id")
    second = EmbeddedPostgres(server.data_dir, secrets=server.secrets, table=table, durable=False)
    second.start()
    assert rows(second.owner_url, "SELECT id FROM t") == [(7,)]
    assert not server.running
    second.stop()


def test_another_port_is_taken_when_the_remembered_one_is_busy(server: EmbeddedPostgres) -> None:
    server.stop()
    wanted = server.port
    with socket.create_server(("127.0.0.1", wanted)):
        server.start()
        assert server.port != wanted
        assert rows(server.app_url, "SELECT 1") == [(1,)]


def test_secrets_of_another_folder_are_refused_in_words(
    server: EmbeddedPostgres, table: ProcessTable
) -> None:
    server.stop()
    stranger = EmbeddedPostgres(server.data_dir, secrets=Secrets.generate(), table=table, durable=False)
    with pytest.raises(SupervisorError, match=r"does not accept the password in secrets\.json"):
        stranger.start()
    assert not stranger.running


def test_data_of_another_major_version_is_refused_in_words(server: EmbeddedPostgres) -> None:
    server.stop()
    version = server.data_dir / "PG_VERSION"
    version.write_text("17\n")
    try:
        with pytest.raises(
            SupervisorError, match="made by PostgreSQL 17 and this version brings 18: dump it"
        ):
            server.start()
    finally:
        version.write_text("18\n")
    assert not server.running
