"""`/api/v1/media` and `/api/v1/jobs`: shapes, errors, pages, numbers of queries."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from accounts.access import team_scope
from analysis.api.serializers import FaceSerializer
from analysis.models import Face
from conftest import People
from media_jobs.api.media import MediaListView
from media_jobs.models import Job, JobItem, Media
from media_jobs.refusals import REFUSALS
from media_jobs.services import photo_upload
from media_jobs.work import chunk_analyze
from ml_models import EMOTIONS
from tests.fakes import EngineWithoutNets

from .pictures import encoded, gif_of_frames, noise, png_claiming

REFUSED = {
    "file_too_small": b"x" * 10,
    "file_too_large": None,
    "format_not_supported": b"hello " * 400,
    "svg_not_supported": b"<svg>" + b" " * 2000,
    "too_many_pixels": png_claiming(10_000, 6_000),
    "too_few_pixels": encoded(noise(15, 300), "BMP"),
    "too_many_frames": gif_of_frames(1001),
    "picture_truncated": encoded(noise(200, 150), "JPEG")[:9000],
    "picture_damaged": None,
    "file_missing": None,
    "storage_full": None,
}


@pytest.fixture()
def headers(people: People) -> dict[str, str]:
    return {"Authorization": f"Bearer {people.key()}"}


def send(headers: dict[str, str], content: bytes, name: str = "a.png") -> Any:
    return Client().post("/api/v1/media", {"file": SimpleUploadedFile(name, content)}, headers=headers)


def analysed(people: People, count: int, faces: int = 2) -> list[Media]:
    media = []
    with team_scope(people.team):
        for number in range(count):
            content = encoded(noise(40, 40, number + 1), "PNG")
            upload = photo_upload(
                team=people.team,
                file=io.BytesIO(content),
                size=len(content),
                filename=f"{number}.png",
                user=None,
            )
            engine = EngineWithoutNets(faces=faces)
            chunk_analyze(team=people.team, job_id=upload.job.pk, chunk=0, engine=engine)
            media.append(upload.media)
    return media


def test_an_upload_answers_202_with_job_and_media(people: People, headers: dict[str, str]) -> None:
    answer = send(headers, encoded(noise(40, 40), "PNG"))
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"job_id", "media_id", "duplicate"}
    job = Client().get(answer["Location"], headers=headers).json()
    assert (job["id"], job["status"], job["done"], job["total"], job["error"]) == (
        body["job_id"],
        "queued",
        0,
        1,
        None,
    )
    again = send(headers, encoded(noise(40, 40), "PNG"), "other name.png").json()
    assert again == {**body, "duplicate": True}


def test_a_result_has_the_documented_shape(people: People, headers: dict[str, str]) -> None:
    (media,) = analysed(people, 1)
    body = Client().get(f"/api/v1/media/{media.pk}", headers=headers).json()
    assert (body["width"], body["height"], body["status"], body["face_count"]) == (40, 40, "succeeded", 2)
    assert [face["number"] for face in body["faces"]] == [1, 2]
    face = body["faces"][0]
    assert set(face) == set(FaceSerializer().fields)
    assert face["box"] == {"left": 10.0, "top": 10.0, "width": 20.0, "height": 20.0}
    assert list(face["emotions"]) == list(EMOTIONS)
    assert sum(face["emotions"].values()) == pytest.approx(1.0)
    assert face["strongest"] == "happiness"
    assert face["landmarks"]["nose"] == {"x": 5.0, "y": 6.0}
    assert body["models"] == {"emotion": "none"}


def test_a_photo_without_a_face_has_an_empty_list(people: People, headers: dict[str, str]) -> None:
    (media,) = analysed(people, 1, faces=0)
    body = Client().get(f"/api/v1/media/{media.pk}", headers=headers).json()
    assert (body["status"], body["face_count"], body["faces"]) == ("succeeded", 0, [])


def test_a_photo_that_waits_has_no_count_yet(people: People, headers: dict[str, str]) -> None:
    media_id = send(headers, encoded(noise(40, 40), "PNG")).json()["media_id"]
    body = Client().get(f"/api/v1/media/{media_id}", headers=headers).json()
    assert (body["status"], body["face_count"], body["models"]) == ("queued", None, None)


@pytest.mark.parametrize("code", [code for code, content in REFUSED.items() if content])
def test_each_refusal_has_its_code_status_and_sentence_and_keeps_nothing(
    code: str,
    people: People,
    headers: dict[str, str],
    stored_files: Callable[[], list[str]],
    queued: Callable[[], int],
) -> None:
    answer = send(headers, REFUSED[code] or b"")
    status, _ = REFUSALS[code]
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["status"]) == (status, code, status)
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["detail"].endswith(".")
    assert problem["request_id"] == answer["X-Request-ID"]
    with team_scope(people.team):
        assert Media.objects.count() == Job.objects.count() == JobItem.objects.count() == 0
    assert stored_files() == []
    assert queued() == 0


def test_every_refusal_of_the_table_is_tested() -> None:
    of_uploads = {*MediaListView.problems["POST"], "file_too_large", "storage_full"}
    assert set(REFUSED) == {code for code in of_uploads if not code.startswith("quota_")}


def test_a_file_over_the_limit_is_refused(headers: dict[str, str], settings: Settings) -> None:
    settings.MAX_UPLOAD_BYTES = 4000
    answer = send(headers, encoded(noise(40, 40), "BMP"))
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


@pytest.mark.parametrize("data", [{}, {"file": "text"}, {"photo": SimpleUploadedFile("a.png", b"x" * 2000)}])
def test_an_upload_without_a_file_says_which_field(headers: dict[str, str], data: dict[str, Any]) -> None:
    answer = Client().post("/api/v1/media", data, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "file_missing")
    assert "'file'" in answer.json()["detail"]


def test_another_content_type_is_refused_in_the_same_form(headers: dict[str, str]) -> None:
    answer = Client().post("/api/v1/media", b"...", content_type="image/png", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "content_type_not_supported")


def test_a_malformed_body_is_refused_in_the_same_form(headers: dict[str, str]) -> None:
    kind = "multipart/form-data; boundary="
    answer = Client().post("/api/v1/media", b"--x", content_type=kind, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "request_malformed")


def test_a_method_that_is_not_there_is_refused_in_the_same_form(headers: dict[str, str]) -> None:
    answer = Client().put("/api/v1/media", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/media/not-an-id", "/api/v1/jobs/1"])
def test_an_unknown_address_of_the_api_answers_a_problem(path: str, headers: dict[str, str]) -> None:
    answer = Client().get(path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_deleting_twice_answers_404_the_second_time(people: People, headers: dict[str, str]) -> None:
    (media,) = analysed(people, 1)
    path = f"/api/v1/media/{media.pk}"
    assert Client().delete(path, headers=headers).status_code == 204
    assert Client().delete(path, headers=headers).status_code == 404
    with team_scope(people.team):
        assert Face.objects.count() == 0


def test_a_session_needs_the_csrf_token(people: People, stored_files: Callable[[], list[str]]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(people.owner, backend="django.contrib.auth.backends.ModelBackend")
    file = SimpleUploadedFile("a.png", encoded(noise(40, 40), "PNG"))
    assert client.post("/api/v1/media", {"file": file}).status_code == 403
    assert stored_files() == []


def test_lists_come_in_cursor_pages_newest_first(people: People, headers: dict[str, str]) -> None:
    media = analysed(people, 5)
    first = Client().get("/api/v1/media?page_size=3", headers=headers).json()
    second = Client().get(first["next"], headers=headers).json()
    found = [item["id"] for item in first["results"] + second["results"]]
    assert found == [str(item.pk) for item in reversed(media)]
    assert second["next"] is None
    broken = Client().get("/api/v1/media?cursor=xx", headers=headers)
    assert (broken.status_code, broken.json()["code"]) == (400, "cursor_invalid")


@pytest.mark.parametrize("path", ["/api/v1/media", "/api/v1/jobs", "/photos/"])
def test_lists_take_the_same_queries_for_many_rows(
    path: str, people: People, django_assert_max_num_queries: Any
) -> None:
    client = people.client("viewer")
    analysed(people, 2)
    with django_assert_max_num_queries(20) as captured:
        client.get(path)
    analysed(people, 14)
    with django_assert_max_num_queries(len(captured)):
        assert client.get(path).status_code == 200


def test_a_result_takes_the_same_queries_for_a_hundred_faces(
    people: People, headers: dict[str, str], django_assert_max_num_queries: Any
) -> None:
    (few,) = analysed(people, 1, faces=1)
    Client().get(f"/api/v1/media/{few.pk}", headers=headers)
    with django_assert_max_num_queries(20) as captured:
        Client().get(f"/api/v1/media/{few.pk}", headers=headers)
    with team_scope(people.team):
        Media.objects.all().delete()
    (many,) = analysed(people, 1, faces=100)
    with django_assert_max_num_queries(len(captured)):
        body = json.loads(Client().get(f"/api/v1/media/{many.pk}", headers=headers).content)
    assert len(body["faces"]) == 100
