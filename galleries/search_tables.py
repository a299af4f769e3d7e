"""Where the vectors of trained states lie: in one table together, or, of a large gallery, in one of its own.

A large one has an index for approximate search (HNSW). Its table is made, indexed and dropped by functions of
the database (migration 0003), as the application owns no table. Its rows carry the team and are behind the
same fence.
"""

import os
from uuid import UUID

from django.db import connection
from psycopg import sql

from accounts.access import across_teams

from .models import TrainedState

#: From so many faces on a gallery has a table and an index of its own. Up to there all its vectors are
#: compared, which is exact; `make bench-search` shows where that becomes slower than the index
#: (docs/galleries.md, "Scale").
OWN_TABLE_FROM = 10_000
#: The index: neighbours of each vector, and how many are looked at to find them when it is built.
LINKS, EFFORT = 16, 64
#: Memory for building it. A graph that does not fit is built several times slower.
MEMORY_MB = (256, 4096)
#: Of a vector of d numbers: 2 d bytes, and about so many for its neighbours and the lists while building.
BYTES_BESIDE = 700


def table_of(state_id: UUID, *, own_table: bool) -> sql.Identifier:
    """The table with the vectors of a state."""
    return sql.Identifier(f"galleries_vectors_{state_id.hex}" if own_table else "galleries_searchvector")


def table_create(state: TrainedState) -> None:
    """Make the table of a state that was just made and is to have one. In the scope of its team."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT galleries_vectors_create(%s)", [state.pk])


def table_index(state: TrainedState, *, vectors: int) -> None:
    """Index the filled table of a state: seconds to minutes. In a transaction, in the scope of its team."""
    least, most = MEMORY_MB
    megabytes = vectors * (2 * state.dimension + BYTES_BESIDE) // 2**20 + 1
    memory = min(most, max(least, megabytes))
    # The leader works too. More would take the processor from those who wait for answers.
    workers = max(0, min(4, os.cpu_count() or 1) - 1)
    with connection.cursor() as cursor:
        # A server notices by itself that this process was killed, and stops.
        cursor.execute("SET LOCAL client_connection_check_interval = '5s'")
        cursor.execute(
            "SELECT galleries_vectors_index(%s, %s, %s, %s, %s)", [state.pk, LINKS, EFFORT, memory, workers]
        )


def orphans_drop() -> int:
    """Drop tables whose state is gone, of all teams; returns how many."""
    # Across teams: the function looks at names of tables and at whose states they are.
    with across_teams(), connection.cursor() as cursor:
        cursor.execute("SELECT galleries_vectors_sweep()")
        (dropped,) = cursor.fetchone()
    return int(dropped)
