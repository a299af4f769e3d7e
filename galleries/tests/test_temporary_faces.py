"""Faces that detection keeps for a while: what is kept, for how long, and who may ask for it."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.models import Team, TeamUsage
from analysis.models import Face
from conftest import People
from galleries import temporary
from galleries.models import TemporaryFace
from galleries.probes import ProbeFace
from galleries.refusals import Refusal
from galleries.tasks import expire_temporary_faces
from galleries.temporary import temporary_face_get, temporary_face_keep, temporary_faces_get
from ml_models.recognition import default_model
from tests.fakes import EngineOfPeople, embedding_of, people_picture

ADDRESS = "/api/v1/detect"


def detect(people: People, query: str, *, content: bytes | None = None) -> Any:
    file = SimpleUploadedFile("a.png", content or people_picture(4, 5))
    headers = {"Authorization": f"Bearer {people.key()}"}
    return Client().post(ADDRESS + query, {"file": file}, headers=headers)


def keep(team: Team, person: int = 1, **lasts: float) -> TemporaryFace:
    face = ProbeFace(box=(1.0, 2.0, 3.0, 4.0), confidence=1.0, embedding=embedding_of(person), quality="high")
    return temporary_face_keep(
        team=team, face=face, model=default_model(), lasts=timedelta(**(lasts or {"hours": 1}))
    )


def test_each_face_is_kept_under_an_id_with_vector_and_box_and_nothing_else(
    people: People, engine: EngineOfPeople, asked: list[Any], stored_files: Any
) -> None:
    content = people_picture(4, 5)
    before = timezone.now()
    answer = detect(people, "?return=age&keep_faces=600", content=content)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert [set(face) for face in body["faces"]] == [
        {"number", "box", "confidence", "landmarks", "age", "face_id"}
    ] * 2
    with team_scope(people.team):
        for person, shown in zip((4, 5), body["faces"], strict=True):
            kept = temporary_face_get(UUID(shown["face_id"]))
            assert kept.embedding == pytest.approx(embedding_of(person), abs=1e-3)
            assert (kept.model, kept.model_sha256) == ("dlib-face-v1", default_model().sha256)
            assert kept.left == shown["box"]["left"]
            assert (kept.quality, kept.quality_reasons) == ("high", [])
            assert (
                before + timedelta(seconds=600) <= kept.expires_at <= timezone.now() + timedelta(seconds=600)
            )
            assert body["expires_at"] == kept.expires_at.isoformat().replace("+00:00", "Z")
        assert not Face.objects.exists()
        assert TeamUsage.objects.get(team=people.team).pictures == 1
    assert stored_files() == []
    assert "crops" not in asked[0]


def test_what_was_asked_for_is_answered_beside_the_ids(people: People, engine: EngineOfPeople) -> None:
    face = detect(people, "?return=quality,head_pose,attributes&keep_faces=60").json()["faces"][0]
    assert {"quality", "head_pose", "attributes", "face_id"} <= set(face)
    assert "embedding" not in face


def test_without_the_wish_no_face_is_kept_and_no_vector_is_computed(
    people: People, engine: EngineOfPeople, asked: list[Any]
) -> None:
    body = detect(people, "?return=age").json()
    assert "expires_at" not in body
    assert all(not {"face_id", "embedding", "crop"} & set(face) for face in body["faces"])
    (question,) = asked
    assert question["parts"] == ["age"]
    assert not {"recognition", "crops", "near"} & set(question)
    with across_teams():
        assert not TemporaryFace.unscoped.exists()


def test_a_picture_without_faces_keeps_none(people: People, engine: EngineOfPeople) -> None:
    engine.analyze = lambda pictures, boxes=None: [[] for _ in pictures]  # type: ignore[method-assign]
    body = detect(people, "?keep_faces=60").json()
    assert body["faces"] == []
    assert "expires_at" in body


def test_a_team_that_switched_recognising_off_may_still_ask_for_it(
    people: People, engine: EngineOfPeople, asked: list[Any]
) -> None:
    Team.objects.filter(pk=people.team.pk).update(analyze_identity=False)
    assert "face_id" in detect(people, "?keep_faces=60").json()["faces"][0]
    assert "embedding" in asked[0]["parts"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?keep_faces=59", 400, "invalid"),
        ("?keep_faces=86401", 400, "invalid"),
        ("?keep_faces=ever", 400, "invalid"),
        ("?keep_faces=60&recognition=nothing", 422, "model_unknown"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_before_a_worker_is_asked(
    people: People,
    engine: EngineOfPeople,
    everything: Any,
    query: str,
    status: int,
    code: str,
    asked: list[Any],
) -> None:
    before = everything()
    answer = detect(people, query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert asked == []
    assert everything() == before


def test_a_worker_of_other_weights_keeps_no_face_and_does_not_count(
    people: People, engine: EngineOfPeople, everything: Any
) -> None:
    engine.model_versions["recognition"] = "dlib-face-v1-000000000000"
    before = everything()
    answer = detect(people, "?keep_faces=60")
    assert (answer.status_code, answer.json()["code"]) == (503, "model_of_worker_differs")
    assert everything() == before


# --- For how long ---------------------------------------------------------------------------------------
def test_after_its_time_a_face_is_gone_whether_beat_has_run_or_not(in_team: Team) -> None:
    face, longer = keep(in_team, minutes=1), keep(in_team, 2, hours=2)
    assert temporary_face_get(face.pk) == face
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        with pytest.raises(Refusal, match=str(face.pk)) as refusal:
            temporary_face_get(face.pk)
        assert (refusal.value.code, refusal.value.status) == ("temporary_face_expired", 410)
        assert temporary_face_get(longer.pk) == longer
    assert TemporaryFace.objects.count() == 2


def test_no_face_is_kept_for_longer_than_a_day_or_less_than_a_minute(in_team: Team) -> None:
    now = timezone.now()
    assert keep(in_team, days=30).expires_at - now < timedelta(days=1, minutes=1)
    assert keep(in_team, seconds=1).expires_at - now > timedelta(seconds=59)


def test_beat_erases_what_is_over_in_all_teams_and_nothing_else(
    people: People, others: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary, "CHUNK", 2)
    for side in (people, others):
        with team_scope(side.team):
            for person in range(3):
                keep(side.team, person)
            TemporaryFace.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
            keep(side.team, 9)
    assert expire_temporary_faces() == 6
    assert expire_temporary_faces() == 0
    with across_teams():
        assert sorted(TemporaryFace.unscoped.values_list("team", flat=True)) == sorted(
            [people.team.pk, others.team.pk]
        )


def test_several_are_read_in_their_order_in_one_query_and_all_or_none(
    in_team: Team, django_assert_num_queries: Any
) -> None:
    faces = [keep(in_team, person) for person in range(4)]
    ids = [face.pk for face in reversed(faces)]
    with django_assert_num_queries(1):
        assert [face.pk for face in temporary_faces_get(ids)] == ids
    stranger = uuid4()
    with pytest.raises(Refusal, match=str(stranger)) as refusal:
        temporary_faces_get([*ids, stranger])
    assert refusal.value.code == "temporary_face_unknown"


# --- Over the API ---------------------------------------------------------------------------------------
def test_a_kept_face_can_be_looked_at_and_forgotten(people: People) -> None:
    with team_scope(people.team):
        face = keep(people.team)
    client, headers = Client(), {"Authorization": f"Bearer {people.key()}"}
    address = f"/api/v1/galleries/temporary-faces/{face.pk}"
    body = client.get(address, headers=headers).json()
    assert body["box"] == {"left": 1, "top": 2, "width": 3, "height": 4}
    assert (body["quality"], body["reasons"], body["model"]) == ("high", [], "dlib-face-v1")
    assert "embedding" not in json.dumps(body)
    assert client.delete(address, headers=headers).status_code == 204
    answer = client.get(address, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "temporary_face_unknown")
    assert client.delete(address, headers=headers).status_code == 404


def test_an_expired_face_is_410_over_the_api_and_not_erased_by_looking(people: People) -> None:
    with team_scope(people.team):
        face = keep(people.team)
        TemporaryFace.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = Client().get(
        f"/api/v1/galleries/temporary-faces/{face.pk}", headers={"Authorization": f"Bearer {people.key()}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (410, "temporary_face_expired")
    with team_scope(people.team):
        assert TemporaryFace.objects.count() == 1


def test_another_team_knows_nothing_of_a_kept_face(people: People, others: People) -> None:
    with team_scope(people.team):
        face = keep(people.team)
    with team_scope(others.team):
        with pytest.raises(Refusal) as refusal:
            temporary_face_get(face.pk)
        assert refusal.value.code == "temporary_face_unknown"
