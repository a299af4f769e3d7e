"""Uploads so large that a worker looks at them: the answer comes at once, the verdict with the video."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.models import TeamUsage
from accounts.plans import plan_set, team_plan_set
from conftest import People
from media_jobs import files
from media_jobs.models import Job, Video, VideoChunk, VideoUpload
from media_jobs.video import intake
from media_jobs.video.ending import video_cancel
from media_jobs.video.intake import VideoOptions, video_fetch
from media_jobs.video.start import video_restart
from tests.videos import make_video, sound_only

from .upload_helpers import Door, api_door

Names = Callable[[], list[str]]
Queued = Callable[[], int]


@pytest.fixture(autouse=True)
def everything_is_large(settings: Settings) -> None:
    settings.VIDEO_LOOK_BYTES = 1000


@pytest.fixture(scope="module")
def visit() -> bytes:
    return make_video(seconds=2.0, fps=10, size=(160, 120))


@pytest.fixture()
def door(people: People) -> Door:
    return api_door(people)


def used(people: People, door: Door, content: bytes) -> Video:
    """The video that an upload of these bytes became."""
    body = {"upload_id": door.whole(content, part_bytes=4000).rpartition("/")[2]}
    answer = door.client.post("/api/v1/videos", body, "application/json", headers=door.headers)
    assert answer.status_code == 202, answer.content
    with team_scope(people.team):
        return Video.objects.get()


def looked_at(people: People, video: Video) -> Video:
    with team_scope(people.team):
        video_fetch(video_id=video.pk)
        video.refresh_from_db()
    return video


def test_it_is_answered_at_once_and_a_worker_begins_the_analysis(
    people: People, door: Door, visit: bytes, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(intake, "_look_at", lambda _: pytest.fail("nobody reads it before the answer"))
        video = used(people, door, visit)
    assert (video.status, video.size, video.poster) == ("fetching", len(visit), "")
    with team_scope(people.team):
        assert not VideoUpload.objects.exists()
        assert TeamUsage.objects.get(team=people.team).stored_bytes == len(visit)
    looked_at(people, video)
    assert (video.status, video.beat_at, video.duration_ms) == ("analyzing", None, 2000)
    assert files.fetch(video.poster).getvalue().startswith(b"\xff\xd8\xff")
    assert stored_files() == sorted(video.file_names)
    with team_scope(people.team):
        chunks = VideoChunk.objects.filter(video=video).count()
        assert Job.objects.get().total == chunks + 1 > 1
        looked_at(people, video)
        assert VideoChunk.objects.filter(video=video).count() == chunks, "a second delivery changes nothing"


def test_a_file_that_is_no_video_is_erased_and_its_video_says_why(
    people: People, door: Door, stored_files: Names, django_capture_on_commit_callbacks: Any
) -> None:
    video = used(people, door, sound_only())
    with django_capture_on_commit_callbacks(execute=True):
        looked_at(people, video)
    assert (video.status, video.error_code) == ("failed", "video_no_stream")
    assert (video.parts, video.stored_bytes, stored_files()) == ([], 0, [])
    with team_scope(people.team):
        assert Job.objects.get().error_code == "video_no_stream"
        assert TeamUsage.objects.get(team=people.team).stored_bytes == 0


def test_one_that_is_too_much_for_the_month_can_be_analysed_with_fewer_frames(
    people: People, door: Door, visit: bytes
) -> None:
    team_plan_set(team=people.team, plan=plan_set(name="small", pictures_per_month=4))
    video = looked_at(people, used(people, door, visit))
    assert (video.status, video.error_code) == ("failed", "quota_pictures")
    assert video.stored_bytes == len(visit)
    with team_scope(people.team):
        assert not VideoChunk.objects.exists()
        video_restart(video=video, options=VideoOptions(frames_per_second=1), user=None)
        video.refresh_from_db()
        assert video.status == "analyzing"
        assert TeamUsage.objects.get(team=people.team).pictures == 2


def test_one_that_is_cancelled_while_it_is_looked_at_is_left(
    people: People, door: Door, visit: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = used(people, door, visit)
    look_at = intake._look_at

    def cancelled_meanwhile(file: Any) -> Any:
        found = look_at(file)
        video_cancel(video=video)
        return found

    monkeypatch.setattr(intake, "_look_at", cancelled_meanwhile)
    looked_at(people, video)
    assert (video.status, video.stored_bytes) == ("cancelled", len(visit))
    with team_scope(people.team):
        assert not VideoChunk.objects.exists()


def test_without_room_for_it_the_upload_stays(
    people: People, door: Door, visit: bytes, queued: Queued
) -> None:
    url = door.whole(visit)
    team_plan_set(team=people.team, plan=plan_set(name="small", storage_bytes=len(visit) - 1))
    body = {"upload_id": url.rpartition("/")[2]}
    answer = door.client.post("/api/v1/videos", body, "application/json", headers=door.headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "quota_storage")
    assert door.offset(url) == len(visit)
    with across_teams():
        assert not Video.unscoped.exists()
        assert not Job.unscoped.exists()
    assert queued() == 0


def test_a_worker_that_dies_is_followed_by_another(people: People, door: Door, visit: bytes) -> None:
    from media_jobs.leases import STALE_AFTER, Lease
    from media_jobs.video.dispatch import forgotten_videos_send

    video = used(people, door, visit)
    assert Lease.take(Video, video.pk, ["fetching"]) is not None
    assert looked_at(people, video).status == "fetching", "another worker has it"
    long_ago = timezone.now() - STALE_AFTER - timedelta(minutes=1)
    with team_scope(people.team):
        Video.objects.update(beat_at=long_ago, created_at=long_ago)
    assert forgotten_videos_send() == 1
    assert looked_at(people, video).status == "analyzing"
