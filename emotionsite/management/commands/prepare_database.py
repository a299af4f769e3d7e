"""`manage.py prepare_database`: the two roles of the application in a PostgreSQL server of one's own.

Row-level security does not hold for a superuser, and a role that owns tables can switch it off. So the tables
belong to one role, which migrates, and the application connects as another, which owns nothing.
"""

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from psycopg import sql

from emotionsite.settings.env import env
from emotionsite.supervisor.postgres_roles import (
    make_extension_and_privileges,
    make_role,
    open_database,
    run,
)

# What the application may do with a table: everything with its rows, but these grow only.
ROWS = "SELECT, INSERT, UPDATE, DELETE"
APPEND_ONLY = {"accounts_auditevent": "SELECT, INSERT"}
# Tables and sequences of ours that somebody else owns. A sequence that belongs to a
# column goes with its table, and what an extension made stays with it.
FOREIGN_RELATIONS = """
    SELECT c.relname, c.relkind::text FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S')
        AND pg_get_userbyid(c.relowner) <> %s
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
            AND (d.deptype = 'e' OR (c.relkind = 'S' AND d.deptype IN ('a', 'i'))))
    ORDER BY c.relname
"""
SEQUENCES_OF = """
    SELECT s.relname FROM pg_class s
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
    WHERE s.relkind = 'S' AND d.refobjid = %s::regclass
"""
FOREIGN_FUNCTIONS = """
    SELECT p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND pg_get_userbyid(p.proowner) <> %s
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
            AND d.deptype = 'e')
"""

Connection = psycopg.Connection[tuple[Any, ...]]


class Account(NamedTuple):
    """Name and password of a role, from the address of a database."""

    name: str
    password: str

    @classmethod
    def of(cls, url: str) -> "Account":
        parts = urlsplit(url)
        return cls(unquote(parts.username or ""), unquote(parts.password or ""))


class Command(BaseCommand):
    help = (
        "As the superuser in DATABASE_ADMIN_URL, make the roles that DATABASE_OWNER_URL and DATABASE_URL "
        "name, and give the first one every table. Safe to repeat; run it before `migrate`."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        admin = env.str("DATABASE_ADMIN_URL", default="")
        if not admin:
            raise CommandError("Set DATABASE_ADMIN_URL to the address of the database with a superuser.")
        owner, app = Account.of(settings.DATABASE_OWNER_URL), Account.of(settings.DATABASE_URL)
        if len({Account.of(admin).name, owner.name, app.name}) < 3:
            raise CommandError(
                "DATABASE_ADMIN_URL, DATABASE_OWNER_URL and DATABASE_URL must name three roles: a superuser, "
                "the owner of the tables, and the application's."
            )
        if not (owner.password and app.password):
            raise CommandError("DATABASE_OWNER_URL and DATABASE_URL must hold the passwords of their roles.")
        try:
            # One transaction: all of it, or nothing.
            with psycopg.connect(admin, connect_timeout=5) as connection:
                taken = prepare(connection, owner, app)
        except psycopg.Error as error:
            raise CommandError(f"The database could not be prepared: {str(error).strip()}") from error
        self.stdout.write(f"{owner.name} owns the tables ({taken} taken over); {app.name} works with rows.")


def prepare(connection: Connection, owner: Account, app: Account) -> int:
    """Make or repair roles, rights and ownership in the database of this connection of a superuser.

    Returns how many tables, sequences and functions were taken over from other roles.
    """
    database = connection.info.dbname
    make_role(connection, owner.name, owner.password)
    make_role(connection, app.name, app.password)
    run(connection, "ALTER DATABASE {database} OWNER TO {owner}", database=database, owner=owner.name)
    open_database(connection, database, app.name)
    make_extension_and_privileges(connection, owner.name, app.name)
    return _take_over_relations(connection, owner.name, app.name) + _take_over_functions(
        connection, owner.name
    )


def _take_over_relations(connection: Connection, owner: str, app: str) -> int:
    """Give the owner what another role made, as installations of before did with their superuser.

    Default rights hold for what is made later only, so the application gets its rights on these here.
    """
    found = connection.execute(FOREIGN_RELATIONS, [owner]).fetchall()
    for name, kind in found:
        what = "SEQUENCE" if kind == "S" else "TABLE"
        run(connection, f"ALTER {what} public.{{name}} OWNER TO {{owner}}", name=name, owner=owner)
        if what == "SEQUENCE":
            _let_use(connection, name, app)
            continue
        rights = APPEND_ONLY.get(name, ROWS)
        run(connection, "REVOKE ALL ON public.{name} FROM {app}", name=name, app=app)
        run(connection, f"GRANT {rights} ON public.{{name}} TO {{app}}", name=name, app=app)
        quoted = sql.Identifier("public", name).as_string(connection)
        for (sequence,) in connection.execute(SEQUENCES_OF, [quoted]).fetchall():
            _let_use(connection, sequence, app)
    return len(found)


def _let_use(connection: Connection, sequence: str, app: str) -> None:
    run(connection, "GRANT USAGE, SELECT ON SEQUENCE public.{name} TO {app}", name=sequence, app=app)


def _take_over_functions(connection: Connection, owner: str) -> int:
    found = connection.execute(FOREIGN_FUNCTIONS, [owner]).fetchall()
    for (signature,) in found:
        # The server has quoted it already.
        connection.execute(
            sql.SQL("ALTER ROUTINE {} OWNER TO {}").format(sql.SQL(signature), sql.Identifier(owner))
        )
    return len(found)
