"""Django's PostgreSQL backend, which also tells the server whose rows it may show."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from django.db import connection


@contextmanager
def together() -> Iterator[None]:
    """Send the statements inside without waiting for the answer to each: all of them count, or none.

    They must not need one another's answers, and what a cursor tells of its statement (rows, how many) is
    there at the end, or when it is asked for. What the database refuses is raised then.
    """
    from .base import DatabaseWrapper

    connection.ensure_connection()
    try:
        with connection.wrap_database_errors, connection.connection.pipeline():
            yield
    except BaseException:
        cast(DatabaseWrapper, connection).doubt()
        raise
