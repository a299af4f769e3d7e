"""`/api/v1/teams`, `/members` and `/invitations`."""

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import invitations, members, teams
from accounts.api import TeamAPIView
from accounts.models import Invitation, Membership, Scope, Team
from accounts.sending_limits import invitation_allowed
from emotionsite.pagination import NewestFirst

from .people_serializers import (
    InvitationFilter,
    InvitationSerializer,
    MemberFilter,
    MemberSerializer,
    NewInvitationSerializer,
    RoleSerializer,
    TeamChangeSerializer,
    TeamSerializer,
)

MANAGING = ("role_too_low", "owner_only")


def _team_body(view: TeamAPIView) -> dict[str, object]:
    """What the serializer of teams needs to know about the caller."""
    roles = {one.team_id: one.role for one in view.access.memberships}
    return {"roles": roles, "current": view.access.team.pk}


class TeamListView(TeamAPIView):
    """GET: the teams of the signed-in user; for a key, its one team."""

    reads = TeamSerializer
    pagination_class = NewestFirst

    @extend_schema(summary="List your teams", tags=["Teams"])
    def get(self, request: Request) -> Response:
        """The teams of the signed-in user, newest first; for a key, the one it belongs to."""
        wanted = Team.objects.filter(pk__in=[team.pk for team in self.access.teams])
        return self.show_page(wanted, **_team_body(self))


class TeamDetailView(TeamAPIView):
    """The team that the key belongs to or that the session is in. GET: show it. PATCH: change it."""

    reads = TeamSerializer
    required_scopes = {"PATCH": Scope.MANAGE}
    problems = {"PATCH": (*MANAGING, "second_factor_first")}

    @extend_schema(summary="Show the team", tags=["Teams"])
    def get(self, request: Request, team_id: UUID) -> Response:
        """The team that the key belongs to or that the session is in; any other does not exist here."""
        return self.show(self._team(team_id), **_team_body(self))

    @extend_schema(
        summary="Change the team's name, or whether it asks for a second factor",
        tags=["Teams"],
        request=TeamChangeSerializer,
        responses=TeamSerializer,
    )
    def patch(self, request: Request, team_id: UUID) -> Response:
        """What is left out stays. Only an owner may ask the second factor of everybody."""
        team = self._team(team_id)
        change = TeamChangeSerializer(data=request.data)
        change.is_valid(raise_exception=True)
        wanted = change.validated_data
        team = teams.team_change(
            access=self.access, name=wanted.get("name"), require_mfa=wanted.get("require_mfa")
        )
        return Response(TeamSerializer(team, context=_team_body(self)).data)

    def _team(self, team_id: UUID) -> Team:
        return get_object_or_404(Team.objects.filter(pk=self.access.team.pk), pk=team_id)


class MemberView(TeamAPIView):
    """What the routes of members share: e-mail addresses are shown to those who manage the team."""

    reads = MemberSerializer

    def context(self) -> dict[str, object]:
        return {"managing": self.access.allows(Scope.MANAGE)}

    def member(self, membership_id: int) -> Membership:
        return get_object_or_404(self.members(), pk=membership_id)

    def members(self) -> QuerySet[Membership]:
        return members.members(team=self.access.team)

    def shown(self, membership_id: int) -> Response:
        return Response(MemberSerializer(self.member(membership_id), context=self.context()).data)


class MemberListView(MemberView):
    """GET: the team's members, newest first."""

    filters = MemberFilter
    pagination_class = NewestFirst

    @extend_schema(summary="List members", tags=["Members"])
    def get(self, request: Request) -> Response:
        """The team's members, newest first. Addresses are shown to those who manage the team."""
        return self.show_page(self.members(), **self.context())


class MemberDetailView(MemberView):
    """GET: a member. PATCH: another role. DELETE: take a member out."""

    required_scopes = {"PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}
    problems = {
        "PATCH": (*MANAGING, "last_owner", "member_gone"),
        "DELETE": (*MANAGING, "last_owner", "member_gone"),
    }

    @extend_schema(summary="Show a member", tags=["Members"])
    def get(self, request: Request, membership_id: int) -> Response:
        """One member of the team."""
        return self.show(self.member(membership_id), **self.context())

    @extend_schema(
        summary="Give a member another role",
        tags=["Members"],
        request=RoleSerializer,
        responses=MemberSerializer,
    )
    def patch(self, request: Request, membership_id: int) -> Response:
        """Admins give the roles up to their own; only owners make owners. One owner always stays."""
        membership = self.member(membership_id)
        body = RoleSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        members.member_role_change(
            access=self.access, membership_id=membership.pk, role=body.validated_data["role"]
        )
        return self.shown(membership.pk)

    @extend_schema(summary="Remove a member", tags=["Members"], request=None, responses={204: None})
    def delete(self, request: Request, membership_id: int) -> Response:
        """The member loses the team at once. What they uploaded stays with the team."""
        membership = self.member(membership_id)
        members.member_remove(access=self.access, membership_id=membership.pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemberMeView(TeamAPIView):
    """DELETE: the signed-in user leaves the team."""

    required_scopes = {"DELETE": Scope.READ}
    problems = {"DELETE": ("key_is_no_member", "last_owner", "member_gone")}

    @extend_schema(summary="Leave the team", tags=["Members"], request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        """For a user who is signed in; a key is no member. The last owner has to hand over first."""
        members.member_leave(access=self.access)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MemberHandOverView(MemberView):
    """POST: make the member an owner in the place of the calling owner, who becomes an admin."""

    required_scopes = {"POST": Scope.MANAGE}
    problems = {"POST": ("owner_only", "already_owner", "member_gone")}

    @extend_schema(
        summary="Hand ownership over to a member", tags=["Members"], request=None, responses=MemberSerializer
    )
    def post(self, request: Request, membership_id: int) -> Response:
        """For an owner who is signed in: the member becomes an owner, the caller an admin."""
        membership = self.member(membership_id)
        members.ownership_hand_over(access=self.access, membership_id=membership.pk)
        return self.shown(membership.pk)


class InvitationListView(TeamAPIView):
    """GET: invitations, newest first. POST: invite an address."""

    reads = InvitationSerializer
    filters = InvitationFilter
    pagination_class = NewestFirst
    required_scopes = {"GET": Scope.MANAGE, "POST": Scope.MANAGE}
    problems = {
        "POST": (*MANAGING, "already_member", "invitation_open", "too_many_invitations", "mail_failed")
    }

    @extend_schema(summary="List invitations", tags=["Invitations"])
    def get(self, request: Request) -> Response:
        """Invitations, newest first, those that are over too. The link is in the message only."""
        return self.show_page(invitations.invitations())

    @extend_schema(
        summary="Invite somebody by e-mail",
        tags=["Invitations"],
        request=NewInvitationSerializer,
        responses={201: InvitationSerializer},
    )
    def post(self, request: Request) -> Response:
        """Sends a link that makes its reader a member. It works once and for some days."""
        body = NewInvitationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        invitation_allowed(request._request, self.access)  # noqa: SLF001
        made = invitations.invitation_send(access=self.access, **body.validated_data)
        headers = {"Location": f"/api/v1/invitations/{made.pk}"}
        return Response(InvitationSerializer(made).data, status=status.HTTP_201_CREATED, headers=headers)


class InvitationDetailView(TeamAPIView):
    """GET: an invitation. DELETE: revoke it; it stays in the list."""

    reads = InvitationSerializer
    required_scopes = {"GET": Scope.MANAGE, "DELETE": Scope.MANAGE}
    problems = {"DELETE": (*MANAGING, "invitation_used", "invitation_revoked")}

    @extend_schema(summary="Show an invitation", tags=["Invitations"])
    def get(self, request: Request, invitation_id: UUID) -> Response:
        """One invitation, without its link."""
        return self.show(_invitation(invitation_id))

    @extend_schema(summary="Revoke an invitation", tags=["Invitations"], request=None, responses={204: None})
    def delete(self, request: Request, invitation_id: UUID) -> Response:
        """Its link stops working at once. The invitation stays in the list."""
        _invitation(invitation_id)
        invitations.invitation_revoke(access=self.access, invitation_id=invitation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class InvitationResendView(TeamAPIView):
    """POST: send a new link; the one before stops working."""

    required_scopes = {"POST": Scope.MANAGE}
    problems = {
        "POST": (
            *MANAGING,
            "invitation_used",
            "invitation_revoked",
            "invitation_too_soon",
            "too_many_invitations",
            "mail_failed",
        )
    }

    @extend_schema(
        summary="Send an invitation again",
        tags=["Invitations"],
        request=None,
        responses=InvitationSerializer,
    )
    def post(self, request: Request, invitation_id: UUID) -> Response:
        """Sends a new link; the one before stops working."""
        _invitation(invitation_id)
        invitation_allowed(request._request, self.access)  # noqa: SLF001
        sent = invitations.invitation_resend(access=self.access, invitation_id=invitation_id)
        return Response(InvitationSerializer(sent).data)


def _invitation(invitation_id: UUID) -> Invitation:
    return get_object_or_404(invitations.invitations(), pk=invitation_id)
