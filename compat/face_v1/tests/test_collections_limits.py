"""Groups and lists: limits, erasing, whose they are, and the dashboard."""

import re

import pytest
from django.urls import reverse

from accounts.access import team_scope
from accounts.models import AuditEvent, Scope
from compat.face_v1.kinds import (
    FACE_LIST,
    KINDS,
    LARGE_FACE_LIST,
    LARGE_PERSON_GROUP,
    Kind,
)
from conftest import People
from galleries import erasure
from galleries.models import EnrolledFace, Gallery, Subject
from media_jobs.models import Removal
from media_jobs.removals import removal_run
from media_jobs.tests.helpers import at_once
from tests.fakes import EngineOfPeople, embedding_of, people_picture

from .collection_helpers import Refused, each_kind, galleries, made, shown
from .helpers import Program


# --- Limits -------------------------------------------------------------------------------------------
@each_kind
def test_a_team_has_so_many_of_a_kind_and_no_more(
    people: People, program: Program, kind: Kind, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(kind), "most", 2)
    paths = [made(program, kind, key) for key in ("a", "b")]
    message = refused(lambda: program.put(f"/{kind.path}/c", {"name": "c"}), 403, "QuotaExceeded")
    assert message == f"{kind.word} number reached subscription level limit, which is 2."
    # One that is there is said to be there, also at the limit, and what goes makes room.
    refused(lambda: program.put(paths[0], {"name": "c"}), 409, f"{kind.code}Exists")
    assert program.delete(paths[0]).status_code == 200
    made(program, kind, "c")


def test_the_limits_are_those_of_face_api() -> None:
    limits = {kind.namespace: (kind.most, kind.most_persons, kind.most_faces) for kind in KINDS}
    assert limits == {
        "person_group": (1_000_000, 10_000, None),
        "large_person_group": (1_000_000, 1_000_000, None),
        "face_list": (64, 0, 1_000),
        "large_face_list": (64, 0, 1_000_000),
    }


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_go_over_the_limit(
    people: People, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(FACE_LIST), "most", 3)
    answers: list[int] = []
    numbers = iter(range(8))

    def one() -> None:
        answers.append(program.put(f"/facelists/list-{next(numbers)}", {"name": "List"}).status_code)

    at_once(8, one)
    assert sorted(answers) == [200] * 3 + [403] * 5
    assert len(galleries(people)) == 3


@pytest.mark.django_db(transaction=True)
def test_of_two_that_make_the_same_one_one_is_told_so(people: People, program: Program) -> None:
    answers: list[int] = []
    at_once(6, lambda: answers.append(program.put("/persongroups/staff", {"name": "S"}).status_code))
    assert sorted(answers) == [200] + [409] * 5


# --- Erasing ------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@each_kind
def test_a_large_collection_is_gone_at_once_and_its_id_is_free(
    people: People, program: Program, kind: Kind, engine: EngineOfPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "MOST_AT_ONCE", 1)
    path = made(program, kind, userData="old")
    faces = f"{path}/persistedfaces"
    if kind.most_persons:
        person = program.post(f"{path}/persons", {"name": "Ada"}).json()["personId"]
        faces = f"{path}/persons/{person}/persistedfaces"
    ids = [program.picture(faces, people_picture(n)).json()["persistedFaceId"] for n in range(2)]
    old = galleries(people)[0].pk
    assert program.delete(path).status_code == 200
    with team_scope(people.team):
        assert EnrolledFace.objects.count() == 2, "a job will erase them"
        removal = Removal.objects.get()
    assert program.get(path).status_code == 404
    assert program.delete(f"{faces}/{ids[0]}").json()["error"]["code"] == f"{kind.code}NotFound"
    assert program.get(f"/{kind.path}").json() == []
    # The new one has nothing of the old one.
    made(program, kind)
    assert program.get(path).json() == shown(kind)
    gone = program.delete(f"{faces}/{ids[0]}")
    assert (gone.status_code, gone.json()["error"]["code"]) == (
        404,
        "PersonNotFound" if kind.most_persons else "PersistedFaceNotFound",
    )
    removal_run(removal_id=removal.pk)
    with team_scope(people.team):
        assert not EnrolledFace.objects.exists()
        assert not Subject.objects.exists()
        (left,) = Gallery.objects.all()
    assert left.pk != old
    assert program.get(path).status_code == 200


# --- Whose they are -----------------------------------------------------------------------------------
@each_kind
def test_another_team_has_ids_of_its_own(
    people: People, others: People, program: Program, stranger: Program, kind: Kind, refused: Refused
) -> None:
    path = made(program, kind)
    for send in (
        lambda: stranger.get(path),
        lambda: stranger.patch(path, {"name": "Theirs"}),
        lambda: stranger.delete(path),
    ):
        assert refused(send, 404, f"{kind.code}NotFound") == f"{kind.word} is not found."
    assert stranger.get(f"/{kind.path}").json() == []
    made(stranger, kind, name="Theirs")
    assert program.get(path).json() == shown(kind)
    assert stranger.get(path).json() == shown(kind, name="Theirs")


@each_kind
def test_writes_need_a_key_that_may_manage(people: People, kind: Kind, refused: Refused) -> None:
    weak = Program(people.key(Scope.READ, Scope.ANALYZE))
    path = made(Program(people.key()), kind)
    for send in (
        lambda: weak.put(f"/{kind.path}/b", {"name": "b"}),
        lambda: weak.patch(path, {"name": "b"}),
        lambda: weak.delete(path),
    ):
        refused(send, 403, "Forbidden")
    assert weak.get(path).status_code == 200


@each_kind
def test_every_write_is_on_record_with_the_key(people: People, program: Program, kind: Kind) -> None:
    path = made(program, kind)
    program.patch(path, {"name": "Crew", "userData": "x"})
    program.patch(path, {"name": "Crew"})
    (gallery,) = galleries(people)
    with team_scope(people.team):
        events = AuditEvent.objects.filter(object_id=str(gallery.pk)).order_by("id")
        found = [(event.action, event.object_name, event.details, event.actor_name) for event in events]
    assert found == [
        ("gallery.created", "Staff", {}, "test"),
        ("gallery.changed", "Crew", {"fields": ["name", "notes"]}, "test"),
    ]
    program.delete(path)
    with team_scope(people.team):
        last = AuditEvent.objects.filter(object_id=str(gallery.pk)).latest("id")
    assert (last.action, last.object_name, last.actor_name) == ("gallery.deleted", "[erased]", "test")


# --- Paths --------------------------------------------------------------------------------------------
@each_kind
def test_letter_case_slashes_and_regions_do_not_count(program: Program, kind: Kind) -> None:
    made(program, kind)
    for base, path in (
        ("/face/v1.0", f"/{kind.path}/staff/"),
        ("/face/v1.0", f"/{kind.path.upper()}/staff"),
        ("/Face/V1.0", f"/{kind.path}/staff"),
        ("/westeurope/face/v1.0", f"/{kind.path}/staff"),
        ("/westus.api.cognitive.microsoft.com/face/v1.0", f"/{kind.path}/staff/"),
    ):
        answer = program.send("GET", path, base=base)
        assert (answer.status_code, answer.json()) == (200, shown(kind)), (base, path)


def test_a_large_person_group_shows_no_faces_of_its_own(program: Program, people: People) -> None:
    path = made(program, LARGE_PERSON_GROUP)
    with team_scope(people.team):
        gallery = Gallery.objects.get()
        subject = Subject.objects.create(team=people.team, gallery=gallery, name="Ada")
        EnrolledFace.objects.create(
            team=people.team, gallery=gallery, subject=subject, embedding=embedding_of(1)
        )
    assert program.get(path).json() == shown(LARGE_PERSON_GROUP)


# --- In the dashboard -----------------------------------------------------------------------------------
WORDS = {
    "person_group": "Face API person group",
    "large_person_group": "Face API large person group",
    "face_list": "Face API face list",
    "large_face_list": "Face API large face list",
}


@each_kind
def test_the_team_sees_what_its_programs_made(people: People, program: Program, kind: Kind) -> None:
    made(program, kind, "staff-3", name="Third floor")
    (gallery,) = galleries(people)
    for route, arguments, role in (
        ("team_galleries", [], "viewer"),
        ("team_gallery", [gallery.pk], "viewer"),
        ("team_gallery_settings", [gallery.pk], "admin"),
    ):
        page = people.client(role).get(reverse(route, args=arguments)).content.decode()
        words = " ".join(re.sub(r"<[^>]*>", " ", page).split())
        assert "Third floor" in words
        assert f"{WORDS[kind.namespace]} staff-3" in words
        assert kind.namespace not in words
        if route != "team_gallery":
            assert ("needs no training" in words) == (not kind.trained)


def test_a_face_list_is_not_offered_for_training(people: People, program: Program) -> None:
    for kind in (FACE_LIST, LARGE_FACE_LIST):
        path = made(program, kind)
        with team_scope(people.team):
            gallery = Gallery.objects.get(namespace=kind.namespace)
            EnrolledFace.objects.create(team=people.team, gallery=gallery, embedding=embedding_of(1))
        page = people.client("analyst").get(reverse("team_gallery", args=[gallery.pk])).content.decode()
        assert ("Train it now" in page) == kind.trained, path
