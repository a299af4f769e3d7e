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
from analysis.switches import blank_of, hidden_columns
from ml_models import EMOTIONS


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

    #: True where the team has switched off recognising people: then nothing says who this is.
    people_hidden = False

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
            face.people_hidden = not team.analyze_identity
        return face

    @property
    def emotions(self) -> dict[str, float] | None:
        """Probability of each emotion, in the order of `ml_models.EMOTIONS`; None where switched off."""
        return {name: getattr(self, name) for name in EMOTIONS} if self.strongest else None

    @property
    def person(self) -> dict[str, Any] | None:
        """Who it is, where a gallery of the team knows or a person has said so; None for everybody else.

        `by` is machine or person, `confidence` the machine's (0 to 1) and None for a person's word. Read the
        face with `select_related("label__subject")` (`analysis.selectors.with_people`).
        """
        label = self._label
        if label is None or label.subject is None:
            return None
        return {
            "subject_id": label.subject_id,
            "gallery_id": label.subject.gallery_id,
            "name": label.subject.name,
            "confidence": label.confidence,
            "by": label.by,
        }

    @property
    def unnamed_id(self) -> uuid.UUID | None:
        """The unnamed person it was grouped with."""
        return self._label.unnamed_id if self._label is not None else None

    @property
    def _label(self) -> Any:
        # The table is of an app above; a face without a row in it is nobody's yet.
        return None if self.people_hidden else getattr(self, "label", None)


class FaceEmbedding(models.Model):
    """The vector by which the face of a photo is recognised, in a table of its own: lists need none of it.

    `embedding` is of length 1, made by the recognition model called `model` with weights of this digest.
    `quality` is how far a comparison can be trusted: low, medium or high (`ml_models.quality`).
    `looked_up_at` is when the team's galleries were last asked who it is, None for a vector that is new.
    """

    face = models.OneToOneField(Face, primary_key=True, on_delete=models.CASCADE, related_name="embedding")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    embedding = HalfVectorField()
    model = models.CharField(max_length=80)
    model_sha256 = models.CharField(max_length=64)
    quality = models.CharField(max_length=6, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    looked_up_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[models.Manager["FaceEmbedding"]] = ScopedManager(team="team")
    # Beat looks for vectors that nobody looked up, in all teams; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["FaceEmbedding"]] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["team", "model"], name="face_embedding_by_model"),
            models.Index(
                fields=["created_at"],
                name="face_embedding_not_looked_up",
                condition=models.Q(looked_up_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"Vector of face {self.face_id}"
