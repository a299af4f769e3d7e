"""Batches of ZIP archives: what is taken, what is refused, and that nothing is left behind."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from pytest_django import Settings

from accounts.access import team_scope
from accounts.models import Plan, Team, TeamUsage
from analysis.models import Analysis
from conftest import People
from emotionsite.body_guard import BodyGuard
from media_jobs import archives, files
from media_jobs.batches import batch_cancel, batch_create_from_archive, batch_retry
from media_jobs.listing import GIVE_UP_AFTER, RESEND_AFTER, batch_list, forgotten_listings_send
from media_jobs.models import Job, JobItem, Media
from media_jobs.refusals import Refusal
from tests.fakes import EngineWithoutNets

from .batch_helpers import archive_batch, items_of, states_of, zip_of
from .helpers import photo, work_off

Names = Callable[[], list[str]]
Count = Callable[[], int]


@pytest.mark.django_db(transaction=True)
def test_an_archive_becomes_items_and_is_erased_when_its_batch_is_over(
    people: People, stored_files: Names, queued: Count
) -> None:
    content = zip_of(
        {
            "summer/a.png": photo(1),
            "summer/deep/b.png": photo(2),
            "notes.txt": b"words " * 400,
            "d.png": photo(4),
            "c.png": photo(1),
            "__MACOSX/summer/._a.png": b"x",
            ".DS_Store": b"x",
            "Thumbs.db": b"x",
        },
        zipfile.ZIP_DEFLATED,
    )
    with team_scope(people.team):
        job = archive_batch(people.team, content, listed=False)
        assert (job.listing, job.total, queued()) == (True, 0, 1)
        assert len(stored_files()) == 1
        batch_list(batch_id=job.pk)
        job.refresh_from_db()
        assert (job.listing, job.total, queued()) == (False, 5, 2)
        assert [item.name for item in items_of(job)] == [
            *("summer/a.png", "summer/deep/b.png", "notes.txt", "d.png", "c.png")
        ]
        assert TeamUsage.objects.get(team=people.team).pictures == 5
        batch_list(batch_id=job.pk)
        assert JobItem.objects.count() == 5, "a second listing adds nothing"
        work_off(job, EngineWithoutNets(vectors=True))
        assert states_of(job)[2] == ("failed", "format_not_supported")
        assert [status for status, _ in states_of(job)].count("succeeded") == 4
        assert Media.objects.count() == Analysis.objects.count() == 3
        assert not [name for name in stored_files() if "batches" in name]
        assert TeamUsage.objects.get(team=people.team).pictures == 3, "the same bytes twice are one analysis"
        assert Media.objects.order_by("created_at").first().filename == "a.png"  # type: ignore[union-attr]
        with pytest.raises(Refusal) as refusal:
            batch_retry(batch_id=job.pk)
        assert refusal.value.code == "batch_nothing_to_retry", "its bytes went with the archive"


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.django_db(transaction=True)
def test_a_cancelled_batch_erases_its_archive(people: People, stored_files: Names, listed: bool) -> None:
    with team_scope(people.team):
        job = archive_batch(people.team, zip_of({"a.png": photo(1)}), listed=listed)
        batch_cancel(batch_id=job.pk)
        assert stored_files() == []
        batch_list(batch_id=job.pk)
        job.refresh_from_db()
        assert (job.status, job.listing, job.archive) == ("cancelled", False, "")
        assert TeamUsage.objects.get(team=people.team).pictures == 0


def test_what_is_no_archive_or_too_large_is_refused_and_not_kept(
    in_team: Team, stored_files: Names, settings: Settings
) -> None:
    settings.MAX_ARCHIVE_BYTES = 5000
    refused = {photo(1): "archive_not_zip", b"": "archive_not_zip", b"P" * 6000: "archive_too_large"}
    for content, code in refused.items():
        with pytest.raises(Refusal) as refusal:
            batch_create_from_archive(team=in_team, file=io.BytesIO(content), size=len(content))
        assert refusal.value.code == code
    assert stored_files() == []
    assert Job.objects.count() == 0


def overlapping() -> bytes:
    """Two names in the directory for the same bytes."""
    content = zip_of({"a.png": photo(1), "b.png": photo(1)})
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 4)
    offset = content[first + 42 : first + 46]
    return content[: second + 42] + offset + content[second + 46 :]


def of_directory(size: int) -> bytes:
    """An archive that claims a directory of this many bytes."""
    content = bytearray(zip_of({"a.png": photo(1)}))
    end = content.rindex(b"PK\x05\x06")
    content[end + 12 : end + 16] = struct.pack("<I", size)
    return bytes(content)


def broken() -> bytes:
    content = bytearray(zip_of({"a.png": photo(1)}))
    start = content.index(b"PK\x01\x02")
    content[start : start + 4] = b"XXXX"
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zip_of({}), "batch_empty"),
        (zip_of({"folder/": b"", ".hidden": b"x"}), "batch_empty"),
        (zip_of({f"{n}.png": b"x" for n in range(10_001)}), "batch_too_large"),
        (overlapping(), "archive_bomb"),
        (of_directory(archives.MAX_DIRECTORY_BYTES + 1), "batch_too_large"),
        (broken(), "archive_damaged"),
    ],
    ids=["empty", "only hidden", "too many", "overlapping", "large directory", "broken"],
)
@pytest.mark.django_db(transaction=True)
def test_an_archive_that_cannot_be_listed_fails_as_a_whole(
    people: People, stored_files: Names, queued: Count, content: bytes, code: str
) -> None:
    with team_scope(people.team):
        job = archive_batch(people.team, content)
        assert (job.status, job.error_code, job.total, job.listing) == ("failed", code, 0, False)
        assert JobItem.objects.count() == TeamUsage.objects.get(team=people.team).pictures == 0
    assert stored_files() == []
    assert queued() == 1, "the listing alone"


def encrypted() -> bytes:
    """The first entry is marked as encrypted."""
    content = bytearray(zip_of({"a.png": photo(1), "b.png": photo(2)}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def lying(claimed: int) -> bytes:
    """An entry whose directory claims another size than its data has."""
    content = bytearray(zip_of({"a.png": b"0" * 500_000}, zipfile.ZIP_DEFLATED))
    start = content.index(b"PK\x01\x02")
    content[start + 24 : start + 28] = struct.pack("<I", claimed)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "first"),
    [
        (encrypted(), ("failed", "archive_entry_encrypted")),
        (zip_of({"../../etc/passwd": photo(1), "b.png": photo(2)}), ("failed", "archive_entry_path")),
        (zip_of({"/etc/passwd": photo(1)}), ("failed", "archive_entry_path")),
        (zip_of({"C:\\a.png": photo(1)}), ("failed", "archive_entry_path")),
        (zip_of({"a.png": photo(1)}, zipfile.ZIP_LZMA), ("failed", "archive_entry_packing")),
        (zip_of({"a.png": b"0" * 2_000_000}, zipfile.ZIP_DEFLATED), ("failed", "archive_bomb")),
        (zip_of({"a.png": bytes(26 * 1024**2)}, zipfile.ZIP_DEFLATED), ("failed", "file_too_large")),
        (lying(1000), ("failed", "archive_bomb")),
        (lying(600_000), ("failed", "archive_damaged")),
        (zip_of({"inner.zip": zip_of({"a.png": photo(1)})}), ("failed", "format_not_supported")),
    ],
    ids=[
        *(
            "encrypted",
            "dots",
            "absolute",
            "drive",
            "packing",
            "ratio",
            "large",
            "smaller",
            "larger",
            "nested",
        )
    ],
)
def test_an_entry_that_cannot_be_taken_fails_alone(
    in_team: Team, stored_files: Names, content: bytes, first: tuple[str, str]
) -> None:
    job = archive_batch(in_team, content)
    work_off(job, EngineWithoutNets())
    states = states_of(job)
    assert states[0] == first
    assert states[1:] == [("succeeded", "")] * (len(states) - 1)
    assert job.is_over
    assert TeamUsage.objects.get(team=in_team).pictures == len(states) - 1
    assert not [name for name in stored_files() if "passwd" in name]


def test_the_size_of_an_entry_is_held_however_it_is_packed() -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packed.compress(bytes(50_000_000)) + packed.flush()
    with pytest.raises(Refusal) as refusal:
        archives._unpacked(data, zipfile.ZIP_DEFLATED, 1_000_000)
    assert refusal.value.code == "archive_bomb"


def test_a_64_bit_end_cannot_hide_the_size_of_the_directory() -> None:
    content = zip_of({"a.png": photo(1)})
    end = content.rindex(b"PK\x05\x06")
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 10**12, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    forged = content[:end] + record + locator + content[end:]
    assert archives._directory_size(io.BytesIO(forged)) == 10**12
    assert archives._directory_size(io.BytesIO(content)) < 1000  # type: ignore[operator]


def test_an_archive_over_the_quota_fails_and_analyses_nothing(in_team: Team, stored_files: Names) -> None:
    in_team.plan = Plan.objects.create(name="small", pictures_per_month=1)
    in_team.save()
    job = archive_batch(in_team, zip_of({"a.png": photo(1), "b.png": photo(2)}))
    assert (job.status, job.error_code, job.total) == ("failed", "quota_pictures", 0)
    assert JobItem.objects.count() == TeamUsage.objects.get(team=in_team).pictures == 0


def test_ten_thousand_entries_are_listed_with_few_queries(
    in_team: Team, django_assert_max_num_queries: Any
) -> None:
    content = zip_of({f"folder/{n}.jpg": b"x" for n in range(10_000)})
    job = archive_batch(in_team, content, listed=False)
    with django_assert_max_num_queries(25):
        batch_list(batch_id=job.pk)
    assert JobItem.objects.filter(job=job).count() == 10_000


@pytest.mark.django_db(transaction=True)
def test_a_listing_that_was_lost_is_sent_again_and_given_up_at_last(
    people: People, queued: Count, stored_files: Names
) -> None:
    with team_scope(people.team):
        job = archive_batch(people.team, zip_of({"a.png": photo(1)}), listed=False)
    assert forgotten_listings_send() == 0
    with team_scope(people.team):
        Job.objects.update(created_at=timezone.now() - RESEND_AFTER - timedelta(seconds=1))
    before = queued()
    assert forgotten_listings_send() == 1
    assert queued() == before + 1
    with team_scope(people.team):
        Job.objects.update(created_at=timezone.now() - GIVE_UP_AFTER - timedelta(seconds=1))
    assert forgotten_listings_send() == 1
    with team_scope(people.team):
        job.refresh_from_db()
        assert (job.status, job.error_code, job.listing) == ("failed", "batch_not_listed", False)
    assert stored_files() == []
    assert forgotten_listings_send() == 0


def test_an_archive_whose_file_is_lost_says_so(in_team: Team, tmp_path: Path) -> None:
    job = archive_batch(in_team, zip_of({"a.png": photo(1)}))
    files.erase([job.archive])
    work_off(job, EngineWithoutNets())
    assert states_of(job) == [("failed", "archive_gone")]
    job = archive_batch(in_team, zip_of({"a.png": photo(1)}), listed=False)
    files.erase([job.archive])
    batch_list(batch_id=job.pk)
    job.refresh_from_db()
    assert (job.status, job.error_code) == ("failed", "archive_gone")


def test_only_the_addresses_that_take_archives_let_large_requests_in() -> None:
    asked: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await receive()

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    answers: list[Any] = []

    async def send(message: Any) -> None:
        answers.append(message)

    guard = BodyGuard(app, limit=100, larger={"/api/v1/batches": 1000})
    for path, length in (
        *(("/api/v1/batches", b"1000"), ("/api/v1/batches", b"1001")),
        *(("/api/v1/media", b"101"), ("/api/v1/batches/x", b"101"), ("/api/v1/media", b"100")),
    ):
        scope = {"type": "http", "path": path, "headers": [(b"content-length", length)]}
        async_to_sync(guard)(scope, receive, send)
    assert asked == ["/api/v1/batches", "/api/v1/media"]
    assert [one["status"] for one in answers if "status" in one] == [413, 413, 413]
