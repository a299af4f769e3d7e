"""Exports: what is in the ZIP, how it is fetched, and when it goes."""

import io
import json
import threading
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.files.storage import default_storage
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.keys import api_key_create
from accounts.models import AuditEvent, Team
from conftest import People
from emotionsite.problems import Refusal
from media_jobs import export_content, exports, files, signed
from media_jobs.exports import export_run, export_start, exports_expire, forgotten_exports_send
from media_jobs.leases import Lease
from media_jobs.models import Export, Media
from tests.fakes import EngineWithoutNets

from .helpers import photo, photos, upload, work_off

Names = Callable[[], list[str]]
Count = Callable[[], int]


def ready(people: People, kind: str = Export.Kind.TEAM) -> Export:
    with team_scope(people.team):
        export = export_start(team=people.team, kind=kind, user=people.owner)
    export_run(export_id=export.pk)
    return again(export)


def again(export: Export) -> Export:
    with across_teams():
        return Export.unscoped.get(pk=export.pk)


def archive_of(export: Export) -> zipfile.ZipFile:
    with default_storage.open(export.name, "rb") as file:
        return zipfile.ZipFile(io.BytesIO(file.read()))


def body_of(answer: Any) -> bytes:
    from tests.tenants.test_table import read_all

    return read_all(answer)


@pytest.mark.django_db(transaction=True)
def test_an_export_holds_everything_but_secrets(people: People, others: People) -> None:
    content = photo(1)
    with team_scope(people.team):
        one = upload(people.team, content, "me.png")
        work_off(one.job, EngineWithoutNets(faces=2))
        key, text = api_key_create(team=people.team, name="robot", scopes=["read"])
    with team_scope(others.team):
        upload(others.team, photo(2), "theirs.png")
    export = ready(people)
    assert (export.status, export.done, export.total) == (Export.Status.READY, 1, 1)
    with archive_of(export) as archive:
        assert archive.testzip() is None
        assert archive.read(f"photos/{one.media.pk}.png") == content
        (line,) = archive.read("photos.jsonl").splitlines()
        assert json.loads(line)["file"] == f"photos/{one.media.pk}.png"
        faces = [json.loads(line) for line in archive.read("faces.jsonl").splitlines()]
        # Faces come by id, and ids come by chance.
        assert sorted(face["number"] for face in faces) == [1, 2]
        assert faces[0]["happiness"] == pytest.approx(0.65)
        assert json.loads(archive.read("keys.json"))[0]["identifier"] == key.identifier
        members = json.loads(archive.read("members.json"))["members"]
        assert {one["role"] for one in members} == {"owner", "admin", "analyst", "viewer"}
        assert b"media.uploaded" in archive.read("audit.jsonl")
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert text.split("_", 2)[2].encode() not in everything
    assert key.digest.encode() not in everything
    assert b"theirs.png" not in everything


@pytest.mark.django_db(transaction=True)
def test_the_person_who_asked_gets_a_mail_with_a_link_that_needs_no_sign_in(people: People) -> None:
    export = ready(people)
    (letter,) = mail.outbox
    assert letter.to == ["blue-owner@example.org"]
    token = signed.token_of("export", export.pk)
    link = next(word for word in letter.body.split() if "/signed/exports/" in word)
    path = link.partition("8000")[2]
    answer = Client().get(path)
    assert answer.status_code == 200
    assert zipfile.ZipFile(io.BytesIO(body_of(answer))).testzip() is None
    assert "no-store" in answer["Cache-Control"]
    forged = token[:-1] + ("y" if token.endswith("x") else "x")
    assert Client().get(reverse("signed_export", args=[forged])).status_code == 404
    wrong_kind = signed.token_of("removal", export.pk)
    assert Client().get(reverse("signed_export", args=[wrong_kind])).status_code == 404
    with team_scope(people.team):
        assert AuditEvent.objects.filter(action="export.downloaded").count() == 1


def test_a_link_ends_after_a_week(people: People, time_machine: Any) -> None:
    export = ready(people)
    path = reverse("signed_export", args=[signed.token_of("export", export.pk)])
    time_machine.move_to(timezone.now() + timedelta(days=7, minutes=1))
    assert Client().get(path).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_an_expired_export_loses_its_file(people: People, stored_files: Names) -> None:
    export = ready(people)
    assert stored_files() == [export.name]
    assert exports_expire() == 0
    with across_teams():
        Export.unscoped.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert exports_expire() == 1
    assert stored_files() == []
    assert again(export).status == Export.Status.ERASED
    link = reverse("signed_export", args=[signed.token_of("export", export.pk)])
    assert Client().get(link).status_code == 410
    assert exports_expire() == 0


def test_a_second_export_of_a_kind_waits_for_the_first(people: People) -> None:
    with team_scope(people.team):
        export_start(team=people.team, kind=Export.Kind.TEAM, user=None)
        with pytest.raises(Refusal) as caught:
            export_start(team=people.team, kind=Export.Kind.TEAM, user=None)
        assert caught.value.code == "export_in_progress"
        assert Export.objects.count() == 1
        export_start(team=people.team, kind=Export.Kind.AUDIT, user=None)


@pytest.mark.django_db(transaction=True)
def test_a_second_delivery_leaves_the_work_to_the_first(people: People, stored_files: Names) -> None:
    with team_scope(people.team):
        export = export_start(team=people.team, kind=Export.Kind.TEAM, user=None)
    with across_teams():
        lease = Lease.take(Export, export.pk, exports.OPEN)
    assert lease is not None
    export_run(export_id=export.pk)
    assert stored_files() == []
    assert again(export).status == Export.Status.QUEUED


@pytest.mark.django_db(transaction=True)
def test_an_export_whose_worker_died_is_taken_up_again(people: People, queued: Count) -> None:
    with team_scope(people.team):
        export = export_start(team=people.team, kind=Export.Kind.TEAM, user=None)
    assert queued() == 1
    with across_teams():
        Export.unscoped.update(status=Export.Status.RUNNING, beat_at=timezone.now())
    assert forgotten_exports_send() == 0, "its worker gave a sign just now"
    with across_teams():
        Export.unscoped.update(beat_at=timezone.now() - timedelta(minutes=5))
    assert forgotten_exports_send() == 1
    export_run(export_id=export.pk)
    assert again(export).status == Export.Status.READY


def test_an_export_that_takes_longer_than_a_day_is_given_up(people: People) -> None:
    with team_scope(people.team):
        export = export_start(team=people.team, kind=Export.Kind.TEAM, user=None)
    with across_teams():
        Export.unscoped.update(created_at=timezone.now() - timedelta(days=2))
    forgotten_exports_send()
    assert again(export).status == Export.Status.FAILED
    assert again(export).error_message.endswith("try again.")


@pytest.mark.django_db(transaction=True)
def test_photos_erased_while_an_export_is_made_are_not_in_it(
    people: People, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    from media_jobs.erasure import media_erase

    with team_scope(people.team):
        one, other = photos(people.team, 2)
        export = export_start(team=people.team, kind=Export.Kind.TEAM, user=None)
    store = files.store

    def erased_meanwhile(name: str, content: Any) -> str:
        def erase() -> None:
            with team_scope(people.team):
                media_erase(team=people.team, media_ids=[one.pk])
            connections.close_all()

        thread = threading.Thread(target=erase)
        thread.start()
        thread.join(timeout=30)
        return store(name, content)

    with monkeypatch.context() as patch:
        patch.setattr(files, "store", erased_meanwhile)
        export_run(export_id=export.pk)
    assert again(export).status == Export.Status.QUEUED
    assert not any(name.startswith("exports/") for name in stored_files())
    export_run(export_id=export.pk)
    with archive_of(again(export)) as archive:
        assert str(one.pk).encode() not in archive.read("photos.jsonl")
        assert f"photos/{other.pk}.png" in archive.namelist()


def test_a_full_storage_is_said(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    from media_jobs.refusals import refuse

    def full(name: str, content: Any) -> str:
        raise refuse("storage_full")

    monkeypatch.setattr(files, "store", full)
    export = ready(people)
    assert export.status == Export.Status.FAILED
    assert "no room left" in export.error_message


def test_rows_are_read_page_by_page(
    in_team: Team, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_content, "PAGE", 2)
    made = {one.pk for one in photos(in_team, 5)}
    with django_assert_num_queries(3):
        read = [one.pk for one in export_content.pages(Media.objects.all())]
    assert set(read) == made
    assert len(read) == 5


# --- Page and API -------------------------------------------------------------------------------------
def test_the_page_lists_makes_and_erases_exports(people: People) -> None:
    client = people.client("admin")
    assert "No export yet" in client.get(reverse("team_exports")).content.decode()
    assert client.post(reverse("team_exports"), {"kind": "team"}).status_code == 302
    assert "being made" in client.get(reverse("team_exports")).content.decode()
    refused = client.post(reverse("team_exports"), {"kind": "team"}, follow=True)
    assert "is being made already" in refused.content.decode()
    with team_scope(people.team):
        export = Export.objects.get()
    assert client.post(reverse("team_exports"), {"kind": "user"}).status_code == 404
    assert client.get(reverse("team_export_file", args=[export.pk])).status_code == 302
    export_run(export_id=export.pk)
    assert client.get(reverse("team_export_file", args=[export.pk])).status_code == 200
    assert client.post(reverse("team_export_delete", args=[export.pk])).status_code == 302
    with team_scope(people.team):
        assert not Export.objects.exists()
        actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"export.created", "export.downloaded", "export.deleted"} <= actions


def test_the_api_makes_shows_and_sends_an_export(people: People, others: People) -> None:
    headers = {"Authorization": f"Bearer {people.key('manage', 'read')}"}
    theirs = {"Authorization": f"Bearer {others.key()}"}
    client = Client()
    made = client.post("/api/v1/exports", {"kind": "audit"}, content_type="application/json", headers=headers)
    assert made.status_code == 202
    where = made["Location"]
    answer = client.get(f"{where}/file", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "export_not_ready")
    export_run(export_id=made.json()["id"])
    assert client.get(where, headers=headers).json()["status"] == "ready"
    assert client.get(where, headers=theirs).status_code == 404
    assert client.get(f"{where}/file", headers=theirs).status_code == 404
    content = body_of(client.get(f"{where}/file", headers=headers))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["audit.jsonl"]
    listed = client.get("/api/v1/exports", headers=headers).json()["results"]
    assert [one["id"] for one in listed] == [made.json()["id"]]
    assert client.delete(where, headers=headers).status_code == 204
    assert client.get(where, headers=headers).status_code == 404
