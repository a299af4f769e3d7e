"""Who is let in: a key of the team in `Ocp-Apim-Subscription-Key`, and nothing else."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.access import team_scope
from accounts.keys import api_key_create, api_key_revoke
from accounts.models import ApiKey, Scope, Team
from compat.face_v1.authentication import HEADER
from conftest import People

from .helpers import BASE, Program

Refused = Callable[..., str]
DENIED = (
    "Access denied due to invalid subscription key. Make sure you are subscribed to an API you are trying to "
    "call and provide the right key."
)
#: Operations of each method; those that change something would do it.
OPERATIONS: list[tuple[str, str, Any]] = [
    ("GET", "/persongroups", None),
    ("GET", "/persongroups/staff", None),
    ("PUT", "/persongroups/other", {"name": "Other"}),
    ("PATCH", "/persongroups/staff", {"name": "Other"}),
    ("DELETE", "/persongroups/staff", None),
    ("POST", "/persongroups/staff/train", None),
    ("POST", "/persongroups/staff/persons", {"name": "Ada"}),
    ("POST", "/detect", {"url": None}),
    ("POST", "/group", {"faceIds": []}),
]
each_operation = pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)


@pytest.fixture()
def staff(program: Program) -> None:
    """There is something to see and to change."""
    assert program.put("/persongroups/staff", {"name": "Staff"}).status_code == 200


def revoked(people: People) -> str:
    row, text = api_key_create(team=people.team, name="old", scopes=Scope.values)
    with team_scope(people.team):
        api_key_revoke(key=row)
    return text


def expired(people: People) -> str:
    row, text = api_key_create(team=people.team, name="old", scopes=Scope.values)
    with team_scope(people.team):
        ApiKey.objects.filter(pk=row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    return text


def of_another_secret(people: People) -> str:
    right = people.key()
    return right[:-1] + ("A" if right[-1] != "A" else "B")


#: Texts that are no key of the team.
NO_KEYS: dict[str, Callable[[People], str]] = {
    "empty": lambda people: "",
    "blank": lambda people: "  ",
    "of another service": lambda people: "0123456789abcdef0123456789abcdef",
    "unknown": lambda people: "es_aaaaaaaa_" + "A" * 43,
    "another secret": of_another_secret,
    "half of one": lambda people: people.key()[:-5],
    "two at once": lambda people: f"{people.key()},{people.key()}",
    "with the word for another header": lambda people: f"Bearer {people.key()}",
    "not ASCII": lambda people: "es_\xe4\xff",
    "revoked": revoked,
    "expired": expired,
}


@pytest.mark.parametrize("name", NO_KEYS)
def test_what_is_no_live_key_is_denied(name: str, people: People, staff: None, refused: Refused) -> None:
    key = NO_KEYS[name](people)
    for method, path, body in OPERATIONS:
        message = refused(lambda m=method, p=path, b=body: Program(key).send(m, p, b), 401, "Unspecified")
        assert message == DENIED


@each_operation
def test_without_a_key_nobody_is_let_in(
    method: str, path: str, body: Any, staff: None, refused: Refused
) -> None:
    assert refused(lambda: without_key(Client(), method, path, body), 401, "Unspecified") == DENIED


def without_key(client: Client, method: str, path: str, body: Any, **headers: str) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    return client.generic(method, f"{BASE}{path}", content, "application/json", headers=headers)


@each_operation
def test_a_key_in_the_header_of_the_native_api_does_not_count(
    method: str, path: str, body: Any, people: People, staff: None, refused: Refused
) -> None:
    bearer = f"Bearer {people.key()}"
    refused(lambda: without_key(Client(), method, path, body, Authorization=bearer), 401, "Unspecified")
    both = {"Authorization": bearer, HEADER: "none"}
    refused(lambda: without_key(Client(), method, path, body, **both), 401, "Unspecified")


@each_operation
@pytest.mark.parametrize("strict", [False, True], ids=["", "with a check of forms"])
def test_who_is_signed_in_with_a_browser_is_not_let_in(
    strict: bool, method: str, path: str, body: Any, people: People, staff: None, refused: Refused
) -> None:
    """So no page of another site can make a browser send anything here, and no form needs a token."""
    client = Client(enforce_csrf_checks=strict)
    client.force_login(people.owner, backend="django.contrib.auth.backends.ModelBackend")
    assert refused(lambda: without_key(client, method, path, body), 401, "Unspecified") == DENIED


def test_a_key_counts_and_not_the_session_beside_it(people: People, others: People, staff: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(others.owner, backend="django.contrib.auth.backends.ModelBackend")
    key = {HEADER: people.key()}
    answer = client.get(f"{BASE}/persongroups", headers=key)
    assert [group["personGroupId"] for group in answer.json()] == ["staff"]
    answer = without_key(client, "PUT", "/persongroups/other", {"name": "Other"}, **key)
    assert answer.status_code == 200
    assert Program(others.key()).get("/persongroups").json() == []


@pytest.mark.parametrize("header", [HEADER, HEADER.lower(), HEADER.upper()])
@pytest.mark.parametrize("around", ["{}", " {} "])
def test_letter_case_of_the_header_and_blanks_around_the_key_do_not_count(
    header: str, around: str, people: People
) -> None:
    headers = {header: around.format(people.key())}
    assert Client().get(f"{BASE}/persongroups", headers=headers).status_code == 200


def test_who_is_denied_is_told_how_to_send_a_key(db: None) -> None:
    assert (
        Client().get(f"{BASE}/persongroups")["WWW-Authenticate"]
        == f'ApiKey realm="EmotionSite", header="{HEADER}"'
    )


@each_operation
def test_a_key_from_outside_its_networks_is_refused(
    method: str, path: str, body: Any, people: People, staff: None, refused: Refused
) -> None:
    _, key = api_key_create(team=people.team, name="inside", scopes=Scope.values, networks=["192.0.2.0/24"])
    message = refused(lambda: Program(key).send(method, path, body), 403, "AddressNotAllowed")
    assert message.startswith("This API key may not be used from 127.0.0.1.")
    inside = Client(REMOTE_ADDR="192.0.2.7").get(f"{BASE}/persongroups", headers={HEADER: key})
    assert inside.status_code == 200


@each_operation
def test_a_key_with_too_few_rights_is_refused_and_the_missing_one_named(
    method: str, path: str, body: Any, people: People, staff: None, refused: Refused
) -> None:
    needed = {"GET": "read", "POST": "analyze"}.get(method, "manage")
    key = people.key(*(set(Scope.values) - {needed}))
    message = refused(lambda: Program(key).send(method, path, body), 403, "Forbidden")
    assert f"'{needed}'" in message
    answer = Program(people.key(needed)).send(method, path, body)
    assert answer.status_code not in (401, 403)


@each_operation
def test_in_a_team_that_is_being_deleted_nothing_can_be_done(
    method: str, path: str, body: Any, people: People, program: Program, staff: None, refused: Refused
) -> None:
    Team.objects.filter(pk=people.team.pk).update(deleting_at=timezone.now())
    message = refused(lambda: program.send(method, path, body), 403, "TeamIsBeingDeleted")
    assert message.startswith("blue is being deleted.")
