"""Who the people of videos are."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django_scopes import ScopedManager

from accounts.models import Team
from analysis.models import VideoPerson

from .galleries import Gallery, Subject


class VideoLabel(models.Model):
    """Whom the machine took somebody in a video for, in the gallery that was asked; no row for strangers.

    `confidence` is calibrated, 0 to 1.
    """

    person = models.OneToOneField(
        VideoPerson, primary_key=True, on_delete=models.CASCADE, related_name="label"
    )
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="+")
    gallery = models.ForeignKey(Gallery, on_delete=models.CASCADE, related_name="+")
    subject = models.ForeignKey(Subject, on_delete=models.CASCADE, related_name="video_labels")
    confidence = models.FloatField(validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[models.Manager["VideoLabel"]] = ScopedManager(team="team")

    def __str__(self) -> str:
        return f"{self.confidence:.2f}"
