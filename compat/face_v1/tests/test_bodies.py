"""Reading bodies and parameters, without a server."""

import json
import math
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from compat.face_v1.bodies import (
    MOST_BYTES,
    Fields,
    identifiers_of,
    read_json,
    read_query,
    uuid_of,
    uuids_of,
)
from compat.face_v1.errors import FaceError, face_error

WRONG = face_error("top_invalid")


def request(content: bytes = b"", kind: str = "application/json", address: str = "/") -> Request:
    # Named twice: the factory leaves the type of an empty body out.
    sent = RequestFactory().generic("POST", address, content, content_type=kind, CONTENT_TYPE=kind)
    return Request(sent)


def refused(step: Any) -> FaceError:
    with pytest.raises(FaceError) as caught:
        step()
    return caught.value


# --- Bodies -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/json;"])
def test_an_object_is_read_whatever_its_letter_case(kind: str) -> None:
    fields = read_json(request(b'{"FaceID": "a", "other": null}', kind))
    assert fields.get("faceId") == fields.get("FACEID") == "a"
    assert "faceid" in fields
    assert "other" not in fields, "null is not given"
    assert fields.get("other") is None


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert read_json(request(b'\xef\xbb\xbf{"name": "a"}')).get("name") == "a"


@pytest.mark.parametrize("kind", ["", "text/json", "application/octet-stream", "application/jsonp"])
def test_other_media_types_are_not_read(kind: str) -> None:
    assert refused(lambda: read_json(request(b"{}", kind))).status == 415


BROKEN = [
    *(b"", b"{", b"[]", b"null", b"1", b'"a"', b"{'a': 1}", b'{"a": NaN}', b'{"a": Infinity}', b"\xff\xfe{"),
    *(b'{"a": "\xff"}', b"[" * 100_000, b'{"a":' * 50_000, b'{"a": 1} x'),
]


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_object_is_said_to_be_broken(content: bytes) -> None:
    error = refused(lambda: read_json(request(content)))
    assert (error.status, error.code) == (400, "BadArgument")
    assert error.message == "JSON parsing error. Bad or unrecognizable request JSON body."


def test_a_body_is_a_megabyte_at_most() -> None:
    frame = len(b'{"a": ""}')
    full = json.dumps({"a": "b" * (MOST_BYTES - frame)}).encode()
    assert len(full) == MOST_BYTES
    assert len(read_json(request(full)).get("a")) == MOST_BYTES - frame
    error = refused(lambda: read_json(request(full + b" ")))
    assert error.message == "Request body is invalid. It is longer than 1 MB."


def test_of_a_parameter_that_is_repeated_the_last_counts() -> None:
    assert read_query(request(address="/?top=1&TOP=3&start=a&start=b")).get("start") == "b"


# --- Values -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [1, 1.5, True, [], {}, "a\x00", "\ud800"])
def test_text_is_text_that_can_be_stored(value: Any) -> None:
    error = refused(lambda: Fields({"url": value}).text("url"))
    assert error.message == "Request body is invalid. 'url' has to be text."
    assert Fields({"url": ""}).text("url") == ""
    assert Fields({"url": None}).text("url") is None


@pytest.mark.parametrize(
    ("value", "number"),
    [(None, None), (5, 5), ("5", 5), ("-5", -5), ("005", 5), (5.0, 5), (0, 0), (10**30, 10**30)],
)
def test_whole_numbers(value: Any, number: int | None) -> None:
    assert Fields({"top": value}).integer("top", WRONG) == number


@pytest.mark.parametrize(
    "value",
    ["", " 5", "5.0", "1e3", "٣", "five", "+5", "1" * 10, 5.5, math.inf, math.nan, True, False, [], [5], {}],
)
def test_what_is_no_whole_number(value: Any) -> None:
    assert refused(lambda: Fields({"top": value}).integer("top", WRONG)) is WRONG


@pytest.mark.parametrize(("value", "number"), [(None, None), (0, 0.0), (0.5, 0.5), (-1, -1.0), (1, 1.0)])
def test_numbers(value: Any, number: float | None) -> None:
    found = Fields({"confidence": value}).number("confidence", WRONG)
    assert found == number
    assert found is None or isinstance(found, float)


@pytest.mark.parametrize("value", ["", "half", "٣", True, [], {}, math.inf, math.nan, 10**400])
def test_what_is_no_number(value: Any) -> None:
    assert refused(lambda: Fields({"confidence": value}).number("confidence", WRONG)) is WRONG


@pytest.mark.parametrize(
    ("value", "flag"),
    [("true", True), ("True", True), ("FALSE", False), (" true ", True), (True, True), (False, False)],
)
def test_flags(value: Any, flag: bool) -> None:
    assert Fields({"returnFaceId": value}).flag("returnFaceId", not flag) is flag
    assert Fields({}).flag("returnFaceId", flag) is flag


@pytest.mark.parametrize("value", ["", "1", "yes", 1, 0, []])
def test_what_is_no_flag(value: Any) -> None:
    error = refused(lambda: Fields({"returnFaceId": value}).flag("returnFaceId", True))
    assert error.message == "The argument returnFaceId is not valid. Valid values are true and false."


# --- Ids ----------------------------------------------------------------------------------------------
def test_ids_are_read_in_both_letter_cases_with_and_without_dashes() -> None:
    one = uuid4()
    for text in (str(one), str(one).upper(), one.hex):
        assert uuid_of(text, WRONG) == one
    assert uuids_of([str(one), one.hex], WRONG) == [one, one]
    assert uuids_of([], WRONG) == []


NO_IDS: list[Any] = [
    *(None, "", "a", 1, True, [], f"{{{UUID(int=5)}}}", f"urn:uuid:{UUID(int=5)}", "0" * 31, "0" * 33),
    *("-" * 36, f"{UUID(int=5)}\n", "٣" * 32, "g" * 32),
]


@pytest.mark.parametrize("value", NO_IDS)
def test_what_is_no_id(value: Any) -> None:
    assert refused(lambda: uuid_of(value, WRONG)) is WRONG
    assert refused(lambda: uuids_of([str(uuid4()), value], WRONG)) is WRONG


@pytest.mark.parametrize("value", [None, "a", {}, 1])
def test_ids_come_in_a_list(value: Any) -> None:
    error = refused(lambda: uuids_of(value, WRONG))
    assert error.message == "Request body is invalid. 'faceIds' has to be a list of ids."


def test_identifiers_are_a_list_of_texts() -> None:
    assert identifiers_of(["a", ""], WRONG) == ["a", ""]
    others: list[Any] = [None, "a", [1], ["a", None], {}]
    for value in others:
        assert refused(partial(identifiers_of, value, WRONG)) is WRONG
