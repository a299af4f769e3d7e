"""Microsoft's older client cognitive-face, unmodified, against the running product.

It writes `persistedFaces` where the newer one writes `persistedfaces`, and sends null for what is not given.
The last test counts: every call that the client has must have been made by the tests before it, so this
module is to be run as a whole.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cognitive_face
import pytest
from cognitive_face import util

from .face_clients import (
    NOBODYS,
    FaceSite,
    Record,
    code_of,
    empty_places,
    face_site,
    photo,
    stream,
    transactional_db,
)

__all__ = ["empty_places", "face_site", "transactional_db"]
pytestmark = pytest.mark.whole_system
GROUPS = ["person_group", "large_person_group"]
#: What the client makes of an answer without a body.
NOTHING: dict[str, Any] = {}


def parts() -> dict[str, Any]:
    """The modules of the client that have calls."""
    names = {found.name for found in pkgutil.iter_modules(cognitive_face.__path__)} - {"util", "tests"}
    return {name: importlib.import_module(f"cognitive_face.{name}") for name in names}


def calls_of(part: Any) -> set[str]:
    """The names of a module's calls."""
    functions = inspect.getmembers(part, inspect.isfunction)
    return {name for name, one in functions if one.__module__ == part.__name__}


@pytest.fixture(scope="module")
def record() -> Record:
    return Record()


@pytest.fixture(scope="module")
def client(face_site: FaceSite, record: Record) -> Iterator[Any]:
    """The client, with a note of every call that succeeds. Its settings are those of the whole process."""
    cognitive_face.BaseUrl.set(f"{face_site.url}/face/v1.0")
    cognitive_face.Key.set(face_site.key)
    watched = {name: record.watch(name, part, calls_of(part)) for name, part in parts().items()}
    yield SimpleNamespace(**watched)
    cognitive_face.BaseUrl.set(util.DEFAULT_BASE_URL)
    cognitive_face.Key.set(None)


@pytest.fixture(scope="module")
def ids(client: Any) -> dict[str, str]:
    """Ids of the only face of some pictures, by the names of those."""
    names = ("eileen-same", "eileen-turned", "eileen-darker", "grace-same", "grace-mirrored")
    return {name: face["faceId"] for name in names for face in client.face.detect(stream(name))}


@pytest.fixture()
def kept(client: Any, kind: str) -> Iterator[str]:
    """The id of a new group or list of the kind; it is deleted after the test."""
    part = getattr(client, kind)
    assert part.create("kept", name="Kept", user_data="about it") == NOTHING
    yield "kept"
    assert part.delete("kept") == NOTHING
    assert refused(part.get, "kept") == (404, f"{code_of(kind)}NotFound")


def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[int, str]:
    """Status and code of the error that a call answers."""
    with pytest.raises(cognitive_face.CognitiveFaceException) as caught:
        call(*arguments, **named)
    assert caught.value.msg
    return caught.value.status_code, caught.value.code


def box_of_grace(client: Any) -> str:
    """Where the smaller face is on the picture with both, as `target_face` has it."""
    _, box = (face["faceRectangle"] for face in client.face.detect(stream("together"), face_id=False))
    return f"{box['left']},{box['top']},{box['width']},{box['height']}"


# --- Faces --------------------------------------------------------------------------------------------------


# The client does not close the file that it reads.
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_faces_are_detected_in_a_file_in_a_stream_and_at_an_address(
    client: Any, face_site: FaceSite, tmp_path: Path
) -> None:
    path = tmp_path / "eileen.jpg"
    path.write_bytes(photo("eileen-same"))
    wanted = "age,gender,smile,glasses,emotion,headPose"
    ways = (str(path), stream("eileen-same"), face_site.picture_url("eileen-same"))
    answers = [client.face.detect(image, landmarks=True, attributes=wanted) for image in ways]
    assert len({face["faceId"] for (face,) in answers}) == 3
    faces = [{name: face[name] for name in face if name != "faceId"} for (face,) in answers]
    assert faces[0] == faces[1] == faces[2]
    assert len(faces[0]["faceLandmarks"]) == 27
    attributes = faces[0]["faceAttributes"]
    assert set(attributes) == set(wanted.split(","))
    assert (attributes["gender"], attributes["smile"] > 0.8) == ("female", True)
    assert max(attributes["emotion"], key=attributes["emotion"].get) == "happiness"


def test_a_detection_without_ids_gives_the_rectangles_the_larger_one_first(client: Any) -> None:
    larger, smaller = client.face.detect(stream("together"), face_id=False)
    assert set(larger) == set(smaller) == {"faceRectangle"}
    assert larger["faceRectangle"]["width"] > smaller["faceRectangle"]["width"]
    assert larger["faceRectangle"]["left"] < 300 < smaller["faceRectangle"]["left"]
    assert client.face.detect(stream("nobody")) == []


def test_faces_are_compared_grouped_and_searched(client: Any, ids: dict[str, str]) -> None:
    eileen = [ids[name] for name in ("eileen-same", "eileen-turned", "eileen-darker")]
    grace = [ids[name] for name in ("grace-same", "grace-mirrored")]
    assert client.face.verify(eileen[0], another_face_id=eileen[1])["isIdentical"]
    assert not client.face.verify(eileen[0], another_face_id=grace[0])["isIdentical"]
    found = client.face.group([*grace, *eileen])
    assert [sorted(some) for some in found["groups"]] == [sorted(eileen), sorted(grace)]
    assert client.face.group([*eileen, grace[0]])["messyGroup"] == [grace[0]]
    similar = client.face.find_similars(eileen[0], face_ids=[eileen[1], grace[0]])
    assert [face["faceId"] for face in similar] == [eileen[1]]
    ranked = client.face.find_similars(eileen[0], face_ids=[grace[0], eileen[1]], mode="matchFace")
    assert [face["faceId"] for face in ranked] == [eileen[1], grace[0]]


# --- Groups of persons --------------------------------------------------------------------------------------


def calls_about(client: Any, kind: str) -> SimpleNamespace:
    """The calls about one kind of group, by names that do not differ as the client's do."""
    if kind == "person_group":
        person = client.person
        return SimpleNamespace(
            group=client.person_group,
            groups=client.person_group.lists,
            person=person,
            persons=person.lists,
            face_add=person.add_face,
            face_get=person.get_face,
            face_update=person.update_face,
            face_delete=person.delete_face,
            wait=util.wait_for_person_group_training,
        )
    person, face = client.large_person_group_person, client.large_person_group_person_face
    return SimpleNamespace(
        group=client.large_person_group,
        groups=client.large_person_group.list,
        person=person,
        persons=person.list,
        face_add=face.add,
        face_get=face.get,
        face_update=face.update,
        face_delete=face.delete,
        wait=util.wait_for_large_person_group_training,
    )


@pytest.mark.parametrize("kind", GROUPS)
def test_groups_are_made_read_changed_listed_and_deleted(client: Any, kind: str, kept: str) -> None:
    calls = calls_about(client, kind)
    id_name = f"{code_of(kind)[0].lower()}{code_of(kind)[1:]}Id"
    assert calls.group.get(kept) == {id_name: kept, "name": "Kept", "userData": "about it"}
    # What is not given is sent as null, and stays as it is.
    calls.group.update(kept, name="Another")
    assert calls.group.get(kept) == {id_name: kept, "name": "Another", "userData": "about it"}
    # The client takes the id for a name that is not given.
    calls.group.create("later")
    later = {id_name: "later", "name": "later"}
    assert calls.groups() == [calls.group.get(kept), later]
    assert calls.groups(start=kept, top=1) == [later]
    assert refused(calls.group.create, "later") == (409, f"{code_of(kind)}Exists")
    assert refused(calls.group.get_status, kept) == (404, f"{code_of(kind)}NotTrained")
    calls.group.delete("later")
    assert calls.groups() == [calls.group.get(kept)]


@pytest.mark.parametrize("kind", GROUPS)
def test_persons_are_added_read_changed_listed_and_deleted(client: Any, kind: str, kept: str) -> None:
    calls = calls_about(client, kind)
    ann, ben = (
        calls.person.create(kept, name, user_data=f"on {name}")["personId"] for name in ("Ann", "Ben")
    )
    expected = {"personId": ann, "name": "Ann", "userData": "on Ann", "persistedFaceIds": []}
    assert calls.person.get(kept, ann) == expected
    calls.person.update(kept, ann, user_data="changed")
    assert calls.person.get(kept, ann) == {**expected, "userData": "changed"}
    listed = [person["personId"] for person in calls.persons(kept)]
    assert listed == sorted([ann, ben])
    assert [person["personId"] for person in calls.persons(kept, start=listed[0], top=1)] == listed[1:]
    calls.person.delete(kept, ben)
    assert refused(calls.person.get, kept, ben) == (404, "PersonNotFound")
    assert [person["personId"] for person in calls.persons(kept)] == [ann]


@pytest.mark.parametrize("kind", GROUPS)
def test_who_is_known_is_identified_and_a_stranger_is_not(
    client: Any, face_site: FaceSite, ids: dict[str, str], kind: str, kept: str
) -> None:
    calls, where = calls_about(client, kind), {f"{kind}_id": kept}
    person = calls.person.create(kept, "Grace")["personId"]
    first = calls.face_add(stream("grace-same"), kept, person, user_data="one")["persistedFaceId"]
    url, box = face_site.picture_url("together"), box_of_grace(client)
    second = calls.face_add(url, kept, person, target_face=box)["persistedFaceId"]
    assert calls.face_get(kept, person, first) == {"persistedFaceId": first, "userData": "one"}
    assert calls.face_get(kept, person, second) == {"persistedFaceId": second}
    calls.face_update(kept, person, second, user_data="two")
    assert calls.face_get(kept, person, second)["userData"] == "two"
    assert refused(calls.face_add, stream("together"), kept, person) == (400, "InvalidImage")
    calls.face_delete(kept, person, first)
    assert refused(calls.face_get, kept, person, first) == (404, "PersistedFaceNotFound")
    assert calls.person.get(kept, person)["persistedFaceIds"] == [second]
    assert calls.group.train(kept) == NOTHING
    calls.wait(kept)
    assert calls.group.get_status(kept)["status"] == "succeeded"
    probes = [ids["grace-mirrored"], ids["eileen-same"]]
    known, stranger = client.face.identify(probes, **where, max_candidates_return=3)
    assert known["faceId"] == probes[0]
    assert [candidate["personId"] for candidate in known["candidates"]] == [person]
    assert stranger == {"faceId": probes[1], "candidates": []}
    verdicts = [client.face.verify(probe, person_id=person, **where) for probe in probes]
    assert [verdict["isIdentical"] for verdict in verdicts] == [True, False]
    calls.person.delete(kept, person)
    assert [answer["candidates"] for answer in client.face.identify(probes, **where)] == [[], []]


# --- Lists of faces -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["face_list"])
def test_a_face_list_answers_which_of_its_faces_are_like_one(
    client: Any, face_site: FaceSite, ids: dict[str, str], kind: str, kept: str
) -> None:
    part, probe = client.face_list, ids["grace-mirrored"]
    eileen = part.add_face(stream("eileen-same"), kept, user_data="E")["persistedFaceId"]
    url = face_site.picture_url("together")
    grace = part.add_face(url, kept, target_face=box_of_grace(client))["persistedFaceId"]
    part.update(kept, user_data="changed")
    about = {"faceListId": kept, "name": "Kept", "userData": "changed"}
    faces = [{"persistedFaceId": eileen, "userData": "E"}, {"persistedFaceId": grace}]
    assert part.get(kept) == {**about, "persistedFaces": faces}
    assert part.lists() == [about]
    (found,) = client.face.find_similars(probe, face_list_id=kept)
    assert (set(found), found["persistedFaceId"]) == ({"persistedFaceId", "confidence"}, grace)
    part.delete_face(kept, grace)
    assert refused(part.delete_face, kept, grace) == (404, "PersistedFaceNotFound")
    assert client.face.find_similars(probe, face_list_id=kept) == []


@pytest.mark.parametrize("kind", ["large_face_list"])
def test_a_large_face_list_answers_which_of_its_faces_are_like_one(
    client: Any, face_site: FaceSite, ids: dict[str, str], kind: str, kept: str
) -> None:
    part, faces, probe = client.large_face_list, client.large_face_list_face, ids["grace-mirrored"]
    assert refused(part.get_status, kept) == (404, "LargeFaceListNotTrained")
    eileen = faces.add(stream("eileen-same"), kept, user_data="E")["persistedFaceId"]
    url = face_site.picture_url("together")
    grace = faces.add(url, kept, target_face=box_of_grace(client))["persistedFaceId"]
    part.update(kept, name="Another")
    assert part.get(kept) == {"largeFaceListId": kept, "name": "Another", "userData": "about it"}
    assert part.list() == [part.get(kept)]
    assert part.list(start=kept, top=10) == []
    faces.update(kept, grace, user_data="G")
    assert faces.get(kept, grace) == {"persistedFaceId": grace, "userData": "G"}
    listed = faces.list(kept)
    assert {face["persistedFaceId"]: face["userData"] for face in listed} == {eileen: "E", grace: "G"}
    assert faces.list(kept, start=listed[0]["persistedFaceId"], top=1) == listed[1:]
    part.train(kept)
    util.wait_for_large_face_list_training(kept)
    assert part.get_status(kept)["status"] == "succeeded"
    (found,) = client.face.find_similars(probe, large_face_list_id=kept)
    assert found["persistedFaceId"] == grace
    faces.delete(kept, grace)
    assert refused(faces.get, kept, grace) == (404, "PersistedFaceNotFound")
    assert client.face.find_similars(probe, large_face_list_id=kept) == []


# --- Errors -------------------------------------------------------------------------------------------------


def test_errors_come_as_the_client_s_own_exceptions(
    client: Any, face_site: FaceSite, ids: dict[str, str]
) -> None:
    eileen = ids["eileen-same"]
    assert refused(client.person_group.get, "unknown") == (404, "PersonGroupNotFound")
    assert refused(client.face.identify, [eileen], person_group_id="unknown") == (400, "PersonGroupNotFound")
    assert refused(client.face.verify, eileen, another_face_id=NOBODYS) == (404, "FaceNotFound")
    assert refused(client.face.find_similars, eileen) == (400, "BadArgument")
    assert refused(client.face.detect, stream("nobody"), attributes="beauty") == (400, "BadArgument")
    assert refused(client.face.detect, face_site.picture_url("missing")) == (400, "InvalidURL")
    assert refused(client.person_group.lists, top=0) == (400, "BadArgument")
    cognitive_face.Key.set("a-wrong-key")
    try:
        assert refused(client.face_list.lists) == (401, "Unspecified")
    finally:
        cognitive_face.Key.set(face_site.key)


# --- All of it ----------------------------------------------------------------------------------------------


def test_every_call_of_the_client_was_made(client: Any, record: Record) -> None:
    every = {f"{name}.{call}" for name, part in parts().items() for call in calls_of(part)}
    assert len(every) == 56
    assert every - record.driven == set()
    assert record.driven <= every
