"""What the tables of galleries promise by themselves."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.access import team_scope
from accounts.models import Team, TeamUsage
from analysis.models import Face, FaceEmbedding
from conftest import People
from galleries.models import EnrolledFace, Gallery, SearchVector, TrainedState
from galleries.refusals import Refusal
from galleries.services import gallery_create, subject_create
from media_jobs.models import Job, Media
from media_jobs.services import job_create, media_from_bytes
from media_jobs.tests.helpers import work_off
from tests.fakes import EngineOfPeople, people_picture

from .helpers import gallery_of


def stored_faces(team: Team) -> int:
    return TeamUsage.objects.get(team=team).stored_faces


def analysed(team: Team, *people: int) -> Job:
    media = media_from_bytes(team=team, content=people_picture(*people), filename="a.png")
    job = job_create(team=team, media=[media])
    work_off(job, EngineOfPeople())
    return job


def test_enrolled_faces_count_as_stored_faces_until_they_are_gone(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, faces=3)
    assert stored_faces(in_team) == 6
    gallery.delete()
    assert stored_faces(in_team) == 0


def test_a_key_is_made_of_the_name_and_taken_once(in_team: Team) -> None:
    assert [gallery_create(team=in_team, name="Our staff").key for _ in range(2)] == [
        "our-staff",
        "our-staff-2",
    ]
    with pytest.raises(Refusal, match="our-staff") as refusal:
        gallery_create(team=in_team, name="Others", key="our-staff")
    assert refusal.value.code == "gallery_key_taken"
    assert Gallery.objects.count() == 2


def test_two_teams_may_use_one_key(people: People, others: People) -> None:
    for team in (people.team, others.team):
        with team_scope(team):
            gallery_create(team=team, name="Staff")
            assert Gallery.objects.count() == 1


def test_an_unknown_model_is_refused_with_those_there_are(in_team: Team) -> None:
    with pytest.raises(Refusal, match="dlib-face-v1") as refusal:
        gallery_create(team=in_team, name="Staff", model="no-such-model")
    assert refusal.value.code == "model_unknown"
    assert not Gallery.objects.exists()


def test_an_external_id_is_taken_once_in_a_gallery_and_nobody_needs_one(in_team: Team) -> None:
    gallery = gallery_create(team=in_team, name="Staff")
    subject_create(gallery=gallery, name="Ada", external_id="17")
    for _ in range(2):
        subject_create(gallery=gallery, name="Bob")
    with pytest.raises(Refusal) as refusal:
        subject_create(gallery=gallery, name="Eve", external_id="17")
    assert refusal.value.code == "subject_id_taken"
    assert gallery.subjects.count() == 3


def test_erasing_a_face_takes_it_out_of_the_trained_state(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, faces=1)
    state = TrainedState.objects.create(
        team=in_team,
        gallery=gallery,
        model=gallery.model,
        model_sha256=gallery.model_sha256,
        dimension=128,
        trained_from=gallery.changed_at,
    )
    face = EnrolledFace.objects.get()
    SearchVector.objects.create(team=in_team, state=state, face=face, embedding=face.embedding)
    face.delete()
    assert not SearchVector.objects.exists()


def test_a_gallery_has_one_current_state(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, faces=1)
    fields = {"model": gallery.model, "model_sha256": gallery.model_sha256, "dimension": 128}
    moment = {"trained_from": gallery.changed_at, "is_current": True}
    TrainedState.objects.create(team=in_team, gallery=gallery, **fields, **moment)
    with pytest.raises(IntegrityError), transaction.atomic():
        TrainedState.objects.create(team=in_team, gallery=gallery, **fields, **moment)


def test_faces_of_photos_are_stored_with_their_vectors(in_team: Team) -> None:
    analysed(in_team, 3, 4)
    vectors = FaceEmbedding.objects.order_by("face__number")
    assert [vector.quality for vector in vectors] == ["high", "high"]
    assert {len(vector.embedding) for vector in vectors} == {128}


def test_no_vector_is_stored_for_a_team_that_switched_recognition_off(in_team: Team) -> None:
    Team.objects.filter(pk=in_team.pk).update(analyze_identity=False)
    analysed(in_team, 3, 4)
    assert Face.objects.count() == 2
    assert not FaceEmbedding.objects.exists()


def test_a_photo_that_is_analysed_again_keeps_the_ids_of_its_faces(in_team: Team) -> None:
    analysed(in_team, 3, 4, 5)
    before = list(Face.objects.order_by("left").values_list("pk", flat=True))
    media = Media.objects.get()
    again = job_create(team=in_team, media=[media])

    class SeesTheLastTwo(EngineOfPeople):
        """The largest comes first: this time the last one is."""

        def analyze(self, pictures: Any, boxes: Any = None) -> list[Any]:
            return [list(reversed(faces))[:2] for faces in super().analyze(pictures, boxes)]

    work_off(again, SeesTheLastTwo())
    assert list(Face.objects.order_by("left").values_list("pk", flat=True)) == before[1:]
    assert list(Face.objects.order_by("number").values_list("pk", "number")) == [
        (before[2], 1),
        (before[1], 2),
    ]
    assert FaceEmbedding.objects.count() == 2
    assert stored_faces(in_team) == 2
