"""Pictures, the jobs that analyse them, and files that wait to be erased."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models.functions import Now
from django_scopes import ScopedManager

from accounts.models import Team, User

SAME_BYTES = "same_bytes_once_per_team"


class Media(models.Model):
    """A stored photo. `width` and `height` are of the upright picture, after its EXIF turn.

    `original`, `preview` and `thumbnail` are names in the storage. `preview` is empty where browsers can
    show the original as it is.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sha256 = models.CharField(max_length=64)
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=40)
    size = models.PositiveBigIntegerField(help_text="bytes of the original")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    original = models.CharField(max_length=200)
    preview = models.CharField(max_length=200, blank=True)
    thumbnail = models.CharField(max_length=200)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Media"]] = ScopedManager(team="team")

    class Meta:
        verbose_name_plural = "media"
        constraints = [models.UniqueConstraint(fields=["team", "sha256"], name=SAME_BYTES)]
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="media_newest_first")]

    def __str__(self) -> str:
        return self.filename

    @property
    def file_names(self) -> list[str]:
        """Names in the storage of everything kept for this photo."""
        return [name for name in (self.original, self.preview, self.thumbnail) if name]


class Job(models.Model):
    """Work on one or more photos. This row is the truth about it, not Celery's result."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    queue = models.CharField(max_length=12)
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0, help_text="items that are no longer pending")
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Job"]] = ScopedManager(team="team")

    class Meta:
        indexes = [models.Index(fields=["team", "-created_at", "-id"], name="job_newest_first")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(done__lte=models.F("total")), name="job_done_within_total"
            )
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.done}/{self.total}"

    @property
    def is_over(self) -> bool:
        return self.status in {self.Status.SUCCEEDED, self.Status.FAILED, self.Status.CANCELLED}


class JobItem(models.Model):
    """One photo of a job. Items with the same `chunk` travel in one Celery task."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="items")
    media = models.ForeignKey(Media, null=True, on_delete=models.SET_NULL, related_name="job_items")
    position = models.PositiveIntegerField()
    chunk = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="times a worker began with it")
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, help_text="when the broker last took its chunk")
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["JobItem"]] = ScopedManager(team="team")
    # The sweep of beat looks at the chunks of all teams; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["JobItem"]] = models.Manager()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["job", "position"], name="job_position_once")]
        indexes = [
            models.Index(fields=["job", "chunk"], name="job_item_by_chunk"),
            models.Index(
                fields=["created_at"], name="job_item_pending", condition=models.Q(status="pending")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.status}"


class ReleasedFile(models.Model):
    """A file no row points at any more, written in the transaction that let go of it.

    Beat erases the file and then the row, so that a storage that is away loses no erasure.
    """

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(max_length=200)
    released_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[models.Manager["ReleasedFile"]] = ScopedManager(team="team")
    # Erasing files is work across teams.
    unscoped: ClassVar[models.Manager["ReleasedFile"]] = models.Manager()

    def __str__(self) -> str:
        return self.name
