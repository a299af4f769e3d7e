"""Health, doctor, error answers, request ids, storage addresses, the body guard."""

import asyncio
import errno
import json
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client, RequestFactory
from pytest_django import Settings

from conftest import People
from emotionsite import checks
from emotionsite.body_guard import BodyGuard, Message
from emotionsite.celery import app
from emotionsite.middleware import RequestLogMiddleware
from emotionsite.settings.storage_url import storage_from_url


def test_healthz_answers_without_any_service(settings: Settings) -> None:
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_says_that_every_part_works() -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": True, "migrations": True, "broker": True, "storage": True}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("setting", "value", "part"),
    [
        ("REDIS_URL", "redis://127.0.0.1:2", "broker"),
        ("DATABASE_URL", "postgres://nobody:wrong@127.0.0.1:1/none", "database"),
    ],
)
def test_readyz_and_doctor_name_the_part_that_is_away(
    settings: Settings, setting: str, value: str, part: str
) -> None:
    setattr(settings, setting, value)
    answer = Client().get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"][part] is False
    assert "127.0.0.1" not in answer.content.decode()
    out = StringIO()
    with pytest.raises(SystemExit) as caught:
        call_command("doctor", stdout=out)
    assert caught.value.code == 1
    (line,) = [line for line in out.getvalue().splitlines() if f"WRONG  {part} " in line]
    assert "refused" in line
    assert "make run" in line
    assert line.rstrip().endswith(("?", "."))


@pytest.mark.django_db
def test_doctor_speaks_json_and_does_not_blame_what_it_could_not_reach(settings: Settings) -> None:
    settings.DATABASE_URL = "postgres://nobody:wrong@127.0.0.1:1/none"
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", "--json", stdout=out)
    found = {item["name"]: item for item in json.loads(out.getvalue())}
    assert list(found) == ["database", "pgvector", "migrations", "broker", "storage", "weights", "worker"]
    assert "because the database does not work" in found["pgvector"]["detail"]
    assert found["broker"]["ok"]
    assert "No Celery worker answers" in found["worker"]["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("workers", "said"),
    [
        ({"one@here": ["interactive", "batch", "background"]}, "1 answering"),
        ({"a@here": ["interactive"], "b@here": ["batch"], "c@here": ["background"]}, "3 answering"),
        ({"a@here": ["interactive"], "c@here": ["background"]}, "the queue batch, so batches wait"),
        ({"a@here": ["interactive"]}, "batches wait and webhooks, exports and erasures wait"),
    ],
)
def test_doctor_misses_a_worker_of_any_queue(
    workers: dict[str, list[str]], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Answers:
        def active_queues(self) -> Any:
            return {worker: [{"name": name} for name in names] for worker, names in workers.items()}

    monkeypatch.setattr(app.control, "inspect", lambda timeout: Answers())
    (result,) = checks.run_checks([checks.WORKER])
    assert said in result.detail
    assert result.ok is ("answering" in said)


@pytest.mark.django_db
def test_doctor_says_what_to_do_when_nothing_was_ever_started(settings: Settings) -> None:
    from emotionsite.settings.services import UNSET_DATABASE_URL, UNSET_REDIS_URL

    settings.DATABASE_URL, settings.REDIS_URL = UNSET_DATABASE_URL, UNSET_REDIS_URL
    results = {item.name: item for item in checks.run_checks([checks.DATABASE, checks.BROKER])}
    assert "make run" in results["database"].detail
    assert "make run" in results["broker"].detail


@pytest.mark.django_db
def test_a_storage_that_cannot_be_written_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("django.core.files.storage.FileSystemStorage._save", full)
    (result,) = checks.run_checks([checks.STORAGE])
    assert not result.ok
    assert "No space left on device" in result.detail
    assert "writable" in result.detail


@pytest.mark.parametrize("sent", [None, "short", "x" * 65, "bad id with spaces", "<script>alert</script>"])
def test_a_request_without_a_good_id_gets_one(sent: str | None) -> None:
    headers = {"X-Request-ID": sent} if sent else {}
    answer = Client().get("/healthz", headers=headers)
    assert answer["X-Request-ID"] != sent
    assert len(answer["X-Request-ID"]) == 32


def test_a_good_request_id_is_kept() -> None:
    answer = Client().get("/healthz", headers={"X-Request-ID": "abc-123.def_456"})
    assert answer["X-Request-ID"] == "abc-123.def_456"


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/accounts/password/reset/key/1-abc-def/?x=1", "GET /accounts/password/reset/key/…/"),
        ("/accounts/confirm-email/MQ:1abc/", "GET /accounts/confirm-email/…/"),
        ("/accounts/invitations/aB-c_d/", "GET /accounts/invitations/…/"),
        ("/photos/?page=2", "GET /photos/"),
    ],
)
def test_the_log_names_the_path_without_query_or_key(path: str, logged: str) -> None:
    assert RequestLogMiddleware.format_request(RequestFactory().get(path)) == logged


@pytest.mark.django_db
@pytest.mark.parametrize(("fault", "status"), [(OperationalError("gone"), 503), (RuntimeError("bug"), 500)])
@pytest.mark.parametrize("path", ["/photos/", "/api/v1/media"])
def test_a_fault_is_answered_in_words_with_the_request_id(
    people: People, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int, path: str
) -> None:
    client = people.client("owner")
    client.raise_request_exception = False

    def broken() -> None:
        raise fault

    monkeypatch.setattr("media_jobs.selectors.photos", broken)
    answer = client.get(path)
    assert answer.status_code == status
    assert answer["X-Request-ID"] in answer.content.decode()
    assert str(fault) not in answer.content.decode()
    if path.startswith("/api/"):
        assert answer.json()["code"] == {503: "service_unavailable", 500: "server_error"}[status]


def test_the_error_page_stands_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    # No database mark: a query would fail this test.
    answer = Client().get("/nowhere")
    assert answer.status_code == 404
    assert "no such page" in answer.content.decode()


def test_a_form_without_its_token_is_explained() -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {})
    assert answer.status_code == 403
    assert "reload the page" in answer.content.decode()


def test_a_local_folder_has_no_public_address() -> None:
    entry = storage_from_url("file:///srv/es/my%20files")
    assert entry["OPTIONS"]["location"] == "/srv/es/my files"
    assert entry["OPTIONS"]["base_url"] is None
    assert entry["OPTIONS"]["file_permissions_mode"] == 0o600


def test_an_s3_address_becomes_signed_private_storage() -> None:
    entry = storage_from_url(
        "s3://KEY:se%2Fcret@minio.local:9000/faces?scheme=http&region=eu-central-1&prefix=es"
    )
    assert entry["BACKEND"] == "storages.backends.s3.S3Storage"
    options = entry["OPTIONS"]
    assert options["endpoint_url"] == "http://minio.local:9000"
    assert (options["access_key"], options["secret_key"]) == ("KEY", "se/cret")
    assert (options["bucket_name"], options["location"], options["region_name"]) == (
        "faces",
        "es",
        "eu-central-1",
    )
    assert options["querystring_auth"]
    assert options["querystring_expire"] == 120


@pytest.mark.parametrize(
    "url",
    ["ftp://host/x", "relative/path", "s3://host", "s3://host/a/b", "s3://host/a?regoin=x", "file://host/x"],
)
def test_a_wrong_storage_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="STORAGE_URL"):
        storage_from_url(url)


def guarded(
    body: list[bytes], *, limit: int, length: int | None = None, fault: OSError | None = None
) -> list[Message]:
    """Send `body` through a BodyGuard to an app that reads everything; returns what came back."""
    sent: list[Message] = []
    pieces = iter(body)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        if fault:
            raise fault
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        piece = next(pieces, b"")
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    scope: Message = {"type": "http", "path": "/api/v1/media", "headers": headers}
    asyncio.run(BodyGuard(app, limit=limit)(scope, receive, send))
    return sent


def test_a_body_within_the_limit_passes() -> None:
    assert guarded([b"x" * 50, b"x" * 50], limit=100, length=100)[0]["status"] == 200


@pytest.mark.parametrize("length", [None, 10])
def test_a_body_over_the_limit_is_cut_off_while_it_is_read(length: int | None) -> None:
    """Also when it announces fewer bytes than it sends."""
    start, body = guarded([b"x" * 50] * 3, limit=100, length=length)
    assert start["status"] == 413
    assert json.loads(body["body"])["code"] == "file_too_large"


def test_an_announced_large_body_is_refused_unread() -> None:
    assert guarded([], limit=100, length=101)[0]["status"] == 413


def test_a_disk_that_is_full_while_a_body_arrives_is_said() -> None:
    start, body = guarded([b"x"], limit=100, fault=OSError(errno.ENOSPC, "No space left on device"))
    assert start["status"] == 507
    assert json.loads(body["body"])["code"] == "storage_full"


def test_another_fault_is_not_taken_for_a_full_disk() -> None:
    with pytest.raises(OSError, match="Input/output"):
        guarded([b"x"], limit=100, fault=OSError(errno.EIO, "Input/output error"))
