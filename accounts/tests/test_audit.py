"""Reading the record: the page with its filters, the API, and the record as a file."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import audit_log
from accounts.access import across_teams, team_scope
from accounts.audit import ACTIONS, Actor, acting_as, record
from accounts.models import AuditEvent
from conftest import People


def deed(people: People, action: str = "media.uploaded", name: str = "a.png", who: str = "maria") -> None:
    with team_scope(people.team), acting_as(Actor(name=who, address="192.0.2.7", request_id=f"req-{name}")):
        record(action, team=people.team, obj=people.team, name=name, size=3)


def body_of(answer: Any) -> bytes:
    from tests.tenants.test_table import read_all

    return read_all(answer)


def page_of(people: People, **query: Any) -> str:
    answer = people.client("admin").get(reverse("team_audit"), query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_says_who_did_what_to_what_when_and_from_where(people: People) -> None:
    robot = Actor(name="robot", api_key="abcdefgh", address="2001:db8::7", request_id="d1c8d760bda2")
    with acting_as(robot), team_scope(people.team):
        record("webhook.deleted", team=people.team, obj=people.team, name="https://example.org/hook")
    page = page_of(people)
    for words in ("robot", "es_abcdefgh_", "Webhook deleted", "https://example.org/hook", "2001:db8::7"):
        assert words in page
    assert "request d1c8d760…" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"action": "media.deleted"}, {"b.png"}),
        ({"actor": "ROB"}, {"c.png"}),
        ({"object_name": "b.P"}, {"b.png"}),
        ({"object_type": "team", "actor": "maria"}, {"a.png", "b.png"}),
        ({"object_type": "user"}, set()),
        ({"request_id": "req-c.png"}, {"c.png"}),
        ({"since": "2000-01-01", "until": "2000-12-31"}, set()),
        ({"since": "2000-01-01", "actor": "maria"}, {"a.png", "b.png"}),
    ],
)
def test_filters_of_the_page(people: People, query: dict[str, str], found: set[str]) -> None:
    deed(people, name="a.png")
    deed(people, "media.deleted", "b.png")
    deed(people, name="c.png", who="robot")
    page = page_of(people, **query)
    assert {name for name in ("a.png", "b.png", "c.png") if f">{name}<" in page} == found
    if not found:
        assert "No event matches" in page


def test_the_last_day_of_a_search_is_in_it(people: People) -> None:
    deed(people, name="today.png")
    today = timezone.now().strftime("%Y-%m-%d")
    assert ">today.png<" in page_of(people, since=today, until=today)


def test_a_day_that_is_none_is_said(people: People) -> None:
    answer = people.client("admin").get(reverse("team_audit"), {"since": "yesterday"})
    assert answer.status_code == 400
    assert "valid date" in answer.content.decode()


def test_pages_go_on_where_the_one_before_ended(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts.views import audit

    monkeypatch.setattr(audit, "PAGE_SIZE", 2)
    for number in range(5):
        deed(people, name=f"n{number}.png")
    seen: list[str] = []
    client, query = people.client("admin"), "?object_name=.png"
    while query:
        answer = client.get(reverse("team_audit") + query)
        seen += [event.object_name for event, *_ in answer.context["events"]]
        query = f"?{answer.context['older']}" if answer.context["older"] else ""
    assert seen == [f"n{number}.png" for number in reversed(range(5))]


def test_the_page_takes_as_many_queries_for_many_events_as_for_few(
    people: People, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    client = people.client("admin")
    deed(people)
    with django_assert_max_num_queries(12) as few:
        client.get(reverse("team_audit"))
    for _ in range(30):
        deed(people)
    with django_assert_num_queries(len(few)):
        client.get(reverse("team_audit"))


def test_reading_is_not_recorded(people: People) -> None:
    page_of(people)
    key = {"Authorization": f"Bearer {people.key()}"}
    with across_teams():
        before = AuditEvent.objects.count()
    Client().get("/api/v1/audit", headers=key)
    page_of(people)
    with across_teams():
        assert AuditEvent.objects.count() == before


def test_an_event_of_another_team_is_not_shown_by_any_filter(people: People, others: People) -> None:
    deed(others, name="theirs.png")
    with team_scope(others.team):
        event = AuditEvent.objects.get(object_name="theirs.png")
    for query in (
        {},
        {"object_name": "theirs"},
        {"object_id": str(others.team.pk)},
        {"before": event.pk + 9},
    ):
        assert "theirs.png" not in page_of(people, **query)
    key = {"Authorization": f"Bearer {people.key()}"}
    assert Client().get(f"/api/v1/audit/{event.pk}", headers=key).status_code == 404
    assert b"theirs" not in Client().get("/api/v1/audit", headers=key).content


# --- API ----------------------------------------------------------------------------------------------
def test_the_api_lists_and_filters(people: People) -> None:
    deed(people, name="a.png")
    deed(people, "media.deleted", "b.png")
    key = {"Authorization": f"Bearer {people.key('manage')}"}

    def names(query: str) -> list[str]:
        answer = Client().get(f"/api/v1/audit?object_name=.png&{query}", headers=key)
        assert answer.status_code == 200, answer.content
        return [event["object"]["name"] for event in answer.json()["results"]]

    assert names("") == ["b.png", "a.png"]
    assert names("action=media.deleted") == ["b.png"]
    assert names("actor=maria&object_type=team") == ["b.png", "a.png"]
    later = (timezone.now() + timedelta(hours=1)).isoformat().replace("+", "%2B")
    assert names(f"created_before={later}") == ["b.png", "a.png"]
    assert names(f"created_after={later}") == []
    assert Client().get("/api/v1/audit?action=no.such", headers=key).status_code == 400
    assert Client().get("/api/v1/audit?who=maria", headers=key).status_code == 400


def test_the_api_shows_one_event(people: People) -> None:
    deed(people, name="a.png")
    with team_scope(people.team):
        event = AuditEvent.objects.get(object_name="a.png")
    key = {"Authorization": f"Bearer {people.key('manage')}"}
    body = Client().get(f"/api/v1/audit/{event.pk}", headers=key).json()
    assert body == {
        "id": event.pk,
        "action": "media.uploaded",
        "actor": {"user_id": None, "name": "maria", "api_key": ""},
        "object": {"type": "team", "id": str(people.team.pk), "name": "a.png"},
        "details": {"size": 3},
        "address": "192.0.2.7",
        "request_id": "req-a.png",
        "created_at": event.created_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize("scopes", [["read"], ["analyze"], ["read", "analyze"]])
def test_a_key_that_does_not_manage_sees_no_record(people: People, scopes: list[str]) -> None:
    key = {"Authorization": f"Bearer {people.key(*scopes)}"}
    assert Client().get("/api/v1/audit", headers=key).status_code == 403


# --- As a file ----------------------------------------------------------------------------------------
def export(people: People, **form: str) -> bytes:
    answer = people.client("admin").post(reverse("team_audit_export"), form)
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    return body_of(answer)


@pytest.mark.parametrize("cell", ["=cmd|'/c calc'!A0", "+1", "-1", "@SUM(1)", "\t=1"])
def test_a_csv_holds_no_formula(people: People, cell: str) -> None:
    deed(people, name=cell)
    rows = list(csv.DictReader(io.StringIO(export(people, format="csv").decode())))
    (row,) = [row for row in rows if row["action"] == "media.uploaded"]
    assert row["object_name"] == f"'{cell}"
    assert json.loads(row["details"]) == {"size": 3}


def test_an_export_holds_what_the_filters_leave_in_the_order_of_the_page(
    people: People, others: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "EXPORT_PAGE", 2)
    for number in range(5):
        deed(people, name=f"n{number}.png")
    deed(people, name="other.txt")
    deed(others, name="theirs.png")
    lines = export(people, format="jsonl", object_name=".png").decode().splitlines()
    assert [json.loads(line)["object_name"] for line in lines] == [f"n{n}.png" for n in (4, 3, 2, 1, 0)]


def test_an_export_is_recorded_with_its_filters(people: People) -> None:
    export(people, format="csv", actor="maria")
    with team_scope(people.team):
        event = AuditEvent.objects.get(action="audit.exported")
    assert event.actor_name == "blue-admin"
    assert event.details == {"format": "csv", "filters": {"actor": "maria"}}


@pytest.mark.parametrize("form", [{}, {"format": "xlsx"}, {"format": "csv", "since": "soon"}])
def test_a_wrong_export_is_refused_and_not_recorded(people: People, form: dict[str, str]) -> None:
    assert people.client("admin").post(reverse("team_audit_export"), form).status_code == 400
    with team_scope(people.team):
        assert not AuditEvent.objects.filter(action="audit.exported").exists()


def test_a_deed_without_a_name_in_the_list_cannot_be_recorded(people: People) -> None:
    with pytest.raises(KeyError):
        record("team.painted_green", team=people.team)
    with across_teams():
        assert not AuditEvent.objects.filter(action="team.painted_green").exists()


def test_every_deed_that_is_recorded_anywhere_stands_in_the_list_and_none_is_idle() -> None:
    import ast
    from pathlib import Path

    root = Path(__file__).resolve().parents[2]
    texts = [
        node.value
        for package in ("accounts", "analysis", "media_jobs", "galleries", "compat")
        for path in (root / package).rglob("*.py")
        if "tests" not in path.parts and path != root / "accounts/audit.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    idle = set(ACTIONS) - set(texts)
    assert idle == set(), "nothing records these"
