"""Videos taken in from an upload, from one request and from an address: kept whole, or not at all."""

import hashlib
import io
import json
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, TeamUsage
from accounts.plans import plan_set, team_plan_set
from conftest import People
from emotionsite.tests.local_servers import LocalServer, Request, always, answer, serving
from media_jobs import files
from media_jobs.leases import STALE_AFTER, Lease
from media_jobs.models import Job, Video, VideoChunk, VideoUpload
from media_jobs.refusals import Refusal
from media_jobs.tasks import fetch_video
from media_jobs.video import intake
from media_jobs.video.dispatch import forgotten_videos_send
from media_jobs.video.ending import video_cancel
from media_jobs.video.parts import folder_of, open_parts
from media_jobs.video.start import MOST_ATTEMPTS
from tests.videos import cut_short, make_video, sound_only

from .upload_helpers import Door, api_door, page_door

Names = Callable[[], list[str]]
Queued = Callable[[], int]


@pytest.fixture(scope="module")
def visit() -> bytes:
    return make_video(seconds=2.0, fps=10, size=(160, 120))


@pytest.fixture()
def door(people: People) -> Door:
    return api_door(people)


def start(door: Door, body: dict[str, Any]) -> Any:
    return door.client.post("/api/v1/videos", json.dumps(body), "application/json", headers=door.headers)


def send(door: Door, content: bytes, filename: str = "visit.mp4", **fields: str) -> Any:
    form = {"file": SimpleUploadedFile(filename, content), **fields}
    return door.client.post("/api/v1/videos", form, headers=door.headers)


def use(door: Door, url: str, **options: Any) -> Any:
    return start(door, {"upload_id": url.rpartition("/")[2], **options})


def only_video() -> Video:
    with across_teams():
        return Video.unscoped.select_related("job", "team__plan").get()


def nothing_is_there(people: People, stored_files: Names, queued: Queued) -> None:
    """No row, no file, no task, nothing counted."""
    with across_teams():
        assert not Video.unscoped.exists()
        assert not VideoChunk.unscoped.exists()
        assert not Job.unscoped.filter(kind=Job.Kind.VIDEO).exists()
        assert not VideoUpload.unscoped.exists()
    with team_scope(people.team):
        usage = TeamUsage.objects.get(team=people.team)
        assert (usage.stored_bytes, usage.pictures) == (0, 0)
    assert (stored_files(), queued()) == ([], 0)


def refused(answered: Any, status: int, code: str) -> dict[str, Any]:
    assert answered.status_code == status, answered.content
    problem = answered.json()
    assert (problem["code"], problem["detail"][-1]) == (code, ".")
    return dict(problem)


# --- From an upload and from a request --------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_an_upload_becomes_a_video_with_its_files(
    people: People, door: Door, visit: bytes, stored_files: Names, queued: Queued
) -> None:
    url = door.whole(visit, part_bytes=4000)
    files.store(f"{stored_files()[0].rpartition('/')[0]}/part-00002-bbbbbbbb", b"left by a dead process")
    answered = use(door, url, frames_per_second=10)
    assert answered.status_code == 202
    video = only_video()
    assert answered.json() == {"job_id": str(video.job_id), "video_id": str(video.pk)}
    assert answered["Location"] == f"/api/v1/jobs/{video.job_id}"
    assert (str(video.pk), video.filename, video.frames_per_second) == (
        url.rpartition("/")[2],
        "holiday.mp4",
        10.0,
    )
    assert (video.status, video.duration_ms, video.width, video.height) == ("analyzing", 2000, 160, 120)
    assert (video.sha256, video.size) == (hashlib.sha256(visit).hexdigest(), len(visit))
    with open_parts(video) as file:
        assert file.read() == visit
    assert stored_files() == sorted(video.file_names), "what a dead process left is gone"
    poster = files.fetch(video.poster).getvalue()
    assert poster.startswith(b"\xff\xd8\xff")
    with team_scope(people.team):
        assert not VideoUpload.objects.exists()
        assert video.stored_bytes == len(visit) + len(poster)
        assert TeamUsage.objects.get(team=people.team).stored_bytes == video.stored_bytes
        assert AuditEvent.objects.filter(action="video.uploaded", object_id=str(video.pk)).count() == 1
        assert Job.objects.get().total == VideoChunk.objects.filter(video=video).count() + 1
    assert queued() > 0


def test_an_upload_is_used_once(door: Door, visit: bytes, stored_files: Names) -> None:
    url = door.whole(visit)
    first = use(door, url)
    before = stored_files()
    problem = refused(use(door, url), 409, "upload_used")
    assert problem["video_id"] == first.json()["video_id"]
    refused(door.part(url, len(visit), b""), 409, "upload_used")
    refused(door.erase(url), 409, "upload_used")
    assert stored_files() == before
    assert only_video()


def test_an_upload_that_is_not_whole_or_not_there_is_refused(
    door: Door, others: People, visit: bytes, queued: Queued
) -> None:
    url = door.begun(len(visit))
    door.part(url, 0, visit[:1000])
    refused(use(door, url), 409, "upload_incomplete")
    refused(start(door, {"upload_id": str(uuid4())}), 404, "upload_unknown")
    whole = door.whole(visit)
    refused(use(api_door(others), whole), 404, "upload_unknown")
    with across_teams():
        assert (Video.unscoped.count(), VideoUpload.unscoped.count()) == (0, 2)
    assert queued() == 0


BAD = {
    "video_empty": (422, lambda: b""),
    "video_is_a_picture": (415, lambda: b"\xff\xd8\xff\xe0" + bytes(2000)),
    "video_is_a_playlist": (415, lambda: b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"),
    "video_no_stream": (422, sound_only),
    "video_truncated": (422, lambda: cut_short(make_video(seconds=2.0, fps=10, size=(160, 120)))),
    "video_format_not_supported": (415, lambda: b"just some words, " * 100),
}


@pytest.mark.parametrize("code", BAD)
@pytest.mark.parametrize("way", ["upload", "request"])
def test_of_a_file_that_is_no_video_nothing_is_kept(
    way: str,
    code: str,
    people: People,
    door: Door,
    stored_files: Names,
    queued: Queued,
    django_capture_on_commit_callbacks: Any,
) -> None:
    status, make = BAD[code]
    with django_capture_on_commit_callbacks(execute=True):
        answered = use(door, door.whole(make())) if way == "upload" else send(door, make())
    refused(answered, status, code)
    nothing_is_there(people, stored_files, queued)


def test_a_small_file_comes_in_one_request(
    people: People, door: Door, visit: bytes, stored_files: Names
) -> None:
    answered = send(door, visit, "../visit.mp4", frames_per_second="", name="Our visit")
    assert answered.status_code == 202, answered.content
    video = only_video()
    assert (video.filename, video.frames_per_second, video.size) == ("Our visit", None, len(visit))
    with open_parts(video) as file:
        assert file.read() == visit
    assert stored_files() == sorted(video.file_names)


def test_the_same_bytes_may_become_two_videos(door: Door, visit: bytes) -> None:
    assert {send(door, visit).status_code for _ in range(2)} == {202}
    with across_teams():
        assert len({video.sha256 for video in Video.unscoped.all()}) == 1
        assert Video.unscoped.count() == 2


def test_a_repeated_request_makes_one_video(door: Door, visit: bytes) -> None:
    door.headers["Idempotency-Key"] = "once"
    first = send(door, visit)
    door.client = Client()
    second = send(door, visit)
    assert second["Idempotency-Replayed"] == "true"
    assert first.json() == second.json()
    assert only_video()


@pytest.mark.parametrize("rate", [0, 0.09, 60.1, -5, "x"])
def test_a_rate_that_cannot_be_is_refused(
    rate: Any, people: People, door: Door, visit: bytes, stored_files: Names, queued: Queued
) -> None:
    answered = send(door, visit, frames_per_second=str(rate))
    assert "frames_per_second" in refused_fields(answered)
    nothing_is_there(people, stored_files, queued)


def refused_fields(answered: Any) -> dict[str, Any]:
    assert (answered.status_code, answered.json()["code"]) == (400, "invalid")
    return dict(answered.json()["errors"])


@pytest.mark.parametrize("rate", [0.0, 0.09, 61.0, float("nan"), float("inf"), -1.0])
def test_options_cannot_hold_a_rate_that_cannot_be(rate: float) -> None:
    with pytest.raises(ValueError, match="frames a second"):
        intake.VideoOptions(frames_per_second=rate)


@pytest.mark.parametrize(
    "body", [{}, {"name": "x"}, {"url": "https://example.org/a", "upload_id": str(uuid4())}]
)
def test_one_source_has_to_be_named(
    body: dict[str, Any], people: People, door: Door, stored_files: Names, queued: Queued
) -> None:
    refused(start(door, body), 400, "video_missing")
    refused(door.client.post("/api/v1/videos", {"name": "x"}, headers=door.headers), 400, "video_missing")
    nothing_is_there(people, stored_files, queued)


def test_an_unknown_gallery_leaves_the_upload(door: Door, visit: bytes, queued: Queued) -> None:
    url = door.whole(visit)
    answered = use(door, url, gallery="nobody")
    assert answered.json()["code"] == "gallery_unknown"
    assert door.offset(url) == len(visit)
    assert queued() == 0
    assert use(door, url).status_code == 202


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"pictures_per_month": 3}, "quota_pictures"), ({"storage_bytes": 1}, "quota_storage")],
)
def test_limits_leave_the_upload_and_nothing_of_a_request(
    limits: dict[str, int],
    code: str,
    people: People,
    door: Door,
    visit: bytes,
    stored_files: Names,
    queued: Queued,
    django_capture_on_commit_callbacks: Any,
) -> None:
    url = door.whole(visit)
    before = stored_files()
    if "storage_bytes" in limits:
        # Whole, and only the poster is too much.
        limits = {"storage_bytes": len(visit)}
    team_plan_set(team=people.team, plan=plan_set(name="small", **limits))
    refused(use(door, url), 403, code)
    assert (door.offset(url), stored_files()) == (len(visit), before)
    with django_capture_on_commit_callbacks(execute=True):
        door.erase(url)
    refused(send(door, visit), 403, code)
    nothing_is_there(people, stored_files, queued)


def test_what_is_too_large_for_one_request_is_refused(
    people: People, door: Door, visit: bytes, settings: Settings, stored_files: Names, queued: Queued
) -> None:
    settings.MAX_UPLOAD_BYTES = len(visit) - 1
    refused(send(door, visit), 413, "file_too_large")
    nothing_is_there(people, stored_files, queued)


# --- By the pages -----------------------------------------------------------------------------------
def test_a_page_makes_a_video_of_its_upload(people: People, visit: bytes) -> None:
    door = page_door(people)
    url = door.whole(visit)
    wanted = {"frames_per_second": None, "name": "Monday", "live": True}
    answered = door.client.post(f"{url}/video", json.dumps(wanted), "application/json")
    assert answered.status_code == 202, answered.content
    video = only_video()
    assert answered.json() == {
        "job_id": str(video.job_id),
        "video_id": str(video.pk),
        "page": f"/team/videos/{video.pk}",
    }
    assert (video.filename, video.frames_per_second, video.live) == ("Monday", None, True)
    assert video.created_by == people.analyst


@pytest.mark.parametrize("body", ["[", "[]", '{"frames_per_second": 1000}', '{"frames_per_second": []}'])
def test_options_that_a_page_never_sends_are_refused(people: People, visit: bytes, body: str) -> None:
    door = page_door(people)
    url = door.whole(visit)
    refused(door.client.post(f"{url}/video", body, "application/json"), 400, "invalid")
    assert door.offset(url) == len(visit)


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


# --- Reading ------------------------------------------------------------------------------------------
def test_videos_are_listed_newest_first_and_narrowed(
    people: People, others: People, door: Door, visit: bytes
) -> None:
    names = ["Monday morning", "Monday evening", "Tuesday"]
    for name in names:
        assert send(door, visit, name=name).status_code == 202
    send(api_door(others), visit, name="Monday of others")

    def listed(query: str) -> list[str]:
        shown = door.client.get(f"/api/v1/videos{query}", headers=door.headers)
        assert shown.status_code == 200, shown.content
        return [video["name"] for video in shown.json()["results"]]

    assert listed("") == names[::-1]
    assert listed("?name=monday") == names[1::-1]
    assert listed("?status=analyzing&name=tues") == ["Tuesday"]
    assert listed("?status=ready") == []
    assert listed("?created_before=2020-01-01") == []
    wrong = door.client.get("/api/v1/videos?status=nonsense", headers=door.headers)
    assert "status" in refused_fields(wrong)


def test_a_longer_list_asks_the_database_no_more(door: Door, visit: bytes) -> None:
    counts = []
    for _ in range(3):
        send(door, visit)
        with CaptureQueriesContext(connection) as queries:
            door.client.get("/api/v1/videos", headers=door.headers)
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2]


def test_lists_do_not_read_the_parts_of_files(door: Door, visit: bytes) -> None:
    send(door, visit)
    door.begun(1000)
    with CaptureQueriesContext(connection) as asked:
        for address in ("/api/v1/videos", "/api/v1/uploads"):
            listed = door.client.get(address, headers=door.headers).json()
            assert len(listed["results"]) == 1, listed
    assert not [query["sql"] for query in asked if '."parts"' in query["sql"]]


def test_a_video_shows_how_far_it_is_and_what_it_is(door: Door, visit: bytes) -> None:
    started = send(door, visit).json()
    url = f"/api/v1/videos/{started['video_id']}"
    shown = door.client.get(url, headers=door.headers).json()
    assert shown["job_id"] == started["job_id"]
    assert (shown["status"], shown["people_count"], shown["error"]) == ("analyzing", None, None)
    assert shown["progress"] == {"done": 0, "total": 10, "percent": 0, "seconds_left": None}
    assert (shown["duration_ms"], shown["frame_rate"], shown["preview"]) == (2000, 10.0, "original")
    only = door.client.get(f"{url}?fields=id,progress", headers=door.headers).json()
    assert only == {"id": started["video_id"], "progress": shown["progress"]}


def test_a_video_is_cancelled_analysed_again_and_erased(
    people: People, door: Door, visit: bytes, stored_files: Names, django_capture_on_commit_callbacks: Any
) -> None:
    started = send(door, visit).json()
    url = f"/api/v1/videos/{started['video_id']}"

    def post(path: str, body: dict[str, Any]) -> Any:
        return door.client.post(f"{url}/{path}", json.dumps(body), "application/json", headers=door.headers)

    refused(post("analyze", {"frames_per_second": 2}), 409, "video_running")
    assert post("cancel", {}).json()["status"] == "cancelled"
    assert post("cancel", {}).status_code == 200
    again = post("analyze", {"frames_per_second": 2})
    assert again.status_code == 202, again.content
    assert again.json()["job_id"] != started["job_id"]
    video = only_video()
    assert (video.status, video.frames_per_second) == ("analyzing", 2.0)
    assert "frames_per_second" in refused_fields(post("analyze", {"frames_per_second": 0}))
    with django_capture_on_commit_callbacks(execute=True):
        assert door.client.delete(url, headers=door.headers).status_code == 204
    assert door.client.get(url, headers=door.headers).status_code == 404
    assert stored_files() == []
    with team_scope(people.team):
        assert TeamUsage.objects.get(team=people.team).stored_bytes == 0
