"""How often somebody may try: sign-in, sign-up, invitations, new teams; and whom a try counts for."""

from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django_scopes import scopes_disabled
from pytest_django import Settings

from accounts.models import Invitation, Team, User
from conftest import People
from emotionsite.settings import sign_in as defaults
from emotionsite.settings.sign_in import rates_from_text

from .people import PASSWORD

pytestmark = pytest.mark.django_db
WRONG = {"login": "blue-viewer", "password": "wrong"}
RIGHT = {"login": "blue-viewer", "password": PASSWORD}


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    """As they are outside of tests, with small figures."""
    settings.ACCOUNT_RATE_LIMITS = {
        **defaults.ACCOUNT_RATE_LIMITS,
        "login": "3/m/ip",
        "login_failed": "",
        "signup": "2/h/ip",
        "invitation": "2/h/key",
        "new_team": "2/d/user",
    }


def sign_up(number: int, **extra: Any) -> Any:
    form = {
        "username": f"u{number}",
        "email": f"u{number}@example.org",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    return Client().post("/accounts/signup/", form, **extra)


def is_too_many(answer: Any) -> bool:
    page = answer.content.decode()
    return (
        answer.status_code == 429
        and "This was tried too often in a short time. Wait a few minutes, then try again." in page
        and "site.css" in page
    )


def test_signing_in_is_limited_by_address_and_the_page_says_what_to_do(people: People) -> None:
    for _ in range(3):
        assert Client().post("/accounts/login/", WRONG).status_code == 200
    client = Client()
    assert is_too_many(client.post("/accounts/login/", RIGHT))
    assert client.get("/photos/").status_code == 302
    assert client.get("/accounts/login/").status_code == 200, "looking at the page is no try"
    other = Client().post("/accounts/login/", RIGHT, REMOTE_ADDR="192.0.2.7")
    assert other.status_code == 302


def test_wrong_passwords_for_one_name_are_limited_from_every_address(
    people: People, settings: Settings
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key"}
    for number in range(5):
        answer = Client().post("/accounts/login/", WRONG, REMOTE_ADDR=f"192.0.2.{number}")
        assert "are not correct" in answer.content.decode()
    answer = Client().post("/accounts/login/", RIGHT, REMOTE_ADDR="192.0.2.99")
    assert "This was wrong too often in a short time" in answer.content.decode()
    other = Client().post("/accounts/login/", {**RIGHT, "login": "blue-admin"}, REMOTE_ADDR="192.0.2.99")
    assert other.status_code == 302, "another name is not held up"


def test_signing_up_is_limited_by_address_and_makes_nobody() -> None:
    assert [sign_up(number).status_code for number in range(2)] == [302, 302]
    assert is_too_many(sign_up(3))
    assert User.objects.count() == 2
    assert sign_up(4, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_behind_a_proxy_each_client_has_its_own_count(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    for client in ("192.0.2.1", "192.0.2.2"):
        for number in range(2):
            assert (
                sign_up(int(client[-1]) * 10 + number, headers={"X-Forwarded-For": client}).status_code == 302
            )
    assert is_too_many(sign_up(99, headers={"X-Forwarded-For": "203.0.113.5, 192.0.2.2"}))


def test_a_header_that_no_proxy_of_ours_wrote_changes_nothing() -> None:
    answers = [sign_up(n, headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code for n in range(3)]
    assert answers == [302, 302, 429]


def test_invitations_are_limited_by_sender_and_the_next_is_not_made(people: People) -> None:
    client = people.client("admin")
    for number in range(2):
        form = {"email": f"n{number}@example.org", "role": "viewer"}
        assert client.post("/team/invitations", form).status_code == 302
    answer = client.post("/team/invitations", {"email": "third@example.org", "role": "viewer"})
    assert answer.status_code == 429
    assert "You have sent many invitations in a short time." in answer.content.decode()
    body = {"email": "third@example.org"}
    refused = client.post("/api/v1/invitations", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_invitations")
    assert refused["Retry-After"] == "3600"
    with scopes_disabled():
        assert Invitation.unscoped.count() == len(mail.outbox) == 2
    key = Client(headers={"Authorization": f"Bearer {people.key('manage')}"})
    sent = key.post("/api/v1/invitations", body, content_type="application/json")
    assert sent.status_code == 201, "a key counts for itself"


def test_new_teams_are_limited_by_user(people: People, others: People) -> None:
    client = people.client("viewer")
    assert [client.post("/team/new", {"name": f"t{n}"}).status_code for n in range(2)] == [302, 302]
    before = Team.objects.count()
    assert is_too_many(client.post("/team/new", {"name": "t3"}))
    assert Team.objects.count() == before
    assert others.client("viewer").post("/team/new", {"name": "t4"}).status_code == 302


@pytest.mark.parametrize("text", ["", "5/m/ip", "5/m/ip,20/2h/key", "1/30s/user, 5/d/ip"])
def test_a_limit_that_can_be_read_is_taken(text: str) -> None:
    assert rates_from_text("RATE_LIMIT_SIGN_IN", text) == text


@pytest.mark.parametrize(
    "text", ["5", "5/m", "0/m/ip", "5/0m/ip", "5/w/ip", "5/m/everybody", "5/m/ip;3/h/ip"]
)
def test_a_limit_that_cannot_be_read_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="RATE_LIMIT_SIGN_IN must look like"):
        rates_from_text("RATE_LIMIT_SIGN_IN", text)
