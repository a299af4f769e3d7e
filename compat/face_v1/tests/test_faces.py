"""Faces that stay, of persons and in lists, all four alike."""

import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from accounts.access import team_scope
from accounts.models import AuditEvent, Plan, Scope, TeamUsage, UsageDay
from compat.face_v1 import pictures
from compat.face_v1.kinds import FACE_LIST, KINDS, LARGE_FACE_LIST, PERSON_GROUP, Kind
from conftest import People
from emotionsite.fetching import Fetched
from galleries import enrolment
from galleries.jobs import job_run
from galleries.models import EnrolledFace, FaceLabel, Gallery, GalleryJob
from galleries.probes import picture_probe
from galleries.services import gallery_change
from galleries.tests.helpers import enrol
from galleries.tests.people_helpers import analysed, trained
from galleries.tests.test_training_at_once import in_thread
from media_jobs.tests.helpers import at_once
from tests.fakes import EngineOfPeople, embedding_of, people_picture

from .helpers import BYTES, Program

Refused = Callable[..., str]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.namespace)
LISTS = pytest.mark.parametrize("kind", [FACE_LIST, LARGE_FACE_LIST], ids=lambda kind: kind.namespace)
URL = "https://example.org/ada.png"


def place(program: Program, kind: Kind, key: str = "staff") -> str:
    """Make a collection, and a person where it holds persons; the path of their faces."""
    assert program.put(f"/{kind.path}/{key}", {"name": "Staff"}).status_code == 200
    return within(program, kind, key)


def within(program: Program, kind: Kind, key: str = "staff") -> str:
    path = f"/{kind.path}/{key}"
    if not kind.most_persons:
        return f"{path}/persistedfaces"
    person = program.post(f"{path}/persons", {"name": "Ada"}).json()["personId"]
    return f"{path}/persons/{person}/persistedfaces"


def added(program: Program, faces: str, *persons: int, **query: Any) -> str:
    """Add the face of a picture of these people; its id."""
    answer = program.picture(faces, people_picture(*persons), **query)
    assert answer.status_code == 200, answer.content
    assert list(answer.json()) == ["persistedFaceId"]
    return str(answer.json()["persistedFaceId"])


def kept(people: People) -> list[EnrolledFace]:
    with team_scope(people.team):
        return list(EnrolledFace.objects.select_related("gallery").order_by("created_at"))


def looked(program: Program, kind: Kind, faces: str) -> list[dict[str, Any]]:
    """The faces that are there, as programs see them."""
    if kind is FACE_LIST:
        return list(program.get(faces.rpartition("/")[0]).json()["persistedFaces"])
    if kind is LARGE_FACE_LIST:
        return list(program.get(faces).json())
    ids = program.get(faces.rpartition("/")[0]).json()["persistedFaceIds"]
    return [program.get(f"{faces}/{one}").json() for one in ids]


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


# --- Limits -------------------------------------------------------------------------------------------
@LISTS
def test_a_list_holds_so_many_faces(
    program: Program,
    kind: Kind,
    engine: EngineOfPeople,
    refused: Refused,
    asked: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(vars(kind), "most_faces", 2)
    faces = place(program, kind)
    one = added(program, faces, 1)
    added(program, faces, 1)
    message = refused(partial(program.picture, faces, people_picture(1)), 403, "QuotaExceeded")
    assert message.startswith("Persisted face number reached limit. The gallery may hold 2 faces")
    assert len(asked) == 2, "no worker looks at a picture in vain"
    program.delete(f"{faces}/{one}")
    added(program, faces, 1)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_do_not_go_over_the_limit(
    people: People, program: Program, engine: EngineOfPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(FACE_LIST), "most_faces", 3)
    faces = place(program, FACE_LIST)
    answers: list[int] = []
    at_once(8, lambda: answers.append(program.picture(faces, people_picture(1)).status_code))
    assert sorted(answers) == [200] * 3 + [403] * 5
    assert len(kept(people)) == 3
    with team_scope(people.team):
        # What was refused under the lock was looked at, and does not count.
        assert (UsageDay.objects.get().pictures, UsageDay.objects.get().faces) == (3, 3)


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.most_persons], ids=lambda kind: kind.namespace
)
def test_a_person_has_248_faces(
    people: People,
    program: Program,
    kind: Kind,
    engine: EngineOfPeople,
    refused: Refused,
) -> None:
    faces = place(program, kind)
    added(program, faces, 1)
    with team_scope(people.team):
        subject = EnrolledFace.objects.get().subject
        assert subject is not None
        enrol(subject, *[embedding_of(1)] * 246)
    added(program, faces, 1)
    message = refused(partial(program.picture, faces, people_picture(1)), 403, "QuotaExceeded")
    assert message == "Persisted face number reached limit. A person can have 248 faces."
    added(program, within(program, kind), 1)


@each_kind
def test_limits_of_the_team_hold_here_too(
    people: People, program: Program, kind: Kind, engine: EngineOfPeople, refused: Refused
) -> None:
    faces = place(program, kind)
    people.team.plan = Plan.objects.create(name="Small", stored_faces=1, pictures_per_month=3)
    people.team.save()
    added(program, faces, 1)
    send = partial(program.picture, faces, people_picture(2))
    body = program.picture(faces, people_picture(2)).json()["error"]
    assert (body["code"], body["statusCode"]) == ("QuotaExceeded", 403)
    assert refused(send, 403, "QuotaExceeded").startswith("Persisted face number reached limit.")
    people.team.plan.pictures_per_month = 1
    people.team.plan.save()
    assert refused(send, 403, "QuotaExceeded").startswith("Out of call volume quota.")


def test_adding_needs_a_key_that_may_analyse(
    people: People, program: Program, engine: EngineOfPeople, refused: Refused
) -> None:
    faces = place(program, PERSON_GROUP)
    reader = Program(people.key(Scope.READ))
    face = added(Program(people.key(Scope.READ, Scope.ANALYZE)), faces, 1)
    assert reader.get(f"{faces}/{face}").status_code == 200
    refused(partial(reader.picture, faces, people_picture(1)), 403, "Forbidden")
    refused(partial(reader.delete, f"{faces}/{face}"), 403, "Forbidden")


# --- Beside everything else -----------------------------------------------------------------------------
def test_what_goes_while_a_worker_looks_gets_no_face(
    people: People, program: Program, engine: EngineOfPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = place(program, PERSON_GROUP)
    usual = picture_probe

    def erased_meanwhile(**wishes: Any) -> Any:
        probe = usual(**wishes)
        program.delete("/persongroups/staff")
        return probe

    monkeypatch.setattr(enrolment, "picture_probe", erased_meanwhile)
    answer = program.picture(faces, people_picture(1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "PersonGroupNotFound")
    assert kept(people) == []
    with team_scope(people.team):
        assert UsageDay.objects.get().pictures == 0


def test_a_group_names_people_on_photos_once_the_team_wants_it(
    people: People, program: Program, engine: EngineOfPeople, stored_files: Callable[[], list[str]]
) -> None:
    faces = place(program, PERSON_GROUP)
    added(program, faces, 1)
    with team_scope(people.team):
        analysed(people.team, 1)
        gallery = Gallery.objects.get()
        trained(gallery)
        assert not FaceLabel.objects.exists()
        gallery_change(gallery=gallery, label_photos=True, keep_crops=True)
        trained(gallery)
        (label,) = FaceLabel.objects.all()
        assert label.subject is not None
        assert label.subject.name == "Ada"
    added(program, faces, 1)
    assert kept(people)[-1].crop in stored_files()


@pytest.mark.django_db(transaction=True)
def test_a_program_with_eight_threads_fills_a_group_trains_it_and_identifies(
    people: People, engine: EngineOfPeople, live_server: Any
) -> None:
    """As programs do it: persons and their faces at once, over real connections, from an empty team."""
    key = {"Ocp-Apim-Subscription-Key": people.key()}
    with httpx.Client(base_url=f"{live_server}/face/v1.0/", headers=key, timeout=60) as client:
        fill(client)
        assert client.post("persongroups/staff/train").status_code == 202
        with team_scope(people.team):
            job = GalleryJob.objects.get(kind=GalleryJob.Kind.TRAIN)
        worker = in_thread(partial(job_run, job_id=job.pk))
        end = time.monotonic() + 60
        while (status := client.get("persongroups/staff/training").json()["status"]) == "running":
            assert time.monotonic() < end
            time.sleep(0.05)
        worker.join()
        assert status == "succeeded"
        detected = client.post(
            "detect", content=people_picture(3, 40, view=9), headers={"Content-Type": BYTES}
        )
        ids = [face["faceId"] for face in sent(detected).json()]
        question = {"personGroupId": "staff", "faceIds": ids}
        answers = sent(client.post("identify", json=question)).json()
        known = {one["personId"]: one["name"] for one in client.get("persongroups/staff/persons").json()}
    found = {one["faceId"]: [known[who["personId"]] for who in one["candidates"]] for one in answers}
    assert found == {ids[0]: ["Person 3"], ids[1]: []}


def fill(client: httpx.Client) -> None:
    """Make a group with eight persons of three faces each, by eight threads at once."""
    sent(client.put("persongroups/staff", json={"name": "Staff"}))
    with ThreadPoolExecutor(8) as threads:

        def add_person(number: int) -> tuple[int, str]:
            made = client.post("persongroups/staff/persons", json={"name": f"Person {number}"})
            return number, sent(made).json()["personId"]

        def add_face(who: tuple[int, str], view: int) -> str:
            number, person = who
            path = f"persongroups/staff/persons/{person}/persistedFaces"
            picture = people_picture(number, view=view)
            made = client.post(path, content=picture, headers={"Content-Type": BYTES})
            return str(sent(made).json()["persistedFaceId"])

        persons = list(threads.map(add_person, range(8)))
        pairs = [(person, view) for view in range(3) for person in persons]
        faces = list(threads.map(lambda pair: add_face(*pair), pairs))
    listed = sent(client.get("persongroups/staff/persons")).json()
    assert sorted(face for one in listed for face in one["persistedFaceIds"]) == sorted(faces)
    assert {len(one["persistedFaceIds"]) for one in listed} == {3}


def sent(answer: httpx.Response) -> httpx.Response:
    """An answer that is none of an error."""
    assert answer.status_code == 200, answer.text
    return answer
