"""Enrolling faces: from pictures, kept faces and photos; every refusal leaves everything as it was."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from accounts.access import team_scope
from accounts.models import AuditEvent, Team, TeamUsage
from analysis.models import Face, FaceEmbedding
from conftest import People
from galleries.enrolment import SAME_PICTURE, duplicate_of, face_enrol, face_enrol_found, faces_unenrol
from galleries.models import MAX_FACES_PER_SUBJECT, EnrolledFace, Gallery, SearchVector, Subject, TrainedState
from galleries.probes import Probe, ProbeFace, face_chosen, picture_probe, probe_of_engine
from galleries.refusals import Refusal
from galleries.services import gallery_create, subject_create
from galleries.temporary import temporary_face_keep
from media_jobs.models import Media
from media_jobs.services import job_create, media_from_bytes
from media_jobs.tests.helpers import at_once, work_off
from ml_models.recognition import default_model
from ml_models.types import HeadPose, Quality
from tests.fakes import EngineOfPeople, embedding_of, people_picture

from .helpers import enrol, gallery_of

POOR = Quality(0.9, "High", 0.1, "UnderExposure", 0.9, "High", "low")
Look = Callable[[], Any]


@pytest.fixture()
def gallery(in_team: Team) -> Gallery:
    return gallery_create(team=in_team, name="Staff")


@pytest.fixture()
def ada(gallery: Gallery) -> Subject:
    return subject_create(gallery=gallery, name="Ada")


def found(person: int = 1, view: int = 0, **options: Any) -> ProbeFace:
    return ProbeFace(
        box=(50.0, 50.0, 100.0, 100.0),
        confidence=0.99,
        embedding=embedding_of(person, view),
        quality="high",
        **options,
    )


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (30, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


def analysed(team: Team, *people: int) -> Media:
    media = media_from_bytes(team=team, content=people_picture(*people), filename="a.png")
    work_off(job_create(team=team, media=[media]), EngineOfPeople())
    return media


# --- From a picture -----------------------------------------------------------------------------------
def test_a_picture_is_enrolled_with_vector_box_quality_and_crop(
    ada: Subject, engine: EngineOfPeople, asked: list[Any], stored_files: Callable[[], list[str]]
) -> None:
    content = people_picture(7)
    changed = ada.gallery.changed_at
    face = face_enrol(gallery=ada.gallery, subject=ada, content=content, notes="from the door")
    face.refresh_from_db()
    assert (face.subject, face.gallery, face.notes, face.source) == (ada, ada.gallery, "from the door", None)
    assert face.embedding == pytest.approx(embedding_of(7), abs=1e-3)
    assert (face.left, face.top, face.width, face.height) == (50, 50, 100, 100)
    assert (face.quality, face.quality_reasons) == ("high", [])
    assert face.picture_sha256 == hashlib.sha256(content).hexdigest()
    assert stored_files() == [face.crop]
    assert face.crop.startswith(f"teams/{ada.team_id}/galleries/")
    with default_storage.open(face.crop) as file:
        crop = Image.open(io.BytesIO(file.read()))
    assert (crop.format, crop.size) == ("JPEG", (160, 160))
    assert face.crop_box == [30, 30, 100, 100]
    usage = TeamUsage.objects.get()
    assert (usage.pictures, usage.stored_faces) == (1, 1)
    assert usage.stored_bytes == face.stored_bytes == default_storage.size(face.crop)
    ada.gallery.refresh_from_db()
    assert ada.gallery.changed_at > changed
    (question,) = asked
    assert (question["queue"], question["recognition"], question["crops"]) == (
        "interactive",
        "dlib-face-v1",
        True,
    )
    event = AuditEvent.objects.get(action="face.enrolled")
    assert (event.object_type, event.object_id) == ("enrolledface", str(face.pk))
    assert event.details == {"gallery_id": str(face.gallery_id), "subject_id": str(ada.pk)}


def test_a_gallery_that_keeps_no_pictures_asks_for_none_and_stores_none(
    in_team: Team, engine: EngineOfPeople, asked: list[Any], stored_files: Callable[[], list[str]]
) -> None:
    gallery = gallery_create(team=in_team, name="Staff", keep_crops=False)
    face = face_enrol(
        gallery=gallery, subject=subject_create(gallery=gallery, name="Ada"), content=people_picture(1)
    )
    assert (face.crop, face.crop_box, face.stored_bytes) == ("", None, 0)
    assert "crops" not in asked[0]
    assert stored_files() == []


def test_a_box_says_which_of_several_people_is_meant(ada: Subject, engine: EngineOfPeople) -> None:
    # Drawn generously around the second of three.
    face = face_enrol(
        gallery=ada.gallery, subject=ada, content=people_picture(1, 2, 3), box=(210.0, 10.0, 180.0, 180.0)
    )
    assert face.embedding == pytest.approx(embedding_of(2), abs=1e-3)
    assert face.left == 250
    assert face.crop_box == [30, 30, 100, 100]


def test_a_poor_picture_is_enrolled_with_the_reasons_unless_the_gallery_refuses_it(
    ada: Subject, engine: EngineOfPeople
) -> None:
    engine.quality, engine.head_pose = POOR, HeadPose(60.0, 0.0, 0.0)
    face = face_enrol(gallery=ada.gallery, subject=ada, content=people_picture(1))
    assert (face.quality, face.quality_reasons) == ("low", ["blurred", "dark", "noisy", "turned"])


def test_a_face_of_a_gallery_of_faces_belongs_to_nobody(in_team: Team, engine: EngineOfPeople) -> None:
    gallery = gallery_create(team=in_team, name="Faces", holds="faces")
    face = face_enrol(gallery=gallery, content=people_picture(1))
    assert face.subject is None
    assert AuditEvent.objects.get(action="face.enrolled").details == {"gallery_id": str(gallery.pk)}


# --- From a kept face and from a photo ------------------------------------------------------------------
def test_a_kept_face_is_enrolled_without_a_picture(ada: Subject, engine: EngineOfPeople) -> None:
    kept = temporary_face_keep(
        team=ada.gallery.team,
        face=replace(found(5), quality="medium", reasons=("small",)),
        model=default_model(),
        picture_sha256="a" * 64,
    )
    face = face_enrol(gallery=ada.gallery, subject=ada, temporary_face=kept.pk)
    assert face.embedding == pytest.approx(embedding_of(5), abs=1e-3)
    assert (face.quality, face.quality_reasons, face.crop) == ("medium", ["small"], "")
    assert face.picture_sha256 == "a" * 64
    assert TeamUsage.objects.get().pictures == 0


def test_a_face_of_a_photo_is_enrolled_with_a_crop_of_the_original(ada: Subject) -> None:
    media = analysed(ada.gallery.team, 8, 9)
    stored = Face.objects.get(left__gt=200)
    face = face_enrol(gallery=ada.gallery, subject=ada, photo_face=stored.pk)
    assert (face.source, face.picture_sha256, face.quality) == (stored, media.sha256, "high")
    assert face.embedding == pytest.approx(embedding_of(9), abs=1e-3)
    with default_storage.open(face.crop) as file:
        crop = Image.open(io.BytesIO(file.read()))
    assert crop.getpixel((80, 80)) == pytest.approx((4 * 9 + 2, 2, 120), abs=8), "it shows person 9"
    assert TeamUsage.objects.get().pictures == 1, "no worker looked again"
    media.delete()
    face.refresh_from_db()
    assert face.source is None, "the enrolled face outlives the photo"


def test_a_face_of_a_photo_whose_picture_is_not_kept_is_enrolled_without_one(ada: Subject) -> None:
    analysed(ada.gallery.team, 8)
    Media.objects.update(pictures_erased_at=timezone.now())
    face = face_enrol(gallery=ada.gallery, subject=ada, photo_face=Face.objects.get().pk)
    assert (face.crop, face.stored_bytes) == ("", 0)


def test_a_poor_photo_face_says_what_is_known_of_the_reasons(ada: Subject) -> None:
    analysed(ada.gallery.team, 8)
    FaceEmbedding.objects.update(quality="medium")
    face = face_enrol(gallery=ada.gallery, subject=ada, photo_face=Face.objects.get().pk)
    assert face.quality_reasons == ["unclear"]


# --- Refusals -------------------------------------------------------------------------------------------
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


# --- Many at once ---------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_person_gets_exactly_248_faces_however_many_are_enrolled_at_once(people: People) -> None:
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1}, faces=0)
        ada = Subject.objects.get()
        enrol(ada, *[embedding_of(1, view) for view in range(MAX_FACES_PER_SUBJECT - 3)])
    refusals: list[str] = []
    numbers = iter(range(8))

    def one() -> None:
        with team_scope(people.team):
            try:
                face_enrol_found(gallery=gallery, subject=ada, found=found(2 + next(numbers)))
            except Refusal as refusal:
                refusals.append(refusal.code)

    at_once(8, one)
    assert refusals == ["subject_full"] * 5
    with team_scope(people.team):
        assert EnrolledFace.objects.count() == MAX_FACES_PER_SUBJECT
        assert TeamUsage.objects.get(team=people.team).stored_faces == MAX_FACES_PER_SUBJECT


@pytest.mark.django_db(transaction=True)
def test_one_picture_enrolled_by_many_at_once_is_enrolled_once(
    people: People, stored_files: Callable[[], list[str]]
) -> None:
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1, "Bob": 2}, faces=0)
        subjects = list(Subject.objects.order_by("name"))
    refusals: list[str] = []
    turns = iter(range(6))

    def one() -> None:
        with team_scope(people.team):
            try:
                face_enrol_found(gallery=gallery, subject=subjects[next(turns) % 2], found=found(crop=jpeg()))
            except Refusal as refusal:
                refusals.append(refusal.code)

    at_once(6, one)
    assert refusals == ["face_duplicate"] * 5
    with team_scope(people.team):
        assert stored_files() == [EnrolledFace.objects.get().crop]


# --- Taking faces out -----------------------------------------------------------------------------------
def test_an_unenrolled_face_is_gone_with_its_crop_its_vector_and_its_place_in_searches(
    ada: Subject,
    engine: EngineOfPeople,
    stored_files: Callable[[], list[str]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    gallery = ada.gallery
    face, other = (face_enrol(gallery=gallery, subject=ada, content=people_picture(n)) for n in (1, 2))
    state = TrainedState.objects.create(
        team_id=gallery.team_id,
        gallery=gallery,
        model=gallery.model,
        model_sha256=gallery.model_sha256,
        dimension=128,
        trained_from=gallery.changed_at,
    )
    for one in (face, other):
        SearchVector.objects.create(team_id=gallery.team_id, state=state, face=one, embedding=one.embedding)
    Gallery.objects.update(changed_at=timezone.now() - timedelta(days=1))
    elsewhere = gallery_create(team=gallery.team, name="Visitors")
    assert faces_unenrol(gallery=elsewhere, face_ids=[face.pk]) == 0
    with django_capture_on_commit_callbacks(execute=True):
        assert faces_unenrol(gallery=gallery, face_ids=[face.pk, uuid4()]) == 1
    assert faces_unenrol(gallery=gallery, face_ids=[face.pk]) == 0
    assert list(EnrolledFace.objects.all()) == [other]
    assert list(SearchVector.objects.values_list("face", flat=True)) == [other.pk]
    assert stored_files() == [other.crop]
    usage = TeamUsage.objects.get()
    assert (usage.stored_faces, usage.stored_bytes) == (1, other.stored_bytes)
    gallery.refresh_from_db()
    assert gallery.changed_at > timezone.now() - timedelta(hours=1)
    assert AuditEvent.objects.filter(action="face.unenrolled", object_id=str(face.pk)).count() == 1


# --- Probes ---------------------------------------------------------------------------------------------
def test_a_probe_describes_every_face_and_stores_nothing(
    in_team: Team, engine: EngineOfPeople, stored_files: Callable[[], list[str]]
) -> None:
    content = people_picture(4, 5)
    probe = picture_probe(team=in_team, content=content, model=default_model())
    assert (probe.width, probe.height, probe.found) == (400, 200, 2)
    assert probe.picture_sha256 == hashlib.sha256(content).hexdigest()
    assert [face.box for face in probe.faces] == [(50, 50, 100, 100), (250, 50, 100, 100)]
    for person, face in zip((4, 5), probe.faces, strict=True):
        assert face.embedding == pytest.approx(embedding_of(person), abs=1e-6)
        assert Image.open(io.BytesIO(face.crop)).size == (160, 160)
    assert not EnrolledFace.objects.exists()
    assert stored_files() == []
    assert TeamUsage.objects.get().pictures == 1


def test_a_worker_with_an_engine_of_its_own_sees_the_same(in_team: Team, engine: EngineOfPeople) -> None:
    content = people_picture(4, 5)
    asked = picture_probe(team=in_team, content=content, model=default_model())
    own = probe_of_engine(content=content, model=default_model(), engine=EngineOfPeople())
    assert replace(own, taken_at=asked.taken_at) == asked
    assert TeamUsage.objects.get().pictures == 1


def test_faces_far_from_the_box_are_left_out_and_still_counted(in_team: Team, engine: EngineOfPeople) -> None:
    box = (240.0, 40.0, 120.0, 120.0)
    probe = picture_probe(team=in_team, content=people_picture(4, 5), model=default_model(), box=box)
    assert [face.box[0] for face in probe.faces] == [250]
    assert probe.found == 2
    assert face_chosen(probe=probe, box=box) == probe.faces[0]


def test_of_overlapping_faces_the_best_is_meant() -> None:
    faces = [replace(found(n), box=(float(left), 0.0, 100.0, 100.0)) for n, left in ((1, 0), (2, 60))]
    probe = Probe(200, 100, faces, 2, default_model(), "")
    assert face_chosen(probe=probe, box=(55.0, 0.0, 100.0, 100.0)) == faces[1]
    assert face_chosen(probe=probe, box=(5.0, 0.0, 100.0, 100.0)) == faces[0]
