"""Who may do what: users, teams, memberships with a role, and API keys."""

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django_scopes import ScopedManager


class User(AbstractUser):
    """A person who signs in by name (`username`) or e-mail address."""

    email = models.EmailField("e-mail address", unique=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_name_once_in_any_case"),
            models.UniqueConstraint(Lower("email"), name="user_email_once_in_any_case"),
        ]


class Team(models.Model):
    """A tenant: pictures, jobs, faces and keys belong to exactly one team."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    ANALYST = "analyst", "Analyst"
    VIEWER = "viewer", "Viewer"


class Membership(models.Model):
    """A user's role in a team. Not scoped: it is what a scope is chosen from."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_team_and_user")
        ]
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return f"{self.user} is {self.get_role_display().lower()} of {self.team}"


class Scope(models.TextChoices):
    READ = "read", "Read results"
    ANALYZE = "analyze", "Upload and analyse"
    MANAGE = "manage", "Manage the team"


class ApiKey(models.Model):
    """A key `es_<id8>_<secret>`; only the HMAC of the secret is stored.

    `identifier` is the public part by which the row is found; `pepper` is the number of the pepper in
    `API_KEY_PEPPERS` that made `digest`, so that peppers can be rotated.
    """

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    identifier = models.CharField(max_length=8, unique=True)
    digest = models.CharField(max_length=64)
    pepper = models.PositiveSmallIntegerField()
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope))
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager["ApiKey"]] = ScopedManager(team="team")
    # The door itself: a key is looked up before any team is known. Only accounts.services uses it.
    unscoped: ClassVar[models.Manager["ApiKey"]] = models.Manager()

    def __str__(self) -> str:
        return f"{self.name} (es_{self.identifier}_…)"
