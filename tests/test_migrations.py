"""Going back to the first version and forward again, with rows in the tables."""

from collections.abc import Sequence

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from accounts.access import across_teams
from accounts.models import AuditEvent, TeamUsage
from analysis.models import Face
from conftest import People, make_people
from media_jobs.models import Media
from media_jobs.services import job_create, media_from_bytes
from media_jobs.tests.helpers import photo, work_off
from tests.fakes import EngineWithoutNets

FIRST = [("accounts", "0001_initial"), ("analysis", "0001_initial"), ("media_jobs", "0001_initial")]
#: Apps that the first version did not have.
LATER: list[tuple[str, None]] = [("galleries", None)]


def migrate(targets: Sequence[tuple[str, str | None]]) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)


def newest() -> list[tuple[str, str]]:
    leaves = MigrationExecutor(connection).loader.graph.leaf_nodes()
    return [leaf for leaf in leaves if leaf[0] in {app for app, _ in [*FIRST, *LATER]}]


def row_of_usage(people: People) -> tuple[int, int]:
    with across_teams():
        usage = TeamUsage.objects.get(team=people.team)
    return usage.stored_faces, usage.stored_bytes


@pytest.mark.django_db(transaction=True)
def test_every_migration_can_be_undone_and_rows_of_the_first_version_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from accounts.access import team_scope
    from galleries import search_tables
    from galleries.tests.helpers import gallery_of
    from galleries.tests.search_helpers import tables_of_states, train

    people = make_people("blue")
    with team_scope(people.team):
        media = media_from_bytes(team=people.team, content=photo(1), filename="a.png")
        work_off(job_create(team=people.team, media=[media]), EngineWithoutNets(faces=2))
        monkeypatch.setattr(search_tables, "OWN_TABLE_FROM", 1)
        train(gallery_of(people.team, {"Ada": 1}))
    assert row_of_usage(people) == (4, media.stored_bytes)
    assert len(tables_of_states()) == 1
    try:
        migrate([*LATER, *FIRST])
        assert tables_of_states() == []
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_policy")
            assert cursor.fetchone() == (0,)
            cursor.execute("SELECT count(*) FROM media_jobs_media")
            assert cursor.fetchone() == (1,), "without the fence everything is seen"
    finally:
        migrate(newest())
    with across_teams():
        assert Media.objects.get().filename == "a.png"
        assert Face.objects.count() == 2
        assert AuditEvent.objects.count() == 0
    # The first version did not know the sizes of the smaller copies.
    assert row_of_usage(people) == (2, media.size)
