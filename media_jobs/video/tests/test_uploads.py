"""Uploads in parts: what the tus protocol 1.0.0 asks of a server, at the API and at the pages."""

import base64
import threading
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from conftest import People
from media_jobs import files
from media_jobs.models import VideoUpload
from media_jobs.services import released_files_erase
from media_jobs.tasks import expire_video_uploads
from media_jobs.video import uploads
from media_jobs.video.parts import open_parts

from .upload_helpers import CONTENT, PART, TUS, Door, Names, api_door, page_door, refused, rows, stored_bytes


@pytest.fixture(params=["api", "page"])
def door(request: pytest.FixtureRequest, people: People) -> Door:
    return api_door(people) if request.param == "api" else page_door(people)


# --- The protocol -----------------------------------------------------------------------------------
def test_options_tells_what_the_server_can_do(door: Door, settings: Settings) -> None:
    """Asked without Tus-Resumable, as the protocol allows."""
    answer = door.client.options(door.uploads, headers=door.headers)
    assert answer.status_code == 204
    assert answer["Tus-Version"] == "1.0.0"
    assert answer["Tus-Resumable"] == "1.0.0"
    assert answer["Tus-Extension"].split(",") == ["creation", "termination", "expiration"]
    assert answer["Tus-Max-Size"] == str(settings.MAX_VIDEO_BYTES) == str(4 * 1024**3)


def test_a_file_comes_in_parts(door: Door, people: People, stored_files: Names) -> None:
    begun = door.begin(len(CONTENT), "Straße.mp4")
    assert begun.status_code == 201
    assert begun["Tus-Resumable"] == "1.0.0"
    assert begun["Upload-Offset"] == "0"
    url = begun["Location"]
    assert url.startswith(f"{door.uploads}/")
    expires = parsedate_to_datetime(begun["Upload-Expires"])
    assert timedelta(hours=23, minutes=59) < expires - timezone.now() <= timedelta(hours=24)

    first = door.part(url, 0, CONTENT[:1000])
    assert (first.status_code, first["Upload-Offset"], first.content) == (204, "1000", b"")
    assert "Upload-Expires" in first
    told = door.where(url)
    assert (told.status_code, told["Upload-Offset"], told["Upload-Length"]) == (
        200,
        "1000",
        str(len(CONTENT)),
    )
    assert told["Cache-Control"] == "no-store"
    assert base64.b64decode(told["Upload-Metadata"].removeprefix("filename ")).decode() == "Straße.mp4"
    assert told.content == b""
    assert stored_bytes(people) == 1000, "what is there counts at once"
    door.part(url, 1000, CONTENT[1000:1001])
    last = door.part(url, 1001, CONTENT[1001:])
    assert last["Upload-Offset"] == str(len(CONTENT))

    (upload,) = rows()
    assert upload.filename == "Straße.mp4"
    assert [size for _, size in upload.parts] == [1000, 1, len(CONTENT) - 1001]
    assert stored_files() == sorted(name for name, _ in upload.parts)
    with open_parts(upload.parts) as file:
        assert file.read() == CONTENT
    assert stored_bytes(people) == len(CONTENT)


def test_an_empty_part_changes_nothing(door: Door, stored_files: Names) -> None:
    url = door.begun(10)
    answer = door.part(url, 0, b"")
    assert (answer.status_code, answer["Upload-Offset"]) == (204, "0")
    assert stored_files() == []


def test_terminating_erases_the_bytes_at_once(
    door: Door, people: People, stored_files: Names, django_capture_on_commit_callbacks: Any
) -> None:
    url = door.begun(len(CONTENT))
    door.part(url, 0, CONTENT)
    # What a process that died between file and row has left.
    with_row = stored_files()
    files.store(f"{with_row[0].rpartition('/')[0]}/part-00001-aaaaaaaa", b"left")
    with django_capture_on_commit_callbacks(execute=True):
        answer = door.erase(url)
    assert (answer.status_code, answer["Tus-Resumable"]) == (204, "1.0.0")
    assert (rows(), stored_files(), stored_bytes(people)) == ([], [], 0)
    assert door.where(url).status_code == 404
    refused(door.erase(url), 404, "upload_unknown")
    refused(door.part(url, 0, CONTENT), 404, "upload_unknown")


def test_a_storage_that_is_away_keeps_no_upload(
    door: Door,
    people: People,
    stored_files: Names,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    def away(name: str) -> Any:
        raise OSError(5, "Input/output error")

    url = door.begun(len(CONTENT))
    door.part(url, 0, CONTENT)
    with monkeypatch.context() as patched:
        patched.setattr(default_storage, "listdir", away)
        with django_capture_on_commit_callbacks(execute=True):
            assert door.erase(url).status_code == 204
    assert (rows(), len(stored_files())) == ([], 1)
    assert released_files_erase() == 1, "once it is back"
    assert stored_files() == []


def test_a_post_can_stand_for_patch_and_delete(
    door: Door, stored_files: Names, django_capture_on_commit_callbacks: Any
) -> None:
    url = door.begun(len(CONTENT))
    sent = {**door.headers, **TUS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    answer = door.client.post(url, CONTENT, PART, headers=sent)
    assert (answer.status_code, answer["Upload-Offset"]) == (204, str(len(CONTENT)))
    with django_capture_on_commit_callbacks(execute=True):
        sent = {**door.headers, **TUS, "X-HTTP-Method-Override": "DELETE"}
        assert door.client.post(url, headers=sent).status_code == 204
    assert stored_files() == []
    url = door.begun(len(CONTENT))
    for sent in ({}, {"X-HTTP-Method-Override": "PUT"}):
        answer = door.client.post(url, CONTENT, PART, headers={**door.headers, **TUS, **sent})
        refused(answer, 400, "upload_header_invalid")
    assert (door.offset(url), stored_files()) == (0, [])


# --- Who may ------------------------------------------------------------------------------------------
def test_an_upload_of_another_team_does_not_exist(
    people: People, others: People, stored_files: Names
) -> None:
    url = api_door(people).begun(len(CONTENT))
    theirs = api_door(others)
    assert theirs.where(url).status_code == 404
    refused(theirs.part(url, 0, CONTENT), 404, "upload_unknown")
    refused(theirs.erase(url), 404, "upload_unknown")
    assert (len(rows()), stored_files()) == (1, [])


def test_a_session_without_its_token_sends_nothing(people: People, stored_files: Names) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.analyst, backend="django.contrib.auth.backends.ModelBackend")
    headers = {**TUS, "Upload-Length": "5"}
    assert client.post("/team/videos/uploads", headers=headers).status_code == 403
    assert client.post("/api/v1/uploads", headers=headers).status_code == 403
    url = page_door(people).begun(5)
    sent = {**TUS, "Upload-Offset": "0"}
    assert client.patch(url, b"abcde", PART, headers=sent).status_code == 403
    assert (len(rows()), stored_files()) == (1, [])


def test_the_list_shows_unfinished_uploads(people: People, others: People) -> None:
    door = api_door(people)
    url = door.begun(len(CONTENT))
    door.part(url, 0, CONTENT[:1000])
    api_door(others).begun(7)
    (shown,) = door.client.get("/api/v1/uploads", headers=door.headers).json()["results"]
    assert shown["id"] == url.rpartition("/")[2]
    assert (shown["filename"], shown["offset"], shown["length"]) == ("holiday.mp4", 1000, len(CONTENT))
    one = door.client.get(url, headers=door.headers)
    assert one.json() == shown
    lost = door.client.get(f"/api/v1/uploads/{uuid4()}", headers=door.headers)
    refused(lost, 404, "upload_unknown")


# --- Two at once, and dying in the middle -----------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_of_two_parts_at_once_one_is_told_to_wait(
    people: People, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = api_door(people)
    url = door.begun(len(CONTENT))
    inside, go_on = threading.Event(), threading.Event()
    usual = files.store

    def slow(name: str, content: Any) -> str:
        inside.set()
        assert go_on.wait(20)
        return usual(name, content)

    monkeypatch.setattr(files, "store", slow)
    answers: list[Any] = []

    def send() -> None:
        answers.append(api_door(people).part(url, 0, CONTENT[:1000]))
        connection.close()

    first = threading.Thread(target=send)
    first.start()
    assert inside.wait(20)
    refused(door.part(url, 0, CONTENT[:1000]), 423, "upload_busy")
    refused(door.erase(url), 423, "upload_busy")
    go_on.set()
    first.join()
    assert answers[0].status_code == 204
    refused(door.part(url, 0, CONTENT[:1000]), 409, "upload_offset_mismatch")
    assert (door.offset(url), len(stored_files())) == (1000, 1)


@pytest.mark.django_db(transaction=True)
def test_dying_between_file_and_row_loses_and_doubles_nothing(
    people: People, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = api_door(people)
    url = door.begun(len(CONTENT))
    door.part(url, 0, CONTENT[:1000])

    class Killed(BaseException):
        """As a signal would end the process: nothing that cleans up runs."""

    def killed(*args: Any, **kwargs: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(VideoUpload, "save", killed)
        # The process is gone, so it erases nothing.
        patched.setattr(files, "erase", lambda names: None)
        with pytest.raises(Killed):
            door.part(url, 1000, CONTENT[1000:2000])
    assert len(stored_files()) == 2
    assert (door.offset(url), stored_bytes(people)) == (1000, 1000)
    assert door.part(url, 1000, CONTENT[1000:]).status_code == 204
    (upload,) = rows()
    with open_parts(upload.parts) as file:
        assert file.read() == CONTENT
    assert stored_bytes(people) == len(CONTENT)
    door.erase(url)
    assert stored_files() == [], "what the dead process left goes with the upload"


# --- Time ---------------------------------------------------------------------------------------------
def aged(url: str, hours: float) -> None:
    with across_teams():
        VideoUpload.unscoped.filter(pk=url.rpartition("/")[2]).update(
            touched_at=timezone.now() - timedelta(hours=hours)
        )


def test_who_goes_on_keeps_an_upload(
    door: Door, people: People, stored_files: Names, django_capture_on_commit_callbacks: Any
) -> None:
    old, young = door.begun(len(CONTENT)), door.begun(len(CONTENT))
    for url in (old, young):
        door.part(url, 0, CONTENT[:1000])
        aged(url, 23.9)
    door.part(young, 1000, CONTENT[1000:2000])
    aged(old, 24.1)
    assert door.where(old).status_code == 404, "also before beat comes by"
    refused(door.part(old, 1000, CONTENT[1000:2000]), 404, "upload_unknown")
    with django_capture_on_commit_callbacks(execute=True):
        assert expire_video_uploads() == 1
    assert [str(row.pk) for row in rows()] == [young.rpartition("/")[2]]
    assert (len(stored_files()), stored_bytes(people)) == (2, 2000)
    assert expire_video_uploads() == 0


@pytest.mark.django_db(transaction=True)
def test_an_upload_at_work_is_not_erased(people: People) -> None:
    door = api_door(people)
    url = door.begun(len(CONTENT))
    aged(url, 25)
    found: list[int] = []

    def expire() -> None:
        found.append(uploads.uploads_expire())
        connection.close()

    with team_scope(people.team), transaction.atomic():
        VideoUpload.objects.select_for_update().get()
        beat = threading.Thread(target=expire)
        beat.start()
        beat.join()
    assert (found, len(rows())) == ([0], 1)


def test_uploads_of_all_teams_expire(
    people: People, others: People, stored_files: Names, django_capture_on_commit_callbacks: Any
) -> None:
    for team in (people, others):
        url = api_door(team).whole(CONTENT)
        aged(url, 25)
    with django_capture_on_commit_callbacks(execute=True):
        assert expire_video_uploads() == 2
    assert (rows(), stored_files()) == ([], [])
    assert (stored_bytes(people), stored_bytes(others)) == (0, 0)
