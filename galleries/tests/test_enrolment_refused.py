"""Enrolling faces: what is refused, and that every refusal leaves everything as it was."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import FileSystemStorage
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Team
from analysis.models import Face, FaceEmbedding
from galleries.enrolment import SAME_PICTURE, duplicate_of, face_enrol, face_enrol_found
from galleries.models import MAX_FACES_PER_SUBJECT, EnrolledFace, Gallery, Subject
from galleries.refusals import Refusal
from galleries.services import gallery_create, subject_create
from galleries.temporary import temporary_face_keep
from ml_models.recognition import default_model
from ml_models.types import HeadPose, Quality
from tests.fakes import EngineOfPeople, embedding_of, people_picture

from .enrolment_helpers import POOR, Look, analysed, found, jpeg
from .helpers import enrol


@pytest.fixture()
def gallery(in_team: Team) -> Gallery:
    return gallery_create(team=in_team, name="Staff")


@pytest.fixture()
def ada(gallery: Gallery) -> Subject:
    return subject_create(gallery=gallery, name="Ada")


def refused(look: Look, code: str, words: str = ".", **wanted: Any) -> Refusal:
    """The refusal to enrol, which left everything as it was."""
    before = look()
    with pytest.raises(Refusal, match=words) as refusal:
        face_enrol(**wanted)
    assert refusal.value.code == code
    assert look() == before
    return refusal.value


def test_a_picture_without_a_face_is_refused(ada: Subject, engine: EngineOfPeople, everything: Look) -> None:
    engine.analyze = lambda pictures, boxes=None: [[] for _ in pictures]  # type: ignore[method-assign]
    refused(everything, "face_not_found", gallery=ada.gallery, subject=ada, content=people_picture(1))


def test_several_faces_are_counted_and_a_box_is_asked_for(
    ada: Subject, engine: EngineOfPeople, everything: Look
) -> None:
    refused(
        everything,
        "several_faces",
        "3 faces in this picture. Say with 'box'",
        gallery=ada.gallery,
        subject=ada,
        content=people_picture(1, 2, 3),
    )


@pytest.mark.parametrize(
    "box", [(0.0, 0.0, 40.0, 40.0), (0.0, 0.0, 5000.0, 5000.0), (140.0, 140.0, 30.0, 30.0)]
)
def test_a_box_that_means_no_face_is_refused(
    ada: Subject, engine: EngineOfPeople, everything: Look, box: tuple[float, float, float, float]
) -> None:
    content = people_picture(1, 2)
    refused(everything, "box_without_face", gallery=ada.gallery, subject=ada, content=content, box=box)


@pytest.mark.parametrize(
    ("quality", "pose", "code", "reasons"),
    [
        (replace(POOR, exposure_level="GoodExposure", noise=0.1), 0.0, "face_too_blurred", ["blurred"]),
        (POOR, 70.0, "face_quality_low", ["blurred", "dark", "noisy", "turned"]),
    ],
)
def test_a_gallery_may_refuse_poor_pictures_and_says_why(
    ada: Subject,
    engine: EngineOfPeople,
    everything: Look,
    quality: Quality,
    pose: float,
    code: str,
    reasons: list[str],
) -> None:
    Gallery.objects.update(quality_policy="refuse")
    ada.gallery.refresh_from_db()
    engine.quality, engine.head_pose = quality, HeadPose(pose, 0.0, 0.0)
    refusal = refused(everything, code, gallery=ada.gallery, subject=ada, content=people_picture(1))
    assert [reason["code"] for reason in refusal.extra["reasons"]] == reasons


def test_a_face_that_is_too_small_is_refused_where_poor_pictures_are(ada: Subject, everything: Look) -> None:
    Gallery.objects.update(quality_policy="refuse")
    ada.gallery.refresh_from_db()
    before = everything()
    small = replace(found(), quality="low", reasons=("small", "blurred"), small=True, crop=jpeg())
    with pytest.raises(Refusal, match="30 pixels") as refusal:
        face_enrol_found(gallery=ada.gallery, subject=ada, found=small)
    assert refusal.value.code == "face_too_small"
    assert everything() == before


def test_unknown_and_expired_faces_are_told_apart(ada: Subject, everything: Look) -> None:
    kept = temporary_face_keep(team=ada.gallery.team, face=found(), model=default_model())
    type(kept).objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    place: dict[str, Any] = {"gallery": ada.gallery, "subject": ada}
    refused(everything, "temporary_face_unknown", temporary_face=uuid4(), **place)
    refused(everything, "temporary_face_expired", str(kept.pk), temporary_face=kept.pk, **place)
    refused(everything, "face_unknown", photo_face=uuid4(), **place)


def test_faces_of_another_model_are_refused(ada: Subject, everything: Look) -> None:
    other = replace(default_model(), name="other", sha256="b" * 64)
    kept = temporary_face_keep(team=ada.gallery.team, face=found(), model=other)
    place: dict[str, Any] = {"gallery": ada.gallery, "subject": ada}
    refused(everything, "face_model_differs", "'other'", temporary_face=kept.pk, **place)
    analysed(ada.gallery.team, 8)
    FaceEmbedding.objects.update(model_sha256="c" * 64)
    refused(everything, "face_model_differs", photo_face=Face.objects.get().pk, **place)


def test_a_gallery_of_other_weights_and_a_worker_of_other_weights_are_noticed(
    ada: Subject, engine: EngineOfPeople, everything: Look, asked: list[Any]
) -> None:
    place: dict[str, Any] = {"gallery": ada.gallery, "subject": ada, "content": people_picture(1)}
    ada.gallery.model_sha256 = "d" * 64
    refused(everything, "model_replaced", **place)
    ada.gallery.model = "gone"
    refused(everything, "model_unknown", **place)
    assert asked == []
    ada.gallery.refresh_from_db()
    engine.model_versions["recognition"] = "dlib-face-v1-000000000000"
    refused(everything, "model_of_worker_differs", **place)


def test_a_gallery_that_got_another_model_while_a_worker_looked_takes_no_face_of_the_old_one(
    ada: Subject, everything: Look
) -> None:
    Gallery.objects.update(model_sha256="e" * 64)
    before = everything()
    with pytest.raises(Refusal) as refusal:
        face_enrol_found(gallery=ada.gallery, subject=ada, found=found(crop=jpeg()))
    assert refusal.value.code == "gallery_model_changed"
    assert everything() == before


def test_the_same_picture_again_is_refused_and_says_which_face_it_is(
    ada: Subject, engine: EngineOfPeople, everything: Look
) -> None:
    content = people_picture(1)
    first = face_enrol(gallery=ada.gallery, subject=ada, content=content)
    bob = subject_create(gallery=ada.gallery, name="Bob")
    refusal = refused(
        everything, "face_duplicate", str(first.pk), gallery=ada.gallery, subject=bob, content=content
    )
    assert refusal.extra == {"face_id": str(first.pk)}
    # The same bytes hold another face as well.
    both = people_picture(2, 3)
    for place in (0, 200):
        face_enrol(gallery=ada.gallery, subject=bob, content=both, box=(place + 50.0, 50.0, 100.0, 100.0))
    # Another view of the same person is another picture.
    face_enrol(gallery=ada.gallery, subject=ada, content=people_picture(1, view=1))
    assert EnrolledFace.objects.count() == 4


def test_a_picture_saved_anew_is_seen_by_its_vector_and_in_its_own_gallery_alone(
    ada: Subject, engine: EngineOfPeople, everything: Look
) -> None:
    first = face_enrol(gallery=ada.gallery, subject=ada, content=people_picture(1))
    again = people_picture(1, form="BMP")
    refused(everything, "face_duplicate", str(first.pk), gallery=ada.gallery, subject=ada, content=again)
    elsewhere = gallery_create(team=ada.gallery.team, name="Visitors")
    face_enrol(gallery=elsewhere, subject=subject_create(gallery=elsewhere, name="Ada"), content=again)


def test_a_gallery_may_take_duplicates(in_team: Team, engine: EngineOfPeople) -> None:
    gallery = gallery_create(team=in_team, name="Staff", allow_duplicates=True)
    ada = subject_create(gallery=gallery, name="Ada")
    for _ in range(2):
        face_enrol(gallery=gallery, subject=ada, content=people_picture(1))
    assert EnrolledFace.objects.count() == 2


def test_the_bound_of_duplicates_is_between_a_picture_saved_anew_and_another_picture(ada: Subject) -> None:
    limit = SAME_PICTURE * default_model().calibration.threshold
    assert 0.113 < limit < 0.149, "as measured on LFW"
    (enrolled,) = enrol(ada, embedding_of(1))
    assert duplicate_of(gallery=ada.gallery, found=found(1)) == enrolled.pk
    assert duplicate_of(gallery=ada.gallery, found=found(1, view=3)) is None


def test_a_full_person_is_refused_before_a_worker_is_asked(
    ada: Subject, engine: EngineOfPeople, everything: Look, asked: list[Any]
) -> None:
    enrol(ada, *[embedding_of(1, view) for view in range(MAX_FACES_PER_SUBJECT)])
    words = "would have 249 faces, and a person may have 248"
    refused(everything, "subject_full", words, gallery=ada.gallery, subject=ada, content=people_picture(2))
    assert asked == []


def test_nobody_is_enrolled_without_consent(ada: Subject, engine: EngineOfPeople, everything: Look) -> None:
    Subject.objects.update(consent_until=timezone.now() - timedelta(minutes=1))
    before = everything()
    with pytest.raises(Refusal) as refusal:
        face_enrol_found(gallery=ada.gallery, subject=ada, found=found(crop=jpeg()))
    assert refusal.value.code == "consent_ended"
    assert everything() == before


def test_a_person_or_a_gallery_that_is_gone_meanwhile_is_refused(ada: Subject, everything: Look) -> None:
    gallery = Gallery.objects.get()
    for row, code in ((ada, "subject_unknown"), (gallery, "gallery_unknown")):
        type(row).objects.filter(pk=row.pk).delete()
        before = everything()
        with pytest.raises(Refusal) as refusal:
            face_enrol_found(gallery=gallery, subject=ada, found=found(crop=jpeg()))
        assert refusal.value.code == code
        assert everything() == before


def test_a_face_is_enrolled_where_it_belongs(ada: Subject, everything: Look) -> None:
    faces = gallery_create(team=ada.gallery.team, name="Faces", holds="faces")
    content = people_picture(1)
    refused(everything, "gallery_holds_faces", gallery=faces, subject=ada, content=content)
    refused(everything, "gallery_holds_subjects", gallery=ada.gallery, content=content)


def test_exactly_one_source_is_asked_for(ada: Subject, everything: Look) -> None:
    refused(everything, "face_source_missing", gallery=ada.gallery, subject=ada)
    refused(
        everything,
        "face_source_missing",
        gallery=ada.gallery,
        subject=ada,
        content=people_picture(1),
        photo_face=uuid4(),
    )


def test_photos_of_a_team_that_switched_recognising_off_are_no_source(
    ada: Subject, engine: EngineOfPeople, everything: Look
) -> None:
    analysed(ada.gallery.team, 8)
    stored = Face.objects.get()
    Team.objects.update(analyze_identity=False)
    gallery = Gallery.objects.select_related("team").get()
    place: dict[str, Any] = {"gallery": gallery, "subject": ada}
    refused(everything, "identity_switched_off", photo_face=stored.pk, **place)
    # A picture that is sent to be enrolled is an explicit wish.
    face_enrol(content=people_picture(3), **place)
    Team.objects.update(analyze_identity=True)
    FaceEmbedding.objects.all().delete()
    gallery = Gallery.objects.select_related("team").get()
    refused(everything, "photo_face_without_vector", gallery=gallery, subject=ada, photo_face=stored.pk)


@pytest.mark.parametrize(
    ("setting", "code"), [("DEFAULT_STORED_FACES", "quota_faces"), ("DEFAULT_STORAGE_BYTES", "quota_storage")]
)
def test_over_a_quota_nothing_is_left(
    ada: Subject, engine: EngineOfPeople, everything: Look, settings: Settings, setting: str, code: str
) -> None:
    setattr(settings, setting, 0)
    refused(everything, code, gallery=ada.gallery, subject=ada, content=people_picture(1))


def test_a_storage_that_fails_leaves_nothing(
    ada: Subject, engine: EngineOfPeople, everything: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(storage: Any, name: str, content: Any) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileSystemStorage, "save", full)
    refused(everything, "storage_full", gallery=ada.gallery, subject=ada, content=people_picture(1))
