"""Videos taken in from an upload, from one request and from an address: kept whole, or not at all."""

import hashlib
import json
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, TeamUsage
from accounts.plans import plan_set, team_plan_set
from conftest import People
from media_jobs import files
from media_jobs.models import Job, Video, VideoChunk, VideoUpload
from media_jobs.video import intake
from media_jobs.video.parts import open_parts
from tests.videos import cut_short, make_video, sound_only

from .intake_helpers import Names, Queued, nothing_is_there, only_video, refused, send, start, use
from .upload_helpers import Door, api_door, page_door


@pytest.fixture(scope="module")
def visit() -> bytes:
    return make_video(seconds=2.0, fps=10, size=(160, 120))


@pytest.fixture()
def door(people: People) -> Door:
    return api_door(people)


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
