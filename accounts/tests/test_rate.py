"""Requests of a team: exactly as many in a minute as it may send, and none when nobody counts."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts import rate_counter
from accounts.access import Access, across_teams
from accounts.limits import request_take
from accounts.models import Scope, Team
from conftest import People
from emotionsite.problems import Refusal
from media_jobs.models import Media
from media_jobs.tests.helpers import photo

from .limit_helpers import CLIENTS, count_outcomes

Names = Callable[[], list[str]]
Count = Callable[[], int]


@pytest.fixture()
def counters_away(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Nothing answers where requests are counted."""
    away = rate_counter.client.__wrapped__
    settings.COUNTERS_URL = "redis://127.0.0.1:1/2"
    client = away()
    monkeypatch.setattr(rate_counter, "client", lambda: client)
    script = client.register_script(rate_counter.SCRIPT)
    monkeypatch.setattr(rate_counter, "_script", lambda: script)


def access_to(team: Team) -> Access:
    return Access(team=team, scopes=frozenset(Scope.values))


@pytest.mark.django_db(transaction=True)
def test_of_twenty_requests_at_once_exactly_as_many_pass_as_the_minute_allows(limited: Any) -> None:
    team = limited(requests_per_minute=13)
    assert count_outcomes(team, lambda team, _: request_take(access_to(team))) == {
        "passed": 13,
        "rate_limited": CLIENTS - 13,
    }


def test_no_sixty_seconds_hold_more_requests_than_allowed_wherever_they_begin(
    limited: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_counter, "WINDOW_SECONDS", 1)
    team = limited(requests_per_minute=5)
    passed: list[float] = []
    waits: list[int] = []
    clock = rate_counter.client()

    def now() -> float:
        seconds, micros = clock.time()
        return float(seconds) + micros / 1_000_000

    end = now() + 3.2
    while now() < end:
        before = now()
        try:
            request_take(access_to(team))
        except Refusal as refusal:
            waits.append(int(refusal.headers["Retry-After"]))
        else:
            passed.append(before)
    # The sixth after any request is at least a whole window later, less what one call takes.
    gaps = [later - earlier for earlier, later in zip(passed, passed[5:], strict=False)]
    assert min(gaps) > 0.95
    assert 15 <= len(passed) <= 20
    assert set(waits) == {1}


def test_the_api_says_what_is_left_and_refuses_the_request_after_the_last(
    limited: Any, people: People
) -> None:
    limited(requests_per_minute=3)
    key = {"Authorization": f"Bearer {people.key('read')}"}
    answers = [
        Client().get("/api/v1/media", headers=key),
        # A refusal after the caller is known counts and says it too.
        Client().get("/api/v1/keys", headers=key),
        Client().get(f"/api/v1/jobs/{people.team.pk}", headers=key),
        Client().get("/api/v1/media", headers=key),
    ]
    assert [answer.status_code for answer in answers] == [200, 403, 404, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer["RateLimit-Limit"] for answer in answers} == {"3"}
    assert all(1 <= int(answer["RateLimit-Reset"]) <= 60 for answer in answers)
    assert 1 <= int(answers[3]["Retry-After"]) <= 60
    assert answers[3].json()["code"] == "rate_limited"
    assert "Retry-After" not in answers[2]


def test_a_refused_request_does_nothing(
    limited: Any, people: People, stored_files: Names, queued: Count
) -> None:
    limited(requests_per_minute=0)
    key = {"Authorization": f"Bearer {people.key()}"}
    answer = Client().post("/api/v1/media", {"file": io.BytesIO(photo(1))}, headers=key)
    assert answer.status_code == 429
    with across_teams():
        assert not Media.objects.exists()
    assert (stored_files(), queued()) == ([], 0)
    assert rate_counter.of_team(team_id=people.team.pk, day=datetime.now(UTC).date()) == 0


def test_members_count_for_their_team_and_teams_do_not_count_for_each_other(
    limited: Any, people: People, others: People
) -> None:
    limited(requests_per_minute=1)
    assert people.client("viewer").get("/api/v1/media").status_code == 200
    assert people.client("owner").get("/api/v1/media").status_code == 429
    assert others.client("owner").get("/api/v1/media").status_code == 200
    assert people.client("owner").get("/photos/").status_code == 200, "pages are not counted"


def test_a_visitor_is_told_nothing_of_limits(db: None) -> None:
    answer = Client().get("/api/v1/media")
    assert answer.status_code == 401
    assert not [name for name in answer.headers if name.startswith("RateLimit")]


def test_a_team_without_a_rate_is_counted_all_the_same(limited: Any, people: People) -> None:
    limited(requests_per_minute=None)
    answer = people.client("owner").get("/api/v1/media")
    assert answer.status_code == 200
    assert "RateLimit-Limit" not in answer
    assert rate_counter.of_team(team_id=people.team.pk, day=datetime.now(UTC).date()) == 1


def test_a_lowered_limit_holds_for_what_was_sent_before(limited: Any) -> None:
    team = limited(requests_per_minute=5)
    for _ in range(5):
        request_take(access_to(team))
    with pytest.raises(Refusal, match="2 requests in a minute"):
        request_take(access_to(limited(requests_per_minute=2)))
    raised = request_take(access_to(limited(requests_per_minute=6)))
    assert raised is not None
    assert raised.left == 0


@pytest.mark.usefixtures("counters_away")
def test_without_the_counters_the_api_answers_503_and_does_nothing(
    people: People, stored_files: Names
) -> None:
    key = {"Authorization": f"Bearer {people.key()}"}
    answer = Client().post("/api/v1/media", {"file": io.BytesIO(photo(1))}, headers=key)
    assert answer.status_code == 503
    assert answer.json()["code"] == "service_unavailable"
    assert stored_files() == []
