"""What exports of a team hold of its galleries, and what is told when work on a gallery is over."""

import io
import json
import zipfile
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.access import across_teams, team_scope
from conftest import People
from galleries.archive_export import gallery_export_start
from galleries.models import EnrolledFace, Subject
from media_jobs.exports import export_run, export_start
from media_jobs.models import Export, WebhookDelivery
from media_jobs.webhooks.services import webhook_create
from tests.fakes import embedding_of

from .moving_helpers import crop_of, done, with_crops
from .test_erasure import label, photo_of


def lines_of(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(name).decode().splitlines()]


@pytest.mark.django_db(transaction=True)
def test_an_export_of_the_team_holds_people_consent_labels_vectors_and_crops(
    people: People, others: People
) -> None:
    with team_scope(others.team):
        with_crops(others.team, {"Theirs": 5})
    with team_scope(people.team):
        gallery = with_crops(people.team, {"Ada": 1})
        Subject.objects.update(consent_by="herself", consent_at=timezone.now())
        media = photo_of(people.team, 1)
        label(media, 1, Subject.objects.get())
        export = export_start(team=people.team, kind=Export.Kind.TEAM, user=people.owner)
        faces = {str(pk) for pk in EnrolledFace.objects.values_list("pk", flat=True)}
    export_run(export_id=export.pk)
    with across_teams():
        export = Export.unscoped.get(pk=export.pk)
    assert (export.status, export.done, export.total) == ("ready", 3, 3), "a photo and two crops"
    with default_storage.open(export.name, "rb") as file:
        archive = zipfile.ZipFile(io.BytesIO(file.read()))
    assert [one["id"] for one in lines_of(archive, "galleries.jsonl")] == [str(gallery.pk)]
    [ada] = lines_of(archive, "subjects.jsonl")
    assert (ada["name"], ada["consent_by"]) == ("Ada", "herself")
    enrolled = lines_of(archive, "enrolled_faces.jsonl")
    assert {one["id"] for one in enrolled} == faces
    vectors = sorted(round(one["embedding"][0], 2) for one in enrolled)
    assert vectors == sorted(round(embedding_of(1, view)[0], 2) for view in (0, 1))
    assert sorted(archive.read(one["file"]) for one in enrolled) == sorted(
        crop_of(1, view) for view in (0, 1)
    )
    assert [one["subject_id"] for one in lines_of(archive, "face_labels.jsonl")] == [ada["id"]]
    assert len(lines_of(archive, "face_vectors.jsonl")[0]["embedding"]) == 128
    names = archive.namelist()
    assert "GALLERIES.txt" in names
    assert not any("Theirs" in archive.read(name).decode(errors="replace") for name in names)


def test_a_webhook_hears_when_work_on_a_gallery_is_over(people: People) -> None:
    with team_scope(people.team):
        webhook_create(team=people.team, url="https://example.org/", events=["gallery_job.finished"])
        gallery = with_crops(people.team, {"Ada": 1})
        job = done(gallery_export_start(gallery=gallery))
        [call] = WebhookDelivery.objects.all()
    assert call.payload["data"] == {
        "job_id": str(job.pk),
        "kind": "export",
        "status": "succeeded",
        "gallery_id": str(gallery.pk),
    }
