"""The API of unnamed people: what it shows, takes and refuses, and how many queries that costs."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.access import team_scope
from conftest import People
from galleries.models import EnrolledFace, FaceLabel, UnnamedPerson
from galleries.tests.helpers import gallery_of
from galleries.tests.pool_helpers import album, photo, whose
from galleries.unnamed import unnamed_name
from galleries.unnamed_pool import pool_cluster
from media_jobs.services import media_from_bytes
from tests.fakes import people_picture

pytestmark = pytest.mark.django_db


@pytest.fixture()
def client(people: People) -> Client:
    return people.client("analyst")


def send(client: Client, route: str, body: dict[str, Any], *arguments: Any, status: int = 200) -> Any:
    answer = client.post(reverse(route, args=arguments), body, "application/json")
    assert answer.status_code == status, answer.content
    return answer.json()


def clustered(people: People, album_of: dict[int, int]) -> dict[int, Any]:
    """Unnamed people of some photos, by number."""
    with team_scope(people.team):
        faces = album(people.team, album_of)
        pool_cluster(team=people.team)
        return {
            person: (str(whose(some[0])), [str(face.pk) for face in some]) for person, some in faces.items()
        }


def test_the_list_shows_whom_nobody_has_named_with_their_best_faces(people: People, client: Client) -> None:
    made = clustered(people, {1: 6, 2: 2, 3: 1})
    with team_scope(people.team):
        poor = photo(people.team, 2, quality="low", view=9)[0]
        pool_cluster(team=people.team)
    rows = client.get(reverse("api_gallery_unnamed_list")).json()["results"]
    shown = {row["id"]: row for row in rows}
    assert set(shown) == {made[1][0], made[2][0]}
    assert (shown[made[1][0]]["face_count"], len(shown[made[1][0]]["faces"])) == (6, 4)
    # The poor picture comes last.
    assert [face["id"] for face in shown[made[2][0]]["faces"]][-1] == str(poor.pk)
    assert set(rows[0]["faces"][0]) == {"id", "media_id", "number", "box", "created_at"}


def test_the_list_can_be_narrowed(people: People, client: Client) -> None:
    made = clustered(people, {1: 4, 2: 2})
    send(client, "api_gallery_unnamed_ignore", {"unnamed_ids": [made[2][0]]})

    def found(query: str) -> list[str]:
        rows = client.get(reverse("api_gallery_unnamed_list") + query).json()["results"]
        return [row["id"] for row in rows]

    assert found("?ignored=true") == [made[2][0]]
    assert found("?ignored=false") == [made[1][0]]
    assert found("?faces_min=3") == [made[1][0]]
    assert found("?faces_min=5") == []
    assert client.get(reverse("api_gallery_unnamed_list") + "?ignored=perhaps").status_code == 400


def test_the_list_costs_the_same_for_many_people(
    people: People, client: Client, django_assert_max_num_queries: Any
) -> None:
    clustered(people, dict.fromkeys(range(20), 3))
    with django_assert_max_num_queries(12):
        rows = client.get(reverse("api_gallery_unnamed_list")).json()["results"]
    assert len(rows) == 20
    with django_assert_max_num_queries(11):
        rows = client.get(reverse("api_gallery_unnamed_list") + "?fields=id").json()["results"]
    assert set(rows[0]) == {"id"}


def test_an_unnamed_person_is_shown_with_all_faces_page_by_page(people: People, client: Client) -> None:
    made = clustered(people, {1: 6})
    person, faces = made[1]
    shown = client.get(reverse("api_gallery_unnamed", args=[person])).json()
    assert (shown["face_count"], shown["ignored"], shown["by_hand"]) == (6, False, False)
    first = client.get(reverse("api_gallery_unnamed_faces", args=[person]) + "?page_size=4").json()
    second = client.get(first["next"]).json()
    assert {face["id"] for face in first["results"] + second["results"]} == set(faces)
    for route in ("api_gallery_unnamed", "api_gallery_unnamed_faces"):
        assert client.get(reverse(route, args=[uuid.uuid4()])).status_code == 404


def test_naming_answers_whom_and_how_many(people: People, client: Client) -> None:
    made = clustered(people, {1: 3})
    with team_scope(people.team):
        gallery = gallery_of(people.team, {})
    body = {"unnamed_ids": [made[1][0]], "gallery_id": str(gallery.pk), "name": "Ann"}
    named = send(client, "api_gallery_unnamed_name", body)
    assert (named["name"], named["faces"], named["enrolled"], named["gallery_id"]) == (
        "Ann",
        3,
        3,
        str(gallery.pk),
    )
    with team_scope(people.team):
        assert FaceLabel.objects.filter(subject=named["subject_id"], decided_by=people.analyst).count() == 3
    assert send(client, "api_gallery_unnamed_name", body, status=404)["code"] == "unnamed_unknown"


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Ann", "subject_id": str(uuid.uuid4())},
        {},
        {"name": ""},
        {"subject_id": str(uuid.uuid4()), "external_id": "a-1"},
        {"name": "Ann", "unnamed_ids": []},
        {"name": "Ann", "unnamed_ids": ["x"]},
    ],
)
def test_a_name_that_is_none_is_refused(people: People, client: Client, change: dict[str, Any]) -> None:
    made = clustered(people, {1: 2})
    with team_scope(people.team):
        gallery = gallery_of(people.team, {})
    body = {"unnamed_ids": [made[1][0]], "gallery_id": str(gallery.pk)} | change
    assert send(client, "api_gallery_unnamed_name", body, status=400)["code"] == "invalid"
    with team_scope(people.team):
        assert not gallery.subjects.exists()
        assert UnnamedPerson.objects.count() == 1


def test_an_unknown_gallery_is_refused(people: People, client: Client) -> None:
    made = clustered(people, {1: 2})
    body = {"unnamed_ids": [made[1][0]], "gallery_id": str(uuid.uuid4()), "name": "Ann"}
    assert send(client, "api_gallery_unnamed_name", body, status=404)["code"] == "gallery_unknown"


def test_people_are_merged_split_ignored_and_restored(people: People, client: Client) -> None:
    made = clustered(people, {1: 3, 2: 2})
    first, second = made[1][0], made[2][0]
    merged = send(client, "api_gallery_unnamed_merge", {"unnamed_ids": [first, second]})
    assert (merged["id"], merged["face_count"], merged["by_hand"]) == (first, 5, True)
    other = send(client, "api_gallery_unnamed_split", {"face_ids": made[2][1]}, first)
    assert (other["face_count"], other["by_hand"]) == (2, True)
    assert {face["id"] for face in other["faces"]} == set(made[2][1])
    ids = {"unnamed_ids": [first, other["id"]]}
    assert send(client, "api_gallery_unnamed_ignore", ids) == {"changed": 2}
    assert send(client, "api_gallery_unnamed_restore", ids) == {"changed": 2}
    assert send(client, "api_gallery_unnamed_restore", ids) == {"changed": 0}
    wrong = send(client, "api_gallery_unnamed_split", {"face_ids": made[2][1]}, first, status=404)
    assert wrong["code"] == "unnamed_face_unknown"


def test_a_run_is_queued_once(people: People, client: Client) -> None:
    first = client.post(reverse("api_gallery_unnamed_cluster"))
    assert first.status_code == 202
    assert first.json()["status"] == "queued"
    assert first["Location"].endswith(first.json()["id"])
    assert client.post(reverse("api_gallery_unnamed_cluster")).json() == first.json()


def test_no_run_where_recognition_is_switched_off(people: People, client: Client) -> None:
    people.team.analyze_identity = False
    people.team.save()
    answer = client.post(reverse("api_gallery_unnamed_cluster"))
    assert (answer.status_code, answer.json()["code"]) == (409, "identity_switched_off")


# --- Crops ----------------------------------------------------------------------------------------


def with_pictures(people: People) -> None:
    """Give the photos of the team a picture each."""
    from media_jobs.models import Media

    for number, media in enumerate(Media.objects.order_by("id")):
        content = people_picture(1, 2, view=number)
        stored = media_from_bytes(team=people.team, content=content, filename="p.png")
        names = {"original": stored.original, "preview": stored.preview, "thumbnail": stored.thumbnail}
        Media.objects.filter(pk=stored.pk).update(original="", preview="", thumbnail="")
        Media.objects.filter(pk=media.pk).update(pictures_erased_at=None, **names)


def test_enrolled_faces_come_with_their_crops(people: People, stored_files: Any) -> None:
    made = clustered(people, {1: 3})
    with team_scope(people.team):
        with_pictures(people)
        before = set(stored_files())
        gallery = gallery_of(people.team, {})
        unnamed_name(team=people.team, unnamed_ids=[uuid.UUID(made[1][0])], gallery=gallery, name="Ann")
        crops = set(EnrolledFace.objects.values_list("crop", flat=True))
    assert "" not in crops
    assert set(stored_files()) - before == crops


def test_a_refusal_leaves_no_crop_behind(people: People, client: Client, stored_files: Any) -> None:
    from accounts.models import Plan

    made = clustered(people, {1: 3})
    with team_scope(people.team):
        with_pictures(people)
        gallery = gallery_of(people.team, {})
    # Room for one of the three faces that would be enrolled.
    people.team.plan = Plan.objects.create(name="small", stored_faces=4)
    people.team.save()
    before = stored_files()
    body = {"unnamed_ids": [made[1][0]], "gallery_id": str(gallery.pk), "name": "Ann"}
    assert send(client, "api_gallery_unnamed_name", body, status=403)["code"] == "quota_faces"
    assert stored_files() == before
    with team_scope(people.team):
        assert not EnrolledFace.objects.exists()
        assert FaceLabel.objects.filter(unnamed=made[1][0]).count() == 3
