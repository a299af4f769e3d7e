"""The machine sorts unknown faces of photos into people, the same way each time, and touches no person's
word.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone

from accounts.access import team_scope
from accounts.models import Team
from analysis.models import Face, FaceEmbedding
from analysis.recognition import photo_model
from conftest import People
from galleries import unnamed_pool
from galleries.jobs import job_run, job_start
from galleries.models import (
    FaceLabel,
    GalleryJob,
    Subject,
    UnnamedPerson,
)
from galleries.refusals import Refusal
from galleries.tests.helpers import gallery_of
from galleries.tests.pool_helpers import album, grouped, ids, photo, whose
from galleries.unnamed import unnamed_ignore, unnamed_name
from galleries.unnamed_pool import Clustered, pool_cluster, pool_cluster_start
from galleries.unnamed_selectors import unnamed_people
from media_jobs.erasure import media_erase
from media_jobs.hooks import photos_analyzed
from media_jobs.models import Media
from media_jobs.services import job_create, media_from_bytes
from media_jobs.tests.helpers import at_once
from media_jobs.work import chunk_analyze
from tests.fakes import EngineOfPeople, people_picture

pytestmark = pytest.mark.django_db


def vectors_around(seed: int, *, spread: float, count: int) -> list[list[float]]:
    """Vectors about one centre in directions at right angles; any two are about this far apart."""
    axes = np.linalg.qr(np.random.default_rng(seed).normal(size=(128, 20)))[0].T
    offset = spread / np.sqrt(2)
    made = axes[0] + offset * axes[1 : count + 1]
    return [[float(value) for value in row / np.linalg.norm(row)] for row in made]


def near_to(vector: list[float]) -> list[float]:
    """Another vector very near to one."""
    made = np.array(vector) + np.random.default_rng(1).normal(size=len(vector)) * 0.005
    return [float(value) for value in made / np.linalg.norm(made)]


def test_faces_of_one_person_become_an_unnamed_person(in_team: Team) -> None:
    faces = album(in_team, {1: 3, 2: 2, 3: 1})
    assert pool_cluster(team=in_team) == Clustered(faces=5, made=2, joined=0)
    assert grouped() == [ids(faces[1]), ids(faces[2])]
    assert not FaceLabel.objects.filter(face=faces[3][0]).exists()
    assert set(FaceLabel.objects.values_list("by", "subject")) == {("machine", None)}
    assert set(UnnamedPerson.objects.values_list("model", "by_hand", "ignored")) == {
        (photo_model().name, False, False)
    }


def test_a_second_run_changes_nothing(in_team: Team) -> None:
    album(in_team, {1: 3, 2: 2, 3: 1})
    pool_cluster(team=in_team)
    before = sorted(FaceLabel.objects.values_list("face_id", "unnamed_id", "decided_at"))
    assert pool_cluster(team=in_team) == Clustered(0, 0, 0)
    assert sorted(FaceLabel.objects.values_list("face_id", "unnamed_id", "decided_at")) == before


def test_new_photos_join_whom_they_show(in_team: Team) -> None:
    first = album(in_team, {1: 2, 2: 1})
    pool_cluster(team=in_team)
    person = whose(first[1][0])
    later = album(in_team, {1: 2, 2: 1}, first_view=10)
    assert pool_cluster(team=in_team) == Clustered(faces=4, made=1, joined=0)
    assert {whose(face) for face in [*first[1], *later[1]]} == {person}
    assert whose(first[2][0]) == whose(later[2][0]) != person


def test_named_faces_and_those_a_person_decided_on_are_left_alone(in_team: Team) -> None:
    faces = album(in_team, {1: 4, 2: 2})
    gallery = gallery_of(in_team, {"Ann": 1})
    ann = gallery.subjects.get()
    FaceLabel.objects.create(face=faces[1][0], team=in_team, subject=ann, by="machine", confidence=0.9)
    FaceLabel.objects.create(face=faces[1][1], team=in_team, subject=ann, by="person")
    FaceLabel.objects.create(face=faces[1][2], team=in_team, by="person")
    pool_cluster(team=in_team)
    assert grouped() == [ids(faces[2])]
    assert FaceLabel.objects.filter(subject=ann).count() == 2
    assert whose(faces[1][2]) is None


def test_a_label_of_the_machine_that_names_nobody_counts_as_none(in_team: Team) -> None:
    faces = album(in_team, {1: 3})
    FaceLabel.objects.create(face=faces[1][0], team=in_team, by="machine")
    pool_cluster(team=in_team)
    assert grouped() == [ids(faces[1])]


def test_two_groups_that_turn_out_to_be_one_person_are_joined_into_the_older(in_team: Team) -> None:
    far, between = vectors_around(7, spread=0.42, count=4), vectors_around(7, spread=0.1, count=8)
    photo(in_team, far[0]), photo(in_team, near_to(far[0]))
    pool_cluster(team=in_team)
    older = UnnamedPerson.objects.get()
    photo(in_team, far[1]), photo(in_team, near_to(far[1]))
    pool_cluster(team=in_team)
    assert UnnamedPerson.objects.count() == 2
    for vector in between:
        photo(in_team, vector)
    assert pool_cluster(team=in_team).joined == 1
    assert UnnamedPerson.objects.get() == older
    assert FaceLabel.objects.filter(unnamed=older).count() == 12


@pytest.mark.parametrize("touched", ["by_hand", "ignored"])
def test_people_that_a_person_touched_are_joined_with_nobody(in_team: Team, touched: str) -> None:
    far, between = vectors_around(7, spread=0.42, count=4), vectors_around(7, spread=0.1, count=8)
    photo(in_team, far[0]), photo(in_team, near_to(far[0]))
    photo(in_team, far[1]), photo(in_team, near_to(far[1]))
    pool_cluster(team=in_team)
    UnnamedPerson.objects.update(**{touched: True})
    before = set(UnnamedPerson.objects.values_list("pk", flat=True))
    for vector in between:
        photo(in_team, vector)
    assert pool_cluster(team=in_team).joined == 0
    assert before <= set(UnnamedPerson.objects.values_list("pk", flat=True))


def test_nobody_is_founded_on_poor_pictures_but_they_join(in_team: Team) -> None:
    poor = [photo(in_team, 1, view=view, quality="low")[0] for view in range(3)]
    assert pool_cluster(team=in_team) == Clustered(0, 0, 0)
    good = album(in_team, {1: 2}, first_view=10)[1]
    assert pool_cluster(team=in_team) == Clustered(faces=5, made=1, joined=0)
    late = photo(in_team, 1, view=20, quality="low")
    pool_cluster(team=in_team)
    assert grouped() == [ids([*poor, *good, *late])]


def test_vectors_of_another_model_are_not_compared(in_team: Team) -> None:
    faces = album(in_team, {1: 2})[1]
    FaceEmbedding.objects.filter(face=faces[0]).update(model_sha256="0" * 64)
    assert pool_cluster(team=in_team) == Clustered(0, 0, 0)
    assert not UnnamedPerson.objects.exists()


def test_a_team_that_has_switched_recognition_off_gets_no_people(in_team: Team) -> None:
    album(in_team, {1: 2})
    in_team.analyze_identity = False
    in_team.save()
    assert pool_cluster(team=in_team) == Clustered(0, 0, 0)
    assert not FaceLabel.objects.exists()


def test_another_team_sees_and_gets_nothing(people: People, others: People) -> None:
    with team_scope(people.team):
        mine = album(people.team, {1: 2})[1]
    with team_scope(others.team):
        theirs = album(others.team, {1: 1})[1]
        assert pool_cluster(team=others.team) == Clustered(0, 0, 0)
        assert not FaceLabel.objects.filter(face__in=[*mine, *theirs]).exists()
    with team_scope(people.team):
        assert pool_cluster(team=people.team).faces == 2
        person = UnnamedPerson.objects.get()
    with team_scope(others.team), pytest.raises(Refusal, match="not there any more"):
        unnamed_ignore(team=others.team, unnamed_ids=[person.pk])


def test_the_memory_is_bounded_by_looking_at_the_newest_faces(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = album(in_team, {1: 2})[1]
    Face.objects.filter(pk__in=ids(old)).update(created_at=timezone.now() - timedelta(days=9))
    new = album(in_team, {2: 2, 3: 1})
    monkeypatch.setattr(unnamed_pool, "MOST_FACES", 3)
    assert pool_cluster(team=in_team).faces == 2
    assert grouped() == [ids(new[2])]
    # Named faces do not count, so the next run reaches further back.
    assert pool_cluster(team=in_team).faces == 2


def test_whose_photos_are_gone_is_forgotten(in_team: Team) -> None:
    faces = album(in_team, {1: 2, 2: 2})
    pool_cluster(team=in_team)
    media_erase(team=in_team, media_ids=[face.media_id for face in faces[1]])
    assert [vars(person)["face_count"] for person in unnamed_people()] == [2]
    pool_cluster(team=in_team)
    assert UnnamedPerson.objects.get().labels.count() == 2


# --- Beside others ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_make_no_doubled_people(people: People) -> None:
    with team_scope(people.team):
        faces = album(people.team, {1: 6, 2: 4, 3: 1})
    at_once(4, lambda: inside(people.team, lambda: pool_cluster(team=people.team)))
    with team_scope(people.team):
        assert grouped() == [ids(faces[1]), ids(faces[2])]
        assert UnnamedPerson.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_run_beside_naming_and_erasing_leaves_nobody_half_known(people: People) -> None:
    with team_scope(people.team):
        faces = album(people.team, {1: 4, 2: 4, 3: 4})
        pool_cluster(team=people.team)
        album(people.team, {1: 3, 2: 3, 3: 3}, first_view=20)
        gallery = gallery_of(people.team, {})
        person, erased = whose(faces[1][0]), [face.media_id for face in faces[2]]
    deeds: list[Callable[[], Any]] = [
        lambda: pool_cluster(team=people.team),
        lambda: unnamed_name(team=people.team, unnamed_ids=[person], gallery=gallery, name="Ann"),
        lambda: media_erase(team=people.team, media_ids=erased),
        lambda: pool_cluster(team=people.team),
    ]
    at_once(4, lambda: inside(people.team, deeds.pop()))
    with team_scope(people.team):
        pool_cluster(team=people.team)
        ann = Subject.objects.get()
        assert ids(faces[1]) <= set(ann.labels.values_list("face_id", flat=True))
        assert ann.faces.filter(source__in=ids(faces[1])).exists()
        assert not Face.objects.filter(pk__in=ids(faces[2])).exists()
        assert FaceLabel.objects.filter(unnamed=None, subject=None).count() == 0
        # Everybody is one person of the pool or named, whoever was first.
        assert len(grouped()) == UnnamedPerson.objects.count()
        assert any(ids(faces[3]) <= faces_of_one for faces_of_one in grouped())


@pytest.mark.django_db(transaction=True)
def test_a_face_that_is_being_erased_is_left_out_without_waiting(people: People) -> None:
    with team_scope(people.team):
        faces = album(people.team, {1: 4})[1]
        with transaction.atomic():
            Face.objects.select_for_update().get(pk=faces[0].pk)
            at_once(1, lambda: inside(people.team, lambda: pool_cluster(team=people.team)))
        assert grouped() == [ids(faces[1:])]
        assert pool_cluster(team=people.team).faces == 1


# --- As a job -----------------------------------------------------------------------------------------


def test_analysed_photos_are_sorted_by_a_job(in_team: Team, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for view in range(2):
            analysed(in_team, 5, 6, view=view)
    job = GalleryJob.objects.get(kind="cluster")
    assert (job.status, job.created_by, job.options) == ("queued", None, {"automatic": True})
    job_run(job_id=job.pk)
    job.refresh_from_db()
    assert (job.status, job.done, job.total) == ("succeeded", 4, 4)
    assert [len(faces) for faces in grouped()] == [2, 2]


def test_photos_without_anybody_new_start_no_job(
    in_team: Team, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        media = analysed(in_team, 5)
    GalleryJob.objects.all().delete()
    ann = gallery_of(in_team, {"Ann": 5}).subjects.get()
    face = Face.objects.get(media=media)
    FaceLabel.objects.create(face=face, team=in_team, subject=ann, by="person")
    with django_capture_on_commit_callbacks(execute=True):
        photos_analyzed(team=in_team, media_ids=[media.pk])
    assert not GalleryJob.objects.exists()
    FaceLabel.objects.all().delete()
    in_team.analyze_identity = False
    with django_capture_on_commit_callbacks(execute=True):
        photos_analyzed(team=in_team, media_ids=[media.pk])
    assert not GalleryJob.objects.filter(kind="cluster").exists()


def test_runs_that_nobody_asked_for_are_forgotten_after_the_next(people: People, in_team: Team) -> None:
    asked = pool_cluster_start(team=in_team, user=people.owner)
    job_run(job_id=asked.pk)
    automatic = []
    for _ in range(3):
        automatic.append(job_start(team=in_team, kind="cluster", options=unnamed_pool.AUTOMATIC))
        job_run(job_id=automatic[-1].pk)
    assert set(GalleryJob.objects.values_list("pk", flat=True)) == {asked.pk, automatic[-1].pk}


def test_one_run_waits_at_a_time(in_team: Team) -> None:
    assert pool_cluster_start(team=in_team) == pool_cluster_start(team=in_team)
    assert GalleryJob.objects.count() == 1


def test_the_number_of_queries_does_not_grow_with_the_faces(
    in_team: Team, django_assert_max_num_queries: Any
) -> None:
    album(in_team, dict.fromkeys(range(20), 2))
    with django_assert_max_num_queries(25):
        pool_cluster(team=in_team)
    assert UnnamedPerson.objects.count() == 20


def inside(team: Team, deed: Callable[[], Any]) -> None:
    with team_scope(team):
        deed()


def analysed(team: Team, *persons: int, view: int = 0) -> Media:
    """A photo that a worker has looked at."""
    content = people_picture(*persons, view=view)
    job = job_create(team=team, media=[media_from_bytes(team=team, content=content, filename="photo.png")])
    chunk_analyze(team=team, job_id=job.pk, chunk=0, engine=EngineOfPeople())
    item = job.items.get()
    assert item.status == "succeeded", item.error_message
    assert item.media is not None
    return item.media
