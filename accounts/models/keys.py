"""API keys, and answers kept for repeated requests."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django_scopes import ScopedManager

from .teams import Team, User


class Scope(models.TextChoices):
    READ = "read", "Read results"
    ANALYZE = "analyze", "Upload and analyse"
    MANAGE = "manage", "Manage the team"


class ApiKey(models.Model):
    """A key `es_<id8>_<secret>`; only the HMAC of the secret is stored.

    `identifier` is the public part by which the row is found; `pepper` is the number of the pepper in
    `API_KEY_PEPPERS` that made `digest`, so that peppers can be rotated. `networks` holds the addresses or
    CIDR ranges it may be used from; empty means from anywhere.
    """

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    identifier = models.CharField(max_length=8, unique=True)
    digest = models.CharField(max_length=64)
    pepper = models.PositiveSmallIntegerField()
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    networks = ArrayField(
        models.CharField(max_length=43), default=list, db_default=models.Value("{}"), blank=True
    )
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager["ApiKey"]] = ScopedManager(team="team")
    # The door itself: a key is looked up before any team is known. Only accounts.keys uses it.
    unscoped: ClassVar[models.Manager["ApiKey"]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="api_key_newest_first")]

    def __str__(self) -> str:
        return f"{self.name} (es_{self.identifier}_…)"

    @property
    def state(self) -> str:
        """revoked, expired or active."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "active"


class IdempotentRequest(models.Model):
    """The answer to a POST that carried an Idempotency-Key, for a day (`accounts.idempotency`).

    `fingerprint` is the SHA-256 of method, path and body. `status` is None while the first request runs.
    """

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["IdempotentRequest"]] = ScopedManager(team="team")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "key"], name="idempotency_key_once_per_team")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_request_age")]

    def __str__(self) -> str:
        return self.key
