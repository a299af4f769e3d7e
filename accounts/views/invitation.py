"""Pages of somebody who was invited, and the confirmation of an address that a second factor needs."""

from allauth.account.internal.flows.email_verification import send_verification_email_for_user
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import invitations
from accounts.access import team_choose
from accounts.models import Invitation, Role
from accounts.pages import signed_in
from accounts.pending_invitation import invitation_forget, invitation_remember, remembered_digest
from accounts.refusals import refuse
from emotionsite.problems import Refusal


@never_cache
@require_GET
def invitation_open(request: HttpRequest, token: str) -> HttpResponse:
    """Where the link of the message leads: on to an address that does not show the token."""
    invitation_remember(request, token)
    return redirect("invitation")


@never_cache
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest) -> HttpResponse:
    """Who invites into which team, and as whom the reader would join. POST joins."""
    user = request.user if request.user.is_authenticated else None
    try:
        digest = remembered_digest(request)
        if digest is None:
            raise refuse("invitation_unknown")
        found = invitations.invitation_of_digest(digest)
        if user is not None and invitations.is_member(team=found.team, user=user):
            return _there_already(request, found)
        if user is not None and request.method == "POST":
            return _joined(request, invitations.invitation_accept(digest=digest, user=user))
    except Refusal as refusal:
        return render(request, "account/invitation_refused.html", {"refusal": refusal}, status=refusal.status)
    context = {
        "invitation": found,
        "role": Role(found.role),
        "other_address": user is not None and user.email.lower() != found.email.lower(),
    }
    return render(request, "account/invitation.html", context)


@require_POST
def invitation_decline(request: HttpRequest) -> HttpResponse:
    """Go on without the invitation; its link stays good."""
    invitation_forget(request)
    return redirect("home")


@require_POST
@login_required
def account_confirm_again(request: HttpRequest) -> HttpResponse:
    """Send the message that confirms the caller's address once more."""
    if not send_verification_email_for_user(request, signed_in(request)):
        messages.error(
            request, "One was sent less than three minutes ago. Look into the spam folder as well."
        )
    return redirect("mfa_index")


def _joined(request: HttpRequest, accepted: Invitation) -> HttpResponse:
    invitation_forget(request)
    team_choose(request, accepted.team)
    messages.success(request, f"Welcome to {accepted.team}.")
    return redirect("photo_list")


def _there_already(request: HttpRequest, found: Invitation) -> HttpResponse:
    invitation_forget(request)
    team_choose(request, found.team)
    messages.info(request, f"You are a member of {found.team} already.")
    return redirect("photo_list")
