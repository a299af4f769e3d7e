"""Limits that whoever makes a gallery may set: galleries of a kind, people and faces in one."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.access import team_scope
from accounts.models import AuditEvent, Team
from accounts.tests.limit_helpers import CLIENTS, count_outcomes
from conftest import People
from galleries import erasure
from galleries.enrolment import face_enrol, face_enrol_found
from galleries.erasure import ERASING, gallery_erase
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject
from galleries.probes import ProbeFace
from galleries.refusals import Refusal
from galleries.services import gallery_create, subject_create
from galleries.training import gallery_train
from media_jobs.models import Removal
from media_jobs.removals import removal_run
from tests.fakes import EngineOfPeople, embedding_of, people_picture

Look = Callable[[], Any]
FACES = Gallery.Holds.FACES


def refused(everything: Look, code: str, step: Callable[[], Any]) -> str:
    """A step is refused and changes nothing; its sentence."""
    before = everything()
    with pytest.raises(Refusal) as caught:
        step()
    assert caught.value.code == code
    assert everything() == before
    return caught.value.message


def found(number: int = 1) -> ProbeFace:
    return ProbeFace(box=(0.0, 0.0, 9.0, 9.0), confidence=0.9, embedding=embedding_of(number))


# --- Galleries ----------------------------------------------------------------------------------------
def test_a_team_has_so_many_galleries_of_a_namespace(in_team: Team, everything: Look) -> None:
    def make(key: str, namespace: str = "face_list") -> Gallery:
        return gallery_create(team=in_team, name=key, key=key, namespace=namespace, most=2)

    make("a")
    make("b")
    words = refused(everything, "galleries_full", lambda: make("c"))
    assert words == "The team may have 2 galleries of this kind, and has them. Erase one first."
    refused(everything, "gallery_key_taken", lambda: make("b"))
    make("c", "person_group")
    # Without a limit nobody counts.
    gallery_create(team=in_team, name="c", key="c", namespace="face_list")


def test_galleries_of_another_team_do_not_count(people: People, others: People) -> None:
    for team in (people.team, others.team):
        with team_scope(team):
            gallery_create(team=team, name="a", key="a", namespace="face_list", most=1)
            assert Gallery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_galleries_made_at_once_stay_within_the_limit(people: People) -> None:
    def step(team: Team, number: int) -> None:
        gallery_create(team=team, name="List", key=str(number), namespace="face_list", most=5)

    assert count_outcomes(people.team, step) == {"passed": 5, "galleries_full": CLIENTS - 5}
    with team_scope(people.team):
        assert Gallery.objects.count() == 5
        assert AuditEvent.objects.filter(action="gallery.created").count() == 5


# --- People -------------------------------------------------------------------------------------------
def test_a_gallery_holds_so_many_people(in_team: Team, everything: Look) -> None:
    gallery, other = (gallery_create(team=in_team, name=name) for name in ("Staff", "Guests"))
    for name in ("Ada", "Bob"):
        subject_create(gallery=gallery, name=name, most=2)
    words = refused(
        everything, "gallery_people_full", lambda: subject_create(gallery=gallery, name="Eve", most=2)
    )
    assert words.startswith("The gallery may hold 2 people, and holds them.")
    subject_create(gallery=other, name="Eve", most=1)
    subject_create(gallery=gallery, name="Eve")


def test_in_a_gallery_that_is_gone_nobody_is_made(in_team: Team, everything: Look) -> None:
    gallery = gallery_create(team=in_team, name="Staff")
    Gallery.objects.filter(pk=gallery.pk).delete()
    refused(everything, "gallery_unknown", lambda: subject_create(gallery=gallery, name="Ada", most=2))


@pytest.mark.django_db(transaction=True)
def test_people_made_at_once_stay_within_the_limit(people: People) -> None:
    with team_scope(people.team):
        gallery = gallery_create(team=people.team, name="Staff")

    def step(team: Team, number: int) -> None:
        subject_create(gallery=gallery, name=f"Person {number}", most=5)

    assert count_outcomes(people.team, step) == {"passed": 5, "gallery_people_full": CLIENTS - 5}
    with team_scope(people.team):
        assert Subject.objects.count() == 5


# --- Faces --------------------------------------------------------------------------------------------
def test_a_gallery_holds_so_many_faces(
    in_team: Team, engine: EngineOfPeople, everything: Look, asked: list[dict[str, Any]]
) -> None:
    gallery = gallery_create(team=in_team, name="List", holds=FACES)
    for number in (1, 2):
        face_enrol(gallery=gallery, content=people_picture(number), most=2)
    one_more = people_picture(3)
    words = refused(everything, "gallery_full", lambda: face_enrol(gallery=gallery, content=one_more, most=2))
    assert words.startswith("The gallery may hold 2 faces, and holds them.")
    assert len(asked) == 2, "it is refused before a worker is asked"
    refused(
        everything,
        "gallery_full",
        lambda: face_enrol_found(gallery=gallery, subject=None, found=found(3), most=2),
    )
    face_enrol(gallery=gallery, content=one_more)


@pytest.mark.django_db(transaction=True)
def test_faces_enrolled_at_once_stay_within_the_limit(people: People) -> None:
    with team_scope(people.team):
        gallery = gallery_create(team=people.team, name="List", holds=FACES, allow_duplicates=True)

    def step(team: Team, number: int) -> None:
        face_enrol_found(gallery=gallery, subject=None, found=found(number), most=5)

    assert count_outcomes(people.team, step) == {"passed": 5, "gallery_full": CLIENTS - 5}
    with team_scope(people.team):
        assert EnrolledFace.objects.count() == 5


def test_small_faces_count_only_where_they_are_to(
    in_team: Team, engine: EngineOfPeople, everything: Look
) -> None:
    gallery = gallery_create(team=in_team, name="List", holds=FACES)
    # Faces of the picture are squares of 100 pixels.
    refused(
        everything,
        "face_not_found",
        lambda: face_enrol(gallery=gallery, content=people_picture(1), least_side=101.0),
    )
    face_enrol(gallery=gallery, content=people_picture(1), least_side=100.0)


# --- Keys of galleries that are being erased --------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("holds", [FACES, Gallery.Holds.SUBJECTS])
def test_the_key_of_a_large_gallery_is_free_while_a_job_erases_it(
    people: People, holds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "MOST_AT_ONCE", 2)
    with team_scope(people.team):
        old = gallery_create(team=people.team, name="List", key="list", holds=holds)
        for number in range(3):
            if holds == FACES:
                face_enrol_found(gallery=old, subject=None, found=found(number))
            else:
                # Somebody without a face is to be erased as well.
                subject_create(gallery=old, name=f"Person {number}")
        job = gallery_train(gallery=old)
        removal = gallery_erase(gallery=old)
        assert removal is not None
        assert removal.total == 4
        renamed = Gallery.objects.get()
        assert (renamed.namespace, renamed.key) == (ERASING, old.pk.hex)
        new = gallery_create(team=people.team, name="List", key="list", holds=holds)
    removal_run(removal_id=removal.pk)
    with team_scope(people.team):
        assert Removal.objects.get().status == Removal.Status.SUCCEEDED
        assert [gallery.pk for gallery in Gallery.objects.all()] == [new.pk]
        assert not GalleryJob.objects.filter(pk=job.pk).exists()
        assert not EnrolledFace.objects.exists()
        assert not Subject.objects.exists()
