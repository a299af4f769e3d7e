"""Who is on the team's photos: what the machine says, what people say, and who has the last word."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import numpy
import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.access import team_scope
from accounts.models import AuditEvent, Team
from analysis.models import Face, FaceEmbedding
from analysis.recognition import photo_model
from conftest import People
from galleries.labelling import face_label, face_unlabel, identity_forget
from galleries.models import EnrolledFace, FaceLabel, FaceRejection, GalleryJob, UnnamedPerson
from galleries.recognising import LABEL_CONFIDENCE, faces_look_up, forgotten_photos_send, photos_label
from galleries.refusals import Refusal
from galleries.services import gallery_change, gallery_create, subject_change, subject_create
from galleries.tasks import label_photos
from media_jobs.retention import retention_enforce
from tests.fakes import embedding_of

from .helpers import enrol, gallery_of
from .people_helpers import analyse, analysed, jobs_do, looked_up, name_of, person, trained

MACHINE, PERSON = FaceLabel.By.MACHINE, FaceLabel.By.PERSON


# --- The machine --------------------------------------------------------------------------------------
def test_new_photos_are_looked_up_and_strangers_stay_without_a_name(in_team: Team) -> None:
    trained(gallery_of(in_team, {"Ada": 1, "Bob": 2}))
    faces = analysed(in_team, 1, 7, 2, view=9)
    assert looked_up(in_team, *faces) == 2
    assert [name_of(face) for face in faces] == ["Ada", None, "Bob"]
    label = FaceLabel.objects.get(face=faces[0])
    assert label.by == MACHINE
    assert (label.confidence or 0) > LABEL_CONFIDENCE
    assert looked_up(in_team, *faces) == 0, "a second run has nothing to do"


def test_a_face_of_poor_quality_gets_no_name_by_itself_and_a_person_may_name_it(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    trained(gallery)
    poor, good = analysed(in_team, 1, 2, view=9)
    FaceEmbedding.objects.filter(face=poor).update(quality="low")
    assert looked_up(in_team, poor, good) == 1
    assert [name_of(face) for face in (poor, good)] == [None, "Bob"]
    face_label(face=poor, subject=person(gallery, "Ada"))
    FaceEmbedding.objects.update(looked_up_at=None)
    assert looked_up(in_team, poor, good) == 0
    assert name_of(poor) == "Ada"


def test_the_photos_of_an_analysis_are_sent_to_be_looked_up_once_they_are_stored(
    in_team: Team, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    trained(gallery_of(in_team, {"Ada": 1}))
    capture = django_capture_on_commit_callbacks(execute=True)
    with patch("galleries.tasks.label_photos.apply_async") as send, capture:
        (face,) = analysed(in_team, 1, view=9)
    call = send.call_args.kwargs
    assert call["queue"] == "background"
    label_photos(**call["kwargs"])
    assert name_of(face) == "Ada"


def test_nothing_is_sent_where_no_gallery_looks_for_people(
    in_team: Team, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, label_photos=False)
    trained(gallery)
    capture = django_capture_on_commit_callbacks(execute=True)
    with patch("galleries.tasks.label_photos.apply_async") as send, capture:
        (face,) = analysed(in_team, 1, view=9)
    assert not send.called
    assert FaceEmbedding.objects.get(face=face).looked_up_at is not None, "beat has nothing to do either"
    assert name_of(face) is None


def test_beat_sends_photos_whose_task_was_lost_and_only_those(in_team: Team) -> None:
    trained(gallery_of(in_team, {"Ada": 1}))
    old, new = analysed(in_team, 1, view=8)[0], analysed(in_team, 1, view=9)[0]
    hour_ago = timezone.now() - timedelta(hours=1)
    FaceEmbedding.objects.filter(face=old).update(created_at=hour_ago)
    with patch("galleries.tasks.label_photos.apply_async") as send:
        assert forgotten_photos_send() == 1
    assert send.call_args.kwargs["kwargs"] == {
        "team_id": str(in_team.pk),
        "media_ids": [str(old.media_id)],
    }
    label_photos(**send.call_args.kwargs["kwargs"])
    assert [name_of(old), name_of(new)] == ["Ada", None]
    with patch("galleries.tasks.label_photos.apply_async") as send:
        assert forgotten_photos_send() == 0
    assert not send.called


def test_a_broker_that_is_away_costs_nothing_but_time(in_team: Team) -> None:
    trained(gallery_of(in_team, {"Ada": 1}))
    (face,) = analysed(in_team, 1)
    FaceEmbedding.objects.update(created_at=timezone.now() - timedelta(hours=1))
    with patch("galleries.tasks.label_photos.apply_async", side_effect=OSError):
        assert forgotten_photos_send() == 0
    assert FaceEmbedding.objects.get(face=face).looked_up_at is None


def test_training_has_all_photos_looked_through_with_progress(in_team: Team) -> None:
    gallery = gallery_create(team=in_team, name="Staff")
    faces = [analysed(in_team, 1, 2, view=view)[0] for view in range(3)]
    enrol(subject_create(gallery=gallery, name="Ada"), embedding_of(1, 40))
    trained(gallery)
    assert [name_of(face) for face in faces] == ["Ada"] * 3
    job = GalleryJob.objects.get(kind=GalleryJob.Kind.LABEL)
    assert (job.status, job.done, job.total) == ("succeeded", 6, 6)


def test_the_machine_changes_and_takes_back_its_own_word(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    trained(gallery)
    faces = analysed(in_team, 1, 2, view=9)
    looked_up(in_team, *faces)
    # What was Ada's is Bob's now, and what was Bob's is nobody's.
    EnrolledFace.objects.filter(subject__name="Bob").delete()
    EnrolledFace.objects.filter(subject__name="Ada").update(subject=person(gallery, "Bob"))
    trained(gallery)
    assert [name_of(face) for face in faces] == ["Bob", None]


def test_the_nearest_of_several_galleries_names_a_face(in_team: Team) -> None:
    far, near = gallery_of(in_team, {"Far": 1}), gallery_create(team=in_team, name="Near")
    enrol(subject_create(gallery=near, name="Near"), embedding_of(1, 9))
    trained(far, near)
    (face,) = analysed(in_team, 1, view=9)
    looked_up(in_team, face)
    assert name_of(face) == "Near"


def away(confidence: float) -> list[float]:
    """A vector so far from `embedding_of(1)` that the confidence is this."""
    distance = photo_model().calibration.distance(confidence)
    one = numpy.array(embedding_of(1))
    across = numpy.array(embedding_of(2))
    across -= across @ one * one
    angle = 2 * numpy.arcsin(distance / 2)
    vector = numpy.cos(angle) * one + numpy.sin(angle) * across / numpy.linalg.norm(across)
    return [float(value) for value in vector]


@pytest.mark.parametrize(
    ("confidence", "threshold", "named"),
    [(0.8, None, None), (0.95, None, "Ada"), (0.8, 0.3, None), (0.95, 0.97, None), (0.98, 0.97, "Ada")],
)
def test_naming_unasked_needs_more_than_one_to_one_and_what_the_gallery_asks(
    in_team: Team, confidence: float, threshold: float | None, named: str | None
) -> None:
    gallery = gallery_create(team=in_team, name="Staff", threshold=threshold)
    enrol(subject_create(gallery=gallery, name="Ada"), embedding_of(1))
    trained(gallery)
    (face,) = analysed(in_team, 1)
    FaceEmbedding.objects.update(embedding=away(confidence))
    looked_up(in_team, face)
    assert name_of(face) == named


def test_vectors_of_another_model_are_not_compared(in_team: Team) -> None:
    trained(gallery_of(in_team, {"Ada": 1}))
    (face,) = analysed(in_team, 1)
    FaceEmbedding.objects.update(model_sha256="0" * 64)
    assert looked_up(in_team, face) == 0
    assert name_of(face) is None


def test_a_photo_that_is_analysed_again_keeps_its_labels(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    trained(gallery)
    faces = analysed(in_team, 1, 2, view=9)
    looked_up(in_team, *faces)
    face_label(face=faces[1], subject=person(gallery, "Ada"))
    before = list(FaceLabel.objects.order_by("pk").values_list())
    analyse(in_team, faces[0].media)
    assert list(FaceLabel.objects.order_by("pk").values_list()) == before
    assert set(FaceEmbedding.objects.values_list("looked_up_at", flat=True)) == {None}
    assert looked_up(in_team, *faces) == 0, "the same answer changes nothing"
    assert list(FaceLabel.objects.order_by("pk").values_list()) == before


# --- People -------------------------------------------------------------------------------------------
def test_a_persons_word_stands_against_every_training(in_team: Team, people: People) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    trained(gallery)
    (face,) = analysed(in_team, 1, view=9)
    looked_up(in_team, face)
    label = face_label(face=face, subject=person(gallery, "Bob"), user=people.analyst)
    assert (label.by, label.confidence, label.decided_by) == (PERSON, None, people.analyst)
    trained(gallery)
    faces_look_up(team=in_team, face_ids=[face.pk])
    assert name_of(face) == "Bob"
    assert FaceRejection.objects.get().subject == person(gallery, "Ada"), "it is not who it was taken for"


def test_not_this_person_is_not_said_again_and_somebody_else_may_be(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Twin": 1})
    trained(gallery)
    (face,) = analysed(in_team, 1, view=9)
    said = set()
    for _ in range(2):
        looked_up(in_team, face)
        said.add(name_of(face))
        face_unlabel(face=face)
        FaceEmbedding.objects.update(looked_up_at=None)
    assert said == {"Ada", "Twin"}
    trained(gallery)
    assert name_of(face) is None
    assert FaceRejection.objects.count() == 2


def test_naming_a_face_takes_back_that_it_was_not_this_person(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    (face,) = analysed(in_team, 7)
    face_label(face=face, subject=person(gallery, "Ada"))
    face_unlabel(face=face)
    face_label(face=face, subject=person(gallery, "Ada"))
    assert not FaceRejection.objects.exists()
    assert name_of(face) == "Ada"
    actions = (
        AuditEvent.objects.filter(object_id=str(face.pk)).order_by("id").values_list("action", flat=True)
    )
    assert list(actions) == ["face.labelled", "face.unlabelled", "face.labelled"]


def test_a_face_of_an_unnamed_person_is_taken_out_of_it(in_team: Team) -> None:
    (face,) = analysed(in_team, 7)
    unnamed = UnnamedPerson.objects.create(team=in_team, model="m")
    FaceLabel.objects.create(face=face, team=in_team, unnamed=unnamed, by=MACHINE)
    face_unlabel(face=face)
    assert not FaceLabel.objects.exists()
    assert FaceRejection.objects.get().unnamed == unnamed


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_machine_names_who_it_has_grouped_and_not_who_a_person_has_grouped(
    in_team: Team, by_hand: bool
) -> None:
    trained(gallery_of(in_team, {"Ada": 1}))
    (face,) = analysed(in_team, 1, view=9)
    unnamed = UnnamedPerson.objects.create(team=in_team, model="m", by_hand=by_hand)
    FaceLabel.objects.create(face=face, team=in_team, unnamed=unnamed, by=MACHINE)
    looked_up(in_team, face)
    assert name_of(face) == (None if by_hand else "Ada")
    assert FaceLabel.objects.get().unnamed == (unnamed if by_hand else None)


def everything() -> list[Any]:
    return [
        list(model.objects.order_by("pk").values_list()) for model in (FaceLabel, FaceRejection, AuditEvent)
    ]


def test_a_face_nobody_has_named_cannot_be_unlabelled(in_team: Team) -> None:
    (face,) = analysed(in_team, 1)
    before = everything()
    with pytest.raises(Refusal) as refusal:
        face_unlabel(face=face)
    assert refusal.value.code == "face_not_labelled"
    assert everything() == before


def test_who_has_not_consented_any_more_is_neither_named_nor_found(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, erase_without_consent=False)
    ada = person(gallery, "Ada")
    trained(gallery)
    subject_change(subject=ada, consent_until=timezone.now() - timedelta(seconds=1))
    (face,) = analysed(in_team, 1, view=9)
    looked_up(in_team, face)
    assert name_of(face) is None
    before = everything()
    with pytest.raises(Refusal) as refusal:
        face_label(face=face, subject=ada)
    assert refusal.value.code == "consent_ended"
    assert everything() == before


def test_a_face_or_person_that_is_gone_is_refused(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    ada = person(gallery, "Ada")
    kept, gone = analysed(in_team, 1, 2)
    Face.objects.filter(pk=gone.pk).delete()
    before = everything()
    with pytest.raises(Refusal) as refusal:
        face_label(face=gone, subject=ada)
    assert refusal.value.code == "face_unknown"
    gallery.subjects.all().delete()
    with pytest.raises(Refusal) as refusal:
        face_label(face=kept, subject=ada)
    assert refusal.value.code == "subject_unknown"
    assert everything() == before


# --- Switches -----------------------------------------------------------------------------------------
def test_a_gallery_that_no_longer_looks_loses_the_machines_names_and_keeps_the_peoples(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    trained(gallery)
    faces = analysed(in_team, 1, 2, view=9)
    looked_up(in_team, *faces)
    face_label(face=faces[1], subject=person(gallery, "Bob"))
    gallery_change(gallery=gallery, label_photos=False)
    assert [name_of(face) for face in faces] == [None, "Bob"]
    gallery_change(gallery=gallery, label_photos=True)
    jobs_do()
    assert [name_of(face) for face in faces] == ["Ada", "Bob"]


def test_where_identity_is_switched_off_the_machines_names_go_and_nothing_is_shown(
    people: People, in_team: Team
) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    trained(gallery)
    faces = analysed(in_team, 1, 2, 7, view=9)
    looked_up(in_team, *faces)
    face_label(face=faces[1], subject=person(gallery, "Bob"))
    unnamed = UnnamedPerson.objects.create(team=in_team, model="m")
    FaceLabel.objects.create(face=faces[2], team=in_team, unnamed=unnamed, by=MACHINE)
    Team.objects.filter(pk=in_team.pk).update(analyze_identity=False)
    off = Team.objects.get(pk=in_team.pk)
    key = people.key()
    client = people.client("viewer")
    answer = client.get(
        f"/api/v1/media/{faces[0].media_id}", headers={"Authorization": f"Bearer {key}"}
    ).json()
    assert [(face["person"], face["unnamed_id"]) for face in answer["faces"]] == [(None, None)] * 3
    assert faces_look_up(team=off, face_ids=[face.pk for face in faces]) == 0
    with pytest.raises(Refusal) as refusal:
        face_label(face=faces[0], subject=person(gallery, "Ada"))
    assert refusal.value.code == "identity_switched_off"
    retention_enforce(seconds=30)
    with team_scope(off):
        assert FaceLabel.objects.get().face_id == faces[1].pk, "a person's word stays, unseen"
        assert not UnnamedPerson.objects.exists()
        assert identity_forget(team=off) == 0
    assert photos_label(team=off, media_ids=[faces[0].media_id]) == 0
