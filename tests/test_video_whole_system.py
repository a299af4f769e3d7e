"""Videos as they run: over HTTP in parts, by real workers, one of which is killed in the middle."""

import base64
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from accounts.access import team_scope
from analysis.models import VideoPerson, VideoTrack
from analysis.video.series import series_read
from conftest import People
from media_jobs.leases import STALE_AFTER
from media_jobs.models import Job, Video, VideoChunk
from media_jobs.video.dispatch import forgotten_videos_send
from media_jobs.video.tests.helpers import short_chunks, taken

from .conftest import Process, Site
from .videos import make_video

pytestmark = [pytest.mark.whole_system, pytest.mark.django_db(transaction=True)]
TUS = {"Tus-Resumable": "1.0.0"}
SECONDS = 120


def wait_until(what: Callable[[], bool], why: str) -> None:
    end = time.monotonic() + SECONDS
    while not what():
        if time.monotonic() > end:
            pytest.fail(why)
        time.sleep(0.1)


def test_a_video_goes_in_over_http_and_people_and_rows_come_out(live_site: Site, people: People) -> None:
    content = make_video(kind="avi", seconds=3.0, fps=10, size=(480, 270), faces=("astronaut", "hopper"))
    headers = {"Authorization": f"Bearer {people.key()}"}
    with httpx.Client(base_url=live_site.url, headers=headers, timeout=60) as api:
        name = base64.b64encode(b"visit.avi").decode()
        begun = api.post(
            "/api/v1/uploads",
            headers={**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": f"filename {name}"},
        )
        assert begun.status_code == 201, begun.text
        place, middle = begun.headers["Location"], len(content) // 2
        for start, end in ((0, middle), (middle, len(content))):
            answer = api.patch(
                place,
                content=content[start:end],
                headers={
                    **TUS,
                    "Upload-Offset": str(start),
                    "Content-Type": "application/offset+octet-stream",
                },
            )
            assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(end))
        made = api.post("/api/v1/videos", json={"upload_id": place.rsplit("/", 1)[1]})
        assert made.status_code == 202, made.text
        video, job = f"/api/v1/videos/{made.json()['video_id']}", f"/api/v1/jobs/{made.json()['job_id']}"
        wait_until(lambda: api.get(job).json()["status"] == "succeeded", "the job did not end")
        assert api.get(video).json()["status"] == "ready"
        shown = api.get(f"{video}/people").json()
        assert len(shown["people"] if "people" in shown else shown["results"]) == 2
        # Browsers cannot show an AVI: the copy for them is made beside it.
        wait_until(lambda: api.get(f"{video}/preview").status_code == 200, "no preview was made")
        part = api.get(f"{video}/preview", headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"\x1aE\xdf\xa3")
        whole = api.get(f"{video}/file")
        assert whole.content == content


def test_a_worker_killed_in_the_middle_of_a_video_loses_no_frame_and_doubles_none(
    people: People, start_worker: Callable[..., Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = make_video(seconds=12.0, fps=10, size=(640, 360), faces=("astronaut", "hopper"))
    with team_scope(people.team), short_chunks(monkeypatch, 1.0):
        video = taken(people.team, content, rate=None)
        chunks = VideoChunk.objects.filter(video=video)

    def is_in_the_middle() -> bool:
        with team_scope(people.team):
            done = chunks.filter(status="succeeded").exists()
            # One that was just begun, so that it is still at work when the worker dies.
            just_now = timezone.now() - timedelta(seconds=0.5)
            return done and chunks.filter(status="pending", beat_at__gt=just_now).exists()

    worker = start_worker()
    wait_until(is_in_the_middle, "the worker did not begin")
    worker.kill()
    with team_scope(people.team):
        before = dict(chunks.filter(status="succeeded").values_list("number", "finished_at"))
        begun = list(chunks.filter(status="pending", beat_at__isnull=False).values_list("number", flat=True))
        assert before
        assert begun
        tracks = set(VideoTrack.objects.values_list("pk", flat=True))
        assert set(VideoTrack.objects.values_list("chunk", flat=True)) <= set(before)
        # Time passes: the last sign of the dead worker is old.
        long_ago = timezone.now() - 2 * STALE_AFTER
        chunks.filter(beat_at__isnull=False).update(beat_at=long_ago, sent_at=long_ago)
    assert forgotten_videos_send() >= len(begun)
    start_worker(CELERY_VISIBILITY_TIMEOUT="5")

    def is_over() -> bool:
        with team_scope(people.team):
            video.refresh_from_db()
            return video.is_over

    wait_until(is_over, "the second worker did not finish the video")
    with team_scope(people.team):
        assert video.status == Video.Status.READY
        job = Job.objects.get(videos=video)
        assert (job.status, job.done) == (Job.Status.SUCCEEDED, job.total)
        times = [ms for row in chunks.order_by("number") for ms in row.times or []]
        assert times == list(range(0, 12_000, 100))
        # What was done is not done again; what the dead worker had in hand was begun anew.
        after = dict(chunks.values_list("number", "finished_at"))
        assert before.items() <= after.items()
        assert tracks <= set(VideoTrack.objects.values_list("pk", flat=True))
        assert set(chunks.filter(attempts__gt=1).values_list("number", flat=True)) <= set(begun)
        assert video.people_count == 2
        for person in VideoPerson.objects.filter(video=video):
            rows = VideoTrack.objects.filter(person=person).order_by("start_ms")
            assert [int(ms) for row in rows for ms in series_read(row.samples).ms] == times
