"""What tests of people share: who is in a team, links of messages, authenticator codes."""

import re
import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.core import mail
from django.test import Client
from django_scopes import scopes_disabled

from accounts.access import Access, access_of_member
from accounts.models import AuditEvent, Invitation, Membership, Team, User

PASSWORD = "correct horse battery"
LINK = re.compile(r"http://127\.0\.0\.1:8000(/accounts/invitations/\S+/)")


def access_of(team: Team, user: User) -> Access:
    """The access that a request of this user in this team would have."""

    class Request:
        session = {"team": str(team.pk)}

    request: Any = Request()
    request.user = user
    access = access_of_member(request)
    assert access is not None
    return access


def roles(team: Team) -> dict[str, str]:
    """Name to role of everybody in the team."""
    with scopes_disabled():
        return dict(Membership.objects.filter(team=team).values_list("user__username", "role"))


def membership_of(team: Team, user: User) -> Membership:
    with scopes_disabled():
        return Membership.objects.get(team=team, user=user)


def only_invitation() -> Invitation:
    with scopes_disabled():
        return Invitation.unscoped.get()


def events(action: str) -> list[AuditEvent]:
    with scopes_disabled():
        return list(AuditEvent.objects.filter(action=action).order_by("id"))


def link_of_message(number: int = -1) -> str:
    """The path of the link in a message that was sent, the last one by default."""
    found = LINK.search(str(mail.outbox[number].body))
    assert found, mail.outbox[number].body
    return found.group(1)


def totp_code(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def give_second_factor(user: User) -> str:
    """Set an authenticator app up for the user; answers its key."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    assert Authenticator.objects.filter(user=user).count() == 1
    return secret


def sign_in(client: Client, user: User, path: str = "/accounts/login/") -> Any:
    return client.post(path, {"login": user.username, "password": PASSWORD})
