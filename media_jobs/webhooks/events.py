"""What webhooks tell, and noting it in the transaction in which it happens."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

from django.db import connection, transaction
from django.utils import timezone

from accounts.access import team_scope
from accounts.models import Team
from media_jobs.models import WebhookDelivery

from .dispatch import send_on_commit

# Events that a webhook can ask for, each with what it means. Data are ids and figures, never names.
EVENTS: dict[str, str] = {
    "job.completed": "The analysis of photos is over, and at least one has a result",
    "job.failed": "The analysis of photos is over, and none has a result",
    "batch.completed": "A batch is over: succeeded, failed or cancelled",
    "video.completed": "The analysis of a video is over: it has its results, or was cancelled",
    "video.failed": "The analysis of a video ended without a result",
    "media.deleted": "Photos were erased, by somebody or by the team's retention",
    "video.deleted": "Videos were erased, by somebody or by the team's retention",
    "export.ready": "An export can be fetched",
    "removal.finished": "An erasure with progress is over",
    "gallery_job.finished": "Long work on a gallery is over: training, import, export, move to another model",
}
# What the test button sends. Nobody asks for it.
TEST_EVENT = "webhook.test"
# Only makes ids of events different from other ids made of the same words.
_NAMESPACE = UUID("0d4e6c1e-6f0b-4f1c-9a55-1c9a6c3f1b7e")
_WANTED = """
SELECT id FROM media_jobs_webhook
WHERE team_id = %s AND disabled_at IS NULL AND events @> ARRAY[%s]::varchar[]
ORDER BY id FOR KEY SHARE
"""


def emit(*, team: Team, event: str, dedupe: str, data: Mapping[str, Any]) -> None:
    """Tell every webhook of the team that asks for `event`, once the running transaction is committed.

    `dedupe` names what happened: the same event with the same name is told once, however often this runs.
    `data` is plain JSON. Raises KeyError for an event that EVENTS does not name, RuntimeError outside of a
    transaction.
    """
    EVENTS[event]
    if not connection.in_atomic_block:
        raise RuntimeError("An event is noted in the transaction in which it happens; open one.")
    with team_scope(team):
        wanted = _webhooks_that_want(team, event)
        if wanted:
            deliveries_create(team=team, webhook_ids=wanted, event=event, dedupe=dedupe, data=data)


def _webhooks_that_want(team: Team, event: str) -> list[UUID]:
    """Webhooks that are on and ask for the event, held so that none is deleted before the commit.

    A deletion at the same moment would otherwise break the transaction of whoever emits.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WANTED, [team.pk, event])
        return [row[0] for row in cursor.fetchall()]


def deliveries_create(
    *, team: Team, webhook_ids: list[UUID], event: str, dedupe: str, data: Mapping[str, Any]
) -> list[WebhookDelivery]:
    """Note one delivery for each webhook in the running transaction; those it has already are left out."""
    now = timezone.now()
    key = f"{event}:{dedupe}"
    # Made of what happened, so that a webhook that hears of it later hears the same id.
    event_id = f"msg_{uuid5(_NAMESPACE, f'{team.pk}:{key}').hex}"
    payload = {"type": event, "timestamp": now.isoformat(), "data": dict(data)}
    known = WebhookDelivery.objects.filter(webhook_id__in=webhook_ids, dedupe=key)
    missing = set(webhook_ids) - set(known.values_list("webhook_id", flat=True))
    with transaction.atomic():
        # Conflicts are ignored for the case that the same is noted at the same moment.
        made = WebhookDelivery.objects.bulk_create(
            [
                WebhookDelivery(
                    team=team,
                    webhook_id=webhook_id,
                    event_id=event_id,
                    event=event,
                    dedupe=key,
                    payload=payload,
                    next_attempt_at=now,
                )
                for webhook_id in sorted(missing)
            ],
            ignore_conflicts=True,
        )
        send_on_commit(team=team, delivery_ids=[delivery.pk for delivery in made])
    return made
