"""Chunks and steps on their way to workers: sent once, sent again when lost, and begun anew."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, Team, TeamUsage
from analysis.models import VideoPerson, VideoTrack
from analysis.video.people import person_rename
from analysis.video.series import series_read
from conftest import People
from emotionsite.problems import Refusal
from media_jobs.leases import STALE_AFTER, Lease
from media_jobs.models import Job, Video, VideoChunk
from media_jobs.video import finish, work
from media_jobs.video.dispatch import AT_ONCE, forgotten_videos_send
from media_jobs.video.intake import VideoOptions
from media_jobs.video.selectors import progress_of
from media_jobs.video.start import MOST_ATTEMPTS, video_restart
from ml_models import EMOTIONS
from tests.videos import make_video

from .helpers import engine_of, job_of, short_chunks, taken, times_of, work_off


@pytest.fixture()
def two_people() -> bytes:
    """Four seconds of two people."""
    return make_video(seconds=4.0, fps=10, size=(480, 270), faces=("astronaut", "hopper"))


@pytest.fixture()
def one_person() -> bytes:
    return make_video(seconds=3.0, fps=10, size=(320, 240))


# --- Sending ----------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_only_some_chunks_of_a_video_are_with_the_broker_at_once(
    people: People, monkeypatch: pytest.MonkeyPatch, queued: Callable[[], int]
) -> None:
    with team_scope(people.team), short_chunks(monkeypatch, 0.2):
        video = taken(people.team, make_video(seconds=4.0, fps=10, size=(320, 240)))
        assert VideoChunk.objects.filter(video=video).count() >= 15 > AT_ONCE
        assert queued() == AT_ONCE
        work_off(video, 0)
        assert queued() == AT_ONCE + 1, "each that ends sends the next"


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_loses_no_chunk(
    people: People, one_person: bytes, monkeypatch: pytest.MonkeyPatch, queued: Callable[[], int]
) -> None:
    from kombu.exceptions import OperationalError

    from media_jobs.tasks import analyze_video_chunk

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    with team_scope(people.team):
        with monkeypatch.context() as patched:
            patched.setattr(analyze_video_chunk, "apply_async", away)
            video = taken(people.team, one_person)
        assert VideoChunk.objects.filter(video=video, sent_at=None).exists()
    assert forgotten_videos_send() == 0, "it is too early"
    with across_teams():
        VideoChunk.unscoped.update(created_at=timezone.now() - timedelta(minutes=1))
    assert forgotten_videos_send() == queued() == 1


@pytest.mark.django_db(transaction=True)
def test_a_linking_that_was_lost_is_sent_again(people: People, one_person: bytes) -> None:
    with team_scope(people.team):
        video = taken(people.team, one_person)
        work.chunk_analyze(team=people.team, video_id=video.pk, number=0, engine=engine_of(people.team))
        video.refresh_from_db()
        assert video.status == Video.Status.LINKING
        assert job_of(video).done == job_of(video).total - 1
        assert forgotten_videos_send() == 0
        Video.objects.update(created_at=timezone.now() - timedelta(minutes=5))
        assert forgotten_videos_send() == 1
        lease = Lease.take(Video, video.pk, [Video.Status.LINKING])
        assert lease is not None
        assert forgotten_videos_send() == 0, "a worker has it"


def test_a_linking_that_fails_each_time_is_given_up(
    in_team: Team, one_person: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(video: Video) -> Any:
        raise MemoryError

    video = taken(in_team, one_person)
    with monkeypatch.context() as patched:
        patched.setattr(finish, "tracks_link", broken)
        for _ in range(MOST_ATTEMPTS):
            with pytest.raises(MemoryError):
                work_off(video)
            Video.objects.update(beat_at=timezone.now() - STALE_AFTER - timedelta(minutes=1))
        video.refresh_from_db()
        assert video.status == Video.Status.LINKING
        work_off(video)
    assert (video.status, video.error_code) == (Video.Status.FAILED, "video_worker_lost")
    assert job_of(video).status == Job.Status.FAILED
    # Analysed again, it has all its attempts.
    video_restart(video=video, options=VideoOptions(), user=None)
    assert work_off(video).status == Video.Status.READY


def test_vectors_of_a_model_that_was_replaced_meanwhile_are_left_out_of_the_linking(
    in_team: Team, one_person: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with short_chunks(monkeypatch, 1.0):
        video = taken(in_team, one_person)
    for number in range(3):
        work.chunk_analyze(team=in_team, video_id=video.pk, number=number, engine=engine_of(in_team))
    tracks = VideoTrack.objects.filter(video=video)
    tracks.filter(chunk=0).update(embedding=[1.0] + 511 * [0.0], model="other", model_sha256="0" * 64)
    assert {len(track.embedding or []) for track in tracks} == {128, 512}
    work_off(video)
    assert (video.status, video.people_count) == (Video.Status.READY, 1), "by their places they go on"


# --- Again, and how far -----------------------------------------------------------------------------
def test_a_video_is_analysed_again_with_other_options(in_team: Team, one_person: bytes) -> None:
    video = work_off(taken(in_team, one_person))
    old_job, old = video.job_id, set(VideoTrack.objects.values_list("pk", flat=True))
    video_restart(video=video, options=VideoOptions(frames_per_second=None), user=None)
    video.refresh_from_db()
    assert (video.status, video.analyzed_frames, video.people_count) == (Video.Status.ANALYZING, 0, 0)
    assert not VideoTrack.objects.exists()
    work_off(video)
    assert video.job_id != old_job
    assert video.analyzed_frames == 30 == len(set(times_of(video)))
    assert not old & set(VideoTrack.objects.values_list("pk", flat=True))
    assert TeamUsage.objects.get(team=in_team).pictures == 15 + 30


def test_the_names_of_people_who_go_with_a_new_analysis_go_from_the_record(
    in_team: Team, one_person: bytes
) -> None:
    video = work_off(taken(in_team, one_person))
    person_rename(person=VideoPerson.objects.get(video=video), name="Zora")
    video_restart(video=video, options=VideoOptions(), user=None)
    event = AuditEvent.objects.get(action="video_person.renamed")
    assert "Zora" not in str(vars(event))


def test_a_video_that_is_at_work_or_without_its_file_is_not_begun_again(
    in_team: Team, one_person: bytes
) -> None:
    video = taken(in_team, one_person)
    jobs = Job.objects.count()
    with pytest.raises(Refusal) as running:
        video_restart(video=video, options=VideoOptions(), user=None)
    work_off(video)
    Video.objects.update(pictures_erased_at=timezone.now(), parts=[])
    with pytest.raises(Refusal) as erased:
        video_restart(video=video, options=VideoOptions(), user=None)
    assert (running.value.code, erased.value.code) == ("video_running", "pictures_erased")
    assert Job.objects.count() == jobs
    assert VideoPerson.objects.filter(video=video).count() == 1


def test_progress_counts_frames_and_says_how_long_it_still_takes(
    in_team: Team, one_person: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with short_chunks(monkeypatch, 1.0):
        video = taken(in_team, one_person)
    begun = progress_of(video)
    assert (begun.done, begun.total, begun.percent, begun.seconds_left) == (0, 15, 0, None)
    work_off(video, 0)
    Video.objects.filter(pk=video.pk).update(started_at=timezone.now() - timedelta(seconds=10))
    video.refresh_from_db()
    going = progress_of(video)
    assert (going.done, going.percent) == (5, 33)
    assert 19 <= (going.seconds_left or 0) <= 22
    over = progress_of(work_off(video))
    assert (over.percent, over.done, over.seconds_left) == (100, 15, None)


def test_what_the_team_has_switched_off_is_not_in_the_samples(in_team: Team, one_person: bytes) -> None:
    video = taken(in_team, one_person)
    in_team.analyze_emotion = in_team.analyze_age = in_team.analyze_identity = False
    in_team.save()
    work_off(video)
    (track,) = VideoTrack.objects.filter(video=video)
    series = series_read(track.samples)
    for name in (*EMOTIONS, "age"):
        assert np.isnan(series[name]).all(), name
    assert np.isfinite(series["male"]).any()
    assert (track.embedding, track.model, track.embedding_count) == (None, "", 0)
    assert video.people_count == 1
