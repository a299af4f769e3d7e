"""Detect: every row of its tables of errors."""

import json
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.utils import timezone
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.keys import api_key_revoke
from accounts.models import ApiKey, AuditEvent, Scope
from conftest import People
from media_jobs import detect
from media_jobs.tasks import detect_picture
from tests.fakes import EngineWithoutNets, people_picture

from .detect_helpers import PICTURE, Refused, answer_with, left_at_broker, pictures_used
from .detect_words import SUPPORTED, YES_OR_NO, Told
from .helpers import Program


@pytest.fixture()
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What workers are told, whose engine finds one face without vectors in every picture."""
    return answer_with(monkeypatch, EngineWithoutNets())


# --- 400 ------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"returnFaceAttributes": "age,beauty"}, SUPPORTED),
        ({"returnFaceAttributes": "age;gender"}, SUPPORTED),
        ({"recognitionModel": "recognition_05"}, "'recognitionModel' is invalid."),
        ({"recognitionModel": "facenet"}, "'recognitionModel' is invalid."),
        ({"detectionModel": "detection_04"}, "'detectionModel' is invalid."),
        (
            {"detectionModel": "detection_02", "returnFaceAttributes": "age"},
            "'returnFaceAttributes' is not supported by detection_02.",
        ),
        (
            {"detectionModel": "detection_02", "returnFaceLandmarks": "true"},
            "'returnLandmarks' is not supported by detection_02.",
        ),
        ({"returnFaceId": "yes"}, f"The argument returnFaceId is not valid. {YES_OR_NO}"),
        ({"returnFaceLandmarks": "1"}, f"The argument returnFaceLandmarks is not valid. {YES_OR_NO}"),
        ({"returnRecognitionModel": ""}, f"The argument returnRecognitionModel is not valid. {YES_OR_NO}"),
        *(
            (
                {"faceIdTimeToLive": seconds},
                "The argument faceIdTimeToLive is not valid. Range is [60, 86400] seconds.",
            )
            for seconds in ("59", "86401", "-1", "60.5", "soon", "9" * 30)
        ),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(
    refused: Refused, program: Program, query: dict[str, str], message: str
) -> None:
    assert refused(lambda: program.picture("/detect", PICTURE, **query), 400, "BadArgument") == message


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("attributes", ["", " ", ",", " , "])
def test_no_attributes_are_none(program: Program, attributes: str) -> None:
    query = {"detectionModel": "detection_02", "returnFaceId": "false"}
    answer = program.picture("/detect", PICTURE, returnFaceAttributes=attributes, **query)
    assert [set(face) for face in answer.json()] == [{"faceRectangle"}]


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b'"http://a.example/a.png"', b"null", b"5", b"\xff\xfe\xff", b'{"url": NaN}'),
        b"[" * 50_000,
        PICTURE,
    ],
    ids=["empty", "open", "list", "text", "null", "number", "no-utf8", "nan", "deep", "picture"],
)
def test_a_body_that_is_no_json_object_is_a_parsing_error(
    refused: Refused, program: Program, content: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    message = refused(
        lambda: program.send(
            "POST", "/detect", content=content, kind="application/json; charset=utf-8", headers=headers
        ),
        400,
        "BadArgument",
    )
    assert message == "JSON parsing error. Bad or unrecognizable request JSON body."


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("body", [{}, {"uri": "http://a.example/a.png"}, {"url": None}])
def test_a_body_without_an_address_is_invalid(refused: Refused, program: Program, body: Any) -> None:
    message = refused(lambda: program.post("/detect", body), 400, "BadArgument")
    assert message == "Request body is invalid. 'url' is missing."


# --- 401, 403 -------------------------------------------------------------------------------------
DENIED = {
    "error": {
        "code": "Unspecified",
        "message": "Access denied due to invalid subscription key. Make sure you are subscribed to an API "
        "you are trying to call and provide the right key.",
    }
}


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("key", ["", "wrong", "es_aaaaaaaa_" + "A" * 43, "é"])
def test_a_wrong_key_is_401(people: People, key: str, told: Told) -> None:
    answer = Program(key).picture("/detect", PICTURE)
    assert (answer.status_code, answer.json()) == (401, DENIED)
    assert told == []


def test_no_key_and_a_revoked_one_are_401_and_a_browser_is_not_let_in(
    people: People, program: Program, told: Told
) -> None:
    kind = "application/octet-stream"
    client = people.client("owner")
    answer = client.post("/face/v1.0/detect", PICTURE, content_type=kind)
    assert (answer.status_code, answer.json()) == (401, DENIED)
    with team_scope(people.team):
        api_key_revoke(key=ApiKey.objects.get())
    answer = program.picture("/detect", PICTURE)
    assert (answer.status_code, answer.json()) == (401, DENIED)
    assert told == []


def test_a_key_that_may_only_read_is_403(people: People, told: Told) -> None:
    answer = Program(people.key(Scope.READ)).picture("/detect", PICTURE)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Forbidden")
    assert told == []


def test_over_the_quota_it_is_403_with_the_days_until_it_is_replenished(
    refused: Refused, program: Program, told: Told, settings: Settings
) -> None:
    settings.DEFAULT_PICTURES_PER_MONTH = 1
    assert program.picture("/detect", PICTURE, returnFaceId="false").status_code == 200
    found: list[Any] = []

    def send() -> Any:
        found.append(program.picture("/detect", PICTURE, returnFaceId="false"))
        return found[-1]

    message = refused(send, 403, "QuotaExceeded")
    start, days, end = (
        message.partition(" days")[0].rpartition(" ")[0],
        message.split()[-2],
        message.split()[-1],
    )
    assert (start, end) == ("Out of call volume quota. Quota will be replenished in", "days.")
    today = timezone.now().date()
    assert (today + timedelta(days=int(days))).day == 1
    assert found[0].json()["error"]["statusCode"] == 403
    assert len(told) == 1


# --- 408 and 429 ----------------------------------------------------------------------------------
def test_when_nobody_answers_in_time_it_is_408_and_nothing_is_left(
    refused: Refused, program: Program, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.DETECT_DEADLINE_SECONDS = 0.3
    monkeypatch.setattr(detect_picture, "apply_async", lambda **_: None)
    message = refused(lambda: program.picture("/detect", PICTURE), 408, "OperationTimeOut")
    assert message == "Request Timeout."
    assert left_at_broker() == []


def test_too_many_requests_are_429_with_the_seconds_to_wait(
    people: People, program: Program, told: Told, settings: Settings
) -> None:
    settings.DEFAULT_REQUESTS_PER_MINUTE = 1
    assert program.picture("/detect", PICTURE, returnFaceId="false").status_code == 200
    answer = program.picture("/detect", PICTURE, returnFaceId="false")
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
    assert (len(told), pictures_used(people.team)) == (1, 1)


def test_when_all_places_are_taken_it_is_429_too(
    refused: Refused, program: Program, told: Told, settings: Settings
) -> None:
    settings.DETECT_WAITING = 2
    with detect._a_place(), detect._a_place():
        message = refused(lambda: program.picture("/detect", PICTURE), 429, "RateLimitExceeded")
    assert message == "Rate limit is exceeded. Try again in 2 seconds."
    assert told == []


# --- 415, 405, 404 --------------------------------------------------------------------------------
@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    "kind", ["image/png", "text/plain", "multipart/form-data; boundary=x", "application/jsonp", "x"]
)
def test_another_media_type_is_415(refused: Refused, program: Program, kind: str) -> None:
    message = refused(lambda: program.send("POST", "/detect", content=PICTURE, kind=kind), 415, "BadArgument")
    assert message == "Invalid Media Type."


@pytest.mark.usefixtures("told")
def test_the_media_type_counts_in_any_letter_case(program: Program) -> None:
    kind = "Application/Octet-Stream; charset=binary"
    answer = program.send("POST", "/detect", content=PICTURE, kind=kind, returnFaceId="false")
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method_is_405(refused: Refused, program: Program, method: str) -> None:
    message = refused(lambda: program.send(method, "/detect"), 405, "MethodNotAllowed")
    assert message == f"The method {method} is not allowed here. Allowed: POST."


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("base", ["/face/v1.0", "/westus/face/v1.0", "/Face/V1.0"])
def test_a_region_may_stand_before_the_path(program: Program, base: str) -> None:
    answer = program.send("POST", "/detect", content=PICTURE, base=base, returnFaceId="false")
    assert answer.status_code == 200


# --- The server's own troubles --------------------------------------------------------------------
def test_without_a_broker_it_is_503_in_the_same_form(
    refused: Refused, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detect, "broker", lambda: redis.Redis(port=1))
    refused(lambda: program.picture("/detect", PICTURE), 503, "ServiceUnavailable")


def test_a_picture_on_which_the_engine_fails_does_not_count(
    refused: Refused, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, EngineWithoutNets(fails_on_width=frozenset({160})))
    refused(lambda: program.picture("/detect", PICTURE), 500, "DetectionFailed")


@pytest.mark.usefixtures("engine")
def test_a_worker_with_other_weights_is_named_and_keeps_no_face(
    refused: Refused, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.fakes import EngineOfPeople

    versions = {"recognition": "another abcdefabcdef"}
    answer_with(monkeypatch, EngineOfPeople(model_versions=versions))
    refused(lambda: program.picture("/detect", people_picture(4)), 503, "ModelOfWorkerDiffers")


def test_no_event_of_the_audit_holds_a_picture(people: People, program: Program, told: Told) -> None:
    program.picture("/detect", PICTURE, returnFaceId="false")
    with across_teams():
        events = list(AuditEvent.objects.exclude(action="api_key.created").values())
    assert json.dumps(events, default=str).count("detect") == 0
