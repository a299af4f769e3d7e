"""The record of who did what."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django_scopes import ScopedManager

from .teams import Team


class AuditEvent(models.Model):
    """One deed, written in the transaction that did it. Append-only.

    The application's role may insert and read; a function of the database redacts names when somebody is
    erased, and nothing deletes. So nothing here is a foreign key that holds: an event outlives its team, its
    actor and its object, and carries copies of their names.

    `action` is `<thing>.<deed>` (`accounts.audit.ACTIONS`); `details` holds what changed, never a picture, a
    vector or a secret.
    """

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(
        Team, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    action = models.CharField(max_length=40)
    actor_id = models.BigIntegerField(null=True, help_text="user; null for a key or the system")
    actor_name = models.CharField(max_length=200, help_text="name of the user or key, or 'system'")
    api_key = models.CharField(
        max_length=8, blank=True, help_text="identifier of the key, where one was used"
    )
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object_name = models.CharField(max_length=255, blank=True)
    details = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[models.Manager["AuditEvent"]] = ScopedManager(team="team")

    class Meta:
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="audit_newest_first"),
            models.Index(fields=["team", "action", "-created_at"], name="audit_by_action"),
            models.Index(fields=["team", "actor_id", "-created_at"], name="audit_by_actor"),
            models.Index(fields=["object_type", "object_id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.object_name}"
