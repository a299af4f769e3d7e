"""Which ends of jobs and batches are told, and that each is told once."""

from typing import Any

import pytest
from django.db import transaction

from accounts.access import team_scope
from accounts.models import Team
from conftest import People
from media_jobs.erasure import media_erase
from media_jobs.models import Job, JobItem, WebhookDelivery
from media_jobs.progress import items_finish
from media_jobs.services import job_create, media_delete
from media_jobs.webhooks import EVENTS, services
from media_jobs.work import chunk_analyze
from tests.fakes import EngineWithoutNets

from .helpers import at_once, photos, work_off


@pytest.fixture()
def hooked(in_team: Team) -> Team:
    services.webhook_create(team=in_team, url="https://example.org/", events=list(EVENTS))
    return in_team


def told() -> list[tuple[str, dict[str, Any]]]:
    rows = WebhookDelivery.objects.exclude(event="media.deleted").order_by("created_at")
    return [(row.event, row.payload["data"]) for row in rows]


def batch_of(team: Team, count: int) -> Job:
    job = job_create(team=team, media=photos(team, count))
    job.kind = Job.Kind.BATCH
    job.save()
    return job


def test_a_job_that_ends_well_is_told_with_ids_and_figures_only(hooked: Team) -> None:
    media = photos(hooked, 3)
    job = job_create(team=hooked, media=media)
    work_off(job, EngineWithoutNets())
    figures = {"status": "succeeded", "total": 3, "failed": 0}
    ids = [str(one.pk) for one in media]
    assert told() == [("job.completed", {"job_id": str(job.pk), **figures, "media_ids": ids})]
    work_off(job, EngineWithoutNets())
    assert len(told()) == 1, "a second delivery of the task tells nothing"


def test_nothing_is_told_before_the_last_photo(hooked: Team) -> None:
    job = job_create(team=hooked, media=photos(hooked, 6))
    chunk_analyze(team=hooked, job_id=job.pk, chunk=0, engine=EngineWithoutNets())
    assert told() == []
    chunk_analyze(team=hooked, job_id=job.pk, chunk=1, engine=EngineWithoutNets())
    assert len(told()) == 1


def test_a_job_without_any_result_is_told_as_failed(hooked: Team) -> None:
    job = job_create(team=hooked, media=photos(hooked, 2))
    work_off(job, EngineWithoutNets(fails_on_width=frozenset({40})))
    [(event, data)] = told()
    assert (event, data["status"], data["failed"]) == ("job.failed", "failed", 2)


def test_a_job_whose_photos_are_erased_is_not_told(hooked: Team) -> None:
    (media,) = photos(hooked, 1)
    job = job_create(team=hooked, media=[media])
    media_delete(media_id=media.pk)
    job.refresh_from_db()
    assert job.status == Job.Status.CANCELLED
    assert told() == []


def test_erased_photos_are_told_by_id_in_one_event(hooked: Team) -> None:
    first, second, kept = photos(hooked, 3)
    media_erase(team=hooked, media_ids=[first.pk, second.pk])
    media_erase(team=hooked, media_ids=[first.pk, second.pk])
    (row,) = WebhookDelivery.objects.filter(event="media.deleted")
    assert row.payload["data"] == {"media_ids": sorted([str(first.pk), str(second.pk)])}
    media_delete(media_id=kept.pk)
    assert WebhookDelivery.objects.filter(event="media.deleted").count() == 2


def test_a_batch_is_told_once_for_every_time_it_ends(hooked: Team) -> None:
    job = batch_of(hooked, 2)
    work_off(job, EngineWithoutNets(fails_on_width=frozenset({40})))
    ended = {"batch_id": str(job.pk), "status": "failed", "total": 2, "failed": 2}
    assert told() == [("batch.completed", ended)]
    # What trying the failed ones again does.
    JobItem.objects.filter(job=job).update(status=JobItem.Status.PENDING, attempts=0)
    Job.objects.filter(pk=job.pk).update(status=Job.Status.QUEUED, done=0, failed=0, finished_at=None)
    work_off(job, EngineWithoutNets())
    assert [data["status"] for _, data in told()] == ["failed", "succeeded"]


def test_an_end_that_is_undone_is_not_told(hooked: Team) -> None:
    job = job_create(team=hooked, media=photos(hooked, 1))
    with transaction.atomic():
        items_finish(job=job, items=list(job.items.all()), status=JobItem.Status.SUCCEEDED)
        assert len(told()) == 1
        transaction.set_rollback(True)
    assert told() == []


@pytest.mark.django_db(transaction=True)
def test_chunks_that_end_at_the_same_time_tell_one_end(people: People) -> None:
    with team_scope(people.team):
        services.webhook_create(team=people.team, url="https://example.org/", events=["batch.completed"])
        job = batch_of(people.team, 16)
    chunks = iter([0, 1, 2, 3, 0, 1, 2, 3])

    def deliver() -> None:
        chunk = next(chunks)
        with team_scope(people.team):
            chunk_analyze(team=people.team, job_id=job.pk, chunk=chunk, engine=EngineWithoutNets())

    at_once(8, deliver)
    with team_scope(people.team):
        job.refresh_from_db()
        assert (job.status, job.done) == (Job.Status.SUCCEEDED, 16)
        assert [data["batch_id"] for _, data in told()] == [str(job.pk)]
