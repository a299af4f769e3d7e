"""Face - Detect: its parameters, its limits, what is counted and kept, and every error of its table."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.keys import api_key_revoke
from accounts.models import ApiKey, AuditEvent, Scope, Team, UsageDay
from analysis.models import Face
from compat.face_v1.detect import LEAST_SIDE
from conftest import People
from galleries.models import TemporaryFace
from media_jobs import detect
from media_jobs.detect_work import large_enough
from media_jobs.models import Job, Media
from media_jobs.tasks import detect_picture
from media_jobs.tests.pictures import encoded, noise
from tests.fakes import EngineWithoutNets, people_picture

from .detect_helpers import PICTURE, Refused, answer_with, kept_faces, left_at_broker, pictures_used
from .helpers import Program

SUPPORTED = (
    "Invalid argument returnFaceAttributes. Supported values are: age, gender, headPose, smile, facialHair, "
    "glasses, emotion, hair, makeup, occlusion, accessories, blur, exposure, noise, mask and "
    "qualityForRecognition in a comma-separated format."
)
YES_OR_NO = "Valid values are true and false."
THREE = people_picture(4, 5, 6)
Told = list[dict[str, Any]]


@pytest.fixture()
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What workers are told, whose engine finds one face without vectors in every picture."""
    return answer_with(monkeypatch, EngineWithoutNets())


# --- What is answered -----------------------------------------------------------------------------
@pytest.mark.usefixtures("engine")
def test_without_parameters_the_answer_is_rectangles_with_ids(people: People, program: Program) -> None:
    answer = program.picture("/detect", THREE)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "application/json"
    faces = answer.json()
    assert [set(face) for face in faces] == [{"faceId", "faceRectangle"}] * 3
    assert faces[1]["faceRectangle"] == {"width": 100, "height": 100, "left": 250, "top": 50}
    assert [face["faceId"] for face in faces] == [str(face.pk) for face in _as_in(faces, people.team)]


def _as_in(faces: list[Any], team: Team) -> list[TemporaryFace]:
    kept = {str(face.pk): face for face in kept_faces(team)}
    assert len(kept) == len(faces)
    return [kept[face["faceId"]] for face in faces]


def test_without_faces_the_answer_is_an_empty_list(
    people: People, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, EngineWithoutNets(faces=0, model_versions=_versions()))
    answer = program.picture("/detect", PICTURE, returnFaceLandmarks="true", returnFaceAttributes="age")
    assert (answer.status_code, answer.content) == (200, b"[]")
    assert kept_faces(people.team) == []
    assert pictures_used(people.team) == 1


def _versions() -> dict[str, str]:
    from analysis.recognition import photo_model

    return {"recognition": photo_model().version}


@pytest.mark.parametrize("word", ["false", "False", "FALSE"])
def test_without_ids_nothing_is_kept_and_nobody_is_recognised(
    people: People, program: Program, told: Told, word: str
) -> None:
    answer = program.picture("/detect", PICTURE, returnFaceId=word)
    assert [set(face) for face in answer.json()] == [{"faceRectangle"}]
    assert kept_faces(people.team) == []
    assert "embedding" not in told[0]["parts"]
    assert "recognition" not in told[0]


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("name", [f"recognition_0{number}" for number in (1, 2, 3, 4)])
def test_the_recognition_model_is_named_when_it_is_asked_for(
    people: People, program: Program, name: str
) -> None:
    query = {"recognitionModel": name, "returnRecognitionModel": "true"}
    [face] = program.picture("/detect", people_picture(4), **query).json()
    assert list(face) == ["faceId", "recognitionModel", "faceRectangle"]
    assert face["recognitionModel"] == name
    assert [kept.model_alias for kept in kept_faces(people.team)] == [name]


@pytest.mark.usefixtures("engine")
def test_recognition_01_is_the_usual_model_and_is_not_named_unasked(program: Program) -> None:
    [face] = program.picture("/detect", people_picture(4)).json()
    assert "recognitionModel" not in face
    [face] = program.picture("/detect", people_picture(4), returnRecognitionModel="True").json()
    assert face["recognitionModel"] == "recognition_01"


@pytest.mark.usefixtures("engine")
def test_names_of_parameters_and_models_count_in_any_letter_case(program: Program) -> None:
    query = {"RETURNFACEID": "TRUE", "RecognitionModel": "Recognition_03", "detectionmodel": "DETECTION_03"}
    answer = program.picture("/detect", people_picture(4), returnrecognitionmodel="true", **query)
    assert [face["recognitionModel"] for face in answer.json()] == ["recognition_03"]


def test_at_most_a_hundred_faces_are_answered_the_largest_first(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each face of this engine is a little smaller than the one before.
    told = answer_with(monkeypatch, EngineWithoutNets(faces=130))
    faces = program.picture("/detect", encoded(noise(400, 300), "PNG"), returnFaceId="false").json()
    assert told[0]["max_faces"] == 100
    assert len(faces) == 100
    areas = [face["faceRectangle"]["width"] * face["faceRectangle"]["height"] for face in faces]
    assert areas == sorted(areas, reverse=True)
    assert areas[0] == 200 * 150


class Sized(EngineWithoutNets):
    """Finds faces of these sides, largest first."""

    sides: tuple[float, ...] = ()

    def _answer(self, picture: Any) -> Any:
        from tests.fakes import FaceWithoutNets

        return [FaceWithoutNets((0.0, 0.0, side, side)) for side in sorted(self.sides, reverse=True)]


@pytest.mark.parametrize(
    ("detection", "found"),
    [("detection_01", [40, 36]), ("detection_02", [40, 36, 35]), ("detection_03", [40, 36, 35])],
)
def test_faces_under_36_pixels_are_for_the_later_detections(
    program: Program, monkeypatch: pytest.MonkeyPatch, detection: str, found: list[int]
) -> None:
    engine = Sized()
    engine.sides = (35.0, 36.0, 40.0)
    told = answer_with(monkeypatch, engine)
    faces = program.picture("/detect", PICTURE, returnFaceId="false", detectionModel=detection).json()
    assert [face["faceRectangle"]["width"] for face in faces] == found
    assert told[0]["detection"] == detection


@pytest.mark.parametrize(
    ("size", "least"),
    [
        ((100, 100), 36), ((1920, 1080), 36), ((1080, 1920), 36), ((3840, 2160), 72), ((1920, 2160), 64),
        ((3840, 1080), 72), ((960, 540), 36),
    ],
)  # fmt: skip
def test_the_smallest_face_grows_with_a_picture_over_1920x1080(size: tuple[int, int], least: float) -> None:
    assert large_enough((0, 0, least, least), size, LEAST_SIDE)
    assert not large_enough((0, 0, least - 0.1, least - 0.1), size, LEAST_SIDE)


def test_only_what_is_asked_for_is_computed(program: Program, told: Told) -> None:
    program.picture("/detect", PICTURE, returnFaceId="false")
    assert told[-1]["parts"] == []
    program.picture("/detect", PICTURE, returnFaceId="false", returnFaceAttributes="Age, SMILE,,age")
    assert told[-1]["parts"] == ["age", "appearance"]
    assert told[-1]["queue"] == "interactive"


def test_attributes_stand_in_the_answer_under_their_own_names(program: Program, told: Told) -> None:
    query = {"returnFaceId": "false", "returnFaceAttributes": "AGE,gender,Smile,GLASSES"}
    [face] = program.picture("/detect", PICTURE, **query).json()
    assert face["faceAttributes"] == {"age": 34.5, "gender": "female", "smile": 0.9, "glasses": "NoGlasses"}


# --- Switches of a team ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("switch", "attribute", "part"),
    [
        ("analyze_age", "age", "age"),
        ("analyze_gender", "gender", "gender"),
        ("analyze_emotion", "emotion", "emotions"),
    ],
)
def test_an_attribute_that_the_team_has_switched_off_is_absent_and_not_computed(
    people: People,
    program: Program,
    monkeypatch: pytest.MonkeyPatch,
    switch: str,
    attribute: str,
    part: str,
) -> None:
    heard: Told = []

    class Asked(EngineWithoutNets):
        def _answer(self, picture: Any) -> Any:
            faces = super()._answer(picture)
            for face in faces:
                face.age = face.age if "age" in heard[-1]["parts"] else None
                face.male = face.male if "gender" in heard[-1]["parts"] else None
                face.emotions = face.emotions if "emotions" in heard[-1]["parts"] else None
            return faces

    answer_with(monkeypatch, Asked(), heard)
    Team.objects.filter(pk=people.team.pk).update(**{switch: False})
    query = {"returnFaceId": "false", "returnFaceAttributes": "age,gender,emotion,smile"}
    [face] = program.picture("/detect", PICTURE, **query).json()
    assert set(face["faceAttributes"]) == {"age", "gender", "emotion", "smile"} - {attribute}
    assert part not in heard[-1]["parts"]
    # All that was asked for is switched off: an empty object rather than a face without it.
    query["returnFaceAttributes"] = attribute
    [face] = program.picture("/detect", PICTURE, **query).json()
    assert face["faceAttributes"] == {}


def test_a_team_that_recognises_nobody_gets_no_ids_and_keeps_no_faces(
    people: People, program: Program, told: Told
) -> None:
    Team.objects.filter(pk=people.team.pk).update(analyze_identity=False)
    answer = program.picture("/detect", PICTURE, returnFaceId="true")
    assert [set(face) for face in answer.json()] == [{"faceRectangle"}]
    assert kept_faces(people.team) == []
    assert "embedding" not in told[0]["parts"]


# --- What is kept, and what is counted ------------------------------------------------------------
@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("query", "seconds"),
    [({}, 86_400), ({"faceIdTimeToLive": 60}, 60), ({"faceIdTimeToLive": 86_400}, 86_400)],
)
def test_of_the_picture_only_vectors_and_boxes_are_kept_for_the_time_asked(
    people: People,
    program: Program,
    stored_files: Callable[[], list[str]],
    queued: Callable[[], int],
    query: dict[str, Any],
    seconds: int,
) -> None:
    before = timezone.now()
    faces = program.picture("/detect", THREE, **query).json()
    for kept in _as_in(faces, people.team):
        assert before <= kept.expires_at - timedelta(seconds=seconds) <= timezone.now()
        assert (kept.width, len(kept.embedding)) == (100, 128)
    with across_teams():
        assert [model._default_manager.count() for model in (Media, Face, Job)] == [0, 0, 0]
    assert (stored_files(), left_at_broker(), queued()) == ([], [], 0)


@pytest.mark.usefixtures("engine")
def test_it_counts_as_one_picture_whose_faces_are_counted_in_the_team_of_the_key(
    people: People, others: People, program: Program
) -> None:
    program.picture("/detect", THREE)
    assert (pictures_used(people.team), pictures_used(others.team)) == (1, 0)
    with team_scope(people.team):
        day = UsageDay.objects.get()
    assert (day.pictures, day.faces) == (1, 3)


@pytest.mark.usefixtures("engine")
def test_the_questions_to_the_database_do_not_grow_with_the_faces(program: Program) -> None:
    def queries(picture: bytes) -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert program.picture("/detect", picture).status_code == 200
        return len(found)

    queries(people_picture(1))
    one, many = queries(people_picture(2)), queries(people_picture(*range(10)))
    assert one == many


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
