"""Erasing videos: afterwards nothing of them is left anywhere, whoever was at work on them."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.db import connections, transaction

from accounts.access import team_scope
from accounts.audit import record
from accounts.limits import pictures_take
from accounts.models import AuditEvent, IdempotentRequest, Team, TeamUsage
from analysis.models import VideoPerson, VideoTrack
from analysis.video.people import people_merge, person_rename
from conftest import People
from emotionsite.sealing import seal
from galleries.models import VideoLabel
from galleries.services import gallery_create, subject_create
from media_jobs import files
from media_jobs.erasure import ERASERS
from media_jobs.exports import export_run, export_start
from media_jobs.leases import Lease
from media_jobs.models import (
    Export,
    Job,
    ReleasedFile,
    Video,
    VideoChunk,
    VideoPreview,
    Webhook,
    WebhookDelivery,
)
from media_jobs.tests.test_erasure import leavings
from media_jobs.video import previews, work
from media_jobs.video.ending import video_locked
from media_jobs.video.erasure import video_delete, video_erase
from media_jobs.video.parts import folder_of
from media_jobs.video.retention import pictures_release
from media_jobs.video.start import video_job
from media_jobs.webhooks import emit
from media_jobs.webhooks.services import webhook_create
from ml_models.tracking import Track
from tests.fakes import FaceWithoutNets, embedding_of

from .kept import at_work, kept_video

Names = Callable[[], list[str]]
FILENAME = "zora-neale-on-the-beach.mp4"


@pytest.fixture()
def shown(people: People) -> Video:
    """A video that has left traces wherever it can."""
    with team_scope(people.team):
        webhook_create(team=people.team, url="https://example.org/", events=["video.completed"])
        video = kept_video(people.team, 3, 20, filename=FILENAME)
        one, other, third = VideoPerson.objects.filter(video=video).order_by("number")
        gallery = gallery_create(team=people.team, name="Staff")
        subject = subject_create(gallery=gallery, name="Ada")
        VideoLabel.objects.create(
            person=third, team=people.team, gallery=gallery, subject=subject, confidence=0.9
        )
        person_rename(person=one, name="Zora of the beach")
        # Merged ones are gone before the video is.
        VideoTrack.objects.filter(person=other, chunk=0).delete()
        VideoTrack.objects.filter(person=one, chunk=1).delete()
        people_merge(people=[other], into=one)
        record("video.analyzed_again", team=people.team, obj=video)
        record("live.started", team=people.team, name=FILENAME, video_id=str(video.pk))
        IdempotentRequest.objects.create(
            team=people.team,
            key="once",
            fingerprint="f",
            status=202,
            headers={"Location": f"/api/v1/jobs/{video.job_id}"},
            body=seal(json.dumps({"video_id": str(video.pk), "filename": FILENAME})),
        )
        with transaction.atomic():
            emit(
                team=people.team,
                event="video.completed",
                dedupe="x",
                data={"video_id": str(video.pk), "job_id": str(video.job_id)},
            )
        WebhookDelivery.objects.update(status=WebhookDelivery.Status.DELIVERED)
        # Of an analysis before this one.
        Job.objects.create(
            team=people.team, kind=Job.Kind.VIDEO, name=FILENAME, queue="batch", total=1, status="succeeded"
        )
        export = export_start(team=people.team, kind=Export.Kind.TEAM, user=people.owner)
        export_run(export_id=export.pk)
    return video


@pytest.mark.django_db(transaction=True)
def test_after_an_erasure_nothing_of_the_video_is_left(
    people: People, shown: Video, stored_files: Names
) -> None:
    with team_scope(people.team):
        persons = [str(pk) for pk in VideoPerson.objects.values_list("pk", flat=True)]
        Webhook.objects.update(disabled_at=shown.created_at)
    words = (str(shown.pk), shown.pk.hex, FILENAME, shown.sha256, "Zora of the beach", *persons)
    before = list(leavings(*words))
    for place in (
        "media_jobs_video:",
        "media_jobs_job:",
        "accounts_auditevent",
        "file exports/",
        "name teams/",
    ):
        assert any(line.startswith(place) for line in before), f"the search sees {place}"
    with team_scope(people.team):
        assert video_erase(team=people.team, video_ids=[shown.pk]) == 1
    left = list(leavings(*words))
    kept = [line for line in left if line.startswith("accounts_auditevent: ")]
    assert left == kept, "ids may stay in the record of who did what"
    assert not any(word in line for line in left for word in (FILENAME, shown.sha256, "Zora"))
    assert all('"details":{}' in line and '"object_name":"[erased]"' in line for line in kept)
    assert stored_files() == []
    with team_scope(people.team):
        for model in (Video, VideoChunk, VideoPreview, VideoPerson, VideoTrack, VideoLabel):
            assert not model.objects.exists(), model
        actions = AuditEvent.objects.filter(object_id=str(shown.pk)).values_list("action", flat=True)
        assert sorted(actions) == ["video.analyzed_again", "video.deleted"]
        # The answer is encrypted, so that the search cannot see it.
        assert not IdempotentRequest.objects.exists()
        assert set(Job.objects.values_list("name", flat=True)) == {""}
        assert (Export.objects.get().status, TeamUsage.objects.get().stored_bytes) == ("erased", 0)


@pytest.mark.django_db(transaction=True)
def test_webhooks_are_told_by_ids(people: People) -> None:
    with team_scope(people.team):
        webhook_create(team=people.team, url="https://example.org/", events=["video.deleted"])
        video = kept_video(people.team)
        video_erase(team=people.team, video_ids=[video.pk])
        [call] = WebhookDelivery.objects.all()
    assert call.payload["type"] == "video.deleted"
    assert call.payload["data"] == {"video_ids": [str(video.pk)]}


def test_erasing_twice_changes_nothing_the_second_time(in_team: Team) -> None:
    one, other = kept_video(in_team), kept_video(in_team)
    assert ERASERS["video"](team=in_team, video_ids=[one.pk]) == 1
    events = AuditEvent.objects.count()
    assert video_erase(team=in_team, video_ids=[one.pk]) == 0
    assert AuditEvent.objects.count() == events
    assert list(Video.objects.all()) == [other]
    with pytest.raises(Video.DoesNotExist):
        video_delete(video_id=one.pk)
    with pytest.raises(Video.DoesNotExist):
        video_delete(video_id=uuid4())
    video_delete(video_id=other.pk)
    assert not Video.objects.exists()


def test_the_video_of_another_team_is_not_erased(in_team: Team, others: People, stored_files: Names) -> None:
    with team_scope(others.team):
        theirs = kept_video(others.team)
    files = stored_files()
    assert video_erase(team=in_team, video_ids=[theirs.pk]) == 0
    with pytest.raises(Video.DoesNotExist):
        video_delete(video_id=theirs.pk)
    with team_scope(others.team):
        assert Video.objects.filter(pk=theirs.pk).exists()
        assert VideoTrack.objects.filter(video=theirs).exists()
    assert stored_files() == files


def test_a_rolled_back_erasure_keeps_rows_and_files(in_team: Team, stored_files: Names) -> None:
    video = kept_video(in_team)
    files = stored_files()
    with transaction.atomic():
        video_erase(team=in_team, video_ids=[video.pk])
        transaction.set_rollback(True)
    assert VideoTrack.objects.filter(video=video).exists()
    assert Job.objects.get().name == "visit.mp4"
    assert ReleasedFile.objects.count() == 0
    assert stored_files() == files


def test_the_analysis_ends_and_frames_that_were_not_analysed_are_given_back(in_team: Team) -> None:
    video = at_work(kept_video(in_team, 2, 30), pending=2)
    pictures_take(team=in_team, count=150)
    video_erase(team=in_team, video_ids=[video.pk])
    job = Job.objects.get()
    assert (job.status, job.finished_at is not None) == (Job.Status.CANCELLED, True)
    # Two chunks of ten seconds, five frames each second.
    assert TeamUsage.objects.get().pictures == 150 - 100


def test_other_videos_of_the_same_name_keep_theirs(in_team: Team) -> None:
    one, other = kept_video(in_team), kept_video(in_team)
    video_erase(team=in_team, video_ids=[one.pk])
    assert Job.objects.get(videos=other).name == "visit.mp4"


def test_many_people_take_no_more_queries_than_few(in_team: Team, django_assert_max_num_queries: Any) -> None:
    few, many = kept_video(in_team, 1, 10), kept_video(in_team, 30, 60)
    with django_assert_max_num_queries(60) as first:
        video_erase(team=in_team, video_ids=[few.pk])
    with django_assert_max_num_queries(len(first)):
        video_erase(team=in_team, video_ids=[many.pk])


# --- While others are at work ---------------------------------------------------------------------------
def in_thread(people: People, step: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            with team_scope(people.team):
                step()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_an_erasure_waits_for_who_is_storing_and_takes_what_was_stored(people: People) -> None:
    with team_scope(people.team):
        video = at_work(kept_video(people.team, 1, 20))
        [track] = VideoTrack.objects.filter(video=video)
        with transaction.atomic():
            assert video_locked(video) is not None
            eraser = in_thread(people, lambda: video_erase(team=people.team, video_ids=[video.pk]))
            eraser.join(timeout=0.5)
            assert eraser.is_alive(), "it waits for the lock"
            track.pk, track.chunk = uuid4(), 1
            track.save(force_insert=True)
        eraser.join(timeout=30)
        assert not eraser.is_alive()
        assert not Video.objects.exists()
        assert not VideoTrack.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_who_comes_after_an_erasure_finds_no_video(people: People) -> None:
    with team_scope(people.team):
        video = at_work(kept_video(people.team, 1, 20))
        found: list[Video | None] = []

        def store() -> None:
            with transaction.atomic():
                found.append(video_locked(video))

        with transaction.atomic():
            video_erase(team=people.team, video_ids=[video.pk])
            worker = in_thread(people, store)
            worker.join(timeout=0.5)
            assert worker.is_alive(), "it waits for the lock"
        worker.join(timeout=30)
        assert found == [None]


@dataclass
class FilmedFace(FaceWithoutNets):
    landmarks: Any = None
    eyes: Any = None


@dataclass
class EngineThatIsNotAsked:
    """The test looks at the pictures itself."""

    model_versions: dict[str, str]


@pytest.mark.parametrize("erased", [True, False])
@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_video_is_erased_while_it_looks_stores_nothing(
    people: People, monkeypatch: pytest.MonkeyPatch, stored_files: Names, erased: bool
) -> None:
    with team_scope(people.team):
        video = at_work(kept_video(people.team, 2, 20))
        before = VideoTrack.objects.count()

    def look(row: Video, chunk: VideoChunk, engine: Any, lease: Lease) -> work.Found:
        """Somebody erases the video while the frames are looked at."""
        if erased:
            in_thread(people, lambda: video_erase(team=people.team, video_ids=[video.pk])).join(timeout=30)
        faces: Any = (FilmedFace((1, 2, 30, 20), embedding=np.array(embedding_of(1), np.float32)),) * 2
        track = Track((10_000, 10_200), faces, (True, False))
        return work.Found([track], [b"portrait"], [10_000, 10_200, 10_400], 1.0)

    monkeypatch.setattr(work, "_look", look)
    engine: Any = EngineThatIsNotAsked({"detection": "test"})
    with team_scope(people.team):
        work.chunk_analyze(team=people.team, video_id=video.pk, number=1, engine=engine)
        if erased:
            for model in (Video, VideoChunk, VideoPreview, VideoPerson, VideoTrack):
                assert not model.objects.exists(), model
            assert stored_files() == []
            job = Job.objects.get()
            assert (job.status, job.name) == (Job.Status.CANCELLED, "")
        else:
            assert VideoTrack.objects.count() == before + 1, "it would have been stored"
            assert Video.objects.get().status == Video.Status.LINKING


@pytest.mark.django_db(transaction=True)
def test_a_preview_that_comes_too_late_is_not_kept(
    people: People, monkeypatch: pytest.MonkeyPatch, stored_files: Names
) -> None:
    with team_scope(people.team):
        video = kept_video(people.team, preview=False)
        VideoPreview.objects.create(video=video, team=people.team)

    def write(source: Any, facts: Any, out: Any, **options: Any) -> None:
        out.write(b"moving pictures")
        in_thread(people, lambda: video_erase(team=people.team, video_ids=[video.pk])).join(timeout=30)

    monkeypatch.setattr(previews, "write_preview", write)
    monkeypatch.setattr("media_jobs.video.previews.VideoFacts.from_json", dict)
    with team_scope(people.team):
        previews.preview_make(video_id=video.pk)
        assert not VideoPreview.objects.exists()
    assert stored_files() == []


@pytest.mark.django_db(transaction=True)
def test_two_that_erase_the_same_videos_do_not_wait_for_each_other_for_ever(people: People) -> None:
    with team_scope(people.team):
        ids: list[UUID] = [kept_video(people.team, 2, 10).pk for _ in range(4)]
        erased: list[int] = []

        def erase(order: list[UUID]) -> None:
            erased.append(video_erase(team=people.team, video_ids=order))

        threads = [in_thread(people, partial(erase, order)) for order in (ids, ids[::-1], ids[1:3])]
        for thread in threads:
            thread.join(timeout=30)
        assert sum(erased) == 4
        assert not VideoPerson.objects.exists()
        assert TeamUsage.objects.get().stored_bytes == 0


@pytest.mark.django_db(transaction=True)
def test_one_that_is_analysed_again_at_that_moment_leaves_no_name_in_its_new_job(people: People) -> None:
    with team_scope(people.team):
        video = kept_video(people.team, filename=FILENAME)
        with transaction.atomic():
            assert video_locked(video) is not None
            eraser = in_thread(people, lambda: video_erase(team=people.team, video_ids=[video.pk]))
            eraser.join(timeout=0.5)
            assert eraser.is_alive(), "it waits for the lock of the job that it knows of"
            fresh = video_job(team=people.team, user=None, name=FILENAME)
            Video.objects.filter(pk=video.pk).update(job=fresh)
        eraser.join(timeout=30)
        assert not Video.objects.exists()
        assert set(Job.objects.values_list("name", flat=True)) == {""}


@pytest.mark.django_db(transaction=True)
def test_what_killed_workers_left_in_the_folder_goes_too(people: People, stored_files: Names) -> None:
    with team_scope(people.team):
        erased, expired, kept = (kept_video(people.team) for _ in range(3))
        folders = [folder_of(people.team.pk, video.pk) for video in (erased, expired, kept)]
        for folder in folders:
            for name in ("part-00009-dead", "preview-00000-dead"):
                files.store(f"{folder}/{name}", b"no row knows of it")
        of_kept = [name for name in stored_files() if name.startswith(folders[2])]
        video_erase(team=people.team, video_ids=[erased.pk])
        with transaction.atomic():
            pictures_release(team=people.team, videos=[expired])
        assert stored_files() == of_kept
        assert len(of_kept) == len(kept.file_names) + 2 + 1
        assert not ReleasedFile.objects.exists()
