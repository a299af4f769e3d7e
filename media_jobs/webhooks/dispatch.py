"""Handing deliveries to Celery: after the commit, and by beat when they are due or were forgotten."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.access import across_teams
from accounts.models import Team
from media_jobs.models import WebhookDelivery

logger = structlog.get_logger(__name__)

# A task that the broker took is sent again only after so long that it must be lost.
RESEND_AFTER = timedelta(minutes=2)
KEEP_FOR = timedelta(days=30)
PENDING = WebhookDelivery.Status.PENDING


def send_on_commit(*, team: Team, delivery_ids: Sequence[UUID]) -> None:
    """Send one task per delivery once the running transaction is committed."""
    team_id = team.pk

    def send() -> None:
        for delivery_id in delivery_ids:
            if not send_delivery(team_id=team_id, delivery_id=delivery_id):
                break

    transaction.on_commit(send, robust=True)


def send_delivery(*, team_id: UUID, delivery_id: UUID) -> bool:
    """Hand one delivery to the broker; False when it cannot be reached. Then beat sends it later."""
    from media_jobs.tasks import deliver_webhook

    try:
        deliver_webhook.apply_async(kwargs={"team_id": str(team_id), "delivery_id": str(delivery_id)})
    except (OperationalError, OSError) as error:
        logger.warning("webhook_not_sent", delivery_id=str(delivery_id), reason=type(error).__name__)
        return False
    # Across teams: beat sends those of all.
    with across_teams():
        WebhookDelivery.unscoped.filter(pk=delivery_id, status=PENDING).update(sent_at=timezone.now())
    return True


def due_deliveries_send(*, limit: int = 500) -> int:
    """Send deliveries of all teams that are due and that no worker has; returns how many."""
    now = timezone.now()
    due = WebhookDelivery.unscoped.filter(
        Q(sent_at=None) | Q(sent_at__lt=now - RESEND_AFTER),
        Q(claimed_until=None) | Q(claimed_until__lte=now),
        status=PENDING,
        next_attempt_at__lte=now,
    ).order_by("next_attempt_at")
    with across_teams():
        waiting = list(due.values_list("team_id", "pk")[:limit])
    sent = 0
    for team_id, delivery_id in waiting:
        if not send_delivery(team_id=team_id, delivery_id=delivery_id):
            break
        sent += 1
    return sent


def old_deliveries_prune(*, limit: int = 5000) -> int:
    """Delete deliveries that are over and older than 30 days, with their calls; returns how many."""
    old = WebhookDelivery.unscoped.filter(created_at__lt=timezone.now() - KEEP_FOR).exclude(status=PENDING)
    # Across teams: none keeps them longer.
    with across_teams():
        ids = list(old.order_by("created_at").values_list("pk", flat=True)[:limit])
        WebhookDelivery.unscoped.filter(pk__in=ids).delete()
    return len(ids)
