"""Who the faces in a team's photos are."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django_scopes import ScopedManager

from accounts.models import Team, User
from analysis.models import Face

from .galleries import Subject


class UnnamedPerson(models.Model):
    """Faces of photos that seem to be one person nobody has named yet.

    `by_hand` is true once a person has merged or split it: the machine may add faces to it, and neither joins
    it with another nor takes it apart. `ignored` people are not asked about again.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    model = models.CharField(max_length=80, help_text="name of the recognition model that grouped it")
    by_hand = models.BooleanField(default=False)
    ignored = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["UnnamedPerson"]] = ScopedManager(team="team")

    class Meta:
        verbose_name_plural = "unnamed people"
        indexes = [
            models.Index(fields=["team", "ignored", "-created_at", "-id"], name="unnamed_newest_first")
        ]

    def __str__(self) -> str:
        return f"Unnamed person {str(self.pk)[:8]}"


class FaceLabel(models.Model):
    """Whose face of a photo this is: a subject's, an unnamed person's, or nobody's that is known (both None).

    `by` says who decided. What a person decided is never changed by the machine. `confidence` is the
    machine's, None for a person's word.
    """

    class By(models.TextChoices):
        MACHINE = "machine"
        PERSON = "person"

    face = models.OneToOneField(Face, primary_key=True, on_delete=models.CASCADE, related_name="label")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    subject = models.ForeignKey(Subject, null=True, on_delete=models.CASCADE, related_name="labels")
    unnamed = models.ForeignKey(UnnamedPerson, null=True, on_delete=models.SET_NULL, related_name="labels")
    by = models.CharField(max_length=7, choices=By)
    confidence = models.FloatField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[models.Manager["FaceLabel"]] = ScopedManager(team="team")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(subject=None) | Q(unnamed=None), name="face_label_names_one_person"
            )
        ]
        indexes = [
            models.Index(fields=["team", "subject"], name="face_label_by_subject"),
            models.Index(fields=["team", "unnamed"], name="face_label_by_unnamed"),
        ]

    def __str__(self) -> str:
        return f"{self.by}: {self.subject_id or self.unnamed_id or 'nobody'}"


class FaceRejection(models.Model):
    """A person said that a face is not this subject, or does not belong to this unnamed person."""

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    face = models.ForeignKey(Face, on_delete=models.CASCADE, related_name="rejections")
    subject = models.ForeignKey(Subject, null=True, on_delete=models.CASCADE, related_name="+")
    unnamed = models.ForeignKey(UnnamedPerson, null=True, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["FaceRejection"]] = ScopedManager(team="team")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(subject=None, unnamed__isnull=False) | Q(subject__isnull=False, unnamed=None),
                name="face_rejection_of_one_person",
            ),
            models.UniqueConstraint(fields=["face", "subject"], name="face_rejected_once_per_subject"),
            models.UniqueConstraint(fields=["face", "unnamed"], name="face_rejected_once_per_unnamed"),
        ]

    def __str__(self) -> str:
        return f"not {self.subject_id or self.unnamed_id}"
