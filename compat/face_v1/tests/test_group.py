"""Face - Group."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest

from conftest import People

from .helpers import Program
from .question_helpers import asked, detected, expired, queries_of, unknown

Refused = Callable[..., str]


def group(program: Program, ids: Any) -> Any:
    return program.post("/group", {"faceIds": ids})


# --- What it means ------------------------------------------------------------------------------------
def test_groups_are_the_persons_largest_first_and_the_others_are_messy(
    people: People, program: Program
) -> None:
    persons = [3, 1, 2, 1, 4, 2, 1, 5, 1, 2]
    ids = detected(people.team, *((person, view) for view, person in enumerate(persons)))
    found = asked(group(program, ids))
    assert set(found) == {"groups", "messyGroup"}
    assert [set(some) for some in found["groups"]] == [
        {ids[place] for place in (1, 3, 6, 8)},
        {ids[place] for place in (2, 5, 9)},
    ]
    assert set(found["messyGroup"]) == {ids[0], ids[4], ids[7]}
    everything = [*chain(*found["groups"]), *found["messyGroup"]]
    assert sorted(everything) == sorted(ids), "a partition: each face once"


def test_there_is_no_messy_group_where_every_face_has_a_counterpart(people: People, program: Program) -> None:
    ids = detected(people.team, (1, 0), (2, 0), (1, 1), (2, 1))
    found = asked(group(program, ids))
    assert set(found) == {"groups"}
    assert {frozenset(some) for some in found["groups"]} == {
        frozenset({ids[0], ids[2]}),
        frozenset({ids[1], ids[3]}),
    }


def test_strangers_are_no_group(people: People, program: Program) -> None:
    ids = detected(people.team, (1, 0), (2, 0))
    found = asked(group(program, ids))
    assert found["groups"] == []
    assert sorted(found["messyGroup"]) == sorted(ids)


def test_a_face_that_is_given_twice_is_one_face(people: People, program: Program) -> None:
    ada, again = detected(people.team, (1, 0), (1, 1))
    assert asked(group(program, [ada, ada])) == {"groups": [], "messyGroup": [ada]}
    found = asked(group(program, [ada, again, ada.upper()]))
    assert [sorted(some) for some in found["groups"]] == [sorted([ada, again])]


def test_the_field_counts_in_any_letter_case(people: People, program: Program) -> None:
    ids = detected(people.team, (1, 0), (1, 1))
    assert len(asked(program.post("/group", {"FACEIDS": ids, "more": None}))["groups"]) == 1


# --- Errors -------------------------------------------------------------------------------------------
def test_two_to_a_thousand_faces_are_grouped(people: People, program: Program, refused: Refused) -> None:
    ids = detected(people.team, *((number % 50, number // 50) for number in range(1001)))
    found = asked(group(program, ids[:1000]))
    assert sorted([*chain(*found["groups"]), *found.get("messyGroup", [])]) == sorted(ids[:1000])
    sizes = [len(some) for some in found["groups"]]
    assert sizes == sorted(sizes, reverse=True)
    for wrong in (ids, ids[:1], []):
        message = refused(lambda wrong=wrong: group(program, wrong), 400, "BadArgument")
        assert message == "The length of faceIds is not in a valid range. Out of range [2, 1000]."


@pytest.mark.parametrize("value", [None, "c5c24a82-6845-4031-9d5d-978df9175426", 5, {"a": "b"}, True])
def test_face_ids_are_a_list(program: Program, refused: Refused, value: Any) -> None:
    message = refused(lambda: group(program, value), 400, "BadArgument")
    assert message == "Request body is invalid. 'faceIds' has to be a list of ids."


@pytest.mark.parametrize("wrong", ["no id", "", 5, None, True, ["a"]])
def test_what_is_no_face_id_is_invalid(
    people: People, program: Program, refused: Refused, wrong: Any
) -> None:
    ids = detected(people.team, (1, 0), (1, 1))
    message = refused(lambda: group(program, [*ids, wrong]), 400, "BadArgument")
    assert message == "Face ID is invalid. Valid faceId comes from Face - Detect."


def test_faces_of_other_models_are_not_compared(people: People, program: Program, refused: Refused) -> None:
    ids = detected(people.team, (1, 0), (1, 1))
    for fields in ({"model_alias": "recognition_03"}, {"model_sha256": "1" * 64}):
        mixed = ids + detected(people.team, (1, 2), **fields)
        message = refused(lambda mixed=mixed: group(program, mixed), 400, "BadArgument")
        assert message == "'recognitionModel' is incompatible."


def test_an_unknown_an_expired_and_another_team_s_face_are_not_found(
    people: People, program: Program, others: People, refused: Refused
) -> None:
    ids = detected(people.team, (1, 0), (1, 1))
    for wrong in (unknown(), *expired(people.team, (1, 2)), *detected(others.team, (1, 2))):
        message = refused(lambda wrong=wrong: group(program, [*ids, wrong]), 400, "FaceNotFound")
        assert message == "Current face is not found."


# --- What it costs ------------------------------------------------------------------------------------
def test_faces_are_read_once(people: People, program: Program) -> None:
    ids = detected(people.team, *((number % 10, number) for number in range(40)))
    told = queries_of(lambda: group(program, ids))
    assert len([text for text in told if "galleries_" in text]) == 1
