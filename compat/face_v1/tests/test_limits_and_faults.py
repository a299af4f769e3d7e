"""What the dialect says where a limit is reached, and where something is broken."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from accounts import rate_counter
from accounts.limits import next_month, today
from accounts.models import Team
from compat.face_v1.authentication import HEADER
from compat.face_v1.collections import CollectionListView, CollectionView
from media_jobs import detect
from tests.fakes import EngineOfPeople, people_picture

from .helpers import BASE, Program

Unchanged = Callable[..., Any]
#: An operation of each method.
OPERATIONS = [
    ("GET", "/persongroups"),
    ("PUT", "/persongroups/staff"),
    ("PATCH", "/persongroups/staff"),
    ("DELETE", "/persongroups/staff"),
    ("POST", "/persongroups/staff/train"),
    ("POST", "/detect"),
    ("POST", "/findsimilars"),
]
each_operation = pytest.mark.parametrize(("method", "path"), OPERATIONS)
each_prefix = pytest.mark.parametrize(
    "prefix", ["/westus", "/westus.api.cognitive.microsoft.com", "/my_region-2"]
)


# --- Limits ---------------------------------------------------------------------------------------
def test_answers_say_what_is_left_of_the_rate(limited: Callable[..., Team], program: Program) -> None:
    limited(requests_per_minute=5)
    answers = [
        program.get("/facelists"),
        program.get("/facelists/other"),
        program.send("DELETE", "/detect"),
        program.send("PUT", "/facelists/mine", content=b"{", kind="application/json"),
    ]
    assert [answer.status_code for answer in answers] == [200, 404, 405, 400]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["4", "3", "2", "1"]
    assert {answer["RateLimit-Limit"] for answer in answers} == {"5"}
    assert all(1 <= int(answer["RateLimit-Reset"]) <= 60 for answer in answers)
    nobodys = Program("none").get("/facelists")
    assert not [name for name in nobodys.headers if name.startswith("RateLimit")]


@each_operation
def test_more_requests_than_the_rate_are_refused_with_the_seconds_to_wait(
    method: str, path: str, limited: Callable[..., Team], program: Program, unchanged: Unchanged
) -> None:
    limited(requests_per_minute=1)
    assert program.get("/facelists").status_code == 200
    answer = unchanged(lambda: program.send(method, path, {"name": "Staff"}), 429, "RateLimitExceeded")
    error = answer.json()["error"]
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert error["message"] == f"Rate limit is exceeded. Try again in {answer['Retry-After']} seconds."
    assert error["statusCode"] == 429
    assert (answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) == ("1", "0")


def test_more_pictures_at_once_than_there_are_places_are_refused_with_the_seconds_to_wait(
    settings: Settings, program: Program, unchanged: Unchanged
) -> None:
    settings.DETECT_WAITING = 0
    answer = unchanged(lambda: program.picture("/detect", people_picture(1)), 429, "RateLimitExceeded")
    assert answer["Retry-After"] == "2"
    assert answer.json()["error"]["message"] == "Rate limit is exceeded. Try again in 2 seconds."


@pytest.mark.parametrize("path", ["/detect", "/facelists/mine/persistedfaces"])
def test_more_pictures_than_the_month_has_are_refused_with_the_days_to_wait(
    path: str,
    limited: Callable[..., Team],
    program: Program,
    unchanged: Unchanged,
    engine: EngineOfPeople,
    asked: list[Any],
) -> None:
    program.put("/facelists/mine", {"name": "Mine"})
    limited(pictures_per_month=1)
    assert program.picture("/detect", people_picture(1)).status_code == 200
    answer = unchanged(lambda: program.picture(path, people_picture(2)), 403, "QuotaExceeded")
    days = (next_month(today()) - today()).days
    assert answer.json()["error"] == {
        "code": "QuotaExceeded",
        "message": f"Out of call volume quota. Quota will be replenished in {days} days.",
        "statusCode": 403,
    }
    assert len(asked) == 1, "no worker is asked about the second"


# --- Faults ---------------------------------------------------------------------------------------
@each_prefix
def test_a_fault_of_ours_is_said_in_the_envelope_without_what_it_was(
    prefix: str, program: Program, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(CollectionListView, "get", broken)
    client = Client(raise_request_exception=False)
    headers = {HEADER: program.key}
    answer = unchanged(lambda: client.get(f"{prefix}{BASE}/facelists", headers=headers), 500, "ServerError")
    assert "secret" not in answer.content.decode()
    assert "it was logged" in answer.json()["error"]["message"]


def test_a_fault_in_the_middle_of_a_change_leaves_nothing_of_it(
    program: Program, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("galleries.services.record", broken)
    client = Client(raise_request_exception=False)
    unchanged(
        lambda: client.put(
            f"{BASE}/facelists/mine",
            b'{"name": "Mine"}',
            "application/json",
            headers={HEADER: program.key},
        ),
        500,
        "ServerError",
    )


def test_a_database_that_is_away_is_said(
    program: Program, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(CollectionView, "get", away)
    client = Client(raise_request_exception=False)
    headers = {HEADER: program.key}
    answer = unchanged(
        lambda: client.get(f"{BASE}/facelists/mine", headers=headers), 503, "ServiceUnavailable"
    )
    assert "refused" not in answer.content.decode()


def nowhere() -> redis.Redis:
    """A client of a broker that does not answer."""
    return redis.Redis(port=1, socket_connect_timeout=0.5, retry=Retry(NoBackoff(), 0))


def test_a_broker_that_is_away_is_said(
    program: Program, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = nowhere()
    monkeypatch.setattr(detect, "broker", lambda: away)
    answer = unchanged(lambda: program.picture("/detect", people_picture(1)), 503, "ServiceUnavailable")
    assert answer.json()["error"]["message"].endswith(".")


def test_counters_that_are_away_let_nobody_pass(
    program: Program, unchanged: Unchanged, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = nowhere()
    monkeypatch.setattr(rate_counter, "client", lambda: away)
    script = away.register_script(rate_counter.SCRIPT)
    monkeypatch.setattr(rate_counter, "_script", lambda: script)
    unchanged(lambda: program.put("/facelists/mine", {"name": "Mine"}), 503, "ServiceUnavailable")


@pytest.mark.parametrize("path", ["/facelists", "/nothing"])
def test_each_answer_carries_the_id_under_which_it_is_in_the_log(path: str, program: Program) -> None:
    answer = program.send("GET", path, headers={"X-Request-ID": "my-own-request"})
    assert answer["X-Request-ID"] == "my-own-request"
    assert re.fullmatch(r"[0-9a-f]{32}", program.get(path)["X-Request-ID"])
