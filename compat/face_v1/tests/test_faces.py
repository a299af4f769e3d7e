"""Faces of persons and lists: adding, showing, changing and removing them."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from accounts.access import team_scope
from accounts.models import AuditEvent, TeamUsage, UsageDay
from compat.face_v1 import pictures
from compat.face_v1.kinds import FACE_LIST, KINDS, LARGE_FACE_LIST, Kind
from conftest import People
from emotionsite.fetching import Fetched
from galleries.models import EnrolledFace, Gallery
from tests.fakes import EngineOfPeople, embedding_of, people_picture

from .face_helpers import URL, Refused, added, each_kind, kept, looked, place, within
from .helpers import Program


# --- Add ----------------------------------------------------------------------------------------------
@each_kind
def test_a_face_is_added_from_bytes_and_is_no_picture(
    people: People,
    program: Program,
    kind: Kind,
    engine: EngineOfPeople,
    asked: list[dict[str, Any]],
    stored_files: Callable[[], list[str]],
) -> None:
    faces = place(program, kind)
    first = added(program, faces, 1, userData="at the door")
    assert looked(program, kind, faces) == [{"persistedFaceId": first, "userData": "at the door"}]
    (face,) = kept(people)
    assert face.embedding == pytest.approx(embedding_of(1), abs=1e-3)
    assert (face.crop, face.stored_bytes, stored_files()) == ("", 0, [])
    assert (asked[0]["detection"], asked[0]["least_side"], "crops" in asked[0]) == ("detection_01", 36, False)
    for model in ("detection_02", "Detection_03"):
        added(program, faces, 1, detectionModel=model)
        assert asked[-1]["detection"] == model.lower()
        assert "least_side" not in asked[-1], "these are for small faces too"
    with team_scope(people.team):
        day = UsageDay.objects.get()
        assert (day.pictures, day.faces) == (3, 3)
        assert TeamUsage.objects.get(team=people.team).stored_faces == 3


@each_kind
def test_the_same_picture_twice_is_two_faces(
    people: People, program: Program, kind: Kind, engine: EngineOfPeople
) -> None:
    faces = place(program, kind)
    one, other = added(program, faces, 1), added(program, faces, 1)
    assert one != other
    assert {face["persistedFaceId"] for face in looked(program, kind, faces)} == {one, other}


@each_kind
def test_a_face_is_added_from_an_address(
    people: People,
    program: Program,
    kind: Kind,
    engine: EngineOfPeople,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetched: list[str] = []

    def fetch(url: str, **limits: Any) -> Fetched:
        fetched.append(url)
        return Fetched(200, {}, people_picture(2), url)

    monkeypatch.setattr(pictures, "fetch", fetch)
    answer = program.post(place(program, kind), {"url": URL}, userData="x")
    assert answer.status_code == 200, answer.content
    assert fetched == [URL]
    (face,) = kept(people)
    assert (str(face.pk), face.notes) == (answer.json()["persistedFaceId"], "x")
    assert face.embedding == pytest.approx(embedding_of(2), abs=1e-3)


@each_kind
def test_the_target_says_which_face_is_meant(
    people: People, program: Program, kind: Kind, engine: EngineOfPeople
) -> None:
    faces = place(program, kind)
    for number, target in enumerate(("40,40,120,120", "260,60,80,80", " 450, 50, 100, 100 ")):
        added(program, faces, 1, 2, 3, targetFace=target)
        assert kept(people)[-1].embedding == pytest.approx(embedding_of(number + 1), abs=1e-3)


@each_kind
def test_pictures_and_targets_that_do_not_fit_are_refused(
    people: People, program: Program, kind: Kind, engine: EngineOfPeople, refused: Refused
) -> None:
    faces = place(program, kind)
    several, nobody = people_picture(1, 2), without_faces()
    form = "Invalid argument targetFace. Valid format is targetFace=left,top,width,height."
    for target in ("1,2,3", "1,2,3,4,5", "a,b,c,d", "1.5,2,30,30", "-1,2,30,30", "1,2,0,30", "nan,1,2,3"):
        send = partial(program.picture, faces, several, targetFace=target)
        assert refused(send, 400, "BadArgument") == form, target
    for target in ("1,2,9999999,30", f"{10**40},1,2,3"):
        refused(partial(program.picture, faces, several, targetFace=target), 400, "BadArgument")
    for target in ("160,0,50,50", "5000,5000,100,100"):
        send = partial(program.picture, faces, several, targetFace=target)
        assert refused(send, 400, "InvalidImage") == "No face detected in the image at targetFace."
    message = refused(partial(program.picture, faces, several), 400, "InvalidImage")
    assert message == "There is more than 1 face in the image."
    message = refused(partial(program.picture, faces, nobody), 400, "InvalidImage")
    assert message == "No face detected in the image."
    message = refused(partial(program.picture, faces, nobody, targetFace="1,1,9,9"), 400, "InvalidImage")
    assert message == "No face detected in the image."
    for query in ({"detectionModel": "detection_04"}, {"userData": "a" * 1025}, {"userData": "a\x00"}):
        refused(partial(program.picture, faces, people_picture(1), **query), 400, "BadArgument")
    refused(partial(program.picture, faces, b"\xff\xd8\xff" + b"a" * 2000), 400, "InvalidImage")
    refused(partial(program.picture, faces, b"\xff\xd8\xff"), 400, "InvalidImageSize")
    refused(partial(program.send, "POST", faces, content=several, kind="image/png"), 415, "BadArgument")
    refused(partial(program.post, faces, {}), 400, "BadArgument")


def without_faces() -> bytes:
    """A picture in which the engine finds nobody."""
    buffer = io.BytesIO()
    Image.effect_noise((150, 150), 60).save(buffer, "PNG")
    return buffer.getvalue()


@each_kind
def test_user_data_of_a_face_is_1024_characters_at_most(
    program: Program, kind: Kind, engine: EngineOfPeople
) -> None:
    faces = place(program, kind)
    for letter in "aü\U0001f642":
        face = added(program, faces, 1, userData=letter * 1024)
        assert {"persistedFaceId": face, "userData": letter * 1024} in looked(program, kind, faces)


@each_kind
def test_paths_count_in_any_letter_case_with_a_slash_and_behind_a_region(
    people: People, program: Program, kind: Kind, engine: EngineOfPeople
) -> None:
    faces = place(program, kind)
    for path in (faces, f"{faces}/", faces.replace("persistedfaces", "persistedFaces")):
        for base in ("/face/v1.0", "/westeurope/face/v1.0"):
            answer = program.send("POST", path, content=people_picture(1), base=base)
            assert answer.status_code == 200, (base, path)
    assert len(kept(people)) == 6


@each_kind
def test_where_nothing_is_no_face_is_added(
    program: Program, kind: Kind, engine: EngineOfPeople, refused: Refused
) -> None:
    faces = place(program, kind)
    send = partial(program.picture, faces.replace("staff", "nowhere"), people_picture(1))
    refused(send, 404, f"{kind.code}NotFound")
    if kind.most_persons:
        for who in (str(uuid4()), "ada"):
            path = f"/{kind.path}/staff/persons/{who}/persistedfaces"
            refused(partial(program.picture, path, people_picture(1)), 404, "PersonNotFound")


# --- Get, update, delete ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind is not FACE_LIST], ids=lambda kind: kind.namespace
)
def test_a_face_is_read_and_changed(
    people: People, program: Program, kind: Kind, engine: EngineOfPeople, refused: Refused
) -> None:
    faces = place(program, kind)
    face = added(program, faces, 1)
    path = f"{faces}/{face}"
    assert program.get(path).json() == {"persistedFaceId": face}
    for body, data in (
        ({"userData": "new"}, {"userData": "new"}),
        ({"userData": None}, {"userData": "new"}),
        ({}, {"userData": "new"}),
        ({"USERDATA": "ü" * 1024}, {"userData": "ü" * 1024}),
        ({"userData": ""}, {}),
    ):
        answer = program.patch(path, body)
        assert (answer.status_code, answer.content) == (200, b"")
        assert program.get(path.replace("persistedfaces", "persistedFaces")).json() == {
            "persistedFaceId": face,
            **data,
        }
    message = refused(partial(program.patch, path, {"userData": "a" * 1025}), 400, "BadArgument")
    assert message == "'userData' is too long. The limit is 1024 characters."
    refused(partial(program.patch, path, {"userData": 1}), 400, "BadArgument")
    refused(partial(program.patch, path, []), 400, "BadArgument")
    with team_scope(people.team):
        changed = AuditEvent.objects.filter(action="face.changed")
        # Three of the five changed something.
        assert [event.details["fields"] for event in changed] == [["notes"]] * 3
        assert {(event.object_id, event.actor_name) for event in changed} == {(face, "test")}


@each_kind
def test_a_face_is_taken_out(people: People, program: Program, kind: Kind, engine: EngineOfPeople) -> None:
    faces = place(program, kind)
    one, other = added(program, faces, 1), added(program, faces, 2)
    answer = program.delete(f"{faces}/{one}")
    assert (answer.status_code, answer.content) == (200, b"")
    assert looked(program, kind, faces) == [{"persistedFaceId": other}]
    again = program.delete(f"{faces}/{one}")
    assert (again.status_code, again.json()) == (
        404,
        {"error": {"code": "PersistedFaceNotFound", "message": "Persisted face is not found."}},
    )
    with team_scope(people.team):
        events = AuditEvent.objects.filter(object_id=one).order_by("id")
        assert [(event.action, event.actor_name) for event in events] == [
            ("face.enrolled", "test"),
            ("face.unenrolled", "test"),
        ]


@each_kind
def test_a_face_of_somebody_else_is_not_found(
    people: People,
    others: People,
    program: Program,
    stranger: Program,
    kind: Kind,
    engine: EngineOfPeople,
    refused: Refused,
) -> None:
    faces, elsewhere = place(program, kind), place(program, kind, "other")
    face = added(program, faces, 1)
    theirs = place(stranger, kind)
    senders = [
        *(
            partial(program.send, path=f"{elsewhere}/{face}"),
            partial(program.send, path=f"{faces}/{uuid4()}"),
        ),
        *(partial(program.send, path=f"{faces}/face"), partial(stranger.send, path=f"{theirs}/{face}")),
    ]
    if kind.most_persons:
        senders.append(partial(program.send, path=f"{within(program, kind)}/{face}"))
    methods: list[tuple[str, Any]] = [("DELETE", None)]
    if kind is not FACE_LIST:
        methods += [("GET", None), ("PATCH", {"userData": "x"})]
    for send in senders:
        for method, body in methods:
            refused(partial(send, method, body=body), 404, "PersistedFaceNotFound")
    missing = f"{kind.code}NotFound"
    for method, body in methods:
        refused(partial(stranger.send, method, f"{elsewhere}/{face}", body), 404, missing)
    refused(partial(stranger.picture, elsewhere, people_picture(1)), 404, missing)


def test_a_small_list_shows_its_faces_with_itself(
    program: Program, engine: EngineOfPeople, refused: Refused
) -> None:
    faces = place(program, FACE_LIST)
    face = added(program, faces, 1)
    refused(partial(program.get, faces), 405, "MethodNotAllowed")
    refused(partial(program.get, f"{faces}/{face}"), 405, "MethodNotAllowed")
    few = statements(program, "/facelists/staff")
    for number in range(2, 6):
        added(program, faces, number)
    assert statements(program, "/facelists/staff") == few
    assert "persistedFaces" not in program.get("/facelists").json()[0]


def statements(program: Program, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert program.get(path).status_code == 200
    return len(captured)


def test_a_large_list_shows_its_faces_in_pages(people: People, program: Program) -> None:
    faces = place(program, LARGE_FACE_LIST)
    assert program.get(faces).json() == []
    with team_scope(people.team):
        gallery = Gallery.objects.get()
        rows = [
            EnrolledFace(team=people.team, gallery=gallery, embedding=embedding_of(1), notes=str(number))
            for number in range(1100)
        ]
        EnrolledFace.objects.bulk_create(rows)
    ids = sorted(str(row.pk) for row in rows)
    notes = {str(row.pk): row.notes for row in rows}
    first = program.get(faces).json()
    assert first == [{"persistedFaceId": pk, "userData": notes[pk]} for pk in ids[:1000]]
    rest = program.get(faces, start=ids[999], top=1000).json()
    assert [face["persistedFaceId"] for face in rest] == ids[1000:]
    for query, expected in (
        ({"top": 2}, ids[:2]),
        ({"start": "0", "top": 10}, ids[:10]),
        ({"start": ids[4].upper(), "top": 3}, ids[5:8]),
        ({"start": "zz"}, []),
    ):
        assert [face["persistedFaceId"] for face in program.get(faces, **query).json()] == expected, query
    for query in ({"top": 0}, {"top": 1001}, {"top": "x"}, {"start": "0" * 65}):
        assert program.get(faces, **query).json()["error"]["code"] == "BadArgument"
    assert statements(program, f"{faces}?top=2") == statements(program, f"{faces}?top=1000")
