"""Videos: uploads that come in parts, the stored file, the chunks in which it is analysed."""

import uuid
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django_scopes import ScopedManager

from accounts.models import Team, User

from .jobs import Job


def no_parts() -> list[Any]:
    return []


class VideoUpload(models.Model):
    """A file that comes in parts (tus 1.0). Once it is whole, a video takes its parts over and the row goes.

    `parts` are [name in the storage, size in bytes] in order; their sizes add up to `received`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    filename = models.CharField(max_length=255)
    length = models.PositiveBigIntegerField(help_text="bytes of the whole file")
    received = models.PositiveBigIntegerField(default=0, help_text="bytes that are stored; they count")
    parts = models.JSONField(default=no_parts)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    touched_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[models.Manager["VideoUpload"]] = ScopedManager(team="team")
    # Beat looks for uploads that nobody went on with, in all teams; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["VideoUpload"]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["touched_at"], name="video_upload_by_age")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(received__lte=models.F("length")), name="video_upload_within_length"
            )
        ]

    def __str__(self) -> str:
        return self.filename


class Video(models.Model):
    """A stored video and how far its analysis is. Its job tells clients the same in their words.

    `width` and `height` are of the upright picture. `parts` are [name in the storage, size] of the original
    in order, empty once retention has erased it (`pictures_erased_at`). `frames_per_second` says how many
    frames are analysed, None for every one; `gallery_id` is the gallery in which people are looked up, None
    for nobody. `beat_at` is the last sign of the worker that prepares or finishes it (`media_jobs.leases`),
    `attempts` how often one began with that step.
    """

    class Status(models.TextChoices):
        FETCHING = "fetching"
        ANALYZING = "analyzing"
        LINKING = "linking"
        READY = "ready"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="videos")
    filename = models.CharField(max_length=255)
    status = models.CharField(max_length=10, choices=Status)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_message = models.CharField(max_length=300, blank=True, default="")
    sealed_source = models.TextField(
        blank=True, default="", help_text="address it is fetched from, encrypted"
    )
    sha256 = models.CharField(max_length=64, blank=True, default="")
    size = models.PositiveBigIntegerField(default=0, help_text="bytes of the original")
    container = models.CharField(max_length=10, blank=True, default="")
    content_type = models.CharField(max_length=40, blank=True, default="")
    codec = models.CharField(max_length=30, blank=True, default="")
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    rotation = models.PositiveSmallIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(default=0)
    frame_count = models.PositiveIntegerField(default=0)
    frame_rate = models.FloatField(default=0.0)
    variable_rate = models.BooleanField(default=False)
    has_audio = models.BooleanField(default=False)
    shown_by_browsers = models.BooleanField(default=False)
    facts = models.JSONField(default=dict, help_text="media_jobs.video.facts.VideoFacts, for its readers")
    parts = models.JSONField(default=no_parts)
    poster = models.CharField(max_length=200, blank=True, default="")
    stored_bytes = models.PositiveBigIntegerField(
        default=0, db_default=0, help_text="bytes of all files kept for it; counts against the plan"
    )
    pictures_erased_at = models.DateTimeField(null=True, blank=True)
    faces_erased_at = models.DateTimeField(null=True, blank=True)
    frames_per_second = models.FloatField(null=True)
    gallery_id = models.UUIDField(null=True, blank=True)
    model_versions = models.JSONField(default=dict)
    analyzed_frames = models.PositiveIntegerField(default=0)
    people_count = models.PositiveIntegerField(default=0)
    summary = models.JSONField(default=dict, help_text="what is said of the whole video: moments and means")
    live = models.BooleanField(default=False, help_text="recorded from a camera on the live page")
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)

    objects: ClassVar[models.Manager["Video"]] = ScopedManager(team="team")
    # Beat takes up videos whose worker died, in all teams; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["Video"]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="video_newest_first"),
            models.Index(fields=["team", "status", "-created_at", "-id"], name="video_by_status"),
            models.Index(fields=["job"], name="video_by_job"),
            models.Index(
                fields=["team", "created_at"],
                name="video_with_pictures",
                condition=models.Q(pictures_erased_at=None),
            ),
            models.Index(
                fields=["team", "created_at"],
                name="video_with_faces",
                condition=models.Q(faces_erased_at=None),
            ),
            models.Index(
                fields=["created_at"],
                name="video_open",
                condition=models.Q(status__in=["fetching", "analyzing", "linking"]),
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def is_over(self) -> bool:
        return self.status in {self.Status.READY, self.Status.FAILED, self.Status.CANCELLED}

    @property
    def file_names(self) -> list[str]:
        """Names in the storage of everything kept for this video, but its preview."""
        return [name for name, _ in self.parts] + ([self.poster] if self.poster else [])


class VideoChunk(models.Model):
    """Some seconds of a video, [start_ms, end_ms): what one Celery task works off.

    `times` are the milliseconds of the frames that were analysed, written with the tracks found in them.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    start_ms = models.PositiveIntegerField()
    end_ms = models.PositiveIntegerField()
    expected = models.PositiveIntegerField(help_text="frames that were counted for the plan")
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text="times a worker began with it")
    times = ArrayField(models.PositiveIntegerField(), null=True)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_message = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, help_text="when the broker last took it")
    beat_at = models.DateTimeField(null=True, help_text="the last sign of the worker that has it")
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["VideoChunk"]] = ScopedManager(team="team")
    # The sweep of beat looks at the chunks of all teams; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["VideoChunk"]] = models.Manager()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["video", "number"], name="video_chunk_once")]
        indexes = [
            models.Index(
                fields=["created_at"], name="video_chunk_pending", condition=models.Q(status="pending")
            )
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.status}"


class VideoPreview(models.Model):
    """A copy of a video that browsers can show, where they cannot show the original."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        READY = "ready"
        FAILED = "failed"

    video = models.OneToOneField(Video, primary_key=True, on_delete=models.CASCADE, related_name="preview")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    progress = models.FloatField(default=0.0, help_text="0 to 1")
    parts = models.JSONField(default=no_parts)
    stored_bytes = models.PositiveBigIntegerField(default=0, db_default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    beat_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["VideoPreview"]] = ScopedManager(team="team")
    # Beat takes up previews whose worker died, in all teams; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["VideoPreview"]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["created_at"], name="video_preview_queued", condition=models.Q(status="queued")
            )
        ]

    def __str__(self) -> str:
        return self.status
