"""The second fence: Postgres itself, asked by raw SQL in the role that the application connects as."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from accounts.access import across_teams, team_scope
from accounts.keys import api_key_create
from accounts.models import ApiKey, AuditEvent, Team, TeamUsage
from conftest import People
from emotionsite.supervisor.postgres_roles import APP, OWNER
from galleries.tests.helpers import gallery_of
from galleries.tests.search_helpers import train
from media_jobs.models import Media
from media_jobs.services import media_from_bytes
from media_jobs.tests.helpers import photo
from tests import servers


@pytest.fixture()
def as_application(db: None) -> Iterator[None]:
    """Statements of the test run in the role of the application."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {APP}")
        yield
        cursor.execute("RESET ROLE")


def sql(statement: str, *params: Any) -> list[Any]:
    """Run one statement; its rows, or the number of rows it touched as the only one."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else [(cursor.rowcount,)]


def team_tables() -> list[str]:
    return sorted(
        model._meta.db_table
        for model in apps.get_models()
        if any(field.column == "team_id" for field in model._meta.fields)
    )


def test_every_table_that_carries_a_team_has_a_forced_policy(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galleries.search_tables.OWN_TABLE_FROM", 1)
    train(gallery_of(in_team, {"Ada": 1}))
    protected = {
        name
        for (name,) in sql(
            "SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid"
            " WHERE c.relrowsecurity AND c.relforcerowsecurity AND p.polwithcheck IS NOT NULL"
        )
    }
    carrying = {
        name
        for (name,) in sql(
            "SELECT table_name FROM information_schema.columns WHERE column_name = 'team_id'"
            " AND table_schema = current_schema()"
        )
    }
    states = {name for name in carrying if name.startswith("galleries_vectors_")}
    assert len(states) == 1, "a large trained gallery has a table of its own"
    assert carrying - states == set(team_tables())
    assert carrying - protected == set()


def test_every_model_that_carries_a_team_refuses_to_answer_without_one() -> None:
    # What a team is chosen from cannot wait for one to be chosen; row-level security guards it alone.
    unscoped = {
        model.__name__
        for model in apps.get_models()
        if any(field.column == "team_id" for field in model._meta.fields) and _answers_without_a_team(model)
    }
    assert unscoped == {"Membership"}


def _answers_without_a_team(model: Any) -> bool:
    from django_scopes.exceptions import ScopeError

    try:
        model._default_manager.all()
    except ScopeError:
        return False
    return True


def test_the_role_of_the_application_owns_nothing(db: None) -> None:
    assert sql("SELECT relname FROM pg_class WHERE relowner = %s::regrole", APP) == []
    assert sql("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", APP) == [(False, False)]


@pytest.fixture()
def theirs(people: People, others: People) -> Media:
    """A photo of the other team."""
    with team_scope(others.team):
        return media_from_bytes(team=others.team, content=photo(1), filename="theirs.png")


def test_rows_of_another_team_cannot_be_read(people: People, theirs: Media, as_application: None) -> None:
    assert sql("SELECT count(*) FROM media_jobs_media") == [(0,)], "outside of any team"
    with team_scope(people.team):
        assert sql("SELECT count(*) FROM media_jobs_media") == [(0,)]
        assert sql("SELECT 1 FROM media_jobs_media WHERE id = %s", theirs.pk) == []
        for table in team_tables():
            foreign = sql(f"SELECT 1 FROM {table} WHERE team_id <> %s", people.team.pk)  # noqa: S608
            assert foreign == [], table
    with team_scope(theirs.team):
        assert sql("SELECT count(*) FROM media_jobs_media") == [(1,)]


def test_rows_of_another_team_cannot_be_written(people: People, theirs: Media, as_application: None) -> None:
    with team_scope(people.team):
        assert sql("UPDATE media_jobs_media SET filename = 'ours' WHERE id = %s", theirs.pk) == [(0,)]
        assert sql("DELETE FROM media_jobs_media WHERE id = %s", theirs.pk) == [(0,)]
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            sql(
                "INSERT INTO accounts_membership (team_id, user_id, role, created_at)"
                " VALUES (%s, %s, 'owner', now())",
                theirs.team.pk,
                people.viewer.pk,
            )
    with across_teams():
        assert Media.objects.get().filename == "theirs.png"


def test_a_row_cannot_be_moved_to_another_team(people: People, theirs: Media, as_application: None) -> None:
    with team_scope(theirs.team):
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            sql("UPDATE media_jobs_media SET team_id = %s WHERE id = %s", people.team.pk, theirs.pk)
        assert sql("SELECT team_id FROM media_jobs_media") == [(theirs.team.pk,)]


def test_the_fence_is_up_again_after_a_rollback(people: People, others: People) -> None:
    """A setting made in a transaction is undone with it; the backend must not believe it still holds."""
    with team_scope(people.team):
        assert ApiKey.objects.count() == 0
    try:
        with transaction.atomic(), team_scope(others.team):
            api_key_create(team=others.team, name="gone", scopes=["read"])
            raise RuntimeError("undo")
    except RuntimeError:
        pass
    with team_scope(others.team):
        assert sql("SELECT DISTINCT team_id FROM accounts_membership") == [(others.team.pk,)]
    assert sql("SELECT count(*) FROM accounts_membership") == [(0,)]


def test_the_record_can_be_added_to_and_read_but_not_rewritten(people: People, as_application: None) -> None:
    with team_scope(people.team):
        before = list(AuditEvent.objects.order_by("id").values())
        assert before
        for statement in (
            "UPDATE accounts_auditevent SET actor_name = 'nobody'",
            "DELETE FROM accounts_auditevent",
            "TRUNCATE accounts_auditevent",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                sql(statement)
        assert list(AuditEvent.objects.order_by("id").values()) == before


def test_not_even_the_owner_of_the_tables_rewrites_the_record(people: People) -> None:
    with team_scope(people.team):
        for statement in (
            "UPDATE accounts_auditevent SET action = 'other'",
            "UPDATE accounts_auditevent SET actor_name = 'somebody else'",
            "DELETE FROM accounts_auditevent",
        ):
            with pytest.raises(ProgrammingError, match="record"), transaction.atomic():
                sql(statement)


def test_erasing_redacts_the_record(people: People, as_application: None) -> None:
    from accounts.audit import Actor, acting_as, record, redact_actor, redact_object

    with team_scope(people.team):
        with acting_as(Actor(user_id=people.viewer.pk, name="blue-viewer", address="192.0.2.7")):
            record("media.uploaded", team=people.team, name="holiday.jpg", pages=3)
        before = AuditEvent.objects.latest("id")
        redact_actor(people.viewer.pk)
        redact_object("", "")
        after = AuditEvent.objects.latest("id")
    assert (before.actor_name, before.address) == ("blue-viewer", "192.0.2.7")
    assert (after.actor_name, after.address, after.object_name, after.details) == (
        "[erased]",
        None,
        "[erased]",
        {},
    )
    assert (after.pk, after.action, after.created_at, after.actor_id) == (
        before.pk,
        before.action,
        before.created_at,
        before.actor_id,
    )


def test_stored_bytes_and_faces_are_counted_whatever_the_way(people: People) -> None:
    from analysis.models import Face
    from media_jobs.services import job_create
    from media_jobs.tests.helpers import work_off
    from tests.fakes import EngineWithoutNets

    def used() -> tuple[int, int]:
        usage = TeamUsage.objects.get()
        return usage.stored_bytes, usage.stored_faces

    with team_scope(people.team):
        assert used() == (0, 0)
        media = media_from_bytes(team=people.team, content=photo(1), filename="a.png")
        assert used() == (media.stored_bytes, 0)
        assert media.stored_bytes > media.size
        job = job_create(team=people.team, media=[media])
        work_off(job, EngineWithoutNets(faces=3))
        assert used() == (media.stored_bytes, 3)
        Face.objects.filter(number=1).delete()
        Media.objects.update(stored_bytes=10)
        assert used() == (10, 2)
        media.delete()
        assert used() == (0, 0)


def test_a_team_has_its_row_of_usage_from_the_beginning(people: People) -> None:
    with across_teams():
        assert TeamUsage.objects.count() == Team.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_of_the_application_s_own_is_held_by_the_fence(people: People, others: People) -> None:
    """Not a role taken on by `SET ROLE`, but the name and password that the web process has."""
    with team_scope(others.team):
        theirs = media_from_bytes(team=others.team, content=photo(1), filename="theirs.png")
    with team_scope(people.team):
        media_from_bytes(team=people.team, content=photo(2), filename="ours.png")
    assert servers.services is not None
    address = urlsplit(servers.services.environment["DATABASE_URL"])
    database = str(connection.settings_dict["NAME"])
    with psycopg.connect(address._replace(path=f"/{database}").geturl(), autocommit=True) as own:
        assert own.execute("SELECT current_user").fetchall() == [(APP,)]
        assert own.execute("SELECT count(*) FROM media_jobs_media").fetchall() == [(0,)]
        own.execute("SELECT set_config('emotionsite.team', %s, false)", [str(people.team.pk)])
        assert own.execute("SELECT filename FROM media_jobs_media").fetchall() == [("ours.png",)]
        assert own.execute("DELETE FROM media_jobs_media WHERE id = %s", [theirs.pk]).rowcount == 0
        for statement in (
            "UPDATE media_jobs_media SET team_id = %(theirs)s",
            "INSERT INTO accounts_usageday (team_id, day, requests, pictures, faces)"
            " VALUES (%(theirs)s, now(), 0, 0, 0)",
            "ALTER TABLE media_jobs_media DISABLE ROW LEVEL SECURITY",
            "DROP POLICY own_team ON media_jobs_media",
            f"SET ROLE {OWNER}",
            "DELETE FROM accounts_auditevent",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(statement, {"theirs": others.team.pk})
    with across_teams():
        assert set(Media.objects.values_list("filename", "team")) == {
            ("theirs.png", others.team.pk),
            ("ours.png", people.team.pk),
        }
