"""`/api/v1/webhooks`: addresses that are told what happened, and what was sent to them."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import ChoiceFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.models import Scope
from emotionsite.api.examples import example
from emotionsite.filters import CreatedFilterSet
from emotionsite.pagination import NewestFirst
from media_jobs.models import Webhook, WebhookAttempt, WebhookDelivery
from media_jobs.webhooks import EVENTS, selectors, services
from media_jobs.webhooks.events import TEST_EVENT

URL_PROBLEMS = ("invalid", "url_malformed", "url_not_allowed")
EVENT_CHOICES = list(EVENTS.items())


@example(
    {
        "id": "c4d5e6f7-1a2b-4c3d-8e4f-5a6b7c8d9e0f",
        "url": "https://example.org/hooks/emotionsite",
        "description": "Warehouse",
        "events": ["batch.completed"],
        "enabled": True,
        "disabled_at": None,
        "disabled_reason": "",
        "failing_since": None,
        "old_secret_until": None,
        "created_by": "olga",
        "created_at": "2026-11-22T09:17:04.084459Z",
    }
)
class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """A webhook without its secret."""

    events = serializers.ListField(child=serializers.ChoiceField(EVENT_CHOICES), read_only=True)
    enabled = serializers.SerializerMethodField()
    created_by = serializers.CharField(
        source="created_by.username",
        default=None,
        allow_null=True,
        read_only=True,
        help_text="null when a key made it",
    )

    class Meta:
        model = Webhook
        fields = [
            "id",
            "url",
            "description",
            "events",
            "enabled",
            "disabled_at",
            "disabled_reason",
            "failing_since",
            "old_secret_until",
            "created_by",
            "created_at",
        ]
        read_only_fields = fields
        extra_kwargs = {
            "failing_since": {"help_text": "first failed call after the last good one"},
            "old_secret_until": {"help_text": "until when the secret before the last renewal signs too"},
        }

    def get_enabled(self, webhook: Webhook) -> bool:
        return webhook.disabled_at is None


@example(
    {
        **example.of(WebhookSerializer),
        "secret": "whsec_" + "x" * 32,
    }
)
class WebhookWithSecretSerializer(WebhookSerializer):
    """A webhook with a secret that was just made: no other answer has it."""

    secret = serializers.CharField(read_only=True, help_text="whsec_ and base64; shown this once")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]
        read_only_fields = fields


@example(
    {
        "url": "https://example.org/hooks/emotionsite",
        "events": ["batch.completed"],
        "description": "Warehouse",
    }
)
class WebhookRequestSerializer(serializers.Serializer[Any]):
    """A webhook to be registered."""

    url = serializers.CharField(max_length=500, help_text="http or https; it gets POST requests")
    events = serializers.ListField(
        child=serializers.ChoiceField(EVENT_CHOICES), min_length=1, max_length=len(EVENTS)
    )
    description = serializers.CharField(max_length=120, allow_blank=True, default="")


@example({"enabled": False})
class WebhookChangeSerializer(serializers.Serializer[Any]):
    """What of a webhook is to change; what is left out stays."""

    url = serializers.CharField(max_length=500, required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(EVENT_CHOICES), min_length=1, max_length=len(EVENTS), required=False
    )
    description = serializers.CharField(max_length=120, allow_blank=True, required=False)
    enabled = serializers.BooleanField(required=False, help_text="false turns it off, true on again")


@example(
    {
        "id": "7e8f9a0b-1c2d-4e3f-8a4b-5c6d7e8f9a0b",
        "webhook_id": "c4d5e6f7-1a2b-4c3d-8e4f-5a6b7c8d9e0f",
        "event_id": "msg_2f1f4b8c0f4e4f378c7a6f2f9c1d3e10",
        "event": "batch.completed",
        "status": "delivered",
        "attempts": 1,
        "next_attempt_at": None,
        "created_at": "2026-11-22T09:17:04.084459Z",
        "finished_at": "2026-11-22T09:17:04.402113Z",
    }
)
class WebhookDeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """One event on its way to one webhook. `event_id` is the header `webhook-id` of every call."""

    webhook_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = WebhookDelivery
        fields = [
            "id",
            "webhook_id",
            "event_id",
            "event",
            "status",
            "attempts",
            "next_attempt_at",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields


class WebhookCallSerializer(serializers.ModelSerializer[WebhookAttempt]):
    """One call. `status` is null when there was no answer; `error_code` says why."""

    class Meta:
        model = WebhookAttempt
        fields = ["number", "created_at", "milliseconds", "status", "answer", "error_code", "error_message"]
        read_only_fields = fields
        extra_kwargs = {"answer": {"help_text": "the beginning of the answer, at most 2,000 letters"}}


@example(
    {
        **example.of(WebhookDeliverySerializer),
        "payload": {
            "type": "batch.completed",
            "timestamp": "2026-11-22T09:17:04.084459Z",
            "data": {"batch_id": "6c1b3f6e-5b0a-4f5d-9a41-2f3f0f0c7d21", "succeeded": 498, "failed": 2},
        },
        "calls": [
            {
                "number": 1,
                "created_at": "2026-11-22T09:17:04.120044Z",
                "milliseconds": 41,
                "status": 200,
                "answer": "ok",
                "error_code": "",
                "error_message": "",
            }
        ],
    }
)
class WebhookDeliveryDetailSerializer(WebhookDeliverySerializer):
    """A delivery with what is sent and every call made for it."""

    payload = serializers.JSONField(read_only=True, help_text="type, timestamp and data, as they are sent")
    calls = WebhookCallSerializer(many=True, read_only=True)

    class Meta(WebhookDeliverySerializer.Meta):
        fields = [*WebhookDeliverySerializer.Meta.fields, "payload", "calls"]
        read_only_fields = fields


class WebhookDeliveryFilter(CreatedFilterSet):
    status = ChoiceFilter(choices=WebhookDelivery.Status.choices, help_text="State of the delivery.")
    event = ChoiceFilter(
        choices=[(name, name) for name in (*EVENTS, TEST_EVENT)], help_text="The event that is told."
    )

    class Meta:
        model = WebhookDelivery
        fields: list[str] = []


class _WebhookView(TeamAPIView):
    """Webhooks are for those who manage the team, to read as well."""

    required_scopes: ClassVar = dict.fromkeys(("GET", "POST", "PATCH", "DELETE"), Scope.MANAGE)


def webhook_or_404(webhook_id: UUID) -> Webhook:
    return get_object_or_404(selectors.webhooks(), pk=webhook_id)


def delivery_or_404(delivery_id: UUID) -> WebhookDelivery:
    return get_object_or_404(selectors.deliveries_with_calls(), pk=delivery_id)


def _with_secret(webhook: Webhook, secret: str, *, status: int, headers: dict[str, str]) -> Response:
    webhook.secret = secret  # type: ignore[attr-defined]
    headers = {**headers, "Cache-Control": "no-store"}
    return Response(WebhookWithSecretSerializer(webhook).data, status=status, headers=headers)


class WebhookListView(_WebhookView):
    reads = WebhookSerializer
    pagination_class = NewestFirst
    problems: ClassVar = {"POST": (*URL_PROBLEMS, "webhooks_too_many")}

    @extend_schema(tags=["webhooks"], summary="List webhooks", responses=WebhookSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The team's webhooks, newest first, those that are off too."""
        return self.show_page(selectors.webhooks())

    @extend_schema(
        tags=["webhooks"],
        summary="Register a webhook",
        request=WebhookRequestSerializer,
        responses={201: WebhookWithSecretSerializer},
    )
    def post(self, request: Request) -> Response:
        """The answer has the secret that signs the calls. It is shown this once."""
        wanted = WebhookRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        webhook, secret = services.webhook_create(
            team=self.access.team, user=self.access.user, **wanted.validated_data
        )
        headers = {"Location": f"/api/v1/webhooks/{webhook.pk}"}
        return _with_secret(webhook, secret, status=status.HTTP_201_CREATED, headers=headers)


class WebhookDetailView(_WebhookView):
    reads = WebhookSerializer
    problems: ClassVar = {"PATCH": URL_PROBLEMS}

    @extend_schema(tags=["webhooks"], summary="Show a webhook", responses=WebhookSerializer)
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """One webhook, without its secret."""
        return self.show(webhook_or_404(webhook_id))

    @extend_schema(
        tags=["webhooks"],
        summary="Change a webhook",
        request=WebhookChangeSerializer,
        responses=WebhookSerializer,
    )
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        """Change address, events or description, or turn it off and on. Off, what waits is given up."""
        webhook = webhook_or_404(webhook_id)
        wanted = WebhookChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        services.webhook_change(webhook=webhook, **wanted.validated_data)
        return self.show(webhook_or_404(webhook_id))

    @extend_schema(tags=["webhooks"], summary="Delete a webhook", responses={204: None})
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Its deliveries and their calls go with it."""
        services.webhook_delete(webhook=webhook_or_404(webhook_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookTestView(_WebhookView):
    reads = WebhookDeliverySerializer
    problems: ClassVar = {"POST": ("webhook_off",)}

    @extend_schema(
        tags=["webhooks"],
        summary="Send a test",
        request=None,
        responses={202: WebhookDeliverySerializer},
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Send the event `webhook.test`; Location is where to see what came of it."""
        delivery = services.webhook_test(webhook=webhook_or_404(webhook_id))
        return _accepted(delivery)


class WebhookSecretView(_WebhookView):
    @extend_schema(
        tags=["webhooks"],
        summary="Renew a webhook's secret",
        request=None,
        responses=WebhookWithSecretSerializer,
    )
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """The answer has the new secret, this once. For 24 hours the old one signs beside it."""
        webhook, secret = services.webhook_secret_renew(webhook=webhook_or_404(webhook_id))
        return _with_secret(webhook, secret, status=status.HTTP_200_OK, headers={})


class WebhookDeliveriesView(_WebhookView):
    reads = WebhookDeliverySerializer
    filters = WebhookDeliveryFilter
    pagination_class = NewestFirst

    @extend_schema(
        tags=["webhooks"],
        summary="List what was sent to a webhook",
        responses=WebhookDeliverySerializer(many=True),
    )
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """Deliveries of one webhook, newest first, of the last 30 days."""
        found: QuerySet[WebhookDelivery] = selectors.deliveries().filter(webhook=webhook_or_404(webhook_id))
        return self.show_page(found)


class WebhookDeliveryView(_WebhookView):
    reads = WebhookDeliveryDetailSerializer

    @extend_schema(tags=["webhooks"], summary="Show a delivery", responses=WebhookDeliveryDetailSerializer)
    def get(self, request: Request, delivery_id: UUID) -> Response:
        """One delivery with what is sent and every call made for it."""
        return self.show(delivery_or_404(delivery_id))


class WebhookRedeliverView(_WebhookView):
    reads = WebhookDeliverySerializer
    problems: ClassVar = {"POST": ("webhook_off",)}

    @extend_schema(
        tags=["webhooks"],
        summary="Deliver an event again",
        request=None,
        responses={202: WebhookDeliverySerializer},
    )
    def post(self, request: Request, delivery_id: UUID) -> Response:
        """Send it again at once, under the same event id, with all tries before it."""
        delivery = services.delivery_redeliver(delivery=delivery_or_404(delivery_id))
        return _accepted(delivery)


def _accepted(delivery: WebhookDelivery) -> Response:
    headers = {"Location": f"/api/v1/webhooks/deliveries/{delivery.pk}"}
    return Response(
        WebhookDeliverySerializer(delivery).data, status=status.HTTP_202_ACCEPTED, headers=headers
    )
