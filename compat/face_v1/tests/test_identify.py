"""Face - Identify."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.access import team_scope
from compat.face_v1.kinds import LARGE_PERSON_GROUP, PERSON_GROUP, Kind
from conftest import People
from galleries.models import EnrolledFace, GalleryJob, Subject
from galleries.tests.search_helpers import train
from galleries.training import gallery_train
from tests.fakes import embedding_of

from .helpers import Program
from .question_helpers import (
    asked,
    collection,
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
STAFF = {"Ada": 1, "Bob": 2, "Cy": 3}
Refused = Callable[..., str]


@pytest.fixture(params=GROUPS, ids=lambda kind: kind.namespace)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Every test that uses it runs for groups and for large ones."""
    found: Kind = request.param
    return found


def question(kind: Kind, ids: list[Any], **more: Any) -> dict[str, Any]:
    return {kind.field: "staff", "faceIds": ids, **more}


# --- What it means ------------------------------------------------------------------------------------
def test_the_right_person_is_identified_and_a_stranger_is_nobody(
    people: People, program: Program, kind: Kind
) -> None:
    ids = group_of(people.team, kind, STAFF)
    faces = detected(people.team, (2, 9), (40, 0), (1, 9))
    bob, nobody, ada = asked(program.post("/identify", question(kind, faces)))
    assert [one["faceId"] for one in (bob, nobody, ada)] == faces, "in the order of the question"
    assert [one["personId"] for one in bob["candidates"]] == [ids["Bob"]]
    assert [one["personId"] for one in ada["candidates"]] == [ids["Ada"]]
    assert nobody == {"faceId": faces[1], "candidates": []}
    (candidate,) = bob["candidates"]
    assert set(candidate) == {"personId", "confidence"}
    assert 0.5 <= candidate["confidence"] <= 1


def test_candidates_are_as_many_as_asked_best_first_and_each_person_once(
    people: People, program: Program, kind: Kind
) -> None:
    ids = group_of(people.team, kind, {f"P{number}": number for number in range(1, 13)}, faces=3)
    (face,) = detected(people.team, (5, 9))
    for count, wanted in ((1, 1), (2, 2), (None, 10), (100, 12)):
        (one,) = asked(
            program.post(
                "/identify",
                question(kind, [face], maxNumOfCandidatesReturned=count, confidenceThreshold=0),
            )
        )
        found = one["candidates"]
        assert len(found) == wanted
        assert found[0]["personId"] == ids["P5"]
        confidences = [candidate["confidence"] for candidate in found]
        assert confidences == sorted(confidences, reverse=True)
        assert all(0 <= confidence <= 1 for confidence in confidences)
        assert len({candidate["personId"] for candidate in found}) == wanted


@pytest.mark.parametrize("threshold", [0, 0.0, 0.3, 0.5, 0.99, 1, 1.0])
def test_candidates_reach_the_confidence_threshold(
    people: People, program: Program, threshold: float
) -> None:
    ids = group_of(people.team, PERSON_GROUP, STAFF, faces=1)
    same, other = detected(people.team, (1, 0), (1, 9))
    answers = asked(
        program.post("/identify", question(PERSON_GROUP, [same, other], confidenceThreshold=threshold))
    )
    for answer in answers:
        assert all(one["confidence"] >= threshold for one in answer["candidates"])
    assert answers[0]["candidates"][0] == {"personId": ids["Ada"], "confidence": 1.0}
    assert len(answers[1]["candidates"]) == {0: 3, 0.3: 1, 0.5: 1}.get(
        threshold, len(answers[1]["candidates"])
    )


def test_a_confidence_that_was_answered_can_be_asked_for(people: People, program: Program) -> None:
    group_of(people.team, PERSON_GROUP, STAFF, faces=1)
    faces = detected(people.team, *((1, view) for view in range(1, 11)))
    for face, answer in zip(
        faces, asked(program.post("/identify", question(PERSON_GROUP, faces))), strict=True
    ):
        for candidate in answer["candidates"]:
            threshold = candidate["confidence"]
            (again,) = asked(
                program.post("/identify", question(PERSON_GROUP, [face], confidenceThreshold=threshold))
            )
            assert again["candidates"] == [candidate]


def test_one_face_given_twice_is_answered_twice(people: People, program: Program) -> None:
    group_of(people.team, PERSON_GROUP, STAFF)
    (face,) = detected(people.team, (1, 9))
    first, second = asked(program.post("/identify", question(PERSON_GROUP, [face, face.upper()])))
    assert first == second
    assert first["candidates"]


def test_ten_faces_are_identified_and_eleven_are_not(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF)
    faces = detected(people.team, *((1, view) for view in range(11)))
    assert len(asked(program.post("/identify", question(kind, faces[:10])))) == 10
    for ids in (faces, []):
        message = refused(lambda ids=ids: program.post("/identify", question(kind, ids)), 400, "BadArgument")
        assert message == "The length of faceIds is not in a valid range. Out of range [1, 10]."


def test_fields_count_in_any_letter_case_and_what_is_null_is_not_given(
    people: People, program: Program
) -> None:
    ids = group_of(people.team, LARGE_PERSON_GROUP, STAFF)
    (face,) = detected(people.team, (3, 9))
    body = {
        "PERSONGROUPID": None,
        "largepersongroupid": "staff",
        "FaceIds": [face],
        "maxNumOfCandidatesReturned": None,
        "confidenceThreshold": None,
        "nobodyKnows": {"this": 1},
    }
    (one,) = asked(program.post("/identify", body))
    assert [candidate["personId"] for candidate in one["candidates"]] == [ids["Cy"]]


def test_who_is_erased_is_nobody_s_candidate_without_training(people: People, program: Program) -> None:
    ids = group_of(people.team, PERSON_GROUP, STAFF)
    (face,) = detected(people.team, (2, 9))
    assert asked(program.post("/identify", question(PERSON_GROUP, [face])))[0]["candidates"]
    assert program.delete(f"/persongroups/staff/persons/{ids['Bob']}").status_code == 200
    assert asked(program.post("/identify", question(PERSON_GROUP, [face])))[0]["candidates"] == []


def test_whose_consent_has_ended_is_nobody_s_candidate(people: People, program: Program, kind: Kind) -> None:
    ids = group_of(people.team, kind, STAFF)
    (face,) = detected(people.team, (2, 9))
    consent_over(people.team, ids["Bob"])
    (one,) = asked(program.post("/identify", question(kind, [face], confidenceThreshold=0)))
    assert ids["Bob"] not in {candidate["personId"] for candidate in one["candidates"]}
    assert len(one["candidates"]) == 2


def test_a_group_that_was_trained_empty_knows_nobody(people: People, program: Program, kind: Kind) -> None:
    group_of(people.team, kind, {})
    (face,) = detected(people.team, (1, 0))
    assert asked(program.post("/identify", question(kind, [face]))) == [{"faceId": face, "candidates": []}]


# --- Errors: 400 --------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [0, -1, 101, 2**40, 1.5, True, False, "many", "", [1], {"a": 1}])
def test_the_number_of_candidates_is_1_to_100(
    people: People, program: Program, refused: Refused, count: Any
) -> None:
    group_of(people.team, PERSON_GROUP, STAFF)
    (face,) = detected(people.team, (1, 0))
    body = question(PERSON_GROUP, [face], maxNumOfCandidatesReturned=count)
    message = refused(lambda: program.post("/identify", body), 400, "BadArgument")
    assert message == "The argument maxNumOfCandidatesReturned is not valid. Range is [1, 100]"


@pytest.mark.parametrize("threshold", [-0.01, 1.01, 10**400, True, "high", "", [0.5], {"a": 1}])
def test_the_confidence_threshold_is_0_to_1(
    people: People, program: Program, refused: Refused, threshold: Any
) -> None:
    group_of(people.team, PERSON_GROUP, STAFF)
    (face,) = detected(people.team, (1, 0))
    body = question(PERSON_GROUP, [face], confidenceThreshold=threshold)
    message = refused(lambda: program.post("/identify", body), 400, "BadArgument")
    assert message == "The argument confidenceThreshold is not valid. Range is [0, 1]"


@pytest.mark.parametrize(
    "more",
    [
        {"maxNumOfCandidatesReturned": 1.0},
        {"maxNumOfCandidatesReturned": "1"},
        {"confidenceThreshold": "0.5"},
        {"confidenceThreshold": "1"},
    ],
    ids=str,
)
def test_numbers_may_be_written_as_other_languages_write_them(
    people: People, program: Program, more: dict[str, Any]
) -> None:
    ids = group_of(people.team, PERSON_GROUP, STAFF)
    (face,) = detected(people.team, (1, 0))
    (one,) = asked(program.post("/identify", question(PERSON_GROUP, [face], **more)))
    assert [candidate["personId"] for candidate in one["candidates"]] == [ids["Ada"]]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_json(
    people: People, program: Program, refused: Refused, number: str
) -> None:
    (face,) = detected(people.team, (1, 0))
    content = f'{{"personGroupId": "staff", "faceIds": ["{face}"], "confidenceThreshold": {number}}}'

    def send() -> Any:
        return program.send("POST", "/identify", content=content.encode(), kind="application/json")

    assert refused(send, 400, "BadArgument") == "Invalid request body."


def test_a_number_too_large_for_a_float_is_out_of_range(
    people: People, program: Program, refused: Refused
) -> None:
    group_of(people.team, PERSON_GROUP, STAFF)
    (face,) = detected(people.team, (1, 0))
    for name in ("confidenceThreshold", "maxNumOfCandidatesReturned"):
        content = f'{{"personGroupId": "staff", "faceIds": ["{face}"], "{name}": 1e999}}'.encode()
        message = refused(
            lambda content=content: program.send(
                "POST", "/identify", content=content, kind="application/json"
            ),
            400,
            "BadArgument",
        )
        assert message.startswith(f"The argument {name} is not valid. Range is [")


@pytest.mark.parametrize("wrong", ["no id", "", 5, None, True, ["a"], "c5c24a82-6845-4031-9d5d-978df917542"])
def test_what_is_no_face_id_is_invalid(
    people: People, program: Program, refused: Refused, wrong: Any, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF)
    (face,) = detected(people.team, (1, 0))
    message = refused(lambda: program.post("/identify", question(kind, [face, wrong])), 400, "BadArgument")
    assert message == "Face ID is invalid. Valid faceId comes from Face - Detect."


@pytest.mark.parametrize("wrong", ["Staff", "a b", "", "a" * 65, "ä", "staff\n", 5, ["staff"], {}, False])
def test_what_is_no_id_of_a_group_is_invalid(
    people: People, program: Program, refused: Refused, wrong: Any, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF)
    body = {kind.field: wrong, "faceIds": detected(people.team, (1, 0))}
    message = refused(lambda: program.post("/identify", body), 400, "BadArgument")
    assert message == (
        f"{kind.word} ID is invalid. Valid format should be a string composed by numbers, English letters in "
        "lower case, '-', '_', and no longer than 64 characters."
    )


@pytest.mark.parametrize("value", [None, "c5c24a82-6845-4031-9d5d-978df9175426", 5, {"0": "a"}])
def test_face_ids_are_a_list(people: People, program: Program, refused: Refused, value: Any) -> None:
    group_of(people.team, PERSON_GROUP, STAFF)
    body = {"personGroupId": "staff", "faceIds": value}
    message = refused(lambda: program.post("/identify", body), 400, "BadArgument")
    assert message == "Request body is invalid. 'faceIds' has to be a list of ids."


def test_models_of_other_names_are_not_compared(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF)
    good = detected(people.team, (1, 0))
    for fields in ({"model_alias": "recognition_04"}, {"model_sha256": "1" * 64}, {"model_alias": ""}):
        faces = good + detected(people.team, (1, 1), **fields)
        message = refused(
            lambda faces=faces: program.post("/identify", question(kind, faces)), 400, "BadArgument"
        )
        assert message == "'recognitionModel' is incompatible."


def test_a_group_that_has_moved_to_another_model_is_not_compared(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF)
    faces = detected(people.team, (1, 0))
    moved_to_another_model(people.team, "staff")
    message = refused(lambda: program.post("/identify", question(kind, faces)), 400, "BadArgument")
    assert message == "'recognitionModel' is incompatible."


def test_both_groups_or_none_are_refused(people: People, program: Program, refused: Refused) -> None:
    group_of(people.team, PERSON_GROUP, STAFF)
    faces = detected(people.team, (1, 0))
    both = {"personGroupId": "staff", "largePersonGroupId": "staff", "faceIds": faces}
    message = refused(
        lambda: program.post("/identify", both), 400, "PersonGroupIdAndLargePersonGroupIdBothNotNull"
    )
    assert message == "Large person group ID and person group ID are both not null."
    for none in ({"faceIds": faces}, {**both, "personGroupId": None, "largePersonGroupId": None}):
        message = refused(
            lambda none=none: program.post("/identify", none),
            400,
            "PersonGroupIdAndLargePersonGroupIdBothNull",
        )
        assert message == "Large person group ID and person group ID are both null."


def test_an_unknown_group_and_another_team_s_are_not_found(
    people: People, program: Program, stranger: Program, others: People, refused: Refused, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF)
    theirs = detected(others.team, (1, 0))
    message = refused(lambda: stranger.post("/identify", question(kind, theirs)), 400, f"{kind.code}NotFound")
    assert message == f"{kind.word} is not found."
    mine = detected(people.team, (1, 0))
    other_kind = GROUPS[1 - GROUPS.index(kind)]
    refused(lambda: program.post("/identify", question(other_kind, mine)), 400, f"{other_kind.code}NotFound")


def test_an_unknown_an_expired_and_another_team_s_face_are_not_found(
    people: People, program: Program, others: People, refused: Refused, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF)
    (good,) = detected(people.team, (1, 0))
    for wrong in (unknown(), *expired(people.team, (1, 1)), *detected(others.team, (1, 1))):
        message = refused(
            lambda wrong=wrong: program.post("/identify", question(kind, [good, wrong])), 400, "FaceNotFound"
        )
        assert message == "Face is not found. The faceId is expired or not exist."


def test_a_group_that_was_never_trained_does_not_answer(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    group_of(people.team, kind, STAFF, trained=False)
    faces = detected(people.team, (1, 0))
    message = refused(lambda: program.post("/identify", question(kind, faces)), 400, f"{kind.code}NotTrained")
    assert message == f"{kind.word} not trained."


# --- Errors: 409 --------------------------------------------------------------------------------------
@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_group_under_training_conflicts(
    people: People, program: Program, refused: Refused, kind: Kind, trained: bool, status: str
) -> None:
    group_of(people.team, kind, STAFF, trained=trained)
    faces = detected(people.team, (1, 0))
    gallery = gallery_named(people.team, "staff")
    with team_scope(people.team):
        job = gallery_train(gallery=gallery)
        GalleryJob.objects.filter(pk=job.pk).update(status=status)
    message = refused(
        lambda: program.post("/identify", question(kind, faces)), 409, f"{kind.code}TrainingNotFinished"
    )
    assert message == f"{kind.word} is under training."


# --- What it costs ------------------------------------------------------------------------------------
def test_ten_faces_cost_as_many_statements_as_one(people: People, program: Program, kind: Kind) -> None:
    group_of(people.team, kind, STAFF)
    faces = detected(people.team, *((1, view) for view in range(10)))
    one = queries_of(lambda: program.post("/identify", question(kind, faces[:1])))
    ten = queries_of(lambda: program.post("/identify", question(kind, faces)))
    assert len(one) == len(ten)
    # The group, the faces, whether it is being trained, and the search.
    assert len([text for text in ten if "galleries_" in text]) == 4


def test_248_faces_of_a_person_do_not_hide_another_one(people: People, program: Program) -> None:
    ids = group_of(people.team, PERSON_GROUP, STAFF, trained=False)
    gallery = gallery_named(people.team, "staff")
    with team_scope(people.team):
        ada = Subject.objects.get(pk=ids["Ada"])
        EnrolledFace.objects.bulk_create(
            EnrolledFace(team=people.team, gallery=gallery, subject=ada, embedding=embedding_of(1, view))
            for view in range(2, 248)
        )
        train(gallery)
    faces = detected(people.team, (1, 300))
    (one,) = asked(program.post("/identify", question(PERSON_GROUP, faces, confidenceThreshold=0)))
    assert one["candidates"][0]["personId"] == ids["Ada"]
    assert {candidate["personId"] for candidate in one["candidates"]} == set(ids.values())


def test_an_empty_group_of_this_id_is_another_one_in_each_kind(people: People, program: Program) -> None:
    ids = group_of(people.team, PERSON_GROUP, STAFF)
    with team_scope(people.team):
        collection(people.team, LARGE_PERSON_GROUP, "staff")
    (face,) = detected(people.team, (1, 9))
    (one,) = asked(program.post("/identify", question(PERSON_GROUP, [face])))
    assert [candidate["personId"] for candidate in one["candidates"]] == [ids["Ada"]]
