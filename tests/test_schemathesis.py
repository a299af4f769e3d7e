"""Requests nobody thought of, made from the OpenAPI document: no fault, and no answer it does not name."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, get_resolver

from accounts.models import Plan
from conftest import People
from emotionsite.api.document import document_text

from .conftest import Web, wait_until_ready
from .tenants.world import ARGUMENTS, World, make_world

pytestmark = [pytest.mark.whole_system, pytest.mark.django_db(transaction=True)]

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "response_headers_conformance"),
)
SEED = "20261122"
MAX_EXAMPLES = "12"
SECONDS = 300
# An id that is well-formed and nobody's.
NOBODYS = {"uuid": "00000000-0000-4000-8000-000000000000", "int": 2147483646, "str": "aaaaaaaa"}
# Most requests must not be repetitions of one another; of this one it is tested that they may be.
WITH_IDEMPOTENCY_KEY = "/api/v1/keys"


@pytest.fixture()
def world(people: People, others: People) -> World:
    """A team with things of every kind and without limits, so that no refusal hides what is behind it."""
    people.team.plan = Plan.objects.create(name="without limits")
    people.team.save()
    return make_world(people, others)


@pytest.fixture()
def web(start_web: Callable[..., Web]) -> Web:
    """Nobody works off what is queued, so waiting for it would only take time."""
    started = start_web(DETECT_DEADLINE_SECONDS="0.1")
    wait_until_ready(started)
    return started


def patterns() -> Iterator[tuple[str, URLPattern]]:
    for resolver in get_resolver().url_patterns:
        if str(resolver.pattern) == "api/v1/":
            yield from ((f"/api/v1/{pattern.pattern}", pattern) for pattern in resolver.url_patterns)


def document_about(world: World) -> dict[str, Any]:
    """The document with ids that exist: random ones would end in 404 at once."""
    document = json.loads(document_text())
    for route, pattern in patterns():
        found = re.findall(r"<(?:(\w+):)?(\w+)>", route)
        if not found:
            continue
        values = ARGUMENTS[str(pattern.name)](world)
        operations = document["paths"][re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)]
        for (kind, name), value in zip(found, values, strict=True):
            for operation in operations.values():
                schema = parameter_named(operation, name)["schema"]
                if kind in NOBODYS or not kind:
                    real = value if kind == "int" else str(value)
                    schema["enum"] = [real, NOBODYS[kind or "str"]]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            adapt(operation, path)
    return document


def parameter_named(operation: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in operation["parameters"] if item.get("name") == name)


def adapt(operation: dict[str, Any], path: str) -> None:
    """Keep requests from waiting and from repeating each other."""
    parameters = operation.get("parameters", [])
    if path != WITH_IDEMPOTENCY_KEY:
        parameters[:] = [item for item in parameters if not item.get("$ref", "").endswith("/IdempotencyKey")]
    for item in parameters:
        if item.get("name") == "deadline":
            item["schema"] = {"type": "number", "enum": [0.1, 0.2]}


@pytest.mark.parametrize("methods", ["all but DELETE", "DELETE"])
def test_the_api_has_no_fault_and_no_answer_that_is_not_documented(
    methods: str, world: World, web: Web, tmp_path: Path
) -> None:
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(document_about(world)))
    report = tmp_path / "report.xml"
    chosen = "--include-method" if methods == "DELETE" else "--exclude-method"
    result = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(document), "--url", web.url),
            *("--header", f"Authorization: Bearer {world.people.key()}", chosen, "DELETE"),
            *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
            *("--max-examples", MAX_EXAMPLES, "--seed", SEED, "--generation-deterministic"),
            *("--continue-on-failure", "--no-color"),
            *("--suppress-health-check", "all", "--warnings", "off", "--no-shrink"),
            *("--report", "junit", "--report-junit-path", str(report), "--request-timeout", "20"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-20_000:] + result.stderr[-2_000:]
    tested = {case.get("name") for case in ElementTree.parse(report).iter("testcase")}
    assert tested == {
        f"{method.upper()} {path}"
        for path, operations in json.loads(document_text())["paths"].items()
        for method in operations
        if (method == "delete") == (methods == "DELETE")
    }
    assert "Traceback" not in web.process.log.read_text(errors="replace")
