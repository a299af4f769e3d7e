"""Snapshots of galleries: what they freeze, who sees them, how they change and end."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.audit import Actor, acting_as
from accounts.models import AuditEvent, Team, TeamUsage
from conftest import People
from emotionsite.problems import Refusal
from galleries import selectors, snapshots
from galleries.corrections import subject_split, subjects_merge, subjects_move
from galleries.erasure import enrolled_faces_erase, gallery_erase, subjects_erase
from galleries.jobs import job_cancel
from galleries.models import (
    EnrolledFace,
    Gallery,
    GallerySnapshot,
    SnapshotFace,
    SnapshotSubject,
    Subject,
)
from galleries.services import gallery_create, subject_change, subject_create
from galleries.snapshots import (
    snapshot_change,
    snapshot_delete,
    snapshot_seen,
    snapshot_take,
    snapshots_expire,
    snapshots_seen,
)
from media_jobs.removals import removal_run
from tests.fakes import embedding_of

from .helpers import enrol, gallery_of
from .search_helpers import own_tables, train
from .snapshot_helpers import GROUP, rows_of, taken, worked

__all__ = ["own_tables"]


def test_a_snapshot_holds_the_gallery_as_it_was(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, notes="ours", threshold=0.7, **GROUP)
    ada = Subject.objects.get(name="Ada")
    subject_change(subject=ada, external_id="17", notes="first", consent_by="herself")
    EnrolledFace.objects.filter(subject=ada).update(notes="smiling", left=1, top=2, width=3, height=4)
    snapshot = taken(gallery, user_data="before the move")
    assert (snapshot.name, snapshot.notes, snapshot.threshold) == ("Staff", "ours", 0.7)
    assert (snapshot.model, snapshot.model_sha256) == (gallery.model, gallery.model_sha256)
    assert (snapshot.subject_count, snapshot.face_count, snapshot.user_data) == (2, 4, "before the move")
    assert snapshot.ready
    assert not snapshot.trained
    lasts = (snapshot.expires_at - snapshot.created_at).total_seconds()
    assert lasts == pytest.approx(48 * 3600, abs=5)
    frozen = SnapshotSubject.objects.get(subject_id=ada.pk)
    assert (frozen.name, frozen.external_id, frozen.notes, frozen.consent_by) == (
        "Ada",
        "17",
        "first",
        "herself",
    )
    assert frozen.created_at == ada.created_at
    faces = SnapshotFace.objects.filter(person=frozen)
    assert set(faces.values_list("face_id", flat=True)) == set(ada.faces.values_list("pk", flat=True))
    for face in faces:
        original = EnrolledFace.objects.get(pk=face.face_id)
        assert face.embedding == original.embedding
        assert (face.notes, face.left, face.height, face.quality) == ("smiling", 1, 4, "high")
        assert (face.created_at, face.trained) == (original.created_at, False)


def test_what_happens_later_is_not_in_a_snapshot(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    snapshot = taken(gallery)
    enrol(subject_create(gallery=gallery, name="Eve"), embedding_of(9))
    subject_change(subject=Subject.objects.get(name="Ada"), name="Ada Lovelace")
    assert rows_of(snapshot) == (1, 2)
    assert SnapshotSubject.objects.get().name == "Ada"


def test_a_snapshot_knows_which_faces_the_last_training_had(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    before = set(EnrolledFace.objects.values_list("pk", flat=True))
    assert train(gallery).own_table == own_tables
    enrol(Subject.objects.get(), embedding_of(1, 5))
    snapshot = taken(gallery)
    assert snapshot.trained
    assert set(SnapshotFace.objects.filter(trained=True).values_list("face_id", flat=True)) == before
    assert SnapshotFace.objects.filter(trained=False).count() == 1


def test_faces_without_people_and_people_without_faces_are_in_it(in_team: Team) -> None:
    faces = gallery_create(team=in_team, name="Faces", namespace="face_list", key="faces", holds="faces")
    EnrolledFace.objects.create(team=in_team, gallery=faces, embedding=embedding_of(1))
    people = gallery_create(team=in_team, name="People", **GROUP)
    subject_create(gallery=people, name="Nobody's face")
    assert rows_of(taken(faces)) == (0, 1)
    assert rows_of(taken(people)) == (1, 0)


def test_nothing_that_shows_galleries_shows_snapshots(in_team: Team, people: People) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    used = TeamUsage.objects.get(team=in_team).stored_faces
    taken(gallery)
    [shown] = selectors.galleries()
    assert (shown.pk, shown.subject_count, shown.face_count) == (gallery.pk, 1, 2)  # type: ignore[attr-defined]
    assert selectors.subjects().count() == 1
    assert TeamUsage.objects.get(team=in_team).stored_faces == used == 2
    listed = Client().get("/api/v1/galleries", headers={"Authorization": f"Bearer {people.key()}"}).json()
    assert [one["id"] for one in listed["results"]] == [str(gallery.pk)]
    registered = {model.__name__ for model in admin.site._registry}
    assert not registered & {"GallerySnapshot", "SnapshotSubject", "SnapshotFace"}


# --- The job ----------------------------------------------------------------------------------------------
def test_until_it_is_taken_nobody_sees_a_snapshot(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    job = snapshot_take(gallery=gallery, apply_scope=[in_team.pk])
    assert (job.status, job.gallery, job.total) == ("queued", None, 3)
    assert snapshots_seen(team=in_team) == []
    for refused in (
        lambda: snapshot_seen(team=in_team, snapshot_id=GallerySnapshot.objects.get().pk),
        lambda: snapshot_delete(snapshot_id=GallerySnapshot.objects.get().pk),
    ):
        with pytest.raises(Refusal) as refusal:
            refused()
        assert refusal.value.code == "snapshot_unknown"
    assert (worked(job).status, job.done, job.total) == ("succeeded", 3, 3)
    assert [one.pk for one in snapshots_seen(team=in_team)] == [GallerySnapshot.objects.get().pk]


def test_a_taking_that_was_stopped_halfway_is_begun_anew_by_another_worker(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    job = snapshot_take(gallery=gallery, apply_scope=[in_team.pk])
    steps = snapshots.snapshot_steps(job)
    next(steps)
    steps.close()
    assert rows_of(GallerySnapshot.objects.get()) == (0, 0)
    worked(job)
    assert rows_of(GallerySnapshot.objects.get()) == (1, 2)


def test_a_taking_that_was_done_by_a_worker_that_died_is_not_done_twice(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    job = snapshot_take(gallery=gallery, apply_scope=[in_team.pk])
    steps = snapshots.snapshot_steps(job)
    next(steps)
    next(steps)
    steps.close()
    assert worked(job).status == "succeeded"
    assert rows_of(GallerySnapshot.objects.get()) == (1, 2)
    assert AuditEvent.objects.filter(action="snapshot.taken").count() == 1


def test_a_fault_in_the_middle_leaves_no_row(in_team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    job = snapshot_take(gallery=gallery, apply_scope=[in_team.pk])

    def fault(*args: Any, **details: Any) -> None:
        raise RuntimeError("no record")

    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "record", fault)
        with pytest.raises(RuntimeError, match="no record"):
            worked(job)
    job.refresh_from_db()
    assert (job.status, job.error_code) == ("failed", "gallery_job_failed")
    assert (
        GallerySnapshot.objects.count()
        == SnapshotSubject.objects.count()
        == SnapshotFace.objects.count()
        == 0
    )


def test_a_taking_that_was_cancelled_leaves_nothing(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    job = snapshot_take(gallery=gallery, apply_scope=[in_team.pk])
    job_cancel(job=job)
    assert worked(job).status == "cancelled"
    assert GallerySnapshot.objects.count() == 0


def test_of_a_gallery_that_is_gone_no_snapshot_is_taken(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    job = snapshot_take(gallery=gallery, apply_scope=[in_team.pk])
    gallery_erase(gallery=gallery)
    assert (worked(job).status, job.error_code) == ("failed", "snapshot_unknown")
    assert GallerySnapshot.objects.count() == 0


def test_of_a_gallery_that_is_being_erased_no_snapshot_is_taken(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    job = snapshot_take(gallery=gallery, apply_scope=[in_team.pk])
    Gallery.objects.filter(pk=gallery.pk).update(namespace="erasing")
    assert (worked(job).status, job.error_code) == ("failed", "gallery_unknown")
    assert GallerySnapshot.objects.count() == 0


def test_a_team_has_so_many_snapshots_at_a_time(
    in_team: Team, monkeypatch: pytest.MonkeyPatch, everything: Callable[[], Any]
) -> None:
    monkeypatch.setattr(snapshots, "MOST", 2)
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    old = taken(gallery)
    taken(gallery)
    before = everything()
    with pytest.raises(Refusal) as refusal, transaction.atomic():
        snapshot_take(gallery=gallery, apply_scope=[in_team.pk])
    assert refusal.value.code == "snapshots_full"
    assert everything() == before
    assert GallerySnapshot.objects.count() == 2
    GallerySnapshot.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    taken(gallery)


def test_the_record_names_the_key_that_asked(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    with acting_as(Actor(name="robot", api_key="abc123")):
        job = snapshot_take(gallery=gallery, apply_scope=[in_team.pk])
    worked(job)
    event = AuditEvent.objects.get(action="snapshot.taken")
    assert (event.actor_name, event.api_key, event.object_id) == ("robot", "abc123", job.options["snapshot"])
    assert event.details == {"gallery_id": str(gallery.pk), "faces": 2}


# --- Who sees them ----------------------------------------------------------------------------------------
def test_only_the_teams_it_names_and_its_own_see_a_snapshot(people: People, others: People) -> None:
    stranger = Team.objects.create(name="Strangers")
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1}, **GROUP)
        for_them = taken(gallery, others.team)
        for_us = taken(gallery)
    with team_scope(others.team):
        assert [one.pk for one in snapshots_seen(team=others.team)] == [for_them.pk]
        assert snapshot_seen(team=others.team, snapshot_id=for_them.pk).team_id == people.team.pk
        for change in (
            lambda: snapshot_seen(team=others.team, snapshot_id=for_us.pk),
            lambda: snapshot_change(snapshot_id=for_them.pk, user_data="ours"),
            lambda: snapshot_delete(snapshot_id=for_them.pk),
        ):
            with pytest.raises(Refusal) as refusal:
                change()
            assert refusal.value.code == "snapshot_unknown"
        assert SnapshotSubject.objects.count() == 0, "people are seen by nobody else"
    with team_scope(stranger):
        assert snapshots_seen(team=stranger) == []
    with team_scope(people.team):
        assert {one.pk for one in snapshots_seen(team=people.team)} == {for_them.pk, for_us.pk}
        assert [one.pk for one in snapshots_seen(team=people.team, apply_scope=[others.team.pk])] == [
            for_them.pk
        ]
        assert snapshots_seen(team=people.team, namespace="face_list") == []


def test_who_may_apply_it_can_be_changed(people: People, others: People) -> None:
    with team_scope(people.team):
        snapshot = taken(gallery_of(people.team, {"Ada": 1}, **GROUP), others.team)
        snapshot_change(snapshot_id=snapshot.pk, apply_scope=[people.team.pk], user_data="ours")
        snapshot_change(snapshot_id=snapshot.pk, user_data="ours")
        changed = snapshot_seen(team=people.team, snapshot_id=snapshot.pk)
        [event] = AuditEvent.objects.filter(action="snapshot.changed")
        with pytest.raises(TypeError, match="expires_at"):
            snapshot_change(snapshot_id=snapshot.pk, expires_at=timezone.now())
    assert (changed.apply_scope, changed.user_data) == ([people.team.pk], "ours")
    assert changed.updated_at > snapshot.updated_at
    assert changed.expires_at == snapshot.expires_at
    assert event.details == {"fields": ["apply_scope", "user_data"]}
    with team_scope(others.team):
        assert snapshots_seen(team=others.team) == []


def test_snapshots_of_a_team_that_is_being_deleted_are_nobodys(people: People, others: People) -> None:
    with team_scope(people.team):
        taken(gallery_of(people.team, {"Ada": 1}, **GROUP), others.team)
        Team.objects.filter(pk=people.team.pk).update(deleting_at=timezone.now())
    with team_scope(others.team):
        assert snapshots_seen(team=others.team) == []


# --- Their end --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("at_once", [2_000, 1])
def test_a_snapshot_is_erased_with_everybody_in_it(
    in_team: Team, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(snapshots, "FACES_AT_ONCE", at_once)
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    snapshot, other = taken(gallery), taken(gallery)
    snapshot_delete(snapshot_id=snapshot.pk)
    with pytest.raises(Refusal):
        snapshot_delete(snapshot_id=snapshot.pk)
    snapshots_expire()
    assert [one.pk for one in GallerySnapshot.objects.all()] == [other.pk]
    assert (rows_of(snapshot), rows_of(other)) == ((0, 0), (1, 2))
    assert AuditEvent.objects.filter(action="snapshot.deleted").count() == 1
    assert rows_of(other) == (1, 2)
    assert EnrolledFace.objects.count() == 2


def test_after_two_days_a_snapshot_is_gone(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "CHUNK", 2)
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1, "Bob": 2}, faces=3, **GROUP)
        old, young = taken(gallery), taken(gallery)
        GallerySnapshot.objects.filter(pk=old.pk).update(expires_at=timezone.now())
        with pytest.raises(Refusal) as refusal:
            snapshot_seen(team=people.team, snapshot_id=old.pk)
        assert refusal.value.code == "snapshot_unknown"
        assert [one.pk for one in snapshots_seen(team=people.team)] == [young.pk]
    assert snapshots_expire(most=4) == 0, "the next run goes on"
    assert rows_of(old) == (2, 2)
    assert snapshots_expire() == 1
    assert snapshots_expire() == 0
    assert (rows_of(old), rows_of(young)) == ((0, 0), (2, 6))
    with across_teams():
        assert GallerySnapshot.objects.get().pk == young.pk


# --- What becomes of the people -----------------------------------------------------------------------------
def test_who_is_erased_goes_from_every_snapshot(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, **GROUP)
    ada, bob = Subject.objects.order_by("name")
    first, second = taken(gallery), taken(gallery)
    subjects_erase(team=in_team, subject_ids=[ada.pk])
    for snapshot in (first, second):
        assert rows_of(snapshot) == (1, 2)
        assert SnapshotSubject.objects.get(snapshot=snapshot).subject_id == bob.pk
    face = bob.faces.all()[0]
    enrolled_faces_erase(team=in_team, face_ids=[face.pk])
    assert (rows_of(first), rows_of(second)) == ((1, 1), (1, 1))
    assert not SnapshotFace.objects.filter(face_id=face.pk).exists()


@pytest.mark.parametrize("faces", [2, 0])
def test_who_was_merged_goes_from_snapshots_with_the_one_who_stayed(in_team: Team, faces: int) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Adah": 1, "Bob": 2}, faces=faces, **GROUP)
    ada, adah, bob = Subject.objects.order_by("name")
    snapshot = taken(gallery)
    subjects_merge(gallery=gallery, into=ada, others=[adah])
    assert rows_of(snapshot) == (3, 3 * faces), "nothing else changes in it"
    subjects_erase(team=in_team, subject_ids=[ada.pk])
    assert rows_of(snapshot) == (1, faces)
    assert SnapshotSubject.objects.get().subject_id == bob.pk


def test_who_was_split_off_or_moved_goes_from_snapshots_too(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, **GROUP)
    ada, bob = Subject.objects.order_by("name")
    snapshot = taken(gallery)
    face = ada.faces.all()[0]
    eve = subject_split(subject=ada, face_ids=[face.pk], name="Eve")
    elsewhere = gallery_create(team=in_team, name="Elsewhere")
    subjects_move(subjects=[eve, bob], gallery=elsewhere)
    subjects_erase(team=in_team, subject_ids=[eve.pk, bob.pk])
    assert rows_of(snapshot) == (1, 1)
    assert not SnapshotFace.objects.filter(face_id=face.pk).exists()
    assert SnapshotSubject.objects.get().subject_id == ada.pk


def test_a_changed_consent_holds_in_snapshots(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    taken(gallery)
    until = timezone.now() + timedelta(minutes=5)
    subject_change(subject=Subject.objects.get(), consent_until=until, consent_how="mail", name="Eve")
    frozen = SnapshotSubject.objects.get()
    assert (frozen.consent_until, frozen.consent_how, frozen.name) == (until, "mail", "Ada")


@pytest.mark.parametrize("by_job", [False, True])
def test_with_a_gallery_its_snapshots_go(
    in_team: Team, monkeypatch: pytest.MonkeyPatch, by_job: bool
) -> None:
    monkeypatch.setattr("galleries.erasure.MOST_AT_ONCE", 0 if by_job else 100)
    gallery = gallery_of(in_team, {"Ada": 1}, **GROUP)
    other = gallery_of(in_team, {"Bob": 2}, **{**GROUP, "key": "other"})
    gone, stays = taken(gallery), taken(other)
    assert (gallery_erase(gallery=gallery) is not None) == by_job
    assert [one.pk for one in snapshots_seen(team=in_team)] == [stays.pk]
    assert rows_of(gone) == ((1, 2) if by_job else (0, 0))
    assert snapshots_expire() == 1
    assert (rows_of(gone), rows_of(stays)) == ((0, 0), (1, 2))


@pytest.mark.parametrize("by_job", [False, True])
def test_a_snapshot_can_outlive_its_gallery(
    in_team: Team, monkeypatch: pytest.MonkeyPatch, by_job: bool
) -> None:
    monkeypatch.setattr("galleries.erasure.MOST_AT_ONCE", 0 if by_job else 100)
    gallery = gallery_of(in_team, {"Ada": 2}, **GROUP)
    snapshot = taken(gallery)
    removal = gallery_erase(gallery=gallery, keep_snapshots=True)
    assert (removal is not None) == by_job
    if removal is not None:
        removal_run(removal_id=removal.pk)
    assert not Gallery.objects.filter(pk=gallery.pk).exists()
    assert [one.pk for one in snapshots_seen(team=in_team)] == [snapshot.pk]
    assert rows_of(snapshot) == (1, 2)
