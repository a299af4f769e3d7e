"""Uploading and deleting photos, on a real database and a real broker."""

import errno
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.access import team_scope
from accounts.models import Team
from analysis.models import Analysis, Face
from conftest import People
from media_jobs import services
from media_jobs.dispatch import forgotten_chunks_send
from media_jobs.models import Job, JobItem, Media, ReleasedFile
from media_jobs.refusals import Refusal
from media_jobs.services import CHUNK_SIZE, MOST_SINGLE, job_create, media_delete
from tests.fakes import EngineWithoutNets

from .helpers import at_once, photo, photos, upload, work_off

Names = Callable[[], list[str]]
Count = Callable[[], int]


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_stored_and_queued_after_the_commit(
    in_team: Team, stored_files: Names, queued: Count
) -> None:
    outcome = upload(in_team, photo(1), "me and you.png")
    assert outcome.media.filename == "me and you.png"
    assert outcome.job.status == Job.Status.QUEUED
    assert queued() == 1
    assert len(stored_files()) == 2
    assert all(str(outcome.media.pk) in name and "me and you" not in name for name in stored_files())
    assert JobItem.objects.get().sent_at is not None


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_are_stored_once_per_team_and_keep_their_job(
    in_team: Team, others: People, stored_files: Names, queued: Count
) -> None:
    first = upload(in_team, photo(1))
    second = upload(in_team, photo(1), "again.png")
    assert second.duplicate
    assert (second.media, second.job) == (first.media, first.job)
    assert queued() == 1
    with team_scope(others.team):
        assert not upload(others.team, photo(1)).duplicate
    assert len(stored_files()) == 4


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_get_a_new_job_when_the_old_one_failed(in_team: Team) -> None:
    first = upload(in_team, photo(1, width=41))
    work_off(first.job, EngineWithoutNets(fails_on_width=frozenset({41})))
    assert first.job.status == Job.Status.FAILED
    second = upload(in_team, photo(1, width=41))
    assert second.duplicate
    assert second.job != first.job
    work_off(second.job, EngineWithoutNets())
    assert second.job.status == Job.Status.SUCCEEDED


@pytest.mark.django_db(transaction=True)
def test_twenty_uploads_of_the_same_bytes_at_once_store_one_photo(
    people: People, stored_files: Names
) -> None:
    found: list[Media] = []

    def one() -> None:
        with team_scope(people.team):
            found.append(upload(people.team, photo(7)).media)

    at_once(20, one)
    assert len(found) == 20
    assert len({media.pk for media in found}) == 1
    with team_scope(people.team):
        assert Media.objects.count() == 1
    assert len(stored_files()) == 2


def test_a_refused_file_leaves_no_row_no_file_and_no_task(
    in_team: Team, stored_files: Names, queued: Count
) -> None:
    with pytest.raises(Refusal):
        upload(in_team, b"not a picture" * 200)
    assert Media.objects.count() == Job.objects.count() == JobItem.objects.count() == 0
    assert stored_files() == []
    assert queued() == 0


def test_a_full_disk_is_said_and_leaves_nothing(
    in_team: Team, monkeypatch: pytest.MonkeyPatch, stored_files: Names
) -> None:
    save = FileSystemStorage._save  # type: ignore[attr-defined]

    def full_at_the_thumbnail(self: FileSystemStorage, name: str, content: Any) -> str:
        if "thumbnail" in name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(self, name, content)

    monkeypatch.setattr(FileSystemStorage, "_save", full_at_the_thumbnail)
    with pytest.raises(Refusal) as caught:
        upload(in_team, photo(1))
    assert caught.value.code == "storage_full"
    assert caught.value.status == 507
    assert Media.objects.count() == 0
    assert stored_files() == []


def test_files_are_erased_when_the_row_cannot_be_written(
    in_team: Team, monkeypatch: pytest.MonkeyPatch, stored_files: Names
) -> None:
    def broken(self: Media, **_: Any) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(Media, "save", broken)
    with pytest.raises(RuntimeError):
        upload(in_team, photo(1))
    assert stored_files() == []


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_leaves_the_job_queued_and_beat_sends_it(
    in_team: Team, settings: Settings, queued: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kombu.exceptions import OperationalError

    from media_jobs.tasks import analyze_chunk

    send = analyze_chunk.apply_async

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("Connection refused")

    monkeypatch.setattr(analyze_chunk, "apply_async", away)
    outcome = upload(in_team, photo(1))
    assert outcome.job.status == Job.Status.QUEUED
    assert queued() == 0
    monkeypatch.setattr(analyze_chunk, "apply_async", send)
    assert forgotten_chunks_send() == 0, "a chunk that was only just made is not forgotten"
    JobItem.unscoped.update(created_at=timezone.now() - timedelta(minutes=1))
    assert forgotten_chunks_send() == 1
    assert queued() == 1
    assert forgotten_chunks_send() == 0, "it is not sent twice"
    JobItem.unscoped.update(sent_at=timezone.now() - timedelta(hours=1))
    assert forgotten_chunks_send() == 1, "a message that must be lost is sent again"


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_upload_sends_nothing(in_team: Team, queued: Count) -> None:
    from django.db import transaction

    with transaction.atomic():
        upload(in_team, photo(1))
        transaction.set_rollback(True)
    assert queued() == 0


def test_a_job_of_many_goes_to_the_batch_queue_in_chunks(in_team: Team) -> None:
    job = job_create(team=in_team, media=photos(in_team, CHUNK_SIZE * 2 + 1))
    assert job.queue == "batch"
    assert list(JobItem.objects.values_list("chunk", flat=True)) == [0] * CHUNK_SIZE + [1] * CHUNK_SIZE + [2]


def test_a_job_without_photos_is_refused(in_team: Team) -> None:
    with pytest.raises(ValueError, match="at least one photo"):
        job_create(team=in_team, media=[])
    assert Job.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_deleting_a_photo_takes_rows_and_files_and_cancels_its_work(
    in_team: Team, stored_files: Names
) -> None:
    done = upload(in_team, photo(1))
    work_off(done.job, EngineWithoutNets())
    waiting = upload(in_team, photo(2))
    media_delete(media_id=done.media.pk)
    media_delete(media_id=waiting.media.pk)
    assert Media.objects.count() == Face.objects.count() == Analysis.objects.count() == 0
    assert stored_files() == []
    assert ReleasedFile.objects.count() == 0
    waiting.job.refresh_from_db()
    assert (waiting.job.status, waiting.job.done) == (Job.Status.CANCELLED, 1)
    done.job.refresh_from_db()
    assert done.job.status == Job.Status.SUCCEEDED
    work_off(waiting.job, EngineWithoutNets())
    assert Face.objects.count() == 0, "a late delivery brings nothing back"


@pytest.mark.django_db(transaction=True)
def test_a_storage_that_is_away_loses_no_erasure(
    in_team: Team, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = upload(in_team, photo(1))
    delete = FileSystemStorage.delete

    def away(self: FileSystemStorage, name: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(FileSystemStorage, "delete", away)
    media_delete(media_id=outcome.media.pk)
    assert Media.objects.count() == 0
    assert ReleasedFile.objects.count() == 2
    monkeypatch.setattr(FileSystemStorage, "delete", delete)
    assert services.released_files_erase() == 2
    assert stored_files() == []
    assert ReleasedFile.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_file_that_cannot_be_erased_does_not_keep_the_others(
    in_team: Team, stored_files: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = upload(in_team, photo(1)), upload(in_team, photo(2))
    delete = FileSystemStorage.delete

    def stubborn(self: FileSystemStorage, name: str) -> None:
        if name == first.media.original:
            raise PermissionError(errno.EACCES, "Permission denied")
        delete(self, name)

    monkeypatch.setattr(FileSystemStorage, "delete", stubborn)
    media_delete(media_id=first.media.pk)
    media_delete(media_id=second.media.pk)
    assert services.released_files_erase() == 0
    assert stored_files() == [first.media.original]
    assert [row.name for row in ReleasedFile.objects.all()] == [first.media.original]


def test_no_query_for_a_teams_rows_works_without_a_team(people: People) -> None:
    from django_scopes.exceptions import ScopeError

    for model in (Media, Job, JobItem, Face, Analysis, ReleasedFile):
        with pytest.raises(ScopeError):
            model.objects.count()


def test_indexes_serve_the_history_and_the_sweep(in_team: Team) -> None:
    from media_jobs import selectors

    pending = JobItem.unscoped.filter(status="pending", sent_at=None, created_at__lt=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET enable_sort = off")
    try:
        assert "media_newest_first" in selectors.photos()[:24].explain()
        assert "job_item_pending" in pending.explain()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET enable_seqscan")
            cursor.execute("RESET enable_sort")


def test_a_team_that_uploads_many_single_photos_leaves_the_worker_to_who_waits(
    in_team: Team, people: People, others: People
) -> None:
    queues = [upload(in_team, photo(n + 1)).job.queue for n in range(MOST_SINGLE + 2)]
    assert queues == ["interactive"] * MOST_SINGLE + ["batch"] * 2
    with team_scope(others.team):
        assert upload(others.team, photo(1)).job.queue == "interactive"
    Job.objects.filter(queue="interactive").update(status=Job.Status.SUCCEEDED)
    assert upload(in_team, photo(99)).job.queue == "interactive"
