"""Stored pictures, and files that wait to be erased."""

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
    show the original as it is. All three are empty once the team's retention has erased the pictures; the
    entry and its results stay (`pictures_erased_at`). `faces_erased_at` says the same of the faces, of which
    the number stays. `stored_bytes` is the size of the files that are left.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    sha256 = models.CharField(max_length=64)
    filename = models.CharField(max_length=255)
    content_type = models.CharField(max_length=40)
    size = models.PositiveBigIntegerField(help_text="bytes of the original")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    original = models.CharField(max_length=200, blank=True)
    preview = models.CharField(max_length=200, blank=True)
    thumbnail = models.CharField(max_length=200, blank=True)
    stored_bytes = models.PositiveBigIntegerField(
        default=0, db_default=0, help_text="bytes of all files kept for it; counts against the plan"
    )
    pictures_erased_at = models.DateTimeField(null=True, blank=True)
    faces_erased_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Media"]] = ScopedManager(team="team")

    class Meta:
        verbose_name_plural = "media"
        constraints = [models.UniqueConstraint(fields=["team", "sha256"], name=SAME_BYTES)]
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="media_newest_first"),
            models.Index(
                fields=["team", "created_at"],
                name="media_with_pictures",
                condition=models.Q(pictures_erased_at=None),
            ),
            models.Index(
                fields=["team", "created_at"],
                name="media_with_faces",
                condition=models.Q(faces_erased_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def file_names(self) -> list[str]:
        """Names in the storage of everything kept for this photo."""
        return [name for name in (self.original, self.preview, self.thumbnail) if name]


class ReleasedFile(models.Model):
    """A file no row points at any more, written in the transaction that let go of it. A name that ends in a
    slash is a folder with all that is in it.

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
