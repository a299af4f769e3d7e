"""What exports of a team hold of its videos, and what is left of them when the team goes."""

import csv
import io
import json
import math
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse

from accounts.access import across_teams, team_scope
from accounts.models import Role, Team
from analysis.models import VideoPerson, VideoTrack
from analysis.video.series import NUMBERS, series_read
from conftest import People
from galleries.models import VideoLabel
from galleries.services import gallery_create, subject_create
from media_jobs import export_content, removal_steps
from media_jobs.exports import export_run, export_start
from media_jobs.models import Export, Job, Removal, Video, VideoChunk, VideoPreview, VideoUpload
from media_jobs.removals import removal_run, team_figures, team_removal_start, user_removal_start
from media_jobs.tests.test_erasure import leavings
from media_jobs.tests.test_removals import owner_of
from media_jobs.video import team_export
from media_jobs.video.erasure import video_erase

from .kept import CONTENT, at_work, kept_video

Names = Callable[[], list[str]]


def made(people: People) -> Export:
    with team_scope(people.team):
        export = export_start(team=people.team, kind=Export.Kind.TEAM, user=None)
    export_run(export_id=export.pk)
    return again(export)


def again(export: Export) -> Export:
    with across_teams():
        return Export.unscoped.get(pk=export.pk)


def archive_of(export: Export) -> zipfile.ZipFile:
    with default_storage.open(export.name, "rb") as file:
        return zipfile.ZipFile(io.BytesIO(file.read()))


def lines_of(archive: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(name).decode().splitlines()]


def tables_of(archive: zipfile.ZipFile, video: Video) -> list[dict[str, str]]:
    content = archive.read(f"video_samples/{video.pk}.csv").decode()
    return list(csv.DictReader(io.StringIO(content)))


@pytest.mark.django_db(transaction=True)
def test_an_export_holds_videos_people_samples_and_files(people: People, others: People) -> None:
    with team_scope(others.team):
        theirs = kept_video(others.team, filename="theirs.mp4")
    with team_scope(people.team):
        video = kept_video(people.team, 2, 20)
        VideoUpload.objects.create(
            team=people.team, filename="half.mp4", length=9, received=4, parts=[["x", 4]]
        )
        person = VideoPerson.objects.get(number=1)
        gallery = gallery_create(team=people.team, name="Staff")
        ada = subject_create(gallery=gallery, name="Ada")
        VideoLabel.objects.create(
            person=person, team=people.team, gallery=gallery, subject=ada, confidence=0.9
        )
        track = VideoTrack.objects.get(person=person, chunk=1)
    export = made(people)
    assert (export.status, export.done, export.total) == (Export.Status.READY, 3, 3), "a file, two portraits"
    with archive_of(export) as archive:
        assert archive.testzip() is None
        [row] = lines_of(archive, "videos.jsonl")
        assert (row["filename"], row["file"]) == ("visit.mp4", f"videos/{video.pk}.mp4")
        assert archive.read(row["file"]) == CONTENT
        assert row["summary"]["moments"]
        assert not {"parts", "poster", "sealed_source", "team_id"} & row.keys()
        persons = {one["number"]: one for one in lines_of(archive, "video_people.jsonl")}
        assert persons[1]["metrics"]["engagement"] > 0
        assert archive.read(persons[1]["file"]) == bytes(person.portrait or b"")
        tracks = {one["id"]: one for one in lines_of(archive, "video_tracks.jsonl")}
        assert len(tracks) == 4
        assert tracks[str(track.pk)]["embedding"] == track.embedding
        assert lines_of(archive, "video_uploads.jsonl")[0]["filename"] == "half.mp4"
        assert lines_of(archive, "video_labels.jsonl")[0]["subject_id"] == str(ada.pk)
        samples = [one for one in tables_of(archive, video) if one["track"] == str(track.pk)]
        everything = b"".join(archive.read(name) for name in archive.namelist())
        assert "VIDEOS.txt" in archive.namelist()
    series = series_read(track.samples)
    assert [int(one["ms"]) for one in samples] == series.ms.tolist()
    for column in NUMBERS:
        for one, value in zip(samples, series[column].tolist(), strict=True):
            assert float(one[column]) == pytest.approx(value, rel=1e-4, abs=1e-30), column
    assert float(samples[3]["pupilLeft_y"]) == pytest.approx(float(series.landmarks[3][0][1]), rel=1e-4)
    assert b"theirs.mp4" not in everything
    assert str(theirs.pk).encode() not in everything


@pytest.mark.django_db(transaction=True)
def test_what_is_switched_off_is_in_no_export(people: People) -> None:
    with team_scope(people.team):
        video = kept_video(people.team, 1, 10)
        VideoPerson.objects.update(portrait=None)
        Team.objects.filter(pk=people.team.pk).update(
            analyze_emotion=False, analyze_age=False, analyze_gender=False, analyze_identity=False
        )
    with archive_of(made(people)) as archive:
        [row] = tables_of(archive, video)[:1]
        assert {row[name] for name in ("age", "male", "happiness", "neutral")} == {""}
        assert not math.isnan(float(row["smile"]))
        [person] = lines_of(archive, "video_people.jsonl")
        assert (person["age"], person["gender"], person["file"]) == (None, "", None)
        assert person["metrics"]["engagement"] is None
        assert person["metrics"]["age"] is None
        assert lines_of(archive, "video_tracks.jsonl")[0]["embedding"] is None
        [said] = lines_of(archive, "videos.jsonl")
        assert "age_groups" not in said["summary"]


@pytest.mark.django_db(transaction=True)
def test_a_video_without_a_file_has_its_results(people: People) -> None:
    with team_scope(people.team):
        video = kept_video(people.team, 1, 10)
        Video.objects.update(parts=[])
        VideoPerson.objects.update(portrait=None)
    export = made(people)
    assert (export.done, export.total) == (0, 0)
    with archive_of(export) as archive:
        assert lines_of(archive, "videos.jsonl")[0]["file"] is None
        assert len(tables_of(archive, video)) == 50


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_lost_is_left_out(people: People) -> None:
    with team_scope(people.team):
        video = kept_video(people.team, 1, 10)
        default_storage.delete(video.parts[1][0])
    with archive_of(made(people)) as archive:
        assert archive.testzip() is None
        assert not any(name.startswith("videos/") for name in archive.namelist())


@pytest.mark.django_db(transaction=True)
def test_a_video_erased_while_it_is_copied_is_not_in_the_export(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    with team_scope(people.team):
        video, other = kept_video(people.team, 1, 10), kept_video(people.team, 1, 10, filename="other.mp4")
        export = export_start(team=people.team, kind=Export.Kind.TEAM, user=None)
    copy = export_content.Archive.stream

    def erased_meanwhile(archive: Any, name: str, source: Any) -> None:
        if str(video.pk) in name:
            video_erase(team=people.team, video_ids=[video.pk])
        copy(archive, name, source)

    with monkeypatch.context() as patch:
        patch.setattr(export_content.Archive, "stream", erased_meanwhile)
        export_run(export_id=export.pk)
    assert again(export).status == Export.Status.QUEUED
    export_run(export_id=export.pk)
    with archive_of(again(export)) as archive:
        assert [one["filename"] for one in lines_of(archive, "videos.jsonl")] == ["other.mp4"]
        assert str(video.pk) not in "".join(archive.namelist())
        assert f"videos/{other.pk}.mp4" in archive.namelist()


def test_samples_are_read_page_by_page(
    in_team: Team, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(team_export, "TRACKS", 4)
    video = kept_video(in_team, 3, 30)
    # Nine tracks: two full pages, one that is not, and none after it.
    with django_assert_num_queries(4):
        read = [track.pk for track in team_export._tracks_of(video.pk)]
    ordered = VideoTrack.objects.filter(video=video).order_by("chunk", "number")
    assert read == list(ordered.values_list("pk", flat=True))


# --- A team that goes -----------------------------------------------------------------------------------
def owner_starts(people: People) -> Any:
    with team_scope(people.team):
        return team_removal_start(access=owner_of(people), export_first=False)


@pytest.mark.django_db(transaction=True)
def test_with_a_team_go_its_videos_and_their_files(
    people: People, others: People, stored_files: Names
) -> None:
    with team_scope(others.team):
        kept_video(others.team)
        theirs = stored_files()
    with team_scope(people.team):
        video = kept_video(people.team, 2, 20, filename="blue-visit.mp4")
        at_work(kept_video(people.team, 1, 20))
        VideoUpload.objects.create(
            team=people.team, filename="blue-half.mp4", length=9, created_by=people.owner
        )
        default_storage.save(
            f"teams/{people.team.pk}/videos/{people.team.pk}/part-00000", io.BytesIO(b"stray")
        )
        assert team_figures(people.team)["videos"] == 2
    removal = owner_starts(people)
    removal_run(removal_id=removal.pk)
    with across_teams():
        assert Removal.unscoped.get(pk=removal.pk).status == Removal.Status.SUCCEEDED
    assert stored_files() == theirs
    assert list(leavings("blue-visit", "blue-half", str(video.pk))) == []
    with team_scope(others.team):
        assert (Video.objects.count(), VideoTrack.objects.count(), VideoPreview.objects.count()) == (1, 2, 1)


@pytest.mark.django_db(transaction=True)
def test_work_on_videos_is_cancelled_before_a_team_goes(people: People) -> None:
    with team_scope(people.team):
        video, over = at_work(kept_video(people.team, 1, 20)), kept_video(people.team)
    owner_starts(people)
    with across_teams():
        removal_steps._work_stop(str(people.team.pk))
    with team_scope(people.team):
        assert Video.objects.get(pk=video.pk).status == Video.Status.CANCELLED
        assert Video.objects.get(pk=over.pk).status == Video.Status.READY
        assert not VideoChunk.objects.filter(status=VideoChunk.Status.PENDING).exists()
        assert Job.objects.get(videos=video).status == Job.Status.CANCELLED


@pytest.mark.django_db(transaction=True)
def test_a_user_who_goes_leaves_videos_of_others_without_their_name(people: People) -> None:
    with team_scope(people.team):
        video = kept_video(people.team)
        Video.objects.update(created_by=people.analyst)
        VideoUpload.objects.create(team=people.team, filename="a.mp4", length=9, created_by=people.analyst)
    removal = user_removal_start(user=people.analyst, export_first=False)
    removal_run(removal_id=removal.pk)
    with team_scope(people.team):
        assert Video.objects.get(pk=video.pk).created_by is None
        assert VideoUpload.objects.get().created_by is None


def test_the_page_that_deletes_a_team_counts_videos(people: People) -> None:
    with team_scope(people.team):
        kept_video(people.team)
    client = people.client(Role.OWNER)
    assert "1 video" in client.get(reverse("team_delete")).content.decode()
