"""How far the analysis of videos is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from media_jobs.models import Video, VideoChunk


@dataclass(frozen=True)
class VideoProgress:
    """done and total count frames, as the plan expected them. percent: 0 to 100. seconds_left: an estimate by
    how fast it went so far; None while nothing is known, and when it is over.
    """

    done: int
    total: int
    percent: int
    seconds_left: int | None


def videos() -> QuerySet[Video]:
    """The team's videos, newest first, with their copies for browsers; without what is large and read of one
    video at a time: a file that came in small parts has thousands of them.
    """
    large = ("facts", "summary", "parts", "preview__parts")
    rows = Video.objects.select_related("preview").defer(*large)
    return rows.order_by("-created_at", "-id")


def progress_of(video: Video) -> VideoProgress:
    """How far one video is."""
    return progress_of_many([video])[video.pk]


def progress_of_many(videos: Iterable[Video]) -> dict[UUID, VideoProgress]:
    """How far each video is, in one query."""
    rows = list(videos)
    over = ~Q(status=VideoChunk.Status.PENDING)
    figures: dict[UUID, dict[str, Any]] = {
        row["video"]: {**row}
        for row in VideoChunk.objects.filter(video__in=[one.pk for one in rows])
        .order_by()
        .values("video")
        .annotate(
            total=Sum("expected"),
            done=Sum("expected", filter=over, default=0),
        )
    }
    return {one.pk: _progress(one, figures.get(one.pk)) for one in rows}


def _progress(video: Video, row: dict[str, Any] | None) -> VideoProgress:
    total, done = (row["total"], row["done"]) if row else (0, 0)
    if video.status == Video.Status.READY:
        return VideoProgress(total, total, 100, None)
    # The linking at the end takes its share: nothing is whole before it.
    percent = min(99, 100 * done // total) if total else 0
    left = _seconds_left(done, total, video.started_at) if not video.is_over else None
    return VideoProgress(done, total, percent, left)


def _seconds_left(done: int, total: int, started_at: datetime | None) -> int | None:
    if not done or started_at is None:
        return None
    gone = (timezone.now() - started_at).total_seconds()
    return max(1, round(gone * (total - done) / done))
