"""Batches of photos and addresses: made, worked off, cancelled, tried again, counted."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.access import team_scope
from accounts.models import AuditEvent, Plan, Team, TeamUsage
from analysis.models import Analysis, Face
from conftest import People
from emotionsite.tests.local_servers import LocalServer, Request, answer, serving
from media_jobs.batches import Reference, batch_cancel, batch_create, batch_retry
from media_jobs.dispatch import RESEND_SENT_AFTER, batch_chunks_send, forgotten_chunks_send
from media_jobs.models import Job, JobItem, Media
from media_jobs.refusals import Refusal
from media_jobs.services import media_delete
from media_jobs.work import chunk_analyze
from tests.fakes import EngineWithoutNets

from .batch_helpers import archive_batch, items_of, states_of, zip_of
from .helpers import at_once, photo, photos, work_off

Count = Callable[[], int]


def used(team: Team) -> int:
    return TeamUsage.objects.get(team=team).pictures


def limited(team: Team, pictures: int) -> None:
    team.plan = Plan.objects.create(name="small", pictures_per_month=pictures)
    team.save()


def referring(media: list[Media]) -> list[Reference]:
    return [Reference(media_id=one.pk) for one in media]


# --- Making one -----------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_batch_of_photos_is_sent_in_chunks_by_a_task_in_the_background(
    people: People, queued: Count
) -> None:
    with team_scope(people.team):
        job = batch_create(team=people.team, references=referring(photos(people.team, 9)), name="nine")
        assert (job.kind, job.total, job.status, job.name) == ("batch", 9, "queued", "nine")
        assert queued() == 1, "the request sends one task, however large the batch"
        assert batch_chunks_send(batch_id=job.pk) == 3
        assert queued() == 4
        assert batch_chunks_send(batch_id=job.pk) == 0, "a second run sends nothing twice"
        assert queued() == 4
        assert not JobItem.objects.filter(sent_at=None).exists()
        assert used(people.team) == 9
        (event,) = AuditEvent.objects.filter(action="batch.created")
        assert event.details == {"pictures": 9, "source": "items"}
        work_off(job, EngineWithoutNets())
        assert (job.status, job.done, job.failed) == ("succeeded", 9, 0)
        assert [item.name for item in items_of(job)] == [f"{n}.png" for n in range(9)]


def test_ten_thousand_references_take_the_queries_of_a_hundred(
    in_team: Team, django_assert_max_num_queries: Any
) -> None:
    (one,) = photos(in_team, 1)
    with django_assert_max_num_queries(30) as captured:
        batch_create(team=in_team, references=referring([one]) * 100)
    few = len(captured)
    references = [Reference(url=f"https://example.org/{n}.jpg?token={n}") for n in range(5000)]
    begun = time.monotonic()
    # Rows go in by two thousand.
    with django_assert_max_num_queries(few + 4):
        job = batch_create(team=in_team, references=references + referring([one]) * 5000)
    assert time.monotonic() - begun < 20
    assert JobItem.objects.filter(job=job).count() == job.total == 10_000
    item = JobItem.objects.get(job=job, position=7)
    assert (item.name, item.chunk) == ("7.jpg", 1)
    assert "token" not in str(item.source), "addresses are sealed"


@pytest.mark.parametrize(
    ("references", "code"),
    [
        ([], "batch_empty"),
        ([Reference(url="https://example.org/a.jpg")] * 10_001, "batch_too_large"),
        ([Reference(url="ftp://example.org/a.jpg")], "url_malformed"),
        ([Reference(url="http://127.0.0.1/a.jpg")], "url_not_allowed"),
        ([Reference(url="http://example.org:22/a.jpg")], "url_not_allowed"),
        ([Reference(media_id=uuid4())], "batch_media_unknown"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_and_writes_nothing(
    in_team: Team, queued: Count, references: list[Reference], code: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        batch_create(team=in_team, references=references)
    assert refusal.value.code == code
    assert Job.objects.count() == JobItem.objects.count() == queued() == used(in_team) == 0


def test_photos_of_another_team_are_unknown(in_team: Team, others: People) -> None:
    with team_scope(others.team):
        theirs = photos(others.team, 1)
    with pytest.raises(Refusal) as refusal:
        batch_create(team=in_team, references=referring(theirs))
    assert refusal.value.code == "batch_media_unknown"
    assert str(theirs[0].pk) in refusal.value.message
    assert Job.objects.count() == 0


def test_a_batch_over_the_quota_is_refused_as_a_whole(in_team: Team, queued: Count) -> None:
    limited(in_team, 3)
    with pytest.raises(Refusal) as refusal:
        batch_create(team=in_team, references=referring(photos(in_team, 4)))
    assert (refusal.value.code, refusal.value.status) == ("quota_pictures", 403)


@pytest.mark.django_db(transaction=True)
def test_a_refused_quota_leaves_no_row_behind(people: People, queued: Count) -> None:
    with team_scope(people.team):
        limited(people.team, 3)
        with pytest.raises(Refusal):
            batch_create(team=people.team, references=referring(photos(people.team, 4)))
        assert Job.objects.count() == JobItem.objects.count() == queued() == used(people.team) == 0
        assert not AuditEvent.objects.filter(action="batch.created").exists()


# --- Working it off -------------------------------------------------------------------------------
def test_a_photo_with_a_current_result_is_not_computed_again_and_is_given_back(in_team: Team) -> None:
    media = photos(in_team, 3)
    engine = EngineWithoutNets(vectors=True)
    work_off(batch_create(team=in_team, references=referring(media[:2])), engine)
    assert (len(engine.seen), used(in_team)) == (2, 2)
    job = batch_create(team=in_team, references=referring(media))
    work_off(job, engine)
    assert len(engine.seen) == 3
    assert (job.status, job.done, job.failed) == ("succeeded", 3, 0)
    assert used(in_team) == 3
    newer = EngineWithoutNets(vectors=True, model_versions={"emotion": "newer"})
    work_off(batch_create(team=in_team, references=referring(media)), newer)
    assert len(newer.seen) == 3, "what other nets found is not current"


def test_a_result_without_what_the_team_has_switched_on_since_is_not_current(in_team: Team) -> None:
    media = photos(in_team, 1)
    in_team.analyze_age = False
    in_team.save()
    engine = EngineWithoutNets(vectors=True)
    work_off(batch_create(team=in_team, references=referring(media)), engine)
    work_off(batch_create(team=in_team, references=referring(media)), engine)
    assert len(engine.seen) == 1
    in_team.analyze_age = True
    in_team.save()
    work_off(batch_create(team=in_team, references=referring(media)), engine)
    assert len(engine.seen) == 2


def pictures(request: Request, connection: Any, server: LocalServer) -> None:
    """/1 to /9 are pictures, /missing is none, /slow takes a second, /text is no picture."""
    name = request.path.partition("?")[0].strip("/")
    if name == "slow":
        time.sleep(1)
        name = "8"
    if name == "missing":
        connection.sendall(answer(b"", status="404 Not Found"))
    else:
        connection.sendall(answer(b"words " * 500 if name == "text" else photo(int(name))))


@pytest.mark.django_db(transaction=True)
def test_addresses_are_fetched_by_the_worker_each_with_its_own_error(
    people: People, settings: Settings
) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]
    with serving(pictures) as server, team_scope(people.team):
        known = photos(people.team, 1)
        paths = ("1?signature=secret", "missing", "text", "2", "3")
        references = [Reference(url=f"{server.url}/{path}") for path in paths]
        job = batch_create(team=people.team, references=references)
        assert server.requests == [], "nothing is fetched in the request"
        work_off(job, EngineWithoutNets())
        assert states_of(job) == [
            ("succeeded", ""),
            ("failed", "url_answered_error"),
            ("failed", "format_not_supported"),
            ("succeeded", ""),
            ("succeeded", ""),
        ]
        assert (job.status, job.done, job.failed) == ("succeeded", 5, 2)
        assert Media.objects.count() == Analysis.objects.count() == 3
        first = items_of(job)[0]
        assert first.media == known[0], "bytes that the team has are the photo it has"
        assert first.source is None, "the address is forgotten with the result"
        assert used(people.team) == 3


@pytest.mark.django_db(transaction=True)
def test_slow_addresses_of_a_chunk_are_waited_for_together(people: People, settings: Settings) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]
    with serving(pictures) as server, team_scope(people.team):
        job = batch_create(team=people.team, references=[Reference(url=f"{server.url}/slow")] * 4)
        begun = time.monotonic()
        work_off(job, EngineWithoutNets())
        assert time.monotonic() - begun < 3
        assert job.status == "succeeded"
        assert Media.objects.count() == 1


def test_an_item_whose_fetched_bytes_kill_the_worker_is_given_up(in_team: Team) -> None:
    job = archive_batch(in_team, zip_of({"a.png": photo(1), "b.png": photo(2, width=41)}))

    class Killed(BaseException):
        """Stands for the end of the process."""

    class Deadly(EngineWithoutNets):
        def analyze(self, pictures: Any) -> list[Any]:
            if any(picture.size[0] == 41 for picture in pictures):
                raise Killed
            return super().analyze(pictures)

    for _ in range(4):
        with pytest.raises(Killed):
            work_off(job, Deadly())
    work_off(job, Deadly())
    assert states_of(job) == [("succeeded", ""), ("failed", "worker_lost")]
    assert Media.objects.count() == 2, "what came in before the worker died is the same photo afterwards"


# --- Cancelling and trying again --------------------------------------------------------------------
def test_cancelling_ends_what_is_pending_and_keeps_what_is_there(in_team: Team) -> None:
    job = batch_create(team=in_team, references=referring(photos(in_team, 6)))
    chunk_analyze(team=in_team, job_id=job.pk, chunk=0, engine=EngineWithoutNets())
    cancelled = batch_cancel(batch_id=job.pk)
    assert (cancelled.status, cancelled.done, cancelled.failed) == ("cancelled", 6, 0)
    assert [status for status, _ in states_of(job)] == ["succeeded"] * 4 + ["cancelled"] * 2
    assert used(in_team) == 4
    again = batch_cancel(batch_id=job.pk)
    assert (again.done, again.finished_at) == (6, cancelled.finished_at)
    assert AuditEvent.objects.filter(action="batch.cancelled").count() == 1
    work_off(job, EngineWithoutNets())
    assert Analysis.objects.count() == 4


def test_what_a_worker_has_in_hand_when_the_batch_is_cancelled_is_dropped(in_team: Team) -> None:
    job = batch_create(team=in_team, references=referring(photos(in_team, 2)))

    class CancelsMeanwhile(EngineWithoutNets):
        def analyze(self, pictures: Any) -> list[Any]:
            batch_cancel(batch_id=job.pk)
            return super().analyze(pictures)

    work_off(job, CancelsMeanwhile())
    assert (job.status, job.done) == ("cancelled", 2)
    assert Analysis.objects.count() == 0
    assert used(in_team) == 0


@pytest.mark.django_db(transaction=True)
def test_only_the_failed_ones_are_tried_again(people: People, settings: Settings, queued: Count) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]
    replies = {"/1": photo(1), "/2": photo(2)}

    def sometimes(request: Request, connection: Any, server: LocalServer) -> None:
        content = replies.pop(request.path, None)
        connection.sendall(answer(b"", status="500 Oops") if content is None else answer(content))

    with serving(sometimes) as server, team_scope(people.team):
        references = [Reference(url=f"{server.url}/{n}") for n in (1, 2, 3)]
        job = batch_create(team=people.team, references=references)
        with pytest.raises(Refusal) as running:
            batch_retry(batch_id=job.pk)
        assert (running.value.code, running.value.status) == ("batch_running", 409)
        work_off(job, EngineWithoutNets())
        assert (job.status, job.failed, used(people.team)) == ("succeeded", 1, 2)
        replies["/3"] = photo(3)
        asked = len(server.requests)
        waiting = queued()
        retried = batch_retry(batch_id=job.pk)
        assert (retried.status, retried.done, retried.failed) == ("queued", 2, 0)
        assert (used(people.team), queued()) == (3, waiting + 1)
        work_off(job, EngineWithoutNets())
        assert (job.status, job.done, job.failed, job.error_code) == ("succeeded", 3, 0, "")
        assert len(server.requests) == asked + 1
        with pytest.raises(Refusal) as nothing:
            batch_retry(batch_id=job.pk)
        assert (nothing.value.code, nothing.value.status) == ("batch_nothing_to_retry", 409)
        assert AuditEvent.objects.filter(action="batch.retried").count() == 1


def test_a_photo_deleted_while_its_batch_waits_is_cancelled_and_given_back(in_team: Team) -> None:
    media = photos(in_team, 2)
    job = batch_create(team=in_team, references=referring(media))
    media_delete(media_id=media[0].pk)
    work_off(job, EngineWithoutNets())
    assert states_of(job) == [("cancelled", ""), ("succeeded", "")]
    assert (job.status, job.done) == ("succeeded", 2)
    assert used(in_team) == 1


# --- What beat takes up -----------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_chunks_of_a_batch_that_moves_are_not_sent_again(people: People, queued: Count) -> None:
    with team_scope(people.team):
        job = batch_create(team=people.team, references=referring(photos(people.team, 8)))
        batch_chunks_send(batch_id=job.pk)
        long_ago = timezone.now() - RESEND_SENT_AFTER - timedelta(seconds=1)
        JobItem.objects.update(sent_at=long_ago)
        chunk_analyze(team=people.team, job_id=job.pk, chunk=0, engine=EngineWithoutNets())
        assert forgotten_chunks_send() == 0
        JobItem.objects.filter(status="succeeded").update(finished_at=long_ago)
        before = queued()
        assert forgotten_chunks_send() == 1, "one task for a chunk, not one for each of its items"
        assert queued() == before + 1


# --- Beside others ----------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_photo_at_the_same_moment_store_it_once(people: People) -> None:
    with team_scope(people.team):
        media = photos(people.team, 1)
        jobs = [batch_create(team=people.team, references=referring(media)) for _ in range(2)]
    both = threading.Barrier(2)

    class Meeting(EngineWithoutNets):
        def analyze(self, pictures: Any) -> list[Any]:
            both.wait(timeout=30)
            return super().analyze(pictures)

    waiting = list(jobs)

    def deliver() -> None:
        with team_scope(people.team):
            chunk_analyze(team=people.team, job_id=waiting.pop().pk, chunk=0, engine=Meeting(faces=3))

    at_once(2, deliver)
    with team_scope(people.team):
        assert [Job.objects.get(pk=job.pk).status for job in jobs] == ["succeeded"] * 2
        assert Face.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_team_that_keeps_no_pictures_keeps_none_of_a_batch(people: People, stored_files: Any) -> None:
    people.team.keep_originals_days = 0
    people.team.save()
    with team_scope(people.team):
        content = zip_of({"a.png": photo(1), "b.png": photo(2), "bad.png": photo(3, 41)})
        engine = EngineWithoutNets(fails_on_width=frozenset({41}))
        job = archive_batch(people.team, content)
        work_off(job, engine)
        assert (job.done, job.failed) == (3, 1)
        assert stored_files() == []
        with pytest.raises(Refusal) as refusal:
            batch_retry(batch_id=job.pk)
        assert refusal.value.code == "batch_nothing_to_retry"
        again = archive_batch(people.team, content)
        work_off(again, EngineWithoutNets())
        assert (again.status, again.failed) == ("succeeded", 0), "the bytes came in once more"
        assert Media.objects.count() == Analysis.objects.count() == 3
        assert stored_files() == []


def test_a_photo_over_the_storage_of_the_plan_fails_alone(in_team: Team) -> None:
    size = len(photo(1))
    in_team.plan = Plan.objects.create(name="small", storage_bytes=size * 2)
    in_team.save()
    job = archive_batch(in_team, zip_of({"a.png": photo(1), "b.png": photo(2), "c.png": photo(3)}))
    work_off(job, EngineWithoutNets())
    assert states_of(job)[0] == ("succeeded", "")
    assert states_of(job)[2] == ("failed", "quota_storage")
    assert job.is_over


def test_faces_over_the_plan_fail_alone_and_are_given_back(in_team: Team) -> None:
    in_team.plan = Plan.objects.create(name="small", stored_faces=5)
    in_team.save()
    job = batch_create(team=in_team, references=referring(photos(in_team, 3)))
    work_off(job, EngineWithoutNets(faces=2))
    assert states_of(job) == [("succeeded", ""), ("succeeded", ""), ("failed", "quota_faces")]
    assert Face.objects.count() == 4
    assert used(in_team) == 2
