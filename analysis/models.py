"""What the engine found in a picture, stored."""

import uuid
from collections.abc import Collection
from typing import Any, ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django_scopes import ScopedManager, get_scope
from pgvector.django import HalfVectorField

from accounts.models import Team
from ml_models import EMOTIONS

from .switches import blank_of, hidden_columns


class Analysis(models.Model):
    """One run of the engine over one photo. A later run replaces it.

    `model_versions` names the net of each part, as `FaceEngine.model_versions` does.
    """

    media = models.OneToOneField("media_jobs.Media", primary_key=True, on_delete=models.CASCADE)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    face_count = models.PositiveIntegerField()
    model_versions = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Analysis"]] = ScopedManager(team="team")

    class Meta:
        verbose_name_plural = "analyses"

    def __str__(self) -> str:
        return f"{self.face_count} faces"


def _probability(*, null: bool = False) -> models.FloatField:
    return models.FloatField(validators=[MinValueValidator(0.0), MaxValueValidator(1.0)], null=null)


class Face(models.Model):
    """A face in a photo, numbered from 1 by size: 'Person 1' is the largest.

    The box is in pixels of the upright picture (after its EXIF turn) and may reach over the edge.
    `landmarks` holds five points x0, y0 ... x4, y4 in the same pixels: left eye, right eye, nose, left and
    right corner of the mouth, left and right as seen in the picture. The eight emotion columns are
    calibrated probabilities that sum to 1. What the team has switched off (`analysis.switches`) is blank.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    media = models.ForeignKey("media_jobs.Media", on_delete=models.CASCADE, related_name="faces")
    number = models.PositiveIntegerField()
    left = models.FloatField()
    top = models.FloatField()
    width = models.FloatField()
    height = models.FloatField()
    confidence = _probability()
    landmarks = ArrayField(models.FloatField(), size=10)
    neutral = _probability(null=True)
    happiness = _probability(null=True)
    surprise = _probability(null=True)
    sadness = _probability(null=True)
    anger = _probability(null=True)
    disgust = _probability(null=True)
    fear = _probability(null=True)
    contempt = _probability(null=True)
    strongest = models.CharField(max_length=10, choices=[(name, name) for name in EMOTIONS], blank=True)
    age = models.FloatField(null=True, validators=[MinValueValidator(0.0), MaxValueValidator(100.0)])
    gender = models.CharField(
        max_length=6, choices=[("female", "female"), ("male", "male")], blank=True, default="", db_default=""
    )
    gender_confidence = _probability(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    attributes = models.JSONField(
        null=True, help_text="smile, glasses, hair and so on; `analysis.attributes`"
    )

    objects: ClassVar[models.Manager["Face"]] = ScopedManager(team="team")

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["media", "number"], name="face_number_once_per_media")]
        indexes = [
            models.Index(fields=["team", "strongest"], name="face_by_strongest_emotion"),
            models.Index(fields=["team", "age"], name="face_by_age"),
            models.Index(fields=["team", "gender"], name="face_by_gender"),
            models.Index(fields=["team", "-created_at", "-id"], name="face_newest_first"),
        ]

    def __str__(self) -> str:
        return f"Person {self.number}"

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any
    ) -> Self:
        """Read a row without what its team has switched off.

        Here and not in selectors, so that no page, answer or export can forget it; what was stored before
        the switch is still there until a task has erased it.
        """
        face = super().from_db(db, field_names, values, **options)
        team = get_scope().get("team")
        if isinstance(team, Team):
            for column in hidden_columns(team) & face.__dict__.keys():
                face.__dict__[column] = blank_of(column)
        return face

    @property
    def emotions(self) -> dict[str, float] | None:
        """Probability of each emotion, in the order of `ml_models.EMOTIONS`; None where switched off."""
        return {name: getattr(self, name) for name in EMOTIONS} if self.strongest else None


class FaceEmbedding(models.Model):
    """The vector by which the face of a photo is recognised, in a table of its own: lists need none of it.

    `embedding` is of length 1, made by the recognition model called `model` with weights of this digest.
    `quality` is how far a comparison can be trusted: low, medium or high (`ml_models.quality`).
    """

    face = models.OneToOneField(Face, primary_key=True, on_delete=models.CASCADE, related_name="embedding")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    embedding = HalfVectorField()
    model = models.CharField(max_length=80)
    model_sha256 = models.CharField(max_length=64)
    quality = models.CharField(max_length=6, blank=True, default="", db_default="")

    objects: ClassVar[models.Manager["FaceEmbedding"]] = ScopedManager(team="team")

    class Meta:
        indexes = [models.Index(fields=["team", "model"], name="face_embedding_by_model")]

    def __str__(self) -> str:
        return f"Vector of face {self.face_id}"
