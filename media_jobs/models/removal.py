"""Exports, and removals that take long enough to need progress."""

import uuid
from typing import ClassVar

from django.db import models
from django_scopes import ScopedManager

from accounts.models import Team, User


class Export(models.Model):
    """A file made of a team's or a user's data, for a while.

    One that holds photos or faces (`holds_media`) is erased with any of them. The export that goes before
    the deletion of a team outlives it, so `team` may be None; then it is fetched by the link in the mail.
    """

    class Kind(models.TextChoices):
        TEAM = "team"
        USER = "user"
        AUDIT = "audit"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        READY = "ready"
        FAILED = "failed"
        ERASED = "erased"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind)
    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED)
    name = models.CharField(max_length=200, blank=True, help_text="name in the storage")
    size = models.PositiveBigIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error_message = models.CharField(max_length=300, blank=True)
    holds_media = models.BooleanField(default=False, help_text="erased when any photo of the team is")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(null=True, help_text="last sign of the worker that has it")
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Export"]] = ScopedManager(team="team")
    # Beat erases what has expired in all teams; a user fetches an export that outlived its team.
    unscoped: ClassVar[models.Manager["Export"]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="export_newest_first"),
            models.Index(fields=["created_by", "-created_at"], name="export_by_user"),
            models.Index(fields=["expires_at"], name="export_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"


class Removal(models.Model):
    """The deletion of a team, a user, or many things of a team: a job with progress that survives a crash.

    It names its subject by id and, until it is over, by a copy of the name. `export` is made first where the
    person who asked wanted it. `team` is None for the removal of a user, and once the team is gone.
    """

    class Kind(models.TextChoices):
        TEAM = "team"
        USER = "user"
        MEDIA = "media"
        SUBJECT = "subject"
        GALLERY = "gallery"

    class Status(models.TextChoices):
        QUEUED = "queued"
        EXPORTING = "exporting"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(
        Team, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    subject_id = models.CharField(max_length=64)
    subject_name = models.CharField(max_length=200)
    part_ids = models.JSONField(default=list, help_text="things to erase, or teams that go with a user")
    with_photos = models.BooleanField(
        default=False, db_default=False, help_text="the photos go on which its people are"
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error_message = models.CharField(max_length=300, blank=True)
    export = models.ForeignKey(Export, null=True, on_delete=models.SET_NULL, related_name="+")
    requested_by_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(null=True, help_text="last sign of the worker that has it")
    finished_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager["Removal"]] = ScopedManager(team="team")
    # Its progress is shown when its team is gone; beat takes up what a dead worker left.
    unscoped: ClassVar[models.Manager["Removal"]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="removal_newest_first"),
            models.Index(
                fields=["created_at"],
                name="removal_unfinished",
                condition=models.Q(status__in=["queued", "exporting", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status} {self.done}/{self.total}"
