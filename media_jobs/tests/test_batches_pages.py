"""Pages of batches."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.access import team_scope
from accounts.models import TeamUsage
from conftest import People
from media_jobs.listing import batch_list
from media_jobs.models import Job, JobItem
from media_jobs.tests.pictures import encoded, noise
from tests.fakes import EngineWithoutNets

from .batch_helpers import batch_of_photos, content_of, items_of, zip_of
from .helpers import photo, work_off

Count = Callable[[], int]
Names = Callable[[], list[str]]


# --- Pages ------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_batch_is_started_followed_and_tried_again_on_pages(people: People, stored_files: Names) -> None:
    client = people.client("analyst")
    assert "No batch yet" in client.get(reverse("team_batches")).content.decode()
    form = {"archive": SimpleUploadedFile("summer.zip", zip_of({"<b>.png": photo(1, 41), "b.png": photo(2)}))}
    started = client.post(reverse("team_batch_new"), form)
    with team_scope(people.team):
        (job,) = Job.objects.all()
        assert started["Location"] == reverse("team_batch", args=[job.pk])
        assert "being counted" in client.get(started["Location"]).content.decode()
        batch_list(batch_id=job.pk)
        work_off(job, EngineWithoutNets(fails_on_width=frozenset({41})))
    progress = client.get(reverse("team_batch_progress", args=[job.pk]))
    assert progress["HX-Refresh"] == "true"
    shown = client.get(started["Location"]).content.decode()
    assert "2 of 2 pictures" in shown
    assert "&lt;b&gt;.png" in shown
    assert "The analysis of this photo failed" in shown
    assert "summer" in client.get(reverse("team_batches")).content.decode()
    assert "Try the failed ones again" in shown
    again = client.post(reverse("team_batch_retry", args=[job.pk]), follow=True).content.decode()
    assert "tried again" in again
    assert "HX-Refresh" not in client.get(reverse("team_batch_progress", args=[job.pk]))
    client.post(reverse("team_batch_cancel", args=[job.pk]))
    with team_scope(people.team):
        job.refresh_from_db()
        assert job.status == "cancelled"
        assert TeamUsage.objects.get(team=people.team).pictures == 1
    assert "Try the failed ones again" not in client.get(started["Location"]).content.decode()
    refused = client.post(reverse("team_batch_retry", args=[job.pk]), follow=True).content.decode()
    assert "No picture of this batch can be tried again" in refused


@pytest.mark.django_db(transaction=True)
def test_what_is_no_archive_is_refused_on_the_page_and_not_kept(
    people: People, stored_files: Names, queued: Count
) -> None:
    client = people.client("analyst")
    form = {"archive": SimpleUploadedFile("a.zip", encoded(noise(40, 40), "PNG"))}
    answer = client.post(reverse("team_batch_new"), form)
    assert answer.status_code == 400
    assert "This file is not a ZIP archive" in answer.content.decode()
    assert stored_files() == []
    with team_scope(people.team):
        assert Job.objects.count() == JobItem.objects.count() == queued() == 0


@pytest.mark.django_db(transaction=True)
def test_a_viewer_sees_batches_and_can_start_none(people: People) -> None:
    with team_scope(people.team):
        job = batch_of_photos(people.team, 1)
        assert items_of(job)
    client = people.client("viewer")
    shown = client.get(reverse("team_batches")).content.decode()
    assert "New batch" not in shown
    page = client.get(reverse("team_batch", args=[job.pk])).content.decode()
    assert "Try the failed ones again" not in page
    assert content_of(client.get(reverse("team_batch_results", args=[job.pk, "csv"]))).count(b"\r\n") == 2
