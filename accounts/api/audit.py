"""`/api/v1/audit`."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit_log
from accounts.api import TeamAPIView
from accounts.models import AuditEvent, Scope
from emotionsite.api.examples import example
from emotionsite.pagination import NewestFirst


class ActorSerializer(serializers.Serializer[AuditEvent]):
    """Who did it: a user, a key, or the system. The name is '[erased]' once the user is."""

    user_id = serializers.IntegerField(source="actor_id", allow_null=True)
    name = serializers.CharField(source="actor_name")
    api_key = serializers.CharField(help_text="Identifier of the key; empty without one.")


class ObjectSerializer(serializers.Serializer[AuditEvent]):
    """What it was done to. The name is '[erased]' once the thing is."""

    type = serializers.CharField(source="object_type")
    id = serializers.CharField(source="object_id")
    name = serializers.CharField(source="object_name")


@example(
    {
        "id": 8812,
        "action": "team.settings_changed",
        "actor": {"user_id": 7, "name": "maria", "api_key": ""},
        "object": {"type": "team", "id": "5b5dbf2c-9f4e-4f52-8a53-8b3ce3c04b41", "name": "Reading lab"},
        "details": {"before": {"keep_originals_days": None}, "after": {"keep_originals_days": 30}},
        "address": "192.0.2.7",
        "request_id": "d1c8d760bda2498f8c6597307c273e09",
        "created_at": "2026-11-22T09:17:04.084459Z",
    }
)
class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    actor = ActorSerializer(source="*")
    object = ObjectSerializer(source="*")
    details = serializers.DictField(help_text="What changed; empty once it is erased.")
    address = serializers.IPAddressField(allow_null=True, help_text="Address of the client.")

    class Meta:
        model = AuditEvent
        fields = ["id", "action", "actor", "object", "details", "address", "request_id", "created_at"]


class AuditListView(TeamAPIView):
    reads = AuditEventSerializer
    filters = audit_log.AuditFilter
    pagination_class = NewestFirst
    required_scopes = {"GET": Scope.MANAGE}

    @extend_schema(tags=["audit"], summary="List the record of who did what")
    def get(self, request: Request) -> Response:
        """Events of the team, newest first. Reading is not recorded."""
        return self.show_page(audit_log.events())


class AuditDetailView(TeamAPIView):
    reads = AuditEventSerializer
    required_scopes = {"GET": Scope.MANAGE}

    @extend_schema(tags=["audit"], summary="Show one event of the record")
    def get(self, request: Request, event_id: int) -> Response:
        """One event of the team."""
        return self.show(get_object_or_404(audit_log.events(), pk=event_id))
