"""Stored videos with files, for tests of what is done with them."""

import io
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Team
from analysis.models import VideoTrack
from analysis.video.people import people_summarise
from analysis.video.series import Series, joined, series_read
from analysis.video.tests.helpers import stored_video
from media_jobs import files
from media_jobs.models import Job, Video, VideoChunk, VideoPreview
from media_jobs.video.parts import folder_of, parts_size, parts_write

CONTENT = bytes(range(256)) * 10
POSTER = b"poster"
PREVIEW = b"p" * 700


def kept_video(team: Team, *args: Any, days: float = 0, preview: bool = True, **options: Any) -> Video:
    """A video that came in `days` ago, with its figures, its file in three parts, a poster and a preview.

    Other arguments as `stored_video` takes them. The caller is inside the team's scope.
    """
    video = stored_video(team, *args, **options)
    people_summarise(video=video)
    folder = folder_of(team.pk, video.pk)
    video.parts = parts_write(team, folder, io.BytesIO(CONTENT), 1000)
    video.poster = files.store(f"{folder}/poster.jpg", POSTER)
    video.size, video.sha256 = len(CONTENT), video.pk.hex * 2
    video.stored_bytes = parts_size(video.parts) + len(POSTER)
    video.save()
    if preview:
        parts = parts_write(team, folder, io.BytesIO(PREVIEW), 1000, prefix="preview")
        VideoPreview.objects.create(
            team=team, video=video, status="ready", parts=parts, stored_bytes=parts_size(parts)
        )
    came_in(video, days)
    video.refresh_from_db()
    return video


def came_in(video: Video, days: float) -> None:
    """Let it have come in `days` ago."""
    moment = timezone.now() - timedelta(days=days)
    Video.objects.filter(pk=video.pk).update(created_at=moment)
    Job.objects.filter(videos=video).update(created_at=moment)


def at_work(video: Video, *, pending: int = 1) -> Video:
    """Let the analysis be on its way: the last `pending` chunks are not analysed."""
    numbers = list(video.chunks.order_by("-number").values_list("number", flat=True)[:pending])
    open_chunks = VideoChunk.objects.filter(video=video, number__in=numbers)
    left = sum(open_chunks.values_list("expected", flat=True))
    open_chunks.update(status=VideoChunk.Status.PENDING, times=None, finished_at=None, attempts=0)
    VideoTrack.objects.filter(video=video, chunk__in=numbers).delete()
    Job.objects.filter(videos=video).update(
        status=Job.Status.RUNNING, finished_at=None, done=video.chunks.count() - pending
    )
    Video.objects.filter(pk=video.pk).update(
        status=Video.Status.ANALYZING, finished_at=None, analyzed_frames=video.analyzed_frames - left
    )
    video.refresh_from_db()
    return video


def samples_of(video: Video) -> Series:
    """Everything that is stored of all its faces, past all that hides."""
    rows = VideoTrack.objects.filter(video=video).order_by("number", "chunk")
    return joined([series_read(content) for content in rows.values_list("samples", flat=True)])
