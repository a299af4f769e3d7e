"""Django's PostgreSQL backend, which also tells the server whose rows it may show."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def together() -> Iterator[None]:
    """Send the statements inside without waiting for the answer to each: all of them count, or none.

    They must not need one another's answers. What the database refuses is raised at the end.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield
