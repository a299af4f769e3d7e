"""Idempotency-Key: carried out once, answered the same way twice, kept for a day and sealed."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.api import TeamAPIView
from accounts.idempotency import IN_PROGRESS_FOR, KEPT_FOR, requests_forget_old
from accounts.models import ApiKey, IdempotentRequest
from conftest import People
from emotionsite.problems import Refusal
from media_jobs.models import Job, Media
from media_jobs.tests.helpers import at_once
from media_jobs.tests.pictures import encoded, noise

PICTURE = encoded(noise(40, 40, 7), "PNG")
OTHER = encoded(noise(40, 40, 8), "PNG")


def bearer(key: str, idempotency_key: str | None = "k-1") -> dict[str, str]:
    headers = {"Authorization": f"Bearer {key}"}
    return headers if idempotency_key is None else {**headers, "Idempotency-Key": idempotency_key}


def upload(headers: dict[str, str], content: bytes = PICTURE, name: str = "a.png") -> Any:
    return Client().post("/api/v1/media", {"file": SimpleUploadedFile(name, content)}, headers=headers)


def key_made(headers: dict[str, str], name: str = "robot") -> Any:
    body = json.dumps({"name": name, "scopes": ["read"]})
    return Client().post("/api/v1/keys", body, "application/json", headers=headers)


def rows() -> list[IdempotentRequest]:
    with across_teams():
        return list(IdempotentRequest.objects.order_by("id"))


def test_a_repetition_gets_the_same_answer_and_does_nothing(
    people: People, stored_files: Callable[[], list[str]], queued: Callable[[], int]
) -> None:
    headers = bearer(people.key())
    first = upload(headers)
    files, tasks = stored_files(), queued()
    again = upload(headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.content == first.content
    assert again.json()["duplicate"] is False, "the kept answer, not that of a second upload"
    assert again["Location"] == first["Location"]
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    with team_scope(people.team):
        assert (Media.objects.count(), Job.objects.count()) == (1, 1)
    assert (stored_files(), queued()) == (files, tasks)


def test_requests_without_a_key_are_each_carried_out(people: People) -> None:
    headers = bearer(people.key(), None)
    names = {key_made(headers).json()["key"] for _ in range(2)}
    assert len(names) == 2
    assert rows() == []


def test_another_request_with_the_same_key_is_refused_and_not_carried_out(people: People) -> None:
    headers = bearer(people.key())
    assert upload(headers).status_code == 202
    for other in (
        upload(headers, OTHER),
        upload(headers, PICTURE, "b.png"),
        key_made(headers),
    ):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    with team_scope(people.team):
        assert Media.objects.count() == 1
        assert ApiKey.objects.count() == 1


def test_the_same_json_in_another_spelling_is_the_same_request(people: People) -> None:
    headers = bearer(people.key())
    first = Client().post(
        "/api/v1/keys", '{"name":"robot","scopes":["read"]}', "application/json", headers=headers
    )
    again = Client().post(
        "/api/v1/keys", '{ "scopes": ["read"], "name": "robot" }', "application/json", headers=headers
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["key"] == again.json()["key"]


def test_somebody_else_of_the_team_does_not_get_the_kept_answer(people: People) -> None:
    secret = key_made(bearer(people.key())).json()["key"]
    stolen = key_made(bearer(people.key()))
    assert (stolen.status_code, stolen.json()["code"]) == (422, "idempotency_mismatch")
    assert secret not in stolen.content.decode()


def test_another_team_may_use_the_same_key(people: People, others: People) -> None:
    assert upload(bearer(people.key())).status_code == 202
    theirs = upload(bearer(others.key()))
    assert theirs.status_code == 202
    assert "Idempotency-Replayed" not in theirs
    with team_scope(others.team):
        assert Media.objects.count() == 1


def test_a_secret_that_is_shown_once_is_not_stored_in_clear(people: People) -> None:
    answer = key_made(bearer(people.key()))
    secret = answer.json()["key"]
    (row,) = rows()
    assert secret not in row.body
    assert secret.rpartition("_")[2] not in row.body
    assert row.status == 201


@pytest.mark.parametrize("bad", ["", "x" * 256, "with blank", "tab\tinside", "ümlaut"])
def test_a_key_that_cannot_be_one_is_refused(people: People, bad: str) -> None:
    answer = upload(bearer(people.key(), bad))
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")
    assert rows() == []
    with team_scope(people.team):
        assert Media.objects.count() == 0


def test_a_refusal_of_the_request_itself_is_kept(people: People) -> None:
    headers = bearer(people.key())
    first, again = upload(headers, b"no picture at all " * 100), upload(headers, b"no picture at all " * 100)
    assert (first.status_code, again.status_code) == (415, 415)
    assert again.content == first.content
    assert again["Content-Type"] == "application/problem+json"
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("status", [403, 408, 409, 429, 500, 503, 507])
def test_a_refusal_that_may_pass_is_not_kept(
    people: People, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    def refused(**_: Any) -> None:
        raise Refusal(code="not_now", message="Not now.", status=status)

    headers = bearer(people.key())
    with monkeypatch.context() as patch:
        patch.setattr("media_jobs.services.photo_upload", refused)
        assert upload(headers).status_code == status
    assert rows() == []
    answer = upload(headers)
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer


def test_a_fault_gives_the_key_back(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("a fault")

    headers = bearer(people.key())
    client = Client(raise_request_exception=False)
    with monkeypatch.context() as patch:
        patch.setattr("media_jobs.services.photo_upload", broken)
        file = {"file": SimpleUploadedFile("a.png", PICTURE)}
        assert client.post("/api/v1/media", file, headers=headers).status_code == 500
    assert rows() == []
    assert upload(headers).status_code == 202


def test_a_request_still_at_work_makes_the_repetition_wait(people: People) -> None:
    headers = bearer(people.key())
    upload(headers)
    with across_teams():
        IdempotentRequest.objects.update(status=None, body="")
    answer = upload(headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")
    assert int(answer["Retry-After"]) >= 1
    assert upload(headers, OTHER).json()["code"] == "idempotency_mismatch"


def test_what_a_dead_server_left_is_taken_over(people: People) -> None:
    headers = bearer(people.key())
    upload(headers)
    with across_teams():
        IdempotentRequest.objects.update(
            status=None, body="", created_at=timezone.now() - IN_PROGRESS_FOR - timedelta(seconds=1)
        )
    answer = upload(headers)
    assert answer.status_code == 202
    assert "Idempotency-Replayed" not in answer
    assert [row.status for row in rows()] == [202]


def test_after_a_day_the_key_is_free_and_beat_removes_it(people: People) -> None:
    headers = bearer(people.key())
    upload(headers)
    upload(bearer(people.key(), "younger"))
    old = timezone.now() - KEPT_FOR - timedelta(seconds=1)
    with across_teams():
        IdempotentRequest.objects.filter(key="k-1").update(created_at=old)
    assert "Idempotency-Replayed" not in upload(headers)
    with across_teams():
        IdempotentRequest.objects.filter(key="k-1").update(created_at=old)
    assert requests_forget_old(batch=1) == 1
    assert [row.key for row in rows()] == ["younger"]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_the_same_moment_one_is_carried_out(people: People) -> None:
    headers = bearer(people.key())
    answers: list[Any] = []
    at_once(8, lambda: answers.append(key_made(headers)))
    statuses = sorted({answer.status_code for answer in answers})
    assert 201 in statuses
    assert set(statuses) <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {
        "idempotency_in_progress"
    }
    with team_scope(people.team):
        assert ApiKey.objects.filter(name="robot").count() == 1


def test_only_post_takes_a_key(people: People) -> None:
    headers = bearer(people.key())
    assert Client().get("/api/v1/media", headers=headers).status_code == 200
    assert rows() == []


def test_what_promises_to_store_nothing_keeps_no_answer() -> None:
    from media_jobs.api.detect import DetectView

    assert TeamAPIView.keeps_answers is True
    assert DetectView.keeps_answers is False
