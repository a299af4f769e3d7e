"""Letting go of videos and of parts of them by the team's policy, as `media_jobs.retention` does with photos.

Days count from the moment a video came in. A video whose analysis is not over keeps its file and its faces
until it is; one that goes as a whole goes all the same. Each function is one chunk in one transaction.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.audit import record, redact_objects
from accounts.models import Team
from analysis.models import VideoPerson, VideoTrack
from analysis.video.selectors import summary_shown
from analysis.video.switched_off import tracks_blank, videos_holding
from media_jobs.erasure import exports_forget
from media_jobs.models import Video, VideoPreview
from media_jobs.retention import cutoff
from media_jobs.services import release_files

from .erasure import faces_delete, file_names, video_erase

# Videos of one transaction: each may have thousands of tracks.
CHUNK = 10
# Tracks that are written anew in one transaction.
TRACKS = 200
OPEN = (Video.Status.FETCHING, Video.Status.ANALYZING, Video.Status.LINKING)


# --- Files and portraits ------------------------------------------------------------------------------
def pictures_due(team: Team, now: datetime) -> QuerySet[Video]:
    """Videos whose files are past the team's policy, the oldest first."""
    videos = Video.objects.filter(pictures_erased_at=None).order_by("created_at")
    if team.keep_originals_days is None:
        return videos.none()
    return videos.filter(created_at__lt=cutoff(team.keep_originals_days, now)).exclude(status__in=OPEN)


@transaction.atomic
def video_pictures_expire(*, team: Team, now: datetime, limit: int = CHUNK) -> int:
    """Erase the files and portraits of some videos that are past the policy; returns of how many."""
    videos = list(_locked(pictures_due(team, now), limit))
    if videos:
        pictures_release(team=team, videos=videos)
        record("video.pictures_expired", team=team, videos=len(videos))
    return len(videos)


def video_settled(*, team: Team, video: Video) -> None:
    """What retention asks when a video's analysis ends, in that transaction.

    A team that keeps no pictures loses them now. The caller has locked the video, and not yet the row of what
    the team uses.
    """
    days = Team.objects.values_list("keep_originals_days", flat=True).get(pk=team.pk)
    if days == 0 and video.pictures_erased_at is None:
        pictures_release(team=team, videos=[video])
        video.refresh_from_db(fields=["parts", "poster", "stored_bytes", "pictures_erased_at"])


def pictures_release(*, team: Team, videos: Sequence[Video]) -> None:
    """Let go of the files and portraits of videos whose rows the caller has locked. Results stay."""
    release_files(team=team, names=file_names(videos))
    # The exports hold the videos too.
    exports_forget(team)
    for model in (VideoPerson, VideoTrack):
        model.objects.filter(video__in=videos, portrait__isnull=False).update(portrait=None)
    VideoPreview.objects.filter(video__in=videos).delete()
    Video.objects.filter(pk__in=[video.pk for video in videos]).update(
        parts=[], poster="", stored_bytes=0, pictures_erased_at=timezone.now()
    )


# --- People and their tracks --------------------------------------------------------------------------
def faces_due(team: Team, now: datetime) -> QuerySet[Video]:
    """Videos whose people are past the team's policy, the oldest first."""
    videos = Video.objects.filter(faces_erased_at=None).order_by("created_at")
    if team.keep_faces_days is None:
        return videos.none()
    return videos.filter(created_at__lt=cutoff(team.keep_faces_days, now)).exclude(status__in=OPEN)


@transaction.atomic
def video_faces_expire(*, team: Team, now: datetime, limit: int = CHUNK) -> int:
    """Erase people and tracks of some videos that are past the policy; returns of how many videos.

    The video keeps the number of its people, and nothing about any of them.
    """
    videos = list(_locked(faces_due(team, now), limit))
    if videos:
        ids = [video.pk for video in videos]
        people = list(VideoPerson.objects.filter(video__in=ids).order_by().values_list("pk", flat=True))
        exports_forget(team)
        faces_delete(ids)
        redact_objects("videoperson", [str(pk) for pk in people])
        Video.objects.filter(pk__in=ids).update(summary={}, faces_erased_at=timezone.now())
        record("video.faces_expired", team=team, videos=len(videos), people=len(people))
    return len(videos)


# --- Videos as a whole --------------------------------------------------------------------------------
def results_due(team: Team, now: datetime) -> QuerySet[Video]:
    """Videos that go with everything about them, the oldest first."""
    videos = Video.objects.order_by("created_at", "id")
    if team.keep_results_days is None:
        return videos.none()
    return videos.filter(created_at__lt=cutoff(team.keep_results_days, now))


@transaction.atomic
def video_results_expire(*, team: Team, now: datetime, limit: int = CHUNK) -> int:
    """Erase some videos that are past the policy, as if somebody had; returns how many."""
    ids: list[UUID] = list(results_due(team, now).values_list("pk", flat=True)[:limit])
    erased = video_erase(team=team, video_ids=ids, recorded=False) if ids else 0
    if erased:
        record("video.results_expired", team=team, videos=erased)
    return erased


# --- What was switched off ----------------------------------------------------------------------------
@transaction.atomic
def video_switched_off_expire(*, team: Team, now: datetime, limit: int = TRACKS) -> int:
    """Erase what is stored in videos of emotion, age, gender and identity where the team has switched it off.

    Returns how many tracks were written anew; call it until it says 0.
    """
    now_team = Team.objects.get(pk=team.pk)
    held = Video.objects.filter(pk__in=videos_holding(team=now_team, limit=CHUNK)).order_by("id")
    videos = list(_locked(held, CHUNK))
    changed = tracks_blank(team=now_team, video_ids=[video.pk for video in videos], limit=limit)
    if changed:
        for video in videos:
            summary = summary_shown(video.summary, now_team)
            if summary != video.summary:
                Video.objects.filter(pk=video.pk).update(summary=summary)
        exports_forget(team)
    return changed


def _locked(videos: QuerySet[Video], limit: int) -> QuerySet[Video]:
    """Some of the videos, locked; those that somebody else is at are left to the next run."""
    return videos.select_for_update(of=("self",), skip_locked=True)[:limit]
