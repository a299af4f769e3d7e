"""What programs of this server may ask of a detection beside what clients may: vectors and small pictures."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from accounts.models import Team
from media_jobs import detect_work
from media_jobs.detect import Question, picture_detect
from media_jobs.detect_work import picture_as_json, vector_as_text, vector_of_text
from media_jobs.tasks import detect_picture
from tests.fakes import EngineOfPeople, embedding_of, people_picture


def seen(*people: int) -> tuple[Image.Image, list[Any]]:
    image = Image.open(io.BytesIO(people_picture(*people))).convert("RGB")
    [faces] = EngineOfPeople().analyze([image])
    return image, faces


def described(image: Image.Image, faces: list[Any], **wishes: Any) -> list[dict[str, Any]]:
    answer = picture_as_json(image, faces, asked=(), versions={}, **wishes)
    found: list[dict[str, Any]] = answer["faces"]
    return found


def test_a_vector_survives_the_way_as_text_to_the_last_bit_of_a_float() -> None:
    vector = embedding_of(3)
    assert vector_of_text(vector_as_text(vector)) == pytest.approx(vector, abs=1e-7)
    assert len(vector_as_text(vector)) == 684
    assert vector_of_text("") == []


def test_faces_carry_vector_and_crop_where_they_are_wanted() -> None:
    image, faces = seen(1, 2)
    for person, face in zip((1, 2), described(image, faces, crops=True), strict=True):
        assert vector_of_text(face["embedding"]) == pytest.approx(embedding_of(person), abs=1e-6)
        crop = Image.open(io.BytesIO(base64.b64decode(face["crop"])))
        assert (crop.format, crop.size, face["crop_box"]) == ("JPEG", (160, 160), [30, 30, 100, 100])
    assert not any("crop" in face for face in described(image, faces))


def test_faces_outside_a_box_are_told_without_either() -> None:
    image, faces = seen(1, 2, 3)
    told = described(image, faces, crops=True, near=(240.0, 40.0, 50.0, 50.0))
    assert [face["number"] for face in told] == [1, 2, 3]
    assert ["embedding" in face for face in told] == [False, True, False]
    assert ["crop" in face for face in told] == [False, True, False]


def test_an_answer_stays_small_however_many_faces_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect_work, "MOST_CROPS", 2)
    image, faces = seen(1, 2, 3)
    told = described(image, faces, crops=True)
    assert ["crop" in face for face in told] == [True, True, False]
    assert all("embedding" in face for face in told)


def test_a_task_asks_the_engine_for_the_model_that_is_wanted(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines: list[dict[str, Any]] = []

    def engine(**wishes: Any) -> EngineOfPeople:
        engines.append(wishes)
        return EngineOfPeople()

    monkeypatch.setattr("media_jobs.tasks.worker_engine", engine)
    monkeypatch.setattr(detect_picture, "apply_async", lambda kwargs, **_: detect_picture(**kwargs))
    question = Question(parts=("age",), recognition="some-model", crops=True, near=(0.0, 0.0, 300.0, 200.0))
    answer = picture_detect(team=in_team, content=people_picture(1, 2), question=question)
    assert engines == [
        {"parts": ["age", "embedding"], "detection": None, "urgent": True, "recognition": "some-model"}
    ]
    assert all({"embedding", "crop", "crop_box", "age"} <= set(face) for face in answer["faces"])
