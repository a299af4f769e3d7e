"""Training: what it copies, what it leaves, and what happens beside it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, ProgrammingError
from django.utils import timezone

from accounts.access import team_scope
from accounts.models import AuditEvent, Team
from conftest import People
from emotionsite.supervisor.postgres_roles import APP
from galleries import search, search_tables, training
from galleries.jobs import job_cancel, job_run
from galleries.models import EnrolledFace, Gallery, GalleryJob, SearchVector, Subject, TrainedState
from galleries.services import model_named, subject_create
from galleries.training import gallery_train, states_sweep, templates_forget, training_of
from tests.fakes import embedding_of

from .helpers import enrol, gallery_of
from .search_helpers import crowd, own_tables, tables_of_states, train

__all__ = ["own_tables"]


def vectors_of(state: TrainedState) -> list[tuple[object, object]]:
    """(face, subject) of every vector of a state."""
    table = search_tables.table_of(state.pk, own_table=state.own_table).as_string()
    where = "" if state.own_table else f"WHERE state_id = '{state.pk}'"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT face_id, subject_id FROM {table} {where}")  # noqa: S608
        return cursor.fetchall()


def touch(gallery: Gallery) -> None:
    """What every change of a gallery's faces does."""
    from django.db.models.functions import Now

    Gallery.objects.filter(pk=gallery.pk).update(changed_at=Now())
    gallery.refresh_from_db()


def test_a_state_holds_every_face_and_a_template_for_who_has_several(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, faces=3)
    once = subject_create(gallery=gallery, name="Once")
    enrol(once, embedding_of(5))
    state = train(gallery)
    assert state.own_table == own_tables
    assert (state.face_count, state.subject_count, state.dimension) == (7, 3, 128)
    assert state.seen_change == gallery.changed_at
    found = vectors_of(state)
    assert {face for face, _ in found if face} == set(EnrolledFace.objects.values_list("pk", flat=True))
    assert {who for _, who in found if who} == set(
        Subject.objects.exclude(pk=once.pk).values_list("pk", flat=True)
    )
    assert len(tables_of_states()) == own_tables


def test_the_next_training_takes_the_place_of_the_last(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    first = train(gallery)
    second = train(gallery)
    assert TrainedState.objects.get().pk == second.pk != first.pk
    assert tables_of_states() == ([f"galleries_vectors_{second.pk.hex}"] if own_tables else [])
    assert SearchVector.objects.exclude(state=second).count() == 0


def test_an_empty_gallery_trains_and_knows_nobody(in_team: Team) -> None:
    gallery = gallery_of(in_team, {})
    state = train(gallery)
    assert (state.face_count, state.subject_count, state.own_table) == (0, 0, False)
    probe = [embedding_of(1)]
    assert search.identify(gallery=gallery, probes=probe, model_sha256=gallery.model_sha256) == [[]]


def test_training_says_how_it_stands(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    before = training_of(gallery)
    assert (before.status, before.due, before.trained_from, before.face_count) == (
        "not_started",
        True,
        None,
        0,
    )
    job = gallery_train(gallery=gallery)
    assert training_of(gallery).status == "running"
    assert gallery_train(gallery=gallery).pk == job.pk, "one waits already"
    job_run(job_id=job.pk)
    after = training_of(gallery)
    assert (after.status, after.due, after.face_count, after.subject_count) == ("succeeded", False, 2, 1)
    assert after.asked_at is not None
    assert after.started_at is not None
    assert after.finished_at is not None
    touch(gallery)
    assert training_of(gallery).due
    train(gallery)
    assert not training_of(gallery).due


def test_training_is_recorded_once_with_who_asked(in_team: Team, people: People) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    job = gallery_train(gallery=gallery, user=people.analyst)
    job_run(job_id=job.pk)
    event = AuditEvent.objects.get(action="gallery.trained")
    assert (event.actor_id, event.object_id) == (people.analyst.pk, str(gallery.pk))
    assert event.details == {"faces": 2, "subjects": 1}


def test_a_training_whose_weights_were_replaced_fails_and_the_old_state_stays(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    state = train(gallery)
    Gallery.objects.filter(pk=gallery.pk).update(model_sha256="0" * 64)
    job = gallery_train(gallery=gallery)
    job_run(job_id=job.pk)
    job.refresh_from_db()
    assert (job.status, job.error_code) == ("failed", "model_replaced")
    assert TrainedState.objects.get().pk == state.pk
    assert training_of(gallery).message == job.error_message


def test_erasing_takes_vectors_and_templates_at_once(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, faces=3)
    state = train(gallery)
    ada, bob = Subject.objects.order_by("name")
    face = ada.faces.all()[0]
    face.delete()
    found = vectors_of(state)
    assert (face.pk, None) not in found
    assert {who for _, who in found if who} == {bob.pk}, "the template was made of the erased face too"
    bob.delete()
    assert {face for face, _ in vectors_of(state)} == set(ada.faces.values_list("pk", flat=True))


def test_whoever_gets_or_loses_a_face_loses_the_template(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2, "Eve": 3}, faces=3)
    state = train(gallery)
    ada, bob, eve = Subject.objects.order_by("name")
    EnrolledFace.objects.filter(pk=ada.faces.all()[0].pk).update(subject=bob)
    assert {who for _, who in vectors_of(state) if who} == {eve.pk}
    assert len([face for face, _ in vectors_of(state) if face]) == 9
    EnrolledFace.objects.update(notes="seen")
    templates_forget(subject_ids=[eve.pk])
    assert {who for _, who in vectors_of(state) if who} == set()


def test_erasing_a_gallery_drops_its_table(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    train(gallery)
    assert len(tables_of_states()) == own_tables
    gallery.delete()
    assert tables_of_states() == []
    assert not SearchVector.objects.exists()


def test_what_dead_trainings_left_is_swept_and_what_lives_is_not(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_tables, "OWN_TABLE_FROM", 1)
    gallery = gallery_of(in_team, {"Ada": 1})
    current = train(gallery)
    model = model_named(gallery.model)
    left, young = (training.state_begin(gallery=gallery, model=model) for _ in range(2))
    long_ago = timezone.now() - timedelta(hours=1)
    TrainedState.objects.filter(pk__in=[left.pk, current.pk]).update(created_at=long_ago)
    busy = gallery_train(gallery=gallery)
    states_sweep()
    assert TrainedState.objects.count() == 3, "somebody may be building it"
    GalleryJob.objects.filter(pk=busy.pk).update(status="failed")
    TrainedState.objects.filter(pk=young.pk).delete()
    # As after a restore: there is no row for it.
    orphan = f"galleries_vectors_{uuid4().hex}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {orphan} (number integer)")
    assert orphan in tables_of_states()
    assert states_sweep() == 2
    assert [state.pk for state in TrainedState.objects.all()] == [current.pk]
    assert tables_of_states() == [f"galleries_vectors_{current.pk.hex}"]


def test_a_cancelled_training_leaves_the_old_state(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    before = train(gallery)
    job = gallery_train(gallery=gallery)
    running = training.training_run(GalleryJob.objects.get(pk=job.pk))
    next(running)
    assert TrainedState.objects.count() == 2
    job_cancel(job=job)
    running.close()
    assert TrainedState.objects.get().pk == before.pk
    assert len(tables_of_states()) == own_tables
    assert not AuditEvent.objects.filter(action="gallery.trained", object_id=str(gallery.pk)).count() > 1


# --- The fence ------------------------------------------------------------------------------------------
@pytest.fixture()
def as_application(db: None) -> Iterator[None]:
    """Statements of the test run in the role of the application."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {APP}")
        yield
        cursor.execute("RESET ROLE")


def sql(statement: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def test_the_application_trains_large_galleries_and_owns_nothing(
    people: People, others: People, as_application: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_tables, "OWN_TABLE_FROM", 1)
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1}, faces=4)
        state = train(gallery)
    table = f"galleries_vectors_{state.pk.hex}"
    assert sql("SELECT 1 FROM pg_class WHERE relowner = %s::regrole", APP) == []
    assert sql("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s", table) == [
        (True, True)
    ]
    assert sql(f"SELECT count(*) FROM {table}") == [(0,)], "outside of any team"  # noqa: S608
    with team_scope(others.team):
        assert sql(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608
        with pytest.raises(ProgrammingError, match="nothing of yours"), transaction.atomic():
            sql("SELECT galleries_vectors_index(%s, 16, 100, 64, 0)", state.pk)
        with pytest.raises(ProgrammingError, match="no such state"), transaction.atomic():
            sql("SELECT galleries_vectors_create(%s)", state.pk)
        sql("SELECT galleries_vectors_sweep()")
    with team_scope(people.team):
        assert sql(f"SELECT count(*) FROM {table}") == [(5,)]  # noqa: S608
        for statement in (f"DROP TABLE {table}", f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"):
            with pytest.raises(ProgrammingError, match="must be owner"), transaction.atomic():
                sql(statement)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            sql(
                f"INSERT INTO {table} SELECT %s, face_id, subject_id, embedding FROM {table}",  # noqa: S608
                others.team.pk,
            )
        gallery.delete()
    assert tables_of_states() == []


@pytest.mark.parametrize(
    "numbers", ["3, 100, 64, 0", "16, 8, 64, 0", "16, 100, 1, 0", "16, 100, 64, 99", "NULL, 100, 64, 0"]
)
def test_an_index_takes_only_sensible_numbers(in_team: Team, numbers: str) -> None:
    with pytest.raises(DatabaseError, match="numbers"), transaction.atomic():
        sql(f"SELECT galleries_vectors_index(%s, {numbers})", uuid4())


def test_a_large_gallery_is_searched_by_its_index_behind_the_fence(
    people: People, as_application: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_tables, "OWN_TABLE_FROM", 1)
    with team_scope(people.team):
        gallery = crowd(people.team, 700)
        state = train(gallery)
        sql("SET LOCAL enable_seqscan = off")
        plan = sql(
            f"EXPLAIN SELECT face_id FROM galleries_vectors_{state.pk.hex}"  # noqa: S608
            " ORDER BY embedding <-> %s::halfvec LIMIT 40",
            str(embedding_of(1)),
        )
    assert f"galleries_vectors_{state.pk.hex}_near" in str(plan)
