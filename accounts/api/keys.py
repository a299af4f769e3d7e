"""`/api/v1/keys`: API keys of the team."""

from typing import Any, ClassVar

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_filters import ChoiceFilter, FilterSet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import keys
from accounts.api import TeamAPIView
from accounts.models import ApiKey, Scope
from accounts.networks import MOST_NETWORKS, networks_normalised
from emotionsite.api.examples import example
from emotionsite.pagination import NewestFirst

STATES = ("active", "expired", "revoked")


@example(
    {
        "id": "h7k2m4qa",
        "name": "importer",
        "state": "active",
        "scopes": ["read", "analyze"],
        "networks": ["203.0.113.0/24"],
        "created_by": "maria",
        "created_at": "2026-11-22T09:17:04.084459Z",
        "expires_at": "2027-11-22T00:00:00Z",
        "revoked_at": None,
        "last_used_at": "2026-11-23T10:02:41.551020Z",
    }
)
class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    """A key without its secret. `id` is the public part of its text, `es_<id>_...`."""

    id = serializers.CharField(source="identifier", read_only=True)
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices), read_only=True)
    networks = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="addresses and ranges; empty is everywhere"
    )
    state = serializers.ChoiceField(STATES, read_only=True)
    created_by = serializers.CharField(
        source="created_by.username",
        default=None,
        allow_null=True,
        read_only=True,
        help_text="null when a key made it",
    )

    class Meta:
        model = ApiKey
        fields = [
            "id",
            "name",
            "state",
            "scopes",
            "networks",
            "created_by",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        ]
        read_only_fields = fields


@example(
    {
        **example.of(ApiKeySerializer),
        "last_used_at": None,
        "key": "es_h7k2m4qa_" + "x" * 43,
    }
)
class NewApiKeySerializer(ApiKeySerializer):
    """A key that was just made: the only answer that has its full text."""

    key = serializers.CharField(read_only=True, help_text="shown this once and kept nowhere")

    class Meta(ApiKeySerializer.Meta):
        fields = [*ApiKeySerializer.Meta.fields, "key"]
        read_only_fields = fields


@example(
    {
        "name": "importer",
        "scopes": ["read", "analyze"],
        "expires_at": "2027-11-22T00:00:00Z",
        "networks": ["203.0.113.0/24"],
    }
)
class ApiKeyRequestSerializer(serializers.Serializer[Any]):
    """A key to be made."""

    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices), min_length=1, max_length=3)
    expires_at = serializers.DateTimeField(
        allow_null=True, default=None, help_text="when it ends; null is never"
    )
    networks = serializers.ListField(
        child=serializers.CharField(max_length=90),
        default=list,
        max_length=MOST_NETWORKS,
        help_text="addresses and CIDR ranges it may be used from; empty is everywhere",
    )

    def validate_expires_at(self, value: Any) -> Any:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError("The key would be over before it was made. Choose a later end.")
        return value

    def validate_networks(self, value: list[str]) -> list[str]:
        return networks_normalised(value)


class ApiKeyFilter(FilterSet):
    """Keys in one state, or with one right."""

    state = ChoiceFilter(
        choices=[(state, state) for state in STATES], method="with_state", help_text="What the key is now."
    )
    scope = ChoiceFilter(
        choices=Scope.choices, method="with_scope", help_text="A right that the key has, among others."
    )

    def with_scope(self, queryset: "QuerySet[ApiKey]", name: str, value: str) -> "QuerySet[ApiKey]":
        return queryset.filter(scopes__contains=[value])

    def with_state(self, queryset: "QuerySet[ApiKey]", name: str, value: str) -> "QuerySet[ApiKey]":
        over = Q(expires_at__isnull=False, expires_at__lte=timezone.now())
        if value == "revoked":
            return queryset.filter(revoked_at__isnull=False)
        return queryset.filter(over if value == "expired" else ~over, revoked_at=None)


def _keys() -> "QuerySet[ApiKey]":
    return ApiKey.objects.select_related("created_by")


class ApiKeyListView(TeamAPIView):
    """GET: the team's keys, newest first, the revoked ones too. POST: a new key."""

    required_scopes: ClassVar = {"GET": Scope.MANAGE, "POST": Scope.MANAGE}
    reads = ApiKeySerializer
    filters = ApiKeyFilter
    pagination_class = NewestFirst
    problems: ClassVar = {"POST": ["invalid", "key_scope_missing"]}

    @extend_schema(summary="List API keys", tags=["Keys"], responses=ApiKeySerializer(many=True))
    def get(self, request: Request) -> Response:
        """The team's keys, newest first, those that are over too. No answer has the secret of a key."""
        return self.show_page(_keys())

    @extend_schema(
        summary="Make an API key",
        description="The answer is the only one that has the key's full text. A key gives no right it lacks.",
        tags=["Keys"],
        request=ApiKeyRequestSerializer,
        responses={201: NewApiKeySerializer},
    )
    def post(self, request: Request) -> Response:
        wanted = ApiKeyRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        keys.scopes_check(access=self.access, scopes=wanted.validated_data["scopes"])
        key, text = keys.api_key_create(
            team=self.access.team, created_by=self.access.user, **wanted.validated_data
        )
        key.key = text  # type: ignore[attr-defined]
        headers = {"Location": f"/api/v1/keys/{key.identifier}", "Cache-Control": "no-store"}
        return Response(NewApiKeySerializer(key).data, status=status.HTTP_201_CREATED, headers=headers)


class ApiKeyDetailView(TeamAPIView):
    """GET: one key. DELETE: revoke it, for good and at once."""

    required_scopes: ClassVar = {"GET": Scope.MANAGE, "DELETE": Scope.MANAGE}
    reads = ApiKeySerializer

    @extend_schema(summary="Show an API key", tags=["Keys"], responses=ApiKeySerializer)
    def get(self, request: Request, identifier: str) -> Response:
        """One key, without its secret."""
        return self.show(get_object_or_404(_keys(), identifier=identifier))

    @extend_schema(
        summary="Revoke an API key",
        description="From the next request on it opens nothing. It stays in the list.",
        tags=["Keys"],
        responses={204: None},
    )
    def delete(self, request: Request, identifier: str) -> Response:
        keys.api_key_revoke(key=get_object_or_404(_keys(), identifier=identifier))
        return Response(status=status.HTTP_204_NO_CONTENT)
