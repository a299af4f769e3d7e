"""Detect: what is answered, what is kept and what is counted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.models import Team, UsageDay
from analysis.models import Face
from compat.face_v1.detect import LEAST_SIDE
from conftest import People
from galleries.models import TemporaryFace
from media_jobs.detect_work import large_enough
from media_jobs.models import Job, Media
from media_jobs.tests.pictures import encoded, noise
from tests.fakes import EngineWithoutNets, people_picture

from .detect_helpers import PICTURE, answer_with, kept_faces, left_at_broker, pictures_used
from .detect_words import THREE, Told
from .helpers import Program


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
