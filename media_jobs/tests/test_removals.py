"""Deleting teams, users and many photos: nothing is left, and a crash in between loses nothing."""

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.access import Access, across_teams, team_scope
from accounts.audit import Actor, acting_as, record
from accounts.keys import api_key_create
from accounts.models import AuditEvent, Invitation, Membership, Role, Team, User
from accounts.services import team_create
from analysis.models import Face
from conftest import People
from emotionsite.problems import Refusal
from media_jobs import removal_steps, removals, signed
from media_jobs.exports import export_run
from media_jobs.leases import Lease
from media_jobs.models import Export, Job, JobItem, Media, Removal
from media_jobs.removals import (
    forgotten_removals_send,
    media_removal_start,
    removal_run,
    team_removal_start,
)
from tests.fakes import EngineWithoutNets

from .helpers import photo, photos, upload, work_off
from .test_erasure import leavings

Names = Callable[[], list[str]]
Count = Callable[[], int]
PASSWORD = "correct horse battery"


def owner_of(people: People) -> Access:
    return Access(team=people.team, scopes=frozenset(), user=people.owner, role=Role.OWNER)


def start(people: People, export_first: bool = False) -> Removal:
    with team_scope(people.team), acting_as(Actor(user_id=people.owner.pk, name="blue-owner")):
        return team_removal_start(access=owner_of(people), export_first=export_first)


def again(removal: Removal) -> Removal:
    with across_teams():
        return Removal.unscoped.select_related("export").get(pk=removal.pk)


def run(removal: Removal) -> Removal:
    removal_run(removal_id=removal.pk)
    return again(removal)


def fill(people: People) -> None:
    """Things of every kind, for the search of what is left. Their names begin with that of the team."""
    name = people.team.name
    with team_scope(people.team):
        one = upload(people.team, photo(1), f"{name}-first-steps.png")
        work_off(one.job, EngineWithoutNets(faces=2))
        upload(people.team, photo(2), f"{name}-still-waiting.png")
        api_key_create(team=people.team, name=f"{name}-robot", scopes=["read"], created_by=people.owner)
        Invitation.objects.create(
            team=people.team,
            email=f"{name}-guest@example.org",
            role=Role.VIEWER,
            token_digest=people.team.pk.hex * 2,
            invited_by=people.owner,
            sent_at=timezone.now(),
            expires_at=timezone.now() + timedelta(days=1),
        )
        record("team.renamed", team=people.team, obj=people.team, before=f"{name}-azure")
    default_storage.save(f"teams/{people.team.pk}/archives/stray.zip", ContentFile(b"no row knows of me"))
    cache.set(f"kept:{people.team.pk}", "something")


# --- A team -------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_after_the_deletion_of_a_team_nothing_of_it_is_left(
    people: People, others: People, stored_files: Names
) -> None:
    fill(people)
    fill(others)
    theirs = [name for name in stored_files() if str(others.team.pk) in name]
    assert len(theirs) == 5
    names = ("blue-first", "blue-still", "blue-robot", "blue-guest", "blue-azure")
    assert len({line.partition(":")[0] for line in leavings(*names)}) >= 4, "the search sees them"
    done = run(start(people))
    assert (done.status, done.done, done.subject_name, done.team_id) == ("succeeded", done.total, "", None)
    with across_teams():
        for model in apps.get_models():
            if any(field.column == "team_id" for field in model._meta.fields) and model is not AuditEvent:
                rows = model._base_manager.filter(team_id=people.team.pk)
                assert not rows.exists(), model
    assert not Team.objects.filter(pk=people.team.pk).exists()
    assert stored_files() == theirs
    assert not Path(default_storage.path(f"teams/{people.team.pk}")).exists()
    left = [line for line in leavings(str(people.team.pk)) if not line.startswith("accounts_auditevent")]
    # The removal knows by its id what it removed, and a message waits for a worker that will find no team.
    assert [line.partition(":")[0] for line in left] == ["media_jobs_removal", "redis b'interactive'"]
    assert list(leavings(*names)) == []
    assert User.objects.filter(username="blue-viewer").exists(), "people keep their accounts"
    with across_teams():
        events = AuditEvent.objects.filter(team_id=people.team.pk)
        assert events.count() > 3
        assert set(events.values_list("object_name", flat=True)) == {"[erased]"}
        assert set(events.exclude(actor_name="system").values_list("actor_name", flat=True)) <= {"[erased]"}
        assert events.filter(action="team.deleted").count() == 1
    with team_scope(others.team):
        assert Media.objects.count() == 2
        assert Face.objects.count() == 2


def test_during_the_deletion_keys_and_members_are_refused(people: People) -> None:
    key = {"Authorization": f"Bearer {people.key()}"}
    client = people.client("admin")
    assert client.get(reverse("photo_list")).status_code == 200
    start(people)
    page = client.get(reverse("photo_list"))
    assert page.status_code == 403
    assert "is being deleted" in page.content.decode()
    for asked in (Client().get("/api/v1/media", headers=key), client.get("/api/v1/media")):
        assert (asked.status_code, asked.json()["code"]) == (403, "team_is_being_deleted")


def test_a_member_of_two_teams_goes_on_in_the_other(people: People) -> None:
    second = team_create(name="green", owner=people.owner)
    start(people)
    page = people.client("owner").get(reverse("photo_list"))
    assert page.status_code == 200
    assert second.name in page.content.decode()


@pytest.mark.django_db(transaction=True)
def test_work_that_waits_is_cancelled_and_a_late_worker_stores_nothing(people: People) -> None:
    with team_scope(people.team):
        waiting = upload(people.team, photo(1))
    start(people)
    with across_teams():
        removal_steps._work_stop(str(people.team.pk))
    with team_scope(people.team):
        waiting.job.refresh_from_db()
        assert waiting.job.status == Job.Status.CANCELLED
        assert set(JobItem.objects.values_list("status", flat=True)) == {JobItem.Status.CANCELLED}
        work_off(waiting.job, EngineWithoutNets())
        assert not Face.objects.exists()


def test_two_owners_cannot_delete_the_same_team_twice(people: People) -> None:
    start(people)
    with pytest.raises(Refusal) as caught:
        start(people)
    assert caught.value.code == "team_is_being_deleted"
    with across_teams():
        assert Removal.unscoped.count() == 1


@pytest.mark.parametrize("role", [Role.ADMIN, Role.ANALYST, None])
def test_only_an_owner_deletes_a_team(people: People, role: str | None) -> None:
    access = Access(team=people.team, scopes=frozenset(), user=people.admin if role else None, role=role)
    with team_scope(people.team), pytest.raises(Refusal) as caught:
        team_removal_start(access=access, export_first=False)
    assert caught.value.code == "owner_only"
    assert Team.objects.get(pk=people.team.pk).deleting_at is None
    with across_teams():
        assert not Removal.unscoped.exists()


def test_an_owner_who_is_none_any_more_cannot(people: People) -> None:
    with team_scope(people.team):
        Membership.objects.filter(user=people.owner).update(role=Role.ADMIN)
    with pytest.raises(Refusal):
        start(people)
    assert Team.objects.get(pk=people.team.pk).deleting_at is None


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_in_the_middle_is_followed_by_another(
    people: People, queued: Count, monkeypatch: pytest.MonkeyPatch, stored_files: Names
) -> None:
    fill(people)
    removal = start(people)

    class Killed(BaseException):
        """Stands for the end of the process."""

    calls = 0
    erase = removal_steps._rows_erase

    def dies(model: Any, team_id: str) -> int:
        nonlocal calls
        calls += 1
        if calls > 6:
            raise Killed
        return erase(model, team_id)

    with monkeypatch.context() as patch:
        patch.setattr(removal_steps, "_rows_erase", dies)
        with pytest.raises(Killed):
            removal_run(removal_id=removal.pk)
    half = again(removal)
    assert half.status == Removal.Status.RUNNING
    assert half.beat_at is not None
    before = queued()
    assert forgotten_removals_send() == 0, "its worker may still be alive"
    assert run(removal).status == Removal.Status.RUNNING, "a second delivery leaves it alone"
    with across_teams():
        Removal.unscoped.update(beat_at=timezone.now() - timedelta(minutes=5))
    assert forgotten_removals_send() == 1
    assert queued() == before + 1
    assert run(removal).status == Removal.Status.SUCCEEDED
    assert not Team.objects.filter(pk=people.team.pk).exists()
    assert stored_files() == []


@pytest.mark.django_db(transaction=True)
def test_a_death_after_the_rows_and_before_the_files_loses_no_file(
    people: People, monkeypatch: pytest.MonkeyPatch, stored_files: Names
) -> None:
    fill(people)
    removal = start(people)

    def dies(team_id: str) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(removal_steps, "_files_gone", dies)
        with pytest.raises(KeyboardInterrupt):
            removal_run(removal_id=removal.pk)
    assert not Team.objects.filter(pk=people.team.pk).exists()
    assert stored_files() != []
    with across_teams():
        Removal.unscoped.update(beat_at=None)
    assert run(removal).status == Removal.Status.SUCCEEDED
    assert stored_files() == []


@pytest.mark.django_db(transaction=True)
def test_a_storage_that_is_away_is_said_and_waited_for(
    people: People, monkeypatch: pytest.MonkeyPatch, stored_files: Names
) -> None:
    fill(people)
    removal = start(people)

    def away(self: FileSystemStorage, name: str) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "delete", away)
        waiting = run(removal)
    assert waiting.status == Removal.Status.RUNNING
    assert waiting.error_message.startswith("The storage cannot be reached")
    done = run(removal)
    assert (done.status, done.error_message) == (Removal.Status.SUCCEEDED, "")
    assert stored_files() == []


@pytest.mark.django_db(transaction=True)
def test_work_is_cut_into_parts_that_end_in_time(people: People, queued: Count) -> None:
    fill(people)
    removal = start(people)
    before = queued()
    rounds = 0
    while again(removal).status != Removal.Status.SUCCEEDED:
        removal_run(removal_id=removal.pk, seconds=0)
        rounds += 1
        assert rounds < 200
        assert again(removal).done <= again(removal).total
    assert rounds > 5
    assert queued() == before + rounds - 1, "each part sends the next one"


@pytest.mark.django_db(transaction=True)
def test_the_export_comes_first_and_outlives_the_team(people: People, stored_files: Names) -> None:
    fill(people)
    removal = start(people, export_first=True)
    assert run(removal).status == Removal.Status.EXPORTING
    with team_scope(people.team):
        assert Media.objects.count() == 2, "nothing goes before the export is ready"
    assert removal.export_id is not None
    export_run(export_id=removal.export_id)
    assert [letter.to for letter in mail.outbox] == [["blue-owner@example.org"]]
    assert run(removal).status == Removal.Status.SUCCEEDED
    with across_teams():
        export = Export.unscoped.get()
    assert (export.team_id, export.status) == (None, Export.Status.READY)
    assert stored_files() == [export.name]
    answer: Any = Client().get(reverse("signed_export", args=[signed.token_of("export", export.pk)]))
    from tests.tenants.test_table import read_all

    with zipfile.ZipFile(io.BytesIO(read_all(answer))) as archive:
        assert len(archive.read("photos.jsonl").splitlines()) == 2


def test_an_export_that_fails_stops_the_deletion(people: People) -> None:
    removal = start(people, export_first=True)
    with across_teams():
        Export.unscoped.update(status=Export.Status.FAILED)
    failed = run(removal)
    assert failed.status == Removal.Status.FAILED
    assert "nothing was deleted" in failed.error_message
    assert Team.objects.get(pk=people.team.pk).deleting_at is None
    assert people.client("viewer").get(reverse("photo_list")).status_code == 200


def test_every_table_of_a_team_is_emptied_before_what_it_points_to() -> None:
    order = removal_steps.team_models()
    for place, model in enumerate(order):
        for field in model._meta.concrete_fields:
            if field.remote_field and field.related_model in order and field.related_model is not model:
                assert place < order.index(field.related_model), (model, field.related_model)


# --- Many photos --------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_many_photos_are_erased_with_progress(
    people: People, others: People, monkeypatch: pytest.MonkeyPatch, stored_files: Names
) -> None:
    monkeypatch.setattr(removal_steps, "CHUNK", 2)
    with team_scope(people.team):
        mine = photos(people.team, 6)
    with team_scope(others.team):
        (theirs,) = photos(others.team, 1)
    key = {"Authorization": f"Bearer {people.key('read', 'analyze')}"}
    wanted = [str(one.pk) for one in mine[:5]] + [str(theirs.pk)]
    client = Client()
    made = client.post(
        "/api/v1/removals", {"media_ids": wanted}, content_type="application/json", headers=key
    )
    assert made.status_code == 202
    assert (made.json()["done"], made.json()["total"]) == (0, 5)
    removal_run(removal_id=made.json()["id"], seconds=0)
    assert client.get(made["Location"], headers=key).json()["done"] == 2
    with team_scope(people.team):
        assert Media.objects.count() == 4
    removal_run(removal_id=made.json()["id"])
    assert client.get(made["Location"], headers=key).json()["status"] == "succeeded"
    with team_scope(people.team):
        assert list(Media.objects.all()) == [mine[5]]
        assert AuditEvent.objects.filter(action="removal.finished").exists()
        assert Removal.objects.get().part_ids == []
    with team_scope(others.team):
        assert Media.objects.filter(pk=theirs.pk).exists()
    foreign = {"Authorization": f"Bearer {others.key()}"}
    assert client.get(made["Location"], headers=foreign).status_code == 404


def test_photos_of_nobody_or_of_another_team_are_not_erased(people: People, others: People) -> None:
    with team_scope(others.team):
        (theirs,) = photos(others.team, 1)
    with team_scope(people.team), pytest.raises(Refusal) as caught:
        media_removal_start(team=people.team, media_ids=[theirs.pk], user=None)
    assert caught.value.code == "removal_empty"
    with across_teams():
        assert not Removal.unscoped.exists()


# --- Leases -------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_lease_gives_signs_and_notices_when_it_is_taken_away(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    from media_jobs import leases

    monkeypatch.setattr(leases, "BEAT_EVERY", timedelta(milliseconds=50))
    removal = start(people)
    lease = Lease.take(Removal, removal.pk, removals.OPEN)
    assert lease is not None
    first = again(removal).beat_at
    with lease:
        time.sleep(0.4)
        sign = again(removal).beat_at
        assert first is not None
        assert sign is not None
        assert sign > first
        lease.check()
        with across_teams():
            Removal.unscoped.update(beat_at=timezone.now() + timedelta(hours=1))
        time.sleep(0.2)
        with pytest.raises(leases.LeaseLost):
            lease.check()
    assert again(removal).beat_at is not None, "what another one has is left to it"


# --- Pages --------------------------------------------------------------------------------------------
def test_the_page_deletes_a_team_only_with_its_name_and_the_password(people: People) -> None:
    client = people.client("owner")
    page = client.get(reverse("team_delete")).content.decode()
    assert "4 members" in page
    for wrong in ({"name": "bleu", "password": PASSWORD}, {"name": "blue", "password": "guessed"}):
        assert client.post(reverse("team_delete"), wrong).status_code == 400
        assert Team.objects.get(pk=people.team.pk).deleting_at is None
    assert people.client("admin").get(reverse("team_delete")).status_code == 403
    answer = client.post(reverse("team_delete"), {"name": "blue", "password": PASSWORD})
    assert answer.status_code == 302
    assert Team.objects.get(pk=people.team.pk).deleting_at is not None
    # Whoever was sent there needs no account, and sees no more than how far it is.
    progress = Client().get(answer["Location"])
    assert "Deletion of the team" in progress.content.decode()
    with across_teams():
        run(Removal.unscoped.get())
    state = Client().get(answer["Location"] + "/state").json()
    assert (state["status"], state["over"], state["done"]) == ("succeeded", True, state["total"])
    after = Client().get(answer["Location"]).content.decode()
    assert "The team is gone" in after
    assert "blue" not in after
    assert Client().get(answer["Location"][:-2]).status_code == 404
