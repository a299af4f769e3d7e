"""`/api/v1/galleries/...`: training and the four questions."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.access import team_scope
from conftest import People
from galleries import questions
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject, TemporaryFace
from galleries.probes import Probe, ProbeFace
from galleries.services import subject_create
from ml_models.recognition import default_model
from tests.fakes import embedding_of

from .helpers import gallery_of
from .search_helpers import train
from .test_search import kept

Ask = Callable[..., Any]


@pytest.fixture()
def staff(people: People) -> Gallery:
    """A trained gallery with Ada (1) and Bob (2)."""
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1, "Bob": 2})
        train(gallery)
    return gallery


@pytest.fixture()
def ask(people: People) -> Ask:
    """Send a question as a key of the team: JSON, or a form where there is a file."""
    headers = {"Authorization": f"Bearer {people.key()}"}

    def send(path: str, body: dict[str, Any], status: int = 200) -> Any:
        form: dict[str, Any] = {"content_type": "application/json"} if "file" not in body else {}
        answer = Client().post(f"/api/v1/galleries/{path}", body, headers=headers, **form)
        assert answer.status_code == status, answer.content
        return answer.json()

    return send


def kept_ids(people: People, *views: tuple[int, int]) -> list[str]:
    """Ids of temporary faces of these (person, view)."""
    with team_scope(people.team):
        return [str(kept(people.team, embedding_of(*view)).pk) for view in views]


@pytest.fixture()
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Pictures are looked at by a worker that finds Bob and a stranger in each, and one in a box."""
    asked: list[Any] = []

    def probe(**wishes: Any) -> Probe:
        asked.append(wishes)
        boxes = [(0.0, 0.0, 50.0, 50.0), (100.0, 0.0, 40.0, 40.0)]
        faces = [
            ProbeFace(box, 0.9, embedding_of(who, 5), "high") for box, who in zip(boxes, (2, 40), strict=True)
        ]
        return Probe(200, 100, faces, 2, default_model(), "0" * 64)

    monkeypatch.setattr(questions, "picture_probe", probe)
    return asked


def test_a_gallery_is_trained_and_says_how_it_stands(people: People, ask: Ask) -> None:
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1})
    headers = {"Authorization": f"Bearer {people.key()}"}
    path = f"/api/v1/galleries/{gallery.pk}/training"
    assert Client().get(path, headers=headers).json()["status"] == "not_started"
    answer = Client().post(f"/api/v1/galleries/{gallery.pk}/train", headers=headers)
    assert (answer.status_code, answer.json()["status"], answer["Location"]) == (202, "running", path)
    ask(f"{gallery.pk}/train", {}, 202)
    with team_scope(people.team):
        assert GalleryJob.objects.filter(kind="train").count() == 1
        train(gallery)
    shown = Client().get(path, headers=headers).json()
    assert (shown["status"], shown["face_count"], shown["subject_count"], shown["due"]) == (
        "succeeded",
        2,
        1,
        False,
    )


def test_kept_faces_are_identified_with_names(people: People, staff: Gallery, ask: Ask) -> None:
    ids = kept_ids(people, (1, 7), (33, 0))
    answer = ask(f"{staff.pk}/identify", {"temporary_face_ids": ids})
    assert answer["threshold"] == 0.5
    known, unknown = answer["faces"]
    assert (known["temporary_face_id"], known["box"]) == (ids[0], None)
    (candidate,) = known["candidates"]
    with team_scope(people.team):
        ada = Subject.objects.get(name="Ada")
        assert candidate["subject"] == {"id": str(ada.pk), "name": "Ada", "external_id": ""}
        assert EnrolledFace.objects.get(pk=candidate["face_id"]).subject_id == ada.pk
    assert 0.5 < candidate["confidence"] <= 1
    assert unknown["candidates"] == []


def test_all_faces_of_a_picture_are_identified(
    people: People, staff: Gallery, ask: Ask, looked_at: list[Any]
) -> None:
    file = SimpleUploadedFile("a.png", b"picture")
    known, unknown = ask(f"{staff.pk}/identify", {"file": file, "count": 1})["faces"]
    assert known["box"] == {"left": 0, "top": 0, "width": 50, "height": 50}
    assert [one["subject"]["name"] for one in known["candidates"]] == ["Bob"]
    assert unknown["candidates"] == []
    assert looked_at[0]["content"] == b"picture"
    (only,) = ask(f"{staff.pk}/identify", {"file": SimpleUploadedFile("a.png", b"p"), "box": "100,0,40,40"})[
        "faces"
    ]
    assert only["box"]["left"] == 100


def test_the_number_of_statements_does_not_grow_with_the_faces(
    people: People, staff: Gallery, ask: Ask
) -> None:
    few, many = kept_ids(people, (1, 3), (2, 3)), kept_ids(people, *((1 + n % 2, n) for n in range(30)))
    counts = []
    ask(f"{staff.pk}/identify", {"temporary_face_ids": few})
    for ids in (few, many):
        with CaptureQueriesContext(connection) as queries:
            ask(f"{staff.pk}/identify", {"temporary_face_ids": ids})
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_an_untrained_gallery_is_refused_before_a_picture_is_looked_at(
    people: People, ask: Ask, looked_at: list[Any]
) -> None:
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1})
    file = SimpleUploadedFile("a.png", b"picture")
    assert ask(f"{gallery.pk}/identify", {"file": file}, 409)["code"] == "gallery_not_trained"
    assert looked_at == []


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({}, "probe_missing", 400),
        ({"temporary_face_ids": [str(uuid4())], "url": "https://example.org/a.png"}, "probe_missing", 400),
        ({"temporary_face_ids": []}, "invalid", 400),
        ({"temporary_face_ids": [str(uuid4())]}, "temporary_face_unknown", 404),
        ({"temporary_face_ids": [str(uuid4())], "count": 101}, "invalid", 400),
        ({"temporary_face_ids": [str(uuid4())], "confidence": 1.5}, "invalid", 400),
    ],
)
def test_what_cannot_be_identified_is_refused(
    people: People, staff: Gallery, ask: Ask, body: dict[str, Any], code: str, status: int
) -> None:
    assert ask(f"{staff.pk}/identify", body, status)["code"] == code


def test_another_team_s_kept_face_is_unknown(
    people: People, others: People, staff: Gallery, ask: Ask
) -> None:
    ids = kept_ids(others, (1, 0))
    assert ask(f"{staff.pk}/identify", {"temporary_face_ids": ids}, 404)["code"] == "temporary_face_unknown"


def test_faces_are_verified(people: People, staff: Gallery, ask: Ask, looked_at: list[Any]) -> None:
    ada, ada_again, bob = kept_ids(people, (1, 8), (1, 9), (2, 9))
    with team_scope(people.team):
        subject = str(Subject.objects.get(name="Bob").pk)
    one = ask("verify", {"temporary_face_id": ada, "other_face_id": ada_again})
    assert one["same_person"]
    assert one["confidence"] > 0.5
    assert not ask("verify", {"temporary_face_id": ada, "other_face_id": bob})["same_person"]
    assert not ask("verify", {"temporary_face_id": ada, "subject_id": subject})["same_person"]
    assert ask("verify", {"temporary_face_id": bob, "subject_id": subject})["same_person"]
    file = {"file": SimpleUploadedFile("a.png", b"p"), "subject_id": subject}
    assert ask("verify", file, 422)["code"] == "several_faces"
    file = {"file": SimpleUploadedFile("a.png", b"p"), "subject_id": subject, "box": "0,0,50,50"}
    assert ask("verify", file)["same_person"]


def test_what_cannot_be_verified_is_refused_before_a_picture_is_looked_at(
    people: People, staff: Gallery, ask: Ask, looked_at: list[Any]
) -> None:
    (ada,) = kept_ids(people, (1, 8))
    with team_scope(people.team):
        nobody = str(subject_create(gallery=staff, name="Nobody").pk)
    assert ask("verify", {"temporary_face_id": ada}, 400)["code"] == "compared_missing"
    both = {"temporary_face_id": ada, "other_face_id": ada, "subject_id": nobody}
    assert ask("verify", both, 400)["code"] == "compared_missing"
    assert ask("verify", {"other_face_id": ada}, 400)["code"] == "probe_missing"
    stranger = {"temporary_face_id": ada, "subject_id": str(uuid4())}
    assert ask("verify", stranger, 404)["code"] == "subject_unknown"
    file = {"file": SimpleUploadedFile("a.png", b"p"), "subject_id": nobody}
    assert ask("verify", file, 409)["code"] == "subject_without_faces"
    file = {"file": SimpleUploadedFile("a.png", b"p"), "other_face_id": str(uuid4())}
    assert ask("verify", file, 404)["code"] == "temporary_face_unknown"
    assert looked_at == []


def test_similar_faces_are_found_in_both_places(people: People, staff: Gallery, ask: Ask) -> None:
    ada, ada_again, bob = kept_ids(people, (1, 8), (1, 9), (2, 9))
    among = {"temporary_face_id": ada, "among_face_ids": [bob, ada_again]}
    assert [one["face_id"] for one in ask("find-similar", among)["faces"]] == [ada_again]
    ranked = ask("find-similar", {**among, "mode": "match_face"})["faces"]
    assert [one["face_id"] for one in ranked] == [ada_again, bob]
    found = ask("find-similar", {"temporary_face_id": bob, "gallery_id": str(staff.pk)})["faces"]
    with team_scope(people.team):
        person = Subject.objects.get(name="Bob")
        assert {one["face_id"] for one in found} == {
            str(pk) for pk in person.faces.values_list("pk", flat=True)
        }
    assert {one["subject_id"] for one in found} == {str(person.pk)}
    nowhere = {"temporary_face_id": bob, "gallery_id": str(uuid4())}
    assert ask("find-similar", nowhere, 404)["code"] == "gallery_unknown"
    assert ask("find-similar", {"temporary_face_id": bob}, 400)["code"] == "compared_missing"


def test_faces_are_sorted_by_person(people: People, ask: Ask) -> None:
    ids = kept_ids(people, (1, 0), (2, 0), (1, 1))
    answer = ask("group", {"temporary_face_ids": ids})
    assert answer == {"groups": [[ids[0], ids[2]]], "alone": [ids[1]]}
    assert ask("group", {"temporary_face_ids": [ids[0], ids[0]]}, 400)["code"] == "invalid"
    with team_scope(people.team):
        TemporaryFace.objects.filter(pk=ids[1]).update(model_sha256="1" * 64)
    assert ask("group", {"temporary_face_ids": ids}, 422)["code"] == "models_differ"


def test_a_picture_that_came_to_nothing_is_not_counted(
    people: People, staff: Gallery, ask: Ask, looked_at: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[Any] = []
    monkeypatch.setattr(questions, "probe_give_back", lambda **wishes: given_back.append(wishes))
    body = {"file": SimpleUploadedFile("a.png", b"p"), "box": "150,50,40,40"}
    assert ask(f"{staff.pk}/identify", body, 422)["code"] == "box_without_face"
    assert len(given_back) == 1
