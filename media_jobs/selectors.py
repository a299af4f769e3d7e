"""Reads of media_jobs. All of them run inside a team's scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from .models import Job, JobItem, Media


def media() -> QuerySet[Media]:
    """The team's photos as plain rows."""
    return Media.objects.all()


def photos() -> QuerySet[Media]:
    """The team's photos, newest first, with their face count and the state of their newest work.

    Annotations: `face_count` (None before the first result), `work_status`, `work_error` and `work_job`.
    """
    newest = JobItem.objects.filter(media=OuterRef("pk")).order_by("-id")
    return (
        Media.objects.select_related("analysis")
        .annotate(
            work_status=Subquery(newest.values("status")[:1]),
            work_error=Subquery(newest.values("error_message")[:1]),
            work_job=Subquery(newest.values("job_id")[:1]),
        )
        .order_by("-created_at", "-id")
    )


@dataclass(frozen=True)
class PhotoState:
    """Where one photo of a job stands, for the page that follows its progress."""

    job_id: UUID
    media_id: UUID | None
    status: str
    error: str
    face_count: int | None


def photo_states(*, job_ids: Sequence[UUID]) -> list[PhotoState]:
    """State of every item of the given jobs of the team, in one query; unknown ids are left out.

    `status` is queued, running, succeeded, failed or cancelled.
    """
    items = (
        JobItem.objects.filter(job_id__in=job_ids)
        .select_related("job", "media__analysis")
        .order_by("job_id", "position")
    )
    return [
        PhotoState(
            job_id=item.job_id,
            media_id=item.media_id,
            status=item.job.status if item.status == JobItem.Status.PENDING else item.status,
            error=item.error_message,
            face_count=_face_count(item.media),
        )
        for item in items
    ]


def _face_count(media: Media | None) -> int | None:
    analysis = getattr(media, "analysis", None)
    return analysis.face_count if analysis else None


def jobs() -> QuerySet[Job]:
    """The team's jobs, newest first."""
    return Job.objects.order_by("-created_at", "-id")
