"""The database, its roles and pgvector: made and repaired at every start by the superuser.

`manage.py prepare_database` does the same for a server of somebody's own, with the functions at the end.

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
        make_role(connection, OWNER, secrets.postgres_owner, "CREATEDB")
        make_role(connection, APP, secrets.postgres_app)
        # Tests of the fence between teams take the application's role on with SET ROLE.
        run(connection, "GRANT {app} TO {owner} WITH INHERIT FALSE, SET TRUE", owner=OWNER, app=APP)
    # Databases made later (Django's test database) are copies of the template, privileges included.
    with connect(secrets, port, "template1") as connection:
        make_extension_and_privileges(connection, OWNER, APP)
    with connect(secrets, port, "postgres") as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if known is None:
            run(connection, "CREATE DATABASE {database} OWNER {owner}", database=DATABASE, owner=OWNER)
        open_database(connection, DATABASE, APP)
    with connect(secrets, port, DATABASE) as connection:
        make_extension_and_privileges(connection, OWNER, APP)


def make_role(connection: _Connection, name: str, password: str, rights: str = "NOCREATEDB") -> None:
    """Make a role that may sign in with this password, or bring it up to date; it is never a superuser."""
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    # Hashed here, so that the password is in no statement the server could log.
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    connection.execute(
        sql.SQL(
            "{verb} ROLE {name} LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS {rights} PASSWORD {password}"
        ).format(
            verb=sql.SQL("ALTER" if known else "CREATE"),
            name=sql.Identifier(name),
            rights=sql.SQL(rights),
            password=sql.Literal(verifier),
        )
    )


def open_database(connection: _Connection, database: str, app: str) -> None:
    """Let the application's role into the database, and nobody else who was not let in by name."""
    run(connection, "REVOKE ALL ON DATABASE {database} FROM PUBLIC", database=database)
    run(connection, "GRANT CONNECT ON DATABASE {database} TO {app}", database=database, app=app)


def make_extension_and_privileges(connection: _Connection, owner: str, app: str) -> None:
    """pgvector in this database, and rights of `app` on what `owner` will make."""
    run(connection, "SET client_min_messages = warning")
    run(connection, "CREATE EXTENSION IF NOT EXISTS vector")
    run(connection, "ALTER EXTENSION vector UPDATE")
    # Only what is made from now on: a migration may take a privilege on its table away, for good.
    for what in (
        "SELECT, INSERT, UPDATE, DELETE ON TABLES",
        "USAGE, SELECT ON SEQUENCES",
    ):
        grant = f"ALTER DEFAULT PRIVILEGES FOR ROLE {{owner}} GRANT {what} TO {{app}}"
        run(connection, grant, owner=owner, app=app)


def run(connection: _Connection, statement: str, **names: str) -> None:
    """Run a statement of ours with names of roles, tables and the like put in, quoted."""
    quoted = {key: sql.Identifier(name) for key, name in names.items()}
    connection.execute(sql.SQL(statement).format(**quoted))
