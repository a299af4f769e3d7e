"""Microsoft's client azure-cognitiveservices-vision-face, unmodified, against the running product.

The last test counts: every operation that the client has must have been driven by the tests before it, so
this module is to be run as a whole.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from azure.cognitiveservices.vision.face.models import FaceAttributeType

from .azure_client import (
    check_attributes,
    check_landmarks,
    connected,
    face_id,
    operation_end,
    operations,
    persisted,
    refused,
    taken,
    train,
)
from .face_clients import (
    NOBODYS,
    FaceSite,
    Record,
    code_of,
    empty_places,
    face_site,
    stream,
    transactional_db,
)

__all__ = ["empty_places", "face_site", "transactional_db"]
pytestmark = pytest.mark.whole_system

GROUPS = ["person_group", "large_person_group"]
LISTS = ["face_list", "large_face_list"]
KINDS = [*GROUPS, *LISTS]
ATTRIBUTES = [attribute.value for attribute in FaceAttributeType]


@pytest.fixture(scope="module")
def record() -> Record:
    return Record()


@pytest.fixture(scope="module")
def client(face_site: FaceSite, record: Record) -> Any:
    return connected(face_site, face_site.key, record)


@pytest.fixture(scope="module")
def other_client(face_site: FaceSite, record: Record) -> Any:
    """The client of another team."""
    return connected(face_site, face_site.other_key, record)


@pytest.fixture()
def kept(client: Any, kind: str) -> Iterator[str]:
    """The id of a new collection of the kind; it is deleted after the test."""
    getattr(client, kind).create("kept", name="Kept")
    yield "kept"
    getattr(client, kind).delete("kept")


# --- Detect ---------------------------------------------------------------------------------------------


def test_a_streamed_picture_of_two_people_gives_both_faces_with_everything_about_them(client: Any) -> None:
    raw = client.face.detect_with_stream(
        stream("together"),
        return_face_landmarks=True,
        return_face_attributes=ATTRIBUTES,
        return_recognition_model=True,
        recognition_model="recognition_04",
        face_id_time_to_live=60,
        raw=True,
    )
    assert "Content-Length" not in raw.response.request.headers
    eileen, grace = raw.output
    assert eileen.face_id != grace.face_id
    assert {face.recognition_model for face in raw.output} == {"recognition_04"}
    # The larger one comes first, and it is the one on the left.
    for face, middle in ((eileen, (243, 126)), (grace, (694, 97))):
        box = face.face_rectangle
        assert (box.left + box.width / 2, box.top + box.height / 2) == pytest.approx(middle, abs=40)
        check_landmarks(face)
        check_attributes(face.face_attributes)
    assert eileen.face_rectangle.width > grace.face_rectangle.width
    assert eileen.face_attributes.glasses.lower() == "noglasses"


def test_a_picture_is_fetched_from_its_address(client: Any, face_site: FaceSite) -> None:
    (face,) = client.face.detect_with_url(
        face_site.picture_url("eileen-same"), return_face_attributes=["emotion", "smile"]
    )
    emotion = face.face_attributes.emotion
    assert max(emotion._attribute_map, key=lambda name: getattr(emotion, name)) == "happiness"
    assert face.face_attributes.smile > 0.8
    assert face.face_attributes.age is None
    assert face.face_landmarks is None
    assert client.face.detect_with_url(face_site.picture_url("nobody")) == []
    assert refused(client.face.detect_with_url, face_site.picture_url("missing")) == (400, "InvalidURL")


def test_a_face_can_be_detected_without_an_id(client: Any) -> None:
    (face,) = client.face.detect_with_stream(
        stream("grace-same"), return_face_id=False, detection_model="detection_03"
    )
    assert face.face_id is None
    assert face.face_rectangle.width > 50


# --- Questions about detected faces ---------------------------------------------------------------------


def test_two_faces_are_verified_to_be_one_person_or_two(client: Any) -> None:
    one, other = face_id(client, "eileen-same"), face_id(client, "eileen-turned")
    same = client.face.verify_face_to_face(one, other)
    assert same.is_identical
    assert same.confidence > 0.7
    different = client.face.verify_face_to_face(one, face_id(client, "grace-same"))
    assert not different.is_identical
    assert different.confidence < 0.3
    assert refused(client.face.verify_face_to_face, one, NOBODYS) == (404, "FaceNotFound")


def test_faces_are_grouped_by_person_and_the_single_one_is_left_over(client: Any) -> None:
    eileen = {face_id(client, f"eileen-{change}") for change in ("same", "cropped", "coarse")}
    grace = {face_id(client, f"grace-{change}") for change in ("same", "smaller")}
    found = client.face.group([*eileen, *grace])
    # Every id is in exactly one group, and the largest group comes first.
    assert [set(some) for some in found.groups] == [eileen, grace]
    assert not found.messy_group
    single = next(iter(grace))
    found = client.face.group([*eileen, single])
    assert [set(some) for some in found.groups] == [eileen]
    assert found.messy_group == [single]


def test_similar_faces_are_found_among_detected_ones(client: Any) -> None:
    ids = {name: face_id(client, name) for name in ("eileen-smaller", "eileen-mirrored", "grace-same")}
    probe = face_id(client, "eileen-darker")
    found = client.face.find_similar(probe, face_ids=list(ids.values()))
    assert {face.face_id for face in found} == {ids["eileen-smaller"], ids["eileen-mirrored"]}
    ranked = client.face.find_similar(probe, face_ids=list(ids.values()), mode="matchFace")
    assert ranked[-1].face_id == ids["grace-same"]
    assert [face.confidence for face in ranked] == sorted((face.confidence for face in ranked), reverse=True)
    assert ranked[-1].confidence < 0.3 < ranked[0].confidence
    (best,) = client.face.find_similar(probe, face_ids=list(ids.values()), max_num_of_candidates_returned=1)
    assert best.face_id == ranked[0].face_id


# --- Collections of all four kinds ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_collections_are_made_read_changed_listed_and_deleted(
    client: Any, other_client: Any, kind: str
) -> None:
    part, others = getattr(client, kind), getattr(other_client, kind)

    def id_of(one: Any) -> str:
        return str(getattr(one, f"{kind}_id"))

    keys = ["family_1", "family_2", "family_3"]
    for key in keys:
        part.create(key, name=f"Name of {key}", user_data="{'a': 1} ü", recognition_model="recognition_04")
    code = code_of(kind)
    assert refused(part.create, keys[0], name="Again") == (409, f"{code}Exists")
    found = part.get(keys[0], return_recognition_model=True)
    assert (id_of(found), found.name, found.user_data) == (keys[0], "Name of family_1", "{'a': 1} ü")
    assert found.recognition_model == "recognition_04"
    assert part.get(keys[0]).recognition_model is None
    part.update(keys[0], name="Another name")
    found = part.get(keys[0])
    assert (found.name, found.user_data) == ("Another name", "{'a': 1} ü")
    assert [id_of(one) for one in part.list()] == keys
    if kind != "face_list":
        assert [id_of(one) for one in part.list(start=keys[0], top=1)] == [keys[1]]
        assert refused(part.get_training_status, keys[0]) == (404, f"{code}NotTrained")
    assert {one.recognition_model for one in part.list(return_recognition_model=True)} == {"recognition_04"}
    # Another team sees none of it.
    assert others.list() == []
    assert refused(others.delete, keys[0]) == (404, f"{code}NotFound")
    for key in keys:
        part.delete(key)
        assert refused(part.get, key) == (404, f"{code}NotFound")
    assert part.list() == []


# --- Groups of persons ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GROUPS)
def test_persons_are_added_read_changed_listed_and_deleted(client: Any, kind: str, kept: str) -> None:
    part = getattr(client, f"{kind}_person")
    names = ["Ann", "Ben", "Cem"]
    made = [part.create(kept, name=name, user_data=f"about {name}").person_id for name in names]
    found = part.get(kept, made[0])
    assert (found.person_id, found.name, found.user_data) == (made[0], "Ann", "about Ann")
    assert found.persisted_face_ids == []
    part.update(kept, made[0], user_data="changed")
    assert (part.get(kept, made[0]).name, part.get(kept, made[0]).user_data) == ("Ann", "changed")
    ids = [person.person_id for person in part.list(kept)]
    assert ids == sorted(made)
    assert [person.person_id for person in part.list(kept, start=ids[0], top=1)] == [ids[1]]
    part.delete(kept, made[1])
    assert refused(part.get, kept, made[1]) == (404, "PersonNotFound")
    assert {person.name for person in part.list(kept)} == {"Ann", "Cem"}


@pytest.mark.parametrize("kind", GROUPS)
def test_faces_of_a_person_are_added_read_changed_and_deleted(
    client: Any, face_site: FaceSite, kind: str, kept: str
) -> None:
    part = getattr(client, f"{kind}_person")
    person = part.create(kept, name="Grace").person_id
    _, box = (face.face_rectangle for face in client.face.detect_with_stream(stream("together")))
    target = [box.left, box.top, box.width, box.height]
    first = persisted(part.add_face_from_stream(kept, person, stream("grace-same"), user_data="one & ü"))
    url = face_site.picture_url("together")
    second = persisted(part.add_face_from_url(kept, person, url, target_face=target))
    assert part.get(kept, person).persisted_face_ids == [first, second]
    assert part.get_face(kept, person, first).user_data == "one & ü"
    assert part.get_face(kept, person, second).user_data is None
    part.update_face(kept, person, second, user_data="the right one")
    assert part.get_face(kept, person, second).user_data == "the right one"
    several = refused(part.add_face_from_stream, kept, person, stream("together"))
    assert several == (400, "InvalidImage")
    part.delete_face(kept, person, first)
    assert part.get(kept, person).persisted_face_ids == [second]
    assert refused(part.get_face, kept, person, first) == (404, "PersistedFaceNotFound")
    # It is Grace who was in the box.
    probes = [face_id(client, "grace-turned"), face_id(client, "eileen-same")]
    verdicts = [client.face.verify_face_to_person(probe, person, **{f"{kind}_id": kept}) for probe in probes]
    assert [verdict.is_identical for verdict in verdicts] == [True, False]


@pytest.mark.parametrize("kind", GROUPS)
def test_who_is_known_is_identified_and_a_stranger_is_not(client: Any, kind: str, kept: str) -> None:
    group, part, where = getattr(client, kind), getattr(client, f"{kind}_person"), {f"{kind}_id": kept}
    eileen, nobody = (part.create(kept, name=name).person_id for name in ("Eileen", "Without a face"))
    for change in ("same", "mirrored", "brighter"):
        part.add_face_from_stream(kept, eileen, stream(f"eileen-{change}"))
    known, stranger = (str(face.face_id) for face in client.face.detect_with_stream(stream("together")))
    code = code_of(kind)
    assert refused(client.face.identify, [known], **where) == (400, f"{code}NotTrained")
    status = train(group, kept)
    assert status.status == "succeeded"
    assert status.last_action >= status.last_successful_training >= status.created
    first, second = client.face.identify([known, stranger], **where)
    assert (first.face_id, second.face_id) == (known, stranger)
    (candidate,) = first.candidates
    assert candidate.person_id == eileen
    assert candidate.confidence > 0.7
    assert second.candidates == []
    verify = client.face.verify_face_to_person
    assert verify(known, eileen, **where).is_identical
    assert refused(verify, known, nobody, **where) == (404, "PersistedFaceNotFound")
    # Then Grace is added, and after the next training she is no stranger.
    grace = part.create(kept, name="Grace").person_id
    part.add_face_from_stream(kept, grace, stream("grace-same"))
    train(group, kept)
    found = client.face.identify([stranger, known], max_num_of_candidates_returned=5, **where)
    assert [answer.candidates[0].person_id for answer in found] == [grace, eileen]
    part.delete(kept, eileen)
    (gone,) = client.face.identify([known], **where)
    assert eileen not in {candidate.person_id for candidate in gone.candidates}


# --- Lists of faces -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_faces_answers_which_of_them_are_like_one(
    client: Any, face_site: FaceSite, kind: str, kept: str
) -> None:
    part, where = getattr(client, kind), {f"{kind}_id": kept}
    _, box = (face.face_rectangle for face in client.face.detect_with_stream(stream("together")))
    target = [box.left, box.top, box.width, box.height]
    eileen = persisted(part.add_face_from_stream(kept, stream("eileen-same"), user_data="Eileen"))
    grace = persisted(part.add_face_from_url(kept, face_site.picture_url("together"), target_face=target))
    if kind == "face_list":
        faces = part.get(kept).persisted_faces
    else:
        assert train(part, kept).status == "succeeded"
        faces = part.list_faces(kept)
        ids = [face.persisted_face_id for face in faces]
        assert ids == sorted(ids)
        assert [face.persisted_face_id for face in part.list_faces(kept, start=ids[0], top=1)] == ids[1:]
        part.update_face(kept, grace, user_data="Grace")
        assert part.get_face(kept, grace).user_data == "Grace"
        assert part.get_face(kept, eileen).user_data == "Eileen"
    assert {persisted(face): face.user_data for face in faces} == {eileen: "Eileen", grace: None}
    probe = face_id(client, "grace-mirrored")
    (found,) = client.face.find_similar(probe, **where)
    assert (found.persisted_face_id, found.face_id) == (grace, None)
    assert found.confidence > 0.6
    ranked = client.face.find_similar(probe, mode="matchFace", **where)
    assert [face.persisted_face_id for face in ranked] == [grace, eileen]
    part.delete_face(kept, grace)
    assert refused(part.delete_face, kept, grace) == (404, "PersistedFaceNotFound")
    assert client.face.find_similar(probe, **where) == []


# --- Errors ---------------------------------------------------------------------------------------------


def test_errors_come_as_the_client_s_own_exceptions(face_site: FaceSite, client: Any) -> None:
    stranger = connected(face_site, "a-wrong-key", Record())
    assert refused(stranger.person_group.list) == (401, "Unspecified")
    assert refused(stranger.face.detect_with_stream, stream("eileen-same")) == (401, "Unspecified")
    assert refused(client.person_group.get, "unknown") == (404, "PersonGroupNotFound")
    assert refused(client.face.group, [NOBODYS, face_id(client, "grace-same")]) == (400, "FaceNotFound")
    assert refused(client.face.find_similar, NOBODYS, face_ids=[NOBODYS]) == (400, "FaceNotFound")
    wrong = face_id(client, "eileen-same")
    assert refused(client.face.identify, [wrong]) == (400, "PersonGroupIdAndLargePersonGroupIdBothNull")
    assert refused(client.face.identify, [wrong], person_group_id="unknown") == (400, "PersonGroupNotFound")
    bad = refused(client.face.detect_with_stream, stream("eileen-same"), detection_model="detection_99")
    assert bad == (400, "BadArgument")
    (newer,) = client.face.detect_with_stream(stream("eileen-same"), recognition_model="recognition_03")
    assert refused(client.face.verify_face_to_face, wrong, newer.face_id) == (400, "BadArgument")


# --- Snapshots ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GROUPS)
def test_a_snapshot_of_a_group_becomes_a_trained_copy_at_another_team(
    client: Any, other_client: Any, face_site: FaceSite, kind: str, kept: str
) -> None:
    part = getattr(client, f"{kind}_person")
    person = part.create(kept, name="Eileen", user_data="an astronaut").person_id
    part.add_face_from_stream(kept, person, stream("eileen-same"), user_data="a face")
    train(getattr(client, kind), kept)
    snapshot = taken(client, kind, kept, [face_site.other_account])
    raw = other_client.snapshot.apply(snapshot, "copy", raw=True)
    status = operation_end(other_client, raw)
    assert (status.status, status.resource_location) == ("succeeded", f"/{kind.replace('_', '')}s/copy")
    (copied,) = getattr(other_client, f"{kind}_person").list("copy")
    assert (copied.name, copied.user_data, len(copied.persisted_face_ids)) == ("Eileen", "an astronaut", 1)
    # It knows her without another training, and goes on doing so when all of it is gone from where it was.
    client.snapshot.delete(snapshot)
    part.delete(kept, person)
    known, stranger = (face_id(other_client, name) for name in ("eileen-turned", "grace-same"))
    first, second = other_client.face.identify([known, stranger], **{f"{kind}_id": "copy"})
    assert [candidate.person_id for candidate in first.candidates] == [copied.person_id]
    assert second.candidates == []
    getattr(other_client, kind).delete("copy")


@pytest.mark.parametrize("kind", LISTS)
def test_a_snapshot_of_a_list_becomes_a_copy_at_the_same_team(
    client: Any, face_site: FaceSite, kind: str, kept: str
) -> None:
    part = getattr(client, kind)
    part.add_face_from_stream(kept, stream("grace-same"), user_data="Grace")
    part.add_face_from_stream(kept, stream("eileen-same"))
    if kind == "large_face_list":
        train(part, kept)
    snapshot = taken(client, kind, kept, [face_site.account])
    assert operation_end(client, client.snapshot.apply(snapshot, "copy", raw=True)).status == "succeeded"
    assert part.get("copy").name == "Kept"
    probe = face_id(client, "grace-turned")
    original, copied = (client.face.find_similar(probe, **{f"{kind}_id": key}) for key in (kept, "copy"))
    assert [face.confidence for face in copied] == [face.confidence for face in original] != []
    assert copied[0].persisted_face_id != original[0].persisted_face_id
    # What is there already is not written over.
    assert refused(client.snapshot.apply, snapshot, "copy") == (409, f"{code_of(kind)}Exists")
    part.delete("copy")
    client.snapshot.delete(snapshot)


def test_snapshots_are_listed_changed_and_deleted(
    client: Any, other_client: Any, face_site: FaceSite
) -> None:
    mine, yours = face_site.account, face_site.other_account
    client.face_list.create("list_1", name="A list")
    client.person_group.create("group_1", name="A group")
    first = taken(client, "face_list", "list_1", [mine], user_data="the first")
    second = taken(client, "person_group", "group_1", [mine, yours])
    found = client.snapshot.get(first)
    assert (found.id, found.account, found.type, found.apply_scope) == (first, mine, "FaceList", [mine])
    assert found.user_data == "the first"
    assert found.created_time <= found.last_update_time
    assert {one.id for one in client.snapshot.list()} == {first, second}
    assert [one.id for one in client.snapshot.list(type="PersonGroup")] == [second]
    assert [one.id for one in client.snapshot.list(apply_scope=[yours])] == [second]
    # A team sees what it may apply, and changes and deletes only what it has taken itself.
    assert [one.id for one in other_client.snapshot.list()] == [second]
    assert refused(other_client.snapshot.get, first) == (404, "SnapshotNotFound")
    assert refused(other_client.snapshot.apply, first, "copy") == (404, "SnapshotNotFound")
    assert refused(other_client.snapshot.update, second, user_data="x") == (404, "SnapshotNotFound")
    assert refused(other_client.snapshot.delete, second) == (404, "SnapshotNotFound")
    client.snapshot.update(first, apply_scope=[yours])
    found = client.snapshot.get(first)
    assert (found.apply_scope, found.user_data) == ([yours], "the first")
    client.snapshot.update(first, user_data="for you")
    assert other_client.snapshot.get(first).user_data == "for you"
    for snapshot in (first, second):
        client.snapshot.delete(snapshot)
        assert refused(client.snapshot.get, snapshot) == (404, "SnapshotNotFound")
    assert client.snapshot.list() == other_client.snapshot.list() == []
    assert refused(client.snapshot.take, "FaceList", "unknown", [mine]) == (404, "FaceListNotFound")
    assert refused(client.snapshot.get_operation_status, NOBODYS) == (404, "OperationNotFound")
    client.face_list.delete("list_1")
    client.person_group.delete("group_1")


# --- All of it ------------------------------------------------------------------------------------------


def test_every_operation_of_the_client_was_driven(client: Any, record: Record) -> None:
    assert len(operations()) == 69
    assert operations() - record.driven == set()
    assert record.driven <= operations()
