"""Galleries, people, corrections and labels over the API."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.access import team_scope
from accounts.models import Role, Team
from conftest import People
from galleries.labelling import face_label
from galleries.models import EnrolledFace, FaceLabel, FaceRejection, Gallery, Subject
from galleries.services import gallery_create, subject_change, subject_create

from .helpers import gallery_of
from .people_helpers import analysed, looked_up, person, trained

GALLERIES = "/api/v1/galleries"


class Api:
    """Sends as a key of the team with all rights."""

    def __init__(self, people: People) -> None:
        self._client = Client()
        self._headers = {"Authorization": f"Bearer {people.key()}"}

    def __call__(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        send: Callable[..., Any] = getattr(self._client, method)
        more = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        answer = send(path, headers=self._headers, **more)
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None


@pytest.fixture()
def api(people: People) -> Api:
    return Api(people)


def subjects_of(gallery: Gallery) -> str:
    return f"{GALLERIES}/{gallery.pk}/subjects"


# --- Galleries ------------------------------------------------------------------------------------------
def test_a_gallery_is_made_shown_changed_and_erased(api: Api, people: People) -> None:
    made = api("post", GALLERIES, {"name": "Staff", "threshold": 0.7}, status=201)
    assert (made["key"], made["model"], made["threshold"]) == ("staff", "dlib-face-v1", 0.7)
    assert (made["subject_count"], made["face_count"]) == (0, 0)
    path = f"{GALLERIES}/{made['id']}"
    assert api("get", path) == made
    changed = api("patch", path, {"name": "People", "threshold": None, "quality_policy": "refuse"})
    assert (changed["name"], changed["threshold"], changed["quality_policy"]) == ("People", None, "refuse")
    assert changed["key"] == "staff"
    api("delete", path, status=204)
    api("get", path, status=404)


def test_the_list_has_figures_and_filters_in_constant_queries(
    api: Api, in_team: Team, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    gallery_of(in_team, {"Ada": 1, "Bob": 2}, faces=3)
    for number in range(6):
        gallery_create(team=in_team, name=f"Gallery {number}", holds="faces")
    with django_assert_max_num_queries(8):
        results = api("get", GALLERIES)["results"]
    assert [(one["name"], one["subject_count"], one["face_count"]) for one in results][-1] == ("Staff", 2, 6)
    assert len(results) == 7
    assert [one["name"] for one in api("get", f"{GALLERIES}?name=STAFF")["results"]] == ["Staff"]
    assert [one["key"] for one in api("get", f"{GALLERIES}?key=gallery-3")["results"]] == ["gallery-3"]
    assert len(api("get", f"{GALLERIES}?holds=faces")["results"]) == 6
    assert api("get", f"{GALLERIES}?model=other")["results"] == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": ""}, 400, "invalid"),
        ({}, 400, "invalid"),
        ({"name": "A", "key": "not a key"}, 400, "invalid"),
        ({"name": "A", "threshold": 1.5}, 400, "invalid"),
        ({"name": "A", "model": "no-such-model"}, 422, "model_unknown"),
        ({"name": "A", "key": "taken"}, 409, "gallery_key_taken"),
    ],
)
def test_a_gallery_that_cannot_be_is_refused(
    api: Api, in_team: Team, body: dict[str, Any], status: int, code: str
) -> None:
    gallery_create(team=in_team, name="Taken", key="taken")
    assert api("post", GALLERIES, body, status=status)["code"] == code
    assert Gallery.objects.count() == 1


def test_only_who_manages_the_team_makes_changes_and_erases_galleries(people: People) -> None:
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1})
        ada = person(gallery, "Ada")
    client = people.client(Role.ANALYST)
    send: list[tuple[str, str]] = [
        ("post", GALLERIES),
        ("patch", f"{GALLERIES}/{gallery.pk}"),
        ("delete", f"{GALLERIES}/{gallery.pk}"),
        ("delete", f"{subjects_of(gallery)}/{ada.pk}"),
    ]
    for method, path in send:
        answer = getattr(client, method)(path, {"name": "B"}, content_type="application/json")
        assert answer.status_code == 403
    with team_scope(people.team):
        assert [str(one) for one in (*Gallery.objects.all(), *Subject.objects.all())] == ["Staff", "Ada"]


# --- People -----------------------------------------------------------------------------------------------
def test_a_person_is_added_changed_and_erased(api: Api, in_team: Team) -> None:
    gallery = gallery_create(team=in_team, name="Staff")
    body = {"name": "Ada", "external_id": "17", "consent": {"by": "herself", "at": "2026-11-20T08:00:00Z"}}
    made = api("post", subjects_of(gallery), body, status=201)
    assert made["consent"] == {"by": "herself", "how": "", "at": "2026-11-20T08:00:00Z", "until": None}
    assert (made["gallery_id"], made["face_count"], made["consent_ended"]) == (str(gallery.pk), 0, False)
    path = f"{subjects_of(gallery)}/{made['id']}"
    assert api("get", path) == made
    gallery_change = {"name": "Ada King", "consent": {"until": "2026-11-21T00:00:00Z"}}
    changed = api("patch", path, gallery_change)
    assert (changed["name"], changed["external_id"]) == ("Ada King", "17")
    assert (changed["consent"]["by"], changed["consent_ended"]) == ("herself", True)
    api("delete", path, status=204)
    api("get", path, status=404)


def test_people_are_found_by_name_own_id_and_consent_with_figures_in_constant_queries(
    api: Api, in_team: Team, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, faces=3, erase_without_consent=False)
    trained(gallery)
    for view in (8, 9):
        looked_up(in_team, *analysed(in_team, 1, view=view))
    (twice,) = analysed(in_team, 1, 1, view=7)[:1]
    looked_up(in_team, twice)
    subject_change(subject=person(gallery, "Bob"), consent_until=timezone.now() - timedelta(days=1))
    for number in range(5):
        subject_create(gallery=gallery, name=f"Eve {number}", external_id=f"e-{number}", consent_how="mail")
    path = subjects_of(gallery)
    with django_assert_max_num_queries(9):
        results = api("get", path)["results"]
    assert [(one["name"], one["face_count"], one["photo_count"]) for one in results[-2:]] == [
        ("Bob", 3, 0),
        ("Ada", 3, 3),
    ]

    def found(query: str) -> list[str]:
        return [one["name"] for one in api("get", f"{path}?{query}")["results"]]

    assert found("name=AD") == ["Ada"]
    assert found("external_id=e-3") == found("search=e-3") == ["Eve 3"]
    assert len(found("search=eve")) == len(found("consent=given")) == 5
    assert (found("consent=ended"), found("consent=none")) == (["Bob"], ["Ada"])
    api("get", f"{path}?consent=maybe", status=400)


def test_a_person_is_shown_only_in_their_own_gallery(api: Api, in_team: Team) -> None:
    gallery, other = gallery_of(in_team, {"Ada": 1}), gallery_of(in_team, {"Bob": 2})
    ada = person(gallery, "Ada")
    api("get", f"{subjects_of(other)}/{ada.pk}", status=404)
    api("patch", f"{subjects_of(other)}/{ada.pk}", {"name": "Eve"}, status=404)
    api("delete", f"{subjects_of(other)}/{ada.pk}", status=404)
    assert person(gallery, "Ada") == ada


def test_people_cannot_be_added_to_a_gallery_of_faces_nor_twice_by_own_id(api: Api, in_team: Team) -> None:
    faces = gallery_create(team=in_team, name="Faces", holds="faces")
    gallery = gallery_create(team=in_team, name="Staff")
    subject_create(gallery=gallery, name="Bob", external_id="17")
    refusal = api("post", subjects_of(faces), {"name": "Ada"}, status=409)
    assert refusal["code"] == "gallery_holds_faces"
    refusal = api("post", subjects_of(gallery), {"name": "Ada", "external_id": "17"}, status=409)
    assert refusal["code"] == "subject_id_taken"
    assert Subject.objects.count() == 1


# --- Corrections --------------------------------------------------------------------------------------------
def test_people_are_merged_split_and_moved(api: Api, in_team: Team) -> None:
    gallery, other = gallery_of(in_team, {"Ada": 1, "Bob": 2}), gallery_create(team=in_team, name="Other")
    ada, bob = person(gallery, "Ada"), person(gallery, "Bob")
    moved = str(bob.faces.all()[0].pk)
    path = subjects_of(gallery)
    merged = api("post", f"{path}/merge", {"into": str(ada.pk), "others": [str(bob.pk)]})
    assert (merged["name"], merged["face_count"]) == ("Ada", 4)
    new = api("post", f"{path}/{ada.pk}/split", {"face_ids": [moved], "name": "Eve"})
    assert (new["name"], new["face_count"], new["gallery_id"]) == ("Eve", 1, str(gallery.pk))
    back = api("post", f"{path}/{new['id']}/split", {"face_ids": [moved], "into": str(ada.pk)})
    assert back["face_count"] == 4
    body = {"subject_ids": [str(ada.pk), new["id"]], "gallery_id": str(other.pk)}
    assert api("post", f"{path}/move", body) == {"moved": 2}
    assert other.subjects.count() == 2
    face = f"{GALLERIES}/{other.pk}/faces/{moved}/move"
    assert api("post", face, {"subject_id": new["id"]})["subject_id"] == new["id"]
    assert api("post", face, {"subject_id": None}) == {
        "id": moved,
        "gallery_id": str(other.pk),
        "subject_id": None,
        "by_hand": True,
    }


def test_corrections_of_who_is_not_there_are_refused_and_change_nothing(api: Api, in_team: Team) -> None:
    gallery, other = gallery_of(in_team, {"Ada": 1, "Bob": 2}), gallery_of(in_team, {"Eve": 3})
    ada, bob, eve = person(gallery, "Ada"), person(gallery, "Bob"), person(other, "Eve")
    face = ada.faces.all()[0]
    before = list(EnrolledFace.objects.order_by("pk").values_list("pk", "subject", "by_hand"))
    path, nobody = subjects_of(gallery), str(uuid4())
    wrong: list[tuple[str, dict[str, Any], int, str]] = [
        ("merge", {"into": str(ada.pk), "others": [str(eve.pk)]}, 404, "subject_unknown"),
        ("merge", {"into": str(ada.pk), "others": [str(ada.pk)]}, 409, "merge_of_one"),
        ("merge", {"into": str(ada.pk), "others": []}, 400, "invalid"),
        (f"{ada.pk}/split", {"face_ids": [nobody], "name": "X"}, 409, "faces_not_of_subject"),
        (f"{ada.pk}/split", {"face_ids": [str(face.pk)]}, 400, "invalid"),
        (f"{ada.pk}/split", {"face_ids": [str(face.pk)], "into": str(eve.pk)}, 404, "subject_unknown"),
        (f"{nobody}/split", {"face_ids": [str(face.pk)], "name": "X"}, 404, "not_found"),
        ("move", {"subject_ids": [str(ada.pk)], "gallery_id": nobody}, 404, "gallery_unknown"),
        ("move", {"subject_ids": [str(eve.pk)], "gallery_id": str(other.pk)}, 404, "subject_unknown"),
    ]
    for where, body, status, code in wrong:
        assert api("post", f"{path}/{where}", body, status=status)["code"] == code
    move = f"{GALLERIES}/{gallery.pk}/faces"
    refusal = api("post", f"{move}/{face.pk}/move", {"subject_id": str(eve.pk)}, status=404)
    assert refusal["code"] == "subject_unknown"
    api("post", f"{move}/{nobody}/move", {"subject_id": str(bob.pk)}, status=404)
    assert list(EnrolledFace.objects.order_by("pk").values_list("pk", "subject", "by_hand")) == before
    assert Subject.objects.count() == 3


# --- People in photos -----------------------------------------------------------------------------------
def test_faces_say_who_they_are_in_photos_and_lists_and_can_be_asked_for_by_person(
    api: Api, in_team: Team, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    trained(gallery)
    ada = person(gallery, "Ada")
    faces = analysed(in_team, *([1, 2, 7] * 4), view=9)
    looked_up(in_team, *faces)
    face_label(face=faces[1], subject=ada)
    other = analysed(in_team, 7, view=8)[0]
    with django_assert_max_num_queries(10):
        photo = api("get", f"/api/v1/media/{faces[0].media_id}")
    by_id = {face["id"]: face for face in photo["faces"]}
    said = by_id[str(faces[0].pk)]["person"]
    assert (said["subject_id"], said["gallery_id"], said["name"]) == (str(ada.pk), str(gallery.pk), "Ada")
    assert said["by"] == "machine"
    assert 0.9 < said["confidence"] <= 1
    assert by_id[str(faces[1].pk)]["person"] == said | {"by": "person", "confidence": None}
    assert by_id[str(faces[2].pk)]["person"] is by_id[str(faces[2].pk)]["unnamed_id"] is None
    with django_assert_max_num_queries(8):
        listed = api("get", f"/api/v1/faces?subject={ada.pk}")["results"]
    assert {face["id"] for face in listed} == {str(faces[n].pk) for n in (0, 1, 3, 6, 9)}
    assert [one["id"] for one in api("get", f"/api/v1/media?subject={ada.pk}")["results"]] == [
        str(faces[0].media_id)
    ]
    assert api("get", f"/api/v1/faces/{faces[0].pk}")["person"] == said
    with django_assert_max_num_queries(11):
        (on,) = api("get", f"{subjects_of(gallery)}/{ada.pk}/photos")["results"]
    assert on["id"] == str(faces[0].media_id) != str(other.media_id)
    assert {face["id"] for face in on["faces"]} == {face["id"] for face in listed}
    assert {face["person"]["name"] for face in on["faces"]} == {"Ada"}


def test_nothing_of_people_in_photos_is_told_where_identity_is_switched_off(api: Api, in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    ada = person(gallery, "Ada")
    (face,) = analysed(in_team, 1)
    face_label(face=face, subject=ada)
    Team.objects.filter(pk=in_team.pk).update(analyze_identity=False)
    assert api("get", f"/api/v1/faces/{face.pk}")["person"] is None
    for path in ("/api/v1/faces", "/api/v1/media"):
        assert api("get", f"{path}?subject={ada.pk}")["results"] == []
    assert api("get", f"{subjects_of(gallery)}/{ada.pk}/photos")["results"] == []
    assert api("get", f"{subjects_of(gallery)}/{ada.pk}")["photo_count"] == 0
    path = f"/api/v1/faces/{face.pk}/label"
    assert api("put", path, {"subject_id": str(ada.pk)}, status=409)["code"] == "identity_switched_off"
    assert api("delete", path, status=409)["code"] == "identity_switched_off"
    assert FaceLabel.objects.count() == 1


def test_a_person_says_who_a_face_is_and_is_not(api: Api, in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    ada = person(gallery, "Ada")
    (face,) = analysed(in_team, 7)
    path = f"/api/v1/faces/{face.pk}/label"
    shown = api("put", path, {"subject_id": str(ada.pk)})
    assert (shown["id"], shown["person"]["name"], shown["person"]["by"]) == (str(face.pk), "Ada", "person")
    api("delete", path, status=204)
    assert not FaceLabel.objects.exists()
    assert FaceRejection.objects.get().subject == ada
    assert api("delete", path, status=409)["code"] == "face_not_labelled"
    assert api("put", path, {"subject_id": str(uuid4())}, status=404)["code"] == "subject_unknown"
    assert api("put", f"/api/v1/faces/{uuid4()}/label", {"subject_id": str(ada.pk)}, status=404)
    assert not FaceLabel.objects.exists()


def test_a_face_of_a_photo_is_named_and_enrolled_in_one_go_or_not_at_all(api: Api, in_team: Team) -> None:
    gallery = gallery_create(team=in_team, name="Staff")
    ada, bob = (subject_create(gallery=gallery, name=name) for name in ("Ada", "Bob"))
    (face,) = analysed(in_team, 7)
    path = f"/api/v1/faces/{face.pk}/label"
    api("put", path, {"subject_id": str(ada.pk), "enrol": True})
    enrolled = ada.faces.get()
    assert (enrolled.source, enrolled.picture_sha256) == (face, face.media.sha256)
    assert (
        api("put", path, {"subject_id": str(bob.pk), "enrol": True}, status=409)["code"] == "face_duplicate"
    )
    assert EnrolledFace.objects.get() == enrolled
    assert FaceLabel.objects.get().subject == ada
    assert not FaceRejection.objects.exists()
