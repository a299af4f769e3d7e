"""Galleries made of snapshots: equal to the source, new in every id, whole or not there at all."""

from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.audit import Actor, acting_as
from accounts.models import AuditEvent, Plan, Team, TeamUsage
from conftest import People
from emotionsite.problems import Refusal
from galleries import search, snapshot_apply
from galleries.erasure import gallery_erase, subjects_erase
from galleries.jobs import Progress, job_cancel, job_run
from galleries.models import EnrolledFace, Gallery, GalleryJob, GallerySnapshot, Subject, TrainedState
from galleries.services import gallery_create, subject_change
from galleries.snapshot_apply import apply_steps
from galleries.snapshots import snapshot_change, snapshot_delete
from galleries.training import states_sweep, training_of
from tests.fakes import embedding_of

from .helpers import enrol, gallery_of
from .search_helpers import crowd, own_tables, train
from .snapshot_helpers import GROUP, applied, taken, worked

__all__ = ["own_tables"]


def asked(team: Team, snapshot: GallerySnapshot, key: str = "copy", **options: Any) -> GalleryJob:
    """Ask for a gallery of a snapshot; nothing is done yet."""
    return snapshot_apply.snapshot_apply(team=team, snapshot_id=snapshot.pk, key=key, **options)


def answers(gallery: Gallery, probes: list[list[float]]) -> list[list[tuple[str, float]]]:
    """Who each probe may be, by name, and how sure that is."""
    names: dict[Any, str] = dict(Subject.objects.filter(gallery=gallery).values_list("pk", "name"))
    found = search.identify(
        gallery=gallery, probes=probes, model_sha256=gallery.model_sha256, count=5, confidence=0.0
    )
    return [[(names[one.subject_id], round(one.confidence, 6)) for one in some] for some in found]


def test_the_new_gallery_is_like_the_old_one_with_new_ids(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, notes="ours", threshold=0.7, **GROUP)
    ada = Subject.objects.get(name="Ada")
    subject_change(subject=ada, external_id="17", notes="first", consent_by="herself")
    EnrolledFace.objects.filter(subject=ada).update(notes="smiling", left=1, top=2, width=3, height=4)
    copy = applied(in_team, taken(gallery))
    settings = ("name", "notes", "holds", "model", "model_sha256", "threshold", "keep_crops", "label_photos")
    for name in settings:
        assert getattr(copy, name) == getattr(gallery, name), name
    assert (copy.namespace, copy.key) == ("person_group", "copy")
    twin = copy.subjects.get(name="Ada")
    for name in ("external_id", "notes", "consent_by", "created_at"):
        ada.refresh_from_db()
        assert getattr(twin, name) == getattr(ada, name), name
    assert sorted(list(face.embedding) for face in twin.faces.all()) == sorted(
        list(face.embedding) for face in ada.faces.all()
    )
    assert set(twin.faces.values_list("notes", "left", "height", "quality")) == {("smiling", 1, 4, "high")}
    for of in ("subjects", "faces"):
        old = set(getattr(gallery, of).values_list("pk", flat=True))
        new = set(getattr(copy, of).values_list("pk", flat=True))
        assert len(new) == len(old)
        assert not new & old
    assert TeamUsage.objects.get(team=in_team).stored_faces == 8


def test_a_copy_of_what_was_trained_answers_as_the_source_at_once(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2, "Eve": 3}, faces=3, **GROUP)
    train(gallery)
    # Enrolled since the last training: found by neither.
    enrol(Subject.objects.get(name="Ada"), embedding_of(7))
    copy = applied(in_team, taken(gallery))
    probes = [embedding_of(number, 9) for number in (1, 2, 3, 7)]
    assert answers(copy, probes) == answers(gallery, probes)
    assert [some[0][0] for some in answers(copy, probes[:3])] == ["Ada", "Bob", "Eve"]
    training = training_of(copy)
    assert (training.status, training.face_count, training.due) == ("succeeded", 9, True)
    state = TrainedState.objects.get(gallery=copy)
    assert (state.own_table, state.is_current) == (own_tables, True)


def test_a_copy_of_what_was_trained_with_all_is_not_due(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    train(gallery)
    assert not training_of(applied(in_team, taken(gallery))).due


def test_a_copy_of_what_was_never_trained_is_not_trained(in_team: Team) -> None:
    copy = applied(in_team, taken(gallery_of(in_team, {"Ada": 1}, **GROUP)))
    assert training_of(copy).status == "not_started"
    with pytest.raises(Refusal) as refusal:
        answers(copy, [embedding_of(1)])
    assert refusal.value.code == "gallery_not_trained"


def test_a_list_of_faces_is_copied_too(in_team: Team) -> None:
    faces = gallery_create(team=in_team, name="Faces", namespace="face_list", key="faces", holds="faces")
    for number in (1, 2):
        EnrolledFace.objects.create(
            team=in_team, gallery=faces, embedding=embedding_of(number), notes=str(number)
        )
    copy = applied(in_team, taken(faces))
    assert copy.holds == "faces"
    notes = copy.faces.order_by("created_at").values_list("notes", flat=True)
    assert list(notes) == ["1", "2"], "in the order in which they came"


def test_three_thousand_faces_are_copied_in_chunks(in_team: Team) -> None:
    gallery = crowd(in_team, 1000, most=5, **GROUP)
    faces = gallery.faces.count()
    assert faces > 2_500
    train(gallery)
    job = asked(in_team, taken(gallery))
    steps = [progress.done for progress in _steps(job)]
    assert steps == sorted(steps)
    assert len(steps) >= 4
    assert steps[-1] == job.total == faces + 1000
    copy = Gallery.objects.get(key="copy")
    assert (copy.subjects.count(), copy.faces.count()) == (1000, faces)
    probes = [list(face.embedding) for face in gallery.faces.order_by("id")[:20]]
    assert answers(copy, probes) == answers(gallery, probes)


def _steps(job: GalleryJob) -> Generator[Progress]:
    """Take all steps of a job that is marked as running."""
    GalleryJob.objects.filter(pk=job.pk).update(status="running")
    return apply_steps(job)


@pytest.mark.parametrize("stopped_after", range(1, 9))
def test_a_job_that_was_killed_anywhere_is_finished_by_another_worker(
    in_team: Team, monkeypatch: pytest.MonkeyPatch, stopped_after: int
) -> None:
    monkeypatch.setattr(snapshot_apply, "CHUNK", 2)
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2, "Eve": 3}, **GROUP)
    train(gallery)
    enrol(Subject.objects.get(name="Ada"), embedding_of(7))
    snapshot = taken(gallery)
    job = asked(in_team, snapshot)
    steps = _steps(job)
    for _ in range(stopped_after):
        next(steps)
    # A killed worker runs nothing of what stands in `finally`; rows of the state may be left.
    assert not Gallery.objects.filter(namespace="person_group", key="copy").exists() or stopped_after == 8
    steps.close()
    job_run(job_id=job.pk)
    job.refresh_from_db()
    assert (job.status, job.done) == ("succeeded", job.total)
    copy = Gallery.objects.get(namespace="person_group", key="copy")
    assert Gallery.objects.count() == 2
    assert (copy.subjects.count(), copy.faces.count()) == (3, 7)
    probes = [embedding_of(number, 9) for number in (1, 2, 3, 7)]
    assert answers(copy, probes) == answers(gallery, probes)
    assert TrainedState.objects.filter(gallery=copy).count() == 1
    assert AuditEvent.objects.filter(action="snapshot.applied").count() == 1


def test_nobody_sweeps_the_state_of_a_gallery_that_is_being_made(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    train(gallery)
    job = asked(in_team, taken(gallery))
    steps = _steps(job)
    while not TrainedState.objects.filter(is_current=False).exists():
        next(steps)
    TrainedState.objects.filter(is_current=False).update(created_at=timezone.now() - timedelta(hours=1))
    assert states_sweep() == 0
    assert [progress.done for progress in steps][-1] == job.total
    assert Gallery.objects.filter(key="copy").exists()


# --- Across teams -------------------------------------------------------------------------------------------
def test_another_team_makes_its_own_gallery_of_it(people: People, others: People) -> None:
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1, "Bob": 2}, **GROUP)
        train(gallery)
        snapshot = taken(gallery, others.team)
        probes = [embedding_of(1, 9)]
        ours = answers(gallery, probes)
    with acting_as(Actor(name="their robot", api_key="xyz")):
        copy = applied(others.team, snapshot, "theirs")
    with team_scope(others.team):
        assert copy.team_id == others.team.pk
        assert set(copy.faces.values_list("team", flat=True)) == {others.team.pk}
        assert answers(copy, probes) == ours
        assert TeamUsage.objects.get(team=others.team).stored_faces == 4
        event = AuditEvent.objects.get(action="snapshot.applied")
        assert event.api_key == "xyz"
        assert event.details == {"gallery_id": str(copy.pk), "faces": 4}
    with team_scope(people.team):
        assert Gallery.objects.count() == 1
        assert TeamUsage.objects.get(team=people.team).stored_faces == 4
        event = AuditEvent.objects.get(action="snapshot.applied")
        assert (event.api_key, event.actor_name) == ("", "system"), "the other team's keys are its own"
        assert event.details == {"account": str(others.team.pk)}
        # What is erased here does not reach into the other team's gallery.
        subjects_erase(team=people.team, subject_ids=list(gallery.subjects.values_list("pk", flat=True)))
    with team_scope(others.team):
        assert copy.faces.count() == 4


Ask = Callable[[], Any]


@pytest.fixture()
def refused(everything: Callable[[], Any]) -> Callable[[Ask, str], None]:
    """Call it with what is refused: it is, with this code, and nothing has changed."""

    def check(ask: Ask, code: str) -> None:
        before = everything()
        with pytest.raises(Refusal) as refusal, transaction.atomic():
            ask()
        assert refusal.value.code == code
        assert everything() == before

    return check


def test_who_is_not_named_cannot_apply_it(
    people: People, others: People, refused: Callable[[Ask, str], None]
) -> None:
    with team_scope(people.team):
        snapshot = taken(gallery_of(people.team, {"Ada": 1}, **GROUP), others.team)
        snapshot_change(snapshot_id=snapshot.pk, apply_scope=[others.team.pk])
        refused(lambda: asked(people.team, snapshot), "snapshot_not_for_team")
        snapshot_change(snapshot_id=snapshot.pk, apply_scope=[people.team.pk])
    with team_scope(others.team):
        refused(lambda: asked(others.team, snapshot), "snapshot_unknown")


def test_what_is_over_or_unknown_cannot_be_applied(
    in_team: Team, refused: Callable[[Ask, str], None]
) -> None:
    snapshot = taken(gallery_of(in_team, {"Ada": 1}, **GROUP))
    nobody = GallerySnapshot(pk=uuid4())
    refused(lambda: asked(in_team, nobody), "snapshot_unknown")
    GallerySnapshot.objects.update(expires_at=timezone.now())
    refused(lambda: asked(in_team, snapshot), "snapshot_unknown")


def test_a_key_that_is_taken_or_will_be_is_refused(
    in_team: Team, refused: Callable[[Ask, str], None]
) -> None:
    snapshot = taken(gallery_of(in_team, {"Ada": 1}, **GROUP))
    refused(lambda: asked(in_team, snapshot, "staff"), "gallery_key_taken")
    asked(in_team, snapshot)
    refused(lambda: asked(in_team, snapshot), "gallery_key_taken")
    gallery_create(team=in_team, name="Native", key="native")
    asked(in_team, snapshot, "native")


def test_limits_hold_before_anything_is_copied(in_team: Team, refused: Callable[[Ask, str], None]) -> None:
    snapshot = taken(gallery_of(in_team, {"Ada": 1}, **GROUP))
    refused(lambda: asked(in_team, snapshot, most=1), "galleries_full")
    in_team.plan = Plan.objects.create(name="small", stored_faces=3)
    in_team.save()
    refused(lambda: asked(in_team, snapshot), "quota_faces")


def test_a_snapshot_of_weights_that_were_replaced_is_refused(
    in_team: Team, refused: Callable[[Ask, str], None]
) -> None:
    snapshot = taken(gallery_of(in_team, {"Ada": 1}, **GROUP))
    GallerySnapshot.objects.update(model_sha256="0" * 64)
    refused(lambda: asked(in_team, snapshot), "model_replaced")


# --- What can happen in between -----------------------------------------------------------------------------
def test_whose_consent_has_ended_is_not_copied(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2, "Eve": 3}, erase_without_consent=False, **GROUP)
    train(gallery)
    snapshot = taken(gallery)
    soon = timezone.now() + timedelta(hours=1)
    subject_change(subject=Subject.objects.get(name="Ada"), consent_until=timezone.now())
    subject_change(subject=Subject.objects.get(name="Bob"), consent_until=soon)
    copy = applied(in_team, snapshot)
    assert set(copy.subjects.values_list("name", "consent_until")) == {("Bob", soon), ("Eve", None)}
    assert copy.faces.count() == 4
    assert {name for some in answers(copy, [embedding_of(1)]) for name, _ in some} == {"Bob", "Eve"}


def _nothing_left(team: Team, job: GalleryJob, code: str) -> None:
    """The job failed for this reason, and what it had made is gone."""
    job_run(job_id=job.pk)
    job.refresh_from_db()
    assert (job.status, job.error_code) == ("failed", code)
    assert Gallery.objects.filter(namespace="applying").count() == 0
    assert not Gallery.objects.filter(name="Staff", key="copy").exists()
    assert TrainedState.objects.filter(is_current=False).count() == 0
    assert set(EnrolledFace.objects.values_list("gallery__key", flat=True)) <= {"staff"}
    assert AuditEvent.objects.filter(action="snapshot.applied").count() == 0


def _half(team: Team, monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[GallerySnapshot, GalleryJob]:
    """A snapshot of three people, and a job that has copied some of them."""
    monkeypatch.setattr(snapshot_apply, "CHUNK", 2)
    snapshot = taken(gallery_of(team, {"Ada": 1, "Bob": 2, "Eve": 3}, **GROUP))
    job = asked(team, snapshot, **options)
    steps = _steps(job)
    for _ in range(3):
        next(steps)
    steps.close()
    assert EnrolledFace.objects.filter(gallery__namespace="applying").count() == 2
    return snapshot, job


def test_a_snapshot_that_ends_meanwhile_leaves_nothing(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, job = _half(in_team, monkeypatch)
    snapshot_delete(snapshot_id=snapshot.pk)
    _nothing_left(in_team, job, "snapshot_unknown")


def test_a_team_that_is_let_out_meanwhile_gets_nothing(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, job = _half(in_team, monkeypatch)
    snapshot_change(snapshot_id=snapshot.pk, apply_scope=[uuid4()])
    _nothing_left(in_team, job, "snapshot_unknown")


def test_a_key_that_is_taken_meanwhile_fails_the_job(in_team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    _, job = _half(in_team, monkeypatch)
    gallery_create(team=in_team, name="Faster", namespace="person_group", key="copy")
    _nothing_left(in_team, job, "gallery_key_taken")
    assert Gallery.objects.filter(name="Faster").exists()


def test_limits_that_are_reached_meanwhile_fail_the_job(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, job = _half(in_team, monkeypatch)
    in_team.plan = Plan.objects.create(name="small", stored_faces=9)
    in_team.save()
    _nothing_left(in_team, job, "quota_faces")
    assert TeamUsage.objects.get(team=in_team).stored_faces == 6


def test_galleries_that_are_too_many_meanwhile_fail_the_job(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, job = _half(in_team, monkeypatch, most=2)
    gallery_create(team=in_team, name="Faster", namespace="person_group", key="faster")
    _nothing_left(in_team, job, "galleries_full")


def test_a_gallery_that_somebody_erases_meanwhile_fails_the_job(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, job = _half(in_team, monkeypatch)
    gallery_erase(gallery=Gallery.objects.get(namespace="applying"))
    _nothing_left(in_team, job, "gallery_unknown")


def test_a_cancelled_job_leaves_nothing(in_team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    _, job = _half(in_team, monkeypatch)
    job_cancel(job=job)
    assert worked(job).status == "cancelled"
    assert Gallery.objects.count() == 1
    assert EnrolledFace.objects.count() == 6


def test_who_is_erased_meanwhile_is_not_copied_any_more(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, job = _half(in_team, monkeypatch)
    # Whose faces come first is by chance: somebody whose turn has not come.
    copied = EnrolledFace.objects.filter(gallery__namespace="applying").values("subject__name")
    later = Subject.objects.filter(gallery__key="staff").exclude(name__in=copied)[0]
    subjects_erase(team=in_team, subject_ids=[later.pk])
    assert worked(job).status == "succeeded"
    copy = Gallery.objects.get(key="copy")
    assert copy.faces.count() == 4
    with across_teams():
        assert EnrolledFace.objects.count() == 8
