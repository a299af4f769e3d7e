"""Files of videos over HTTP: whole, in ranges, and in bounded memory."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.core.files.storage import default_storage
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone

from accounts.access import across_teams, team_scope
from conftest import People
from media_jobs import files
from media_jobs.models import Video, VideoPreview
from media_jobs.tests.test_s3 import bucket  # noqa: F401  # a fixture
from media_jobs.video.delivery import video_file_response
from media_jobs.video.parts import folder_of, parts_write
from tests.conftest import ROOT, Process, Web, start, start_web, wait_until_ready  # noqa: F401  # fixtures

CONTENT = bytes(range(256)) * 20
SIZE = len(CONTENT)


def video_of(people: People, content: bytes = CONTENT, part_bytes: int = 1000, **changes: Any) -> Video:
    """A stored video whose bytes are none, which is nothing to whoever sends them."""
    pk = uuid4()
    folder = folder_of(people.team.pk, pk)
    with team_scope(people.team):
        row = {
            "id": pk,
            "team": people.team,
            "filename": "Straße.mp4",
            "status": Video.Status.READY,
            "parts": parts_write(people.team, folder, io.BytesIO(content), part_bytes),
            "poster": files.store(f"{folder}/poster-1.jpg", b"\xff\xd8\xff poster"),
            "content_type": "video/mp4",
            "shown_by_browsers": True,
            "size": len(content),
            "stored_bytes": len(content),
            **changes,
        }
        return Video.objects.create(**row)


def get(people: People, video: Video, part: str = "file", *, method: str = "get", **headers: str) -> Any:
    client = people.client("viewer")
    return getattr(client, method)(f"/team/videos/{video.pk}/{part}", headers=headers)


def by_api(people: People, video: Video, part: str = "file", **headers: str) -> Any:
    key = {"Authorization": f"Bearer {people.key('read')}", **headers}
    return Client().get(f"/api/v1/videos/{video.pk}/{part}", headers=key)


def body(answer: Any) -> bytes:
    from tests.tenants.test_table import read_all

    return read_all(answer)


def test_the_whole_file_comes_without_a_range(people: People) -> None:
    video = video_of(people)
    for answer in (get(people, video), by_api(people, video)):
        assert (answer.status_code, answer["Content-Type"]) == (200, "video/mp4")
        assert (answer["Content-Length"], answer["Accept-Ranges"]) == (str(SIZE), "bytes")
        assert answer["Content-Disposition"] == "inline; filename*=UTF-8''Stra%C3%9Fe.mp4"
        assert answer["Cache-Control"] == "private, no-cache"
        assert body(answer) == CONTENT


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-1", 0, 1),
        ("bytes=990-1010", 990, 1010),
        ("bytes=500-4500", 500, 4500),
        ("bytes=5000-", 5000, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=-100", SIZE - 100, SIZE - 1),
        ("bytes=-999999", 0, SIZE - 1),
        (f"bytes=10-{10**18}", 10, SIZE - 1),
        (f"bytes={SIZE - 1}-{SIZE - 1}", SIZE - 1, SIZE - 1),
    ],
)
def test_a_range_is_sent_as_asked(people: People, asked: str, first: int, last: int) -> None:
    video = video_of(people)
    answer = get(people, video, range=asked)
    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer["Content-Length"] == str(last - first + 1)
    assert body(answer) == CONTENT[first : last + 1]


@pytest.mark.parametrize(
    "asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0", "bytes=99999999-"]
)
def test_a_range_past_the_end_cannot_be_had(people: People, asked: str) -> None:
    for answer in (get(people, video_of(people), range=asked), by_api(people, video_of(people), range=asked)):
        assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
        assert answer["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked",
    ["bytes=-", "bytes=5-2", "lines=0-1", "bytes=a-b", "bytes=0-1,5-6", "bytes", f"bytes={'9' * 30}-"],
)
def test_a_range_that_cannot_be_read_is_as_none(people: People, asked: str) -> None:
    answer = get(people, video_of(people), range=asked)
    assert (answer.status_code, answer["Content-Length"]) == (200, str(SIZE))
    assert body(answer) == CONTENT


def test_a_range_of_what_has_changed_is_the_whole(people: People) -> None:
    video = video_of(people)
    tag = get(people, video)["ETag"]
    same = get(people, video, **{"range": "bytes=0-9", "if-range": tag})
    assert (same.status_code, body(same)) == (206, CONTENT[:10])
    other = get(people, video, **{"range": "bytes=0-9", "if-range": '"another"'})
    assert (other.status_code, body(other)) == (200, CONTENT)


def test_what_is_known_is_not_sent_again(people: People) -> None:
    video = video_of(people)
    for part in ("file", "poster"):
        tag = get(people, video, part)["ETag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}'):
            again = get(people, video, part, **{"if-none-match": known})
            assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)


def test_head_tells_without_bytes(people: People) -> None:
    video = video_of(people)
    whole = get(people, video, method="head")
    assert (whole.status_code, whole["Content-Length"], whole.content) == (200, str(SIZE), b"")
    part = get(people, video, method="head", range="bytes=5-9")
    assert (part.status_code, part["Content-Range"]) == (206, f"bytes 5-9/{SIZE}")
    assert part.content == b""


def test_the_poster_is_a_picture(people: People) -> None:
    video = video_of(people)
    answer = by_api(people, video, "poster", accept="image/*")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer.content == b"\xff\xd8\xff poster"


def test_a_player_that_accepts_videos_only_gets_one(people: People) -> None:
    answer = by_api(people, video_of(people), accept="video/webm,video/*;q=0.9")
    assert answer.status_code == 200


def test_the_preview_is_the_original_where_browsers_can_show_it(people: People) -> None:
    assert body(get(people, video_of(people), "preview")) == CONTENT


def test_the_preview_is_a_copy_where_they_cannot(people: People) -> None:
    video = video_of(people, shown_by_browsers=False, content_type="video/x-msvideo")
    assert by_api(people, video, "preview").json()["code"] == "video_preview_not_ready"
    with team_scope(people.team):
        preview = VideoPreview.objects.create(team=people.team, video=video)
        assert get(people, video, "preview").json()["code"] == "video_preview_not_ready"
        folder = folder_of(people.team.pk, video.pk)
        preview.parts = parts_write(people.team, folder, io.BytesIO(b"smaller" * 9), 10, prefix="preview")
        preview.status = VideoPreview.Status.READY
        preview.save()
    answer = get(people, video, "preview", range="bytes=7-13")
    assert (answer.status_code, answer["Content-Type"], body(answer)) == (206, "video/webm", b"smaller")
    assert get(people, video)["Content-Type"] == "video/x-msvideo"
    with across_teams():
        VideoPreview.unscoped.update(status=VideoPreview.Status.FAILED)
    assert by_api(people, video, "preview").json()["code"] == "video_preview_failed"


def test_what_is_not_there_is_said(people: People) -> None:
    video = video_of(people, parts=[], poster="", status=Video.Status.FETCHING)
    for part in ("file", "preview", "poster"):
        answer = by_api(people, video, part)
        assert (answer.status_code, answer.json()["code"]) == (409, "video_not_stored")
    erased = video_of(people, parts=[], poster="", pictures_erased_at=timezone.now())
    for part in ("file", "preview", "poster"):
        answer = by_api(people, erased, part)
        assert (answer.status_code, answer.json()["code"]) == (410, "pictures_erased")


def test_a_file_that_the_storage_has_lost_is_not_found(people: People) -> None:
    video = video_of(people)
    default_storage.delete(video.parts[0][0])
    default_storage.delete(video.poster)
    assert get(people, video).status_code == 404
    assert get(people, video, "poster").status_code == 404
    assert get(people, video, range="bytes=1000-1999").status_code == 206, "this part is there"


def test_a_video_of_another_team_is_not_found(people: People, others: People) -> None:
    video = video_of(people)
    for part in ("file", "preview", "poster"):
        assert get(others, video, part).status_code == 404
        assert by_api(others, video, part).status_code == 404


def test_offsets_past_two_gigabytes(people: People) -> None:
    giga = 1024**3
    folder = f"teams/{people.team.pk}/videos/large"
    parts = []
    for number in range(3):
        path = Path(default_storage.path(f"{folder}/part-{number}"))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(giga)
            file.seek(100)
            file.write(b"here" + bytes([number]))
        parts.append([f"{folder}/part-{number}", giga])
    video = video_of(people, parts=parts)
    answer = get(people, video, range=f"bytes={2 * giga + 100}-{2 * giga + 104}")
    assert answer["Content-Range"] == f"bytes {2 * giga + 100}-{2 * giga + 104}/{3 * giga}"
    assert body(answer) == b"here\x02"
    assert get(people, video, method="head")["Content-Length"] == str(3 * giga)


@pytest.mark.django_db(transaction=True)
def test_an_original_of_one_part_on_s3_is_fetched_there(people: People, bucket: Any) -> None:  # noqa: F811
    video = video_of(people, part_bytes=SIZE)
    answer = by_api(people, video)
    assert answer.status_code == 302
    fetched = httpx.get(answer["Location"], headers={"Range": "bytes=10-19"})
    assert fetched.content == CONTENT[10:20]
    assert fetched.headers["content-type"] == "video/mp4"
    # The content policy of pages names no other place.
    page = get(people, video, range="bytes=10-19")
    assert (page.status_code, body(page)) == (206, CONTENT[10:20])
    several = by_api(people, video_of(people), range="bytes=990-1010")
    assert (several.status_code, body(several)) == (206, CONTENT[990:1011])


def test_answers_know_the_file_by_its_content_type_alone(people: People) -> None:
    """A browser is told not to guess: what was sent as a video is never run as a page."""
    answer = get(people, video_of(people, content=b"<script>alert(1)</script>" * 50))
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Type"] == "video/mp4"


def test_the_view_itself_needs_no_team(people: People) -> None:
    request = HttpRequest()
    request.method = "GET"
    assert video_file_response(request, video_of(people), "poster").status_code == 200


# --- Over real HTTP ---------------------------------------------------------------------------------
def resident_mb(process: Process) -> float:
    """The most memory the process has had."""
    text = Path(f"/proc/{process.popen.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found
    return int(found.group(1)) / 1024


@pytest.mark.django_db(transaction=True)
def test_a_large_file_passes_through_a_real_server_in_bounded_memory(
    people: People,
    start_web: Callable[..., Web],  # noqa: F811
) -> None:
    """Uploaded in parts over HTTP, one broken off in the middle, then fetched whole and in ranges."""
    web = start_web(VIDEO_PART_MB="32")
    wait_until_ready(web)
    size, part = 192 * 1024**2, 32 * 1024**2
    headers = {"Authorization": f"Bearer {people.key()}", "Tus-Resumable": "1.0.0"}
    with httpx.Client(base_url=web.url, headers=headers, timeout=60) as client:
        assert client.get("/api/v1/videos").json()["results"] == []
        begun = resident_mb(web.process)
        url = client.post("/api/v1/uploads", headers={"Upload-Length": str(size)}).headers["location"]
        broken_off(web, url, headers)
        assert client.head(url).headers["upload-offset"] == "0"
        for offset in range(0, size, part):
            sent = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            answer = client.patch(url, content=bytes([offset // part]) * part, headers=sent)
            assert answer.status_code == 204, answer.text
        sent = {"Upload-Offset": str(size), "Content-Type": "application/offset+octet-stream"}
        too_large = client.patch(url, content=bytes(part + 300 * 1024), headers=sent)
        assert (too_large.status_code, too_large.json()["code"]) == (413, "file_too_large")
        refused = client.post("/api/v1/videos", json={"upload_id": url.rpartition("/")[2]})
        assert refused.json()["code"] == "video_format_not_supported"
        video = video_of(people, part_bytes=part, content=b"")
        parts = parts_write(
            people.team, folder_of(people.team.pk, video.pk), io.BufferedReader(Pattern(size)), part
        )
        with across_teams():
            Video.unscoped.update(parts=parts)
        received = 0
        with client.stream("GET", f"/api/v1/videos/{video.pk}/file") as stream:
            for piece in stream.iter_raw():
                received += len(piece)
        assert received == size
        middle = client.get(
            f"/api/v1/videos/{video.pk}/file", headers={"Range": f"bytes={part - 2}-{part + 1}"}
        )
        assert (middle.status_code, middle.content) == (206, b"xxxx")
        assert client.head(f"/api/v1/videos/{video.pk}/file").headers["content-length"] == str(size)
        grown = resident_mb(web.process) - begun
    assert grown < 64, f"{grown:.0f} MB more for a file of {size / 1024**2:.0f} MB"


class Pattern(io.RawIOBase):
    """Bytes that are nowhere."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        taken = min(len(buffer), self.left)
        self.left -= taken
        buffer[:taken] = b"x" * taken
        return taken


def broken_off(web: Web, url: str, headers: dict[str, str]) -> None:
    """A part of which a third is sent before the line goes dead."""
    import socket

    host, port = web.url.removeprefix("http://").split(":")
    lines = [
        f"PATCH {url} HTTP/1.1",
        f"Host: {host}:{port}",
        *(f"{name}: {value}" for name, value in headers.items()),
        "Content-Type: application/offset+octet-stream",
        "Upload-Offset: 0",
        "Content-Length: 3000000",
    ]
    with socket.create_connection((host, int(port))) as line:
        line.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + bytes(1_000_000))
