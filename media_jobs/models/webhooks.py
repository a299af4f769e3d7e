"""Addresses that are told what happened, and every call made to them."""

import uuid
from typing import ClassVar
from urllib.parse import urlsplit

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_scopes import ScopedManager

from accounts.models import Team, User


class Webhook(models.Model):
    """An address of a team's own program. `sealed_secret` is the signing secret, encrypted.

    `events` holds names of `media_jobs.webhooks.EVENTS`. It is off when `disabled_at` is set: by somebody, or
    because the address answered 410 or failed for too long (`disabled_reason`). A secret that was renewed
    signs beside the new one until `old_secret_until`. `failing_since` is the first failed call after the last
    one that was answered.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    # No URLField: its rules know no host names of one word, which an intranet may use.
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=120, blank=True)
    events = ArrayField(models.CharField(max_length=40))
    sealed_secret = models.TextField()
    old_sealed_secret = models.TextField(blank=True, default="")
    old_secret_until = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Webhook"]] = ScopedManager(team="team")

    class Meta:
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="webhook_newest_first")]

    def __str__(self) -> str:
        return self.url

    @property
    def host(self) -> str:
        """The host of the address: what may be shown where the rest of it, which may hold tokens, may not."""
        return urlsplit(self.url).hostname or ""


class WebhookDelivery(models.Model):
    """One event on its way to one address. `event_id` is the same for every address and every try.

    `dedupe` is what makes an event happen once: a second delivery with the same webhook and key is not made.
    `attempts` counts all calls, `tries` those since it was last asked for. `sent_at` is when the broker last
    took its task, `claimed_until` until when one worker has it for itself.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.CharField(max_length=40)
    event = models.CharField(max_length=40)
    dedupe = models.CharField(max_length=120)
    payload = models.JSONField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager["WebhookDelivery"]] = ScopedManager(team="team")
    # Beat looks for what is due in all teams.
    unscoped: ClassVar[models.Manager["WebhookDelivery"]] = models.Manager()

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.UniqueConstraint(fields=["webhook", "dedupe"], name="webhook_event_once_per_address")
        ]
        indexes = [
            models.Index(fields=["webhook", "-created_at", "-id"], name="delivery_newest_first"),
            models.Index(
                fields=["next_attempt_at"], name="delivery_due", condition=models.Q(status="pending")
            ),
            models.Index(fields=["created_at"], name="delivery_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.status}"


class WebhookAttempt(models.Model):
    """One call and its answer. `answer` is the beginning of the body, at most 2,000 letters."""

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="calls")
    number = models.PositiveSmallIntegerField()
    status = models.PositiveSmallIntegerField(
        null=True, help_text="HTTP status; null when there was no answer"
    )
    answer = models.TextField(blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.CharField(max_length=300, blank=True)
    milliseconds = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["WebhookAttempt"]] = ScopedManager(team="team")

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="webhook_attempt_once")]

    def __str__(self) -> str:
        return f"{self.number}: {self.status}"
