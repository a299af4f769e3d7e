"""Erasing people and galleries: afterwards nothing of them is left anywhere."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.access import across_teams, team_scope
from accounts.audit import record
from accounts.models import AuditEvent, IdempotentRequest, Team, TeamUsage
from analysis.models import Face
from conftest import People
from emotionsite.sealing import seal
from galleries import erasure
from galleries.archive_export import gallery_export_start
from galleries.erasure import (
    enrolled_faces_erase,
    galleries_erase,
    gallery_erase,
    subjects_erase,
    subjects_removal_start,
)
from galleries.models import (
    EnrolledFace,
    FaceLabel,
    FaceRejection,
    Gallery,
    GalleryJob,
    SearchVector,
    Subject,
    TrainedState,
)
from galleries.refusals import Refusal
from galleries.services import subject_create
from media_jobs.erasure import ERASERS
from media_jobs.exports import export_run, export_start
from media_jobs.models import Export, Media, Removal, Webhook, WebhookDelivery
from media_jobs.removals import removal_run
from media_jobs.services import job_create, media_from_bytes
from media_jobs.tests.helpers import at_once, work_off
from media_jobs.tests.test_erasure import leavings
from media_jobs.webhooks.services import webhook_create, webhook_test
from tests.fakes import EngineOfPeople, embedding_of, people_picture

from .helpers import enrol
from .moving_helpers import done, face_with_crop, rows_of, with_crops
from .search_helpers import train

Names = Callable[[], list[str]]
NAME = "Zora Neale Hurston"


def photo_of(team: Team, *persons: int) -> Media:
    """An analysed photo of these people."""
    media = media_from_bytes(team=team, content=people_picture(*persons), filename="beach.png")
    work_off(job_create(team=team, media=[media]), EngineOfPeople())
    return media


def label(media: Media, number: int, subject: Subject, by: str = "person") -> FaceLabel:
    face = Face.objects.get(media=media, number=number)
    return FaceLabel.objects.update_or_create(
        face=face, defaults={"team_id": media.team_id, "subject": subject, "unnamed": None, "by": by}
    )[0]


def vector_words(face: EnrolledFace) -> str:
    """The beginning of a vector, as the tables write it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT embedding::text FROM galleries_enrolledface WHERE id = %s", [face.pk])
        return str(cursor.fetchone()[0])[1:40]


def everywhere(people: People) -> tuple[Gallery, Subject]:
    """A person who has left traces wherever they can, and another who stays."""
    team = people.team
    with team_scope(team):
        gallery = with_crops(team, {NAME: 1, "Bob": 2})
        zora = Subject.objects.get(name=NAME)
        train(gallery)
        media = photo_of(team, 1, 2)
        label(media, 1, zora)
        bobs = Face.objects.get(media=media, number=2)
        FaceRejection.objects.create(team=team, face=bobs, subject=zora)
        record(
            "subject.merged", team=team, obj=Subject.objects.get(name="Bob"), merged=[str(zora.pk)], was=NAME
        )
        archive = done(gallery_export_start(gallery=gallery, crops=True))
        assert archive.file
        GalleryJob.objects.filter(pk=archive.pk).update(notes=[{"entry": f"{NAME}/1.jpg", "code": "x"}])
        export_run(export_id=export_start(team=team, kind=Export.Kind.TEAM, user=people.owner).pk)
        hook = webhook_create(team=team, url="https://example.org/hook", events=["job.completed"])[0]
        call = webhook_test(webhook=hook)
        WebhookDelivery.objects.filter(pk=call.pk).update(
            status=WebhookDelivery.Status.DELIVERED, payload={"data": {"subject_id": str(zora.pk)}}
        )
        for key, words in (("hers", f'{{"subject_id": "{zora.pk}", "name": "{NAME}"}}'), ("other", "{}")):
            IdempotentRequest.objects.create(
                team=team, key=key, fingerprint="f", status=200, body=seal(words)
            )
    return gallery, zora


@pytest.mark.django_db(transaction=True)
def test_after_the_erasure_of_a_person_nothing_of_them_is_left(people: People, stored_files: Names) -> None:
    gallery, zora = everywhere(people)
    with team_scope(people.team):
        hers = list(zora.faces.all())
        words = [
            NAME,
            str(zora.pk),
            zora.external_id,
            *(str(face.pk) for face in hers),
            *map(vector_words, hers),
        ]
        words += [face.crop.rpartition("/")[2] for face in hers] + [face.picture_sha256 for face in hers]
    before = list(leavings(*words))
    for place in (
        *("galleries_subject:", "galleries_enrolledface:", "galleries_searchvector:", "galleries_facelabel:"),
        *("galleries_facerejection:", "galleries_galleryjob:", "accounts_auditevent:", "name teams/"),
        "media_jobs_webhookdelivery:",
    ):
        assert any(line.startswith(place) for line in before), f"the search sees {place}"
    crops = len([name for name in stored_files() if name.endswith(".jpg") and "/galleries/" in name])
    with team_scope(people.team):
        assert subjects_erase(team=people.team, subject_ids=[zora.pk]) == 1
    left = list(leavings(*words))
    # Ids may stay in the record of who did what; names, vectors and everything else may not.
    assert {line.partition(":")[0] for line in left} <= {"accounts_auditevent"}
    assert not any(word in line for line in left for word in (NAME, zora.external_id, *map(str, words[5:])))
    assert all('"object_name":"[erased]"' in line for line in left)
    with team_scope(people.team):
        assert rows_of(gallery) == (1, 2), "Bob stays"
        assert TrainedState.objects.get().is_current
        assert SearchVector.objects.count() == 3, "two faces of Bob and his template"
        assert Face.objects.count() == 2, "the photo stays, and who is on it is not known any more"
        assert list(IdempotentRequest.objects.values_list("key", flat=True)) == ["other"]
        assert not GalleryJob.objects.exclude(file="").exists()
        assert Export.objects.get().status == Export.Status.ERASED
        assert not WebhookDelivery.objects.exists()
        assert Webhook.objects.exists()
        event = AuditEvent.objects.get(action="subject.erased")
        assert (event.object_id, event.details) == (str(zora.pk), {"gallery_id": str(gallery.pk)})
        gallery.refresh_from_db()
        assert subjects_erase(team=people.team, subject_ids=[zora.pk]) == 0
        assert AuditEvent.objects.filter(action="subject.erased").count() == 1
    kept = [name for name in stored_files() if name.endswith(".jpg") and "/galleries/" in name]
    assert len(kept) == crops - 2
    assert not any(name.endswith(".zip") for name in stored_files())


@pytest.mark.django_db(transaction=True)
def test_with_photos_those_go_too_on_which_the_person_is(people: People) -> None:
    with team_scope(people.team):
        gallery = with_crops(people.team, {NAME: 1, "Bob": 2})
        zora = Subject.objects.get(name=NAME)
        both, only_bob = photo_of(people.team, 1, 2), photo_of(people.team, 2)
        label(both, 1, zora, by="machine")
        label(only_bob, 1, Subject.objects.get(name="Bob"))
        subjects_erase(team=people.team, subject_ids=[zora.pk], photos=True)
        assert list(Media.objects.values_list("pk", flat=True)) == [only_bob.pk]
        assert rows_of(gallery) == (1, 2)


def test_erasing_a_photo_leaves_the_faces_that_were_enrolled_from_it(in_team: Team) -> None:
    """Who was enrolled has given consent to that; the photo's erasure takes only the pointer."""
    gallery = with_crops(in_team, {"Ada": 1}, faces=0)
    media = photo_of(in_team, 1)
    face = face_with_crop(Subject.objects.get(), 1, source=Face.objects.get(media=media))
    assert ERASERS["media"](team=in_team, media_ids=[media.pk]) == 1
    face.refresh_from_db()
    assert (face.source_id, rows_of(gallery)) == (None, (1, 1))


def test_the_end_of_consent_has_its_own_word_in_the_record(in_team: Team) -> None:
    with_crops(in_team, {"Ada": 1})
    subjects_erase(team=in_team, subject_ids=[Subject.objects.get().pk], reason=erasure.CONSENT_ENDED)
    assert AuditEvent.objects.filter(action="subject.consent_ended").count() == 1
    assert not AuditEvent.objects.filter(action="subject.erased").exists()


def test_erasing_single_faces_leaves_their_person(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1}, faces=3)
    before = gallery.changed_at
    face = EnrolledFace.objects.first()
    assert face is not None
    used = TeamUsage.objects.get(team=in_team).stored_bytes
    assert enrolled_faces_erase(team=in_team, face_ids=[face.pk]) == 1
    assert enrolled_faces_erase(team=in_team, face_ids=[face.pk]) == 0
    gallery.refresh_from_db()
    assert rows_of(gallery) == (1, 2)
    assert gallery.changed_at >= before
    usage = TeamUsage.objects.get(team=in_team)
    assert (usage.stored_faces, usage.stored_bytes) == (2, used - face.stored_bytes)


@pytest.mark.django_db(transaction=True)
def test_an_erased_gallery_takes_everybody_in_it_along(people: People, stored_files: Names) -> None:
    with team_scope(people.team):
        gallery = with_crops(people.team, {NAME: 1, "Bob": 2})
        other = with_crops(people.team, {"Eve": 3}, name="Others")
        train(gallery)
        done(gallery_export_start(gallery=gallery, crops=True))
        words = [str(gallery.pk), NAME, "Staff", *map(str, gallery.subjects.values_list("pk", flat=True))]
        assert gallery_erase(gallery=gallery) is None
        assert list(Gallery.objects.all()) == [other]
        assert rows_of(other) == (1, 2)
        assert gallery_erase(gallery=gallery) is None, "twice does no harm"
    left = list(leavings(*words))
    assert all(
        line.startswith("accounts_auditevent:") and '"object_name":"[erased]"' in line for line in left
    )
    assert not any(NAME in line or '"Staff"' in line for line in left)
    assert len(stored_files()) == 2, "the crops of the other gallery"


@pytest.mark.django_db(transaction=True)
def test_a_large_gallery_is_erased_by_a_job_that_survives_a_crash(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "MOST_AT_ONCE", 5)
    monkeypatch.setattr(erasure, "PEOPLE_CHUNK", 2)
    with team_scope(people.team):
        gallery = with_crops(people.team, {f"Person {number}": number for number in range(6)}, faces=1)
        removal = gallery_erase(gallery=gallery, user=people.owner)
    assert removal is not None
    assert (removal.kind, removal.total) == ("gallery", 13)
    # The first run ends after one step, as when its worker is stopped.
    removal_run(removal_id=removal.pk, seconds=-1)
    with team_scope(people.team):
        assert rows_of(gallery) == (4, 4)
        half = Removal.objects.get()
        assert (half.status, half.done) == ("running", 4)
        removal_run(removal_id=removal.pk)
        over = Removal.objects.get()
        assert (over.status, over.done, over.part_ids) == ("succeeded", 13, [])
        assert not Gallery.objects.exists()
        assert not EnrolledFace.objects.exists()
        assert AuditEvent.objects.get(action="removal.finished").details == {"gallery": 1}


@pytest.mark.django_db(transaction=True)
def test_many_people_are_erased_by_a_job_with_their_photos(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "PEOPLE_CHUNK", 2)
    with team_scope(people.team):
        gallery = with_crops(people.team, {f"Person {number}": number for number in range(5)}, faces=1)
        subjects = list(Subject.objects.order_by("id"))
        media = photo_of(people.team, 1)
        label(media, 1, subjects[-1])
        removal = subjects_removal_start(
            team=people.team, ids=[one.pk for one in subjects[1:]], user=people.owner, with_photos=True
        )
        assert (removal.total, removal.with_photos) == (4, True)
        for _ in range(2):
            removal_run(removal_id=removal.pk)
        assert list(Subject.objects.all()) == [subjects[0]]
        assert not Media.objects.exists()
        assert rows_of(gallery) == (1, 1)
        over = Removal.objects.get()
        assert (over.status, over.done) == ("succeeded", 4)


def test_people_of_another_team_are_out_of_reach(people: People, others: People) -> None:
    with team_scope(people.team):
        gallery = with_crops(people.team, {"Ada": 1})
        ids = list(Subject.objects.values_list("pk", flat=True))
        faces = list(EnrolledFace.objects.values_list("pk", flat=True))
    with team_scope(others.team):
        assert subjects_erase(team=others.team, subject_ids=ids) == 0
        assert enrolled_faces_erase(team=others.team, face_ids=faces) == 0
        assert galleries_erase(team=others.team, gallery_ids=[gallery.pk]) == 0
        with pytest.raises(Refusal) as refusal:
            subjects_removal_start(team=others.team, ids=ids, user=None)
        assert refusal.value.code == "people_gone"
        assert not Removal.objects.exists()
    with team_scope(people.team):
        assert rows_of(gallery) == (1, 2)


def test_the_api_erases_people_beside_photos(people: People) -> None:
    with team_scope(people.team):
        with_crops(people.team, {"Ada": 1, "Bob": 2})
        ids = [str(pk) for pk in Subject.objects.values_list("pk", flat=True)]
    headers = {"Authorization": f"Bearer {people.key('analyze', 'read')}"}

    def send(body: dict[str, Any]) -> Any:
        return Client().post("/api/v1/removals", body, content_type="application/json", headers=headers)

    for wrong in ({}, {"media_ids": ids, "subject_ids": ids}, {"media_ids": ids, "photos": True}):
        assert send(wrong).status_code == 400
    assert send({"subject_ids": [str(UUID(int=7))]}).json()["code"] == "people_gone"
    with team_scope(people.team):
        assert not Removal.objects.exists()
    made = send({"subject_ids": ids, "photos": True})
    assert (made.status_code, made.json()["kind"], made.json()["total"]) == (202, "subject", 2)
    shown = Client().get(made["Location"], headers=headers)
    assert shown.json()["status"] == "queued"
    removal_run(removal_id=made.json()["id"])
    with team_scope(people.team):
        assert not Subject.objects.exists()
    assert Client().get(made["Location"], headers=headers).json()["status"] == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_erasing_while_somebody_enrols_leaves_no_crop_and_no_deadlock(
    people: People, stored_files: Names
) -> None:
    with team_scope(people.team):
        gallery = with_crops(people.team, {f"Person {number}": number for number in range(8)}, faces=1)
        ids = list(Subject.objects.values_list("pk", flat=True))
    workers = iter([True, False])

    def step() -> None:
        with team_scope(people.team):
            if next(workers):
                for pk in ids:
                    subjects_erase(team=people.team, subject_ids=[pk])
                return
            for number in range(8):
                with transaction.atomic():
                    Gallery.objects.select_for_update().get(pk=gallery.pk)
                    subject = subject_create(gallery=gallery, name=f"New {number}")
                    enrol(subject, embedding_of(20 + number))

    at_once(2, step)
    with team_scope(people.team):
        assert rows_of(gallery) == (8, 8)
        assert TeamUsage.objects.get(team=people.team).stored_faces == 8
    assert not [name for name in stored_files() if "/galleries/" in name]


@pytest.mark.django_db(transaction=True)
def test_deleting_the_team_takes_galleries_with_crops_and_archives(
    people: People, others: People, stored_files: Names
) -> None:
    from media_jobs.tests.test_removals import run, start

    with team_scope(people.team):
        gallery = with_crops(people.team, {NAME: 1})
        train(gallery)
        done(gallery_export_start(gallery=gallery, crops=True))
    with team_scope(others.team):
        with_crops(others.team, {"Theirs": 5})
    assert run(start(people)).status == "succeeded"
    assert {name.split("/")[1] for name in stored_files()} == {str(others.team.pk)}
    with across_teams():
        assert not Gallery.unscoped.filter(team_id=people.team.pk).exists()
        assert Gallery.unscoped.filter(team_id=others.team.pk).count() == 1
    assert list(leavings(NAME)) == []
