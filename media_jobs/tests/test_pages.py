"""Pages of photos as the server renders them. What the browser does with them: tests/test_browser.py."""

import io
import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.access import team_scope
from conftest import People
from media_jobs import files
from media_jobs.models import Media
from media_jobs.services import Upload, photo_upload
from media_jobs.work import chunk_analyze
from tests.fakes import EngineWithoutNets

from .pictures import encoded, noise


def upload(people: People, seed: int = 1, form: str = "PNG") -> Upload:
    content = encoded(noise(40, 40, seed), form)
    with team_scope(people.team):
        return photo_upload(
            team=people.team, file=io.BytesIO(content), size=len(content), filename=f"{seed}.png", user=None
        )


def analyse(people: People, one: Upload, engine: Any) -> None:
    with team_scope(people.team):
        chunk_analyze(team=people.team, job_id=one.job.pk, chunk=0, engine=engine)


def page_of(people: People, one: Upload) -> str:
    answer = people.client("viewer").get(reverse("photo_detail", args=[one.media.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_result_numbers_every_face_of_a_hundred_and_has_data_for_every_chart(people: People) -> None:
    one = upload(people)
    analyse(people, one, EngineWithoutNets(faces=100))
    page = page_of(people, one)
    assert "Person 1<" in re.sub(r"\s+<", "<", page)
    assert "Person 100" in page
    assert len(re.findall(r"<rect\b", page)) >= 100
    data = json.loads(re.findall(r"<script[^>]*application/json[^>]*>(.*?)</script>", page, re.S)[0])
    assert len(data["faces"]) == 100
    assert data["labels"][1] == "happiness"
    assert sum(data["faces"]["1"]) == pytest.approx(100.0, abs=0.5)


def test_a_photo_without_a_face_says_so(people: People) -> None:
    one = upload(people)
    analyse(people, one, EngineWithoutNets(faces=0))
    assert "No face" in page_of(people, one)


def test_a_photo_that_failed_says_why(people: People) -> None:
    one = upload(people)
    analyse(people, one, EngineWithoutNets(fails_on_width=frozenset({40})))
    assert "The analysis of this photo failed" in page_of(people, one)


def test_states_follow_a_job_to_its_end(people: People) -> None:
    one = upload(people)
    client = people.client("viewer")
    path = f"{reverse('photo_states')}?job={one.job.pk}"
    (state,) = client.get(path).json()["states"]
    assert (state["status"], state["face_count"]) == ("queued", None)
    analyse(people, one, EngineWithoutNets(faces=3))
    (state,) = client.get(path).json()["states"]
    assert (state["status"], state["face_count"], state["media_id"]) == ("succeeded", 3, str(one.media.pk))


@pytest.mark.parametrize("query", ["job=nonsense", "&".join(["job=" + "0" * 32] * 101)])
def test_a_wrong_question_for_states_is_refused_in_words(people: People, query: str) -> None:
    answer = people.client("viewer").get(f"{reverse('photo_states')}?{query}")
    assert answer.status_code == 400
    assert answer.json()["detail"].endswith(".")


def test_an_upload_by_the_page_answers_where_to_look(people: People) -> None:
    file = SimpleUploadedFile("me.png", encoded(noise(40, 40), "PNG"))
    answer = people.client("analyst").post(reverse("photo_upload"), {"file": file})
    assert answer.status_code == 202
    body = answer.json()
    assert body["page"] == reverse("photo_detail", args=[body["media_id"]])
    with team_scope(people.team):
        assert Media.objects.get().created_by == people.analyst


def test_a_refused_upload_by_the_page_answers_a_problem(people: People) -> None:
    file = SimpleUploadedFile("me.txt", b"hello " * 400)
    answer = people.client("analyst").post(reverse("photo_upload"), {"file": file})
    assert (answer.status_code, answer.json()["code"]) == (415, "format_not_supported")


def test_files_are_sent_privately_and_not_twice(people: People) -> None:
    one = upload(people, form="BMP")
    client = people.client("viewer")
    kinds = {}
    for part in ("original", "preview", "thumbnail"):
        answer = client.get(reverse("photo_file", args=[one.media.pk, part]))
        kinds[part] = answer["Content-Type"]
        assert answer["Cache-Control"] == "private, no-cache"
        assert answer["X-Content-Type-Options"] == "nosniff"
    assert kinds == {"original": "image/bmp", "preview": "image/jpeg", "thumbnail": "image/jpeg"}
    again = client.get(
        reverse("photo_file", args=[one.media.pk, "preview"]),
        headers={"If-None-Match": client.get(reverse("photo_file", args=[one.media.pk, "preview"]))["ETag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


def test_no_address_outside_the_views_serves_a_file(people: People) -> None:
    one = upload(people)
    for path in (f"/{one.media.original}", f"/media/{one.media.original}", f"/static/{one.media.original}"):
        assert people.client("owner").get(path).status_code == 404


def test_a_file_the_storage_lost_answers_404(people: People) -> None:
    one = upload(people)
    files.erase([one.media.thumbnail])
    answer = people.client("viewer").get(reverse("photo_file", args=[one.media.pk, "thumbnail"]))
    assert answer.status_code == 404


def test_the_history_is_paged_and_survives_a_wrong_page(people: People) -> None:
    for seed in range(25):
        upload(people, seed + 1)
    client = people.client("viewer")
    first = client.get("/photos/").content.decode()
    second = client.get("/photos/?page=2").content.decode()
    with team_scope(people.team):
        newest, oldest = Media.objects.order_by("-created_at")[0], Media.objects.order_by("created_at")[0]
    assert str(newest.pk) in first
    assert str(newest.pk) not in second
    assert str(oldest.pk) in second
    assert str(oldest.pk) not in first
    assert str(oldest.pk) in client.get("/photos/?page=999").content.decode()
    assert client.get("/photos/?page=x").status_code == 200


def test_a_viewer_sees_no_place_to_upload_and_no_button_to_delete(people: People) -> None:
    one = upload(people)
    analyse(people, one, EngineWithoutNets())
    assert reverse("photo_upload") not in people.client("viewer").get("/photos/").content.decode()
    assert reverse("photo_upload") in people.client("analyst").get("/photos/").content.decode()
    assert reverse("photo_delete", args=[one.media.pk]) not in page_of(people, one)


@pytest.mark.parametrize("path", ["/photos/", "detail", "/nowhere"])
def test_pages_keep_the_content_policy(people: People, path: str) -> None:
    one = upload(people)
    analyse(people, one, EngineWithoutNets(faces=2))
    if path == "detail":
        path = reverse("photo_detail", args=[one.media.pk])
    answer = people.client("owner").get(path)
    page = answer.content.decode()
    assert "script-src 'self'" in answer["Content-Security-Policy"]
    assert " style=" not in page
    assert not re.search(r"\son\w+=", page)
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page)
    assert not re.search(r'(?:src|href)="https?://', page)


def test_deleting_by_the_page_goes_back_to_the_history(people: People) -> None:
    one = upload(people)
    answer = people.client("analyst").post(reverse("photo_delete", args=[one.media.pk]), follow=True)
    assert answer.redirect_chain == [("/photos/", 302)]
    assert "was deleted" in answer.content.decode()
    assert Client().get(reverse("photo_delete", args=[one.media.pk])).status_code == 405
