"""One call to a webhook: claimed by one worker, signed, made, and noted with its answer."""

import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import Team
from emotionsite.fetching import call
from emotionsite.problems import Refusal
from emotionsite.sealing import SealBroken, unseal
from media_jobs.models import Webhook, WebhookAttempt, WebhookDelivery

from .services import webhook_turn_off
from .signing import body_of, signed_headers

logger = structlog.get_logger(__name__)

DEADLINE = 15.0
# Longer than any call, so that a claim ends by itself only when its worker has died.
CLAIM = timedelta(seconds=60)
# Calls to one address at a time: one that hangs must not hold all workers.
AT_ONCE = 4
# Waits after the first try and each that follows; about three days in all.
WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
# So that what failed together does not come back together.
JITTER = 0.1
# An address that has failed this long, without one answer in between, is turned off.
GIVE_UP_AFTER = timedelta(days=5)
ANSWER_LETTERS = 2000
PENDING = WebhookDelivery.Status.PENDING
_random = random.SystemRandom()


@dataclass(frozen=True)
class Claim:
    """A call that is this worker's to make."""

    delivery_id: UUID
    webhook_id: UUID
    number: int
    event_id: str
    url: str
    body: bytes
    sealed_secrets: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a call: a status and the beginning of the answer, or a code and a sentence."""

    milliseconds: int
    status: int | None = None
    answer: str = ""
    error_code: str = ""
    error_message: str = ""

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status <= 299


def delivery_attempt(*, team: Team, delivery_id: UUID) -> None:
    """Make the call that is due, unless another worker has it. Safe to run twice, also at the same time."""
    claim = _claim(team, delivery_id)
    if claim is not None:
        outcome = _call(claim)
        _note(team, claim, outcome)


@transaction.atomic
def _claim(team: Team, delivery_id: UUID) -> Claim | None:
    """Take a delivery for CLAIM and note that a call begins; None when it is not due or somebody has it."""
    now = timezone.now()
    delivery = (
        WebhookDelivery.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("webhook")
        .filter(pk=delivery_id, status=PENDING, next_attempt_at__lte=now)
        .first()
    )
    if delivery is None or (delivery.claimed_until and delivery.claimed_until > now):
        return None
    webhook = delivery.webhook
    if webhook.disabled_at is not None:
        WebhookDelivery.objects.filter(pk=delivery.pk).update(
            status=WebhookDelivery.Status.FAILED, next_attempt_at=None, finished_at=now
        )
        return None
    if WebhookDelivery.objects.filter(webhook=webhook, claimed_until__gt=now).count() >= AT_ONCE:
        _postpone(delivery, now)
        return None
    delivery.attempts += 1
    delivery.tries += 1
    delivery.claimed_until = now + CLAIM
    delivery.save(update_fields=["attempts", "tries", "claimed_until"])
    # Written now, so that a call whose worker dies is shown too.
    WebhookAttempt.objects.create(
        team=team,
        delivery=delivery,
        number=delivery.attempts,
        error_code="webhook_call_unfinished",
        error_message="No answer was noted: the call is still running, or its worker was stopped.",
        milliseconds=0,
    )
    return Claim(
        delivery_id=delivery.pk,
        webhook_id=webhook.pk,
        number=delivery.attempts,
        event_id=delivery.event_id,
        url=webhook.url,
        body=body_of(delivery.payload),
        sealed_secrets=_sealed_secrets(webhook, now),
    )


def _postpone(delivery: WebhookDelivery, now: datetime) -> None:
    """Let the calls go first that are on their way to the same address."""
    delivery.next_attempt_at = now + timedelta(seconds=_random.uniform(5, 15))
    delivery.sent_at = None
    delivery.save(update_fields=["next_attempt_at", "sent_at"])


def _sealed_secrets(webhook: Webhook, now: datetime) -> tuple[str, ...]:
    old_counts = webhook.old_secret_until is not None and webhook.old_secret_until > now
    return (webhook.sealed_secret, webhook.old_sealed_secret) if old_counts else (webhook.sealed_secret,)


def _call(claim: Claim) -> Outcome:
    """Make the call; the time is measured, whatever comes of it."""
    began = time.monotonic()
    try:
        headers = signed_headers(
            secrets_in_use=[unseal(sealed) for sealed in claim.sealed_secrets],
            event_id=claim.event_id,
            moment=timezone.now(),
            body=claim.body,
        )
        fetched = call(
            claim.url,
            body=claim.body,
            headers={"Content-Type": "application/json", **headers},
            # A letter has up to four bytes.
            keep_bytes=4 * ANSWER_LETTERS,
            deadline=DEADLINE,
        )
        found: dict[str, Any] = {"status": fetched.status, "answer": _readable(fetched.content)}
    except SealBroken:
        sentence = "The secret cannot be read, because the server's SECRET_KEY has changed. Renew the secret."
        found = {"error_code": "webhook_secret_unreadable", "error_message": sentence}
    except Refusal as refusal:
        found = {"error_code": refusal.code, "error_message": refusal.message[:300]}
    return Outcome(milliseconds=round((time.monotonic() - began) * 1000), **found)


def _readable(content: bytes) -> str:
    """The beginning of an answer as text; Postgres takes no zero bytes."""
    return content.decode("utf-8", "replace").replace("\x00", "\ufffd")[:ANSWER_LETTERS]


@transaction.atomic
def _note(team: Team, claim: Claim, outcome: Outcome) -> None:
    """Write down what came of a call, and decide what comes next."""
    # The webhook first, then its deliveries: the order of everything that locks both.
    webhook = Webhook.objects.select_for_update(no_key=True).filter(pk=claim.webhook_id).first()
    if webhook is None:
        return
    WebhookAttempt.objects.filter(delivery_id=claim.delivery_id, number=claim.number).update(
        status=outcome.status,
        answer=outcome.answer,
        error_code=outcome.error_code,
        error_message=outcome.error_message,
        milliseconds=outcome.milliseconds,
    )
    delivery = (
        WebhookDelivery.objects.select_for_update()
        .filter(pk=claim.delivery_id, attempts=claim.number)
        .first()
    )
    if delivery is None:
        return
    delivery.claimed_until = None
    if outcome.is_good:
        _finish(delivery, WebhookDelivery.Status.DELIVERED)
        if webhook.failing_since is not None:
            webhook.failing_since = None
            webhook.save(update_fields=["failing_since"])
        return
    logger.info(
        "webhook_failed", delivery_id=str(delivery.pk), code=outcome.error_code, status=outcome.status
    )
    _try_again_or_give_up(delivery)
    _judge(team, webhook, outcome)


def _finish(delivery: WebhookDelivery, status: str) -> None:
    delivery.status = status
    delivery.next_attempt_at = None
    delivery.finished_at = timezone.now()
    delivery.save(update_fields=["status", "next_attempt_at", "finished_at", "claimed_until"])


def _try_again_or_give_up(delivery: WebhookDelivery) -> None:
    wait = wait_after(delivery.tries)
    if delivery.status != PENDING:
        # Its webhook was turned off during the call.
        delivery.save(update_fields=["claimed_until"])
    elif wait is None:
        _finish(delivery, WebhookDelivery.Status.FAILED)
    else:
        delivery.next_attempt_at = timezone.now() + wait
        delivery.sent_at = None
        delivery.save(update_fields=["next_attempt_at", "sent_at", "claimed_until"])


def wait_after(tries: int) -> timedelta | None:
    """How long to wait after so many tries, up to a tenth longer than planned; None when it was the last."""
    if tries > len(WAITS):
        return None
    return WAITS[tries - 1] * _random.uniform(1, 1 + JITTER)


def _judge(team: Team, webhook: Webhook, outcome: Outcome) -> None:
    """Turn an address off that is gone, or that has failed for too long."""
    if webhook.disabled_at is not None:
        return
    now = timezone.now()
    if webhook.failing_since is None:
        webhook.failing_since = now
        webhook.save(update_fields=["failing_since"])
    if outcome.status == 410:
        webhook_turn_off(webhook=webhook, reason="The address answered 410: it wants no more calls.")
    elif now - webhook.failing_since > GIVE_UP_AFTER:
        reason = f"Every call failed for {GIVE_UP_AFTER.days} days."
        webhook_turn_off(webhook=webhook, reason=reason)
