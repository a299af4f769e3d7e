"""Invitations: who may send which, what the link does, and every way in which it does not work."""

import hashlib
import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_scopes import scopes_disabled
from pytest_django import Settings

from accounts.access import team_scope
from accounts.invitations import (
    invitation_accept,
    invitation_resend,
    invitation_revoke,
    invitation_send,
    token_digest,
)
from accounts.members import member_remove, member_role_change
from accounts.models import Invitation, Membership, Role, Team, User
from conftest import People
from emotionsite.problems import Refusal

from .people import (
    PASSWORD,
    access_of,
    events,
    link_of_message,
    membership_of,
    only_invitation,
    roles,
    sign_in,
)

pytestmark = pytest.mark.django_db
NEW = {"email": "new@example.org", "role": "analyst"}
SIGN_UP = {"username": "new", "email": "new@example.org", "password1": PASSWORD, "password2": PASSWORD}


def invite(people: People, email: str = "new@example.org", role: str = "analyst", by: str = "admin") -> str:
    """Invite by the page; answers the path of the link."""
    answer = people.client(by).post("/team/invitations", {"email": email, "role": role})
    assert answer.status_code == 302, answer.content.decode()
    return link_of_message()


def opened(client: Client, link: str) -> Any:
    answer = client.get(link, follow=True)
    assert answer.redirect_chain == [("/accounts/invitation/", 302)]
    return answer


# --- Sending ----------------------------------------------------------------------------------------
def test_the_message_says_who_invites_and_only_a_digest_of_the_token_is_kept(
    people: People,
) -> None:
    link = invite(people)
    (message,) = mail.outbox
    assert message.to == ["new@example.org"]
    assert message.subject == "Invitation to the team blue on EmotionSite"
    assert "blue-admin invites you to join the team blue as analyst" in message.body
    assert "for 7 days" in message.body
    token = link.rstrip("/").rpartition("/")[2]
    invitation = only_invitation()
    assert invitation.token_digest == hashlib.sha256(token.encode()).hexdigest()
    assert invitation.expires_at - invitation.sent_at == timedelta(days=7)
    (event,) = events("invitation.sent")
    assert (event.actor_name, event.object_name, event.details) == (
        "blue-admin",
        "new@example.org",
        {"role": "analyst"},
    )


def test_the_time_of_a_link_is_a_setting(people: People, settings: Settings) -> None:
    settings.INVITATION_DAYS = 1
    invite(people)
    assert "for 1 day." in str(mail.outbox[0].body)
    assert only_invitation().expires_at - only_invitation().sent_at == timedelta(days=1)


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_who_does_not_manage_the_team_invites_nobody(people: People, role: str) -> None:
    assert people.client(role).post("/team/invitations", NEW).status_code == 403
    assert mail.outbox == []
    with scopes_disabled():
        assert Invitation.unscoped.count() == 0
    assert "Invite somebody" not in people.client(role).get("/team/members").content.decode()


def test_an_admin_cannot_invite_an_owner_and_an_owner_can(people: People) -> None:
    form = {"email": "new@example.org", "role": "owner"}
    answer = people.client("admin").post("/team/invitations", form)
    assert answer.status_code == 400
    with pytest.raises(Refusal) as refusal:
        invitation_send(access=access_of(people.team, people.admin), **form)
    assert refusal.value.code == "owner_only"
    assert mail.outbox == []
    invite(people, role="owner", by="owner")
    assert only_invitation().role == Role.OWNER


@pytest.mark.parametrize(
    ("email", "sentence"),
    [
        ("BLUE-viewer@example.org", "blue-viewer is a member of blue already."),
        ("nowhere", "Enter a valid email address."),
        ("", "This field is required."),
    ],
)
def test_an_address_that_cannot_be_invited_is_explained(people: People, email: str, sentence: str) -> None:
    answer = people.client("owner").post("/team/invitations", {"email": email, "role": "viewer"})
    assert answer.status_code in {400, 409}
    assert sentence in answer.content.decode()
    assert mail.outbox == []


def test_an_address_is_invited_once_at_a_time_in_any_case_of_letters(people: People) -> None:
    link = invite(people)
    answer = people.client("owner").post("/team/invitations", {"email": "NEW@example.org", "role": "admin"})
    assert answer.status_code == 409
    assert "is invited already" in answer.content.decode()
    assert len(mail.outbox) == 1
    assert only_invitation().role == Role.ANALYST
    assert opened(Client(), link).status_code == 200


def test_an_expired_invitation_is_renewed_by_inviting_again(people: People) -> None:
    link = invite(people)
    with time_machine.travel(timezone.now() + timedelta(days=8), tick=True):
        newer = invite(people, role="viewer")
        assert opened(Client(), link).status_code == 404
        assert opened(Client(), newer).status_code == 200
    assert only_invitation().role == Role.VIEWER


def test_nobody_is_invited_when_the_mail_server_is_away(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr("accounts.invitations.EmailMessage.send", away)
    answer = people.client("owner").post("/team/invitations", NEW)
    assert answer.status_code == 503
    assert "nothing was changed" in answer.content.decode()
    with scopes_disabled():
        assert Invitation.unscoped.count() == 0
    assert events("invitation.sent") == []


# --- Again and no more ------------------------------------------------------------------------------
def test_sending_again_makes_a_new_link_and_renews_the_time(people: People) -> None:
    first = invite(people)
    with time_machine.travel(timezone.now() + timedelta(days=6), tick=True):
        path = f"/team/invitations/{only_invitation().pk}/resend"
        assert people.client("owner").post(path).status_code == 302
        second = link_of_message()
    assert second != first
    assert len(events("invitation.resent")) == 1
    with time_machine.travel(timezone.now() + timedelta(days=10), tick=True):
        assert opened(Client(), first).status_code == 404
        assert opened(Client(), second).status_code == 200


def test_sending_again_has_to_wait(people: People) -> None:
    link = invite(people)
    invitation = only_invitation()
    answer = people.client("owner").post(f"/team/invitations/{invitation.pk}/resend", follow=True)
    assert "sent a moment ago" in answer.content.decode()
    assert len(mail.outbox) == 1
    assert opened(Client(), link).status_code == 200
    with pytest.raises(Refusal) as refusal:
        invitation_resend(access=access_of(people.team, people.owner), invitation_id=invitation.pk)
    assert 290 < int(refusal.value.headers["Retry-After"]) <= 300


def test_a_revoked_link_says_so_and_is_neither_sent_nor_revoked_again(people: People) -> None:
    link = invite(people)
    path = f"/team/invitations/{only_invitation().pk}"
    assert people.client("admin").post(f"{path}/revoke").status_code == 302
    answer = opened(Client(), link)
    assert answer.status_code == 410
    assert "This invitation was revoked" in answer.content.decode()
    for deed in ("resend", "revoke"):
        answer = people.client("admin").post(f"{path}/{deed}", follow=True)
        assert "was revoked. Ask an admin" in answer.content.decode()
    assert (len(mail.outbox), len(events("invitation.revoked"))) == (1, 1)


@pytest.mark.parametrize("deed", ["resend", "revoke"])
def test_an_admin_does_not_touch_the_invitation_of_an_owner(people: People, deed: str) -> None:
    link = invite(people, role="owner", by="owner")
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=True):
        answer = people.client("admin").post(f"/team/invitations/{only_invitation().pk}/{deed}")
    assert answer.status_code == 403
    assert len(mail.outbox) == 1
    assert opened(Client(), link).status_code == 200


def test_invitations_of_somebody_removed_or_demoted_are_revoked(people: People) -> None:
    link = invite(people, "back@example.org")
    removed = member_remove(
        access=access_of(people.team, people.owner),
        membership_id=membership_of(people.team, people.admin).pk,
    )
    assert removed.user == people.admin
    assert opened(Client(), link).status_code == 410

    kept = invite(people, "kept@example.org", by="owner")
    lost = invite(people, "lost@example.org", role="owner", by="owner")
    with team_scope(people.team):
        Membership.objects.filter(user=people.analyst).update(role=Role.OWNER)
    member_role_change(
        access=access_of(people.team, people.analyst),
        membership_id=membership_of(people.team, people.owner).pk,
        role=Role.ADMIN,
    )
    assert opened(Client(), kept).status_code == 200, "an admin can still invite an analyst"
    assert opened(Client(), lost).status_code == 410, "but no owner"


# --- Accepting --------------------------------------------------------------------------------------
def test_a_new_user_comes_back_to_the_invitation_and_gets_no_other_team(people: People) -> None:
    link = invite(people)
    mail.outbox.clear()
    client = Client()
    page = opened(client, link).content.decode()
    assert "Join blue?" in page
    assert "/accounts/signup/?next=/accounts/invitation/&amp;email=new%40example.org" in page
    form = client.get("/accounts/signup/?next=/accounts/invitation/&email=new%40example.org").content.decode()
    assert 'value="new@example.org"' in form
    assert "With it you can join" in form
    answer = client.post("/accounts/signup/", {**SIGN_UP, "next": "/accounts/invitation/"}, follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/invitation/"
    assert "This account will join" in answer.content.decode()
    assert Team.objects.count() == 1
    assert mail.outbox == [], "the link has proved the address"
    answer = client.post("/accounts/invitation/", follow=True)
    assert answer.redirect_chain[-1][0] == "/photos/"
    assert "Welcome to blue." in answer.content.decode()
    assert roles(people.team)["new"] == Role.ANALYST
    assert EmailAddress.objects.get(user__username="new").verified
    (event,) = events("member.joined")
    assert (event.actor_name, event.details["role"]) == ("new", "analyst")


def test_signing_up_without_the_address_of_the_next_page_leads_to_the_invitation_too(people: People) -> None:
    client = Client()
    opened(client, invite(people))
    answer = client.post("/accounts/signup/", {**SIGN_UP, "email": "private@example.org"}, follow=True)
    assert answer.redirect_chain[-1][0] == "/accounts/invitation/"
    assert Team.objects.count() == 1
    assert not EmailAddress.objects.get(user__username="new").verified, "another address is not proved"


def test_a_user_who_signs_in_comes_back_to_the_invitation(people: People, others: People) -> None:
    client = Client()
    opened(client, invite(people, others.analyst.email))
    answer = sign_in(client, others.analyst)
    assert answer["Location"] == "/accounts/invitation/"
    assert client.post("/accounts/invitation/")["Location"] == "/photos/"
    assert roles(people.team)["red-analyst"] == Role.ANALYST
    assert '<span class="es-team" title="Your team">blue</span>' in client.get("/photos/").content.decode()
    assert sign_in(Client(), others.analyst)["Location"] == "/photos/", (
        "the next time there is nothing to accept"
    )


def test_an_account_with_another_address_is_warned_and_may_join(people: People, others: People) -> None:
    link = invite(people, "somebody@example.org")
    client = others.client("viewer")
    page = opened(client, link).content.decode()
    assert "which is not the address of" in page
    assert "red-viewer@example.org" in page
    client.post("/accounts/invitation/")
    assert roles(people.team)["red-viewer"] == Role.ANALYST
    (event,) = events("member.joined")
    assert event.details["invited_as"] == "somebody@example.org"


def test_opening_and_signing_in_make_nobody_a_member(people: People, others: People) -> None:
    client = Client()
    opened(client, invite(people))
    sign_in(client, others.viewer)
    client.get("/accounts/invitation/")
    assert len(roles(people.team)) == 4
    assert only_invitation().state == "open"


def test_a_visitor_cannot_accept(people: People) -> None:
    client = Client()
    opened(client, invite(people))
    answer = client.post("/accounts/invitation/")
    assert "Create an account" in answer.content.decode()
    assert only_invitation().state == "open"


def test_who_does_not_want_to_goes_on_without(people: People, others: People) -> None:
    client = others.client("viewer")
    link = invite(people)
    opened(client, link)
    assert client.post("/accounts/invitation/later")["Location"] == "/"
    assert client.get("/accounts/invitation/").status_code == 404
    assert opened(client, link).status_code == 200


def test_without_a_link_there_is_nothing_to_accept() -> None:
    answer = Client().get("/accounts/invitation/")
    assert answer.status_code == 404
    assert "the link is incomplete" in answer.content.decode()


@pytest.mark.parametrize("client_of", ["visitor", "member"])
def test_an_unknown_link_is_named(people: People, client_of: str) -> None:
    client = Client() if client_of == "visitor" else people.client("viewer")
    answer = opened(client, "/accounts/invitations/not-a-token/")
    assert answer.status_code == 404
    assert "This invitation does not work" in answer.content.decode()


def test_an_expired_link_is_named_and_makes_nobody_a_member(people: People, others: People) -> None:
    client = others.client("viewer")
    link = invite(people)
    opened(client, link)
    with time_machine.travel(timezone.now() + timedelta(days=7, seconds=1), tick=True):
        answer = client.post("/accounts/invitation/")
    assert answer.status_code == 410
    assert "This invitation has expired" in answer.content.decode()
    assert len(roles(people.team)) == 4


def test_a_used_link_is_named(people: People, others: People) -> None:
    link = invite(people)
    client = others.client("viewer")
    opened(client, link)
    client.post("/accounts/invitation/")
    answer = opened(others.client("admin"), link)
    assert answer.status_code == 410
    assert "This invitation was used already" in answer.content.decode()
    assert "red-admin" not in roles(people.team)
    access = access_of(people.team, people.owner)
    with pytest.raises(Refusal) as refusal:
        invitation_revoke(access=access, invitation_id=only_invitation().pk)
    assert refusal.value.code == "invitation_used"


def test_a_member_who_opens_an_invitation_is_told_and_it_stays_open(people: People) -> None:
    client = people.client("viewer")
    answer = client.get(invite(people), follow=True)
    assert answer.redirect_chain[-1][0] == "/photos/"
    assert "You are a member of blue already." in answer.content.decode()
    assert roles(people.team)["blue-viewer"] == Role.VIEWER
    assert only_invitation().state == "open"


def test_the_token_stands_neither_in_the_page_nor_in_the_session(people: People) -> None:
    link = invite(people)
    token = link.rstrip("/").rpartition("/")[2]
    client = Client()
    assert token not in opened(client, link).content.decode()
    assert token not in str(dict(client.session))


def test_an_existing_account_with_the_invited_address_has_it_confirmed(people: People) -> None:
    user = User.objects.create_user("late", "late@example.org", PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    link = invite(people, "Late@example.org")
    invitation_accept(digest=token_digest(link.rstrip("/").rpartition("/")[2]), user=user)
    assert EmailAddress.objects.get(user=user).verified


@pytest.mark.django_db(transaction=True)
def test_one_link_makes_one_member_however_many_press_the_button(people: People) -> None:
    digest = token_digest(invite(people).rstrip("/").rpartition("/")[2])
    users = [User.objects.create_user(f"u{number}", f"u{number}@example.org") for number in range(6)]

    def accept(user: User) -> str:
        try:
            invitation_accept(digest=digest, user=user)
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()
        return "joined"

    with ThreadPoolExecutor(6) as pool:
        answers = sorted(pool.map(accept, users))
    assert answers == ["invitation_used"] * 5 + ["joined"]
    assert len(roles(people.team)) == 5


# --- The API ----------------------------------------------------------------------------------------
def test_the_api_invites_lists_resends_and_revokes(people: People) -> None:
    headers = {"Authorization": f"Bearer {people.key('manage')}"}
    client = Client(headers=headers)
    answer = client.post("/api/v1/invitations", NEW, content_type="application/json")
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert answer["Location"] == f"/api/v1/invitations/{body['id']}"
    assert (body["state"], body["role"], body["invited_by"]) == ("open", "analyst", None)
    assert client.get(answer["Location"]).json() == body
    assert "You are invited to join the team blue" in str(mail.outbox[0].body)
    refused = client.post("/api/v1/invitations", {**NEW, "role": "owner"}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "owner_only")
    again = client.post(f"{answer['Location']}/resend")
    assert (again.status_code, again.json()["code"]) == (429, "invitation_too_soon")
    assert 0 < int(again["Retry-After"]) <= 300
    assert client.delete(answer["Location"]).status_code == 204
    assert client.delete(answer["Location"]).json()["code"] == "invitation_revoked"
    states = [one["state"] for one in client.get("/api/v1/invitations?state=revoked").json()["results"]]
    assert states == ["revoked"]
    assert client.get("/api/v1/invitations?state=open").json()["results"] == []
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("body", [{}, {"email": "x"}, {"email": "a@example.org", "role": "king"}])
def test_the_api_names_what_is_wrong_with_an_invitation(people: People, body: dict[str, str]) -> None:
    client = Client(headers={"Authorization": f"Bearer {people.key('manage')}"})
    answer = client.post("/api/v1/invitations", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert mail.outbox == []


def test_a_long_list_takes_as_many_queries_as_a_short_one(people: People) -> None:
    client = people.client("owner")
    access = access_of(people.team, people.owner)
    paths = ("/team/members", "/api/v1/invitations", "/api/v1/members")
    counts: list[list[int]] = []
    for number in range(6):
        invitation_send(access=access, email=f"{number}@example.org", role=Role.VIEWER)
        counts.append([])
        for path in paths:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(path).status_code == 200
            counts[-1].append(len(queries))
    assert counts[1] == counts[-1]
