"""Face - Verify, of two faces and of a face and a person."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.access import team_scope
from compat.face_v1.kinds import LARGE_PERSON_GROUP, PERSON_GROUP, Kind
from compat.face_v1.questions import confidence_shown
from conftest import People
from galleries.models import Gallery, TemporaryFace
from galleries.services import subject_create
from galleries.tests.search_helpers import CALIBRATION, unit

from .helpers import Program
from .question_helpers import (
    asked,
    consent_over,
    detected,
    expired,
    gallery_named,
    group_of,
    moved_to_another_model,
    queries_of,
    unknown,
)

GROUPS = (PERSON_GROUP, LARGE_PERSON_GROUP)
STAFF = {"Ada": 1, "Bob": 2}
Refused = Callable[..., str]
FACE_WRONG = (
    "Face ID is invalid. faceId1, faceId2 or faceId is invalid and valid faceId comes from Face - Detect."
)
PERSON_WRONG = (
    "Person ID is invalid. Valid personId is generated from PersonGroup Person - Create or LargePersonGroup "
    "Person - Create for existing person."
)
GROUP_WRONG = (
    "Person group ID or Large Person Group ID is invalid. Valid format should be a string composed by "
    "numbers, English letters in lower case, '-', '_', and no longer than 64 characters."
)
FACE_UNKNOWN = "Face is not found. The faceId is expired or not exist."


@pytest.fixture(params=GROUPS, ids=lambda kind: kind.namespace)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Every test that uses it runs for groups and for large ones."""
    found: Kind = request.param
    return found


def two(one: Any, other: Any) -> dict[str, Any]:
    return {"faceId1": one, "faceId2": other}


def of_person(kind: Kind, face: Any, person: Any, key: Any = "staff") -> dict[str, Any]:
    return {"faceId": face, "personId": person, kind.field: key}


# --- What it means ------------------------------------------------------------------------------------
def test_two_faces_of_one_person_are_identical_and_of_two_are_not(people: People, program: Program) -> None:
    ada, again, bob = detected(people.team, (1, 0), (1, 1), (2, 0))
    same = asked(program.post("/verify", two(ada, again)))
    assert set(same) == {"isIdentical", "confidence"}
    assert same["isIdentical"] is True
    assert 0.5 <= same["confidence"] <= 1
    other = asked(program.post("/verify", two(ada, bob)))
    assert other["isIdentical"] is False
    assert 0 <= other["confidence"] < 0.5
    assert asked(program.post("/verify", two(ada, ada))) == {"isIdentical": True, "confidence": 1.0}


def test_a_face_is_compared_with_all_faces_of_a_person_without_training(
    people: People, program: Program, kind: Kind
) -> None:
    ids = group_of(people.team, kind, STAFF, trained=False)
    (bob,) = detected(people.team, (2, 9))
    right = asked(program.post("/verify", of_person(kind, bob, ids["Bob"])))
    assert right["isIdentical"] is True
    assert 0.5 <= right["confidence"] <= 1
    wrong = asked(program.post("/verify", of_person(kind, bob, ids["Ada"])))
    assert wrong["isIdentical"] is False
    assert 0 <= wrong["confidence"] < 0.5


@pytest.mark.parametrize(
    ("confidence", "identical"),
    [(0.49, False), (0.4999, False), (0.499997, False), (0.500003, True), (0.51, True)],
)
def test_from_half_on_two_are_identical(
    people: People, program: Program, confidence: float, identical: bool
) -> None:
    # Two vectors at the distance of this confidence; the kept ones have half the precision, so the nearest
    # possible is compared with what is answered.
    distance = float(CALIBRATION.distance(confidence))
    here = unit([1.0] + [0.0] * 127)
    there = unit([1 - distance**2 / 2, (1 - (1 - distance**2 / 2) ** 2) ** 0.5] + [0.0] * 126)
    ids = detected(people.team, (1, 0), (1, 1))
    with team_scope(people.team):
        for pk, vector in zip(ids, (here, there), strict=True):
            TemporaryFace.objects.filter(pk=pk).update(embedding=vector)
    found = asked(program.post("/verify", two(*ids)))
    assert found["isIdentical"] is (found["confidence"] >= 0.5)
    if abs(confidence - 0.5) >= 0.01:
        assert found["isIdentical"] is identical
        assert found["confidence"] == pytest.approx(confidence, abs=0.01)


def test_what_is_just_below_half_is_not_shown_as_half() -> None:
    assert confidence_shown(0.499999) == 0.49999
    assert confidence_shown(0.5) == 0.5
    assert confidence_shown(0.29) == 0.29
    assert confidence_shown(0.99999999999) == 1.0
    assert confidence_shown(0.0) == 0.0


def test_a_collection_s_own_threshold_decides(people: People, program: Program) -> None:
    ids = group_of(people.team, PERSON_GROUP, STAFF)
    (face,) = detected(people.team, (1, 9))
    with team_scope(people.team):
        Gallery.objects.filter(key="staff").update(threshold=1.0)
    assert asked(program.post("/verify", of_person(PERSON_GROUP, face, ids["Ada"])))["isIdentical"] is False


def test_fields_count_in_any_letter_case_and_what_is_null_is_not_given(
    people: People, program: Program
) -> None:
    ids = group_of(people.team, LARGE_PERSON_GROUP, STAFF)
    one, other = detected(people.team, (1, 8), (1, 9))
    nulls = {"personGroupId": None, "largePersonGroupId": None, "personId": None, "faceId": None}
    assert asked(program.post("/verify", {"FACEID1": one, "faceid2": other.upper(), **nulls}))["isIdentical"]
    body = {
        "faceid": one,
        "PersonId": ids["Ada"],
        "largePersonGroupID": "staff",
        "personGroupId": None,
        "faceId1": None,
        "faceId2": None,
    }
    assert asked(program.post("/verify", body))["isIdentical"]


# --- Errors: 400 --------------------------------------------------------------------------------------
@pytest.mark.parametrize("wrong", ["no id", "", 5, True, ["a"], {}, "c5c24a82-6845-4031-9d5d-978df917542"])
def test_what_is_no_face_id_is_invalid(
    people: People, program: Program, refused: Refused, wrong: Any
) -> None:
    ids = group_of(people.team, PERSON_GROUP, STAFF)
    (face,) = detected(people.team, (1, 0))
    for body in (two(face, wrong), two(wrong, face), of_person(PERSON_GROUP, wrong, ids["Ada"])):
        assert refused(lambda body=body: program.post("/verify", body), 400, "BadArgument") == FACE_WRONG


@pytest.mark.parametrize("wrong", ["no id", "", 5, True, ["a"], {}])
def test_what_is_no_person_id_is_invalid(
    people: People, program: Program, refused: Refused, wrong: Any, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF)
    (face,) = detected(people.team, (1, 0))
    message = refused(lambda: program.post("/verify", of_person(kind, face, wrong)), 400, "BadArgument")
    assert message == PERSON_WRONG


@pytest.mark.parametrize("wrong", ["Staff", "a b", "", "a" * 65, "staff\n", 5, ["staff"], False])
def test_what_is_no_id_of_a_group_is_invalid(
    people: People, program: Program, refused: Refused, wrong: Any, kind: Kind
) -> None:
    (face,) = detected(people.team, (1, 0))
    body = of_person(kind, face, unknown(), wrong)
    assert refused(lambda: program.post("/verify", body), 400, "BadArgument") == GROUP_WRONG


def test_a_question_without_its_parts_is_invalid(people: People, program: Program, refused: Refused) -> None:
    ids = group_of(people.team, PERSON_GROUP, STAFF)
    (face,) = detected(people.team, (1, 0))
    whole = of_person(PERSON_GROUP, face, ids["Ada"])
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "Give faceId1 and faceId2, or faceId and personId."),
        ({**whole, "faceId": None}, "Give faceId1 and faceId2, or faceId and personId."),
        ({"faceId1": face}, "'faceId2' is missing."),
        ({"faceId1": None, "faceId2": face}, "'faceId1' is missing."),
        ({**whole, "personId": None}, "'personId' is missing."),
        ({**whole, "personGroupId": None}, "Give one of personGroupId and largePersonGroupId."),
        ({**whole, "largePersonGroupId": "staff"}, "Give one of personGroupId and largePersonGroupId."),
    ]
    for body, why in cases:
        message = refused(lambda body=body: program.post("/verify", body), 400, "BadArgument")
        assert message == f"Request body is invalid. {why}"


def test_models_of_other_names_are_not_compared(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    ids = group_of(people.team, kind, STAFF)
    (good,) = detected(people.team, (1, 0))
    for fields in ({"model_alias": "recognition_04"}, {"model_sha256": "1" * 64}, {"model_alias": ""}):
        (other,) = detected(people.team, (1, 1), **fields)
        for body in (two(good, other), of_person(kind, other, ids["Ada"])):
            message = refused(lambda body=body: program.post("/verify", body), 400, "BadArgument")
            assert message == "'recognitionModel' is incompatible."


def test_a_group_that_has_moved_to_another_model_is_not_compared(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    ids = group_of(people.team, kind, STAFF)
    (face,) = detected(people.team, (1, 0))
    moved_to_another_model(people.team, "staff")
    message = refused(lambda: program.post("/verify", of_person(kind, face, ids["Ada"])), 400, "BadArgument")
    assert message == "'recognitionModel' is incompatible."


# --- Errors: 404 and 409 ------------------------------------------------------------------------------
def test_an_unknown_an_expired_and_another_team_s_face_are_not_found(
    people: People, program: Program, others: People, refused: Refused, kind: Kind
) -> None:
    ids = group_of(people.team, kind, STAFF)
    (good,) = detected(people.team, (1, 0))
    for wrong in (unknown(), *expired(people.team, (1, 1)), *detected(others.team, (1, 1))):
        for body in (two(good, wrong), two(wrong, good), of_person(kind, wrong, ids["Ada"])):
            message = refused(lambda body=body: program.post("/verify", body), 404, "FaceNotFound")
            assert message == FACE_UNKNOWN


def test_an_unknown_person_one_of_another_group_and_another_team_s_are_not_found(
    people: People, program: Program, others: People, refused: Refused, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF)
    elsewhere = group_of(people.team, kind, {"Eve": 3}, key="elsewhere")
    theirs = group_of(others.team, kind, {"Spy": 4})
    (face,) = detected(people.team, (1, 0))
    for person in (unknown(), elsewhere["Eve"], theirs["Spy"]):
        body = of_person(kind, face, person)
        message = refused(lambda body=body: program.post("/verify", body), 404, "PersonNotFound")
        assert message == "Person is not found."


def test_an_unknown_group_and_another_team_s_are_not_found(
    people: People, program: Program, others: People, refused: Refused, kind: Kind
) -> None:
    theirs = group_of(others.team, kind, STAFF)
    (face,) = detected(people.team, (1, 0))
    message = refused(
        lambda: program.post("/verify", of_person(kind, face, theirs["Ada"])), 404, f"{kind.code}NotFound"
    )
    assert message == f"{kind.word} is not found."


def test_a_person_without_faces_cannot_be_compared(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF)
    gallery = gallery_named(people.team, "staff")
    with team_scope(people.team):
        nobody = subject_create(gallery=gallery, name="Nobody")
    (face,) = detected(people.team, (1, 0))
    message = refused(
        lambda: program.post("/verify", of_person(kind, face, str(nobody.pk))), 404, "PersistedFaceNotFound"
    )
    assert message == "No persisted face of the person is found."


def test_whose_consent_has_ended_is_compared_with_nobody(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    ids = group_of(people.team, kind, STAFF)
    (face,) = detected(people.team, (1, 0))
    consent_over(people.team, ids["Ada"])
    message = refused(lambda: program.post("/verify", of_person(kind, face, ids["Ada"])), 409, "ConsentEnded")
    assert message.startswith("The consent of 'Ada' has ended.")


# --- What it costs ------------------------------------------------------------------------------------
def test_a_verification_reads_each_thing_once(people: People, program: Program) -> None:
    ids = group_of(people.team, PERSON_GROUP, STAFF, faces=50)
    faces = detected(people.team, (1, 0), (1, 1))
    told = queries_of(lambda: program.post("/verify", two(*faces)))
    assert len([text for text in told if "galleries_" in text]) == 1
    told = queries_of(lambda: program.post("/verify", of_person(PERSON_GROUP, faces[0], ids["Ada"])))
    # The group, the person, the face, and the comparison.
    assert len([text for text in told if "galleries_" in text]) == 4
