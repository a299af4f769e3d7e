"""Uploads that are refused: nothing is kept, nothing is changed."""

import io
from typing import Any

import pytest
from django.core.files.storage import default_storage
from pytest_django import Settings

from accounts.access import team_scope
from accounts.plans import plan_set, team_plan_set
from conftest import People
from media_jobs.refusals import Refusal
from media_jobs.video import uploads

from .upload_helpers import CONTENT, PART, TUS, Door, Names, api_door, page_door, refused, rows, stored_bytes


@pytest.fixture(params=["api", "page"])
def door(request: pytest.FixtureRequest, people: People) -> Door:
    return api_door(people) if request.param == "api" else page_door(people)


# --- Refusals: nothing is kept, nothing is changed --------------------------------------------------
@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1"])
def test_another_version_is_refused(door: Door, version: str | None, stored_files: Names) -> None:
    url = door.begun(len(CONTENT))
    headers = {**door.headers, "Upload-Length": "5", "Upload-Offset": "0"}
    if version:
        headers["Tus-Resumable"] = version
    answers = [
        door.client.post(door.uploads, headers=headers),
        door.client.patch(url, CONTENT, PART, headers=headers),
        door.client.delete(url, headers=headers),
    ]
    for answer in answers:
        refused(answer, 412, "tus_version_unsupported")
        assert answer["Tus-Version"] == "1.0.0"
    assert door.client.head(url, headers=headers).status_code == 412
    assert (len(rows()), stored_files(), door.offset(url)) == (1, [], 0)


@pytest.mark.parametrize("length", ["", "-1", "5.0", "many", "+5", " ", "9" * 20, str(2**63)])
def test_a_length_that_cannot_be_read_is_refused(door: Door, length: str) -> None:
    refused(door.begin(length), 400, "upload_header_invalid")
    assert rows() == []


def test_a_length_that_comes_later_is_refused(door: Door) -> None:
    headers = {**door.headers, **TUS, "Upload-Defer-Length": "1"}
    problem = refused(door.client.post(door.uploads, headers=headers), 400, "upload_header_invalid")
    assert "Upload-Defer-Length" in problem["detail"]
    assert rows() == []


@pytest.mark.parametrize(
    "metadata", ["filename !!!", "filename /w==", "filename YQ==,filename YQ==", ",", "a b c"]
)
def test_metadata_that_cannot_be_read_are_refused(door: Door, metadata: str) -> None:
    refused(door.begin(5, **{"Upload-Metadata": metadata}), 400, "upload_header_invalid")
    assert rows() == []


@pytest.mark.parametrize(
    ("metadata", "name"),
    [("", "video"), ("is_confidential", "video"), ("filetype dmlkZW8=, filename YS5tcDQ=", "a.mp4")],
)
def test_metadata_may_be_left_out_or_hold_more(door: Door, metadata: str, name: str) -> None:
    assert door.begin(5, **{"Upload-Metadata": metadata}).status_code == 201
    assert [row.filename for row in rows()] == [name]


def test_names_hold_no_folders_and_no_control_characters(door: Door) -> None:
    door.begin(5, "../../C:\\etc\\a\x00\nb.mp4")
    assert [row.filename for row in rows()] == ["ab.mp4"]


def test_more_than_the_largest_file_is_refused(door: Door, settings: Settings) -> None:
    assert door.begin(settings.MAX_VIDEO_BYTES).status_code == 201
    refused(door.begin(settings.MAX_VIDEO_BYTES + 1), 413, "video_too_large")
    assert len(rows()) == 1


@pytest.mark.parametrize("kind", ["application/octet-stream", "video/mp4", "application/json", ""])
def test_another_content_type_is_refused(door: Door, kind: str, stored_files: Names) -> None:
    url = door.begun(len(CONTENT))
    refused(door.part(url, 0, CONTENT, kind), 415, "upload_content_type")
    assert (door.offset(url), stored_files()) == (0, [])


@pytest.mark.parametrize("offset", [0, 999, 1001, len(CONTENT)])
def test_a_part_at_a_wrong_place_is_refused(door: Door, offset: int, stored_files: Names) -> None:
    url = door.begun(len(CONTENT))
    door.part(url, 0, CONTENT[:1000])
    before = stored_files()
    problem = refused(door.part(url, offset, CONTENT[:10]), 409, "upload_offset_mismatch")
    assert problem["offset"] == 1000
    assert (door.offset(url), stored_files()) == (1000, before)


@pytest.mark.parametrize("offset", ["", "-5", "x"])
def test_an_offset_that_cannot_be_read_is_refused(door: Door, offset: str, stored_files: Names) -> None:
    url = door.begun(len(CONTENT))
    refused(door.part(url, offset, CONTENT), 400, "upload_header_invalid")
    assert (door.offset(url), stored_files()) == (0, [])


def test_more_bytes_than_announced_are_refused(door: Door, people: People, stored_files: Names) -> None:
    url = door.begun(1000)
    refused(door.part(url, 0, CONTENT[:1001]), 413, "upload_past_end")
    door.part(url, 0, CONTENT[:600])
    refused(door.part(url, 600, CONTENT[:401]), 413, "upload_past_end")
    assert (door.offset(url), len(stored_files()), stored_bytes(people)) == (600, 1, 600)


def test_a_part_over_the_limit_is_refused(door: Door, settings: Settings, stored_files: Names) -> None:
    settings.VIDEO_PART_BYTES = 1000
    url = door.begun(len(CONTENT))
    refused(door.part(url, 0, CONTENT[:1001]), 413, "upload_part_too_large")
    assert (door.offset(url), stored_files()) == (0, [])
    assert door.part(url, 0, CONTENT[:1000]).status_code == 204


def test_a_part_that_says_to_be_shorter_is_stopped_at_the_limits(
    people: People, settings: Settings, stored_files: Names
) -> None:
    """The length of a request is the client's word; what counts is what comes."""
    settings.VIDEO_PART_BYTES = 1000
    with team_scope(people.team):
        upload = uploads.upload_begin(team=people.team, length=2000, filename="a", user=None)
        for offset, sent, code in [(0, 1001, "upload_part_too_large"), (0, 5000, "upload_part_too_large")]:
            with pytest.raises(Refusal) as refusal:
                uploads.upload_append(
                    upload_id=upload.pk, offset=offset, stream=io.BytesIO(b"x" * sent), announced=1
                )
            assert refusal.value.code == code
        for offset in (0, 1000):
            uploads.upload_append(
                upload_id=upload.pk, offset=offset, stream=io.BytesIO(b"x" * 1000), announced=1
            )
        with pytest.raises(Refusal) as refusal:
            uploads.upload_append(upload_id=upload.pk, offset=2000, stream=io.BytesIO(b"x"), announced=0)
        assert refusal.value.code == "upload_past_end"
    assert len(stored_files()) == 2


def test_endless_small_parts_are_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_PARTS", 3)
    url = door.begun(100)
    for offset in range(3):
        assert door.part(url, offset, b"x").status_code == 204
    refused(door.part(url, 3, b"x"), 422, "upload_too_many_parts")
    assert door.offset(url) == 3


def test_a_team_has_a_bounded_number_of_unfinished_uploads(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_OPEN", 2)
    door.begun(5)
    door.begun(5)
    refused(door.begin(5), 422, "uploads_too_many")
    assert len(rows()) == 2


def test_an_upload_that_cannot_fit_is_refused_before_it_comes(door: Door, people: People) -> None:
    team_plan_set(team=people.team, plan=plan_set(name="small", storage_bytes=5000))
    assert door.begin(5000).status_code == 201
    refused(door.begin(5001), 403, "quota_storage")
    assert len(rows()) == 1


def test_each_part_is_measured_against_what_is_left(door: Door, people: People, stored_files: Names) -> None:
    """Two uploads that would fit alone: the room of the second is gone when the first one has come."""
    team_plan_set(team=people.team, plan=plan_set(name="small", storage_bytes=5000))
    first, second = door.begun(3000), door.begun(3000)
    door.part(first, 0, CONTENT[:3000])
    assert door.part(second, 0, CONTENT[:2000]).status_code == 204
    before = stored_files()
    refused(door.part(second, 2000, CONTENT[:1000]), 403, "quota_storage")
    assert (door.offset(second), stored_files(), stored_bytes(people)) == (2000, before, 5000)


def test_the_largest_file_of_a_plan_is_not_that_of_uploads(door: Door, people: People) -> None:
    team_plan_set(team=people.team, plan=plan_set(name="small", largest_file_bytes=1024))
    assert door.begin(100_000).status_code == 201


def test_a_full_disk_leaves_nothing_of_the_part(
    door: Door, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = door.begun(len(CONTENT))
    door.part(url, 0, CONTENT[:1000])
    before = stored_files()

    def full(name: str, content: Any) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(default_storage, "save", full)
        refused(door.part(url, 1000, CONTENT[1000:]), 507, "storage_full")
    assert (door.offset(url), stored_files()) == (1000, before)
    assert door.part(url, 1000, CONTENT[1000:]).status_code == 204
