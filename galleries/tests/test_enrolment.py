"""Enrolling faces: from pictures, kept faces and photos."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from accounts.access import team_scope
from accounts.models import AuditEvent, Team, TeamUsage
from analysis.models import Face, FaceEmbedding
from conftest import People
from galleries.enrolment import face_enrol, face_enrol_found, faces_unenrol
from galleries.models import MAX_FACES_PER_SUBJECT, EnrolledFace, Gallery, SearchVector, Subject, TrainedState
from galleries.probes import Probe, face_chosen, picture_probe, probe_of_engine
from galleries.refusals import Refusal
from galleries.services import gallery_create, subject_create
from galleries.temporary import temporary_face_keep
from media_jobs.models import Media
from media_jobs.tests.helpers import at_once
from ml_models.recognition import default_model
from ml_models.types import HeadPose
from tests.fakes import EngineOfPeople, embedding_of, people_picture

from .enrolment_helpers import POOR, analysed, found, jpeg
from .helpers import enrol, gallery_of


@pytest.fixture()
def gallery(in_team: Team) -> Gallery:
    return gallery_create(team=in_team, name="Staff")


@pytest.fixture()
def ada(gallery: Gallery) -> Subject:
    return subject_create(gallery=gallery, name="Ada")


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
