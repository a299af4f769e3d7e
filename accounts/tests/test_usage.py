"""Usage: requests noted once, figures per day, and the same on the page and in the API."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from redis.exceptions import RedisError

from accounts import rate_counter
from accounts.access import Access, across_teams, team_scope
from accounts.limits import month_of, next_month, pictures_take, request_take, usage_add
from accounts.models import AuditEvent, Plan, Team, UsageDay
from accounts.plans import plan_set, team_plan_set
from accounts.tasks import note_requests
from accounts.usage import requests_note, usage_of
from conftest import People

EVENING = datetime(2027, 3, 1, 23, 59, 50, tzinfo=UTC)


def ask(team: Team, times: int) -> None:
    for _ in range(times):
        request_take(Access(team=team, scopes=frozenset()))


def noted(team: Team) -> dict[date, int]:
    with across_teams():
        return {day.day: day.requests for day in UsageDay.objects.filter(team=team)}


def test_requests_are_noted_per_team_and_day_and_twice_is_the_same_as_once(
    people: People, others: People
) -> None:
    with time_machine.travel(EVENING) as clock:
        ask(people.team, 3)
        ask(others.team, 1)
        assert requests_note() == 2
        assert requests_note() == 0
        ask(people.team, 2)
        clock.shift(timedelta(seconds=20))
        ask(people.team, 4)
        note_requests()
        note_requests()
    assert noted(people.team) == {date(2027, 3, 1): 5, date(2027, 3, 2): 4}
    assert noted(others.team) == {date(2027, 3, 1): 1}


def test_requests_of_a_day_long_ago_are_noted_late_and_then_forgotten(people: People) -> None:
    with time_machine.travel(EVENING) as clock:
        ask(people.team, 3)
        clock.shift(timedelta(days=10))
        requests_note()
        assert noted(people.team) == {date(2027, 3, 1): 3}
        assert rate_counter.of_day(date(2027, 3, 1)) == {}
        requests_note()
    assert noted(people.team) == {date(2027, 3, 1): 3}


def test_a_counter_that_was_lost_does_not_lower_what_was_noted(people: People) -> None:
    day = date(2027, 3, 1)
    with time_machine.travel(EVENING):
        ask(people.team, 3)
        requests_note()
        rate_counter.drop_day(day)
        ask(people.team, 1)
        requests_note()
    assert noted(people.team) == {day: 3}


def test_requests_of_a_team_that_is_gone_are_dropped(people: People, others: People) -> None:
    with time_machine.travel(EVENING):
        ask(people.team, 3)
        ask(others.team, 1)
        with across_teams():
            people.team.memberships.all().delete()
            people.team.delete()
        assert requests_note() == 1
    assert noted(others.team) == {date(2027, 3, 1): 1}


def test_noting_requests_leaves_the_other_figures_of_a_day(people: People) -> None:
    with time_machine.travel(EVENING):
        with team_scope(people.team):
            usage_add(team=people.team, pictures=2, faces=5)
        ask(people.team, 3)
        requests_note()
        with team_scope(people.team):
            usage_add(team=people.team, pictures=1)
            day = UsageDay.objects.get()
    assert (day.requests, day.pictures, day.faces) == (3, 3, 5)


def test_days_without_use_are_there_with_zeros_and_today_is_counted_live(people: People) -> None:
    with time_machine.travel(EVENING), team_scope(people.team):
        usage_add(team=people.team, day=date(2027, 2, 27), pictures=2)
        usage_add(team=people.team, day=date(2027, 1, 1), pictures=9)
        ask(people.team, 3)
        days = usage_of(team=people.team).days
    assert len(days) == 30
    assert [day.day for day in days] == [date(2027, 1, 31) + timedelta(days=n) for n in range(30)]
    assert days[-3].pictures == 2
    assert days[-1].requests == 3
    assert sum(day.pictures for day in days) == 2


def test_a_new_month_begins_at_zero_without_anybody_doing_anything(people: People) -> None:
    with time_machine.travel(datetime(2027, 3, 31, 12, tzinfo=UTC)) as clock, team_scope(people.team):
        pictures_take(team=people.team, count=4)
        before = usage_of(team=people.team)
        clock.move_to(datetime(2027, 4, 1, 0, 0, 1, tzinfo=UTC))
        after = usage_of(team=people.team)
    assert (before.used.pictures_this_month, before.replenished_on) == (4, date(2027, 4, 1))
    assert (after.used.pictures_this_month, after.replenished_on) == (0, date(2027, 5, 1))


def test_the_page_shows_todays_requests_as_noted_when_the_counters_are_away(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(people.team, 3)
    requests_note()

    def away(**_: Any) -> int:
        raise RedisError("away")

    monkeypatch.setattr(rate_counter, "of_team", away)
    with team_scope(people.team):
        assert usage_of(team=people.team).days[-1].requests == 3


def test_the_api_and_the_page_show_the_same_figures(people: People) -> None:
    plan = plan_set(name="Small", pictures_per_month=8, requests_per_minute=50, storage_bytes=5 * 1024**3)
    team_plan_set(team=people.team, plan=plan)
    with team_scope(people.team):
        pictures_take(team=people.team, count=8)
        usage_add(team=people.team, faces=31)
    key = {"Authorization": f"Bearer {people.key('read')}"}
    body = Client().get("/api/v1/usage", headers=key).json()
    today = datetime.now(UTC).date()
    assert body["plan"] == "Small"
    assert body["limits"] == {
        "requests_per_minute": 50,
        "pictures_per_month": 8,
        "stored_faces": None,
        "storage_bytes": 5 * 1024**3,
        "largest_file_bytes": 25 * 1024**2,
    }
    assert body["used"] == {"pictures_this_month": 8, "stored_faces": 0, "stored_bytes": 0}
    assert body["replenished_on"] == next_month(month_of(today)).isoformat()
    assert body["days"][-1] == {"day": today.isoformat(), "requests": 1, "pictures": 8, "faces": 31}
    page = people.client("viewer").get("/team/usage").content.decode()
    found = re.search(r'<script id="usage-data" type="application/json">(.*?)</script>', page)
    assert found is not None
    chart = json.loads(found[1])
    for name in ("requests", "pictures", "faces"):
        assert chart[name] == [day[name] for day in body["days"]]
    assert chart["days"] == [day["day"] for day in body["days"]]
    assert "es-progress-full" in page
    assert re.search(r"8\s+<span[^>]*>of 8</span>", page)
    assert "5.0\xa0GB" in page
    assert "Begins at 0 again on 1 " in page
    assert "50 requests" in page


def test_a_team_sees_its_own_usage_only(people: People, others: People) -> None:
    with team_scope(people.team):
        usage_add(team=people.team, pictures=77)
    body = others.client("owner").get("/api/v1/usage").json()
    assert {day["pictures"] for day in body["days"]} == {0}


@pytest.mark.parametrize(
    ("query", "status"), [("?days=366", 200), ("?days=0", 400), ("?days=367", 400), ("?days=x", 400)]
)
def test_the_number_of_days_is_bounded(people: People, query: str, status: int) -> None:
    assert people.client("viewer").get(f"/api/v1/usage{query}").status_code == status


def test_usage_takes_as_many_queries_for_a_year_as_for_a_day(
    people: People, django_assert_num_queries: Any
) -> None:
    with team_scope(people.team):
        for n in range(40):
            usage_add(team=people.team, day=datetime.now(UTC).date() - timedelta(days=n), pictures=1)
        for days in (1, 366):
            with django_assert_num_queries(2):
                usage_of(team=people.team, days=days)


# --- Plans --------------------------------------------------------------------------------------------


def test_the_command_makes_a_plan_changes_it_and_gives_it_to_a_team(people: People, capsys: Any) -> None:
    call_command("set_plan", "Lab", "--pictures-per-month", "500", "--team", str(people.team.pk))
    call_command("set_plan", "Lab", "--stored-faces", "9", "--pictures-per-month", "none")
    plan = Plan.objects.get()
    assert (plan.pictures_per_month, plan.stored_faces) == (None, 9)
    assert Team.objects.get(pk=people.team.pk).plan == plan
    assert "Teams: 1." in capsys.readouterr().out
    with team_scope(people.team):
        event = AuditEvent.objects.get(action="team.plan_changed")
    assert event.details == {"before": None, "after": "Lab"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("Lab", "--stored-faces", "many"),
        ("Lab", "--stored-faces", "-1"),
        ("", "--stored-faces", "1"),
        ("Lab", "--team", "00000000-0000-0000-0000-000000000000"),
        ("Lab", "--requests-per-minute", str(2**40)),
    ],
)
def test_a_wrong_plan_is_refused_and_nothing_changes(db: None, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command("set_plan", *arguments)
    assert not Plan.objects.exists()
