"""Face - Find Similar: among detected faces, in a face list, and in a large one."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.access import team_scope
from compat.face_v1.kinds import FACE_LIST, LARGE_FACE_LIST, PERSON_GROUP, Kind
from conftest import People
from galleries.models import EnrolledFace, GalleryJob
from galleries.training import gallery_train
from tests.fakes import embedding_of

from .helpers import Program
from .question_helpers import (
    asked,
    collection,
    detected,
    expired,
    gallery_named,
    group_of,
    list_of,
    moved_to_another_model,
    queries_of,
    unknown,
)

LISTS = (FACE_LIST, LARGE_FACE_LIST)
VIEWS = [(1, 0), (2, 0), (1, 1), (3, 0), (1, 2)]
Refused = Callable[..., str]


@pytest.fixture(params=LISTS, ids=lambda kind: kind.namespace)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Every test that uses it runs for lists and for large ones."""
    found: Kind = request.param
    return found


def similar(program: Program, face: Any, **more: Any) -> Any:
    return program.post("/findsimilars", {"faceId": face, **more})


def in_list(program: Program, kind: Kind, face: Any, key: Any = "album", **more: Any) -> Any:
    return similar(program, face, **{kind.field: key}, **more)


def check_ranked(found: list[dict[str, Any]], field: str) -> None:
    """Only these fields, confidences in [0, 1], the best first."""
    confidences = [one["confidence"] for one in found]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= confidence <= 1 for confidence in confidences)
    assert all(set(one) == {field, "confidence"} for one in found)


# --- What it means ------------------------------------------------------------------------------------
def test_among_detected_faces_one_person_s_are_found(people: People, program: Program) -> None:
    (face,) = detected(people.team, (1, 9))
    ids = detected(people.team, *VIEWS)
    found = asked(similar(program, face, faceIds=ids))
    check_ranked(found, "faceId")
    assert {one["faceId"] for one in found} == {ids[0], ids[2], ids[4]}
    assert all(one["confidence"] >= 0.5 for one in found)
    ranked = asked(similar(program, face, faceIds=ids, mode="matchFace"))
    check_ranked(ranked, "faceId")
    assert ranked[:3] == found
    assert {one["faceId"] for one in ranked} == set(ids)


def test_in_a_list_one_person_s_faces_are_found(people: People, program: Program, kind: Kind) -> None:
    ids = list_of(people.team, kind, VIEWS)
    (face,) = detected(people.team, (1, 9))
    found = asked(in_list(program, kind, face))
    check_ranked(found, "persistedFaceId")
    assert {one["persistedFaceId"] for one in found} == {ids[0], ids[2], ids[4]}
    assert all(one["confidence"] >= 0.5 for one in found)
    ranked = asked(in_list(program, kind, face, mode="matchFace"))
    check_ranked(ranked, "persistedFaceId")
    assert ranked[:3] == found
    assert {one["persistedFaceId"] for one in ranked} == set(ids)


def test_nobody_like_a_stranger_is_found(people: People, program: Program, kind: Kind) -> None:
    list_of(people.team, kind, VIEWS)
    ids = detected(people.team, *VIEWS)
    (face,) = detected(people.team, (40, 0))
    assert asked(in_list(program, kind, face)) == []
    assert asked(similar(program, face, faceIds=ids)) == []


def test_the_face_itself_is_wholly_similar(people: People, program: Program) -> None:
    ids = detected(people.team, *VIEWS)
    assert asked(similar(program, ids[1], faceIds=ids)) == [{"faceId": ids[1], "confidence": 1.0}]


def test_as_many_are_answered_as_asked_and_20_unless_asked(
    people: People, program: Program, kind: Kind
) -> None:
    list_of(people.team, kind, [(1, view) for view in range(25)])
    ids = detected(people.team, *((1, view) for view in range(25)))
    for count, wanted in ((1, 1), (3, 3), (None, 20), (1000, 25)):
        more = {"maxNumOfCandidatesReturned": count}
        assert len(asked(in_list(program, kind, ids[0], **more))) == wanted
        assert len(asked(similar(program, ids[0], faceIds=ids, **more))) == wanted


def test_a_face_list_needs_no_training_and_a_face_added_since_counts_at_once(
    people: People, program: Program
) -> None:
    list_of(people.team, FACE_LIST, VIEWS)
    (face,) = detected(people.team, (7, 0))
    assert asked(in_list(program, FACE_LIST, face)) == []
    gallery = gallery_named(people.team, "album")
    with team_scope(people.team):
        new = EnrolledFace.objects.create(team=people.team, gallery=gallery, embedding=embedding_of(7, 1))
        assert not GalleryJob.objects.exists()
    assert [one["persistedFaceId"] for one in asked(in_list(program, FACE_LIST, face))] == [str(new.pk)]
    assert program.delete(f"/facelists/album/persistedfaces/{new.pk}").status_code == 200
    assert asked(in_list(program, FACE_LIST, face)) == []


def test_a_face_removed_from_a_large_list_is_not_found_any_more(people: People, program: Program) -> None:
    ids = list_of(people.team, LARGE_FACE_LIST, VIEWS)
    (face,) = detected(people.team, (2, 9))
    assert [one["persistedFaceId"] for one in asked(in_list(program, LARGE_FACE_LIST, face))] == [ids[1]]
    assert program.delete(f"/largefacelists/album/persistedfaces/{ids[1]}").status_code == 200
    assert asked(in_list(program, LARGE_FACE_LIST, face)) == []


def test_a_large_list_that_was_trained_empty_holds_nobody(people: People, program: Program) -> None:
    list_of(people.team, LARGE_FACE_LIST, [])
    (face,) = detected(people.team, (2, 9))
    assert asked(in_list(program, LARGE_FACE_LIST, face)) == []


@pytest.mark.parametrize("mode", ["matchPerson", "MATCHPERSON", "matchperson", None])
def test_a_mode_counts_in_any_letter_case(people: People, program: Program, mode: str | None) -> None:
    ids = detected(people.team, *VIEWS)
    body = {"FaceID": ids[1], "faceids": ids, "MODE": mode, "faceListId": None, "largeFaceListId": None}
    assert [one["faceId"] for one in asked(program.post("/findsimilars", body))] == [ids[1]]
    for other in ("matchFace", "MatchFace", "MATCHFACE"):
        assert len(asked(similar(program, ids[1], faceIds=ids, mode=other))) == len(ids)


def test_a_face_given_twice_is_answered_once(people: People, program: Program) -> None:
    ids = detected(people.team, *VIEWS)
    found = asked(similar(program, ids[0], faceIds=[*ids, *ids], mode="matchFace"))
    assert sorted(one["faceId"] for one in found) == sorted(ids)


# --- Errors -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["matchEverything", "", " ", 5, True, ["matchFace"], {"a": 1}])
def test_other_modes_are_invalid(people: People, program: Program, refused: Refused, mode: Any) -> None:
    ids = detected(people.team, *VIEWS)
    message = refused(lambda: similar(program, ids[0], faceIds=ids, mode=mode), 400, "BadArgument")
    assert message == "Mode is invalid. Valid values are matchPerson and matchFace."


@pytest.mark.parametrize("count", [0, -1, 1001, 2**70, 1.5, True, False, "many", "", [1], {"a": 1}])
def test_the_number_of_candidates_is_1_to_1000(
    people: People, program: Program, refused: Refused, count: Any
) -> None:
    ids = detected(people.team, *VIEWS)
    message = refused(
        lambda: similar(program, ids[0], faceIds=ids, maxNumOfCandidatesReturned=count), 400, "BadArgument"
    )
    assert message == "The argument maxNumOfCandidatesReturned is not valid. Range is [1, 1000]"


@pytest.mark.parametrize("count", [1.0, "1"])
def test_numbers_may_be_written_as_other_languages_write_them(
    people: People, program: Program, count: Any
) -> None:
    ids = detected(people.team, *VIEWS)
    assert len(asked(similar(program, ids[0], faceIds=ids, maxNumOfCandidatesReturned=count))) == 1


def test_one_to_a_thousand_faces_are_looked_among(people: People, program: Program, refused: Refused) -> None:
    ids = detected(people.team, *((number % 60, number // 60) for number in range(1001)))
    found = asked(
        similar(program, ids[0], faceIds=ids[:1000], maxNumOfCandidatesReturned=1000, mode="matchFace")
    )
    assert len(found) == 1000
    check_ranked(found, "faceId")
    for wrong in (ids, []):
        message = refused(lambda wrong=wrong: similar(program, ids[0], faceIds=wrong), 400, "BadArgument")
        assert message == "The length of faceIds is not in a valid range. Out of range [1, 1000]."


def test_exactly_one_of_three_says_where_to_look(people: People, program: Program, refused: Refused) -> None:
    list_of(people.team, FACE_LIST, VIEWS)
    ids = detected(people.team, *VIEWS)
    whole = {"faceListId": "album", "largeFaceListId": "album", "faceIds": ids}
    for none in ({}, dict.fromkeys(whole)):
        message = refused(lambda none=none: similar(program, ids[0], **none), 400, "BadArgument")
        assert message == "LargeFaceListId, faceListId and faceIds are all null."
    for left_out in (None, *whole):
        several = {name: value for name, value in whole.items() if name != left_out}
        message = refused(lambda several=several: similar(program, ids[0], **several), 400, "BadArgument")
        assert message == "2 or more of largeFaceListId, faceListId and faceIds are not null."


@pytest.mark.parametrize("name", ["faceListId", "largeFaceListId", "faceIds"])
@pytest.mark.parametrize("value", [5, True, False, {}, 0.5])
def test_the_one_of_three_has_to_be_of_its_type(
    people: People, program: Program, refused: Refused, name: str, value: Any
) -> None:
    (face,) = detected(people.team, (1, 0))
    message = refused(lambda: similar(program, face, **{name: value}), 400, "BadArgument")
    assert message == "LargeFaceListId, faceListId and faceIds, not exactly one of them is valid."


@pytest.mark.parametrize("wrong", ["Album", "a b", "", "a" * 65, "ä", "album\n"])
def test_what_is_no_id_of_a_list_is_invalid(
    people: People, program: Program, refused: Refused, wrong: str, kind: Kind
) -> None:
    (face,) = detected(people.team, (1, 0))
    message = refused(lambda: in_list(program, kind, face, wrong), 400, "BadArgument")
    assert message == (
        f"{kind.word} ID is invalid. Valid format should be a string composed by numbers, English letters in "
        "lower case, '-', '_', and no longer than 64 characters."
    )


@pytest.mark.parametrize("wrong", ["no id", "", 5, True, ["a"], {}])
def test_what_is_no_face_id_is_invalid(
    people: People, program: Program, refused: Refused, wrong: Any
) -> None:
    ids = detected(people.team, *VIEWS)
    for send in (
        lambda: similar(program, wrong, faceIds=ids),
        lambda: similar(program, ids[0], faceIds=[*ids, wrong]),
    ):
        message = refused(send, 400, "BadArgument")
        assert message == "Face ID is invalid. Valid faceId comes from Face - Detect."


def test_a_query_face_has_to_be_given(people: People, program: Program, refused: Refused) -> None:
    ids = detected(people.team, *VIEWS)
    for body in ({"faceIds": ids}, {"faceIds": ids, "faceId": None}):
        message = refused(lambda body=body: program.post("/findsimilars", body), 400, "BadArgument")
        assert message == "Request body is invalid. 'faceId' is missing."


def test_models_of_other_names_are_not_compared(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    list_of(people.team, kind, VIEWS)
    ids = detected(people.team, *VIEWS)
    for fields in ({"model_alias": "recognition_02"}, {"model_sha256": "1" * 64}, {"model_alias": ""}):
        (other,) = detected(people.team, (1, 1), **fields)
        for send in (
            lambda other=other: in_list(program, kind, other),
            lambda other=other: similar(program, other, faceIds=ids),
            lambda other=other: similar(program, ids[0], faceIds=[*ids, other]),
        ):
            message = refused(send, 400, "BadArgument")
            assert message == "'recognitionModel' is incompatible."


def test_a_list_that_has_moved_to_another_model_is_not_compared(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    list_of(people.team, kind, VIEWS)
    (face,) = detected(people.team, (1, 0))
    moved_to_another_model(people.team, "album")
    message = refused(lambda: in_list(program, kind, face), 400, "BadArgument")
    assert message == "'recognitionModel' is incompatible."


def test_an_unknown_an_expired_and_another_team_s_query_face_are_not_found(
    people: People, program: Program, others: People, refused: Refused, kind: Kind
) -> None:
    list_of(people.team, kind, VIEWS)
    ids = detected(people.team, *VIEWS)
    for wrong in (unknown(), *expired(people.team, (1, 1)), *detected(others.team, (1, 1))):
        for send in (
            lambda wrong=wrong: in_list(program, kind, wrong),
            lambda wrong=wrong: similar(program, wrong, faceIds=ids),
        ):
            assert refused(send, 400, "FaceNotFound") == "Query face cannot be found."
        message = refused(
            lambda wrong=wrong: similar(program, ids[0], faceIds=[*ids, wrong]), 400, "FaceNotFound"
        )
        assert message == "Face is not found. The faceId is expired or not exist."


def test_an_unknown_list_one_of_another_kind_and_another_team_s_are_not_found(
    people: People, program: Program, others: People, refused: Refused, kind: Kind
) -> None:
    list_of(others.team, kind, VIEWS)
    list_of(people.team, LISTS[1 - LISTS.index(kind)], VIEWS)
    group_of(people.team, PERSON_GROUP, {"Ada": 1}, key="group")
    (face,) = detected(people.team, (1, 0))
    for key in ("album", "unknown", "group"):
        message = refused(lambda key=key: in_list(program, kind, face, key), 400, f"{kind.code}NotFound")
        assert message == f"{kind.word} is not found."


def test_an_empty_face_list_is_not_ready(people: People, program: Program, refused: Refused) -> None:
    list_of(people.team, FACE_LIST, [])
    (face,) = detected(people.team, (1, 0))
    for mode in ("matchPerson", "matchFace"):
        message = refused(
            lambda mode=mode: in_list(program, FACE_LIST, face, mode=mode), 400, "FaceListNotReady"
        )
        assert message == "Face list is empty."


@pytest.mark.parametrize("views", [VIEWS, []])
def test_a_large_list_that_was_never_trained_does_not_answer(
    people: People, program: Program, refused: Refused, views: Any
) -> None:
    list_of(people.team, LARGE_FACE_LIST, views, trained=False)
    (face,) = detected(people.team, (1, 0))
    message = refused(lambda: in_list(program, LARGE_FACE_LIST, face), 400, "LargeFaceListNotTrained")
    assert message == "Large face list is not trained."


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_large_list_under_training_does_not_answer(
    people: People, program: Program, refused: Refused, trained: bool, status: str
) -> None:
    list_of(people.team, LARGE_FACE_LIST, VIEWS, trained=trained)
    (face,) = detected(people.team, (1, 0))
    gallery = gallery_named(people.team, "album")
    with team_scope(people.team):
        job = gallery_train(gallery=gallery)
        GalleryJob.objects.filter(pk=job.pk).update(status=status)
    message = refused(
        lambda: in_list(program, LARGE_FACE_LIST, face), 400, "LargeFaceListTrainingNotFinished"
    )
    assert message == "Large face list training is not finished."


# --- What it costs ------------------------------------------------------------------------------------
def test_a_thousand_faces_cost_as_many_statements_as_one(people: People, program: Program) -> None:
    ids = detected(people.team, *((number % 60, number // 60) for number in range(1000)))
    one = queries_of(lambda: similar(program, ids[0], faceIds=ids[:1]))
    many = queries_of(lambda: similar(program, ids[0], faceIds=ids))
    assert len(one) == len(many)
    # The query face, and the candidates.
    assert len([text for text in many if "galleries_" in text]) == 2


def test_a_list_of_a_thousand_costs_a_few_statements(people: People, program: Program, kind: Kind) -> None:
    list_of(people.team, kind, [(number % 60, number // 60) for number in range(1000)])
    (face,) = detected(people.team, (1, 99))
    told = queries_of(lambda: in_list(program, kind, face, maxNumOfCandidatesReturned=1000, mode="matchFace"))
    # The list, the face and the search; whether a large one is being trained.
    assert len([text for text in told if "galleries_" in text]) == (4 if kind.trained else 3)


def test_a_list_of_this_id_in_another_kind_is_another_list(people: People, program: Program) -> None:
    ids = list_of(people.team, FACE_LIST, VIEWS)
    with team_scope(people.team):
        collection(people.team, LARGE_FACE_LIST, "album")
    (face,) = detected(people.team, (2, 9))
    assert [one["persistedFaceId"] for one in asked(in_list(program, FACE_LIST, face))] == [ids[1]]
