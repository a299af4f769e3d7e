"""The work of a chunk: exact counts, second deliveries, photos that fail, on a real database."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from accounts.access import team_scope
from accounts.models import Team
from analysis.models import Analysis, Face
from conftest import People
from media_jobs.models import Job, JobItem
from media_jobs.preparing import MAX_ATTEMPTS
from media_jobs.services import CHUNK_SIZE, job_create, media_delete, media_from_bytes
from media_jobs.work import chunk_analyze
from tests.fakes import EngineWithoutNets

from .helpers import at_once, photo, photos, upload, work_off

Names = Callable[[], list[str]]


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

    at_once(2, deliver)
    with team_scope(people.team):
        job.refresh_from_db()
        assert (job.status, job.done) == (Job.Status.SUCCEEDED, CHUNK_SIZE)
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
    # Looked at before, as one of the four is below: that takes queries of its own.
    chunk_analyze(
        team=in_team,
        job_id=job_create(team=in_team, media=photos(in_team, 1)).pk,
        chunk=0,
        engine=EngineWithoutNets(faces=1),
    )
    job = job_create(team=in_team, media=photos(in_team, 1))
    with django_assert_max_num_queries(32) as captured:
        chunk_analyze(team=in_team, job_id=job.pk, chunk=0, engine=EngineWithoutNets(faces=1))
    few = len(captured)
    job = job_create(team=in_team, media=photos(in_team, CHUNK_SIZE))
    with django_assert_max_num_queries(few):
        chunk_analyze(team=in_team, job_id=job.pk, chunk=0, engine=EngineWithoutNets(faces=100))
    assert Face.objects.count() == CHUNK_SIZE * 100


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
