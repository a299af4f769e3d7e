"""Training beside enrolling, erasing, correcting, asking, and beside another training."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.models import Team
from conftest import People, make_people
from galleries import search, search_tables, training
from galleries.jobs import forgotten_jobs_send, job_run
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject, TrainedState
from galleries.services import subject_create
from galleries.training import gallery_train, training_of
from media_jobs.leases import LeaseLost
from tests.fakes import embedding_of

from .helpers import enrol, gallery_of
from .search_helpers import crowd, own_tables, tables_of_states, train
from .test_training import touch, vectors_of

__all__ = ["own_tables"]


def in_thread(work: Callable[[], None]) -> threading.Thread:
    """Begin work in a thread with a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture()
def committed(transactional_db: None) -> Iterator[People]:
    """People whose rows other connections see; no table is left behind."""
    yield make_people("blue")
    with across_teams():
        TrainedState.objects.all().delete()
    assert tables_of_states() == []


@pytest.mark.django_db(transaction=True)
def test_enrolling_and_erasing_beside_training_loses_and_doubles_nothing(
    committed: People, own_tables: bool
) -> None:
    from django.db.models.functions import Now

    from galleries.erasure import enrolled_faces_erase

    team = committed.team
    with team_scope(team):
        gallery = crowd(team, 40)
    over = threading.Event()
    faults: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                with team_scope(team):
                    while not over.is_set():
                        work()
            except BaseException as fault:
                faults.append(fault)
                raise

        return run

    def enrolling() -> None:
        with transaction.atomic():
            Gallery.objects.filter(pk=gallery.pk).update(changed_at=Now())
            subject = subject_create(gallery=gallery, name="New")
            enrol(subject, embedding_of(7), embedding_of(7, 1))

    def erasing() -> None:
        face = EnrolledFace.objects.order_by("?").values_list("pk", flat=True).first()
        if face is not None:
            enrolled_faces_erase(team=team, face_ids=[face])

    def correcting() -> None:
        with transaction.atomic():
            Gallery.objects.filter(pk=gallery.pk).update(changed_at=Now())
            one, other = Subject.objects.filter(gallery=gallery).order_by("?")[:2]
            EnrolledFace.objects.filter(subject=one).update(subject=other)

    threads = [in_thread(guarded(work)) for work in (enrolling, erasing, correcting)]
    with team_scope(team):
        try:
            for _ in range(6):
                train(gallery)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert faults == []
        gallery.refresh_from_db()
        state = TrainedState.objects.get()
        faces = [face for face, _ in vectors_of(state) if face]
        there = set(EnrolledFace.objects.values_list("pk", flat=True))
        assert len(faces) == len(set(faces))
        assert set(faces) <= there, "no vector of an erased face is left"
        if not training_of(gallery).due:
            assert set(faces) == there
        state = train(gallery)
        found = vectors_of(state)
        assert {face for face, _ in found if face} == there
        gallery.refresh_from_db()
        assert not training_of(gallery).due


@pytest.mark.django_db(transaction=True)
def test_what_was_enrolled_during_training_leaves_it_due(committed: People) -> None:
    team = committed.team
    with team_scope(team):
        gallery = gallery_of(team, {"Ada": 1})
        job = gallery_train(gallery=gallery)
        begun, go_on = threading.Event(), threading.Event()

        def slow() -> None:
            with team_scope(team), transaction.atomic():
                # Its transaction began before the training and ends after.
                touch(gallery)
                enrol(Subject.objects.get(name="Ada"), embedding_of(1, 9))
                begun.set()
                assert go_on.wait(20)

        thread = in_thread(slow)
        assert begun.wait(20)
        job_run(job_id=job.pk)
        go_on.set()
        thread.join()
        gallery.refresh_from_db()
        assert TrainedState.objects.get().face_count == 2
        assert training_of(gallery).due


@pytest.mark.django_db(transaction=True)
def test_an_erasure_that_is_not_over_is_waited_for(committed: People, own_tables: bool) -> None:
    team = committed.team
    with team_scope(team):
        gallery = gallery_of(team, {"Ada": 1, "Bob": 2})
        begun, go_on = threading.Event(), threading.Event()

        def slow() -> None:
            with team_scope(team), transaction.atomic():
                Subject.objects.get(name="Ada").delete()
                begun.set()
                assert go_on.wait(20)

        thread = in_thread(slow)
        assert begun.wait(20)
        threading.Timer(0.5, go_on.set).start()
        state = train(gallery)
        thread.join()
        assert {face for face, _ in vectors_of(state) if face} == set(
            EnrolledFace.objects.values_list("pk", flat=True)
        )
        assert state.face_count == 2


@pytest.mark.django_db(transaction=True)
def test_two_trainings_of_a_gallery_do_not_run_at_once(committed: People) -> None:
    team = committed.team
    with team_scope(team):
        gallery = gallery_of(team, {"Ada": 1})
        job = GalleryJob.objects.get(pk=gallery_train(gallery=gallery).pk)
        running = training.training_run(job)
        next(running)
        outcome: list[str] = []

        def second() -> None:
            with team_scope(team):
                try:
                    list(training.training_run(GalleryJob.objects.get(pk=job.pk)))
                except LeaseLost:
                    outcome.append("left")

        in_thread(second).join()
        assert outcome == ["left"]
        list(running)
        assert TrainedState.objects.get().is_current


@pytest.mark.django_db(transaction=True)
def test_a_killed_training_is_done_anew_and_leaves_one_state(
    committed: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes, as with the process: what it had begun is what the next one finds."""
    monkeypatch.setattr(search_tables, "OWN_TABLE_FROM", 1)
    team = committed.team
    with team_scope(team):
        gallery = gallery_of(team, {"Ada": 1})
        before = train(gallery)
        job = gallery_train(gallery=gallery)
        kept: list[Any] = []

        def dying() -> None:
            with team_scope(team):
                running = training.training_run(GalleryJob.objects.get(pk=job.pk))
                GalleryJob.objects.filter(pk=job.pk).update(status="running", beat_at=timezone.now())
                next(running)
                kept.append(running)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    kept.append(cursor.fetchone()[0])
                connection.connection = None

        in_thread(dying).join()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [kept[1]])
        assert TrainedState.objects.count() == 2
        assert len(tables_of_states()) == 2
        assert TrainedState.objects.get(is_current=True).pk == before.pk
        job_run(job_id=job.pk)
        assert GalleryJob.objects.get(pk=job.pk).status == "running", "its lease has not run out"
        GalleryJob.objects.filter(pk=job.pk).update(beat_at=timezone.now() - timedelta(minutes=5))
        # This one, and the photos that are looked through after a training.
        assert forgotten_jobs_send() == 2
        job_run(job_id=job.pk)
        assert GalleryJob.objects.get(pk=job.pk).status == "succeeded"
        state = TrainedState.objects.get()
        assert tables_of_states() == [f"galleries_vectors_{state.pk.hex}"]


@pytest.mark.django_db(transaction=True)
def test_a_question_whose_table_goes_is_answered_from_the_next_state(
    committed: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_tables, "OWN_TABLE_FROM", 1)
    team = committed.team
    with team_scope(team):
        gallery = gallery_of(team, {"Ada": 1})
        train(gallery)
        from galleries import search_sql

        usual = search_sql._prepare
        trained: list[bool] = []

        def between(faces: int, limit: int, exact: bool) -> None:
            if not trained:
                trained.append(True)
                thread = in_thread(lambda: _train_in(team, gallery))
                thread.join()
            usual(faces, limit, exact)

        monkeypatch.setattr(search_sql, "_prepare", between)
        probe = [embedding_of(1)]
        answer = search.identify(gallery=gallery, probes=probe, model_sha256=gallery.model_sha256)
        assert answer[0][0].subject_id == Subject.objects.get().pk
        assert trained


def _train_in(team: Team, gallery: Gallery) -> None:
    with team_scope(team):
        train(gallery)
