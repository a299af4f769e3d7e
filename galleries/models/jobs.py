"""Long work on galleries: training, re-embedding, import, export, snapshots, looking for people in photos."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django_scopes import ScopedManager

from accounts.models import Team, User

from .galleries import Gallery


class GalleryJob(models.Model):
    """A job of a gallery, or (`gallery` None) of the team's photos or of a snapshot. This row is the truth
    about it.

    `options` is what it was asked, plain JSON; `file` an archive in the storage: what an import reads or an
    export has made, until `expires_at`. `notes` holds what went wrong with single entries of an import, at
    most a thousand.
    """

    class Kind(models.TextChoices):
        TRAIN = "train"
        REEMBED = "reembed"
        IMPORT = "import"
        EXPORT = "export"
        LABEL = "label"
        CLUSTER = "cluster"
        SNAPSHOT = "snapshot"
        APPLY = "apply"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    gallery = models.ForeignKey(Gallery, null=True, on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=8, choices=Kind)
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0, help_text="of `done`, those that failed")
    options = models.JSONField(default=dict)
    file = models.CharField(max_length=200, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0, help_text="bytes of the file")
    notes = models.JSONField(default=list)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_message = models.CharField(max_length=300, blank=True, default="")
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True, help_text="last sign of the worker that has it")
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True, help_text="when its file is erased")

    objects: ClassVar[models.Manager["GalleryJob"]] = ScopedManager(team="team")
    # Beat takes up what a dead worker left, in all teams; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["GalleryJob"]] = models.Manager()

    class Meta:
        constraints = [
            # A second request while one waits is answered with it; one that runs may get a successor.
            models.UniqueConstraint(
                fields=["gallery", "kind"],
                name="one_waiting_gallery_job_per_kind",
                condition=Q(status="queued", kind__in=["train", "reembed", "label"]),
            ),
            models.UniqueConstraint(
                fields=["team", "kind"],
                name="one_waiting_cluster_job_per_team",
                condition=Q(status="queued", kind="cluster"),
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="gallery_job_newest_first"),
            models.Index(fields=["gallery", "kind", "-created_at", "-id"], name="gallery_job_by_kind"),
            models.Index(
                fields=["created_at"],
                name="gallery_job_unfinished",
                condition=Q(status__in=["queued", "running"]),
            ),
            models.Index(
                fields=["expires_at"], name="gallery_job_file_age", condition=Q(expires_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status} {self.done}/{self.total}"

    @property
    def is_over(self) -> bool:
        return self.status in {self.Status.SUCCEEDED, self.Status.FAILED, self.Status.CANCELLED}
