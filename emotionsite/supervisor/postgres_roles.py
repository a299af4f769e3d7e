"""The database, its roles and pgvector: made and repaired at every start by the superuser.

- `postgres` is the superuser and is used here only.
- `emotionsite_owner` owns the database and every table, runs migrations, and may create databases.
- `emotionsite_app` is what the application connects as: it reads and writes rows, owns nothing and can
  create nothing, so row-level security applies to it and it cannot switch it off.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from emotionsite.supervisor.errors import SupervisorError
from emotionsite.supervisor.secret_store import Secrets

ADMIN = "postgres"
OWNER = "emotionsite_owner"
APP = "emotionsite_app"
DATABASE = "emotionsite"

_Connection = psycopg.Connection[tuple[object, ...]]


def connect(secrets: Secrets, port: int, database: str) -> _Connection:
    """A connection of the superuser, each statement committed by itself."""
    return psycopg.connect(
        host="127.0.0.1",
        port=port,
        user=ADMIN,
        password=secrets.postgres_admin,
        dbname=database,
        connect_timeout=5,
        autocommit=True,
    )


def try_connect(secrets: Secrets, port: int) -> bool:
    """Whether the server takes connections now; SupervisorError when it refuses our password for good."""
    try:
        connect(secrets, port, "postgres").close()
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise SupervisorError(
                "The database does not accept the password in secrets.json, so the two do not belong "
                "together: put "
                "the secrets.json of this DATA_DIR back from a backup."
            ) from error
        return False
    return True


def prepare_cluster(secrets: Secrets, port: int) -> None:
    """Make what is missing: roles, pgvector in template and database, privileges. Safe to repeat."""
    with connect(secrets, port, "postgres") as connection:
        _role(connection, OWNER, secrets.postgres_owner, sql.SQL("CREATEDB"))
        _role(connection, APP, secrets.postgres_app, sql.SQL("NOCREATEDB"))
        # Tests of the fence between teams take the application's role on with SET ROLE.
        _run(connection, "GRANT {app} TO {owner} WITH INHERIT FALSE, SET TRUE")
    # Databases made later (Django's test database) are copies of the template, privileges included.
    with connect(secrets, port, "template1") as connection:
        _extension_and_privileges(connection)
    with connect(secrets, port, "postgres") as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if known is None:
            _run(connection, "CREATE DATABASE {database} OWNER {owner}")
        _run(connection, "REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        _run(connection, "GRANT CONNECT ON DATABASE {database} TO {app}")
    with connect(secrets, port, DATABASE) as connection:
        _extension_and_privileges(connection)


def _role(connection: _Connection, name: str, password: str, rights: sql.SQL) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    # Hashed here, so that the password is in no statement the server could log.
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    connection.execute(
        sql.SQL("{verb} ROLE {name} LOGIN NOSUPERUSER NOCREATEROLE {rights} PASSWORD {password}").format(
            verb=sql.SQL("ALTER" if known else "CREATE"),
            name=sql.Identifier(name),
            rights=rights,
            password=sql.Literal(verifier),
        )
    )


def _extension_and_privileges(connection: _Connection) -> None:
    _run(connection, "SET client_min_messages = warning")
    _run(connection, "CREATE EXTENSION IF NOT EXISTS vector")
    _run(connection, "ALTER EXTENSION vector UPDATE")
    # Only what is made from now on: a migration may take a privilege on its table away, for good.
    for what in (
        "SELECT, INSERT, UPDATE, DELETE ON TABLES",
        "USAGE, SELECT ON SEQUENCES",
    ):
        _run(connection, f"ALTER DEFAULT PRIVILEGES FOR ROLE {{owner}} GRANT {what} TO {{app}}")


def _run(connection: _Connection, statement: str) -> None:
    names = {"owner": sql.Identifier(OWNER), "app": sql.Identifier(APP), "database": sql.Identifier(DATABASE)}
    connection.execute(sql.SQL(statement).format(**names))
