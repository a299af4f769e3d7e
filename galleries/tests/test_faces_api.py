"""`/api/v1/galleries/.../faces`: enrolling, listing, changing and erasing faces, and their pictures."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.access import team_scope
from accounts.models import TeamUsage
from analysis.models import Face
from conftest import People
from emotionsite.fetching import Fetched
from galleries.enrolment import face_enrol
from galleries.models import EnrolledFace, Gallery, Subject
from galleries.quality import REASONS
from galleries.services import gallery_create, subject_create
from media_jobs.services import job_create, media_from_bytes
from media_jobs.tests.helpers import work_off
from media_jobs.tests.test_s3 import bucket, names  # noqa: F401 - a fixture
from ml_models.types import HeadPose
from tests.fakes import EngineOfPeople, embedding_of, people_picture

from .helpers import enrol

JSON = "application/json"


@pytest.fixture()
def ada(people: People) -> Subject:
    with team_scope(people.team):
        return subject_create(gallery=gallery_create(team=people.team, name="Staff"), name="Ada")


@pytest.fixture()
def key(people: People) -> dict[str, str]:
    return {"Authorization": f"Bearer {people.key()}"}


def address(subject: Subject) -> str:
    return f"/api/v1/galleries/{subject.gallery_id}/subjects/{subject.pk}/faces"


def send(address: str, key: dict[str, str], content: bytes, **form: Any) -> Any:
    return Client().post(address, {"file": SimpleUploadedFile("a.png", content), **form}, headers=key)


def enrolled(people: People) -> list[EnrolledFace]:
    with team_scope(people.team):
        return list(EnrolledFace.objects.order_by("created_at"))


def test_a_file_is_enrolled_and_answered_with_quality_reasons_and_where_its_picture_is(
    people: People, ada: Subject, key: dict[str, str], engine: EngineOfPeople
) -> None:
    engine.head_pose = HeadPose(40.0, 0.0, 0.0)
    answer = send(address(ada), key, people_picture(3), notes="by the door")
    assert answer.status_code == 201, answer.content
    body = answer.json()
    (face,) = enrolled(people)
    place = f"/api/v1/galleries/{ada.gallery_id}/faces/{face.pk}"
    assert answer["Location"] == place
    assert body["id"] == str(face.pk)
    assert (body["gallery_id"], body["subject_id"]) == (str(ada.gallery_id), str(ada.pk))
    assert body["box"] == {"left": 50, "top": 50, "width": 100, "height": 100}
    assert body["reasons"] == [{"code": "turned", "message": REASONS["turned"]}]
    assert body["crop"] == f"{place}/crop"
    assert body["crop_box"] == {"left": 30, "top": 30, "width": 100, "height": 100}
    assert (body["notes"], body["by_hand"], body["photo_face_id"]) == ("by the door", False, None)
    assert Client().get(place, headers=key).json() == body


def test_the_picture_of_a_face_is_private_and_validated(
    people: People, ada: Subject, key: dict[str, str], engine: EngineOfPeople
) -> None:
    crop = send(address(ada), key, people_picture(3)).json()["crop"]
    answer = Client().get(crop, headers=key)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer["Cache-Control"] == "private, no-cache"
    assert answer.content.startswith(b"\xff\xd8")
    again = Client().get(crop, headers={**key, "If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert Client().get(crop).status_code == 401


def test_a_face_without_a_picture_says_so(people: People, ada: Subject, key: dict[str, str]) -> None:
    with team_scope(people.team):
        (face,) = enrol(ada, embedding_of(1))
    place = f"/api/v1/galleries/{ada.gallery_id}/faces/{face.pk}"
    body = Client().get(place, headers=key).json()
    assert (body["crop"], body["crop_box"], body["box"]) == (None, None, None)
    answer = Client().get(f"{place}/crop", headers=key)
    assert (answer.status_code, answer.json()["code"]) == (404, "crop_not_kept")


@pytest.mark.parametrize(
    "box", ["210,10,180,180", '{"left": 210}', "210,10,180", "210,10,0,180", "a,b,c,d", "nan,1,2,3"]
)
def test_a_box_in_a_form_is_four_numbers(
    people: People, ada: Subject, key: dict[str, str], engine: EngineOfPeople, box: str, everything: Any
) -> None:
    before = everything()
    answer = send(address(ada), key, people_picture(1, 2), box=box)
    if box == "210,10,180,180":
        assert answer.status_code == 201, answer.content
        assert enrolled(people)[0].embedding == pytest.approx(embedding_of(2), abs=1e-3)
    else:
        assert (answer.status_code, list(answer.json()["errors"])) == (400, ["box"])
        assert everything() == before


def test_an_address_is_fetched_by_the_guarded_fetcher(
    people: People,
    ada: Subject,
    key: dict[str, str],
    engine: EngineOfPeople,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    calls: list[Any] = []

    def fetch(url: str, **limits: Any) -> Fetched:
        calls.append((url, limits))
        return Fetched(200, {}, people_picture(1, 2), url)

    monkeypatch.setattr("galleries.api.faces.fetch", fetch)
    body = {"url": "https://example.org/a.png", "box": {"left": 50, "top": 50, "width": 90, "height": 90}}
    assert Client().post(address(ada), body, JSON, headers=key).status_code == 201
    assert calls == [
        ("https://example.org/a.png", {"max_bytes": settings.MAX_UPLOAD_BYTES, "deadline": 15.0})
    ]


def test_an_address_inside_the_network_is_refused(
    people: People, ada: Subject, key: dict[str, str], everything: Any
) -> None:
    before = everything()
    body = {"url": "http://169.254.169.254/latest/meta-data"}
    answer = Client().post(address(ada), body, JSON, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "url_not_allowed")
    assert everything() == before


def test_a_face_that_detection_kept_is_enrolled_by_its_id(
    people: People, ada: Subject, key: dict[str, str], engine: EngineOfPeople
) -> None:
    kept = send("/api/v1/detect?keep_faces=60", key, people_picture(1, 2)).json()["faces"]
    body = {"temporary_face_id": kept[1]["face_id"]}
    answer = Client().post(address(ada), body, JSON, headers=key)
    assert answer.status_code == 201, answer.content
    assert enrolled(people)[0].embedding == pytest.approx(embedding_of(2), abs=1e-3)
    again = Client().post(address(ada), body, JSON, headers=key)
    assert (again.status_code, again.json()["code"]) == (409, "face_duplicate")
    assert again.json()["face_id"] == answer.json()["id"]


def test_a_face_of_a_photo_is_enrolled_by_its_id(people: People, ada: Subject, key: dict[str, str]) -> None:
    with team_scope(people.team):
        media = media_from_bytes(team=people.team, content=people_picture(6), filename="a.png")
        work_off(job_create(team=people.team, media=[media]), EngineOfPeople())
        stored = Face.objects.get()
    answer = Client().post(address(ada), {"photo_face_id": str(stored.pk)}, JSON, headers=key)
    assert answer.status_code == 201, answer.content
    assert answer.json()["photo_face_id"] == str(stored.pk)
    assert Client().get(answer.json()["crop"], headers=key).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"hello " * 400, 415, "format_not_supported"),
        (b"x", 400, "file_too_small"),
        (people_picture(1)[:1500], 422, "picture_truncated"),
        (people_picture(1, 2), 422, "several_faces"),
    ],
)
def test_a_picture_that_is_not_taken_leaves_nothing(
    people: People,
    ada: Subject,
    key: dict[str, str],
    engine: EngineOfPeople,
    everything: Any,
    content: bytes,
    status: int,
    code: str,
) -> None:
    before = everything()
    answer = send(address(ada), key, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert everything() == before


def test_a_poor_picture_is_refused_with_its_reasons_where_the_gallery_says_so(
    people: People, ada: Subject, key: dict[str, str], engine: EngineOfPeople, everything: Any
) -> None:
    from .enrolment_helpers import POOR

    with team_scope(people.team):
        Gallery.objects.update(quality_policy="refuse")
    engine.quality = POOR
    before = everything()
    answer = send(address(ada), key, people_picture(1))
    assert (answer.status_code, answer.json()["code"]) == (422, "face_too_blurred")
    assert [reason["code"] for reason in answer.json()["reasons"]] == ["blurred", "dark", "noisy"]
    assert everything() == before


def test_a_body_that_names_nothing_or_two_things_says_how_to_say_it(
    people: People, ada: Subject, key: dict[str, str], everything: Any
) -> None:
    before = everything()
    two = {"temporary_face_id": str(ada.pk), "photo_face_id": str(ada.pk)}
    for body in ({}, two):
        answer = Client().post(address(ada), body, JSON, headers=key)
        assert (answer.status_code, answer.json()["code"]) == (400, "face_source_missing")
    answer = send(address(ada), key, people_picture(1), url="https://example.org/a.png")
    assert answer.json()["code"] == "face_source_missing"
    assert everything() == before


def test_the_same_request_sent_twice_enrols_once(
    people: People, ada: Subject, key: dict[str, str], engine: EngineOfPeople
) -> None:
    headers = {**key, "Idempotency-Key": "one"}
    first, second = (send(address(ada), headers, people_picture(1)) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second["Idempotency-Replayed"] == "true"
    with team_scope(people.team):
        assert TeamUsage.objects.get(team=people.team).pictures == 1
    assert len(enrolled(people)) == 1


def test_faces_are_listed_by_person_by_gallery_and_by_quality(
    people: People, ada: Subject, key: dict[str, str], engine: EngineOfPeople
) -> None:
    with team_scope(people.team):
        bob = subject_create(gallery=ada.gallery, name="Bob")
        enrol(ada, embedding_of(1), embedding_of(1, 1))
        enrol(bob, embedding_of(2))
        EnrolledFace.objects.filter(subject=bob).update(quality="low", quality_reasons=["small", "dark"])
    gallery = f"/api/v1/galleries/{ada.gallery_id}/faces"

    def count(path: str) -> int:
        return len(Client().get(path, headers=key).json()["results"])

    assert (count(address(ada)), count(address(bob)), count(gallery)) == (2, 1, 3)
    assert (count(f"{gallery}?quality=low"), count(f"{gallery}?reason=dark")) == (1, 1)
    assert (count(f"{gallery}?reason=covered"), count(f"{address(ada)}?quality=low")) == (0, 0)


def test_a_list_of_many_faces_takes_as_many_queries_as_one_of_few_and_reads_no_vector(
    people: People, ada: Subject, key: dict[str, str]
) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert Client().get(address(ada), headers=key).status_code == 200
        return [query["sql"] for query in captured.captured_queries]

    with team_scope(people.team):
        enrol(ada, embedding_of(1))
    # The first request notes that the key was used.
    queries()
    few = queries()
    with team_scope(people.team):
        enrol(ada, *[embedding_of(1, view) for view in range(1, 30)])
    many = queries()
    assert len(many) == len(few)
    assert not any('"embedding"' in sql for sql in many)


def test_notes_change_and_nothing_else_does(people: People, ada: Subject, key: dict[str, str]) -> None:
    with team_scope(people.team):
        (face,) = enrol(ada, embedding_of(1))
    place = f"/api/v1/galleries/{ada.gallery_id}/faces/{face.pk}"
    answer = Client().patch(place, {"notes": "from 1943"}, JSON, headers=key)
    assert (answer.status_code, answer.json()["notes"]) == (200, "from 1943")
    (after,) = enrolled(people)
    assert (after.notes, after.subject_id, after.embedding) == (
        "from 1943",
        ada.pk,
        enrolled(people)[0].embedding,
    )
    assert Client().patch(place, {}, JSON, headers=key).status_code == 400


def test_an_erased_face_is_gone_with_its_picture(
    people: People,
    ada: Subject,
    key: dict[str, str],
    engine: EngineOfPeople,
    stored_files: Callable[[], list[str]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    place = send(address(ada), key, people_picture(1))["Location"]
    assert len(stored_files()) == 1
    with django_capture_on_commit_callbacks(execute=True):
        assert Client().delete(place, headers=key).status_code == 204
    assert (enrolled(people), stored_files()) == ([], [])
    assert Client().get(place, headers=key).status_code == 404
    assert Client().delete(place, headers=key).status_code == 404


def test_a_gallery_of_faces_takes_faces_and_a_gallery_of_people_sends_to_a_person(
    people: People, ada: Subject, key: dict[str, str], engine: EngineOfPeople, everything: Any
) -> None:
    with team_scope(people.team):
        faces = gallery_create(team=people.team, name="Faces", holds="faces")
    answer = send(f"/api/v1/galleries/{faces.pk}/faces", key, people_picture(1))
    assert (answer.status_code, answer.json()["subject_id"]) == (201, None)
    before = everything()
    answer = send(f"/api/v1/galleries/{ada.gallery_id}/faces", key, people_picture(1))
    assert (answer.status_code, answer.json()["code"]) == (409, "gallery_holds_subjects")
    assert everything() == before


def test_a_face_is_not_found_through_another_gallery_or_team(
    people: People, others: People, ada: Subject, engine: EngineOfPeople
) -> None:
    with team_scope(people.team):
        face = face_enrol(gallery=ada.gallery, subject=ada, content=people_picture(1))
        elsewhere = gallery_create(team=people.team, name="Elsewhere")
    mine = {"Authorization": f"Bearer {people.key()}"}
    theirs = {"Authorization": f"Bearer {others.key()}"}
    for gallery_id, headers in ((elsewhere.pk, mine), (ada.gallery_id, theirs)):
        place = f"/api/v1/galleries/{gallery_id}/faces/{face.pk}"
        assert Client().get(place, headers=headers).status_code == 404
        assert Client().get(f"{place}/crop", headers=headers).status_code == 404
        assert Client().delete(place, headers=headers).status_code == 404
        assert Client().patch(place, {"notes": "x"}, JSON, headers=headers).status_code == 404
    assert enrolled(people) == [face]


@pytest.mark.django_db(transaction=True)
def test_a_picture_kept_on_s3_comes_through_the_checked_view_all_the_same(
    people: People,
    ada: Subject,
    key: dict[str, str],
    engine: EngineOfPeople,
    bucket: Any,  # noqa: F811
) -> None:
    body = send(address(ada), key, people_picture(3)).json()
    (name,) = names(bucket)
    assert name.startswith(f"es/teams/{people.team.pk}/galleries/")
    answer = Client().get(body["crop"], headers=key)
    assert (answer.status_code, answer["Cache-Control"]) == (200, "private, no-cache")
    assert answer.content.startswith(b"\xff\xd8")
    assert name.rpartition("/")[2] not in str(body), "no address of the storage is told"
    assert (
        Client().delete(f"/api/v1/galleries/{ada.gallery_id}/faces/{body['id']}", headers=key).status_code
        == 204
    )
    assert names(bucket) == []
