"""Galleries, the people enrolled in them, and their faces."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Collate, Now
from django_scopes import ScopedManager
from pgvector.django import HalfVectorField

from accounts.models import Team, User
from analysis.models import Face

#: Namespace of galleries that a job makes of a snapshot, until they are whole and get their own.
APPLYING = "applying"
#: Faces of one subject, as in Face API.
MAX_FACES_PER_SUBJECT = 248
KEY = RegexValidator(
    r"^[A-Za-z0-9_-]{1,64}$", "Use 1 to 64 letters a to z, digits, '-' and '_' for the key of a gallery."
)


class Gallery(models.Model):
    """A collection of people, or of faces without people (`holds`), that probes are compared with.

    It is pinned to the recognition model that made its vectors: `model` is its name, `model_sha256` the
    digest of its weights. `threshold` is the confidence from which two faces count as one person here, None
    for the usual 0.5. `changed_at` is when its faces last changed, so that it is seen whether training is
    due. `namespace` keeps the keys of the dialects apart: a person group and a face list may share a key.
    `model_alias` is the name by which the client of a dialect asked for the model, '' for its own name.
    """

    class Holds(models.TextChoices):
        SUBJECTS = "subjects"
        FACES = "faces"

    class QualityPolicy(models.TextChoices):
        WARN = "warn", "Enrol poor pictures and say why they are poor"
        REFUSE = "refuse", "Refuse poor pictures"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    namespace = models.CharField(max_length=20, blank=True, default="", db_default="")
    key = models.CharField(max_length=64, validators=[KEY], help_text="name of it in addresses and dialects")
    name = models.CharField(max_length=128)
    notes = models.TextField(max_length=16384, blank=True, default="", db_default="")
    holds = models.CharField(max_length=8, choices=Holds, default=Holds.SUBJECTS, db_default=Holds.SUBJECTS)
    model = models.CharField(max_length=80, help_text="name of the recognition model")
    model_sha256 = models.CharField(max_length=64)
    model_alias = models.CharField(max_length=20, blank=True, default="", db_default="")
    threshold = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    quality_policy = models.CharField(
        max_length=6, choices=QualityPolicy, default=QualityPolicy.WARN, db_default=QualityPolicy.WARN
    )
    allow_duplicates = models.BooleanField(default=False, db_default=False)
    keep_crops = models.BooleanField(default=True, db_default=True, help_text="keep a picture of each face")
    label_photos = models.BooleanField(
        default=True, db_default=True, help_text="look for its people in the team's photos"
    )
    erase_without_consent = models.BooleanField(
        default=True, db_default=True, help_text="erase people when their consent ends"
    )
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(db_default=Now())

    objects: ClassVar[models.Manager["Gallery"]] = ScopedManager(team="team")
    # Beat and the admin look across teams; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["Gallery"]] = models.Manager()

    class Meta:
        verbose_name_plural = "galleries"
        constraints = [
            models.UniqueConstraint(fields=["team", "namespace", "key"], name="gallery_key_once_per_team")
        ]
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="gallery_newest_first"),
            models.Index(fields=["team", "model"], name="gallery_by_model"),
            # Dialects list by key, in the order of bytes whatever the database's language is.
            models.Index("team", "namespace", Collate("key", "C"), name="gallery_by_key"),
        ]

    def __str__(self) -> str:
        return self.name


class Subject(models.Model):
    """A person in a gallery. `external_id` is what the client calls them, unique in the gallery.

    The consent record says who gave it, when, how and until when; `consent_until` None is without end.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    gallery = models.ForeignKey(Gallery, on_delete=models.CASCADE, related_name="subjects")
    name = models.CharField(max_length=128)
    external_id = models.CharField(max_length=128, blank=True, default="", db_default="")
    notes = models.TextField(max_length=16384, blank=True, default="", db_default="")
    consent_by = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="who gave consent"
    )
    consent_how = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="signed form, mail, contract ..."
    )
    consent_at = models.DateTimeField(null=True, blank=True, help_text="when consent was given")
    consent_until = models.DateTimeField(null=True, blank=True, help_text="when consent ends")
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager["Subject"]] = ScopedManager(team="team")
    # Beat looks for consents that ended, in all teams; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["Subject"]] = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["gallery", "external_id"],
                name="subject_external_id_once_per_gallery",
                condition=~Q(external_id=""),
            )
        ]
        indexes = [
            models.Index(fields=["gallery", "-created_at", "-id"], name="subject_newest_first"),
            models.Index(fields=["team", "-created_at", "-id"], name="subject_newest_in_team"),
            models.Index(fields=["gallery", "name", "id"], name="subject_by_name"),
            models.Index(fields=["gallery", "id"], name="subject_by_id"),
            models.Index(
                fields=["consent_until"], name="subject_consent_end", condition=Q(consent_until__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class EnrolledFace(models.Model):
    """A face that stands for a subject, or for itself in a gallery of faces (`subject` None).

    `embedding` is of length 1, made by the gallery's model; `next_embedding` by the model the gallery is
    being moved to. `left` to `height` is its box in the picture it was enrolled from, in pixels, of which
    `picture_sha256` is the digest and `source` the stored face, if it was one. `crop` is the name in the
    storage of a JPEG cut around it (`crop_box`: left, top, width, height of the face in it), '' when it is
    not kept. `quality` is what recognition can make of it, `quality_reasons` the codes why it is not high.
    `by_hand` is true once a person has said whose face it is.
    """

    class Quality(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    gallery = models.ForeignKey(Gallery, on_delete=models.CASCADE, related_name="faces")
    subject = models.ForeignKey(
        Subject, null=True, blank=True, on_delete=models.CASCADE, related_name="faces"
    )
    embedding = HalfVectorField()
    next_embedding = HalfVectorField(null=True)
    left = models.FloatField(null=True)
    top = models.FloatField(null=True)
    width = models.FloatField(null=True)
    height = models.FloatField(null=True)
    picture_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    source = models.ForeignKey(
        Face, null=True, blank=True, on_delete=models.SET_NULL, related_name="enrolled"
    )
    crop = models.CharField(max_length=200, blank=True, default="", db_default="")
    crop_box = ArrayField(models.FloatField(), size=4, null=True, blank=True)
    stored_bytes = models.PositiveBigIntegerField(default=0, db_default=0, help_text="bytes of the crop")
    quality = models.CharField(max_length=6, choices=Quality, blank=True, default="", db_default="")
    quality_reasons = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    notes = models.TextField(max_length=1024, blank=True, default="", db_default="")
    by_hand = models.BooleanField(default=False, db_default=False)
    created_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["EnrolledFace"]] = ScopedManager(team="team")

    class Meta:
        indexes = [
            models.Index(fields=["gallery", "id"], name="enrolled_by_gallery"),
            models.Index(fields=["subject", "created_at", "id"], name="enrolled_by_subject"),
            models.Index(fields=["gallery", "picture_sha256"], name="enrolled_by_picture"),
            models.Index(
                fields=["gallery"], name="enrolled_not_re_embedded", condition=Q(next_embedding__isnull=True)
            ),
            models.Index(fields=["team", "-created_at", "-id"], name="enrolled_newest_first"),
        ]

    def __str__(self) -> str:
        return f"Enrolled face {self.pk}"


class TemporaryFace(models.Model):
    """A detected face that is remembered for a while: its vector and box, no picture.

    After `expires_at` it is as if it did not exist, whether beat has erased it yet or not. `model_alias`: as
    `Gallery` has it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    embedding = HalfVectorField()
    model = models.CharField(max_length=80)
    model_sha256 = models.CharField(max_length=64)
    model_alias = models.CharField(max_length=20, blank=True, default="", db_default="")
    left = models.FloatField()
    top = models.FloatField()
    width = models.FloatField()
    height = models.FloatField()
    quality = models.CharField(
        max_length=6, choices=EnrolledFace.Quality, blank=True, default="", db_default=""
    )
    quality_reasons = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    picture_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    objects: ClassVar[models.Manager["TemporaryFace"]] = ScopedManager(team="team")
    # Beat erases what has expired in all teams; nothing else uses this manager.
    unscoped: ClassVar[models.Manager["TemporaryFace"]] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="temporary_face_age")]

    def __str__(self) -> str:
        return f"Temporary face {self.pk}"
