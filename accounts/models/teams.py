"""Users, teams, memberships with a role, and invitations."""

import uuid
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django_scopes import ScopedManager

from .plans import Plan

LONGEST_RETENTION_DAYS = 3650


class User(AbstractUser):
    """A person who signs in by name (`username`) or e-mail address."""

    email = models.EmailField("e-mail address", unique=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_name_once_in_any_case"),
            models.UniqueConstraint(Lower("email"), name="user_email_once_in_any_case"),
        ]


def _days(help_text: str) -> models.PositiveIntegerField:
    return models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(LONGEST_RETENTION_DAYS)], help_text=help_text
    )


class Team(models.Model):
    """A tenant: pictures, jobs, faces and keys belong to exactly one team.

    `plan` is None for the installation's default limits (`accounts.limits.limits_of`). Retention is in days
    after a photo came in; None keeps for ever, and 0 days of originals erases the pictures as soon as they
    are analysed. What a switch turns off is neither computed nor stored nor returned.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=80)
    plan = models.ForeignKey(Plan, null=True, blank=True, on_delete=models.PROTECT, related_name="teams")
    require_mfa = models.BooleanField(default=False, db_default=False)
    keep_originals_days = _days("originals and their smaller copies; 0 keeps none")
    keep_faces_days = _days("faces with their scores and vectors")
    keep_results_days = _days("what is left: the photo's entry, its summary, jobs and exports")
    analyze_emotion = models.BooleanField(default=True, db_default=True)
    analyze_age = models.BooleanField(default=True, db_default=True)
    analyze_gender = models.BooleanField(default=True, db_default=True)
    analyze_identity = models.BooleanField(
        default=True, db_default=True, help_text="recognise people in photos"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    deleting_at = models.DateTimeField(null=True, blank=True, help_text="since when its deletion runs")

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    ANALYST = "analyst", "Analyst"
    VIEWER = "viewer", "Viewer"


class Membership(models.Model):
    """A user's role in a team.

    Not scoped: it is what a scope is chosen from. Row-level security applies to it all the same, so reads
    before a team is known are made inside `accounts.access.across_teams`.
    """

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


class Invitation(models.Model):
    """A link sent by mail that makes its reader a member. Only the SHA-256 of its token is stored.

    Sending it again makes a new token: the link of the mail before stops working.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField("e-mail address")
    role = models.CharField(max_length=10, choices=Role)
    token_digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects: ClassVar[models.Manager["Invitation"]] = ScopedManager(team="team")
    # A link is looked up before any team is known; accounts.invitations alone uses it, across teams.
    unscoped: ClassVar[models.Manager["Invitation"]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "team",
                Lower("email"),
                name="one_open_invitation_per_address",
                condition=models.Q(revoked_at=None, accepted_at=None),
            )
        ]
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="invitation_newest_first")]

    def __str__(self) -> str:
        return f"{self.email} as {self.get_role_display().lower()}"

    @property
    def state(self) -> str:
        """accepted, revoked, expired or open."""
        if self.accepted_at:
            return "accepted"
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at <= timezone.now() else "open"
