"""Pages of a team's people: members, roles, invitations."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts import invitations, members
from accounts.access import Access, require_access
from accounts.forms import InvitationForm, RoleForm
from accounts.models import Invitation, Membership, Role, Scope
from accounts.pages import team_page
from accounts.people_rules import may_touch, roles_given_by
from accounts.sending_limits import invitation_allowed
from emotionsite.problems import Refusal

PAGE_SIZE = 50


@require_GET
@team_page(Scope.READ)
def team_members(request: HttpRequest) -> HttpResponse:
    """Who belongs to the team; for those who manage it also who is invited, and the form to invite."""
    return _members_page(request, InvitationForm(roles=roles_given_by(require_access(request))))


@require_POST
@team_page(Scope.MANAGE)
def team_invite(request: HttpRequest) -> HttpResponse:
    """Send an invitation, and come back to the members."""
    access = require_access(request)
    form = InvitationForm(request.POST, roles=roles_given_by(access))
    if not form.is_valid():
        return _members_page(request, form, status=400)
    email = form.cleaned_data["email"]
    try:
        invitation_allowed(request, access)
        invitations.invitation_send(access=access, email=email, role=form.cleaned_data["role"])
    except Refusal as refusal:
        if refusal.status == 403:
            raise PermissionDenied(refusal.message) from refusal
        form.add_error("email", refusal.message)
        return _members_page(request, form, status=refusal.status)
    messages.success(request, f"An invitation was sent to {email}.")
    return redirect("team_members")


@require_POST
@team_page(Scope.MANAGE)
def team_invitation_resend(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Send an invitation again with a new link."""
    access = require_access(request)
    invitation = get_object_or_404(Invitation.objects.all(), pk=invitation_id)

    def resend() -> str:
        invitation_allowed(request, access)
        invitations.invitation_resend(access=access, invitation_id=invitation_id)
        return f"The invitation was sent to {invitation.email} again. The link sent before works no more."

    return _done(request, resend)


@require_POST
@team_page(Scope.MANAGE)
def team_invitation_revoke(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Make an invitation's link worthless."""
    access = require_access(request)
    invitation = get_object_or_404(Invitation.objects.all(), pk=invitation_id)

    def revoke() -> str:
        invitations.invitation_revoke(access=access, invitation_id=invitation_id)
        return f"The invitation of {invitation.email} was revoked. Its link works no more."

    return _done(request, revoke)


@require_POST
@team_page(Scope.MANAGE)
def team_member_role(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Give a member another role."""
    access = require_access(request)
    name = _member(access, membership_id).user.username
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose one of the four roles.")
        return redirect("team_members")
    role = Role(form.cleaned_data["role"])

    def change() -> str:
        members.member_role_change(access=access, membership_id=membership_id, role=role)
        return f"{name} is {role.label.lower()} now."

    return _done(request, change)


@require_POST
@team_page(Scope.MANAGE)
def team_member_remove(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Take a member out of the team."""
    access = require_access(request)
    name = _member(access, membership_id).user.username

    def remove() -> str:
        members.member_remove(access=access, membership_id=membership_id)
        return f"{name} was removed and sees nothing of the team any more. API keys they made go on working."

    return _done(request, remove)


@require_POST
@team_page(Scope.MANAGE)
def team_member_hand_over(request: HttpRequest, membership_id: int) -> HttpResponse:
    """Make a member owner in the place of the caller."""
    access = require_access(request)
    name = _member(access, membership_id).user.username

    def hand_over() -> str:
        members.ownership_hand_over(access=access, membership_id=membership_id)
        return f"{name} is owner of the team now, and you are an admin."

    return _done(request, hand_over)


@require_POST
@team_page(Scope.READ)
def team_leave(request: HttpRequest) -> HttpResponse:
    """Leave the team; the next page is of another team, or says that there is none."""
    access = require_access(request)
    try:
        members.member_leave(access=access)
    except Refusal as refusal:
        messages.error(request, refusal.message)
        return redirect("team_members")
    messages.success(request, f"You have left {access.team}.")
    return redirect("photo_list")


def _members_page(request: HttpRequest, form: InvitationForm, status: int = 200) -> HttpResponse:
    access = require_access(request)
    words = request.GET.get("q", "").strip() if access.allows(Scope.MANAGE) else ""
    page = Paginator(members.members_search(team=access.team, words=words), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    for membership in page:
        membership.may_touch = may_touch(access, membership.role)  # type: ignore[attr-defined]
    waiting = list(invitations.waiting_invitations()) if access.allows(Scope.MANAGE) else []
    for invitation in waiting:
        invitation.may_touch = may_touch(access, invitation.role)  # type: ignore[attr-defined]
    context = {
        "page": page,
        "words": words,
        "form": form,
        "roles": [(role, Role(role).label) for role in roles_given_by(access)],
        "invitations": waiting,
    }
    return render(request, "team/members.html", context, status=status)


def _member(access: Access, membership_id: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("user"), team=access.team, pk=membership_id)


def _done(request: HttpRequest, deed: Callable[[], str]) -> HttpResponse:
    """Do it, and say on the page of members how it went; who may not do it gets 403."""
    try:
        messages.success(request, deed())
    except Refusal as refusal:
        if refusal.status == 403:
            raise PermissionDenied(refusal.message) from refusal
        messages.error(request, refusal.message)
    return redirect("team_members")
