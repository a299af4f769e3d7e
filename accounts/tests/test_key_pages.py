"""The page and the API of keys: shown once, revoked at once, never more rights than the caller has."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.keys import KEY_PATTERN, api_key_create
from accounts.models import ApiKey, AuditEvent
from conftest import People

NEW = {"name": "CI", "scopes": ["read", "analyze"]}


def text_in(answer: Any) -> str:
    """The full text of the key on a page."""
    words = answer.content.decode().replace("<", " ").replace(">", " ").split()
    return next(word for word in words if KEY_PATTERN.match(word))


def keys_count() -> int:
    with across_teams():
        return ApiKey.unscoped.count()


def with_key(people: People, *scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {people.key(*scopes)}"}


# --- The page -----------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_then_opens_the_api(people: People) -> None:
    client = people.client("admin")
    answer = client.post("/team/keys/new", NEW)
    assert answer.status_code == 200
    text = text_in(answer)
    assert client.get("/api/v1/media", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    assert "no-store" in answer["Cache-Control"]
    secret = text.split("_", 2)[2]
    for page in ("/team/keys", "/photos/", "/team/keys"):
        assert secret not in client.get(page).content.decode()
    for session in Session.objects.all():
        assert secret not in str(session.get_decoded())


def test_the_key_has_what_the_form_says(people: People) -> None:
    last_day = (timezone.now() + timedelta(days=30)).date()
    typed = {**NEW, "last_day": last_day.isoformat(), "networks": "10.1.2.3/8\n::1, 10.0.0.0/8"}
    assert people.client("owner").post("/team/keys/new", typed).status_code == 200
    with team_scope(people.team):
        key = ApiKey.objects.get()
    assert key.scopes == ["read", "analyze"]
    assert key.networks == ["10.0.0.0/8", "::1"]
    assert key.created_by == people.owner
    assert key.expires_at == datetime.combine(last_day + timedelta(days=1), datetime.min.time(), UTC)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "required"),
        ({"scopes": []}, "required"),
        ({"scopes": ["everything"]}, "Select a valid choice"),
        ({"last_day": "2020-01-01"}, "This day is over"),
        ({"last_day": "9999-12-31"}, "too far away"),
        ({"networks": "example.org"}, "no address and no range"),
        ({"networks": "\n".join(f"10.0.{n}.1" for n in range(21))}, "at most 20"),
    ],
)
def test_a_form_that_is_wrong_says_what_and_makes_no_key(people: People, wrong: Any, words: str) -> None:
    answer = people.client("owner").post("/team/keys/new", {**NEW, **wrong})
    assert answer.status_code == 400
    assert words in answer.content.decode().replace("&#x27;", "'")
    assert keys_count() == 0


def test_a_revoked_key_is_refused_from_the_next_request_on(people: People) -> None:
    client = people.client("owner")
    text = text_in(client.post("/team/keys/new", NEW))
    key = {"Authorization": f"Bearer {text}"}
    assert Client().get("/api/v1/media", headers=key).status_code == 200
    answer = client.post(f"/team/keys/{text[3:11]}/revoke", follow=True)
    assert "CI was revoked" in answer.content.decode()
    assert "revoked</span>" in answer.content.decode()
    assert Client().get("/api/v1/media", headers=key).status_code == 401


@pytest.mark.parametrize("role", ["analyst", "viewer"])
def test_who_does_not_manage_the_team_sees_and_makes_no_keys(people: People, role: str) -> None:
    client = people.client(role)
    assert client.get("/team/keys").status_code == 403
    assert client.post("/team/keys/new", NEW).status_code == 403
    assert keys_count() == 0


def test_the_list_asks_the_database_as_often_for_many_keys_as_for_one(
    people: People, django_assert_num_queries: Any
) -> None:
    client = people.client("owner")
    api_key_create(team=people.team, name="0", scopes=["read"], created_by=people.owner)
    client.get("/team/keys")
    with django_assert_num_queries(5) as few:
        client.get("/team/keys")
    for n in range(9):
        api_key_create(team=people.team, name=str(n), scopes=["read"], created_by=people.admin)
    with django_assert_num_queries(len(few.captured_queries)):
        assert client.get("/team/keys").content.decode().count("Revoke<span") == 10


# --- The API ------------------------------------------------------------------------------------------


def test_the_api_makes_shows_and_revokes_a_key(people: People) -> None:
    manager = with_key(people, "read", "manage")
    made = Client().post(
        "/api/v1/keys",
        {"name": "CI", "scopes": ["read"], "networks": ["127.0.0.1/8"], "expires_at": "2099-01-01T00:00:00Z"},
        "application/json",
        headers=manager,
    )
    assert made.status_code == 201
    body = made.json()
    text = body.pop("key")
    assert KEY_PATTERN.match(text)
    assert body["id"] == text[3:11]
    assert (body["scopes"], body["networks"], body["state"]) == (["read"], ["127.0.0.0/8"], "active")
    shown = Client().get(made["Location"], headers=manager)
    assert shown.json() == body
    assert Client().get("/api/v1/media", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    assert Client().delete(made["Location"], headers=manager).status_code == 204
    assert Client().get("/api/v1/media", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    assert Client().get(made["Location"], headers=manager).json()["state"] == "revoked"
    with team_scope(people.team):
        event = AuditEvent.objects.get(action="api_key.revoked")
    assert event.api_key == manager["Authorization"][10:18], "the record says which key did it"


def test_a_key_makes_no_key_with_a_right_it_lacks(people: People) -> None:
    manager = with_key(people, "manage")
    before = keys_count()
    answer = Client().post(
        "/api/v1/keys", {"name": "more", "scopes": ["read", "manage"]}, "application/json", headers=manager
    )
    assert answer.status_code == 403
    assert answer.json()["code"] == "key_scope_missing"
    assert "read" in answer.json()["detail"]
    assert keys_count() == before
    allowed = Client().post(
        "/api/v1/keys", {"name": "same", "scopes": ["manage"]}, "application/json", headers=manager
    )
    assert allowed.status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": "read"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "soon"},
        {"networks": ["nowhere"]},
        {"networks": [f"10.0.{n}.1" for n in range(21)]},
        {"networks": None},
    ],
)
def test_a_wrong_field_is_named_and_no_key_is_made(people: People, wrong: dict[str, Any]) -> None:
    manager = with_key(people)
    before = keys_count()
    body = {"name": "CI", "scopes": ["read"], **wrong}
    answer = Client().post("/api/v1/keys", body, "application/json", headers=manager)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == list(wrong)
    assert keys_count() == before


def test_the_list_is_filtered_by_state_and_right_and_shows_no_secret(people: People) -> None:
    manager = with_key(people)
    now = timezone.now()
    for name, scopes, changes in (
        ("expired", ["read"], {"expires_at": now}),
        ("revoked", ["read"], {"revoked_at": now}),
        ("living", ["analyze"], {}),
    ):
        row, _ = api_key_create(team=people.team, name=name, scopes=scopes)
        with team_scope(people.team):
            ApiKey.objects.filter(pk=row.pk).update(**changes)

    def names(query: str) -> list[str]:
        answer = Client().get(f"/api/v1/keys{query}", headers=manager)
        assert "digest" not in answer.content.decode()
        return [key["name"] for key in answer.json()["results"]]

    assert names("") == ["living", "revoked", "expired", "test"]
    assert names("?state=active") == ["living", "test"]
    assert names("?state=expired") == ["expired"]
    assert names("?state=revoked") == ["revoked"]
    assert names("?scope=analyze") == ["living", "test"]
    assert Client().get("/api/v1/keys?state=new", headers=manager).status_code == 400


def test_keys_of_another_team_do_not_exist(people: People, others: People) -> None:
    theirs, _ = api_key_create(team=others.team, name="theirs", scopes=["read"])
    manager = with_key(people)
    assert Client().get(f"/api/v1/keys/{theirs.identifier}", headers=manager).status_code == 404
    assert Client().delete(f"/api/v1/keys/{theirs.identifier}", headers=manager).status_code == 404
    assert people.client("owner").post(f"/team/keys/{theirs.identifier}/revoke").status_code == 404
    with across_teams():
        assert ApiKey.unscoped.get(pk=theirs.pk).revoked_at is None
