"""Reads of webhooks. All of them run inside a team's scope."""

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from media_jobs.models import Webhook, WebhookAttempt, WebhookDelivery


def webhooks() -> QuerySet[Webhook]:
    """The team's webhooks, newest first; `last_status` and `last_at` are those of the newest delivery."""
    newest = WebhookDelivery.objects.filter(webhook=OuterRef("pk")).order_by("-created_at", "-id")
    return (
        Webhook.objects.select_related("created_by")
        .annotate(
            last_status=Subquery(newest.values("status")[:1]),
            last_at=Subquery(newest.values("created_at")[:1]),
        )
        .order_by("-created_at", "-id")
    )


def deliveries() -> QuerySet[WebhookDelivery]:
    """The team's deliveries, newest first."""
    return WebhookDelivery.objects.select_related("webhook").order_by("-created_at", "-id")


def deliveries_with_calls() -> QuerySet[WebhookDelivery]:
    """The team's deliveries with every call made for them, in order."""
    calls = Prefetch("calls", queryset=WebhookAttempt.objects.order_by("number"))
    return deliveries().prefetch_related(calls)
