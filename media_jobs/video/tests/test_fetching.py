"""Videos that a worker fetches from an address."""

import hashlib
import io
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.models import TeamUsage
from accounts.plans import plan_set, team_plan_set
from conftest import People
from emotionsite.tests.local_servers import LocalServer, Request, always, answer, serving
from media_jobs import files
from media_jobs.leases import STALE_AFTER, Lease
from media_jobs.models import Video, VideoChunk
from media_jobs.refusals import Refusal
from media_jobs.tasks import fetch_video
from media_jobs.video import intake
from media_jobs.video.dispatch import forgotten_videos_send
from media_jobs.video.ending import video_cancel
from media_jobs.video.parts import folder_of, open_parts
from media_jobs.video.start import MOST_ATTEMPTS
from tests.videos import make_video

from .intake_helpers import Names, Queued, nothing_is_there, only_video, refused, start
from .upload_helpers import Door, api_door


@pytest.fixture(scope="module")
def visit() -> bytes:
    return make_video(seconds=2.0, fps=10, size=(160, 120))


@pytest.fixture()
def door(people: People) -> Door:
    return api_door(people)


# --- From an address --------------------------------------------------------------------------------
@pytest.fixture()
def allowed(settings: Settings) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]


def fetch(video: Video) -> Video:
    """What the worker does."""
    fetch_video(team_id=str(video.team_id), video_id=str(video.pk))
    return only_video()


def file_at(server: LocalServer) -> str:
    return f"{server.url}/films/the%20visit.mp4?token=secret"


@pytest.mark.usefixtures("allowed")
def test_a_video_is_fetched_and_analysed(
    people: People, door: Door, visit: bytes, stored_files: Names
) -> None:
    with serving(always(answer(visit))) as server:
        answered = start(door, {"url": file_at(server), "frames_per_second": 2})
        assert answered.status_code == 202, answered.content
        waiting = only_video()
        assert (waiting.status, waiting.filename, waiting.size) == ("fetching", "the visit.mp4", 0)
        assert "secret" not in waiting.sealed_source
        assert server.requests == [], "nothing is fetched before the answer"
        video = fetch(waiting)
    assert (video.status, video.sealed_source, video.beat_at) == ("analyzing", "", None)
    assert (video.size, video.sha256) == (len(visit), hashlib.sha256(visit).hexdigest())
    with open_parts(video) as file:
        assert file.read() == visit
    assert stored_files() == sorted(video.file_names)
    with team_scope(people.team):
        assert VideoChunk.objects.filter(video=video).exists()
        assert TeamUsage.objects.get(team=people.team).stored_bytes == video.stored_bytes


@pytest.mark.usefixtures("allowed")
def test_a_second_delivery_fetches_nothing_again(door: Door, visit: bytes) -> None:
    with serving(always(answer(visit))) as server:
        start(door, {"url": file_at(server)})
        video = fetch(only_video())
        assert fetch(video).parts == video.parts
        assert len(server.requests) == 1


def failed(people: People, stored_files: Names, code: str) -> Video:
    """The video has ended with an error, and so has its job; no byte is left."""
    video = only_video()
    assert video.job is not None
    assert (video.status, video.error_code) == ("failed", code)
    assert (video.job.status, video.job.error_code) == ("failed", code)
    assert video.error_message.endswith(".")
    assert (video.sealed_source, video.parts) == ("", [])
    assert stored_files() == []
    with team_scope(people.team):
        assert TeamUsage.objects.get(team=people.team).stored_bytes == 0
        assert not VideoChunk.objects.exists()
    return video


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(b"", status="404 Not Found"), "url_answered_error"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbreaks off", "url_answer_broken"),
        (answer(b"just some words, " * 100), "video_format_not_supported"),
        (answer(b"#EXTM3U\nhttp://127.0.0.1/inner.ts\n"), "video_is_a_playlist"),
        (answer(b""), "video_empty"),
    ],
    ids=["404", "broken", "text", "playlist", "empty"],
)
def test_what_is_wrong_with_an_address_is_the_error_of_its_video(
    reply: Any, code: str, people: People, door: Door, stored_files: Names
) -> None:
    with serving(always(reply)) as server:
        start(door, {"url": file_at(server)})
        fetch(only_video())
        assert len(server.requests) == 1, "no name in a playlist is followed"
    failed(people, stored_files, code)


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("file:///etc/passwd", 400, "url_malformed"),
        ("http://127.0.0.1/a.mp4", 422, "url_not_allowed"),
        ("http://169.254.169.254/a.mp4", 422, "url_not_allowed"),
    ],
)
def test_an_address_inside_is_refused_at_once(
    url: str, status: int, code: str, people: People, door: Door, stored_files: Names, queued: Queued
) -> None:
    refused(start(door, {"url": url}), status, code)
    nothing_is_there(people, stored_files, queued)


def test_a_name_that_stands_for_an_address_inside_ends_the_video(
    people: People, door: Door, stored_files: Names
) -> None:
    start(door, {"url": "http://localhost:8000/a.mp4"})
    fetch(only_video())
    failed(people, stored_files, "url_not_allowed")


@pytest.mark.usefixtures("allowed")
def test_too_large_a_video_is_left_while_it_comes(
    people: People, door: Door, settings: Settings, stored_files: Names
) -> None:
    settings.MAX_VIDEO_BYTES, settings.VIDEO_PART_BYTES = 300_000, 100_000
    endless = answer(b"x" * 400_000).replace(b"Content-Length: 400000", b"Connection: close")
    with serving(always(endless)) as server:
        start(door, {"url": file_at(server)})
        fetch(only_video())
    failed(people, stored_files, "url_too_large")


@pytest.mark.usefixtures("allowed")
def test_room_and_pictures_of_the_month_are_looked_at(
    people: People, door: Door, visit: bytes, stored_files: Names
) -> None:
    with serving(always(answer(visit))) as server:
        start(door, {"url": file_at(server)})
        team_plan_set(team=people.team, plan=plan_set(name="small", pictures_per_month=2))
        fetch(only_video())
        failed(people, stored_files, "quota_pictures")
        with across_teams():
            Video.unscoped.all().delete()
        start(door, {"url": file_at(server)})
        team_plan_set(
            team=people.team, plan=plan_set(name="small", storage_bytes=100, pictures_per_month=None)
        )
        fetch(only_video())
        failed(people, stored_files, "quota_storage")


def drip(visit: bytes, stop: threading.Event) -> Callable[..., None]:
    """Sends the first half and then waits."""

    def reply(request: Request, conn: socket.socket, server: LocalServer) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(visit)
        conn.sendall(head + visit[: len(visit) // 2])
        while not server.over.wait(0.05) and not stop.is_set():
            pass
        conn.sendall(visit[len(visit) // 2 :])

    return reply


@pytest.mark.usefixtures("allowed")
@pytest.mark.django_db(transaction=True)
def test_one_that_is_cancelled_while_it_comes_is_left(
    people: People, door: Door, visit: bytes, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "CHECK_EVERY", 0.0)
    stop = threading.Event()
    with serving(drip(visit, stop)) as server:
        start(door, {"url": file_at(server)})
        video = only_video()

        def work() -> None:
            fetch_video(team_id=str(video.team_id), video_id=str(video.pk))
            connection.close()

        worker = threading.Thread(target=work)
        worker.start()
        wait_for(lambda: bool(server.requests))
        with team_scope(people.team):
            video_cancel(video=video)
        stop.set()
        worker.join()
    video = only_video()
    assert (video.status, video.parts, stored_files()) == ("cancelled", [], [])


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.usefixtures("allowed")
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_while_fetching_is_followed_by_another(
    people: People,
    door: Door,
    visit: bytes,
    stored_files: Names,
    queued: Queued,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(always(answer(visit))) as server:
        start(door, {"url": file_at(server)})
        video = only_video()

        class Killed(BaseException):
            """As a signal would end the process: nothing that cleans up runs."""

        def killed(*args: Any) -> None:
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr(intake, "_look_at", killed)
            with pytest.raises(Killed):
                fetch(video)
        left = stored_files()
        assert left, "the dead worker has left what it fetched"
        assert fetch(video).status == "fetching", "its lease is still fresh"
        long_ago = timezone.now() - STALE_AFTER - timedelta(minutes=5)
        with across_teams():
            Video.unscoped.update(beat_at=long_ago, created_at=long_ago)
        waiting = queued()
        forgotten_videos_send()
        assert queued() == waiting + 1
        video = fetch(video)
    assert video.status == "analyzing"
    assert set(stored_files()) == set(video.file_names)
    assert not set(left) & set(stored_files()), "nothing of the dead worker stays"
    with open_parts(video) as file:
        assert file.read() == visit


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_worker_has_fetched_goes_with_the_cancellation(
    people: People, door: Door, visit: bytes, stored_files: Names
) -> None:
    start(door, {"url": "https://example.org/a.mp4"})
    video = only_video()
    with team_scope(people.team):
        files.store(f"{folder_of(people.team.pk, video.pk)}/part-00000-dead", visit)
        assert stored_files()
        video_cancel(video=video)
    assert stored_files() == []


@pytest.mark.usefixtures("allowed")
@pytest.mark.django_db(transaction=True)
def test_one_that_ends_its_workers_each_time_is_given_up(
    people: People, door: Door, visit: bytes, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    def broken(*arguments: Any) -> Any:
        looked.append(1)
        raise MemoryError

    monkeypatch.setattr(intake, "_look_at", broken)
    with serving(always(answer(visit))) as server:
        start(door, {"url": file_at(server)})
        for _ in range(MOST_ATTEMPTS):
            with pytest.raises(MemoryError):
                fetch(only_video())
            with across_teams():
                Video.unscoped.update(beat_at=timezone.now() - STALE_AFTER - timedelta(minutes=1))
        assert only_video().status == "fetching"
        fetch(only_video())
    assert len(looked) == MOST_ATTEMPTS
    failed(people, stored_files, "video_worker_lost")


def test_a_video_that_never_came_is_given_up_after_a_day(
    people: People, door: Door, stored_files: Names
) -> None:
    start(door, {"url": "https://example.org/a.mp4"})
    with across_teams():
        Video.unscoped.update(created_at=timezone.now() - timedelta(hours=25))
    fetch(only_video())
    failed(people, stored_files, "video_not_fetched")


def test_drops_do_not_hold_a_worker(people: People, monkeypatch: pytest.MonkeyPatch, in_team: Any) -> None:
    monkeypatch.setattr(intake, "CHECK_EVERY", 0.0)
    monkeypatch.setattr(intake, "SLOW_AFTER", 0.0)
    out: Any = io.BytesIO()
    out.size = 1
    sink = intake._Sink(Video(team=people.team), _AlwaysHeld(), out)
    time.sleep(0.01)
    with pytest.raises(Refusal) as refusal:
        sink.take(b"x")
    assert refusal.value.code == "url_too_slow"


class _AlwaysHeld(Lease):
    """A lease that nobody takes away."""

    def __init__(self) -> None:
        pass

    def check(self) -> None:
        pass
