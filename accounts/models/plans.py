"""Limits of teams, and what they have used."""

from typing import ClassVar

from django.db import models
from django_scopes import ScopedManager


class Plan(models.Model):
    """Limits that staff give to teams. None is without limit.

    `accounts.limits` enforces them; a team without a plan has the installation's default limits.
    """

    name = models.CharField(max_length=60, unique=True)
    requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    pictures_per_month = models.PositiveBigIntegerField(null=True, blank=True)
    stored_faces = models.PositiveBigIntegerField(null=True, blank=True)
    storage_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    largest_file_bytes = models.PositiveBigIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class TeamUsage(models.Model):
    """What counts against a team's limits now. The row appears with the team, by a trigger.

    `month` is the first day of the calendar month (UTC) that `pictures` counts. `stored_faces` and
    `stored_bytes` are kept by triggers on the tables they count, so that no way of deleting is forgotten.
    """

    team = models.OneToOneField(
        "accounts.Team", primary_key=True, on_delete=models.CASCADE, related_name="usage"
    )
    month = models.DateField()
    pictures = models.PositiveBigIntegerField(default=0, db_default=0)
    stored_faces = models.BigIntegerField(default=0, db_default=0)
    stored_bytes = models.BigIntegerField(default=0, db_default=0)

    objects: ClassVar[models.Manager["TeamUsage"]] = ScopedManager(team="team")

    def __str__(self) -> str:
        return f"{self.pictures} pictures in {self.month:%Y-%m}"


class UsageDay(models.Model):
    """What a team did on one day (UTC): what the usage page draws."""

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    requests = models.PositiveBigIntegerField(default=0, db_default=0)
    pictures = models.PositiveBigIntegerField(default=0, db_default=0)
    faces = models.PositiveBigIntegerField(default=0, db_default=0)

    objects: ClassVar[models.Manager["UsageDay"]] = ScopedManager(team="team")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "day"], name="one_usage_row_per_day")]

    def __str__(self) -> str:
        return f"{self.day}"
