"""Writes: registering, changing and deleting webhooks, their secrets, tests and repeated deliveries."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from accounts.audit import record
from accounts.models import Team, TeamUsage, User
from emotionsite.fetching import check_url
from emotionsite.sealing import seal
from media_jobs.models import Webhook, WebhookDelivery
from media_jobs.refusals import refuse

from .dispatch import send_on_commit
from .events import EVENTS, TEST_EVENT, deliveries_create
from .signing import secret_new

MOST_WEBHOOKS = 20
OLD_SECRET_FOR = timedelta(hours=24)


@transaction.atomic
def webhook_create(
    *, team: Team, url: str, events: Sequence[str], description: str = "", user: User | None = None
) -> tuple[Webhook, str]:
    """Register an address; returns the row and its secret, which is shown once.

    Raises Refusal for an address that would not be called, and when the team has MOST_WEBHOOKS.
    """
    check_url(url)
    secret = secret_new()
    webhook = Webhook(
        team=team,
        url=url,
        events=_in_order(events),
        description=description.strip(),
        sealed_secret=seal(secret),
        created_by=user,
    )
    webhook.full_clean()
    # The row of the team's usage is what two registrations at the same moment wait for.
    TeamUsage.objects.select_for_update().get(team=team)
    if Webhook.objects.count() >= MOST_WEBHOOKS:
        raise refuse("webhooks_too_many", limit=MOST_WEBHOOKS)
    webhook.save()
    _record("webhook.created", webhook, events=webhook.events)
    return webhook, secret


def _in_order(events: Sequence[str]) -> list[str]:
    """Each event once, in the order of EVENTS. Raises KeyError for one that does not exist."""
    for event in events:
        EVENTS[event]
    return [event for event in EVENTS if event in events]


def _record(action: str, webhook: Webhook, **details: Any) -> None:
    # Paths and queries of such addresses often hold tokens, so the record names the host only.
    record(action, team=webhook.team, obj=webhook, name=webhook.host, **details)


@transaction.atomic
def webhook_change(
    *,
    webhook: Webhook,
    url: str | None = None,
    events: Sequence[str] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> Webhook:
    """Change what is given, and turn the webhook off or on again; returns the row as it is now.

    Raises Refusal for an address that would not be called.
    """
    webhook = _locked(webhook)
    wanted: dict[str, Any] = {}
    if url is not None:
        check_url(url)
        wanted["url"] = url
    if events is not None:
        wanted["events"] = _in_order(events)
    if description is not None:
        wanted["description"] = description.strip()
    changed = sorted(name for name, value in wanted.items() if getattr(webhook, name) != value)
    for name in changed:
        setattr(webhook, name, wanted[name])
    if enabled and webhook.disabled_at is not None:
        webhook.disabled_at = None
        webhook.disabled_reason = ""
        webhook.failing_since = None
        changed.append("enabled")
    if changed:
        webhook.full_clean()
        webhook.save()
        _record("webhook.changed", webhook, fields=changed)
    if enabled is False and webhook.disabled_at is None:
        webhook_turn_off(webhook=webhook, reason="Turned off by a member or a key of the team.")
    return webhook


def _locked(webhook: Webhook) -> Webhook:
    """The row as it is now, held until the end of the transaction. Raises Webhook.DoesNotExist."""
    return Webhook.objects.select_for_update(no_key=True).select_related(None).get(pk=webhook.pk)


def webhook_turn_off(*, webhook: Webhook, reason: str) -> None:
    """Turn a webhook off; what still waits for it fails. The caller holds the lock of its row."""
    now = timezone.now()
    webhook.disabled_at = now
    webhook.disabled_reason = reason
    webhook.save(update_fields=["disabled_at", "disabled_reason"])
    WebhookDelivery.objects.filter(webhook=webhook, status=WebhookDelivery.Status.PENDING).update(
        status=WebhookDelivery.Status.FAILED, next_attempt_at=None, finished_at=now
    )
    _record("webhook.disabled", webhook, reason=reason)


@transaction.atomic
def webhook_delete(*, webhook: Webhook) -> None:
    """Delete a webhook with its deliveries and their calls."""
    webhook = Webhook.objects.select_for_update().get(pk=webhook.pk)
    _record("webhook.deleted", webhook)
    webhook.delete()


@transaction.atomic
def webhook_secret_renew(*, webhook: Webhook) -> tuple[Webhook, str]:
    """Give a webhook a new secret, which is shown once. For 24 hours the old one signs beside it."""
    webhook = _locked(webhook)
    secret = secret_new()
    webhook.old_sealed_secret = webhook.sealed_secret
    webhook.old_secret_until = timezone.now() + OLD_SECRET_FOR
    webhook.sealed_secret = seal(secret)
    webhook.save(update_fields=["sealed_secret", "old_sealed_secret", "old_secret_until"])
    _record("webhook.secret_renewed", webhook)
    return webhook, secret


@transaction.atomic
def webhook_test(*, webhook: Webhook) -> WebhookDelivery:
    """Send the event `webhook.test`, whatever the webhook asks for. Raises Refusal when it is off."""
    webhook = _locked(webhook)
    if webhook.disabled_at is not None:
        raise refuse("webhook_off")
    (delivery,) = deliveries_create(
        team=webhook.team,
        webhook_ids=[webhook.pk],
        event=TEST_EVENT,
        dedupe=str(uuid4()),
        data={"webhook_id": str(webhook.pk)},
    )
    return delivery


@transaction.atomic
def delivery_redeliver(*, delivery: WebhookDelivery) -> WebhookDelivery:
    """Send an event again, under its own id, with all tries. Raises Refusal when its webhook is off."""
    webhook = _locked(delivery.webhook)
    if webhook.disabled_at is not None:
        raise refuse("webhook_off")
    delivery = WebhookDelivery.objects.select_for_update().get(pk=delivery.pk)
    delivery.status = WebhookDelivery.Status.PENDING
    delivery.tries = 0
    delivery.next_attempt_at = timezone.now()
    delivery.sent_at = None
    delivery.finished_at = None
    delivery.save(update_fields=["status", "tries", "next_attempt_at", "sent_at", "finished_at"])
    send_on_commit(team=webhook.team, delivery_ids=[delivery.pk])
    return delivery
