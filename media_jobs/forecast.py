"""What retention will erase, and when: figures for the page and the API."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Min, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from accounts.models import Team

from .models import Media, Video

DAYS = 28


@dataclass
class Going:
    """What goes: photos whose pictures go, faces, and whole photos; videos whose files go, people in them,
    and whole videos. `picture_bytes` are of pictures and of files of videos.
    """

    pictures: int = 0
    picture_bytes: int = 0
    faces: int = 0
    results: int = 0
    video_files: int = 0
    video_people: int = 0
    videos: int = 0

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))


@dataclass
class Period:
    """From the beginning of `first` to the end of `last` (UTC). What is overdue goes in the first one."""

    first: date
    last: date
    going: Going


@dataclass
class Forecast:
    """`periods` with something in them, and when the next of each kind goes (None: nothing is to go)."""

    periods: list[Period]
    next_pictures: datetime | None
    next_faces: datetime | None
    next_results: datetime | None

    @property
    def next_of_all(self) -> datetime | None:
        moments = [self.next_pictures, self.next_faces, self.next_results]
        return min((one for one in moments if one is not None), default=None)


def forecast(team: Team, *, now: datetime | None = None) -> Forecast:
    """The coming four weeks: each day of the first, then week by week. The caller is in the team's scope.

    The queries walk the indexes of photos and videos by time, and no further than four weeks: how much is
    kept beyond that does not matter.
    """
    now = now or timezone.now()
    days = [Going() for _ in range(DAYS)]
    pictures, faces = {"pictures_erased_at": None}, {"faces_erased_at": None}
    video_bytes = Sum("stored_bytes") + Sum(Coalesce("preview__stored_bytes", 0))
    kinds: Iterable[tuple[int | None, list[tuple[QuerySet[Any], dict[str, Any]]]]] = (
        (
            team.keep_originals_days,
            [
                (
                    Media.objects.filter(**pictures),
                    {"pictures": Count("pk"), "picture_bytes": Sum("stored_bytes")},
                ),
                (
                    Video.objects.filter(**pictures),
                    {"video_files": Count("pk"), "picture_bytes": video_bytes},
                ),
            ],
        ),
        (
            team.keep_faces_days,
            [
                (Media.objects.filter(**faces), {"faces": Sum("analysis__face_count")}),
                (Video.objects.filter(**faces), {"video_people": Sum("people_count")}),
            ],
        ),
        (
            team.keep_results_days,
            [
                (Media.objects.all(), {"results": Count("pk")}),
                (Video.objects.all(), {"videos": Count("pk")}),
            ],
        ),
    )
    moments: list[datetime | None] = []
    for keep, things in kinds:
        firsts = [_count(days, keep, rows, figures, now) for rows, figures in things if keep is not None]
        moments.append(min((first for first in firsts if first is not None), default=None))
    return Forecast([period for period in _periods(days, now) if period.going], *moments)


def _count(
    days: list[Going], keep: int, rows: QuerySet[Any], figures: dict[str, Any], now: datetime
) -> datetime | None:
    """Add what goes of one kind to `days`; returns when the first of it goes."""
    kept_for, today = timedelta(days=keep), now.date()
    soon = rows.filter(created_at__lt=now + timedelta(days=DAYS) - kept_for)
    by_day = soon.annotate(day=TruncDate("created_at")).values("day").annotate(**figures).order_by("day")
    for row in by_day:
        figure: dict[str, Any] = {**row}
        number = max(0, (row["day"] + kept_for - today).days)
        if number < DAYS:
            for name in figures:
                setattr(days[number], name, getattr(days[number], name) + (figure[name] or 0))
    first = rows.aggregate(first=Min("created_at"))["first"]
    return first + kept_for if first else None


def _periods(days: list[Going], now: datetime) -> Iterable[Period]:
    lengths: list[int] = [1] * 7 + [7] * 3
    start = 0
    for length in lengths:
        first = now.date() + timedelta(days=start)
        yield Period(first, first + timedelta(days=length - 1), _sum(days[start : start + length]))
        start += length


def _sum(some: list[Going]) -> Going:
    return Going(**{field.name: sum(getattr(one, field.name) for one in some) for field in fields(Going)})
