"""Frozen copies of galleries, kept for two days, to be made into new galleries of the same team or another.

They have tables of their own, so that nothing that searches, lists or counts galleries ever sees them.
"""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django_scopes import ScopedManager
from pgvector.django import HalfVectorField

from accounts.models import Team

from .galleries import EnrolledFace, Gallery


class GallerySnapshot(models.Model):
    """A gallery as it was at one moment. It is there for others once it is `ready`, and until `expires_at`.

    `source_id` is the gallery it was taken of, `trained` whether that one had a trained state. `apply_scope`
    holds the ids of the teams that may make galleries of it. The other columns are those of the gallery.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    source_id = models.UUIDField()
    namespace = models.CharField(max_length=20)
    name = models.CharField(max_length=128)
    notes = models.TextField(max_length=16384, blank=True, default="", db_default="")
    holds = models.CharField(max_length=8, choices=Gallery.Holds)
    model = models.CharField(max_length=80)
    model_sha256 = models.CharField(max_length=64)
    model_alias = models.CharField(max_length=20, blank=True, default="", db_default="")
    threshold = models.FloatField(null=True, blank=True)
    quality_policy = models.CharField(max_length=6, choices=Gallery.QualityPolicy)
    allow_duplicates = models.BooleanField(default=False)
    erase_without_consent = models.BooleanField(default=True)
    trained = models.BooleanField(default=False)
    subject_count = models.PositiveIntegerField(default=0)
    face_count = models.PositiveIntegerField(default=0)
    apply_scope = ArrayField(models.UUIDField())
    user_data = models.TextField(max_length=16384, blank=True, default="", db_default="")
    ready = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager["GallerySnapshot"]] = ScopedManager(team="team")

    class Meta:
        indexes = [
            models.Index(fields=["expires_at"], name="snapshot_age"),
            models.Index(fields=["source_id"], name="snapshot_by_source"),
            GinIndex(fields=["apply_scope"], name="snapshot_by_scope"),
        ]

    def __str__(self) -> str:
        return f"Snapshot {self.pk}"


class SnapshotSubject(models.Model):
    """A person of a snapshot. `subject_id` is who it is in the gallery; erased there, erased here."""

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    snapshot = models.ForeignKey(
        GallerySnapshot, on_delete=models.CASCADE, related_name="subjects", db_index=False
    )
    subject_id = models.UUIDField(db_index=True)
    name = models.CharField(max_length=128)
    external_id = models.CharField(max_length=128, blank=True, default="", db_default="")
    notes = models.TextField(max_length=16384, blank=True, default="", db_default="")
    consent_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    consent_how = models.CharField(max_length=200, blank=True, default="", db_default="")
    consent_at = models.DateTimeField(null=True)
    consent_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(help_text="when the person was added to the gallery")

    objects: ClassVar[models.Manager["SnapshotSubject"]] = ScopedManager(team="team")

    class Meta:
        indexes = [models.Index(fields=["snapshot", "id"], name="snapshot_subject_in_order")]

    def __str__(self) -> str:
        return f"Person {self.subject_id} of a snapshot"


class SnapshotFace(models.Model):
    """A face of a snapshot: its vector, no picture. `face_id` is the enrolled face it is a copy of.

    `trained` says whether the trained state of the gallery held it: only those answer in a gallery that is
    made of the snapshot, until that one is trained.
    """

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    snapshot = models.ForeignKey(
        GallerySnapshot, on_delete=models.CASCADE, related_name="faces", db_index=False
    )
    # Faces are always erased before their people; this way both go in one statement each, however many.
    person = models.ForeignKey(SnapshotSubject, null=True, on_delete=models.DO_NOTHING, related_name="faces")
    face_id = models.UUIDField(db_index=True)
    embedding = HalfVectorField()
    left = models.FloatField(null=True)
    top = models.FloatField(null=True)
    width = models.FloatField(null=True)
    height = models.FloatField(null=True)
    picture_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    quality = models.CharField(
        max_length=6, choices=EnrolledFace.Quality, blank=True, default="", db_default=""
    )
    quality_reasons = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    notes = models.TextField(max_length=1024, blank=True, default="", db_default="")
    by_hand = models.BooleanField(default=False)
    trained = models.BooleanField(default=False)
    created_at = models.DateTimeField(help_text="when the face was enrolled in the gallery")

    objects: ClassVar[models.Manager["SnapshotFace"]] = ScopedManager(team="team")

    class Meta:
        indexes = [models.Index(fields=["snapshot", "trained", "id"], name="snapshot_face_in_order")]

    def __str__(self) -> str:
        return f"Face {self.face_id} of a snapshot"
