"""`/api/v1/batches`: making a batch, following it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.access import team_scope
from conftest import People
from media_jobs.api.batch_serializers import ItemsField, read_item
from media_jobs.batches import Reference, batch_create
from media_jobs.listing import batch_list
from media_jobs.models import Job
from tests.fakes import EngineWithoutNets

from .batch_helpers import Api, archive_batch, zip_of
from .helpers import photo, photos

Count = Callable[[], int]
Names = Callable[[], list[str]]


@pytest.fixture()
def api(people: People) -> Api:
    return Api(people)


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
        ({"items": [{"url": "https://example.org/\ud800"}]}, "items"),
        ({"items": [{"url": "https://example.org/a", "name": "a\0"}]}, "items"),
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
