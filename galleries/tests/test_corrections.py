"""Merge, split, move, give a face to somebody else: what moves, what is refused, what two at once leave."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, Team, TeamUsage
from conftest import People
from galleries.corrections import face_move, subject_split, subjects_merge, subjects_move
from galleries.labelling import face_label, face_unlabel
from galleries.models import (
    MAX_FACES_PER_SUBJECT,
    EnrolledFace,
    FaceLabel,
    FaceRejection,
    Gallery,
    Subject,
)
from galleries.refusals import Refusal
from galleries.search import identify
from galleries.services import gallery_change, gallery_create, subject_change, subject_create
from galleries.training import gallery_train, training_of, training_run
from media_jobs.leases import LeaseLost
from media_jobs.tests.helpers import at_once
from tests.fakes import embedding_of

from .helpers import enrol, gallery_of
from .people_helpers import analysed, looked_up, name_of, person, trained


def everything() -> list[Any]:
    """All rows that corrections write."""
    models: list[Any] = [Gallery, Subject, EnrolledFace, FaceLabel, FaceRejection, AuditEvent]
    with across_teams():
        return [list(model.objects.order_by("pk").values_list()) for model in models]


def refused(code: str, deed: Callable[[], object]) -> None:
    """The deed is refused with this code, and nothing has changed."""
    before = everything()
    with pytest.raises(Refusal) as refusal:
        deed()
    assert refusal.value.code == code
    assert everything() == before


def who(gallery: Gallery, number: int) -> list[str]:
    """Names of whom identification takes a person for."""
    probes = [embedding_of(number, 55)]
    (found,) = identify(gallery=gallery, probes=probes, model_sha256=gallery.model_sha256)
    name_by_id = dict(Subject.objects.values_list("pk", "name"))
    assert None not in {one.subject_id for one in found}
    return [name_by_id[one.subject_id] for one in found if one.subject_id]


# --- Merge --------------------------------------------------------------------------------------------
def test_merging_moves_faces_labels_and_rejections_and_keeps_one_name(in_team: Team, people: People) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Countess": 2, "Bob": 3})
    trained(gallery)
    ada, countess = person(gallery, "Ada"), person(gallery, "Countess")
    photos = analysed(in_team, 1, 2, 7, 8, view=9)
    looked_up(in_team, *photos)
    face_label(face=photos[2], subject=countess)
    face_label(face=photos[3], subject=countess)
    face_unlabel(face=photos[3])
    merged = subjects_merge(gallery=gallery, into=ada, others=[countess], user=people.owner)
    assert merged == ada
    assert [subject.name for subject in gallery.subjects.order_by("name")] == ["Ada", "Bob"]
    assert ada.faces.count() == 4
    assert sorted(ada.faces.values_list("by_hand", flat=True)) == [False, False, True, True]
    assert [name_of(face) for face in photos] == ["Ada", "Ada", "Ada", None]
    assert FaceRejection.objects.get().subject == ada
    assert who(gallery, 1) == who(gallery, 2) == ["Ada"], "at once, before it is trained"
    assert training_of(Gallery.objects.get(pk=gallery.pk)).due
    trained(gallery)
    assert who(gallery, 1) == who(gallery, 2) == ["Ada"]
    assert [name_of(face) for face in photos] == ["Ada", "Ada", "Ada", None]


def test_merging_takes_over_what_the_one_that_stays_does_not_have(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    ada = person(gallery, "Ada")
    subject_change(subject=ada, notes="first")
    first = subject_create(gallery=gallery, name="A", external_id="17", notes="second", consent_by="herself")
    second = subject_create(gallery=gallery, name="B", external_id="18", notes="n" * 16380)
    merged = subjects_merge(gallery=gallery, into=ada, others=[second, first])
    merged.refresh_from_db()
    assert (merged.name, merged.external_id, merged.consent_by) == ("Ada", "17", "herself")
    assert merged.notes == "first\nsecond", "what does not fit is left out as a whole"


def test_the_names_of_merged_people_leave_the_record(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Countess": 2})
    countess = person(gallery, "Countess")
    subjects_merge(gallery=gallery, into=person(gallery, "Ada"), others=[countess])
    events = AuditEvent.objects.filter(object_id=str(countess.pk))
    assert events.exists()
    assert not events.filter(object_name__contains="Countess").exists()
    event = AuditEvent.objects.get(action="subject.merged")
    assert (event.object_name, event.details["others"]) == ("Ada", [str(countess.pk)])
    assert "Countess" not in str(list(AuditEvent.objects.values()))


def test_a_face_enrolled_for_both_stays_once_with_its_picture(
    in_team: Team,
    stored_files: Callable[[], list[str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, faces=1)
    place = {"picture_sha256": "a" * 64, "left": 1.0, "top": 2.0, "width": 30.0, "height": 30.0}
    for face in EnrolledFace.objects.all():
        name = default_storage.save(f"teams/{in_team.pk}/galleries/{face.pk}.jpg", ContentFile(b"jpg"))
        EnrolledFace.objects.filter(pk=face.pk).update(crop=name, stored_bytes=3, **place)
    ada = person(gallery, "Ada")
    kept = ada.faces.get()
    assert len(stored_files()) == 2
    with django_capture_on_commit_callbacks(execute=True):
        subjects_merge(gallery=gallery, into=ada, others=[person(gallery, "Bob")])
    assert EnrolledFace.objects.get() == kept
    assert stored_files() == [kept.crop]
    usage = TeamUsage.objects.get(team=in_team)
    assert (usage.stored_faces, usage.stored_bytes) == (1, 3)


def test_a_person_may_not_get_more_faces_than_one_may_have(in_team: Team) -> None:
    gallery = gallery_create(team=in_team, name="Staff")
    ada, bob = (subject_create(gallery=gallery, name=name) for name in ("Ada", "Bob"))
    enrol(ada, *([embedding_of(1)] * (MAX_FACES_PER_SUBJECT - 1)))
    (first, second) = enrol(bob, embedding_of(2), embedding_of(2, 1))
    refused("subject_full", lambda: subjects_merge(gallery=gallery, into=ada, others=[bob]))
    refused("subject_full", lambda: subject_split(subject=bob, face_ids=[first.pk, second.pk], into=ada))
    face_move(face=first, subject=ada)
    refused("subject_full", lambda: face_move(face=second, subject=ada))
    face_move(face=first, subject=ada)
    second.delete()
    subjects_merge(gallery=gallery, into=ada, others=[bob])
    assert ada.faces.count() == MAX_FACES_PER_SUBJECT


def test_what_cannot_be_merged_is_refused(in_team: Team) -> None:
    gallery, other = gallery_of(in_team, {"Ada": 1, "Bob": 2}), gallery_of(in_team, {"Eve": 3})
    ada, eve = person(gallery, "Ada"), person(other, "Eve")
    refused("merge_of_one", lambda: subjects_merge(gallery=gallery, into=ada, others=[ada]))
    refused("subject_unknown", lambda: subjects_merge(gallery=gallery, into=ada, others=[eve]))
    refused("subject_unknown", lambda: subjects_merge(gallery=other, into=ada, others=[eve]))


def test_a_persons_word_survives_a_merge_where_the_two_contradict_each_other(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    trained(gallery)
    ada, bob = person(gallery, "Ada"), person(gallery, "Bob")
    by_hand, by_machine = analysed(in_team, 7, 1, view=9)
    # Not Bob, but Ada, says a person of the one ...
    face_label(face=by_hand, subject=bob)
    face_label(face=by_hand, subject=ada)
    # ... and of the other only that it is not Bob.
    face_label(face=by_machine, subject=bob)
    face_unlabel(face=by_machine)
    looked_up(in_team, by_machine)
    assert name_of(by_machine) == "Ada"
    subjects_merge(gallery=gallery, into=ada, others=[bob])
    assert [name_of(by_hand), name_of(by_machine)] == ["Ada", None]
    assert list(FaceRejection.objects.values_list("face", "subject")) == [(by_machine.pk, ada.pk)]


# --- Split --------------------------------------------------------------------------------------------
def test_splitting_gives_faces_and_labels_to_a_new_person_for_good(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    ada = person(gallery, "Ada")
    wrong = enrol(ada, embedding_of(2), embedding_of(2, 1))
    trained(gallery)
    photos = analysed(in_team, 1, 2, view=9)
    looked_up(in_team, *photos)
    assert [name_of(face) for face in photos] == ["Ada", "Ada"]
    bob = subject_split(
        subject=ada, face_ids=[face.pk for face in wrong], photo_face_ids=[photos[1].pk], name="Bob"
    )
    assert (bob.name, bob.gallery, bob.faces.count(), ada.faces.count()) == ("Bob", gallery, 2, 2)
    assert set(bob.faces.values_list("by_hand", flat=True)) == {True}
    assert [name_of(face) for face in photos] == ["Ada", "Bob"]
    assert FaceLabel.objects.get(face=photos[1]).by == FaceLabel.By.PERSON
    assert (FaceRejection.objects.get().face, FaceRejection.objects.get().subject) == (photos[1], ada)
    assert (who(gallery, 1), who(gallery, 2)) == (["Ada"], ["Bob"])
    trained(gallery)
    assert (who(gallery, 1), who(gallery, 2)) == (["Ada"], ["Bob"])


def test_splitting_into_somebody_who_is_there(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    ada, bob = person(gallery, "Ada"), person(gallery, "Bob")
    moved = ada.faces.order_by("created_at", "pk")[0]
    assert subject_split(subject=ada, face_ids=[moved.pk], into=bob) == bob
    assert (ada.faces.count(), bob.faces.count()) == (1, 3)
    assert gallery.subjects.count() == 2


def test_what_cannot_be_split_is_refused(in_team: Team) -> None:
    gallery, other = gallery_of(in_team, {"Ada": 1, "Bob": 2}), gallery_of(in_team, {"Eve": 3})
    ada, bob, eve = person(gallery, "Ada"), person(gallery, "Bob"), person(other, "Eve")
    hers, his = ada.faces.first(), bob.faces.first()
    assert hers is not None
    assert his is not None
    (photo,) = analysed(in_team, 1)
    code = "faces_not_of_subject"
    refused(code, lambda: subject_split(subject=ada, face_ids=[hers.pk, his.pk], name="New"))
    refused(code, lambda: subject_split(subject=ada, photo_face_ids=[photo.pk], name="New"))
    refused(code, lambda: subject_split(subject=ada, name="New"))
    refused("merge_of_one", lambda: subject_split(subject=ada, face_ids=[hers.pk], into=ada))
    refused("subject_unknown", lambda: subject_split(subject=ada, face_ids=[hers.pk], into=eve))
    before = everything()
    with pytest.raises(ValidationError):
        subject_split(subject=ada, face_ids=[hers.pk], name="")
    assert everything() == before


# --- Move ---------------------------------------------------------------------------------------------
def test_people_move_with_faces_and_labels_and_are_found_only_there(in_team: Team) -> None:
    gallery, other = gallery_of(in_team, {"Ada": 1, "Bob": 2}), gallery_of(in_team, {"Eve": 3})
    trained(gallery, other)
    ada = person(gallery, "Ada")
    (photo,) = analysed(in_team, 1, view=9)
    looked_up(in_team, photo)
    assert subjects_move(subjects=[ada, ada, person(other, "Eve")], gallery=other) == 1
    ada.refresh_from_db()
    assert ada.gallery == other
    assert set(ada.faces.values_list("gallery", "by_hand")) == {(other.pk, True)}
    assert name_of(photo) == "Ada"
    assert (who(gallery, 1), who(other, 1)) == ([], []), "found here no more, and there after training"
    trained(gallery, other)
    assert (who(gallery, 1), who(other, 1)) == ([], ["Ada"])
    assert name_of(photo) == "Ada"


def test_a_gallery_that_does_not_look_for_people_brings_only_peoples_labels(in_team: Team) -> None:
    gallery, other = gallery_of(in_team, {"Ada": 1}), gallery_of(in_team, {}, label_photos=False)
    trained(gallery)
    faces = analysed(in_team, 1, 7, view=9)
    looked_up(in_team, *faces)
    face_label(face=faces[1], subject=person(gallery, "Ada"))
    subjects_move(subjects=[person(gallery, "Ada")], gallery=other)
    assert [name_of(face) for face in faces] == [None, "Ada"]


def test_what_cannot_be_moved_is_refused(in_team: Team) -> None:
    gallery, other = gallery_create(team=in_team, name="A"), gallery_create(team=in_team, name="B")
    ada = subject_create(gallery=gallery, name="Ada", external_id="17")
    bob = subject_create(gallery=gallery, name="Bob")
    third = gallery_create(team=in_team, name="C")
    twin = subject_create(gallery=third, name="Twin", external_id="17")
    refused("subject_id_taken", lambda: subjects_move(subjects=[bob, ada], gallery=third))
    refused("subject_id_taken", lambda: subjects_move(subjects=[twin, ada], gallery=other))
    faces = gallery_create(team=in_team, name="D", holds="faces")
    refused("gallery_holds_faces", lambda: subjects_move(subjects=[ada], gallery=faces))
    Gallery.objects.filter(pk=other.pk).update(model_sha256="0" * 64)
    refused("gallery_model_differs", lambda: subjects_move(subjects=[ada], gallery=other))
    Subject.objects.filter(pk=bob.pk).delete()
    refused("subject_unknown", lambda: subjects_move(subjects=[ada, bob], gallery=third))
    Gallery.objects.filter(pk=other.pk).delete()
    refused("gallery_unknown", lambda: subjects_move(subjects=[ada], gallery=other))


# --- Single faces and names -----------------------------------------------------------------------------
def test_a_face_is_given_to_another_person_or_to_nobody(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, faces=1)
    trained(gallery)
    ada, bob = person(gallery, "Ada"), person(gallery, "Bob")
    face = ada.faces.get()
    moved = face_move(face=face, subject=bob)
    assert (moved.subject, moved.by_hand) == (bob, True)
    assert who(gallery, 1) == ["Bob"]
    assert face_move(face=face, subject=None).subject is None
    assert who(gallery, 1) == []
    trained(gallery)
    assert (who(gallery, 1), who(gallery, 2)) == ([], ["Bob"])
    details = AuditEvent.objects.filter(action="face.moved").order_by("id").values_list("details", flat=True)
    assert [(one["before"], one["after"]) for one in details] == [
        (str(ada.pk), str(bob.pk)),
        (str(bob.pk), None),
    ]


def test_a_face_cannot_be_given_to_somebody_who_is_not_there(in_team: Team) -> None:
    gallery, other = gallery_of(in_team, {"Ada": 1}, faces=1), gallery_of(in_team, {"Eve": 3})
    face = EnrolledFace.objects.get(gallery=gallery)
    refused("subject_unknown", lambda: face_move(face=face, subject=person(other, "Eve")))
    Gallery.objects.filter(pk=gallery.pk).update(holds="faces")
    refused("gallery_holds_faces", lambda: face_move(face=face, subject=None))
    Gallery.objects.filter(pk=gallery.pk).update(holds="subjects")
    EnrolledFace.objects.filter(pk=face.pk).delete()
    refused("face_unknown", lambda: face_move(face=face, subject=None))


def test_renaming_changes_the_name_everywhere_and_is_recorded(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    trained(gallery)
    (photo,) = analysed(in_team, 1, view=9)
    looked_up(in_team, photo)
    subject_change(subject=person(gallery, "Ada"), name="Ada King")
    assert name_of(photo) == "Ada King"
    event = AuditEvent.objects.get(action="subject.changed")
    assert (event.object_name, event.details) == ("Ada King", {"fields": ["name"]})
    subject_create(gallery=gallery, name="Bob", external_id="17")
    refused("subject_id_taken", lambda: subject_change(subject=person(gallery, "Ada King"), external_id="17"))


def test_a_gallery_that_keeps_no_pictures_any_more_lets_go_of_them(
    in_team: Team,
    stored_files: Callable[[], list[str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    name = default_storage.save(f"teams/{in_team.pk}/galleries/a.jpg", ContentFile(b"jpg"))
    face = EnrolledFace.objects.all()[0]
    EnrolledFace.objects.filter(pk=face.pk).update(crop=name, crop_box=[0, 0, 1, 1], stored_bytes=3)
    with django_capture_on_commit_callbacks(execute=True):
        gallery_change(gallery=gallery, keep_crops=False, name="People")
    assert stored_files() == []
    face.refresh_from_db()
    assert (face.crop, face.crop_box, face.stored_bytes) == ("", None, 0)
    assert TeamUsage.objects.get(team=in_team).stored_bytes == 0
    gallery_create(team=in_team, name="Taken", key="taken")
    refused("gallery_key_taken", lambda: gallery_change(gallery=gallery, key="taken"))


# --- At once --------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_of_two_merges_of_the_same_people_at_once_one_is_done_and_nothing_lost(people: People) -> None:
    team = people.team
    with team_scope(team):
        gallery = gallery_of(team, {"Ada": 1, "Bob": 2, "Eve": 3})
        ada, bob, eve = (person(gallery, name) for name in ("Ada", "Bob", "Eve"))
    pairs = [(ada, [bob, eve]), (bob, [ada, eve])]
    codes = []

    def merge() -> None:
        into, others = pairs.pop()
        with team_scope(team):
            try:
                subjects_merge(gallery=gallery, into=into, others=others)
            except Refusal as refusal:
                codes.append(refusal.code)

    at_once(2, merge)
    with team_scope(team):
        (left,) = gallery.subjects.all()
        assert left in (ada, bob)
        assert left.faces.count() == 6
    assert codes == ["subject_unknown"]


@pytest.mark.django_db(transaction=True)
def test_corrections_beside_training_and_each_other_lose_no_face(people: People) -> None:
    team = people.team
    with team_scope(team):
        gallery = gallery_of(team, {name: number for number, name in enumerate("ABCDEFGH")}, faces=4)
        names = list(gallery.subjects.order_by("name"))
        faces = list(EnrolledFace.objects.filter(gallery=gallery).order_by("pk"))
    trainer = random.Random(5)
    work: list[Callable[[], object]] = [
        *(lambda face=face: face_move(face=face, subject=trainer.choice(names)) for face in faces[:12]),
        lambda: subjects_merge(gallery=gallery, into=names[0], others=[names[1]]),
        lambda: subjects_merge(gallery=gallery, into=names[2], others=[names[3]]),
        *(lambda: list(training_run(gallery_train(gallery=gallery))) for _ in range(4)),
    ]
    trainer.shuffle(work)
    codes: list[str] = []

    def one() -> None:
        with team_scope(team):
            while work:
                try:
                    work.pop()()
                except Refusal as refusal:
                    codes.append(refusal.code)
                except LeaseLost:
                    codes.append("others train")

    at_once(4, one)
    assert set(codes) <= {"subject_unknown", "others train"}, "somebody was merged meanwhile"
    with team_scope(team):
        assert EnrolledFace.objects.filter(gallery=gallery, subject__isnull=False).count() == len(faces)
        assert not Subject.objects.filter(name__in=["B", "D"]).exists()
        list(training_run(gallery_train(gallery=gallery)))
        assert training_of(Gallery.objects.get(pk=gallery.pk)).face_count == len(faces)
