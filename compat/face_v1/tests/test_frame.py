"""What all operations of the dialect have in common: routes, methods and bodies."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from compat.face_v1.authentication import HEADER
from conftest import People
from tests.fakes import EngineOfPeople, people_picture

from .helpers import BASE, BYTES, Program, error_of

Refused = Callable[..., str]
Unchanged = Callable[..., Any]
Everything = Callable[[], Any]
each_prefix = pytest.mark.parametrize(
    "prefix", ["/westus", "/westus.api.cognitive.microsoft.com", "/my_region-2"]
)


# --- Routes ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/persongroup", "/persongroups/staff/persons/a/b", "/persongroups//", "/detect/x"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_operation_that_does_not_exist_is_not_found_whoever_asks(
    method: str, path: str, program: Program, unchanged: Unchanged
) -> None:
    message = unchanged(lambda: program.send(method, path, {}), 404, "ResourceNotFound").json()["error"][
        "message"
    ]
    assert message.startswith("There is no such operation.")
    unchanged(lambda: Client().generic(method, f"{BASE}{path}"), 404, "ResourceNotFound")


def test_the_address_without_anything_behind_it_is_no_operation(db: None, unchanged: Unchanged) -> None:
    """Django leads on to the address with a slash, as everywhere."""
    unchanged(lambda: Client().get(BASE, follow=True), 404, "ResourceNotFound")
    assert Client().post(BASE)["Location"] == f"{BASE}/"


@each_prefix
def test_the_name_of_a_region_may_stand_in_front(prefix: str, program: Program, refused: Refused) -> None:
    base = f"{prefix}{BASE}"
    assert program.send("PUT", "/facelists/mine", {"name": "Mine"}, base=base).status_code == 200
    assert program.send("GET", "/facelists/mine", base=base).json()["name"] == "Mine"
    assert program.get("/facelists/mine").json()["name"] == "Mine", "it is the same list everywhere"
    refused(lambda: program.send("GET", "/nothing", base=base), 404, "ResourceNotFound")
    refused(lambda: program.send("GET", "/facelists/other", base=base), 404, "FaceListNotFound")
    refused(lambda: Program("none").send("GET", "/facelists", base=base), 401, "Unspecified")


@pytest.mark.parametrize("prefix", ["/one/two", "/a%2Fb", "/api/v1"])
def test_no_more_than_one_name_may_stand_in_front(prefix: str, program: Program) -> None:
    answer = program.send("GET", "/facelists", base=f"{prefix}{BASE}")
    assert answer.status_code == 404
    assert "error" not in (answer.json() if "json" in answer["Content-Type"] else {})


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("/face/v1.0", "/personGroups/staff/persons"),
        ("/face/v1.0", "/PERSONGROUPS/staff/PERSONS"),
        ("/Face/V1.0", "/persongroups/staff/persons"),
        ("/FACE/v1.0", "/PersonGroups/staff/Persons/"),
        ("/WestUS/face/v1.0", "/persongroups/staff/persons/"),
    ],
)
def test_the_letter_case_of_words_and_a_slash_at_the_end_do_not_count(
    base: str, path: str, program: Program
) -> None:
    program.put("/persongroups/staff", {"name": "Staff"})
    answer = program.send("POST", path, {"Name": "Ada"}, base=base)
    assert answer.status_code == 200
    assert program.send("GET", path, base=base).json() == [
        {"personId": answer.json()["personId"], "persistedFaceIds": [], "name": "Ada"}
    ]


def test_the_letter_case_of_an_id_does_count(program: Program, refused: Refused) -> None:
    program.put("/persongroups/staff", {"name": "Staff"})
    refused(lambda: program.get("/persongroups/Staff"), 400, "BadArgument")


# --- Methods --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/detect", "POST"),
        ("DELETE", "/detect", "POST"),
        ("GET", "/identify", "POST"),
        ("POST", "/persongroups", "GET, HEAD"),
        ("POST", "/persongroups/staff", "GET, PUT, PATCH, DELETE, HEAD"),
        ("PUT", "/persongroups/staff/train", "POST"),
        ("PATCH", "/facelists/staff/persistedfaces", "POST"),
        ("GET", "/facelists/staff/persistedfaces", "POST"),
        ("TRACE", "/facelists", "GET, HEAD"),
        ("BREW", "/facelists", "GET, HEAD"),
        ("HEAD", "/detect", "POST"),
    ],
)
def test_another_method_is_refused_and_the_right_ones_are_named(
    method: str, path: str, allowed: str, program: Program, everything: Everything
) -> None:
    before = everything()
    answer = program.send(method, path, {"name": "Staff"})
    assert answer.status_code == 405
    named = set(answer["Allow"].split(", "))
    assert named == set(allowed.split(", "))
    if method != "HEAD":
        assert error_of(answer) == (405, "MethodNotAllowed")
        message = answer.json()["error"]["message"]
        assert message == f"The method {method} is not allowed here. Allowed: {answer['Allow']}."
    assert everything() == before


def test_a_method_that_nobody_may_use_says_nothing_without_a_key(
    unchanged: Unchanged, people: People
) -> None:
    unchanged(lambda: Program("none").send("DELETE", "/detect"), 401, "Unspecified")


def test_head_answers_what_get_does_without_the_body(program: Program) -> None:
    program.put("/facelists/mine", {"name": "Mine"})
    shown, head = (program.send(method, "/facelists/mine") for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Type"] == shown["Content-Type"]
    assert program.send("HEAD", "/facelists/other").status_code == 404


def test_options_is_no_method_of_the_dialect(program: Program, unchanged: Unchanged) -> None:
    answer = unchanged(lambda: program.send("OPTIONS", "/facelists/mine"), 405, "MethodNotAllowed")
    assert set(answer["Allow"].split(", ")) == {"GET", "PUT", "PATCH", "DELETE", "HEAD"}
    unchanged(lambda: Program("none").send("OPTIONS", "/facelists/mine"), 401, "Unspecified")


# --- Media types and bodies -----------------------------------------------------------------------
@pytest.mark.parametrize("accept", ["application/xml", "text/html", "image/*;q=0.1", "nonsense", ""])
def test_answers_are_json_whatever_is_asked_for(accept: str, program: Program, refused: Refused) -> None:
    headers = {"Accept": accept}
    answer = program.send("GET", "/facelists", headers=headers)
    assert (answer.status_code, answer["Content-Type"], answer.json()) == (200, "application/json", [])
    refused(lambda: program.send("GET", "/facelists/a", headers=headers), 404, "FaceListNotFound")
    refused(lambda: program.send("GET", "/nothing", headers=headers), 404, "ResourceNotFound")


@pytest.mark.parametrize(
    "kind",
    [
        *("text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded", "nonsense"),
        *("multipart/form-data; boundary=x", BYTES),
    ],
)
def test_a_body_of_another_media_type_is_refused(kind: str, program: Program, refused: Refused) -> None:
    def send() -> Any:
        return program.send("PUT", "/facelists/mine", content=b'{"name": "Mine"}', kind=kind)

    assert refused(send, 415, "BadArgument") == "Invalid Media Type."


@pytest.mark.parametrize("kind", ["image/png", "text/plain", "multipart/form-data; boundary=x"])
def test_a_picture_of_another_media_type_is_refused(
    kind: str, program: Program, refused: Refused, engine: EngineOfPeople, asked: list[Any]
) -> None:
    def send() -> Any:
        return program.send("POST", "/detect", content=people_picture(1), kind=kind)

    assert refused(send, 415, "BadArgument") == "Invalid Media Type."
    assert asked == []


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/json;"])
def test_parameters_and_letter_case_of_the_media_type_do_not_count(kind: str, program: Program) -> None:
    content = '{"name": "Übrige"}'.encode()
    assert program.send("PUT", "/facelists/mine", content=content, kind=kind).status_code == 200
    assert program.get("/facelists/mine").json()["name"] == "Übrige"


@pytest.mark.parametrize(
    "content",
    [
        *(b" ", b"{", b'{"name": "Mine"', b"{'name': 'Mine'}", b'{"name": "Mine"} more', b"name=Mine"),
        # No object.
        *(b"[]", b'[{"name": "Mine"}]', b'"name"', b"1", b"null", b"true"),
        # Numbers that JSON does not know, or that nobody can need.
        *(b'{"name": "Mine", "x": NaN}', b'{"name": "Mine", "x": -Infinity}'),
        b'{"name": "Mine", "x": ' + b"9" * 5000 + b"}",
        # Text that is no UTF-8.
        *(b'{"name": "\xff"}', b'{"name": "\xc3"}', b'{"name": "a\x00b"}', b"\x00\x00\x00\x00"),
        b'{"name": "a\nb"}',
        # Deeper than anybody nests.
        pytest.param(b'{"name": ' * 50_000 + b"1" + b"}" * 50_000, id="deep objects"),
        pytest.param(b'{"name": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", id="deep lists"),
        pytest.param(b"[" * 500_000, id="deep and open"),
    ],
)
def test_what_is_no_json_object_is_refused(content: bytes, program: Program, refused: Refused) -> None:
    def send() -> Any:
        return program.send("PUT", "/facelists/mine", content=content, kind="application/json")

    message = "JSON parsing error. Bad or unrecognizable request JSON body."
    assert refused(send, 400, "BadArgument") == message


def test_a_body_that_is_not_there_is_no_json_object(program: Program, refused: Refused) -> None:
    def send() -> Any:
        headers = {HEADER: program.key}
        return Client().put(f"{BASE}/facelists/mine", headers=headers, CONTENT_TYPE="application/json")

    assert refused(send, 400, "BadArgument").startswith("JSON parsing error.")


@pytest.mark.parametrize("field", ["name", "userData", "recognitionModel"])
@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "a\udfffb", "\udc00\ud800"])
def test_text_that_nothing_can_store_is_refused(
    field: str, text: str, program: Program, refused: Refused
) -> None:
    """JSON can escape what Postgres and UTF-8 cannot hold: NUL and half of a pair of surrogates."""
    message = refused(
        lambda: program.put("/facelists/mine", {"name": "Mine", field: text}), 400, "BadArgument"
    )
    assert message == f"Request body is invalid. '{field}' has to be text."


def test_a_whole_pair_of_surrogates_is_a_letter(program: Program) -> None:
    content = rb'{"name": "\ud83d\ude00"}'
    assert program.send("PUT", "/facelists/mine", content=content, kind="application/json").status_code == 200
    assert program.get("/facelists/mine").json()["name"] == "\U0001f600"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/facelists/a%00b", 400, "BadArgument"),
        ("/facelists/a%ff", 400, "BadArgument"),
        ("/facelists/%F0%9F%98%80", 400, "BadArgument"),
        ("/persongroups/staff/persons/%00", 404, "PersonNotFound"),
        ("/persongroups/staff/persons/a%00b/persistedfaces/x", 404, "PersonNotFound"),
        ("/persongroups?start=a%00b", 400, "BadArgument"),
        ("/persongroups?top=1%00", 400, "BadArgument"),
    ],
)
def test_nul_and_broken_letters_in_an_address_are_refused(
    path: str, status: int, code: str, program: Program, refused: Refused
) -> None:
    program.put("/persongroups/staff", {"name": "Staff"})
    refused(lambda: program.get(path), status, code)


def test_a_json_body_of_more_than_a_megabyte_is_refused(program: Program, refused: Refused) -> None:
    whole = b'{"name": "Mine", "x": "%s"}'
    fits = whole % (b"x" * (1024 * 1024 - len(whole) + 2))
    assert len(fits) == 1024 * 1024

    def send(content: bytes) -> Any:
        return program.send("PUT", "/facelists/mine", content=content, kind="application/json")

    message = refused(lambda: send(fits + b" "), 400, "BadArgument")
    assert message == "Request body is invalid. It is longer than 1 MB."
    assert send(fits).status_code == 200
