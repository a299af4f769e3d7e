"""The OpenAPI document: it is valid, complete, what the repository keeps, and its examples are true to it."""

import json
import re
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator
from openapi_spec_validator import OpenAPIV30SpecValidator

from conftest import People
from emotionsite.api import document
from emotionsite.api.catalogue import ERRORS
from emotionsite.api.document import RENEW, SNAPSHOT, document_complaints, document_text
from emotionsite.problems import CONTENT_TYPE
from media_jobs.tests.helpers import at_once

from .tenants.world import ARGUMENTS, QUERIES, make_world

DOCUMENT: dict[str, Any] = json.loads(document_text())
OPERATIONS = [
    pytest.param(method, path, operation, id=f"{method.upper()} {path}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
each_operation = pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """The part itself, or what it points to."""
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(where, media type, schema and examples) of every body that is not plain bytes."""
    places = [("request", operation.get("requestBody", {}))]
    places += [(status, resolved(answer)) for status, answer in operation["responses"].items()]
    for where, place in places:
        for media_type, body in place.get("content", {}).items():
            if body["schema"].get("format") != "binary":
                yield where, media_type, body


def test_the_copy_in_the_repository_is_what_the_code_says() -> None:
    kept = SNAPSHOT.read_text(encoding="utf-8") if SNAPSHOT.exists() else ""
    assert kept == document_text(), (
        f"docs/openapi.json is old. Renew it with `{RENEW}` and look at the change."
    )


def test_nothing_in_it_is_guessed() -> None:
    assert document_complaints() == ()


def test_it_is_valid() -> None:
    assert [error.message for error in OpenAPIV30SpecValidator(DOCUMENT).iter_errors()] == []


def test_every_route_of_the_api_is_in_it() -> None:
    routes = {
        "/api/v1/" + str(pattern.pattern)
        for resolver in get_resolver().url_patterns
        if isinstance(resolver, URLResolver) and str(resolver.pattern) == "api/v1/"
        for pattern in resolver.url_patterns
    }
    assert len(routes) > 20
    shapes = {
        "/".join("{}" if "{" in part else part for part in path.split("/")) for path in DOCUMENT["paths"]
    }
    assert {
        "/".join("{}" if "<" in part else part for part in route.split("/")) for route in routes
    } == shapes


def test_no_two_operations_have_the_same_name() -> None:
    names = [
        str(operation["operationId"]) for path in DOCUMENT["paths"].values() for operation in path.values()
    ]
    assert len(names) == len(set(names))
    assert [name for name in names if name[-1].isdigit()] == [], "give these an operation_id of their own"


@each_operation
def test_an_operation_says_what_it_does(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"].strip()
    assert operation["description"].strip().endswith(".")
    assert "\n " not in operation["description"]
    assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    assert operation["security"] == [{"key": []}, {"session": []}]
    for parameter in operation.get("parameters", []):
        if resolved(parameter)["in"] == "query":
            assert resolved(parameter)["description"].strip().endswith("."), parameter["name"]


@each_operation
def test_an_operation_has_an_example_of_every_body(method: str, path: str, operation: dict[str, Any]) -> None:
    if method in {"post", "patch", "put"} and "requestBody" in operation:
        assert operation["requestBody"]["content"]
    for where, media_type, body in bodies(operation):
        assert body.get("examples"), f"{where} {media_type}"


@each_operation
def test_an_operation_has_an_example_of_every_error(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    statuses = set(operation["responses"])
    assert {"400", "401", "403", "406", "429", "500", "503"} <= statuses
    for status, answer in operation["responses"].items():
        if int(status) < 400:
            continue
        content = resolved(answer)["content"]
        assert list(content) == [CONTENT_TYPE], status
        codes = content[CONTENT_TYPE]["schema"]["allOf"][1]["properties"]["code"]["enum"]
        assert list(content[CONTENT_TYPE]["examples"]) == codes
        assert {ERRORS[code][0] for code in codes} == {int(status)}


@each_operation
def test_the_examples_are_true(method: str, path: str, operation: dict[str, Any]) -> None:
    for where, media_type, body in bodies(operation):
        if media_type == "multipart/form-data":
            continue  # A file stands in it by its name.
        check = OAS30WriteValidator if where == "request" else OAS30ReadValidator
        for name, item in body["examples"].items():
            schema = {"allOf": [body["schema"]], "components": DOCUMENT["components"]}
            errors = check(schema).iter_errors(resolved(item)["value"])
            assert [error.message for error in errors] == [], f"{where} {name}"


@each_operation
def test_the_examples_show_every_field(method: str, path: str, operation: dict[str, Any]) -> None:
    """Of an answer; a field that nobody sees in an example is one that nobody finds."""
    for where, media_type, body in bodies(operation):
        if where == "request" or media_type != "application/json":
            continue
        schema, value = resolved(body["schema"]), next(iter(body["examples"].values()))["value"]
        if "results" in schema["properties"]:
            schema, value = resolved(schema["properties"]["results"]["items"]), value["results"][0]
        required = set(schema["properties"]) if path != "/api/v1/detect" else set(schema["required"])
        assert required <= set(value)


def test_examples_of_errors_are_whole_sentences() -> None:
    for code, example in DOCUMENT["components"]["examples"].items():
        body = example["value"]
        assert (body["code"], body["status"]) == (code, ERRORS[code][0])
        assert not set("{}") & set(body["detail"]), code


def test_real_answers_have_every_field_that_is_documented(people: People, others: People) -> None:
    """With `?fields=` none is sure to be there, so the schema alone does not ask for them."""
    world = make_world(people, others)
    headers = {"Authorization": f"Bearer {people.key()}"}
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern)): str(pattern.name)
        for resolver in get_resolver().url_patterns
        if isinstance(resolver, URLResolver) and str(resolver.pattern) == "api/v1/"
        for pattern in resolver.url_patterns
        if isinstance(pattern, URLPattern)
    }
    asked = 0
    for path, operations in DOCUMENT["paths"].items():
        body = operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        sent = body.get("application/json")
        if sent is None or sent["schema"].get("format") == "binary":
            continue
        name = routes[path.removeprefix("/api/v1/")]
        address = reverse(name, args=ARGUMENTS[name](world) if "{" in path else [])
        if name in QUERIES:
            address += QUERIES[name](world)
        answer = Client().get(address, headers=headers).json()
        schema = resolved(sent["schema"])
        if "results" in schema["properties"]:
            assert answer["results"], path
            schema, answer = resolved(schema["properties"]["results"]["items"]), answer["results"][0]
        assert set(answer) == set(schema["properties"]), path
        asked += 1
    assert asked > 20


# Said of single pictures, by pages, and of methods that are no operations.
OF_PICTURES = {
    *("archive_gone", "batch_not_listed", "bucket_not_listed", "source_unreadable"),
}
# Said of jobs of galleries and of their entries.
OF_GALLERY_JOBS = {
    *("archive_part_altered", "archive_entry_wrong", "archive_subject_missing", "archive_crop_missing"),
    *("archive_crop_wrong", "vector_not_finite", "vector_length_wrong", "import_photo_of_nobody"),
    *("reembed_pictures_missing", "face_without_picture", "face_not_looked_at", "gallery_job_failed"),
}
# Said in the words of a dialect, whose operations are not in the document.
OF_DIALECTS = {
    *("galleries_full", "gallery_people_full", "gallery_full"),
    *("snapshot_not_for_team", "snapshot_unknown", "snapshots_full"),
}
# Said of videos, in their `error`.
OF_VIDEOS = {"video_worker_lost", "video_analysis_failed", "video_not_fetched"}
OF_PAGES = {"invitation_expired", "invitation_unknown", "last_owner_leaves"}


def test_every_error_of_the_catalogue_belongs_to_an_operation() -> None:
    elsewhere = set(ERRORS) - set(DOCUMENT["components"]["examples"])
    assert elsewhere == {
        *OF_PICTURES,
        *OF_GALLERY_JOBS,
        *OF_DIALECTS,
        *OF_VIDEOS,
        *OF_PAGES,
        "method_not_allowed",
    }


def test_the_document_is_open_to_everybody_and_not_sent_twice(db: None) -> None:
    answer = Client().get("/api/v1/openapi.json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.content.decode() == document_text()
    again = Client().get("/api/v1/openapi.json", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_those_who_ask_at_the_same_moment_get_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """drf-spectacular makes wrong ones when two threads do it at once, as the page's first readers would."""
    made: list[str] = []

    class Slow:
        def get_schema(self, **_: Any) -> dict[str, str]:
            made.append("one")
            time.sleep(0.1)
            return {"openapi": "3.0.3"}

    monkeypatch.setattr(document, "SchemaGenerator", Slow)
    monkeypatch.setattr(document, "_make", cache(document._make.__wrapped__))
    texts: list[str] = []
    at_once(4, lambda: texts.append(document_text()))
    assert len(set(texts)) == 1
    assert made == ["one"]


def test_the_page_has_no_inline_script_and_no_foreign_address(db: None) -> None:
    answer = Client().get("/api/v1/docs")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<style" not in page
    assert "style=" not in page
    assert all('src="/static/' in tag for tag in page.split("<script")[1:])
    assert "//" not in page.replace("<!DOCTYPE html>", "")
    assert "script-src 'self';" in answer["Content-Security-Policy"] + ";"
