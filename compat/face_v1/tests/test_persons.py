"""Persons of person groups and of large ones, both alike."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.access import team_scope
from accounts.models import AuditEvent, Scope
from compat.face_v1.kinds import LARGE_PERSON_GROUP, PERSON_GROUP, Kind
from conftest import People
from galleries.models import EnrolledFace, Gallery, Subject
from galleries.tests.helpers import enrol
from media_jobs.tests.helpers import at_once
from tests.fakes import embedding_of

from .helpers import Program

Refused = Callable[..., str]
each_kind = pytest.mark.parametrize(
    "kind", [PERSON_GROUP, LARGE_PERSON_GROUP], ids=lambda kind: kind.namespace
)


def group(program: Program, kind: Kind, key: str = "staff") -> str:
    """Make a group; the path of its persons."""
    assert program.put(f"/{kind.path}/{key}", {"name": "Staff"}).status_code == 200
    return f"/{kind.path}/{key}/persons"


def person(program: Program, persons: str, name: str = "Ada", **body: Any) -> str:
    answer = program.post(persons, {"name": name, **body})
    assert answer.status_code == 200, answer.content
    assert list(answer.json()) == ["personId"]
    return str(answer.json()["personId"])


def with_faces(people: People, person_id: str, count: int) -> list[str]:
    """Give somebody faces; their ids in the order in which they were added."""
    with team_scope(people.team):
        subject = Subject.objects.get(pk=person_id)
        return [str(enrol(subject, embedding_of(1, view))[0].pk) for view in range(count)]


# --- One ----------------------------------------------------------------------------------------------
@each_kind
def test_a_person_is_made_read_changed_and_erased(people: People, program: Program, kind: Kind) -> None:
    persons = group(program, kind)
    ada = person(program, persons, userData="Countess")
    assert str(UUID(ada)) == ada
    path = f"{persons}/{ada}"
    shown = {"personId": ada, "persistedFaceIds": [], "name": "Ada", "userData": "Countess"}
    answer = program.get(path)
    assert (answer.status_code, answer.json()) == (200, shown)
    assert program.get(f"{persons}/{ada.upper()}/").json() == shown
    changed = program.patch(path, {"name": "Ada L."})
    assert (changed.status_code, changed.content) == (200, b"")
    program.patch(path, {"name": None, "userData": ""})
    assert program.get(path).json() == {"personId": ada, "persistedFaceIds": [], "name": "Ada L."}
    gone = program.delete(path)
    assert (gone.status_code, gone.content) == (200, b"")
    assert program.get(path).json() == {
        "error": {"code": "PersonNotFound", "message": "Person is not found."}
    }


@each_kind
def test_a_person_shows_their_faces_in_the_order_they_were_added(
    people: People, program: Program, kind: Kind
) -> None:
    persons = group(program, kind)
    ada = person(program, persons)
    # In an order that is not the one of their ids.
    faces = with_faces(people, ada, 12)
    assert faces != sorted(faces)
    assert program.get(f"{persons}/{ada}").json()["persistedFaceIds"] == faces
    assert program.get(persons).json()[0]["persistedFaceIds"] == faces


@each_kind
def test_with_a_person_their_faces_go(people: People, program: Program, kind: Kind) -> None:
    persons = group(program, kind)
    ada, bob = person(program, persons), person(program, persons, "Bob")
    with_faces(people, ada, 2)
    (kept,) = with_faces(people, bob, 1)
    assert program.delete(f"{persons}/{ada}").status_code == 200
    with team_scope(people.team):
        assert [str(pk) for pk in EnrolledFace.objects.values_list("pk", flat=True)] == [kept]


BAD_BODIES = [
    ({}, "'name' is empty."),
    ({"name": None, "userData": "x"}, "'name' is empty."),
    ({"name": ""}, "'name' is empty."),
    ({"name": "a" * 129}, "'name' is too long. The limit is 128 characters."),
    ({"name": "a", "userData": "b" * 16_385}, "'userData' is too long. The limit is 16384 characters."),
    ({"name": {"first": "Ada"}}, "Request body is invalid. 'name' has to be text."),
    ("Ada", "JSON parsing error. Bad or unrecognizable request JSON body."),
]
BAD_CHANGES = [
    ({}, "Both 'name' and 'userData' are empty."),
    ({"name": None, "userData": None}, "Both 'name' and 'userData' are empty."),
    ({"name": ""}, "'name' is empty."),
    ({"name": "a" * 129}, "'name' is too long. The limit is 128 characters."),
    ({"userData": "b" * 16_385}, "'userData' is too long. The limit is 16384 characters."),
]


@each_kind
def test_bodies_without_sense_are_refused(program: Program, kind: Kind, refused: Refused) -> None:
    persons = group(program, kind)
    ada = person(program, persons, userData="x")
    for body, message in BAD_BODIES:
        assert refused(partial(program.post, persons, body), 400, "BadArgument") == message
    for body, message in BAD_CHANGES:
        assert refused(partial(program.patch, f"{persons}/{ada}", body), 400, "BadArgument") == message
    assert person(program, persons, "ü" * 128, userData="字" * 16_384)


@each_kind
def test_who_is_not_in_the_group_is_not_found(program: Program, kind: Kind, refused: Refused) -> None:
    persons, elsewhere = group(program, kind), group(program, kind, "other")
    other = person(program, elsewhere)
    for who in (other, str(uuid4()), "ada", other[:-1], f"{other}0", "%00"):
        for method, body in (("GET", None), ("PATCH", {"name": "Eve"}), ("DELETE", None)):
            send = partial(program.send, method, f"{persons}/{who}", body)
            assert refused(send, 404, "PersonNotFound") == "Person is not found."


@each_kind
def test_in_a_group_that_is_not_there_nobody_is(program: Program, kind: Kind, refused: Refused) -> None:
    persons = f"/{kind.path}/nowhere/persons"
    for method, path, body in (
        ("GET", persons, None),
        ("POST", persons, {"name": "Ada"}),
        ("GET", f"{persons}/{uuid4()}", None),
        ("PATCH", f"{persons}/{uuid4()}", {"name": "Ada"}),
        ("DELETE", f"{persons}/{uuid4()}", None),
    ):
        refused(partial(program.send, method, path, body), 404, f"{kind.code}NotFound")


def test_a_list_of_faces_has_no_persons(program: Program, refused: Refused) -> None:
    program.put("/facelists/list", {"name": "List"})
    send = partial(program.post, "/facelists/list/persons", {"name": "Ada"})
    refused(send, 404, "ResourceNotFound")


# --- Many ---------------------------------------------------------------------------------------------
@each_kind
def test_pages_of_persons_come_by_id_each_in_as_many_queries(
    people: People, program: Program, kind: Kind
) -> None:
    persons = group(program, kind)
    assert program.get(persons).json() == []
    ids = sorted(person(program, persons, f"Person {number}") for number in range(7))
    listed = program.get(persons).json()
    assert [one["personId"] for one in listed] == ids
    assert set(listed[0]) == {"personId", "persistedFaceIds", "name"}
    assert page(program, persons, top=3) == ids[:3]
    assert page(program, persons, start=ids[2], top=2) == ids[3:5]
    assert page(program, persons, start=ids[2].upper(), top="1000") == ids[3:]
    assert page(program, persons, start=ids[-1]) == []
    assert page(program, persons, start="0") == [one for one in ids if one > "0"] == ids
    assert page(program, persons, start="8") == [one for one in ids if one > "8"]
    assert page(program, persons, start="zebra") == page(program, persons, start="ü") == []
    few = statements(program, persons)
    for one in ids:
        with_faces(people, one, 3)
    assert statements(program, persons) == few
    assert all(len(one["persistedFaceIds"]) == 3 for one in program.get(persons).json())


def page(program: Program, persons: str, **query: Any) -> list[str]:
    answer = program.get(persons, **query)
    assert answer.status_code == 200
    return [one["personId"] for one in answer.json()]


def statements(program: Program, persons: str) -> Sequence[int]:
    """How many statements a list needs, and how many of them read faces."""
    with CaptureQueriesContext(connection) as captured:
        assert program.get(persons).status_code == 200
    return len(captured), sum("galleries_enrolledface" in query["sql"] for query in captured)


@each_kind
def test_malformed_pages_are_refused(program: Program, kind: Kind, refused: Refused) -> None:
    persons = group(program, kind)
    for top in ("0", "1001", "-1", "x", ""):
        refused(partial(program.get, persons, top=top), 400, "BadArgument")
    refused(partial(program.get, persons, start="0" * 65), 400, "BadArgument")


# --- Limits -------------------------------------------------------------------------------------------
@each_kind
def test_a_group_holds_so_many_persons(
    program: Program, kind: Kind, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(kind), "most_persons", 2)
    persons, other = group(program, kind), group(program, kind, "other")
    ada, _ = person(program, persons), person(program, persons)
    message = refused(partial(program.post, persons, {"name": "Eve"}), 403, "QuotaExceeded")
    assert message == f"Person number reached {kind.word.lower()} level limit, which is 2."
    person(program, other)
    assert program.delete(f"{persons}/{ada}").status_code == 200
    person(program, persons)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_do_not_go_over_the_limit(
    people: People, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(PERSON_GROUP), "most_persons", 3)
    persons = group(program, PERSON_GROUP)
    answers: list[int] = []
    at_once(8, lambda: answers.append(program.post(persons, {"name": "Ada"}).status_code))
    assert sorted(answers) == [200] * 3 + [403] * 5
    with team_scope(people.team):
        assert Subject.objects.count() == 3


# --- Whose they are, and what is kept of it -------------------------------------------------------------
@each_kind
def test_another_team_finds_nobody(program: Program, stranger: Program, kind: Kind, refused: Refused) -> None:
    persons = group(program, kind)
    ada = person(program, persons)
    for method, path, body in (
        ("GET", persons, None),
        ("POST", persons, {"name": "Eve"}),
        ("GET", f"{persons}/{ada}", None),
        ("DELETE", f"{persons}/{ada}", None),
    ):
        refused(partial(stranger.send, method, path, body), 404, f"{kind.code}NotFound")
    # Neither in a group of their own with the same id.
    theirs = group(stranger, kind)
    for method, body in (("GET", None), ("PATCH", {"name": "Eve"}), ("DELETE", None)):
        refused(partial(stranger.send, method, f"{theirs}/{ada}", body), 404, "PersonNotFound")


@each_kind
def test_every_write_is_on_record_with_the_key(people: People, program: Program, kind: Kind) -> None:
    persons = group(program, kind)
    ada = person(program, persons)
    program.patch(f"{persons}/{ada}", {"name": "Ada L.", "userData": "x"})
    with team_scope(people.team):
        in_group = {"gallery_id": str(Gallery.objects.get().pk)}
        events = AuditEvent.objects.filter(object_id=ada).order_by("id")
        found = [(event.action, event.object_name, event.details, event.actor_name) for event in events]
    assert found == [
        ("subject.created", "Ada", in_group, "test"),
        ("subject.changed", "Ada L.", {"fields": ["name", "notes"]}, "test"),
    ]
    program.delete(f"{persons}/{ada}")
    with team_scope(people.team):
        last = AuditEvent.objects.filter(object_id=ada).latest("id")
        assert not AuditEvent.objects.filter(object_name__contains="Ada").exists()
    assert (last.action, last.object_name, last.actor_name) == ("subject.erased", "[erased]", "test")


def test_persons_are_added_with_a_key_that_may_analyse_and_erased_with_one_that_may_manage(
    people: People, program: Program, refused: Refused
) -> None:
    persons = group(program, PERSON_GROUP)
    reader, analyst = Program(people.key(Scope.READ)), Program(people.key(Scope.READ, Scope.ANALYZE))
    ada = person(analyst, persons)
    assert reader.get(f"{persons}/{ada}").status_code == 200
    refused(partial(reader.post, persons, {"name": "Eve"}), 403, "Forbidden")
    refused(partial(reader.patch, f"{persons}/{ada}", {"name": "Eve"}), 403, "Forbidden")
    refused(partial(analyst.delete, f"{persons}/{ada}"), 403, "Forbidden")
