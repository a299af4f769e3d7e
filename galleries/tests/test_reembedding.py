"""Moving a gallery to another recognition model: old answers until all is exchanged at once."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.db import connections
from django.db.models.functions import Now
from django.test import Client

from accounts.access import team_scope
from accounts.models import AuditEvent, Team
from analysis.models import Face
from conftest import People
from galleries import reembedding, services, training
from galleries.jobs import job_cancel
from galleries.models import EnrolledFace, Gallery, GalleryJob, SearchVector, Subject, TrainedState
from galleries.reembedding import gallery_reembed
from galleries.refusals import Refusal
from galleries.search import identify
from galleries.training import training_of
from media_jobs.leases import LeaseLost
from media_jobs.services import job_create, media_from_bytes
from media_jobs.tests.helpers import work_off
from ml_models.recognition import Calibration, RecognitionModel, default_model, recognition_model
from tests.fakes import EngineOfPeople, embedding_of, people_picture

from .helpers import enrol
from .moving_helpers import done, face_with_crop, rows_of, with_crops
from .search_helpers import train

OTHER = RecognitionModel("other", "b" * 64, 64, Calibration(0.9, 8.0), "CC0-1.0", "Another model")
THIRD = RecognitionModel("third", "c" * 64, 32, Calibration(0.9, 8.0), "CC0-1.0", "A third model")


def vector_of(model: RecognitionModel | None, person: int, view: int = 0) -> list[float]:
    """The vector of a person by a model; None: the usual one."""
    if model is None:
        return embedding_of(person, view)
    return embedding_of(person + 1000, view, model.dimension)


class OtherEngine(EngineOfPeople):
    """Sees the same people, with vectors of another model."""

    def __init__(self, model: RecognitionModel, during: Callable[[], None] | None = None) -> None:
        super().__init__(model_versions={"recognition": model.version})
        self.model, self.during = model, during
        self.looked_at = 0

    def analyze(self, pictures: Sequence[Any], boxes: Any = None) -> list[Any]:
        answers = super().analyze(pictures, boxes)
        for [face] in answers:
            red_and_view = [
                (person, view)
                for person in range(62)
                for view in range(4)
                if face.embedding == embedding_of(person, view)
            ]
            face.embedding = vector_of(self.model, *red_and_view[0])
        self.looked_at += len(answers)
        during, self.during = self.during, None
        if during is not None:
            during()
        return answers


@pytest.fixture()
def engine(monkeypatch: pytest.MonkeyPatch) -> OtherEngine:
    """Two more models are installed, and the worker has an engine for one of them."""
    models = {model.name: model for model in (OTHER, THIRD)}
    monkeypatch.setattr(
        services, "recognition_model", lambda name: models.get(name) or recognition_model(name)
    )
    made = OtherEngine(OTHER)
    monkeypatch.setattr(reembedding, "worker_engine", lambda **_: made)
    return made


def names(gallery: Gallery, model: RecognitionModel | None, *people: int) -> list[str]:
    """Who the gallery takes these people for, by probes of the model that it has now."""
    gallery = Gallery.objects.get(pk=gallery.pk)
    assert gallery.model == (model or default_model()).name
    return names_as_read(gallery, *people)


def names_as_read(gallery: Gallery, *people: int) -> list[str]:
    """The same, by probes of the model that it had when it was read."""
    model = OTHER if gallery.model == "other" else None
    probes = [vector_of(model, person, 3) for person in people]
    found = identify(gallery=gallery, probes=probes, model_sha256=gallery.model_sha256, count=1)
    known = {str(pk): name for pk, name in Subject.objects.values_list("pk", "name")}
    return [known[str(one[0].subject_id)] if one else "nobody" for one in found]


def test_the_people_are_known_by_the_other_model_afterwards(in_team: Team, engine: OtherEngine) -> None:
    gallery = with_crops(in_team, {"Ada": 1, "Bob": 2}, faces=3)
    train(gallery)
    assert names(gallery, None, 1, 2, 9) == ["Ada", "Bob", "nobody"]
    job = done(gallery_reembed(gallery=gallery, model="other"))
    assert (job.status, job.done, job.total, job.failed) == ("succeeded", 6, 6, 0)
    gallery.refresh_from_db()
    assert (gallery.model, gallery.model_sha256) == ("other", OTHER.sha256)
    assert names(gallery, OTHER, 1, 2, 9) == ["Ada", "Bob", "nobody"]
    for face in EnrolledFace.objects.select_related("subject"):
        assert face.subject is not None
        assert len(list(face.embedding)) == 64
        assert face.next_embedding is None
    state = TrainedState.objects.get()
    assert (state.is_current, state.model_sha256, state.face_count) == (True, OTHER.sha256, 6)
    assert not training_of(gallery).due
    assert SearchVector.objects.count() == 8
    event = AuditEvent.objects.get(action="gallery.reembedded")
    assert event.details["after"] == "other"


def test_faces_without_a_crop_are_looked_at_in_their_photo(in_team: Team, engine: OtherEngine) -> None:
    gallery = with_crops(in_team, {"Ada": 1}, faces=0)
    media = media_from_bytes(team=in_team, content=people_picture(1, 2), filename="a.png")
    work_off(job_create(team=in_team, media=[media]), EngineOfPeople())
    source = Face.objects.get(media=media, number=1)
    face_with_crop(Subject.objects.get(), 1, crop="", crop_box=None, stored_bytes=0, source=source)
    job = done(gallery_reembed(gallery=gallery, model="other"))
    assert (job.status, engine.looked_at) == ("succeeded", 1)
    face = EnrolledFace.objects.get()
    assert np.allclose(face.embedding, vector_of(OTHER, 1), atol=0.001)


def test_with_a_face_without_any_picture_the_gallery_stays_as_it_is(
    in_team: Team, engine: OtherEngine
) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    [lost] = enrol(Subject.objects.get(), embedding_of(1, 5))
    gone = EnrolledFace.objects.exclude(crop="").first()
    assert gone is not None
    default_storage.delete(gone.crop)
    train(gallery)
    job = done(gallery_reembed(gallery=gallery, model="other"))
    assert (job.status, job.error_code, job.failed) == ("failed", "reembed_pictures_missing", 2)
    assert {note["entry"] for note in job.notes} == {str(lost.pk), str(gone.pk)}
    assert {note["code"] for note in job.notes} == {"face_without_picture"}
    gallery.refresh_from_db()
    assert (gallery.model, rows_of(gallery)) == ("dlib-face-v1", (1, 3))
    assert names(gallery, None, 1) == ["Ada"]
    assert TrainedState.objects.get().model == "dlib-face-v1"


def test_faces_without_a_picture_are_dropped_where_that_was_said(in_team: Team, engine: OtherEngine) -> None:
    gallery = with_crops(in_team, {"Ada": 1, "Bob": 2})
    enrol(Subject.objects.get(name="Ada"), embedding_of(1, 5))
    train(gallery)
    with pytest.raises(AssertionError):
        assert done(gallery_reembed(gallery=gallery, model="other")).status == "succeeded"
    looked_at = engine.looked_at
    job = done(gallery_reembed(gallery=gallery, model="other", drop_missing=True))
    assert job.status == "succeeded"
    assert engine.looked_at == looked_at, "what the first attempt made is used"
    assert rows_of(gallery) == (2, 4)
    assert names(gallery, OTHER, 1, 2) == ["Ada", "Bob"]


def test_who_is_enrolled_meanwhile_comes_along(in_team: Team, engine: OtherEngine) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    train(gallery)
    bob = services.subject_create(gallery=gallery, name="Bob")

    def enrol_bob() -> None:
        for view in range(2):
            face_with_crop(bob, 2, view)

    engine.during = enrol_bob
    job = done(gallery_reembed(gallery=gallery, model="other"))
    assert (job.status, rows_of(gallery)) == ("succeeded", (2, 4))
    assert not EnrolledFace.objects.filter(next_embedding__isnull=False).exists()
    assert {len(list(face.embedding)) for face in EnrolledFace.objects.all()} == {64}
    assert names(gallery, OTHER, 1, 2) == ["Ada", "Bob"]


def test_a_face_enrolled_after_the_state_was_built_waits_for_the_next_training(
    in_team: Team, engine: OtherEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    train(gallery)
    usual = training.state_fill

    def slow(**arguments: Any) -> int:
        filled = usual(**arguments)
        bob = services.subject_create(gallery=gallery, name="Bob")
        face_with_crop(bob, 2)
        Gallery.objects.filter(pk=gallery.pk).update(changed_at=Now())
        return filled

    monkeypatch.setattr(training, "state_fill", slow)
    assert done(gallery_reembed(gallery=gallery, model="other")).status == "succeeded"
    monkeypatch.undo()
    assert {len(list(face.embedding)) for face in EnrolledFace.objects.all()} == {64}
    gallery.refresh_from_db()
    assert training_of(gallery).due


def test_a_move_that_was_stopped_goes_on_and_looks_at_nothing_twice(
    in_team: Team, engine: OtherEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembedding, "LOOK_AT", 2)
    gallery = with_crops(in_team, {"Ada": 1, "Bob": 2}, faces=4)

    def dies() -> None:
        raise LeaseLost

    job = gallery_reembed(gallery=gallery, model="other")
    next_one = iter([False, True])
    usual = engine.analyze

    def analyze(pictures: Sequence[Any], boxes: Any = None) -> list[Any]:
        if next(next_one, False):
            dies()
        return usual(pictures, boxes)

    monkeypatch.setattr(engine, "analyze", analyze)
    assert done(job).status == "running"
    assert EnrolledFace.objects.filter(next_embedding__isnull=False).count() == 2
    assert done(job).status == "succeeded"
    assert engine.looked_at == 8


def test_leavings_for_a_third_model_are_not_taken_for_ones_own(
    in_team: Team, engine: OtherEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    enrol(Subject.objects.get(), embedding_of(1, 5))
    third = OtherEngine(THIRD)
    monkeypatch.setattr(reembedding, "worker_engine", lambda **_: third)
    assert done(gallery_reembed(gallery=gallery, model="third")).status == "failed"
    assert EnrolledFace.objects.filter(next_embedding__isnull=False).count() == 2
    monkeypatch.setattr(reembedding, "worker_engine", lambda **_: engine)
    assert done(gallery_reembed(gallery=gallery, model="other", drop_missing=True)).status == "succeeded"
    assert {len(list(face.embedding)) for face in EnrolledFace.objects.all()} == {64}


def test_a_worker_with_other_weights_changes_nothing(in_team: Team, engine: OtherEngine) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    engine.model_versions = {"recognition": "other-aaaaaaaaaaaa"}
    job = done(gallery_reembed(gallery=gallery, model="other"))
    assert (job.status, job.error_code) == ("failed", "model_of_worker_differs")
    assert not EnrolledFace.objects.filter(next_embedding__isnull=False).exists()


def test_what_cannot_be_is_refused_and_queues_nothing(in_team: Team, engine: OtherEngine) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    for model, code in (("dlib-face-v1", "reembed_same_model"), ("none-such", "model_unknown")):
        with pytest.raises(Refusal) as refusal:
            gallery_reembed(gallery=gallery, model=model)
        assert refusal.value.code == code
    assert not GalleryJob.objects.exists()
    job = gallery_reembed(gallery=gallery, model="other")
    with pytest.raises(Refusal) as refusal:
        gallery_reembed(gallery=gallery, model="third")
    assert refusal.value.code == "reembed_in_progress"
    job_cancel(job=job)
    assert gallery_reembed(gallery=gallery, model="third").options["model"] == "third"


def test_the_api_starts_a_move(people: People, others: People, engine: OtherEngine) -> None:
    with team_scope(people.team):
        gallery = with_crops(people.team, {"Ada": 1})
    headers = {"Authorization": f"Bearer {people.key()}"}
    address = f"/api/v1/galleries/{gallery.pk}/reembed"

    def send(body: dict[str, Any], key: dict[str, str] = headers) -> Any:
        return Client().post(address, body, content_type="application/json", headers=key)

    assert send({"model": "other"}, {"Authorization": f"Bearer {others.key()}"}).status_code == 404
    assert send({"model": "dlib-face-v1"}).json()["code"] == "reembed_same_model"
    made = send({"model": "other"})
    assert (made.status_code, made.json()["kind"], made.json()["total"]) == (202, "reembed", 2)
    assert send({"model": "other"}).json()["code"] == "reembed_in_progress"


def test_a_probe_that_comes_after_the_switch_is_told_so(in_team: Team, engine: OtherEngine) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    train(gallery)
    before = Gallery.objects.get(pk=gallery.pk)
    assert done(gallery_reembed(gallery=gallery, model="other")).status == "succeeded"
    with pytest.raises(Refusal) as refusal:
        names_as_read(before, 1)
    assert refusal.value.code == "models_differ"


@pytest.mark.django_db(transaction=True)
def test_identification_answers_all_the_time(people: People, engine: OtherEngine) -> None:
    """A thread asks without a pause while the gallery is moved: every answer is right, before and after."""
    team = people.team
    with team_scope(team):
        gallery = with_crops(team, {"Ada": 1, "Bob": 2, "Eve": 3}, faces=4)
        train(gallery)
        job = gallery_reembed(gallery=gallery, model="other")
    over = threading.Event()
    answers: list[tuple[str, list[str]]] = []
    faults: list[Exception] = []

    def ask() -> None:
        try:
            with team_scope(team):
                while not over.is_set() or answers[-1][0] != "other":
                    read = Gallery.objects.get(pk=gallery.pk)
                    try:
                        answers.append((read.model, names_as_read(read, 1, 2, 3, 9)))
                    except Refusal as refusal:
                        # Only in the moment between reading the model and asking.
                        switched = Gallery.objects.get(pk=gallery.pk).model != read.model
                        if refusal.code != "models_differ" or not switched:
                            raise
        except Exception as fault:  # noqa: BLE001 - raised below, in the thread of the test
            faults.append(fault)
        finally:
            connections.close_all()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        with team_scope(team):
            moved = done(job)
    finally:
        over.set()
        thread.join(timeout=60)
    if faults:
        raise faults[0]
    assert moved.status == "succeeded", moved.error_message
    assert {model for model, _ in answers} == {"dlib-face-v1", "other"}
    assert {tuple(found) for _, found in answers} == {("Ada", "Bob", "Eve", "nobody")}
    # Once by the new model, never by the old one again.
    models = [model for model, _ in answers]
    assert models == sorted(models)
