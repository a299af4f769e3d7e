"""Invitations: a link sent by mail that makes its reader a member.

Only the SHA-256 of a link's token is stored, in the database and in sessions. Whoever holds the link may
accept it with any account, because the link proves the mailbox; the page says before which account will join.
"""

import hashlib
import secrets
import smtplib
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from .access import Access, across_teams, team_scope
from .audit import acting_as, current_actor, record
from .models import Invitation, Membership, Role, Team, User
from .people_rules import MANAGED_BY, acting_role, check_may_give, people_lock
from .refusals import refuse

log = structlog.get_logger(__name__)


# --- Reads ------------------------------------------------------------------------------------------
def invitations() -> QuerySet[Invitation]:
    """All invitations of the current team, with who sent and who accepted them."""
    return Invitation.objects.select_related("invited_by", "accepted_by")


def waiting_invitations() -> QuerySet[Invitation]:
    """Those of the current team that were neither accepted nor revoked; expired ones can be sent again."""
    return invitations().filter(revoked_at=None, accepted_at=None).order_by("-created_at", "-id")


def token_digest(token: str) -> str:
    """What is stored of a link's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def invitation_of_digest(digest: str) -> Invitation:
    """The open invitation of a link, with its team.

    Raises Refusal: invitation_unknown, invitation_used, invitation_revoked, invitation_expired.
    """
    # Across teams: the link is what tells the team.
    with across_teams():
        invitation = (
            Invitation.unscoped.select_related("team", "invited_by").filter(token_digest=digest).first()
        )
    if invitation is None or invitation.team.deleting_at:
        raise refuse("invitation_unknown")
    _check_open(invitation)
    return invitation


def is_member(*, team: Team, user: User) -> bool:
    """Whether `user` belongs to `team`, asked from outside of it."""
    with team_scope(team):
        return Membership.objects.filter(team=team, user=user).exists()


# --- Writes -----------------------------------------------------------------------------------------
@transaction.atomic
def invitation_send(*, access: Access, email: str, role: str) -> Invitation:
    """Invite an address into the caller's team; one that expired before is renewed.

    When the message cannot be handed to the mail server, nobody is invited. Raises Refusal: role_too_low,
    owner_only, already_member, invitation_open, mail_failed.
    """
    team = access.team
    with team_scope(team):
        people_lock(team=team)
        check_may_give(acting=acting_role(access), role=role)
        member = Membership.objects.select_related("user").filter(user__email__iexact=email).first()
        if member is not None:
            raise refuse("already_member", name=member.user.username, team=team)
        invitation = waiting_invitations().filter(email__iexact=email).first()
        if invitation is None:
            invitation = Invitation(team=team, email=email)
        elif invitation.state == "open":
            raise refuse("invitation_open", email=email)
        invitation.role = role
        invitation.invited_by = access.user
        _send(invitation)
        record("invitation.sent", team=team, obj=invitation, name=email, role=role)
    return invitation


@transaction.atomic
def invitation_resend(*, access: Access, invitation_id: UUID) -> Invitation:
    """Send a new link, valid for the whole time again; the one before stops working.

    Raises Refusal: role_too_low, owner_only, invitation_used, invitation_revoked, invitation_too_soon,
    mail_failed.
    """
    with team_scope(access.team):
        invitation = _locked(access, invitation_id)
        _check_open(invitation, expired_too=True)
        pause = timedelta(seconds=settings.INVITATION_RESEND_SECONDS)
        wait = (invitation.sent_at + pause - timezone.now()).total_seconds()
        if wait > 0:
            seconds = int(wait) + 1
            raise refuse("invitation_too_soon", seconds=seconds, headers={"Retry-After": str(seconds)})
        _send(invitation)
        record("invitation.resent", team=access.team, obj=invitation, name=invitation.email)
    return invitation


@transaction.atomic
def invitation_revoke(*, access: Access, invitation_id: UUID) -> Invitation:
    """Make a link worthless.

    Raises Refusal: role_too_low, owner_only, invitation_used, invitation_revoked.
    """
    with team_scope(access.team):
        invitation = _locked(access, invitation_id)
        _check_open(invitation, expired_too=True)
        _revoke(invitation)
    return invitation


@transaction.atomic
def invitation_accept(*, digest: str, user: User) -> Invitation:
    """Make `user` a member in the role the invitation names.

    Raises Refusal: already_member, and those of `invitation_of_digest`.
    """
    team = invitation_of_digest(digest).team
    with team_scope(team), acting_as(replace(current_actor(), user_id=user.pk, name=user.username)):
        people_lock(team=team)
        # Once more under the lock: it may have been accepted, revoked or sent again in between.
        invitation = Invitation.objects.select_related("team").filter(token_digest=digest).first()
        if invitation is None:
            raise refuse("invitation_unknown")
        _check_open(invitation)
        if Membership.objects.filter(team=team, user=user).exists():
            raise refuse("already_member", name=user.username, team=team)
        Membership.objects.create(team=team, user=user, role=invitation.role)
        invitation.accepted_at = timezone.now()
        invitation.accepted_by = user
        invitation.save(update_fields=["accepted_at", "accepted_by"])
        record(
            "member.joined",
            team=team,
            obj=user,
            name=user.username,
            role=invitation.role,
            invited_as=invitation.email,
        )
    _confirm_address(user, invitation.email)
    return invitation


def invitations_of_sender_revoke(*, team: Team, sender: User, role: str | None) -> None:
    """Revoke a sender's invitations that they could not send any more as `role` (None: as no member).

    Else somebody who is removed could come back by one sent to another address of theirs. Called under the
    people lock, inside the team's scope.
    """
    allowed = MANAGED_BY[role] if role else frozenset()
    for invitation in waiting_invitations().filter(team=team, invited_by=sender).exclude(role__in=allowed):
        _revoke(invitation)


def _locked(access: Access, invitation_id: UUID) -> Invitation:
    people_lock(team=access.team)
    acting = acting_role(access)
    invitation = Invitation.objects.select_related("team").filter(pk=invitation_id).first()
    if invitation is None:
        raise refuse("invitation_unknown")
    check_may_give(acting=acting, role=invitation.role)
    return invitation


def _check_open(invitation: Invitation, *, expired_too: bool = False) -> None:
    state = invitation.state
    if state == "accepted":
        raise refuse("invitation_used")
    if state == "revoked":
        raise refuse("invitation_revoked")
    if state == "expired" and not expired_too:
        raise refuse("invitation_expired", days=settings.INVITATION_DAYS)


def _revoke(invitation: Invitation) -> None:
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at"])
    record("invitation.revoked", team=invitation.team, obj=invitation, name=invitation.email)


def _send(invitation: Invitation) -> None:
    """Give the invitation a new token and time, save it and mail the link. Raises Refusal `mail_failed`."""
    token = secrets.token_urlsafe(32)
    invitation.token_digest = token_digest(token)
    invitation.sent_at = timezone.now()
    invitation.expires_at = invitation.sent_at + timedelta(days=settings.INVITATION_DAYS)
    invitation.full_clean(exclude=["invited_by", "accepted_by"])
    invitation.save()
    context = {
        "invitation": invitation,
        "team": invitation.team,
        "role": Role(invitation.role).label.lower(),
        # Of the setting, not of the request: nobody can have a link to another host sent.
        "url": f"{settings.PUBLIC_URL}{reverse('invitation_open', args=[token])}",
        "host": settings.PUBLIC_URL.partition("//")[2],
        "days": settings.INVITATION_DAYS,
    }
    subject = " ".join(render_to_string("team/email/invitation_subject.txt", context).split())
    body = render_to_string("team/email/invitation_message.txt", context)
    # Inside the transaction: whoever is told that somebody is invited can rely on it.
    try:
        EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [invitation.email]).send()
    except (smtplib.SMTPException, OSError) as error:
        log.exception("invitation_not_sent", team_id=str(invitation.team_id))
        raise refuse("mail_failed") from error


def _confirm_address(user: User, email: str) -> None:
    """The link was read in this mailbox: the account's address needs no second message to prove it."""
    address = EmailAddress.objects.filter(user=user, email__iexact=email, verified=False).first()
    if address is not None and address.can_set_verified():
        address.set_verified()
