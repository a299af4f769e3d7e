"""Similar faces among those that are enrolled now, and among temporary ones that were read already."""

from datetime import timedelta
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.access import team_scope
from accounts.models import Team
from conftest import People
from galleries import search
from galleries.models import EnrolledFace, Gallery, Subject
from galleries.refusals import Refusal
from galleries.services import gallery_create, subject_create
from galleries.temporary import temporary_faces_get
from tests.fakes import embedding_of

from .helpers import enrol, gallery_of
from .search_helpers import CALIBRATION, unit
from .test_search import kept

FACES = 1000


def faces_of(team: Team, count: int, *, seed: int = 0) -> Gallery:
    """A gallery of so many faces of nobody, in clusters of different width."""
    gallery = gallery_create(team=team, name=f"Faces {seed}", holds="faces")
    random = np.random.default_rng(seed)
    middle = random.normal(size=128)
    EnrolledFace.objects.bulk_create(
        EnrolledFace(
            team=team,
            gallery=gallery,
            embedding=unit(middle + random.normal(size=128) * (0.05 + number / count)),
        )
        for number in range(count)
    )
    return gallery


def probe_of(gallery: Gallery, vector: Any) -> search.Probe:
    return search.Probe(unit(vector), gallery.model, gallery.model_sha256)


def ask(gallery: Gallery, vector: Any, **options: Any) -> list[search.Similar]:
    return search.find_similar(probe_of(gallery, vector), gallery, trained=False, **options)


@pytest.mark.parametrize("count", [1, 20, 1000])
@pytest.mark.parametrize("mode", ["match_person", "match_face"])
def test_faces_are_found_as_numpy_finds_them(in_team: Team, mode: search.Mode, count: int) -> None:
    gallery = faces_of(in_team, 300)
    faces_of(in_team, 50, seed=1)
    vectors = {face.pk: np.array(face.embedding) for face in EnrolledFace.objects.filter(gallery=gallery)}
    here = unit(np.random.default_rng(0).normal(size=128))
    # The database compares in the precision in which it stores.
    there = np.asarray(here).astype(np.float16).astype(np.float64)
    near = sorted((float(np.linalg.norm(vector - there)), pk) for pk, vector in vectors.items())
    if mode == "match_person":
        near = [one for one in near if one[0] <= CALIBRATION.threshold]
        assert 20 < len(near) < 300
    found = ask(gallery, here, mode=mode, count=count)
    assert [one.face_id for one in found] == [pk for _, pk in near[:count]]
    for one, (distance, _) in zip(found, near, strict=False):
        assert one.distance == pytest.approx(distance, abs=2e-4)
        assert one.confidence == pytest.approx(CALIBRATION.confidence(one.distance))


def test_a_face_counts_from_its_enrolment_to_its_erasure(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, faces=1)
    ada = Subject.objects.get()
    assert ask(gallery, embedding_of(2)) == []
    (face,) = enrol(ada, embedding_of(2, 1))
    (found,) = ask(gallery, embedding_of(2))
    assert (found.face_id, found.subject_id) == (face.pk, ada.pk)
    face.delete()
    assert ask(gallery, embedding_of(2)) == []


def test_a_question_s_and_a_gallery_s_own_threshold_count(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, faces=1)
    assert len(ask(gallery, embedding_of(1, 9))) == 1
    assert ask(gallery, embedding_of(1, 9), confidence=1.0) == []
    gallery.threshold = 1.0
    assert ask(gallery, embedding_of(1, 9)) == []
    assert len(ask(gallery, embedding_of(1, 9), mode="match_face")) == 1


def test_whose_consent_has_ended_is_left_out(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, faces=1)
    now = timezone.now()
    Subject.objects.filter(name="Ada").update(consent_until=now - timedelta(seconds=1))
    Subject.objects.filter(name="Bob").update(consent_until=now + timedelta(hours=1))
    assert ask(gallery, embedding_of(1)) == []
    (found,) = ask(gallery, embedding_of(2), mode="match_face")
    assert found.subject_id == Subject.objects.get(name="Bob").pk


def test_an_empty_gallery_has_nobody(in_team: Team) -> None:
    assert ask(gallery_create(team=in_team, name="Empty", holds="faces"), embedding_of(1)) == []


def test_vectors_of_another_model_are_refused(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, faces=1)
    foreign = search.Probe(embedding_of(1), gallery.model, "0" * 64)
    with pytest.raises(Refusal) as refusal:
        search.find_similar(foreign, gallery, trained=False)
    assert refusal.value.code == "models_differ"
    # The gallery was read before its model was exchanged: what the database has counts.
    Gallery.objects.filter(pk=gallery.pk).update(model_sha256="2" * 64)
    with pytest.raises(Refusal) as refusal:
        ask(gallery, embedding_of(1))
    assert refusal.value.code == "models_differ"


def test_another_team_s_faces_are_never_answered(people: People, others: People) -> None:
    with team_scope(others.team):
        theirs = gallery_of(others.team, {"Spy": 1}, faces=1)
    with team_scope(people.team):
        mine = gallery_of(people.team, {"Bob": 1}, faces=1)
        (found,) = ask(mine, embedding_of(1), mode="match_face")
        assert found.subject_id == mine.subjects.get().pk
        with pytest.raises(Refusal) as refusal:
            ask(theirs, embedding_of(1))
        assert refusal.value.code == "models_differ"


def test_a_thousand_faces_are_one_statement_of_a_few_milliseconds(in_team: Team) -> None:
    gallery = faces_of(in_team, FACES)
    here = np.random.default_rng(0).normal(size=128)
    took = []
    for _ in range(10):
        begun = perf_counter()
        with CaptureQueriesContext(connection) as queries:
            found = ask(gallery, here, mode="match_face", count=FACES)
        took.append(perf_counter() - begun)
        assert len(queries) == 1
        assert len(found) == FACES
    # About 10 ms on one idle core; a machine that does other work beside has time enough.
    assert min(took) < 0.5


def test_faces_that_were_read_are_not_read_again(in_team: Team) -> None:
    ids = [kept(in_team, embedding_of(person, view)).pk for view, person in enumerate((1, 2, 1, 3))]
    faces = temporary_faces_get(ids)
    probe = search.probe_of(faces[0])
    with CaptureQueriesContext(connection) as queries:
        similar = search.similar_kept(probe, faces)
        grouped = search.group_kept(faces)
    assert len(queries) == 0
    assert similar == search.find_similar(probe, ids)
    assert grouped == search.group_faces(ids)
    assert similar[0].face_id == ids[0]
    assert similar[0].distance == pytest.approx(0, abs=1e-9)


def test_faces_of_two_models_are_not_compared(in_team: Team) -> None:
    faces = [kept(in_team, embedding_of(1)), kept(in_team, embedding_of(1, 1), model_sha256="1" * 64)]
    for question in (
        lambda: search.similar_kept(search.probe_of(faces[0]), faces),
        lambda: search.group_kept(faces),
    ):
        with pytest.raises(Refusal) as refusal:
            question()
        assert refusal.value.code == "models_differ"


def test_nobody_is_compared_with_whose_consent_has_ended(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, faces=1)
    ada, nobody = Subject.objects.get(), subject_create(gallery=gallery, name="Nobody")
    search.consent_check(ada)
    search.consent_check(nobody)
    ada.consent_until = timezone.now() - timedelta(seconds=1)
    for check in (search.consent_check, search.verifiable_check):
        with pytest.raises(Refusal) as refusal:
            check(ada)
        assert refusal.value.code == "consent_ended"
    with pytest.raises(Refusal) as refusal:
        search.verifiable_check(nobody)
    assert refusal.value.code == "subject_without_faces"
