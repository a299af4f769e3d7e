"""The jobs that analyse pictures."""

import uuid
from typing import ClassVar

from django.db import models
from django_scopes import ScopedManager

from accounts.models import Team, User

from .media import Media


class Job(models.Model):
    """Work on one or more photos, or on a video. This row is the truth about it, not Celery's result.

    A batch (`kind`) is a job made of references: files, addresses, entries of an archive or
    objects of a bucket. One of a video has chunks (`VideoChunk`) in place of items; `total` counts them and
    the linking at the end.
    `listing` is true while the entries of an archive or a bucket are still being counted; `total` grows until
    then. `sealed_source` is what that needs, encrypted, and is wiped when it is done.
    """

    class Kind(models.TextChoices):
        PHOTOS = "photos"
        BATCH = "batch"
        VIDEO = "video"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.PHOTOS, db_default=Kind.PHOTOS)
    name = models.CharField(max_length=120, blank=True, default="", db_default="")
    queue = models.CharField(max_length=12)
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0, help_text="items that are no longer pending")
    failed = models.PositiveIntegerField(default=0, db_default=0, help_text="of `done`, those that failed")
    listing = models.BooleanField(default=False, db_default=False)
    sealed_source = models.TextField(blank=True, default="", db_default="")
    archive = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="ZIP in the storage"
    )
    error_code = models.CharField(max_length=40, blank=True)
    error_message = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Job"]] = ScopedManager(team="team")
    # Beat looks for batches of all teams whose listing was lost; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["Job"]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="job_newest_first"),
            models.Index(fields=["team", "kind", "-created_at", "-id"], name="job_by_kind_newest_first"),
            models.Index(fields=["created_at"], name="job_listing", condition=models.Q(listing=True)),
            models.Index(
                fields=["team"],
                name="job_open_interactive",
                condition=models.Q(queue="interactive", status__in=["queued", "running"]),
            ),
        ]
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
    """One photo of a job. Items with the same `chunk` travel in one Celery task.

    An item of a batch may have no `media` before its work begins: `source` then says where its bytes are
    (`media_jobs.sources`). `name` is what the client calls it.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="items")
    media = models.ForeignKey(Media, null=True, on_delete=models.SET_NULL, related_name="job_items")
    name = models.CharField(max_length=255, blank=True, default="", db_default="")
    source = models.JSONField(null=True, blank=True)
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
            models.Index(fields=["job", "status", "position"], name="job_item_by_status"),
            models.Index(
                fields=["created_at"], name="job_item_pending", condition=models.Q(status="pending")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.status}"
