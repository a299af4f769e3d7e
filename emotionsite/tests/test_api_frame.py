"""What all of /api/v1 has in common: pages, filters, fields, ETags, strict parameters, bodies."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.access import team_scope
from analysis.models import Face
from conftest import People
from media_jobs.models import Job, Media
from media_jobs.tests.helpers import photo as picture
from media_jobs.tests.helpers import photos, upload
from media_jobs.work import chunk_analyze
from tests.fakes import EngineWithoutNets


@pytest.fixture()
def headers(people: People) -> dict[str, str]:
    return {"Authorization": f"Bearer {people.key()}"}


def get(headers: dict[str, str], path: str, /, **query: Any) -> Any:
    return Client().get(f"/api/v1/{path}" + (f"?{urlencode(query)}" if query else ""), headers=headers)


def analysed(people: People, seed: int, faces: int = 2, name: str = "a.png") -> Media:
    with team_scope(people.team):
        made = upload(people.team, picture(seed), name)
        chunk_analyze(team=people.team, job_id=made.job.pk, chunk=0, engine=EngineWithoutNets(faces=faces))
    return made.media


def problem(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


# --- Fields ---------------------------------------------------------------------------------------
def test_only_the_fields_asked_for_are_shown(people: People, headers: dict[str, str]) -> None:
    media = analysed(people, 1)
    one = get(headers, f"media/{media.pk}", fields="filename,id").json()
    assert one == {"id": str(media.pk), "filename": "a.png"}
    assert get(headers, "media", fields="id").json()["results"] == [{"id": str(media.pk)}]


def test_a_dot_leads_inside_a_field(people: People, headers: dict[str, str]) -> None:
    media = analysed(people, 1)
    body = get(headers, f"media/{media.pk}", fields="faces.number,faces.strongest").json()
    assert body == {"faces": [{"number": n, "strongest": "happiness"} for n in (1, 2)]}
    whole = get(headers, f"media/{media.pk}", fields="faces.number,faces").json()["faces"][0]
    assert {"id", "number", "box", "emotions"} <= set(whole)


@pytest.mark.parametrize(("fields", "read"), [("id", False), ("faces.id", True)])
def test_faces_nobody_asks_for_are_not_read(
    people: People, headers: dict[str, str], fields: str, read: bool
) -> None:
    media = analysed(people, 1)
    with CaptureQueriesContext(connection) as captured:
        get(headers, f"media/{media.pk}", fields=fields)
    assert any('FROM "analysis_face"' in query["sql"] for query in captured) is read


@pytest.mark.parametrize("fields", ["id,filname", "", ",", "faces.nose", "id.x", "faces.box.left.x", "\0"])
def test_a_field_that_is_not_there_is_refused_by_name(
    people: People, headers: dict[str, str], fields: str
) -> None:
    media = analysed(people, 1)
    answer = get(headers, f"media/{media.pk}", fields=fields)
    assert problem(answer) == (400, "fields_unknown")
    assert "filename" in answer.json()["detail"], "it says which there are"
    if "filname" in fields:
        assert "'filname'" in answer.json()["detail"]
        assert "'id'" not in answer.json()["detail"]


# --- ETags ----------------------------------------------------------------------------------------
def test_an_answer_that_did_not_change_is_not_sent_twice(people: People, headers: dict[str, str]) -> None:
    media = analysed(people, 1)
    first = get(headers, f"media/{media.pk}")
    tag = first["ETag"]
    assert tag.startswith('"')
    assert first["Cache-Control"] == "private, no-cache"
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = Client().get(f"/api/v1/media/{media.pk}", headers={**headers, "If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again["ETag"] == tag
        assert again["X-Request-ID"]
    other = Client().get(f"/api/v1/media/{media.pk}", headers={**headers, "If-None-Match": '"other"'})
    assert (other.status_code, other["ETag"]) == (200, tag)


def test_the_tag_is_of_what_is_shown(people: People, headers: dict[str, str]) -> None:
    media = analysed(people, 1)
    tags = {get(headers, f"media/{media.pk}", **query)["ETag"] for query in ({}, {"fields": "id"})}
    assert len(tags) == 2
    before = get(headers, "media")["ETag"]
    analysed(people, 2)
    assert get(headers, "media")["ETag"] != before


def test_errors_and_changes_have_no_tag(people: People, headers: dict[str, str]) -> None:
    assert "ETag" not in get(headers, "media", x="1")
    assert "ETag" not in Client().post("/api/v1/media", headers=headers)


# --- Parameters -----------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["media", "jobs", "media/8e16d2f4-f529-4364-a7cc-f311d2068e71"])
def test_a_misspelt_parameter_is_refused_by_name(headers: dict[str, str], path: str) -> None:
    answer = get(headers, path, staus="failed", fields="id")
    assert problem(answer) == (400, "parameter_unknown")
    assert "'staus'" in answer.json()["detail"]
    assert "fields" in answer.json()["detail"]


def test_a_parameter_of_get_is_none_of_post(people: People, headers: dict[str, str]) -> None:
    answer = Client().post("/api/v1/media?fields=id", headers=headers)
    assert problem(answer) == (400, "parameter_unknown")


def test_head_answers_like_get(people: People, headers: dict[str, str]) -> None:
    answer = Client().head("/api/v1/media?fields=id", headers=headers)
    assert answer.status_code == 200
    assert answer["ETag"] == get(headers, "media", fields="id")["ETag"]
    assert problem(Client().options("/api/v1/media", headers=headers)) == (405, "method_not_allowed")


# --- Pages ----------------------------------------------------------------------------------------
def cursor(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "value",
    [
        *(
            "xx",
            "%",
            "ä",
            cursor("p=yesterday"),
            cursor("p=2026-11-22T09:17:04"),
            cursor("o=x"),
            cursor("r=x"),
        ),
        *(cursor("p=99999-01-01"), cursor("p=\0"), cursor("o=-1"), cursor("p=0001-13-01T00:00:00Z")),
    ],
)
def test_a_cursor_that_cannot_be_is_refused(people: People, headers: dict[str, str], value: str) -> None:
    analysed(people, 1)
    assert problem(get(headers, "media", cursor=value)) == (400, "cursor_invalid")


@pytest.mark.parametrize("size", ["0", "-1", "201", "abc", "1.5", "", "9" * 5000, "\u0661", "1_0", " 5"])
def test_a_page_size_that_cannot_be_is_refused(headers: dict[str, str], size: str) -> None:
    answer = get(headers, "media", page_size=size)
    assert problem(answer) == (400, "invalid")
    assert list(answer.json()["errors"]) == ["page_size"]


def test_pages_show_every_entry_once_while_others_arrive(people: People, headers: dict[str, str]) -> None:
    with team_scope(people.team):
        old = {str(media.pk) for media in photos(people.team, 5)}
    seen: list[str] = []
    address: str | None = "/api/v1/media?page_size=2&fields=id"
    while address:
        page = Client().get(address, headers=headers).json()
        seen += [item["id"] for item in page["results"]]
        analysed(people, 50 + len(seen))
        address = page["next"]
    assert len(seen) == len(set(seen))
    assert set(seen) == old


# --- Filters --------------------------------------------------------------------------------------
@pytest.fixture()
def three(people: People) -> dict[str, Media]:
    made = {
        "none": analysed(people, 1, faces=0, name="Street.png"),
        "two": analysed(people, 2, faces=2, name="street_100%.png"),
    }
    with team_scope(people.team):
        made["waits"] = upload(people.team, picture(3), "portrait.png").media
    return made


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "queued"}, {"waits"}),
        ({"status": "succeeded"}, {"none", "two"}),
        ({"status": "failed"}, set()),
        ({"filename": "STREET"}, {"none", "two"}),
        ({"filename": "0%"}, {"two"}),
        ({"filename": "_"}, {"two"}),
        ({"faces_min": "1"}, {"two"}),
        ({"faces_max": "1"}, {"none"}),
        ({"faces_min": "0", "faces_max": "2147483647"}, {"none", "two"}),
        ({"strongest": "happiness"}, {"two"}),
        ({"strongest": "anger"}, set()),
        ({"created_after": "2020-01-01T00:00:00Z"}, {"none", "two", "waits"}),
        ({"created_before": "2020-01-01T00:00:00+02:00"}, set()),
        ({"created_before": "0200-12-18T10:02:50.714156-21:28"}, set()),
        ({"created_before": "2020-01-01"}, set()),
        ({"status": "succeeded", "filename": "street", "faces_min": "1"}, {"two"}),
    ],
)
def test_photos_are_found_by_what_they_are(
    headers: dict[str, str], three: dict[str, Media], query: dict[str, str], expected: set[str]
) -> None:
    found = {item["id"] for item in get(headers, "media", **query).json()["results"]}
    assert found == {str(three[name].pk) for name in expected}


def test_a_photo_is_found_by_its_bytes(headers: dict[str, str], three: dict[str, Media]) -> None:
    found = get(headers, "media", sha256=three["two"].sha256, fields="id").json()["results"]
    assert found == [{"id": str(three["two"].pk)}]


def test_an_emotion_that_is_switched_off_finds_no_photo(
    people: People, headers: dict[str, str], three: dict[str, Media]
) -> None:
    people.team.analyze_emotion = False
    people.team.save()
    with team_scope(people.team):
        assert Face.objects.filter(strongest="happiness").exists(), "not erased yet"
    assert get(headers, "media", strongest="happiness").json()["results"] == []


def test_jobs_are_found_by_state_and_kind(people: People, headers: dict[str, str], three: Any) -> None:
    with team_scope(people.team):
        waiting = str(Job.objects.get(status="queued").pk)
    assert [item["id"] for item in get(headers, "jobs", status="queued").json()["results"]] == [waiting]
    assert len(get(headers, "jobs", kind="photos").json()["results"]) == 3
    assert get(headers, "jobs", kind="batch").json()["results"] == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        *(("media", {"status": "pending"}), ("media", {"faces_min": "-1"}), ("media", {"faces_min": "1e3"})),
        *(
            ("media", {"faces_max": "2147483648"}),
            ("media", {"sha256": "abc"}),
            ("media", {"strongest": "joy"}),
        ),
        ("media", {"created_after": "yesterday"}),
        ("media", {"created_after": "0001-01-01T00:00:00+01:00"}),
        ("media", {"created_before": "9999-12-31T23:59:59-01:00"}),
        ("media", {"filename": "a\0b"}),
        *(("media", {"filename": "x" * 256}), ("jobs", {"status": "pending"}), ("jobs", {"kind": "film"})),
    ],
)
def test_a_filter_that_cannot_be_is_refused_by_name(
    headers: dict[str, str], path: str, query: dict[str, str]
) -> None:
    answer = get(headers, path, **query)
    assert problem(answer) == (400, "invalid")
    assert list(answer.json()["errors"]) == list(query)


# --- Bodies ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" * 200_000, "application/json"),
        (b'{"name": ' + b"9" * 5000 + b"}", "application/json"),
        (b'{"name": NaN}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"{}", "application/json; charset=hex"),
        (b"{}", "application/json; charset=rot13"),
        (b"{}", "application/json; charset=idna"),
        (b"\x00" * 8, "application/json; charset=utf-32"),
        (b"", "application/json"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    people: People, headers: dict[str, str], body: bytes, kind: str
) -> None:
    answer = Client().generic("POST", "/api/v1/keys", body, content_type=kind, headers=headers)
    status, code = problem(answer)
    assert (status, code) in {(400, "request_malformed"), (400, "invalid")}


@pytest.mark.parametrize(
    "body", ["[]", "1", "null", '"text"', "{}", '{"name": "a\\u0000b", "scopes": ["read"]}']
)
def test_json_of_another_shape_is_refused(people: People, headers: dict[str, str], body: str) -> None:
    answer = Client().post("/api/v1/keys", body, content_type="application/json", headers=headers)
    assert problem(answer) == (400, "invalid")


def test_a_long_body_is_refused_where_none_is_needed_and_read_where_one_is(
    people: People, headers: dict[str, str]
) -> None:
    long = "x" * 1_100_000
    body = json.dumps({"name": long, "scopes": ["read"]})
    answer = Client().post("/api/v1/keys", body, content_type="application/json", headers=headers)
    assert problem(answer) == (413, "body_too_large")
    address = "https://example.org/" + "x" * 180
    items = json.dumps({"items": [{"url": f"{address}/{number}.jpg"} for number in range(6000)]})
    assert len(items) > 1_200_000
    answer = Client().post("/api/v1/batches", items, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["total"]) == (202, 6000)
