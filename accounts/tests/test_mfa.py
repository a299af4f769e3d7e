"""Two-factor sign-in: setting it up, signing in with it, and a team that asks for it."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts.access import team_scope
from accounts.models import Membership, Role, Team, User
from conftest import People

from .people import PASSWORD, events, give_second_factor, sign_in, totp_code

pytestmark = pytest.mark.django_db


def reauthenticated(people: People, role: str) -> Client:
    client = people.client(role)
    answer = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert answer.status_code == 302
    return client


def required_by(people: People) -> None:
    Team.objects.filter(pk=people.team.pk).update(require_mfa=True)


def key_on_page(page: str) -> str:
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    assert found, page
    return found.group(1)


def switch_on(client: Client) -> Any:
    key = key_on_page(client.get("/accounts/2fa/totp/activate/").content.decode())
    return client.post("/accounts/2fa/totp/activate/", {"code": totp_code(key)}, follow=True)


# --- Setting up -------------------------------------------------------------------------------------
def test_setting_up_asks_for_the_password_once_more(people: People) -> None:
    client = people.client("viewer")
    answer = client.get("/accounts/2fa/totp/activate/")
    assert answer["Location"].startswith("/accounts/reauthenticate/?next=")
    answer = client.post(answer["Location"], {"password": PASSWORD})
    assert answer["Location"] == "/accounts/2fa/totp/activate/"
    assert client.get(answer["Location"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_second_factor_is_set_up_with_a_code_and_recovery_codes_are_shown(people: People) -> None:
    client = reauthenticated(people, "viewer")
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    assert 'src="data:image/svg+xml;base64,' in page
    answer = switch_on(client)
    shown = answer.content.decode()
    assert answer.redirect_chain[-1][0] == "/accounts/2fa/recovery-codes/"
    assert len(re.findall(r"<code>\d{8}</code>", shown)) == 10
    assert "Two-factor sign-in is on." in shown
    (message,) = mail.outbox
    assert (message.subject, message.to) == (
        "Two-factor sign-in was switched on",
        ["blue-viewer@example.org"],
    )
    assert "Hello blue-viewer," in message.body
    assert "- address: 127.0.0.1" in message.body
    (event,) = events("user.second_factor_on")
    assert (event.team_id, event.actor_name) == (None, "blue-viewer")


def test_the_key_is_stored_sealed(people: People) -> None:
    client = reauthenticated(people, "viewer")
    key = key_on_page(client.get("/accounts/2fa/totp/activate/").content.decode())
    client.post("/accounts/2fa/totp/activate/", {"code": totp_code(key)})
    stored = Authenticator.objects.get(type=Authenticator.Type.TOTP).data["secret"]
    assert key not in stored
    assert stored.startswith("gAAAA")


def test_a_wrong_code_sets_nothing_up_and_says_what_to_do(people: People) -> None:
    client = reauthenticated(people, "viewer")
    key = key_on_page(client.get("/accounts/2fa/totp/activate/").content.decode())
    wrong = f"{(int(totp_code(key)) + 1) % 1_000_000:06}"
    answer = client.post("/accounts/2fa/totp/activate/", {"code": wrong})
    assert "Codes change every 30 seconds" in answer.content.decode()
    assert key_on_page(answer.content.decode()) == key, "the picture that was scanned stays good"
    assert Authenticator.objects.count() == 0


def test_an_unconfirmed_address_has_to_be_confirmed_first(people: People) -> None:
    EmailAddress.objects.create(user=people.viewer, email=people.viewer.email, primary=True)
    client = reauthenticated(people, "viewer")
    assert "First confirm your e-mail address" in client.get("/accounts/2fa/").content.decode()
    assert client.get("/accounts/2fa/totp/activate/")["Location"] == "/accounts/2fa/"
    client.post("/accounts/2fa/confirm-again")
    (message,) = mail.outbox
    link = re.search(r"http://testserver(/accounts/confirm-email/\S+)", str(message.body))
    assert link
    client.post(link.group(1))
    assert client.get("/accounts/2fa/totp/activate/").status_code == 200


def test_switching_it_off_is_confirmed_by_mail_and_takes_the_recovery_codes_along(people: People) -> None:
    client = reauthenticated(people, "viewer")
    switch_on(client)
    answer = client.post("/accounts/2fa/totp/deactivate/", follow=True)
    assert "Two-factor sign-in is off." in answer.content.decode()
    assert mail.outbox[-1].subject == "Two-factor sign-in was switched off"
    assert Authenticator.objects.count() == 0
    assert len(events("user.second_factor_off")) == 1


def test_a_mail_server_that_is_away_does_not_undo_the_change(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("gone")

    client = reauthenticated(people, "viewer")
    switch_on(client)
    monkeypatch.setattr("django.core.mail.EmailMessage.send", away)
    assert client.post("/accounts/2fa/totp/deactivate/").status_code == 302
    assert Authenticator.objects.count() == 0


def test_new_recovery_codes_replace_the_old_ones(people: People) -> None:
    client = reauthenticated(people, "viewer")
    codes = re.findall(r"<code>(\d{8})</code>", switch_on(client).content.decode())
    answer = client.post("/accounts/2fa/recovery-codes/generate/", follow=True)
    new = re.findall(r"<code>(\d{8})</code>", answer.content.decode())
    assert len(new) == 10
    assert not set(new) & set(codes)
    text = client.get("/accounts/2fa/recovery-codes/download/")
    assert text.content.decode().split() == new
    assert text["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/2fa/",
        "/accounts/2fa/totp/activate/",
        "/accounts/2fa/totp/deactivate/",
        "/accounts/2fa/recovery-codes/",
        "/accounts/2fa/recovery-codes/generate/",
        "/accounts/2fa/reauthenticate/",
    ],
)
def test_every_page_stands_in_the_frame_and_keeps_the_policy(people: People, path: str) -> None:
    client = reauthenticated(people, "viewer")
    if "activate" not in path or "deactivate" in path:
        switch_on(client)
    answer = client.get(path)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "site.css" in page
    assert " style=" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert Client().get(path)["Location"].startswith("/accounts/login/")


# --- Signing in -------------------------------------------------------------------------------------
def test_the_password_alone_does_not_sign_in_any_more(people: People) -> None:
    secret = give_second_factor(people.viewer)
    client = Client()
    answer = sign_in(client, people.viewer)
    assert answer["Location"] == "/accounts/2fa/authenticate/"
    assert client.get("/photos/")["Location"].startswith("/accounts/login/")
    assert "One more step" in client.get("/accounts/2fa/authenticate/").content.decode()
    wrong = f"{(int(totp_code(secret)) + 1) % 1_000_000:06}"
    answer = client.post("/accounts/2fa/authenticate/", {"code": wrong})
    assert "This code is not right" in answer.content.decode()
    assert client.get("/photos/").status_code == 302
    answer = client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})
    assert answer["Location"] == "/photos/"
    assert client.get("/photos/").status_code == 200


def test_a_code_signs_in_once(people: People) -> None:
    code = totp_code(give_second_factor(people.viewer))
    for expected in (302, 200):
        client = Client()
        sign_in(client, people.viewer)
        assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == expected


def test_a_recovery_code_signs_in_once(people: People) -> None:
    codes = re.findall(r"<code>(\d{8})</code>", switch_on(reauthenticated(people, "viewer")).content.decode())
    for expected in (302, 200):
        client = Client()
        sign_in(client, people.viewer)
        answer = client.post("/accounts/2fa/authenticate/", {"code": codes[0]})
        assert answer.status_code == expected


def test_the_admin_has_no_door_past_the_second_factor(people: People) -> None:
    User.objects.filter(pk=people.owner.pk).update(is_staff=True, is_superuser=True)
    secret = give_second_factor(people.owner)
    client = Client()
    answer = client.post("/admin/login/", {"username": "blue-owner", "password": PASSWORD})
    assert answer["Location"].startswith("/accounts/login/?next=")
    assert client.get("/admin/").status_code == 302
    sign_in(client, people.owner, "/accounts/login/?next=/admin/")
    answer = client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})
    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


# --- A team that asks for it ------------------------------------------------------------------------
def test_only_an_owner_with_a_second_factor_asks_it_of_the_team(people: People) -> None:
    form = {"required": "1"}
    assert people.client("admin").post("/team/settings/second-factor", form).status_code == 403
    client = people.client("owner")
    answer = client.post("/team/settings/second-factor", form, follow=True)
    assert "Set up two-factor sign-in for your own account first" in answer.content.decode()
    assert not Team.objects.get(pk=people.team.pk).require_mfa
    give_second_factor(people.owner)
    answer = client.post("/team/settings/second-factor", form, follow=True)
    assert "Every member needs a second factor from now on." in answer.content.decode()
    assert Team.objects.get(pk=people.team.pk).require_mfa
    (event,) = events("team.settings_changed")
    assert (event.actor_name, event.details) == ("blue-owner", {"require_mfa": True})
    client.post("/team/settings/second-factor", {"required": "0"})
    assert not Team.objects.get(pk=people.team.pk).require_mfa


@pytest.mark.parametrize("path", ["/photos/", "/team/members", "/team/settings", "/photos/states?job="])
def test_a_member_without_one_is_sent_to_set_it_up_on_every_page_of_the_team(
    people: People, path: str
) -> None:
    required_by(people)
    client = people.client("admin")
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/")
    page = client.get("/accounts/2fa/").content.decode()
    assert "asks its members for a second factor" in page
    give_second_factor(people.admin)
    assert client.get("/team/members").status_code == 200
    assert "asks its members" not in client.get("/accounts/2fa/").content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_api_by_session_says_that_the_second_factor_is_missing(people: People, method: str) -> None:
    required_by(people)
    answer = getattr(people.client("owner"), method)("/api/v1/media")
    assert (answer.status_code, answer.json()["code"]) == (403, "mfa_required")
    assert answer.json()["detail"].startswith("blue asks its members for a second factor.")


def test_keys_work_on_in_a_team_that_asks_for_it(people: People) -> None:
    required_by(people)
    headers = {"Authorization": f"Bearer {people.key('read')}"}
    assert Client().get("/api/v1/media", headers=headers).status_code == 200


def test_a_member_without_one_can_go_to_another_team(people: People, others: People) -> None:
    required_by(people)
    with team_scope(others.team):
        Membership.objects.create(team=others.team, user=people.viewer, role=Role.VIEWER)
    client = people.client("viewer")
    assert client.get("/photos/")["Location"] == "/accounts/2fa/"
    assert str(others.team.pk) in client.get("/accounts/2fa/").content.decode()
    client.post("/team/switch", {"team": str(others.team.pk)})
    assert client.get("/photos/").status_code == 200


def test_who_switches_it_off_loses_the_team_at_once(people: People) -> None:
    required_by(people)
    client = reauthenticated(people, "viewer")
    switch_on(client)
    assert client.get("/photos/").status_code == 200
    client.post("/accounts/2fa/totp/deactivate/")
    assert client.get("/photos/")["Location"] == "/accounts/2fa/"


def test_recovery_codes_alone_are_no_second_factor(people: People) -> None:
    required_by(people)
    Authenticator.objects.create(
        user=people.viewer, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x", "used_mask": 0}
    )
    assert people.client("viewer").get("/photos/")["Location"] == "/accounts/2fa/"


def test_managers_see_who_lacks_one(people: People) -> None:
    give_second_factor(people.analyst)
    page = people.client("admin").get("/team/members").content.decode()
    assert (page.count(">set up<"), page.count(">none<")) == (1, 3)
    assert "Second factor" not in people.client("viewer").get("/team/members").content.decode()


# --- Guessing ---------------------------------------------------------------------------------------
def test_codes_cannot_be_guessed_without_end(people: People, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login_failed": "100/m/ip,5/5m/key"}
    cache.clear()
    secret = give_second_factor(people.viewer)
    wrong = f"{(int(totp_code(secret)) + 1) % 1_000_000:06}"
    client = Client()
    sign_in(client, people.viewer)
    for _ in range(5):
        answer = client.post("/accounts/2fa/authenticate/", {"code": wrong})
        assert "This code is not right" in answer.content.decode()
    answer = client.post("/accounts/2fa/authenticate/", {"code": totp_code(secret)})
    assert "wrong too often" in answer.content.decode()
    assert client.get("/photos/").status_code == 302
