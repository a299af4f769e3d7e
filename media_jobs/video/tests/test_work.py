"""The work on a video's chunks, by the real engine: whole or not at all, once, and to the end of its job."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone

from accounts.access import team_scope
from accounts.models import Plan, Team, TeamUsage
from analysis.models import VideoPerson, VideoTrack
from analysis.video.series import series_read
from conftest import People
from emotionsite.problems import Refusal
from media_jobs.leases import STALE_AFTER
from media_jobs.models import Job, Video, VideoChunk
from media_jobs.video import work
from media_jobs.video.dispatch import chunks_send, forgotten_videos_send
from media_jobs.video.ending import video_cancel, video_end, video_fail, video_locked
from media_jobs.video.finish import tracks_link
from tests.videos import make_video, spoilt

from .helpers import engine_of, job_of, short_chunks, taken, times_of, work_off

PENDING = VideoChunk.Status.PENDING


@pytest.fixture()
def two_people() -> bytes:
    """Four seconds of two people."""
    return make_video(seconds=4.0, fps=10, size=(480, 270), faces=("astronaut", "hopper"))


@pytest.fixture()
def one_person() -> bytes:
    return make_video(seconds=3.0, fps=10, size=(320, 240))


def test_a_video_becomes_people_with_everything_of_every_frame(in_team: Team, two_people: bytes) -> None:
    video = work_off(taken(in_team, two_people))
    assert video.status == Video.Status.READY
    assert job_of(video).status == Job.Status.SUCCEEDED
    assert job_of(video).done == job_of(video).total == VideoChunk.objects.filter(video=video).count() + 1
    assert times_of(video) == list(range(0, 4000, 200))
    assert video.analyzed_frames == 20
    people = list(VideoPerson.objects.filter(video=video))
    assert [one.number for one in people] == [1, 2] == list(range(1, video.people_count + 1))
    for person in people:
        assert bytes(person.portrait or b"").startswith(b"\xff\xd8")
        assert person.metrics["dwell_seconds"] == pytest.approx(4.0, abs=0.3)
    # Whoever stands on the left is the astronaut, who smiles.
    (left, right) = (
        series_read(track.samples)
        for track in sorted(VideoTrack.objects.filter(video=video), key=lambda one: one.first_box[0])
    )
    assert left["left"].max() < right["left"].min()
    assert left["happiness"].mean() > 0.8 > 0.5 > right["happiness"].mean()
    for series in (left, right):
        assert len(series) == 20
        assert np.allclose(series.emotions.sum(axis=1), 1, atol=1e-3)
        for name in ("yaw", "pitch", "roll", "gaze_yaw", "left_open", "smile", "glasses"):
            assert np.isfinite(series[name]).all(), name
        assert np.isfinite(series.landmarks).all()
        assert np.isfinite(series["age"]).any()
        boxes = series.boxes
        assert (boxes[:, 0] + boxes[:, 2]).max() <= 480 + 1
    assert {len(track.embedding or []) for track in VideoTrack.objects.filter(video=video)} == {128}


def test_chunks_done_in_any_order_give_the_frames_and_people_of_one_pass(
    in_team: Team, two_people: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with short_chunks(monkeypatch, 1.0):
        video = taken(in_team, two_people)
    numbers = list(VideoChunk.objects.filter(video=video).values_list("number", flat=True))
    assert len(numbers) >= 4
    work_off(video, *reversed(numbers))
    assert video.status == Video.Status.READY
    assert times_of(video) == list(range(0, 4000, 200))
    assert video.people_count == 2
    for person in VideoPerson.objects.filter(video=video):
        tracks = VideoTrack.objects.filter(person=person).order_by("start_ms")
        ms = [int(one) for track in tracks for one in series_read(track.samples).ms]
        assert ms == list(range(0, 4000, 200)), "no frame of anybody is lost or doubled"


def test_whom_a_single_frame_shows_is_nobody_unless_frames_are_far_apart(
    in_team: Team, one_person: bytes
) -> None:
    video = work_off(taken(in_team, one_person))
    (track,) = VideoTrack.objects.filter(video=video)
    lone = VideoTrack.objects.create(
        team=in_team,
        video=video,
        chunk=0,
        number=7,
        start_ms=400,
        end_ms=400,
        sample_count=1,
        first_box=[0, 0, 20, 20],
        last_box=[0, 0, 20, 20],
        samples=track.samples,
    )
    assert set(tracks_link(video)) == {track.pk}
    video.frames_per_second = 1.0
    assert set(tracks_link(video)) == {track.pk, lone.pk}
    video.frames_per_second = None
    assert set(tracks_link(video)) == {track.pk}, "every frame of ten in a second"


def test_a_second_delivery_changes_nothing(in_team: Team, one_person: bytes) -> None:
    video = taken(in_team, one_person)
    work_off(video)
    before = list(VideoTrack.objects.values_list("pk", "sample_count"))
    done = job_of(video).done
    work_off(video, 0)
    assert list(VideoTrack.objects.values_list("pk", "sample_count")) == before
    assert job_of(video).done == done


def test_a_worker_that_dies_leaves_nothing_of_its_chunk_and_another_does_it_anew(
    in_team: Team, one_person: bytes, monkeypatch: pytest.MonkeyPatch, queued: Callable[[], int]
) -> None:
    with short_chunks(monkeypatch, 1.0):
        video = taken(in_team, one_person)

    class Killed(BaseException):
        """As the end of a process: nothing catches it."""

    def dies(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(work, "_store", dies)
        with pytest.raises(Killed):
            work_off(video, 1)
    chunk = VideoChunk.objects.get(video=video, number=1)
    assert (chunk.status, chunk.attempts, chunk.times) == (PENDING, 1, None)
    assert not VideoTrack.objects.filter(video=video).exists()
    # Its last sign is fresh, so nobody begins with it yet; when the sign is old, beat sends it again.
    work_off(video, 1)
    assert not VideoTrack.objects.filter(video=video).exists()
    VideoChunk.objects.filter(video=video).update(sent_at=timezone.now())
    before = queued()
    assert forgotten_videos_send() == 0
    long_ago = timezone.now() - STALE_AFTER - timedelta(seconds=1)
    VideoChunk.objects.filter(pk=chunk.pk).update(beat_at=long_ago, sent_at=long_ago)
    assert forgotten_videos_send() == 1
    assert queued() == before + 1
    assert forgotten_videos_send() == 0, "it is on its way"
    work_off(video)
    assert video.status == Video.Status.READY
    assert times_of(video) == list(range(0, 3000, 200))
    assert VideoChunk.objects.get(pk=chunk.pk).attempts == 2


def test_a_chunk_that_kills_its_workers_becomes_a_gap(
    in_team: Team, one_person: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with short_chunks(monkeypatch, 1.0):
        video = taken(in_team, one_person)
    VideoChunk.objects.filter(video=video, number=1).update(attempts=work.MOST_ATTEMPTS)
    work_off(video)
    chunk = VideoChunk.objects.get(video=video, number=1)
    assert (chunk.status, chunk.error_code) == (VideoChunk.Status.FAILED, "video_worker_lost")
    assert video.status == Video.Status.READY
    assert set(times_of(video)) == set(range(0, 3000, 200)) - set(range(chunk.start_ms, chunk.end_ms, 200))


def test_a_video_of_which_nothing_can_be_analysed_fails_with_a_sentence(
    in_team: Team, one_person: bytes
) -> None:
    video = taken(in_team, one_person)
    VideoChunk.objects.filter(video=video).update(attempts=work.MOST_ATTEMPTS)
    work_off(video)
    assert video.status == Video.Status.FAILED
    assert video.error_code == job_of(video).error_code == "video_worker_lost"
    assert job_of(video).status == Job.Status.FAILED
    assert TeamUsage.objects.get(team=in_team).pictures == 0, "frames nobody analysed are given back"


def test_a_damaged_middle_leaves_what_can_be_decoded(in_team: Team) -> None:
    content = spoilt(make_video(kind="mpg", seconds=6.0, fps=10, size=(320, 240), gop=10))
    video = work_off(taken(in_team, content))
    assert video.status == Video.Status.READY
    assert 10 <= video.analyzed_frames <= 30
    assert video.people_count >= 1


def test_a_video_without_faces_is_ready_and_says_so(in_team: Team) -> None:
    video = work_off(taken(in_team, make_video(seconds=2.0, faces=())))
    assert (video.status, video.people_count, video.analyzed_frames) == (Video.Status.READY, 0, 10)
    assert job_of(video).status == Job.Status.SUCCEEDED


def test_frames_count_as_pictures_and_what_was_too_much_is_given_back(
    in_team: Team, one_person: bytes
) -> None:
    video = taken(in_team, one_person)
    assert TeamUsage.objects.get(team=in_team).pictures == 15
    VideoChunk.objects.filter(video=video).update(expected=40)
    TeamUsage.objects.filter(team=in_team).update(pictures=40)
    work_off(video)
    assert TeamUsage.objects.get(team=in_team).pictures == 15


def test_more_frames_than_the_month_has_left_are_refused_and_nothing_stays(
    in_team: Team, one_person: bytes, queued: Callable[[], int], stored_files: Callable[[], list[str]]
) -> None:
    in_team.plan = Plan.objects.create(name="small", pictures_per_month=14)
    in_team.save()
    with pytest.raises(Refusal) as refused:
        taken(in_team, one_person)
    assert refused.value.code == "quota_pictures"
    assert not Video.objects.exists()
    assert not Job.objects.exists()
    assert (queued(), stored_files()) == (0, [])


# --- Cancelling -------------------------------------------------------------------------------------
def test_what_comes_back_after_a_cancellation_is_dropped(
    in_team: Team, one_person: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with short_chunks(monkeypatch, 1.0):
        video = taken(in_team, one_person)
    work_off(video, 0)
    look = work._look

    def cancelled_meanwhile(*arguments: Any) -> Any:
        found = look(*arguments)
        video_cancel(video=video)
        return found

    monkeypatch.setattr(work, "_look", cancelled_meanwhile)
    work_off(video, 1)
    assert (video.status, job_of(video).status) == (Video.Status.CANCELLED, Job.Status.CANCELLED)
    assert set(VideoTrack.objects.values_list("chunk", flat=True)) == {0}
    analysed = len(times_of(video))
    assert TeamUsage.objects.get(team=in_team).pictures == analysed > 0
    # Again changes nothing, and nothing is taken up any more.
    video_cancel(video=video)
    video_fail(video=video, code="video_damaged", message="late")
    video.refresh_from_db()
    assert (video.status, video.error_code) == (Video.Status.CANCELLED, "")
    assert forgotten_videos_send() == chunks_send(team_id=in_team.pk, video_id=video.pk) == 0


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_one_chunk_store_it_once(
    people: People, one_person: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with team_scope(people.team):
        video = taken(people.team, one_person)
        engine = engine_of(people.team)
    looked: list[int] = []
    look, both = work._look, threading.Barrier(2)

    def counted(*arguments: Any) -> Any:
        looked.append(1)
        return look(*arguments)

    monkeypatch.setattr(work, "_look", counted)

    def deliver() -> None:
        from django.db import connections

        both.wait(30)
        with team_scope(people.team):
            work.chunk_analyze(team=people.team, video_id=video.pk, number=0, engine=engine)
        connections.close_all()

    threads = [threading.Thread(target=deliver) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    with team_scope(people.team):
        assert looked == [1]
        assert VideoTrack.objects.filter(video=video).count() == 1
        assert job_of(video).done == 1


@pytest.mark.django_db(transaction=True)
def test_a_chunk_that_begins_while_somebody_cancels_leaves_the_job_cancelled(
    people: People, one_person: bytes
) -> None:
    from django.db import connections

    with team_scope(people.team):
        video = taken(people.team, one_person)
        engine = engine_of(people.team)

        def deliver() -> None:
            with team_scope(people.team):
                work.chunk_analyze(team=people.team, video_id=video.pk, number=0, engine=engine)
            connections.close_all()

        with transaction.atomic():
            # The job is locked, as a cancellation does first; what it writes is not seen yet.
            locked = video_locked(video)
            assert locked is not None
            worker = threading.Thread(target=deliver)
            worker.start()
            worker.join(1.0)
            assert worker.is_alive(), "it waits for the lock"
            video_end(locked, Video.Status.CANCELLED)
        worker.join(60)
        assert job_of(video).status == Job.Status.CANCELLED
