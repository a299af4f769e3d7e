"""Unknown people of photos: sorted by the machine, corrected by people, and what people said stays."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from accounts.access import across_teams
from accounts.models import AuditEvent, Plan, Team
from conftest import People
from galleries.models import (
    MAX_FACES_PER_SUBJECT,
    EnrolledFace,
    FaceLabel,
    FaceRejection,
    Gallery,
    Subject,
    UnnamedPerson,
)
from galleries.refusals import Refusal
from galleries.services import gallery_create
from galleries.tests.helpers import enrol, gallery_of
from galleries.tests.pool_helpers import album, grouped, ids, photo, whose
from galleries.unnamed import unnamed_ignore, unnamed_merge, unnamed_name, unnamed_restore, unnamed_split
from galleries.unnamed_faces import BEST, spread
from galleries.unnamed_pool import Clustered, pool_cluster
from tests.fakes import embedding_of

pytestmark = pytest.mark.django_db


def everything() -> dict[str, Any]:
    """All rows that the deeds of this file write."""
    with across_teams():
        return {
            model.__name__: sorted(model.objects.values_list(), key=str)
            for model in (FaceLabel, FaceRejection, UnnamedPerson, Subject, EnrolledFace, Gallery, AuditEvent)
        }


# --- Naming -------------------------------------------------------------------------------------------


def test_naming_labels_all_faces_as_a_persons_word_and_enrols_the_best(people: People, in_team: Team) -> None:
    faces = album(in_team, {1: 14, 2: 2})
    poor = photo(in_team, 1, view=30, quality="low")
    pool_cluster(team=in_team)
    gallery = gallery_of(in_team, {})
    before = gallery.changed_at
    person = whose(faces[1][0])
    done = unnamed_name(
        team=in_team, unnamed_ids=[person], gallery=gallery, name="Ann", external_id="a-1", user=people.owner
    )
    assert (done.faces, done.enrolled, done.subject.name) == (15, BEST, "Ann")
    labels = FaceLabel.objects.filter(subject=done.subject)
    assert set(labels.values_list("face_id", flat=True)) == ids([*faces[1], *poor])
    assert set(labels.values_list("by", "confidence", "unnamed", "decided_by")) == {
        ("person", None, None, people.owner.pk)
    }
    enrolled = EnrolledFace.objects.filter(subject=done.subject)
    assert enrolled.count() == BEST
    assert set(enrolled.values_list("quality", "by_hand", "created_by")) == {("high", True, people.owner.pk)}
    assert set(enrolled.values_list("source_id", flat=True)) <= ids(faces[1])
    one = enrolled.select_related("source__media", "source__embedding").first()
    assert one is not None
    assert one.source is not None
    assert one.picture_sha256 == one.source.media.sha256
    assert list(one.embedding) == list(one.source.embedding.embedding)
    assert (one.left, one.width) == (one.source.left, one.source.width)
    gallery.refresh_from_db()
    assert gallery.changed_at > before
    assert not UnnamedPerson.objects.filter(pk=person).exists()
    with across_teams():
        event = AuditEvent.objects.get(action="unnamed.named")
        assert (event.object_id, event.details["faces"]) == (str(done.subject.pk), 15)
    # And the machine leaves it at that.
    assert pool_cluster(team=in_team) == Clustered(0, 0, 0)
    assert labels.count() == 15


def test_several_unnamed_people_may_be_somebody_who_is_enrolled(in_team: Team) -> None:
    faces = album(in_team, {1: 2, 2: 2, 3: 2})
    pool_cluster(team=in_team)
    gallery = gallery_of(in_team, {"Ann": 5})
    ann = gallery.subjects.get()
    done = unnamed_name(
        team=in_team,
        unnamed_ids=[whose(faces[1][0]), whose(faces[2][0])],
        gallery=gallery,
        subject_id=ann.pk,
    )
    assert (done.subject, done.faces, done.enrolled) == (ann, 4, 4)
    assert ann.labels.count() == 4
    assert grouped() == [ids(faces[3])]


def test_what_was_ruled_out_for_an_unnamed_person_is_for_the_named_one(in_team: Team) -> None:
    faces = album(in_team, {1: 4})[1]
    pool_cluster(team=in_team)
    person = whose(faces[0])
    other = unnamed_split(team=in_team, unnamed_id=person, face_ids=[faces[3].pk])
    gallery = gallery_of(in_team, {})
    ann = unnamed_name(team=in_team, unnamed_ids=[person], gallery=gallery, name="Ann").subject
    rejection = FaceRejection.objects.get()
    assert (rejection.face_id, rejection.subject, rejection.unnamed) == (faces[3].pk, ann, None)
    # Whoever names them the same after all takes that back.
    unnamed_name(team=in_team, unnamed_ids=[other.pk], gallery=gallery, subject_id=ann.pk)
    assert not FaceRejection.objects.exists()
    assert ann.labels.count() == 4


def test_the_faces_enrolled_differ_and_none_stands_apart() -> None:
    steps = [[float(np.cos(angle)), float(np.sin(angle))] for angle in np.radians([0, 1, 2, 10, 11, 12, 80])]
    vectors, one = np.array(steps, dtype=np.float32), np.zeros(7, dtype=np.int64)
    chosen = spread(vectors, one, most=3, limit=0.6)
    assert 6 not in chosen
    assert {0, 5} < set(chosen)
    assert len(set(chosen)) == 3
    # As an unnamed person of its own it belongs.
    assert 6 in spread(vectors, np.array([0] * 6 + [1]), most=3, limit=0.6)
    assert sorted(spread(vectors[:2], one[:2], most=5, limit=0.5)) == [0, 1]


def test_faces_that_the_gallery_has_are_not_enrolled_twice(in_team: Team) -> None:
    faces = album(in_team, {1: 3})[1]
    pool_cluster(team=in_team)
    gallery = gallery_of(in_team, {"Ann": 1}, faces=1)
    EnrolledFace.objects.update(source=faces[0])
    ann = gallery.subjects.get()
    done = unnamed_name(team=in_team, unnamed_ids=[whose(faces[0])], gallery=gallery, subject_id=ann.pk)
    assert (done.faces, done.enrolled) == (3, 2)


@pytest.mark.parametrize(
    "reason",
    [
        *("unnamed_unknown", "subject_unknown", "subject_full", "unnamed_model_differs", "gallery_unknown"),
        *("gallery_model_changed", "gallery_holds_faces", "subject_id_taken"),
        *("consent_ended", "identity_switched_off", "quota_faces"),
    ],
)
def test_a_refused_name_changes_nothing(people: People, in_team: Team, reason: str) -> None:
    faces = album(in_team, {1: 3})[1]
    pool_cluster(team=in_team)
    gallery = gallery_of(in_team, {"Ann": 5}, faces=1)
    ann = gallery.subjects.get()
    asked: dict[str, Any] = {"unnamed_ids": [whose(faces[0])], "subject_id": ann.pk}
    if reason == "unnamed_unknown":
        asked["unnamed_ids"] += [uuid.uuid4()]
    elif reason == "subject_unknown":
        asked["subject_id"] = gallery_of(in_team, {"Bob": 6}).subjects.get().pk
    elif reason == "subject_full":
        enrol(ann, *(embedding_of(5, view) for view in range(MAX_FACES_PER_SUBJECT - 1)))
    elif reason == "unnamed_model_differs":
        Gallery.objects.update(model="other", model_sha256="1" * 64)
        gallery.refresh_from_db()
    elif reason == "gallery_model_changed":
        Gallery.objects.update(model_sha256="1" * 64)
    elif reason == "gallery_holds_faces":
        gallery = gallery_create(team=in_team, name="Faces", holds="faces")
        asked = {"unnamed_ids": asked["unnamed_ids"], "name": "Ann"}
    elif reason == "subject_id_taken":
        Subject.objects.update(external_id="a-1")
        asked = {"unnamed_ids": asked["unnamed_ids"], "name": "Ann", "external_id": "a-1"}
    elif reason == "consent_ended":
        Subject.objects.update(consent_until=timezone.now() - timedelta(days=1))
    elif reason == "identity_switched_off":
        in_team.analyze_identity = False
    elif reason == "quota_faces":
        in_team.plan = Plan.objects.create(name="small", stored_faces=4)
        in_team.save()
    elif reason == "gallery_unknown":
        Gallery.objects.all().delete()
    before = everything()
    with pytest.raises(Refusal) as refused:
        unnamed_name(team=in_team, gallery=gallery, **asked)
    assert refused.value.code == reason
    assert everything() == before


# --- Merging, splitting, ignoring ---------------------------------------------------------------------


def test_merged_people_stay_one_whatever_the_machine_thinks(people: People, in_team: Team) -> None:
    faces = album(in_team, {1: 2, 2: 2, 3: 2})
    pool_cluster(team=in_team)
    first, second = whose(faces[1][0]), whose(faces[2][0])
    kept = unnamed_merge(team=in_team, unnamed_ids=[first, second, first], user=people.owner)
    assert (kept.pk, kept.by_hand) == (first, True)
    later = album(in_team, {1: 1, 2: 1}, first_view=10)
    for _ in range(3):
        pool_cluster(team=in_team)
    assert {whose(face) for face in [*faces[1], *faces[2]]} == {first}
    assert whose(faces[3][0]) != first
    assert UnnamedPerson.objects.count() == 2
    with across_teams():
        event = AuditEvent.objects.get(action="unnamed.merged")
        assert event.details["merged"] == [str(second)]
    assert all(whose(face[0]) in {None, first} for face in later.values())


def test_split_faces_never_come_back(in_team: Team) -> None:
    faces = album(in_team, {1: 5})[1]
    pool_cluster(team=in_team)
    person = whose(faces[0])
    other = unnamed_split(team=in_team, unnamed_id=person, face_ids=[faces[3].pk, faces[4].pk])
    for view in range(3):
        album(in_team, {1: 2}, first_view=10 + 2 * view)
        pool_cluster(team=in_team)
    assert {whose(face) for face in faces[:3]} == {person}
    assert {whose(face) for face in faces[3:]} == {other.pk}
    # Nor when the label is lost and the face is looked at as a new one.
    FaceLabel.objects.filter(face=faces[3]).delete()
    pool_cluster(team=in_team)
    assert whose(faces[3]) == other.pk
    assert sorted(UnnamedPerson.objects.values_list("by_hand", flat=True)) == [True, True]


def test_merging_takes_an_earlier_split_back(in_team: Team) -> None:
    faces = album(in_team, {1: 3})[1]
    pool_cluster(team=in_team)
    person = whose(faces[0])
    other = unnamed_split(team=in_team, unnamed_id=person, face_ids=[faces[2].pk])
    unnamed_merge(team=in_team, unnamed_ids=[person, other.pk])
    assert grouped() == [ids(faces)]
    assert not FaceRejection.objects.exists()


def test_what_was_ruled_out_for_one_is_ruled_out_for_whom_it_is_merged_into(in_team: Team) -> None:
    faces = album(in_team, {1: 3, 2: 2})
    pool_cluster(team=in_team)
    first, second = whose(faces[1][0]), whose(faces[2][0])
    third = unnamed_split(team=in_team, unnamed_id=first, face_ids=[faces[1][2].pk])
    unnamed_merge(team=in_team, unnamed_ids=[second, first])
    rejection = FaceRejection.objects.get()
    assert (rejection.face_id, rejection.unnamed_id) == (faces[1][2].pk, second)
    assert whose(faces[1][2]) == third.pk


@pytest.mark.parametrize(
    ("choose", "code"),
    [
        (lambda faces: [faces[1][0].pk, faces[2][0].pk], "unnamed_face_unknown"),
        (lambda faces: [uuid.uuid4()], "unnamed_face_unknown"),
        (lambda faces: [], "unnamed_face_unknown"),
        (lambda faces: [face.pk for face in faces[1]], "unnamed_split_all"),
    ],
)
def test_a_refused_split_changes_nothing(in_team: Team, choose: Any, code: str) -> None:
    faces = album(in_team, {1: 3, 2: 2})
    pool_cluster(team=in_team)
    before = everything()
    with pytest.raises(Refusal) as refused:
        unnamed_split(team=in_team, unnamed_id=whose(faces[1][0]), face_ids=choose(faces))
    assert refused.value.code == code
    assert everything() == before


def test_a_refused_merge_changes_nothing(in_team: Team) -> None:
    faces = album(in_team, {1: 2, 2: 2})
    pool_cluster(team=in_team)
    first = whose(faces[1][0])
    before = everything()
    for wanted, code in [
        ([first], "unnamed_merge_one"),
        ([first, first], "unnamed_merge_one"),
        ([first, whose(faces[2][0]), uuid.uuid4()], "unnamed_unknown"),
        ([], "unnamed_unknown"),
    ]:
        with pytest.raises(Refusal) as refused:
            unnamed_merge(team=in_team, unnamed_ids=wanted)
        assert refused.value.code == code
        assert everything() == before


def test_ignored_people_gather_their_new_faces_unasked(in_team: Team) -> None:
    faces = album(in_team, {1: 2, 2: 2})
    pool_cluster(team=in_team)
    first, second = whose(faces[1][0]), whose(faces[2][0])
    assert unnamed_ignore(team=in_team, unnamed_ids=[first, second]) == 2
    assert unnamed_ignore(team=in_team, unnamed_ids=[first]) == 0
    later = album(in_team, {1: 2}, first_view=10)[1]
    pool_cluster(team=in_team)
    assert {whose(face) for face in later} == {first}
    assert set(UnnamedPerson.objects.values_list("ignored", flat=True)) == {True}
    assert unnamed_restore(team=in_team, unnamed_ids=[second]) == 1
    assert list(UnnamedPerson.objects.filter(ignored=False).values_list("pk", flat=True)) == [second]
    with across_teams():
        assert AuditEvent.objects.filter(action="unnamed.ignored").count() == 2
        assert AuditEvent.objects.filter(action="unnamed.restored").count() == 1
    before = everything()
    with pytest.raises(Refusal, match="not there any more"):
        unnamed_ignore(team=in_team, unnamed_ids=[second, uuid.uuid4()])
    assert everything() == before
