"""Archives of galleries: what goes out comes in again the same, and what is wrong changes nothing."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from accounts.access import team_scope
from accounts.models import AuditEvent, Team
from conftest import People
from galleries import archive_format as form
from galleries import archive_parts, archive_rows
from galleries.archive_export import export_steps, gallery_export_start
from galleries.archive_format import vector_text
from galleries.erasure import subjects_erase
from galleries.job_files import job_files_expire
from galleries.jobs import job_cancel, job_run
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject
from galleries.refusals import Refusal
from galleries.search import identify
from galleries.services import gallery_create, subject_create
from media_jobs.leases import LeaseLost
from media_jobs.tests.test_exports import body_of
from tests.fakes import EngineOfPeople, embedding_of

from .helpers import enrol
from .moving_helpers import (
    FACES,
    SUBJECTS,
    changed,
    content_of,
    done,
    exported,
    files_of,
    imported,
    manifest_of,
    rows_of,
    started,
    with_crops,
    with_lines,
)
from .search_helpers import crowd, train

Names = Callable[[], list[str]]


# --- There and back -----------------------------------------------------------------------------------
def test_a_gallery_goes_to_another_team_and_answers_the_same(people: People, others: People) -> None:
    probes = [embedding_of(person, view) for person in range(12) for view in (7, 8)]
    with team_scope(people.team):
        gallery = with_crops(people.team, {f"Person {number}": number for number in range(10)}, faces=3)
        gallery.threshold, gallery.notes = 0.6, "of Berlin"
        gallery.save()
        subject = Subject.objects.earliest("id")
        subject.consent_by, subject.consent_until = "herself", timezone.now() + timedelta(days=9)
        subject.save()
        train(gallery)
        sha256 = gallery.model_sha256
        before = identify(gallery=gallery, probes=probes, model_sha256=sha256, count=5)
        files = exported(gallery)
        assert manifest_of(files)["model"]["sha256"] == sha256
        crops = dict(EnrolledFace.objects.values_list("pk", "crop"))
        vectors = {face.pk: list(face.embedding) for face in EnrolledFace.objects.all()}
        mine = {**{str(row.pk): form.subject_line(row) for row in Subject.objects.all()}}
    with team_scope(others.team):
        job = imported(others.team, files)
        assert (job.status, job.done, job.failed, job.notes) == ("succeeded", 40, 0, [])
        copy = job.gallery
        assert copy is not None
        assert (copy.name, copy.key, copy.threshold, copy.notes) == ("Staff", "staff", 0.6, "of Berlin")
        assert rows_of(copy) == (10, 30)
        assert job.file == ""
        train(copy)
        after = identify(gallery=copy, probes=probes, model_sha256=sha256, count=5)
        # The ids are those of the other team, so these people got new ones; all else is the same.
        ours = {str(one.external_id): one.pk for one in Subject.objects.all()}
        names = {line["external_id"]: line["id"] for line in mine.values()}
        theirs = {str(pk): name for name, pk in names.items()}
        translated = [
            [(ours[theirs[str(one.subject_id)]], round(one.confidence, 9)) for one in found]
            for found in before
        ]
        assert [
            [(one.subject_id, round(one.confidence, 9)) for one in found] for found in after
        ] == translated
        assert sum(map(len, after)) >= 20
        for row in Subject.objects.all():
            line = form.subject_line(row)
            other = mine[names[row.external_id]]
            assert {**line, "id": 0, "created_at": 0} == {**other, "id": 0, "created_at": 0}
        event = AuditEvent.objects.get(action="gallery.imported")
        assert event.details == {"made": 40, "failed": 0, "status": "succeeded"}
        stored = [files_in(face.crop) for face in EnrolledFace.objects.all()]
        assert sorted(stored) == sorted(files_in(name) for name in crops.values())
        assert sorted(map(tuple, vectors.values())) == sorted(
            tuple(face.embedding) for face in EnrolledFace.objects.all()
        )
        assert not EnrolledFace.objects.filter(pk__in=vectors).exists()


def files_in(name: str) -> bytes:
    with default_storage.open(name, "rb") as file:
        return bytes(file.read())


def test_ids_that_are_free_are_kept(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1, "Bob": 2})
    files = exported(gallery)
    ids = (
        set(EnrolledFace.objects.values_list("pk", flat=True)),
        set(Subject.objects.values_list("pk", flat=True)),
    )
    subjects_erase(team=in_team, subject_ids=list(ids[1]))
    assert imported(in_team, files, gallery).status == "succeeded"
    faces = set(EnrolledFace.objects.values_list("pk", flat=True))
    assert (faces, set(Subject.objects.values_list("pk", flat=True))) == ids


def test_the_same_archive_twice_makes_nobody_twice(in_team: Team, people: People, others: People) -> None:
    gallery = with_crops(in_team, {"Ada": 1, "Bob": 2})
    files = exported(gallery)
    job = imported(in_team, files, gallery)
    assert (job.status, job.failed) == ("succeeded", 0)
    assert rows_of(gallery) == (2, 4)
    with team_scope(others.team):
        copy = imported(others.team, files).gallery
        assert copy is not None
        again = imported(others.team, files, copy)
        assert (again.status, again.done, rows_of(copy)) == ("succeeded", 6, (2, 4))


def test_who_has_the_same_external_id_is_the_same_person(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    files = exported(gallery)
    other = gallery_create(team=in_team, name="Other")
    known = subject_create(gallery=other, name="Countess Lovelace", external_id="id-of-Ada")
    enrol(known, embedding_of(1, 9))
    assert imported(in_team, files, other).status == "succeeded"
    assert rows_of(other) == (1, 3)
    known.refresh_from_db()
    assert known.name == "Countess Lovelace"


def test_two_of_an_archive_with_one_external_id_become_one_person(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1, "Bob": 2})
    files = with_lines(
        exported(gallery), SUBJECTS, lambda lines: [{**line, "external_id": "one"} for line in lines]
    )
    copy = imported(in_team, files, settings_given={"name": "Copy"}).gallery
    assert copy is not None
    assert rows_of(copy) == (1, 4)


def test_a_gallery_of_faces_goes_there_and_back(in_team: Team) -> None:
    gallery = gallery_create(team=in_team, name="Faces", holds=Gallery.Holds.FACES)
    rows = [
        EnrolledFace(team=in_team, gallery=gallery, embedding=embedding_of(number)) for number in range(3)
    ]
    EnrolledFace.objects.bulk_create(rows)
    job = imported(in_team, exported(gallery), settings_given={"key": "again"})
    assert (job.status, job.notes) == ("succeeded", [])
    assert job.gallery is not None
    assert (job.gallery.holds, job.gallery.key, rows_of(job.gallery)) == ("faces", "again", (0, 3))


def test_an_archive_has_parts_of_bounded_size(in_team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = crowd(in_team, 40)
    monkeypatch.setattr(form, "PART_BYTES", 4096)
    files = exported(gallery)
    parts = manifest_of(files)["parts"]
    assert len(parts) > 10
    assert max(len(files[part["name"]]) for part in parts) < 4096 + 1024
    assert sum(part["lines"] for part in parts) == sum(rows_of(gallery))
    copy = imported(in_team, files, settings_given={"name": "Copy"}).gallery
    assert copy is not None
    assert rows_of(copy) == rows_of(gallery)


# --- Interruptions ------------------------------------------------------------------------------------
def test_a_worker_that_dies_leaves_an_import_that_goes_on_without_doubles(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = crowd(in_team, 30)
    monkeypatch.setattr(form, "PART_BYTES", 4096)
    job = started(in_team, exported(gallery), settings_given={"name": "Copy"})
    usual = archive_rows.faces_put
    turns = iter(range(100))

    def dies(**arguments: Any) -> Any:
        if next(turns) == 3:
            raise LeaseLost
        return usual(**arguments)

    monkeypatch.setattr(archive_parts, "faces_put", dies)
    half = done(job)
    assert half.status == "running"
    assert half.gallery is not None
    assert 0 < rows_of(half.gallery)[1] < rows_of(gallery)[1]
    over = done(job)
    assert (over.status, over.done, over.failed) == ("succeeded", over.total, 0)
    assert rows_of(half.gallery) == rows_of(gallery)
    assert Gallery.objects.count() == 2
    assert AuditEvent.objects.get(action="gallery.imported").details["made"] == sum(rows_of(gallery))


def test_a_cancelled_import_stops_and_its_file_goes(in_team: Team, stored_files: Names) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    job = started(in_team, exported(gallery, crops=False), settings_given={"name": "Copy"})
    job_cancel(job=job)
    assert done(job).status == "cancelled"
    assert list(Gallery.objects.all()) == [gallery]
    assert GalleryJob.objects.get(pk=job.pk).file == ""


def test_an_export_during_which_somebody_is_erased_begins_anew(in_team: Team, stored_files: Names) -> None:
    gallery = with_crops(in_team, {"Ada": 1, "Bob": 2})
    job = gallery_export_start(gallery=gallery, crops=True)
    GalleryJob.objects.filter(pk=job.pk).update(status="running")
    job.refresh_from_db()
    steps = export_steps(job)
    next(steps)
    subjects_erase(team=in_team, subject_ids=[Subject.objects.get(name="Ada").pk])
    with pytest.raises(LeaseLost):
        list(steps)
    assert GalleryJob.objects.get(pk=job.pk).status == "queued"
    files = files_of(content_of(done(job)))
    assert b"Ada" not in b"".join(files.values())
    assert manifest_of(files)["crops"] == 2


def test_archives_are_erased_when_their_week_is_over(in_team: Team, stored_files: Names) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    job = done(gallery_export_start(gallery=gallery))
    assert job.expires_at is not None
    assert job_files_expire() == 0
    GalleryJob.objects.filter(pk=job.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert job_files_expire() == 1
    job.refresh_from_db()
    assert (job.file, job.expires_at) == ("", None)


def test_one_archive_of_a_gallery_is_made_at_a_time(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    gallery_export_start(gallery=gallery)
    with pytest.raises(Refusal) as refusal:
        gallery_export_start(gallery=gallery)
    assert refusal.value.code == "gallery_export_in_progress"
    assert GalleryJob.objects.count() == 1


# --- Another model ------------------------------------------------------------------------------------
def test_with_crops_an_archive_of_another_model_gets_new_vectors(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery = with_crops(in_team, {"Ada": 1, "Bob": 2})
    files = exported(gallery)
    other = {"name": "arcface", "sha256": "0" * 64, "dimension": 4}

    def foreign(lines: list[Any]) -> list[Any]:
        return [{**line, "embedding": vector_text([0.5] * 4)} for line in lines]

    files = changed(with_lines(files, FACES, foreign), model=other)
    without = next(name for name in files if name.startswith("crops/"))
    files.pop(without)
    monkeypatch.setattr(archive_parts, "worker_engine", lambda **_: EngineOfPeople())
    job = imported(in_team, files, reembed=True, settings_given={"name": "Copy"})
    assert (job.status, job.failed) == ("succeeded", 1)
    assert "archive_crop_missing" in {note["code"] for note in job.notes}
    assert job.gallery is not None
    assert (job.gallery.model_sha256, rows_of(job.gallery)) == (gallery.model_sha256, (2, 3))
    for face in EnrolledFace.objects.filter(gallery=job.gallery).select_related("subject"):
        assert face.subject is not None
        person = {"Ada": 1, "Bob": 2}[face.subject.name]
        distances = [
            np.linalg.norm(np.subtract(face.embedding, embedding_of(person, view))) for view in (0, 1)
        ]
        assert min(distances) < 0.01


# --- The API ------------------------------------------------------------------------------------------
def test_the_api_exports_sends_and_imports(people: People, others: People) -> None:
    with team_scope(people.team):
        gallery = with_crops(people.team, {"Ada": 1})
    headers = {"Authorization": f"Bearer {people.key()}"}
    theirs = {"Authorization": f"Bearer {others.key()}"}
    client = Client()
    address = f"/api/v1/galleries/{gallery.pk}"
    made = client.post(f"{address}/export", {"crops": True}, content_type="application/json", headers=headers)
    assert made.status_code == 202
    where = made["Location"]
    early = client.get(f"{where}/file", headers=headers)
    assert (early.status_code, early.json()["code"]) == (409, "gallery_file_not_ready")
    job_run(job_id=made.json()["id"])
    shown = client.get(where, headers=headers).json()
    assert (shown["status"], shown["gallery_id"], shown["notes"]) == ("succeeded", str(gallery.pk), [])
    assert client.get(f"{where}/file", headers=theirs).status_code == 404
    answer = client.get(f"{where}/file", headers=headers)
    content = body_of(answer)
    assert "staff-" in answer["Content-Disposition"]
    assert len([name for name in files_of(content) if name.startswith("crops/")]) == 2
    with team_scope(people.team):
        assert AuditEvent.objects.filter(action="export.downloaded").count() == 1

    def upload(path: str, **fields: Any) -> Any:
        archive = io.BytesIO(content)
        archive.name = "staff.zip"
        return client.post(path, {"archive": archive, **fields}, headers=theirs)

    assert upload(f"{address}/import").status_code == 404
    begun = upload("/api/v1/galleries/import", name="Theirs")
    assert (begun.status_code, begun.json()["kind"], begun.json()["gallery_id"]) == (202, "import", None)
    job_run(job_id=begun.json()["id"])
    over = client.get(begun["Location"], headers=theirs).json()
    assert over["status"] == "succeeded"
    copy = client.get(f"/api/v1/galleries/{over['gallery_id']}", headers=theirs).json()
    assert (copy["name"], copy["face_count"]) == ("Theirs", 2)
    listed = client.get("/api/v1/galleries/jobs?kind=import", headers=theirs).json()["results"]
    assert [one["id"] for one in listed] == [over["id"]]
    models = client.get("/api/v1/galleries/models", headers=theirs).json()
    assert models["models"][0]["sha256"] == gallery.model_sha256
    refused_one = client.post("/api/v1/galleries/import", {}, headers=theirs)
    assert (refused_one.status_code, refused_one.json()["code"]) == (400, "invalid")


def test_a_job_is_cancelled_by_the_api(people: People) -> None:
    with team_scope(people.team):
        job = gallery_export_start(gallery=with_crops(people.team, {"Ada": 1}))
    headers = {"Authorization": f"Bearer {people.key('analyze', 'read')}"}
    answer = Client().delete(f"/api/v1/galleries/jobs/{job.pk}", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    job_run(job_id=job.pk)
    with team_scope(people.team):
        assert GalleryJob.objects.get().file == ""
