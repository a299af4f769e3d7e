"""Videos that are taken in and worked off by the real engine, in the test's own process."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from accounts.models import Team
from analysis.recognition import photo_model
from media_jobs.engine import AskedEngine, worker_engine
from media_jobs.models import Job, Video, VideoChunk
from media_jobs.video.finish import video_finish
from media_jobs.video.intake import VideoOptions, video_from_file
from media_jobs.video.work import chunk_analyze, video_parts


def taken(
    team: Team, content: bytes, *, name: str = "visit.mp4", rate: float | None = 5.0, **options: Any
) -> Video:
    """A video that was just taken in; its chunks wait."""
    return video_from_file(
        team=team,
        file=io.BytesIO(content),
        filename=name,
        options=VideoOptions(frames_per_second=rate, **options),
        user=None,
    )


def engine_of(team: Team) -> AskedEngine:
    """The engine as a worker asks it for this team."""
    return worker_engine(parts=video_parts(team), recognition=photo_model().name)


def work_off(video: Video, *numbers: int) -> Video:
    """Analyse all pending chunks (or these), and link the tracks when they are done."""
    chunks = VideoChunk.objects.filter(video=video, status=VideoChunk.Status.PENDING)
    for number in numbers or list(chunks.values_list("number", flat=True)):
        chunk_analyze(team=video.team, video_id=video.pk, number=number, engine=engine_of(video.team))
    video_finish(team=video.team, video_id=video.pk)
    video.refresh_from_db()
    return video


@contextmanager
def short_chunks(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[None]:
    """Cut videos into chunks of about so many seconds, so that a short one has several."""
    from media_jobs.video import plan

    with monkeypatch.context() as patched:
        patched.setattr(plan, "CHUNK_MS", round(1000 * seconds))
        yield


def job_of(video: Video) -> Job:
    assert video.job_id
    return Job.objects.get(pk=video.job_id)


def times_of(video: Video) -> list[int]:
    rows = VideoChunk.objects.filter(video=video).order_by("number").values_list("times", flat=True)
    return [ms for times in rows for ms in times or []]
