"""Deleting a person: with the teams of their own, and without a trace in those of others."""

import json
import zipfile
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.audit import Actor, acting_as, record
from accounts.models import AuditEvent, Invitation, Membership, Role, Team, User
from accounts.services import team_create
from conftest import People
from emotionsite.problems import Refusal
from media_jobs.exports import export_run
from media_jobs.models import Export, Media, Removal
from media_jobs.removals import user_removal_start

from .helpers import photo, upload
from .test_erasure import leavings
from .test_removals import PASSWORD, run


def leave(user: User, export_first: bool = False) -> Removal:
    with acting_as(Actor(user_id=user.pk, name=user.username, address="192.0.2.1")):
        return user_removal_start(user=user, export_first=export_first)


@pytest.mark.django_db(transaction=True)
def test_after_the_deletion_of_a_user_nothing_of_them_is_left(people: People) -> None:
    someone = User.objects.create_user("rosalind", "rosalind@example.org", PASSWORD)
    alone = team_create(name="rosalinds-own", owner=someone)
    EmailAddress.objects.create(user=someone, email="franklin@example.org")
    client = Client()
    client.force_login(someone, backend="django.contrib.auth.backends.ModelBackend")
    with team_scope(people.team):
        Membership.objects.create(team=people.team, user=someone, role=Role.ANALYST)
        with acting_as(Actor(user_id=someone.pk, name="rosalind", address="192.0.2.9")):
            mine = upload(people.team, photo(1), "photo51.png")
        Media.objects.update(created_by=someone)
        record("member.role_changed", team=people.team, obj=someone, name="rosalind")
        Invitation.objects.create(
            team=people.team,
            email="franklin@example.org",
            role=Role.VIEWER,
            token_digest="e" * 64,
            sent_at=timezone.now(),
            expires_at=timezone.now() + timedelta(days=1),
        )
    with team_scope(alone):
        upload(alone, photo(2), "private.png")
    assert client.get(reverse("photo_list")).status_code == 200
    removal = leave(someone)
    assert client.get(reverse("photo_list")).status_code == 302, "signed out at once"
    assert not Client().login(username="rosalind", password=PASSWORD)
    assert run(removal).status == Removal.Status.SUCCEEDED
    assert list(leavings("rosalind", "franklin@", "192.0.2.9", "private.png")) == []
    assert not User.objects.filter(pk=someone.pk).exists()
    assert not Team.objects.filter(pk=alone.pk).exists()
    with team_scope(people.team):
        mine.media.refresh_from_db()
        assert (mine.media.filename, mine.media.created_by) == ("photo51.png", None)
        event = AuditEvent.objects.get(action="media.uploaded")
        assert (event.actor_id, event.actor_name, event.address) == (someone.pk, "[erased]", None)


def test_the_last_owner_of_a_team_of_others_is_refused_by_its_name(people: People) -> None:
    with pytest.raises(Refusal) as caught:
        leave(people.owner)
    assert caught.value.code == "last_owner_leaves"
    assert "blue" in caught.value.message
    people.owner.refresh_from_db()
    assert people.owner.is_active
    assert Team.objects.get(pk=people.team.pk).deleting_at is None
    with across_teams():
        assert not Removal.unscoped.exists()


def test_an_owner_leaves_a_team_that_has_another_one(people: People) -> None:
    with team_scope(people.team):
        Membership.objects.filter(user=people.admin).update(role=Role.OWNER)
    assert run(leave(people.owner)).status == Removal.Status.SUCCEEDED
    assert Team.objects.get(pk=people.team.pk).deleting_at is None
    with team_scope(people.team):
        assert Membership.objects.filter(team=people.team).count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_user_gets_an_export_with_their_own_teams_first(people: People) -> None:
    someone = User.objects.create_user("rosalind", "rosalind@example.org", PASSWORD)
    alone = team_create(name="own", owner=someone)
    with team_scope(alone):
        one = upload(alone, photo(2), "private.png")
    removal = leave(someone, export_first=True)
    assert run(removal).status == Removal.Status.EXPORTING
    assert removal.export_id is not None
    export_run(export_id=removal.export_id)
    assert run(removal).status == Removal.Status.SUCCEEDED
    assert [letter.to for letter in mail.outbox] == [["rosalind@example.org"]]
    with across_teams():
        export = Export.unscoped.get()
    with default_storage.open(export.name, "rb") as file, zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        assert json.loads(archive.read("account.json"))["email"] == "rosalind@example.org"
        assert b"password" not in archive.read("account.json")
    assert f"teams/{alone.pk}/photos/{one.media.pk}.png" in names


def test_an_export_that_fails_lets_the_user_in_again(people: People) -> None:
    removal = leave(people.viewer, export_first=True)
    with across_teams():
        Export.unscoped.update(status=Export.Status.FAILED)
    assert run(removal).status == Removal.Status.FAILED
    assert Client().login(username="blue-viewer", password=PASSWORD)


# --- The page ---------------------------------------------------------------------------------------
def test_the_page_deletes_an_account_and_says_what_goes_with_it(people: People) -> None:
    someone = User.objects.create_user("rosalind", "rosalind@example.org", PASSWORD)
    team_create(name="rosalinds-own", owner=someone)
    client = Client()
    client.force_login(someone, backend="django.contrib.auth.backends.ModelBackend")
    assert "rosalinds-own" in client.get(reverse("account_delete")).content.decode()
    wrong = client.post(reverse("account_delete"), {"name": "rosalind", "password": "no"})
    assert wrong.status_code == 400
    assert User.objects.get(pk=someone.pk).is_active
    answer = client.post(reverse("account_delete"), {"name": "rosalind", "password": PASSWORD})
    assert answer.status_code == 302
    assert client.get(reverse("photo_list")).status_code == 302
    with across_teams():
        run(Removal.unscoped.get())
    assert "The account is gone" in client.get(answer["Location"]).content.decode()


def test_the_page_tells_the_last_owner_what_to_do_first(people: People) -> None:
    client = people.client("owner")
    page = client.get(reverse("account_delete")).content.decode()
    assert "You are the last owner" in page
    assert "blue" in page
    answer = client.post(reverse("account_delete"), {"name": "blue-owner", "password": PASSWORD})
    assert answer.status_code == 400
    assert User.objects.get(pk=people.owner.pk).is_active
