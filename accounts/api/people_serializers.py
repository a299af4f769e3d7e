"""Teams, members and invitations as the API shows them, and what it takes about them."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import CharFilter, ChoiceFilter
from rest_framework import serializers

from accounts.models import Invitation, Membership, Role, Team
from emotionsite.api.examples import example
from emotionsite.filters import CreatedFilterSet

STATES = ("open", "expired", "revoked", "accepted")


@example(
    {
        "id": "5d0c4f0e-7f7b-4b8e-9d75-4b2f9a1f7a10",
        "name": "Red team",
        "role": "owner",
        "current": True,
        "require_mfa": False,
        "created_at": "2026-11-02T08:00:00.120044Z",
    }
)
class TeamSerializer(serializers.ModelSerializer[Team]):
    """Needs `roles` (by team) and `current` in the context."""

    role = serializers.SerializerMethodField(help_text="The caller's role; null for a key.")
    current = serializers.SerializerMethodField(help_text="Whether this session or key works in this team.")

    class Meta:
        model = Team
        fields = ["id", "name", "role", "current", "require_mfa", "created_at"]
        extra_kwargs = {"require_mfa": {"help_text": "Whether members need a second factor."}}

    def get_role(self, team: Team) -> str | None:
        return self.context["roles"].get(team.pk)

    def get_current(self, team: Team) -> bool:
        return bool(team.pk == self.context["current"])


@example({"name": "Red team", "require_mfa": True})
class TeamChangeSerializer(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    name = serializers.CharField(max_length=80, required=False)
    require_mfa = serializers.BooleanField(
        required=False, help_text="Ask a second factor of every member. For owners only."
    )


@example(
    {
        "id": 12,
        "name": "maria",
        "email": "maria@example.org",
        "role": "analyst",
        "second_factor": True,
        "created_at": "2026-11-05T14:21:09.310552Z",
    }
)
class MemberSerializer(serializers.ModelSerializer[Membership]):
    """Needs the annotation of `accounts.members.members`, and `managing` in the context."""

    name = serializers.CharField(source="user.username", read_only=True)
    email = serializers.SerializerMethodField(help_text="Null for callers who may not manage the team.")
    second_factor = serializers.SerializerMethodField(
        help_text="Whether an authenticator app is set up. Null for callers who may not manage the team."
    )

    class Meta:
        model = Membership
        fields = ["id", "name", "email", "role", "second_factor", "created_at"]

    def get_email(self, membership: Membership) -> str | None:
        return membership.user.email if self.context["managing"] else None

    def get_second_factor(self, membership: Any) -> bool | None:
        return bool(membership.second_factor) if self.context["managing"] else None


@example({"role": "admin"})
class RoleSerializer(serializers.Serializer[Any]):
    role = serializers.ChoiceField(choices=Role.choices)


@example({"email": "maria@example.org", "role": "analyst"})
class NewInvitationSerializer(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices, default=Role.ANALYST)


@example(
    {
        "id": "0b1a4f0c-3c1e-4a55-8f7b-0f2f5c8d9e11",
        "email": "maria@example.org",
        "role": "analyst",
        "state": "open",
        "invited_by": "olga",
        "accepted_by": None,
        "created_at": "2026-11-22T09:17:04.084459Z",
        "sent_at": "2026-11-22T09:17:04.084459Z",
        "expires_at": "2026-11-29T09:17:04.084459Z",
        "revoked_at": None,
        "accepted_at": None,
    }
)
class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """`state` is open, expired, revoked or accepted. The link is in the message only."""

    state = serializers.ChoiceField(choices=STATES, read_only=True)
    invited_by = serializers.SerializerMethodField(help_text="Name of the sender; null for a key.")
    accepted_by = serializers.SerializerMethodField(help_text="Name of the user who joined by it.")

    class Meta:
        model = Invitation
        fields = [
            "id",
            "email",
            "role",
            "state",
            "invited_by",
            "accepted_by",
            "created_at",
            "sent_at",
            "expires_at",
            "revoked_at",
            "accepted_at",
        ]
        read_only_fields = fields

    def get_invited_by(self, invitation: Invitation) -> str | None:
        return invitation.invited_by.username if invitation.invited_by else None

    def get_accepted_by(self, invitation: Invitation) -> str | None:
        return invitation.accepted_by.username if invitation.accepted_by else None


class MemberFilter(CreatedFilterSet):
    role = ChoiceFilter(choices=Role.choices, help_text="Members of this role.")
    name = CharFilter(
        field_name="user__username",
        lookup_expr="icontains",
        max_length=150,
        help_text="Part of the name, in any case of letters.",
    )

    class Meta:
        model = Membership
        fields: list[str] = []


class InvitationFilter(CreatedFilterSet):
    state = ChoiceFilter(
        method="by_state", choices=[(name, name) for name in STATES], help_text="State of the invitation."
    )
    email = CharFilter(lookup_expr="iexact", max_length=254, help_text="The invited address.")

    class Meta:
        model = Invitation
        fields: list[str] = []

    def by_state(self, queryset: QuerySet[Invitation], name: str, value: str) -> QuerySet[Invitation]:
        if value == "accepted":
            return queryset.exclude(accepted_at=None)
        if value == "revoked":
            return queryset.filter(accepted_at=None).exclude(revoked_at=None)
        waiting = queryset.filter(accepted_at=None, revoked_at=None)
        now = timezone.now()
        return (
            waiting.filter(expires_at__lte=now) if value == "expired" else waiting.filter(expires_at__gt=now)
        )
