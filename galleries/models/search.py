"""What identification answers from: the last trained state of a gallery."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django_scopes import ScopedManager
from pgvector.django import HalfVectorField

from accounts.models import Team

from .galleries import EnrolledFace, Gallery, Subject


class TrainedState(models.Model):
    """The vectors of a gallery as they were when it was trained. Searches read the `is_current` one.

    Small ones lie in `SearchVector`. A large one (`own_table`) has a table and an index of its own, made by
    functions of the database (`galleries.search_tables`), with the same columns.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    gallery = models.ForeignKey(Gallery, on_delete=models.CASCADE, related_name="states")
    model = models.CharField(max_length=80)
    model_sha256 = models.CharField(max_length=64)
    dimension = models.PositiveIntegerField()
    face_count = models.PositiveIntegerField(default=0)
    subject_count = models.PositiveIntegerField(default=0)
    own_table = models.BooleanField(default=False)
    is_current = models.BooleanField(default=False)
    trained_from = models.DateTimeField(help_text="what was enrolled by then is in it")
    # Read in the statement that read the faces, so that no change is missed whatever the clocks say.
    seen_change = models.DateTimeField(null=True, help_text="`changed_at` of the gallery that is in it")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["TrainedState"]] = ScopedManager(team="team")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["gallery"], name="one_current_state_per_gallery", condition=Q(is_current=True)
            )
        ]

    def __str__(self) -> str:
        return f"{self.face_count} faces of {self.subject_count} people"


class SearchVector(models.Model):
    """A vector of a trained state: of an enrolled face, or of a subject (the template of several faces).

    Whose face it is, is read from the enrolled face when an answer is made, so that corrections count at
    once; erasing a face takes its vector and its subject's template out of every state.

    Postgres checks none of the keys: triggers (migration 0003) take vectors away with what they are of, and a
    check would make either the training or the erasing fail when both happen at once.
    """

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    state = models.ForeignKey(
        TrainedState, on_delete=models.CASCADE, db_constraint=False, related_name="vectors"
    )
    face = models.ForeignKey(
        EnrolledFace, null=True, on_delete=models.CASCADE, db_constraint=False, related_name="+"
    )
    subject = models.ForeignKey(
        Subject, null=True, on_delete=models.CASCADE, db_constraint=False, related_name="+"
    )
    embedding = HalfVectorField()

    objects: ClassVar[models.Manager["SearchVector"]] = ScopedManager(team="team")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(face=None, subject__isnull=False) | Q(face__isnull=False, subject=None),
                name="search_vector_of_a_face_or_a_subject",
            )
        ]

    def __str__(self) -> str:
        return f"Vector {self.pk}"
