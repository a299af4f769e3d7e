"""`/api/v1/batches` and the pages of batches, as clients and people use them."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow.parquet
import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts.access import team_scope
from accounts.models import Team, TeamUsage
from conftest import People
from media_jobs import results
from media_jobs.api.batch_serializers import ItemsField, read_item
from media_jobs.batches import Reference, batch_cancel, batch_create
from media_jobs.listing import batch_list
from media_jobs.models import Job, JobItem
from media_jobs.tests.pictures import encoded, noise
from tests.fakes import EngineWithoutNets

from .batch_helpers import archive_batch, batch_of_photos, items_of, zip_of
from .helpers import photo, photos, work_off

Count = Callable[[], int]
Names = Callable[[], list[str]]


class Api:
    """A client with a key."""

    def __init__(self, people: People, *scopes: str) -> None:
        self._headers = {"Authorization": f"Bearer {people.key(*scopes)}"}
        self._client = Client()

    def get(self, path: str) -> Any:
        return self._client.get(f"/api/v1/{path}", headers=self._headers)

    def post(self, path: str, body: Any = None) -> Any:
        content = json.dumps(body)
        return self._client.post(f"/api/v1/{path}", content, "application/json", headers=self._headers)

    def send(self, path: str, form: dict[str, Any]) -> Any:
        return self._client.post(f"/api/v1/{path}", form, headers=self._headers)


@pytest.fixture()
def api(people: People) -> Api:
    return Api(people)


def content_of(answer: HttpResponse) -> bytes:
    """The whole of a streamed answer."""

    async def collect() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])  # type: ignore[attr-defined]

    return async_to_sync(collect)()


# --- Making one -----------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_batch_of_items_is_made_followed_and_its_items_are_listed(people: People, api: Api) -> None:
    with team_scope(people.team):
        first, second = photos(people.team, 2)
    items = [
        {"media_id": str(first.pk), "name": "one"},
        {"media_id": str(second.pk)},
        {"url": "https://example.org/c%20d.jpg?token=hidden"},
    ]
    made = api.post("batches", {"name": "three", "items": items})
    assert made.status_code == 202, made.content
    batch = made.json()
    assert made["Location"] == f"/api/v1/batches/{batch['id']}"
    assert {
        name: batch[name] for name in ("name", "status", "listing", "total", "pending", "seconds_left")
    } == {
        "name": "three",
        "status": "queued",
        "listing": False,
        "total": 3,
        "pending": 3,
        "seconds_left": None,
    }
    listed = api.get(f"batches/{batch['id']}/items").json()["results"]
    assert [(item["position"], item["name"], item["status"]) for item in listed] == [
        (0, "one", "pending"),
        (1, "1.png", "pending"),
        (2, "c d.jpg", "pending"),
    ]
    assert b"hidden" not in api.get(f"batches/{batch['id']}/items").content
    assert [one["id"] for one in api.get("batches?status=queued").json()["results"]] == [batch["id"]]
    assert api.get("batches?status=running").json()["results"] == []
    assert api.get("batches?status=lost").status_code == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "non_field_errors"),
        ({"items": [], "s3": {}}, "s3"),
        ({"items": {}}, "items"),
        ({"items": [{}]}, "items"),
        ({"items": [{"url": "https://example.org/a", "media_id": "x"}]}, "items"),
        ({"items": [{"media_id": "x"}]}, "items"),
        ({"items": [{"media_id": 7}]}, "items"),
        ({"items": [{"url": "https://example.org/a", "surprise": 1}]}, "items"),
        ({"items": [{"url": "https://example.org/a", "name": "x" * 256}]}, "items"),
        ({"s3": {"bucket": "trial"}}, "s3"),
        ({"s3": {"bucket": "a/../b", "access_key": "a", "secret_key": "b"}}, "s3"),
        ({"s3": {"bucket": "trial", "access_key": "a", "secret_key": "b", "region": "x.evil.org/"}}, "s3"),
    ],
)
def test_a_body_that_cannot_be_is_refused_by_field_and_writes_nothing(
    people: People, api: Api, queued: Count, body: Any, field: str
) -> None:
    answer = api.post("batches", body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.content
    assert field in answer.json()["errors"]
    with team_scope(people.team):
        assert Job.objects.count() == queued() == 0


def test_of_many_wrong_items_the_first_few_are_named() -> None:
    from rest_framework.serializers import ValidationError

    with pytest.raises(ValidationError) as error:
        ItemsField().to_internal_value([{"url": ""}] * 9)
    assert list(error.value.detail) == ["1", "2", "3", "4", "5"]
    assert read_item({"url": "https://example.org/a"}) == Reference(url="https://example.org/a")


@pytest.mark.parametrize(
    ("items", "status", "code"),
    [
        ([], 400, "batch_empty"),
        ([{"url": "https://example.org/a"}] * 10_001, 422, "batch_too_large"),
        ([{"media_id": "00000000-0000-4000-8000-000000000000"}], 400, "batch_media_unknown"),
        ([{"url": "https://example.org/a"}, {"url": "gopher://example.org"}], 400, "url_malformed"),
    ],
)
def test_a_refused_batch_says_why(api: Api, items: Any, status: int, code: str) -> None:
    answer = api.post("batches", {"items": items})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert code != "url_malformed" or answer.json()["detail"].startswith("Item 2: ")


@pytest.mark.django_db(transaction=True)
def test_an_archive_is_sent_as_a_form(people: People, api: Api, stored_files: Names) -> None:
    archive = SimpleUploadedFile("a.zip", zip_of({"a.png": photo(1)}))
    made = api.send("batches", {"archive": archive, "name": "zipped"})
    assert made.status_code == 202, made.content
    assert made.json()["listing"] is True
    assert len(stored_files()) == 1
    with team_scope(people.team):
        batch_list(batch_id=made.json()["id"])
    assert api.get(f"batches/{made.json()['id']}").json()["total"] == 1
    refused = api.send("batches", {"archive": SimpleUploadedFile("a.zip", photo(1))})
    assert (refused.status_code, refused.json()["code"]) == (415, "archive_not_zip")
    assert api.send("batches", {"name": "without"}).status_code == 400
    assert len(stored_files()) == 1


@pytest.mark.django_db(transaction=True)
def test_credentials_of_a_bucket_are_shown_to_nobody(people: People, api: Api) -> None:
    source = {"bucket": "trial", "prefix": "p/", "access_key": "AKID", "secret_key": "hidden-words"}
    made = api.post("batches", {"s3": source})
    assert made.status_code == 202, made.content
    with team_scope(people.team):
        (job,) = Job.objects.all()
        assert "hidden-words" not in job.sealed_source
    for path in ("batches", f"batches/{job.pk}", "jobs", "audit"):
        assert b"hidden-words" not in api.get(path).content


# --- Following it -----------------------------------------------------------------------------------
def test_counts_add_up_and_failed_items_are_filtered(people: People, api: Api) -> None:
    with team_scope(people.team):
        job = archive_batch(people.team, zip_of({f"{n}.png": photo(n + 1, 40 + n) for n in range(6)}))
        from media_jobs.work import chunk_analyze

        engine = EngineWithoutNets(fails_on_width=frozenset({41}))
        chunk_analyze(team=people.team, job_id=job.pk, chunk=0, engine=engine)
    batch = api.get(f"batches/{job.pk}").json()
    counts = {name: batch[name] for name in ("total", "done", "succeeded", "failed", "cancelled", "pending")}
    assert counts == {"total": 6, "done": 4, "succeeded": 3, "failed": 1, "cancelled": 0, "pending": 2}
    assert batch["status"] == "running"
    assert 0 <= batch["seconds_left"] < 60
    (failed,) = api.get(f"batches/{job.pk}/items?status=failed").json()["results"]
    assert (failed["name"], failed["error"]["code"]) == ("1.png", "analysis_failed")
    cancelled = api.post(f"batches/{job.pk}/cancel").json()
    assert (cancelled["status"], cancelled["cancelled"], cancelled["pending"]) == ("cancelled", 2, 0)
    assert api.post(f"batches/{job.pk}/cancel").status_code == 200
    retried = api.post(f"batches/{job.pk}/retry")
    assert (retried.status_code, retried.json()["pending"]) == (202, 1)
    assert api.post(f"batches/{job.pk}/retry").json()["code"] == "batch_running"


def test_items_come_in_pages_by_position(people: People, api: Api) -> None:
    with team_scope(people.team):
        job = batch_create(team=people.team, references=[Reference(url="https://example.org/a")] * 25)
    seen = []
    path = f"batches/{job.pk}/items?page_size=10"
    while path:
        page = api.get(path).json()
        seen += [item["position"] for item in page["results"]]
        path = page["next"] and page["next"].partition("/api/v1/")[2]
    assert seen == list(range(25))


def test_lists_take_no_more_queries_for_more_batches(
    people: People, api: Api, django_assert_max_num_queries: Any
) -> None:
    with team_scope(people.team):
        media = photos(people.team, 1)
        batch_create(team=people.team, references=[Reference(media_id=media[0].pk)])
    with django_assert_max_num_queries(20) as captured:
        api.get("batches")
    with team_scope(people.team):
        for _ in range(9):
            batch_create(team=people.team, references=[Reference(media_id=media[0].pk)])
    with django_assert_max_num_queries(len(captured)):
        assert len(api.get("batches").json()["results"]) == 10


# --- Results ----------------------------------------------------------------------------------------
@pytest.fixture()
def finished(people: People) -> Job:
    """Two photos with two faces each, one that failed, one that was cancelled; a name that is a formula."""
    with team_scope(people.team):
        content = {
            "=1+1.png": photo(1),
            "b.png": photo(2),
            "words.txt": b"words " * 400,
            "d.png": photo(3),
            "late.png": photo(4),
        }
        job = archive_batch(people.team, zip_of(content))
        from media_jobs.work import chunk_analyze

        engine = EngineWithoutNets(faces=2)
        chunk_analyze(team=people.team, job_id=job.pk, chunk=0, engine=engine)
        batch_cancel(batch_id=job.pk)
    return job


@pytest.mark.django_db(transaction=True)
def test_json_lines_have_a_line_per_picture(api: Api, finished: Job) -> None:
    answer = api.get(f"batches/{finished.pk}/results")
    assert answer["Content-Type"] == "application/x-ndjson"
    assert f"batch-{finished.pk}.jsonl" in answer["Content-Disposition"]
    lines = [json.loads(line) for line in content_of(answer).splitlines()]
    assert [(line["name"], line["status"]) for line in lines] == [
        *(("=1+1.png", "succeeded"), ("b.png", "succeeded"), ("words.txt", "failed")),
        *(("d.png", "succeeded"), ("late.png", "cancelled")),
    ]
    assert [face["number"] for face in lines[0]["faces"]] == [1, 2]
    assert lines[0]["faces"][0]["emotions"]["happiness"] == pytest.approx(0.65)
    assert lines[2]["error"]["code"] == "format_not_supported"
    assert lines[2]["faces"] is lines[4]["faces"] is None
    photo_of_it = api.get(f"media/{lines[0]['media_id']}").json()
    assert photo_of_it["faces"] == lines[0]["faces"], "a face looks the same everywhere"


@pytest.mark.django_db(transaction=True)
def test_csv_has_a_row_per_face_and_no_cell_that_a_spreadsheet_runs(api: Api, finished: Job) -> None:
    answer = api.get(f"batches/{finished.pk}/results?format=csv")
    rows = list(csv.DictReader(io.StringIO(content_of(answer).decode())))
    assert tuple(rows[0]) == results.COLUMNS
    assert [(row["name"], row["face_number"], row["status"]) for row in rows] == [
        ("'=1+1.png", "1", "succeeded"),
        ("'=1+1.png", "2", "succeeded"),
        ("b.png", "1", "succeeded"),
        ("b.png", "2", "succeeded"),
        ("words.txt", "", "failed"),
        ("d.png", "1", "succeeded"),
        ("d.png", "2", "succeeded"),
        ("late.png", "", "cancelled"),
    ]
    assert float(rows[0]["happiness"]) == pytest.approx(0.65)
    assert rows[4]["error_code"] == "format_not_supported"


def test_text_that_begins_like_a_formula_is_defused_and_numbers_are_not() -> None:
    for text in ("=1", "+1", "-1", "@a", "\tx", "\rx"):
        assert results.defused(text) == f"'{text}"
    assert [results.defused(value) for value in ("a=1", "", None, -1.5)] == ["a=1", "", None, -1.5]


@pytest.mark.django_db(transaction=True)
def test_parquet_has_the_rows_of_csv_with_types(
    api: Api, finished: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "PAGE", 2)
    answer = api.get(f"batches/{finished.pk}/results?format=parquet")
    file = pyarrow.parquet.ParquetFile(io.BytesIO(content_of(answer)))
    assert file.num_row_groups == 3
    table = file.read()
    assert tuple(table.column_names) == results.COLUMNS
    rows = table.to_pylist()
    assert [row["name"] for row in rows][:3] == ["=1+1.png", "=1+1.png", "b.png"]
    assert [row["face_number"] for row in rows] == [1, 2, 1, 2, None, 1, 2, None]
    assert rows[0]["age"] == pytest.approx(34.5)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_results_show_nothing_that_the_team_has_switched_off(
    people: People, finished: Job, form: str
) -> None:
    Team.objects.filter(pk=people.team.pk).update(
        analyze_emotion=False, analyze_age=False, analyze_gender=False
    )
    content = content_of(Api(people).get(f"batches/{finished.pk}/results?format={form}"))
    if form == "parquet":
        rows = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    elif form == "csv":
        rows = [
            {name: value or None for name, value in row.items()}
            for row in csv.DictReader(io.StringIO(content.decode()))
        ]
    else:
        lines = [json.loads(line) for line in content.splitlines()]
        rows = [face for line in lines for face in line["faces"] or []]
        assert rows[0]["emotions"] is None
    assert len(rows) >= 6
    for name in ("strongest", "age", "gender"):
        assert {row.get(name) or None for row in rows} == {None}, name


@pytest.mark.django_db(transaction=True)
def test_results_take_queries_by_the_page_and_not_by_the_picture(
    people: People, django_assert_num_queries: Any
) -> None:
    with team_scope(people.team):
        job = batch_of_photos(people.team, 6)
    for form in results.FORMATS:
        # A page of items, their faces, and the empty page at the end.
        with django_assert_num_queries(3):
            assert b"".join(results.results_write(team=people.team, batch_id=job.pk, form=form))


def test_an_unknown_form_and_an_unknown_batch_are_refused(api: Api, finished: Job) -> None:
    answer = api.get(f"batches/{finished.pk}/results?format=xlsx")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    answer = api.get("batches/00000000-0000-4000-8000-000000000000/results?format=csv")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# --- Pages ------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_batch_is_started_followed_and_tried_again_on_pages(people: People, stored_files: Names) -> None:
    client = people.client("analyst")
    assert "No batch yet" in client.get(reverse("team_batches")).content.decode()
    form = {"archive": SimpleUploadedFile("summer.zip", zip_of({"<b>.png": photo(1, 41), "b.png": photo(2)}))}
    started = client.post(reverse("team_batch_new"), form)
    with team_scope(people.team):
        (job,) = Job.objects.all()
        assert started["Location"] == reverse("team_batch", args=[job.pk])
        assert "being counted" in client.get(started["Location"]).content.decode()
        batch_list(batch_id=job.pk)
        work_off(job, EngineWithoutNets(fails_on_width=frozenset({41})))
    progress = client.get(reverse("team_batch_progress", args=[job.pk]))
    assert progress["HX-Refresh"] == "true"
    shown = client.get(started["Location"]).content.decode()
    assert "2 of 2 pictures" in shown
    assert "&lt;b&gt;.png" in shown
    assert "The analysis of this photo failed" in shown
    assert "summer" in client.get(reverse("team_batches")).content.decode()
    again = client.post(reverse("team_batch_retry", args=[job.pk]), follow=True).content.decode()
    assert "tried again" in again
    assert "HX-Refresh" not in client.get(reverse("team_batch_progress", args=[job.pk]))
    client.post(reverse("team_batch_cancel", args=[job.pk]))
    with team_scope(people.team):
        job.refresh_from_db()
        assert job.status == "cancelled"
        assert TeamUsage.objects.get(team=people.team).pictures == 1
    refused = client.post(reverse("team_batch_retry", args=[job.pk]), follow=True).content.decode()
    assert "No picture of this batch can be tried again" in refused


@pytest.mark.django_db(transaction=True)
def test_what_is_no_archive_is_refused_on_the_page_and_not_kept(
    people: People, stored_files: Names, queued: Count
) -> None:
    client = people.client("analyst")
    form = {"archive": SimpleUploadedFile("a.zip", encoded(noise(40, 40), "PNG"))}
    answer = client.post(reverse("team_batch_new"), form)
    assert answer.status_code == 400
    assert "This file is not a ZIP archive" in answer.content.decode()
    assert stored_files() == []
    with team_scope(people.team):
        assert Job.objects.count() == JobItem.objects.count() == queued() == 0


@pytest.mark.django_db(transaction=True)
def test_a_viewer_sees_batches_and_can_start_none(people: People) -> None:
    with team_scope(people.team):
        job = batch_of_photos(people.team, 1)
        assert items_of(job)
    client = people.client("viewer")
    shown = client.get(reverse("team_batches")).content.decode()
    assert "New batch" not in shown
    page = client.get(reverse("team_batch", args=[job.pk])).content.decode()
    assert "Try the failed ones again" not in page
    assert content_of(client.get(reverse("team_batch_results", args=[job.pk, "csv"]))).count(b"\r\n") == 2
