"""The faces of videos: tracks, and the people they are of."""

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


class VideoPerson(models.Model):
    """Somebody in a video, numbered from 1 in the order in which they appear: 'Person 1' comes first.

    `name` is what a member calls them. `excluded`: left out of everything that is said of the whole video.
    `by_hand`: a member has merged or split them. `metrics` is `analysis.metrics.Summary` as JSON, `age` and
    `gender` are columns because lists are filtered by them. `portrait` is a small JPEG of their best picture.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    video = models.ForeignKey("media_jobs.Video", on_delete=models.CASCADE, related_name="people")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=120, blank=True, default="")
    excluded = models.BooleanField(default=False)
    by_hand = models.BooleanField(default=False)
    first_ms = models.PositiveIntegerField()
    last_ms = models.PositiveIntegerField()
    sample_count = models.PositiveIntegerField()
    age = models.FloatField(null=True, validators=[MinValueValidator(0.0), MaxValueValidator(100.0)])
    gender = models.CharField(
        max_length=6, choices=[("female", "female"), ("male", "male")], blank=True, default=""
    )
    metrics = models.JSONField(default=dict)
    portrait = models.BinaryField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    #: True where the team has switched off recognising people: then nothing says who this is.
    people_hidden = False

    objects: ClassVar[models.Manager["VideoPerson"]] = ScopedManager(team="team")

    class Meta:
        ordering = ["number"]
        verbose_name_plural = "video people"
        constraints = [
            models.UniqueConstraint(
                fields=["video", "number"],
                name="video_person_number_once",
                deferrable=models.Deferrable.DEFERRED,
            )
        ]

    def __str__(self) -> str:
        return self.name or f"Person {self.number}"

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any
    ) -> Self:
        """Read a row without what its team has switched off, as faces of photos are read.

        `metrics` come as they are stored; `analysis.video.selectors` shows them.
        """
        person = super().from_db(db, field_names, values, **options)
        team = get_scope().get("team")
        if isinstance(team, Team):
            for column in hidden_columns(team) & {"age", "gender"} & person.__dict__.keys():
                person.__dict__[column] = blank_of(column)
            person.people_hidden = not team.analyze_identity
        return person

    @property
    def title(self) -> str:
        """What they are called on pages: a member's word, whom the machine took them for, or a number."""
        # The table is of an app above.
        label: Any = None if self.people_hidden else getattr(self, "label", None)
        if not self.name and label is not None and label.subject is not None:
            return str(label.subject.name)
        return str(self)


class VideoTrack(models.Model):
    """One face through consecutive frames of one chunk of a video.

    Rows are written together with the chunk they belong to, which is why no frame is lost or doubled: a chunk
    that is worked off again replaces its own. `samples` is `analysis.video.series.Series` as bytes: a row per
    analysed frame. Boxes are in pixels of the upright video. `embedding` is the mean of `embedding_count`
    vectors, made one long; None where the team does not recognise people. `holds_...` is False once the
    samples were written without what the team has switched off (`analysis.video.switched_off`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    video = models.ForeignKey("media_jobs.Video", on_delete=models.CASCADE, related_name="tracks")
    chunk = models.PositiveIntegerField()
    number = models.PositiveIntegerField()
    person = models.ForeignKey(VideoPerson, null=True, on_delete=models.SET_NULL, related_name="tracks")
    start_ms = models.PositiveIntegerField()
    end_ms = models.PositiveIntegerField()
    sample_count = models.PositiveIntegerField()
    first_box = ArrayField(models.FloatField(), size=4)
    last_box = ArrayField(models.FloatField(), size=4)
    samples = models.BinaryField()
    embedding = HalfVectorField(null=True)
    embedding_count = models.PositiveIntegerField(default=0)
    model = models.CharField(max_length=80, blank=True, default="")
    model_sha256 = models.CharField(max_length=64, blank=True, default="")
    holds_emotion = models.BooleanField(default=True, db_default=True)
    holds_age = models.BooleanField(default=True, db_default=True)
    holds_gender = models.BooleanField(default=True, db_default=True)
    portrait = models.BinaryField(null=True)
    portrait_score = models.FloatField(
        default=0.0, help_text="how good the portrait is; the larger the better"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[models.Manager["VideoTrack"]] = ScopedManager(team="team")

    class Meta:
        ordering = ["chunk", "number"]
        constraints = [
            models.UniqueConstraint(fields=["video", "chunk", "number"], name="video_track_once_per_chunk")
        ]
        indexes = [
            models.Index(fields=["person", "start_ms"], name="video_track_by_person"),
            models.Index(
                fields=["team"], name="video_track_with_emotion", condition=models.Q(holds_emotion=True)
            ),
            models.Index(fields=["team"], name="video_track_with_age", condition=models.Q(holds_age=True)),
            models.Index(
                fields=["team"], name="video_track_with_gender", condition=models.Q(holds_gender=True)
            ),
            models.Index(
                fields=["team"], name="video_track_with_vector", condition=models.Q(embedding__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.start_ms} to {self.end_ms} ms"
