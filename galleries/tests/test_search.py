"""The four questions against plain numpy, in both places where vectors can be."""

from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.access import team_scope
from accounts.models import Team
from conftest import People
from galleries import search, search_sql
from galleries.models import EnrolledFace, Gallery, Subject, TemporaryFace
from galleries.refusals import Refusal
from galleries.search import confidence_among, threshold_among
from galleries.services import subject_create
from galleries.training import gallery_train

from .helpers import enrol, gallery_of
from .search_helpers import CALIBRATION, brute_force, crowd, face_row, own_tables, train, unit

__all__ = ["own_tables"]


def probes_of(gallery: Gallery, count: int, seed: int = 9) -> list[list[float]]:
    """Views of people of the gallery, and the last of nobody."""
    random = np.random.default_rng(seed)
    faces = EnrolledFace.objects.filter(gallery=gallery).order_by("id")[: 3 * count : 3]
    known = [unit(np.array(face.embedding) + random.normal(size=128) * 0.02) for face in faces]
    return [*known, unit(-np.ones(128))]


def ask(gallery: Gallery, probes: list[list[float]], **options: Any) -> list[list[search.Candidate]]:
    return search.identify(gallery=gallery, probes=probes, model_sha256=gallery.model_sha256, **options)


@pytest.mark.parametrize("confidence", [0.0, 0.5, 0.9])
def test_who_is_it_is_what_numpy_says(in_team: Team, own_tables: bool, confidence: float) -> None:
    gallery = crowd(in_team, 60, seed=3)
    crowd(in_team, 40, seed=4)
    assert train(gallery).own_table == own_tables
    probes = probes_of(gallery, 12)
    answers = ask(gallery, probes, count=7, confidence=confidence)
    assert len(answers) == len(probes)
    most = CALIBRATION.distance(confidence)
    for probe, candidates in zip(probes, answers, strict=True):
        wanted = brute_force(gallery, probe, 7, most)
        assert [one.subject_id for one in candidates] == [who for who, _ in wanted]
        for one, (who, distance) in zip(candidates, wanted, strict=True):
            assert one.distance == pytest.approx(distance, abs=2e-4)
            assert one.confidence == pytest.approx(CALIBRATION.confidence(one.distance))
            assert one.face_id is not None
            assert EnrolledFace.objects.get(pk=one.face_id).subject_id == who
    assert any(answers[0])
    if confidence:
        assert answers[-1] == [], "nobody is near: unknown"


def test_many_faces_of_one_person_do_not_hide_the_others(in_team: Team, own_tables: bool) -> None:
    gallery = crowd(in_team, 30, seed=5)
    random = np.random.default_rng(1)
    base = random.normal(size=128) + 1
    many = subject_create(gallery=gallery, name="Often seen")
    EnrolledFace.objects.bulk_create(
        [face_row(many, unit(base + random.normal(size=128) * 0.01)) for _ in range(248)]
    )
    train(gallery)
    answers = ask(gallery, [unit(base)], count=20, confidence=0.0)
    assert answers[0][0].subject_id == many.pk
    assert [one.subject_id for one in answers[0]] == [
        who for who, _ in brute_force(gallery, unit(base), 20, 2.0)
    ]


def test_a_gallery_s_own_threshold_counts_unless_the_question_has_one(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, threshold=1.0)
    train(gallery)
    ada = Subject.objects.get(name="Ada")
    face = EnrolledFace.objects.filter(subject=ada).first()
    assert face is not None
    probe = [unit(np.array(face.embedding) + 0.01)]
    assert ask(gallery, probe) == [[]]
    assert [one.subject_id for one in ask(gallery, probe, confidence=0.5)[0]] == [ada.pk]


def test_a_gallery_of_faces_answers_with_faces(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {}, holds="faces")
    vectors = [unit(np.random.default_rng(seed).normal(size=128)) for seed in range(5)]
    faces = EnrolledFace.objects.bulk_create(
        [EnrolledFace(team=in_team, gallery=gallery, embedding=vector) for vector in vectors]
    )
    train(gallery)
    (answer,) = ask(gallery, [vectors[3]])
    assert [(one.subject_id, one.face_id) for one in answer] == [(None, faces[3].pk)]


def test_another_team_s_vectors_are_never_answered(people: People, others: People, own_tables: bool) -> None:
    with team_scope(others.team):
        theirs = gallery_of(others.team, {"Spy": 1})
        train(theirs)
        probe = EnrolledFace.objects.all()[0].embedding
    with team_scope(people.team):
        mine = gallery_of(people.team, {"Bob": 2})
        train(mine)
        assert ask(mine, [probe]) == [[]]
        assert ask(mine, [probe], confidence=0.0)[0][0].subject_id == mine.subjects.get().pk
        with pytest.raises(Refusal) as refusal:
            ask(theirs, [probe])
        assert refusal.value.code == "gallery_not_trained"


@pytest.mark.parametrize("probes", [1, 30])
def test_a_question_is_one_statement_beside_the_one_for_the_bar_whatever_it_asks(
    in_team: Team, probes: int
) -> None:
    gallery = crowd(in_team, 30)
    train(gallery)
    given = probes_of(gallery, probes)
    with CaptureQueriesContext(connection) as queries:
        ask(gallery, given)
    assert len(queries) == 1


def test_the_bar_rises_with_the_people_a_face_is_compared_with(in_team: Team, own_tables: bool) -> None:
    gallery = crowd(in_team, 60, seed=3)
    train(gallery)
    for probe in probes_of(gallery, 12):
        bar = CALIBRATION.distance(threshold_among(gallery))
        assert bar < CALIBRATION.threshold
        (found,) = ask(gallery, [probe], count=20)
        assert [one.subject_id for one in found] == [who for who, _ in brute_force(gallery, probe, 20, bar)]


def test_a_question_to_a_large_gallery_is_two_statements_and_a_setting(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galleries.search_tables.OWN_TABLE_FROM", 1)
    gallery = crowd(in_team, 30)
    train(gallery)
    given = probes_of(gallery, 10)
    with CaptureQueriesContext(connection) as queries:
        ask(gallery, given)
    told = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(told) == 3


def test_an_untrained_gallery_and_one_in_its_first_training_do_not_answer(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    probe = [EnrolledFace.objects.all()[0].embedding]
    with pytest.raises(Refusal) as refusal:
        ask(gallery, probe)
    assert refusal.value.code == "gallery_not_trained"
    gallery_train(gallery=gallery)
    with pytest.raises(Refusal) as refusal:
        ask(gallery, probe)
    assert refusal.value.code == "gallery_training"


def test_a_gallery_that_is_trained_again_answers_meanwhile(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    train(gallery)
    gallery_train(gallery=gallery)
    assert ask(gallery, [EnrolledFace.objects.all()[0].embedding])[0]


def test_vectors_of_another_model_are_refused_by_every_question(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    train(gallery)
    vector = EnrolledFace.objects.all()[0].embedding
    foreign = search.Probe(vector, "dlib-face-v1", "0" * 64)
    mine = search.Probe(vector, gallery.model, gallery.model_sha256)
    for question in (
        lambda: search.identify(gallery=gallery, probes=[vector], model_sha256="0" * 64),
        lambda: search.verify_faces(foreign, mine),
        lambda: search.verify_subject(foreign, Subject.objects.get()),
        lambda: search.find_similar(foreign, gallery),
    ):
        with pytest.raises(Refusal) as refusal:
            question()
        assert refusal.value.code == "models_differ"


def test_two_faces_are_one_person_by_their_distance(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    ada, ada_again, bob = (
        search.Probe(vector, gallery.model, gallery.model_sha256)
        for vector in EnrolledFace.objects.order_by("subject__name", "created_at").values_list(
            "embedding", flat=True
        )[:3]
    )
    same = search.verify_faces(ada, ada_again)
    assert same.same_person
    assert same.confidence == pytest.approx(CALIBRATION.confidence(same.distance))
    assert not search.verify_faces(ada, bob).same_person
    assert not search.verify_faces(ada, ada_again, confidence=1.0).same_person
    assert search.verify_faces(ada, ada).distance == 0


def test_a_subject_is_verified_by_the_nearest_of_faces_and_template(in_team: Team) -> None:
    gallery = crowd(in_team, 8, seed=2)
    for subject in Subject.objects.filter(gallery=gallery):
        face = subject.faces.all()[0]
        probe = unit(np.array(face.embedding) + np.random.default_rng(0).normal(size=128) * 0.03)
        verdict = search.verify_subject(search.Probe(probe, gallery.model, gallery.model_sha256), subject)
        wanted = dict(brute_force(gallery, probe, 100, 2.0))[subject.pk]
        assert verdict.distance == pytest.approx(wanted, abs=5e-4)


def test_a_subject_without_faces_cannot_be_verified(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    nobody = subject_create(gallery=gallery, name="Nobody")
    probe = search.Probe(EnrolledFace.objects.all()[0].embedding, gallery.model, gallery.model_sha256)
    with pytest.raises(Refusal) as refusal:
        search.verify_subject(probe, nobody)
    assert refusal.value.code == "subject_without_faces"


def test_similar_faces_of_a_gallery_are_ranked_and_cut_by_mode(in_team: Team, own_tables: bool) -> None:
    gallery = crowd(in_team, 20, seed=6)
    train(gallery)
    vectors = {face.pk: np.array(face.embedding) for face in EnrolledFace.objects.filter(gallery=gallery)}
    probe = probes_of(gallery, 1)[0]
    ranked = sorted(vectors, key=lambda pk: float(np.linalg.norm(vectors[pk] - probe)))
    given = search.Probe(probe, gallery.model, gallery.model_sha256)
    found = search.find_similar(given, gallery, mode="match_face", count=25)
    assert [one.face_id for one in found] == ranked[:25]
    near = search.find_similar(given, gallery, count=25)
    limit = CALIBRATION.threshold
    assert {one.face_id for one in near} == {
        pk for pk in ranked[:25] if np.linalg.norm(vectors[pk] - probe) <= limit
    }
    assert near
    assert near[0].subject_id == EnrolledFace.objects.get(pk=near[0].face_id).subject_id


def kept(team: Team, vector: list[float], **fields: object) -> TemporaryFace:
    """A temporary face with this vector."""
    from datetime import timedelta

    from django.utils import timezone

    from ml_models.recognition import default_model

    model = default_model()
    given = {
        "model": model.name,
        "model_sha256": model.sha256,
        "expires_at": timezone.now() + timedelta(hours=1),
    }
    box = {"left": 0, "top": 0, "width": 10, "height": 10}
    return TemporaryFace.objects.create(team=team, embedding=vector, **{**given, **box, **fields})


def test_similar_among_temporary_faces(in_team: Team) -> None:
    base = np.random.default_rng(3).normal(size=128)
    faces = [kept(in_team, unit(base + step * 0.1)) for step in (3, 0, 1, 40)]
    probe = search.probe_of(faces[1])
    ids = [face.pk for face in faces]
    ranked = search.find_similar(probe, ids, mode="match_face")
    assert [one.face_id for one in ranked] == [ids[1], ids[2], ids[0], ids[3]]
    assert [one.face_id for one in search.find_similar(probe, ids)] == [ids[1], ids[2], ids[0]]
    assert [one.face_id for one in search.find_similar(probe, ids, count=1)] == [ids[1]]


def test_faces_are_grouped_by_person(in_team: Team) -> None:
    from tests.fakes import embedding_of

    people = (1, 2, 1, 3, 2, 1)
    ids = [kept(in_team, embedding_of(person, view)).pk for view, person in enumerate(people)]
    found = search.group_faces(ids)
    assert found.groups == [[ids[0], ids[2], ids[5]], [ids[1], ids[4]]]
    assert found.alone == [ids[3]]


def test_faces_of_two_models_are_not_grouped(in_team: Team) -> None:
    ids = [kept(in_team, unit(np.ones(128))).pk, kept(in_team, unit(np.ones(128)), model_sha256="1" * 64).pk]
    with pytest.raises(Refusal) as refusal:
        search.group_faces(ids)
    assert refusal.value.code == "models_differ"


def test_a_face_that_went_to_somebody_else_is_theirs_at_once(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, faces=3)
    train(gallery)
    ada, bob = Subject.objects.order_by("name")
    face = EnrolledFace.objects.filter(subject=ada)[0]
    probe = [face.embedding]
    assert ask(gallery, probe)[0][0].subject_id == ada.pk
    EnrolledFace.objects.filter(subject=ada).update(subject=bob)
    assert [one.subject_id for one in ask(gallery, probe)[0]] == [bob.pk]


def test_a_face_that_moved_to_another_gallery_is_not_answered_any_more(
    in_team: Team, own_tables: bool
) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, faces=2)
    other = gallery_of(in_team, {"Bob": 2})
    train(gallery)
    train(other)
    probe = [EnrolledFace.objects.filter(gallery=gallery)[0].embedding]
    EnrolledFace.objects.filter(gallery=gallery).update(gallery=other, subject=other.subjects.get())
    assert ask(gallery, probe) == [[]]
    assert ask(other, probe) == [[]], "there it counts after training"
    train(other)
    assert ask(other, probe)[0][0].subject_id == other.subjects.get().pk


def test_enough_people_are_found_although_most_of_the_vectors_are_somebody_s_who_is_gone(
    in_team: Team, own_tables: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_sql, "FIRST", 3)
    monkeypatch.setattr(search_sql, "PER_CANDIDATE", 1)
    gallery = crowd(in_team, 20, seed=8)
    train(gallery)
    gone = Subject.objects.filter(gallery=gallery)[:12]
    Subject.objects.filter(pk__in=list(gone.values_list("pk", flat=True))).delete()
    probe = unit(np.ones(128))
    (found,) = ask(gallery, [probe], count=8, confidence=0.0)
    assert [one.subject_id for one in found] == [who for who, _ in brute_force(gallery, probe, 8, 2.0)]


def test_a_face_enrolled_since_counts_after_training(in_team: Team, own_tables: bool) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    train(gallery)
    eve = subject_create(gallery=gallery, name="Eve")
    (face,) = enrol(eve, unit(np.random.default_rng(77).normal(size=128)))
    face.refresh_from_db()
    probe = [face.embedding]
    assert ask(gallery, probe) == [[]]
    train(gallery)
    assert ask(gallery, probe)[0][0].subject_id == eve.pk


def test_the_bar_of_a_search_rises_with_the_people_it_is_made_among(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2}, faces=1)
    assert threshold_among(gallery) == 0.5, "nothing is trained yet"
    train(gallery)
    assert threshold_among(gallery) == 0.5, "of two people none is likelier than not by more"
    assert confidence_among(10) == pytest.approx(5 / 6)
    assert confidence_among(300) == pytest.approx(150 / 151)
    assert threshold_among(gallery, 0.7) == 0.7
    gallery.threshold = 0.6
    assert threshold_among(gallery) == 0.6
