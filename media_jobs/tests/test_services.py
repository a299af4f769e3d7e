"""Uploading, deleting, and the work of a chunk, on a real database and a real broker."""

import errno
import io
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection, connections
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
from media_jobs.services import CHUNK_SIZE, Upload, job_create, media_delete, media_from_bytes, photo_upload
from media_jobs.work import MAX_ATTEMPTS, chunk_analyze
from tests.fakes import EngineWithoutNets

from .pictures import encoded, noise

Names = Callable[[], list[str]]
Count = Callable[[], int]


def upload(team: Team, content: bytes, name: str = "a.png") -> Upload:
    return photo_upload(team=team, file=io.BytesIO(content), size=len(content), filename=name, user=None)


def photo(seed: int, width: int = 40) -> bytes:
    return encoded(noise(width, 40, seed), "PNG")


def photos(team: Team, count: int) -> list[Media]:
    return [media_from_bytes(team=team, content=photo(n + 1), filename=f"{n}.png") for n in range(count)]


def work_off(job: Job, engine: Any) -> None:
    for chunk in sorted(set(JobItem.objects.filter(job=job).values_list("chunk", flat=True))):
        chunk_analyze(team=job.team, job_id=job.pk, chunk=chunk, engine=engine)
    job.refresh_from_db()


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
    start = threading.Barrier(20)
    found: list[Media] = []
    faults: list[Exception] = []

    def one() -> None:
        try:
            with team_scope(people.team):
                start.wait(timeout=30)
                found.append(upload(people.team, photo(7)).media)
        except Exception as fault:  # noqa: BLE001 - shown by the assertion below
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert faults == []
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


def test_work_counts_exactly_and_a_second_delivery_changes_nothing(in_team: Team) -> None:
    job = job_create(team=in_team, media=photos(in_team, 6))
    engine = EngineWithoutNets(faces=2)
    work_off(job, engine)
    assert (job.status, job.done, job.total) == (Job.Status.SUCCEEDED, 6, 6)
    assert Face.objects.count() == 12
    before = set(Face.objects.values_list("pk", flat=True))
    seen = len(engine.seen)
    work_off(job, engine)
    assert job.done == 6
    assert set(Face.objects.values_list("pk", flat=True)) == before
    assert len(engine.seen) == seen, "what is done is not computed again"


@pytest.mark.django_db(transaction=True)
def test_two_deliveries_at_the_same_time_count_once(people: People) -> None:
    with team_scope(people.team):
        job = job_create(team=people.team, media=photos(people.team, CHUNK_SIZE))
    both = threading.Barrier(2)

    class Meeting(EngineWithoutNets):
        def analyze(self, pictures: Any) -> list[Any]:
            # Once each: a delivery that sees the other's beginning goes photo by photo.
            if not self.seen:
                both.wait(timeout=30)
            return super().analyze(pictures)

    def deliver() -> None:
        with team_scope(people.team):
            chunk_analyze(team=people.team, job_id=job.pk, chunk=0, engine=Meeting())
        connections.close_all()

    threads = [threading.Thread(target=deliver) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    job.refresh_from_db()
    assert (job.status, job.done) == (Job.Status.SUCCEEDED, CHUNK_SIZE)
    with team_scope(people.team):
        assert Face.objects.count() == CHUNK_SIZE


def test_one_photo_that_fails_does_not_take_the_others_with_it(in_team: Team) -> None:
    good = photos(in_team, 2)
    bad = media_from_bytes(team=in_team, content=photo(9, width=41), filename="bad.png")
    job = job_create(team=in_team, media=[good[0], bad, good[1]])
    work_off(job, EngineWithoutNets(fails_on_width=frozenset({41})))
    assert (job.status, job.done) == (Job.Status.SUCCEEDED, 3)
    failed = JobItem.objects.get(status=JobItem.Status.FAILED)
    assert (failed.media, failed.error_code) == (bad, "analysis_failed")
    assert Analysis.objects.count() == 2


def test_a_job_whose_photos_all_fail_says_why(in_team: Team) -> None:
    media = media_from_bytes(team=in_team, content=photo(9), filename="gone.png")
    from media_jobs import files

    files.erase([media.original])
    job = job_create(team=in_team, media=[media])
    work_off(job, EngineWithoutNets())
    assert (job.status, job.error_code) == (Job.Status.FAILED, "original_missing")
    assert "Upload it again" in job.error_message
    assert job.finished_at is not None


def test_a_photo_that_kills_workers_is_given_up_and_its_neighbours_are_not(in_team: Team) -> None:
    media = photos(in_team, 2)
    killer = media_from_bytes(team=in_team, content=photo(9, width=41), filename="killer.png")
    job = job_create(team=in_team, media=[media[0], killer, media[1]])

    class Killed(BaseException):
        """Stands for the end of the process: nothing after it runs."""

    class Deadly(EngineWithoutNets):
        def analyze(self, pictures: Any) -> list[Any]:
            if any(picture.size[0] == 41 for picture in pictures):
                raise Killed
            return super().analyze(pictures)

    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(Killed):
            work_off(job, Deadly())
    work_off(job, Deadly())
    assert (job.status, job.done) == (Job.Status.SUCCEEDED, 3)
    assert JobItem.objects.get(status=JobItem.Status.FAILED).error_code == "worker_lost"


def test_a_chunk_takes_no_more_queries_for_more_photos_and_faces(
    in_team: Team, django_assert_max_num_queries: Any
) -> None:
    job = job_create(team=in_team, media=photos(in_team, 1))
    with django_assert_max_num_queries(20) as captured:
        chunk_analyze(team=in_team, job_id=job.pk, chunk=0, engine=EngineWithoutNets(faces=1))
    few = len(captured)
    job = job_create(team=in_team, media=photos(in_team, CHUNK_SIZE))
    with django_assert_max_num_queries(few):
        chunk_analyze(team=in_team, job_id=job.pk, chunk=0, engine=EngineWithoutNets(faces=100))
    assert Face.objects.count() == CHUNK_SIZE * 100


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
def test_a_photo_deleted_while_it_is_analysed_leaves_nothing(people: People, stored_files: Names) -> None:
    with team_scope(people.team):
        outcome = upload(people.team, photo(1))

    class DeletesMeanwhile(EngineWithoutNets):
        def analyze(self, pictures: Any) -> list[Any]:
            media_delete(media_id=outcome.media.pk)
            return super().analyze(pictures)

    with team_scope(people.team):
        work_off(outcome.job, DeletesMeanwhile())
        assert Face.objects.count() == Analysis.objects.count() == 0
    assert outcome.job.status == Job.Status.CANCELLED
    assert stored_files() == []


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


def test_no_query_for_a_teams_rows_works_without_a_team(people: People) -> None:
    from django_scopes.exceptions import ScopeError

    for model in (Media, Job, JobItem, Face, Analysis, ReleasedFile):
        with pytest.raises(ScopeError):
            model.objects.count()


def test_every_table_with_a_team_has_the_fence() -> None:
    """A model with a team whose first manager is not scoped would be a hole."""
    from django.apps import apps

    fenced = {"Media", "Job", "JobItem", "Face", "Analysis", "ReleasedFile", "ApiKey"}
    # What a team is chosen from cannot wait for one to be chosen.
    open_on_purpose = {"Membership"}
    carrying = {
        model.__name__
        for model in apps.get_models()
        if any(field.name == "team" for field in model._meta.fields)
    }
    assert carrying == fenced | open_on_purpose


@pytest.mark.django_db(transaction=True)
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
