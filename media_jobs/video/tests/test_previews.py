"""The copy of a video for browsers that cannot show the original."""

import errno
import io
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Plan, Team, TeamUsage
from media_jobs import files
from media_jobs.leases import Lease
from media_jobs.models import Video, VideoPreview
from media_jobs.refusals import refuse
from media_jobs.video import previews
from media_jobs.video.dispatch import forgotten_videos_send
from media_jobs.video.facts import read_facts
from media_jobs.video.parts import folder_of, open_parts
from media_jobs.video.previews import preview_make
from tests.videos import make_video

from .helpers import taken

pytestmark = pytest.mark.django_db
Names = Callable[[], list[str]]


@pytest.fixture()
def avi(in_team: Team) -> Video:
    return taken(in_team, make_video(kind="avi", seconds=2.0, fps=10), name="visit.avi")


def test_a_video_that_browsers_cannot_show_gets_a_copy_that_they_can(in_team: Team, avi: Video) -> None:
    assert not avi.shown_by_browsers
    before = TeamUsage.objects.get(team=in_team).stored_bytes
    preview_make(video_id=avi.pk)
    preview = VideoPreview.objects.get(video=avi)
    assert (preview.status, preview.progress, preview.attempts) == (VideoPreview.Status.READY, 1.0, 1)
    with open_parts(preview.parts) as file:
        facts = read_facts(file)
        assert preview.stored_bytes == file.seek(0, io.SEEK_END)
    assert facts.shown_by_browsers
    assert (facts.container, facts.width, facts.height) == ("webm", avi.width, avi.height)
    assert facts.duration_ms == pytest.approx(avi.duration_ms, abs=150)
    assert TeamUsage.objects.get(team=in_team).stored_bytes == before + preview.stored_bytes
    # Running it twice makes nothing new.
    parts = preview.parts
    preview_make(video_id=avi.pk)
    preview.refresh_from_db()
    assert preview.parts == parts


def test_one_that_browsers_can_show_has_none(in_team: Team) -> None:
    video = taken(in_team, make_video(seconds=1.0))
    assert video.shown_by_browsers
    assert not VideoPreview.objects.exists()
    preview_make(video_id=video.pk)


def test_without_room_the_preview_says_so_and_nothing_of_it_stays(
    in_team: Team, avi: Video, stored_files: Names
) -> None:
    in_team.plan = Plan.objects.create(name="small", storage_bytes=avi.stored_bytes + 10)
    in_team.save()
    files = stored_files()
    preview_make(video_id=avi.pk)
    preview = VideoPreview.objects.get(video=avi)
    assert (preview.status, preview.error_code) == (VideoPreview.Status.FAILED, "quota_storage")
    assert (preview.parts, preview.stored_bytes) == ([], 0)
    assert stored_files() == files


def test_a_disk_that_is_full_while_it_is_made_is_no_dead_worker(
    avi: Video, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, content: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    files = stored_files()
    temporary = SimpleNamespace(TemporaryFile=lambda **_: Full())
    monkeypatch.setattr("media_jobs.video.previews.tempfile", temporary)
    preview_make(video_id=avi.pk)
    preview = VideoPreview.objects.get(video=avi)
    assert (preview.status, preview.error_code) == (VideoPreview.Status.FAILED, "storage_full")
    assert preview.parts == []
    assert stored_files() == files


def test_a_video_that_loses_its_file_meanwhile_gets_none(
    avi: Video, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = previews._written
    files = stored_files()

    def erased_meanwhile(*arguments: Any) -> Any:
        parts = usual(*arguments)
        Video.objects.filter(pk=avi.pk).update(pictures_erased_at=timezone.now())
        return parts

    monkeypatch.setattr(previews, "_written", erased_meanwhile)
    preview_make(video_id=avi.pk)
    assert VideoPreview.objects.get(video=avi).parts == []
    assert stored_files() == files


def test_an_original_that_is_gone_has_no_preview(in_team: Team, avi: Video) -> None:
    Video.objects.filter(pk=avi.pk).update(parts=[["teams/none/part", 100]])
    preview_make(video_id=avi.pk)
    preview = VideoPreview.objects.get(video=avi)
    assert (preview.status, preview.error_code) == (VideoPreview.Status.FAILED, "video_erased")


def test_copies_leave_threads_of_the_worker_to_others_and_wait_for_beat(avi: Video) -> None:
    for _ in range(previews.AT_ONCE):
        assert previews._SLOTS.acquire(blocking=False)
    try:
        preview_make(video_id=avi.pk)
        preview = VideoPreview.objects.get(video=avi)
        assert (preview.status, preview.attempts) == (VideoPreview.Status.QUEUED, 0)
        VideoPreview.objects.update(created_at=timezone.now() - timedelta(minutes=5))
        assert forgotten_videos_send() == 1
    finally:
        for _ in range(previews.AT_ONCE):
            previews._SLOTS.release()
    preview_make(video_id=avi.pk)
    assert VideoPreview.objects.get(video=avi).status == VideoPreview.Status.READY


def test_one_that_kills_its_workers_is_given_up(avi: Video) -> None:
    VideoPreview.objects.update(attempts=previews.MOST_ATTEMPTS)
    preview_make(video_id=avi.pk)
    preview = VideoPreview.objects.get(video=avi)
    assert (preview.status, preview.error_code) == (VideoPreview.Status.FAILED, "video_worker_lost")


def test_one_worker_makes_it_at_a_time_and_beat_sends_what_was_lost(avi: Video) -> None:
    lease = Lease.take(VideoPreview, avi.pk, [VideoPreview.Status.QUEUED])
    assert lease is not None
    preview_make(video_id=avi.pk)
    assert VideoPreview.objects.get(video=avi).attempts == 0
    VideoPreview.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    assert forgotten_videos_send() == 0
    VideoPreview.objects.update(beat_at=timezone.now() - timedelta(minutes=5))
    assert forgotten_videos_send() == 1


def test_progress_is_noted_while_it_is_made(avi: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "NOTE_EVERY", 0.0)
    seen: list[float] = []

    def slow(file: Any, facts: Any, out: io.BytesIO, *, progress: Callable[[float], None]) -> None:
        for share in (0.25, 0.5):
            progress(share)
            seen.append(VideoPreview.objects.get(video=avi).progress)
        out.write(b"webm")

    monkeypatch.setattr(previews, "write_preview", slow)
    preview_make(video_id=avi.pk)
    assert seen == [0.25, 0.5]


def test_what_a_killed_worker_has_left_goes_with_the_next_attempt(
    in_team: Team, avi: Video, stored_files: Names
) -> None:
    files.store(f"{folder_of(in_team.pk, avi.pk)}/preview-00000-dead", b"half a preview")
    preview_make(video_id=avi.pk)
    preview = VideoPreview.objects.get(video=avi)
    assert stored_files() == sorted([*avi.file_names, *(name for name, _ in preview.parts)])


def test_one_that_another_worker_has_made_meanwhile_stays(
    avi: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*arguments: Any, **options: Any) -> Any:
        VideoPreview.objects.update(status=VideoPreview.Status.READY, beat_at=None)
        raise refuse("video_damaged")

    monkeypatch.setattr(previews, "write_preview", late)
    preview_make(video_id=avi.pk)
    assert VideoPreview.objects.get().status == VideoPreview.Status.READY
