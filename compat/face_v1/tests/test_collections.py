"""Groups and lists: making, changing and listing them."""

from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.access import team_scope
from compat.face_v1.kinds import (
    KINDS,
    PERSON_GROUP,
    Kind,
)
from conftest import People
from galleries.services import gallery_create
from ml_models.recognition import default_model

from .collection_helpers import Refused, each_kind, each_paged, galleries, made, shown
from .helpers import Program


# --- Create -------------------------------------------------------------------------------------------
@each_kind
def test_a_collection_is_made_read_and_erased(people: People, program: Program, kind: Kind) -> None:
    path = made(program, kind, userData="the third floor")
    assert program.get(path).json() == shown(kind, userData="the third floor")
    answer = program.delete(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert galleries(people) == []
    gone = program.get(path)
    assert (gone.status_code, gone.json()) == (
        404,
        {"error": {"code": f"{kind.code}NotFound", "message": f"{kind.word} is not found."}},
    )


@each_kind
def test_it_is_a_gallery_that_keeps_no_pictures_and_looks_at_no_photos(
    people: People, program: Program, kind: Kind
) -> None:
    made(program, kind, recognitionModel="recognition_03")
    (gallery,) = galleries(people)
    assert (gallery.namespace, gallery.key, gallery.holds) == (kind.namespace, "staff", kind.holds)
    assert (gallery.keep_crops, gallery.label_photos, gallery.allow_duplicates) == (False, False, True)
    assert (gallery.model, gallery.model_alias) == (default_model().name, "recognition_03")


@each_kind
def test_the_recognition_model_is_told_as_it_was_asked_for(program: Program, kind: Kind) -> None:
    wanted = (None, "", "recognition_01", "recognition_02", "recognition_03", "Recognition_04")
    for number, asked in enumerate(wanted):
        path = made(program, kind, str(number), recognitionModel=asked)
        named = (asked or "recognition_01").lower()
        for flag in ("true", "True", "TRUE"):
            answer = program.get(path, returnRecognitionModel=flag).json()
            assert answer == shown(kind, str(number), recognitionModel=named)
        assert program.get(path, returnRecognitionModel="false").json() == shown(kind, str(number))
        listed = program.get(f"/{kind.path}", returnRecognitionModel="true").json()[number]
        assert listed == {kind.field: str(number), "name": "Staff", "recognitionModel": named}


@each_kind
def test_one_that_is_there_is_not_made_again(program: Program, kind: Kind, refused: Refused) -> None:
    path = made(program, kind)
    message = refused(lambda: program.put(path, {"name": "Other"}), 409, f"{kind.code}Exists")
    assert message == f"{kind.word} already exists."


def test_the_four_kinds_have_ids_of_their_own(program: Program) -> None:
    paths = [made(program, kind) for kind in KINDS]
    assert program.delete(paths[0]).status_code == 200
    assert [program.get(path).status_code for path in paths] == [404, 200, 200, 200]


@each_kind
def test_ids_of_the_format_are_taken(program: Program, kind: Kind) -> None:
    for key in ("a", "0", "-", "_", "staff-3_b", "a" * 64):
        assert program.get(made(program, kind, key)).json() == shown(kind, key)


@each_kind
def test_other_ids_are_refused_wherever_they_stand(program: Program, kind: Kind, refused: Refused) -> None:
    inside = "persistedfaces" if kind.most_persons == 0 else "persons"
    for key in ("Staff", "a" * 65, "m%C3%BCller", "a.b", "a%20b", "a%0A", "%00", "a:b"):
        path = f"/{kind.path}/{key}"
        for method, below, body in (
            ("PUT", "", {"name": "Staff"}),
            ("GET", "", None),
            ("PATCH", "", {"name": "Other"}),
            ("DELETE", "", None),
            ("POST", f"/{inside}", {"name": "Ada", "url": "http://example.org/a.png"}),
        ):
            message = refused(partial(program.send, method, path + below, body), 400, "BadArgument")
            assert message.startswith(f"{kind.word} ID is invalid. Valid format")


@each_kind
def test_without_an_id_nothing_is_made(program: Program, kind: Kind, refused: Refused) -> None:
    for path in (f"/{kind.path}", f"/{kind.path}/"):
        refused(partial(program.put, path, {"name": "Staff"}), 405, "MethodNotAllowed")


BAD_BODIES = [
    ({}, "'name' is empty."),
    ({"name": None}, "'name' is empty."),
    ({"name": ""}, "'name' is empty."),
    ({"name": "  "}, "'name' is empty."),
    ({"name": "a" * 129}, "'name' is too long. The limit is 128 characters."),
    ({"name": 7}, "Request body is invalid. 'name' has to be text."),
    ({"name": "a\x00"}, "Request body is invalid. 'name' has to be text."),
    ({"name": "\ud800"}, "Request body is invalid. 'name' has to be text."),
    ({"name": "a", "userData": "b" * 16_385}, "'userData' is too long. The limit is 16384 characters."),
    ({"name": "a", "userData": ["b"]}, "Request body is invalid. 'userData' has to be text."),
    ({"name": "a", "recognitionModel": "recognition_05"}, "'recognitionModel' is invalid."),
    ({"name": "a", "recognitionModel": 4}, "Request body is invalid. 'recognitionModel' has to be text."),
    ([], "JSON parsing error. Bad or unrecognizable request JSON body."),
    ("name", "JSON parsing error. Bad or unrecognizable request JSON body."),
]


@each_kind
def test_a_collection_needs_a_name_and_short_data(program: Program, kind: Kind, refused: Refused) -> None:
    for body, message in BAD_BODIES:
        send = partial(program.put, f"/{kind.path}/staff", body)
        assert refused(send, 400, "BadArgument") == message


@each_kind
def test_limits_count_characters(program: Program, kind: Kind) -> None:
    for number, letter in enumerate("aü字\U0001f642"):
        fields = {"name": letter * 128, "userData": letter * 16_384}
        path = made(program, kind, str(number), **fields)
        assert program.get(path).json() == shown(kind, str(number), **fields)


def test_names_of_fields_count_in_any_letter_case_and_unknown_ones_are_ignored(program: Program) -> None:
    answer = program.put("/persongroups/staff", {"NAME": "Staff", "UserData": "x", "colour": "red"})
    assert answer.status_code == 200
    assert program.get("/persongroups/staff").json() == shown(PERSON_GROUP, userData="x")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/octet-stream", "multipart/form-data; boundary=b"]
)
def test_a_body_of_another_media_type_is_refused(program: Program, refused: Refused, kind: str) -> None:
    message = refused(
        lambda: program.send("PUT", "/facelists/a", content=b'{"name": "a"}', kind=kind), 415, "BadArgument"
    )
    assert message == "Invalid Media Type."


def test_json_may_name_its_encoding(program: Program) -> None:
    body = '{"name": "Zoë"}'.encode()
    kind = "application/json; charset=utf-8"
    assert program.send("PUT", "/facelists/a", content=body, kind=kind).status_code == 200
    assert program.get("/facelists/a").json()["name"] == "Zoë"


# --- Update -------------------------------------------------------------------------------------------
CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"name": "Crew"}, {"name": "Crew", "userData": "old"}),
    ({"name": "Crew", "userData": None}, {"name": "Crew", "userData": "old"}),
    ({"userData": "new"}, {"userData": "new"}),
    ({"name": None, "userData": "new"}, {"userData": "new"}),
    ({"name": "Crew", "userData": "new"}, {"name": "Crew", "userData": "new"}),
    ({"userData": ""}, {}),
    ({"name": "Staff"}, {"userData": "old"}),
]


@each_kind
def test_what_is_given_changes_and_the_rest_stays(program: Program, kind: Kind) -> None:
    for number, (body, fields) in enumerate(CHANGES):
        path = made(program, kind, str(number), userData="old")
        answer = program.patch(path, body)
        assert (answer.status_code, answer.content) == (200, b"")
        assert program.get(path).json() == shown(kind, str(number), **fields)


BAD_CHANGES = [
    ({}, "Both 'name' and 'userData' are empty."),
    ({"name": None, "userData": None}, "Both 'name' and 'userData' are empty."),
    ({"recognitionModel": "recognition_02"}, "Both 'name' and 'userData' are empty."),
    ({"name": ""}, "'name' is empty."),
    ({"name": "a" * 129}, "'name' is too long. The limit is 128 characters."),
    ({"userData": "b" * 16_385}, "'userData' is too long. The limit is 16384 characters."),
    (7, "JSON parsing error. Bad or unrecognizable request JSON body."),
]


@each_kind
def test_a_change_without_sense_is_refused(program: Program, kind: Kind, refused: Refused) -> None:
    path = made(program, kind, userData="old")
    for body, message in BAD_CHANGES:
        assert refused(partial(program.patch, path, body), 400, "BadArgument") == message


@each_kind
def test_what_nobody_made_is_not_found(program: Program, kind: Kind, refused: Refused) -> None:
    path = f"/{kind.path}/staff"
    for send in (
        lambda: program.get(path),
        lambda: program.patch(path, {"name": "Crew"}),
        lambda: program.delete(path),
    ):
        assert refused(send, 404, f"{kind.code}NotFound") == f"{kind.word} is not found."


# --- List ---------------------------------------------------------------------------------------------
KEYS = ["-a", "0", "10", "9", "_z", "a", "a-b", "a1", "a_b", "ab", "b"]


@each_kind
def test_lists_are_in_the_order_of_bytes_in_one_query(people: People, program: Program, kind: Kind) -> None:
    with team_scope(people.team):
        for key in reversed(KEYS):
            gallery_create(team=people.team, name="Staff", namespace=kind.namespace, key=key)
        # Of another kind, and of nobody's.
        gallery_create(team=people.team, name="Staff", namespace="", key="aa")
    with CaptureQueriesContext(connection) as captured:
        listed = program.get(f"/{kind.path}").json()
    assert [one[kind.field] for one in listed] == KEYS == sorted(KEYS)
    assert listed[0] == {kind.field: "-a", "name": "Staff"}
    assert sum("galleries_gallery" in query["sql"] for query in captured) == 1
    assert not any("galleries_enrolledface" in query["sql"] for query in captured)


@each_kind
def test_an_empty_list_is_a_list(program: Program, kind: Kind) -> None:
    answer = program.get(f"/{kind.path}")
    assert (answer.status_code, answer.json()) == (200, [])


PAGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"top": 3}, KEYS[:3]),
    ({"start": "a"}, KEYS[6:]),
    ({"start": "a", "top": 2}, ["a-b", "a1"]),
    ({"start": "0"}, KEYS[2:]),
    ({"start": ""}, KEYS),
    ({"start": "A"}, KEYS[4:]),
    ({"start": "aa"}, ["ab", "b"]),
    ({"start": "ü"}, []),
    ({"start": "z" * 64}, []),
    ({"Start": "a", "TOP": "1000"}, KEYS[6:]),
]


@each_paged
def test_pages_begin_after_an_id(people: People, program: Program, kind: Kind) -> None:
    with team_scope(people.team):
        for key in KEYS:
            gallery_create(team=people.team, name="Staff", namespace=kind.namespace, key=key)
    for query, expected in PAGES:
        listed = program.get(f"/{kind.path}", **query).json()
        assert [one[kind.field] for one in listed] == expected, query


@each_paged
def test_a_malformed_top_is_refused(program: Program, kind: Kind, refused: Refused) -> None:
    for top in ("0", "-1", "1001", "ten", "1.5", "", "1e3", "٣"):
        message = refused(partial(program.get, f"/{kind.path}", top=top), 400, "BadArgument")
        assert message == "'top' is invalid. Valid range is [1, 1000]."


@each_paged
def test_a_start_longer_than_an_id_is_refused(program: Program, kind: Kind, refused: Refused) -> None:
    message = refused(lambda: program.get(f"/{kind.path}", start="a" * 65), 400, "BadArgument")
    assert message == "'start' is too long. The limit is 64 characters."


@each_kind
def test_a_flag_is_true_or_false(program: Program, kind: Kind, refused: Refused) -> None:
    path = made(program, kind)
    for place in (path, f"/{kind.path}"):
        refused(partial(program.get, place, returnRecognitionModel="yes"), 400, "BadArgument")
