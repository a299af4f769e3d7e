"""What Find Similar, Group, Identify and Verify have in common: who may ask, and in what form."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Plan
from accounts.refusals import refuse
from conftest import People

from .helpers import Program
from .question_helpers import asked, detected

PATHS = ("/findsimilars", "/group", "/identify", "/verify")
Refused = Callable[..., str]
JSON = "application/json"


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> str:
    """Every test that uses it runs for all four."""
    found: str = request.param
    return found


def body_for(path: str, ids: list[str]) -> dict[str, Any]:
    """A question about two detected faces, or one to a group that does not exist."""
    bodies: dict[str, dict[str, Any]] = {
        "/findsimilars": {"faceId": ids[0], "faceIds": ids},
        "/group": {"faceIds": ids},
        "/identify": {"faceIds": ids, "personGroupId": "staff"},
        "/verify": {"faceId1": ids[0], "faceId2": ids[1]},
    }
    return bodies[path]


@pytest.mark.parametrize("key", ["", "es_wrong_key", "Bearer es_wrong"])
def test_a_wrong_key_is_refused(people: People, refused: Refused, path: str, key: str) -> None:
    body = body_for(path, detected(people.team, (1, 0), (1, 1)))
    message = refused(lambda: Program(key).post(path, body), 401, "Unspecified")
    assert message == (
        "Access denied due to invalid subscription key. Make sure you are subscribed to an API you are "
        "trying to call and provide the right key."
    )


def test_a_key_that_may_only_read_asks_no_questions(people: People, refused: Refused, path: str) -> None:
    body = body_for(path, detected(people.team, (1, 0), (1, 1)))
    refused(lambda: Program(people.key("read")).post(path, body), 403, "Forbidden")


def test_a_quota_says_when_it_is_replenished(
    people: People, program: Program, refused: Refused, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of these operations takes of the monthly quota; whatever refuses it is answered in this form."""

    def full(access: Any) -> None:
        extra = {"replenished_on": "2000-01-01"}
        raise refuse("quota_pictures", extra=extra, limit=5, left=0, day="1 January 2000")

    body = body_for(path, detected(people.team, (1, 0), (1, 1)))
    monkeypatch.setattr("accounts.api.request_take", full)
    message = refused(lambda: program.post(path, body), 403, "QuotaExceeded")
    assert message == "Out of call volume quota. Quota will be replenished in 1 days."
    assert program.post(path, body).json()["error"]["statusCode"] == 403


def test_questions_about_detected_faces_take_no_pictures_of_the_month(
    people: People, program: Program
) -> None:
    people.team.plan = Plan.objects.create(name="None", pictures_per_month=0)
    people.team.save()
    ids = detected(people.team, (1, 0), (1, 1))
    for path in ("/findsimilars", "/group", "/verify"):
        asked(program.post(path, body_for(path, ids)))


def test_too_many_requests_say_how_long_to_wait(people: People, program: Program, path: str) -> None:
    people.team.plan = Plan.objects.create(name="Two", requests_per_minute=2)
    people.team.save()
    body = body_for(path, detected(people.team, (1, 0), (1, 1)))
    assert {program.post(path, body).status_code for _ in range(2)} <= {200, 400}
    answer = program.post(path, body)
    seconds = int(answer["Retry-After"])
    assert 1 <= seconds <= 60
    assert (answer.status_code, answer.json()) == (
        429,
        {
            "error": {
                "code": "RateLimitExceeded",
                "message": f"Rate limit is exceeded. Try again in {seconds} seconds.",
                "statusCode": 429,
            }
        },
    )


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded", "image/png", "json"],
)
def test_only_json_is_understood(
    people: People, program: Program, refused: Refused, path: str, kind: str
) -> None:
    message = refused(lambda: program.send("POST", path, content=b"{}", kind=kind), 415, "BadArgument")
    assert message == "Invalid Media Type."


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/json;"])
def test_json_may_be_named_with_parameters_and_in_any_letter_case(
    people: People, program: Program, kind: str
) -> None:
    content = json.dumps(body_for("/group", detected(people.team, (1, 0), (1, 1)))).encode()
    for written in (content, b"\xef\xbb\xbf" + content):
        assert len(asked(program.send("POST", "/group", content=written, kind=kind))["groups"]) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b"null", b'"a"', b"\xff\xfe{", b"[" * 100_000])
def test_a_body_that_is_no_object_is_invalid(
    people: People, program: Program, refused: Refused, path: str, content: bytes
) -> None:
    wanted = "Bad and unrecognizable JSON body." if path == "/verify" else "Invalid request body."

    def send() -> Any:
        # Without a body the test client leaves its type out, unless it is told.
        return program.send("POST", path, content=content, kind=JSON, headers={"Content-Type": JSON})

    assert refused(send, 400, "BadArgument") == wanted


def test_a_body_over_a_megabyte_is_invalid(program: Program, refused: Refused, path: str) -> None:
    content = b'{"more": "' + b"a" * 1024 * 1024 + b'"}'
    message = refused(lambda: program.send("POST", path, content=content, kind=JSON), 400, "BadArgument")
    assert message == "Request body is invalid. It is longer than 1 MB."


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_questions_are_posted(program: Program, refused: Refused, path: str, method: str) -> None:
    refused(lambda: program.send(method, path), 405, "MethodNotAllowed")


def test_a_region_may_stand_in_front_and_letter_case_does_not_count(people: People, program: Program) -> None:
    ids = detected(people.team, (1, 0), (1, 1))
    for path in ("/findsimilars", "/group", "/verify"):
        first = asked(program.post(path, body_for(path, ids)))
        for base, written in (("/westus/face/v1.0", path), ("/face/v1.0", path.upper())):
            assert asked(program.send("POST", written, body_for(path, ids), base=base)) == first
