"""Signing up, in and out, and a new password."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.utils.html import escape

from accounts.access import across_teams
from accounts.models import Membership, Role, Team, User

PASSWORD = "a long and good one 1"
FORM = {"username": "Ada", "email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD}
pytestmark = pytest.mark.django_db


def test_a_new_user_lands_in_a_team_of_their_own() -> None:
    client = Client()
    answer = client.post("/accounts/signup/", FORM, follow=True)
    assert answer.redirect_chain[-1][0] == "/photos/"
    assert answer.status_code == 200
    with across_teams():
        membership = Membership.objects.select_related("user", "team").get()
    assert (membership.user.username, membership.role) == ("Ada", Role.OWNER)
    assert membership.team.name == "Ada's team"


@pytest.mark.parametrize("name", ["Ada", "ada", "ADA"])
def test_a_taken_name_is_said_and_nobody_is_made(name: str) -> None:
    Client().post("/accounts/signup/", FORM)
    answer = Client().post("/accounts/signup/", {**FORM, "username": name, "email": "other@example.org"})
    assert "User already exists" in answer.content.decode()
    assert User.objects.count() == Team.objects.count() == 1


def test_a_taken_address_is_said_and_nobody_is_made() -> None:
    Client().post("/accounts/signup/", FORM)
    answer = Client().post("/accounts/signup/", {**FORM, "username": "Grace", "email": "ADA@example.org"})
    assert "User already exists" in answer.content.decode()
    assert User.objects.count() == Team.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"password1": "short", "password2": "short"},
        {"password2": "another long one 1"},
        {"email": "nowhere"},
        {"username": ""},
    ],
    ids=["weak", "different", "address", "no name"],
)
def test_a_wrong_form_is_explained_and_nobody_is_made(change: dict[str, str]) -> None:
    answer = Client().post("/accounts/signup/", {**FORM, **change})
    assert answer.status_code == 200
    assert answer.context["form"].errors
    for sentences in answer.context["form"].errors.values():
        assert all(escape(sentence) in answer.content.decode() for sentence in sentences)
    assert User.objects.count() == Team.objects.count() == Membership.objects.count() == 0


def test_a_team_that_cannot_be_made_takes_the_user_back_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("no team today")

    monkeypatch.setattr("accounts.forms.team_create", broken)
    with pytest.raises(RuntimeError):
        Client().post("/accounts/signup/", FORM)
    assert User.objects.count() == 0


@pytest.mark.parametrize("login", ["Ada", "ada@example.org"])
@pytest.mark.parametrize("remember", [True, False])
def test_sign_in_by_name_or_address_and_remember_me_decides_how_long(login: str, remember: bool) -> None:
    Client().post("/accounts/signup/", FORM)
    client = Client()
    form = {"login": login, "password": PASSWORD, **({"remember": "on"} if remember else {})}
    answer = client.post("/accounts/login/", form)
    assert answer["Location"] == "/photos/"
    assert client.session.get_expire_at_browser_close() is not remember


def test_a_wrong_password_is_said_and_opens_nothing() -> None:
    Client().post("/accounts/signup/", FORM)
    client = Client()
    answer = client.post("/accounts/login/", {"login": "Ada", "password": "wrong"})
    assert answer.status_code == 200
    assert client.get("/photos/").status_code == 302


def test_signing_out_ends_the_session() -> None:
    client = Client()
    client.post("/accounts/signup/", FORM)
    assert client.get("/photos/").status_code == 200
    assert client.post("/accounts/logout/")["Location"] == "/"
    assert client.get("/photos/").status_code == 302


def test_a_forgotten_password_is_replaced_by_the_link_in_the_mail() -> None:
    Client().post("/accounts/signup/", FORM)
    mail.outbox.clear()
    client = Client()
    client.post("/accounts/password/reset/", {"email": "ada@example.org"})
    (message,) = mail.outbox
    link = re.search(r"http://testserver(/accounts/password/reset/key/\S+)", str(message.body))
    assert link, message.body
    form_page = client.get(link.group(1), follow=True)
    assert form_page.status_code == 200
    new = "an even longer one 22"
    answer = client.post(form_page.redirect_chain[-1][0], {"password1": new, "password2": new})
    assert answer.status_code == 302
    assert Client().login(username="Ada", password=new)
    assert not Client().login(username="Ada", password=PASSWORD)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/accounts/signup/",
        "/accounts/login/",
        "/accounts/logout/",
        "/accounts/inactive/",
        "/accounts/confirm-email/",
        "/accounts/password/reset/",
        "/accounts/password/reset/done/",
        "/accounts/password/reset/key/1-wrong/",
        "/accounts/password/reset/key/done/",
    ],
)
def test_every_account_page_stands_in_the_frame_and_keeps_the_policy(path: str) -> None:
    answer = Client().get(path, follow=True)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "site.css" in page
    assert " style=" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page)
    assert "default-src 'none'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/accounts/password/change/", "/accounts/reauthenticate/"])
def test_pages_of_a_member_stand_in_the_frame(path: str) -> None:
    client = Client()
    client.post("/accounts/signup/", FORM)
    answer = client.get(path)
    assert answer.status_code == 200
    assert "site.css" in answer.content.decode()
