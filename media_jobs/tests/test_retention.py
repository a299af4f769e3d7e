"""Retention: what goes when, by the policy of each team, and what stays."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.access import team_scope
from accounts.models import AuditEvent, Team, TeamUsage
from analysis.models import Analysis, Face
from conftest import People
from media_jobs import retention
from media_jobs.forecast import forecast
from media_jobs.models import Job, JobItem, Media, ReleasedFile
from media_jobs.retention import retention_enforce
from media_jobs.services import Upload
from tests.fakes import EngineWithoutNets

from .helpers import photo, photos, upload, work_off

Names = Callable[[], list[str]]


def policy(team: Team, **days: Any) -> None:
    Team.objects.filter(pk=team.pk).update(**days)
    team.refresh_from_db()


def came_in(media: Media, days: float) -> None:
    Media.objects.filter(pk=media.pk).update(created_at=timezone.now() - timedelta(days=days))


def analysed(team: Team, seed: int, days: float = 0, faces: int = 2) -> Upload:
    one = upload(team, photo(seed), f"{seed}.png")
    work_off(one.job, EngineWithoutNets(faces=faces))
    came_in(one.media, days)
    Job.objects.filter(pk=one.job.pk).update(created_at=timezone.now() - timedelta(days=days))
    one.media.refresh_from_db()
    return one


@pytest.mark.django_db(transaction=True)
def test_pictures_go_after_their_days_and_results_stay(in_team: Team, stored_files: Names) -> None:
    old, new = analysed(in_team, 1, days=8).media, analysed(in_team, 2, days=6).media
    policy(in_team, keep_originals_days=7)
    assert retention_enforce() == 1
    old.refresh_from_db()
    assert (old.file_names, old.stored_bytes) == ([], 0)
    assert old.pictures_erased_at is not None
    assert Face.objects.filter(media=old).count() == 2
    assert all(str(new.pk) in name for name in stored_files())
    assert TeamUsage.objects.get().stored_bytes == new.stored_bytes
    event = AuditEvent.objects.get(action="media.pictures_expired")
    assert (event.actor_name, event.details) == ("system", {"photos": 1})
    assert retention_enforce() == 0, "a second run finds nothing"


def test_without_a_policy_nothing_goes(in_team: Team) -> None:
    analysed(in_team, 1, days=3000)
    assert retention_enforce() == 0
    assert Media.objects.get().file_names != []


def test_faces_go_with_their_scores_and_their_number_stays(in_team: Team) -> None:
    old, new = analysed(in_team, 1, days=8).media, analysed(in_team, 2, days=6).media
    policy(in_team, keep_faces_days=7)
    assert retention_enforce() == 1
    assert list(Face.objects.values_list("media", flat=True)) == [new.pk, new.pk]
    old.refresh_from_db()
    assert old.faces_erased_at is not None
    assert Analysis.objects.get(media=old).face_count == 2
    assert old.file_names != []
    assert TeamUsage.objects.get().stored_faces == 2


@pytest.mark.django_db(transaction=True)
def test_results_take_everything_with_them(in_team: Team, stored_files: Names) -> None:
    old, new = analysed(in_team, 1, days=8), analysed(in_team, 2, days=6)
    policy(in_team, keep_results_days=7)
    retention_enforce()
    assert list(Media.objects.all()) == [new.media]
    assert list(Job.objects.all()) == [new.job]
    assert JobItem.objects.count() == 1
    assert not any(str(old.media.pk) in name for name in stored_files())
    assert not AuditEvent.objects.filter(object_name="1.png").exists()
    assert AuditEvent.objects.get(action="media.results_expired").details == {"photos": 1}


@pytest.mark.django_db(transaction=True)
def test_a_team_that_keeps_no_pictures_loses_them_with_the_result(in_team: Team, stored_files: Names) -> None:
    policy(in_team, keep_originals_days=0)
    one = upload(in_team, photo(1))
    assert stored_files() != [], "the worker still needs it"
    assert retention_enforce() == 0
    work_off(one.job, EngineWithoutNets())
    assert stored_files() == []
    one.media.refresh_from_db()
    assert one.media.pictures_erased_at is not None
    assert Face.objects.count() == 1
    assert one.job.status == Job.Status.SUCCEEDED


@pytest.mark.django_db(transaction=True)
def test_a_failed_analysis_does_not_keep_the_picture_either(in_team: Team, stored_files: Names) -> None:
    policy(in_team, keep_originals_days=0)
    one = upload(in_team, photo(1, width=41))
    work_off(one.job, EngineWithoutNets(fails_on_width=frozenset({41})))
    assert one.job.status == Job.Status.FAILED
    assert stored_files() == []
    again = upload(in_team, photo(1, width=41))
    assert again.duplicate
    assert again.media == one.media
    assert stored_files() != [], "its bytes came again, and are analysed again"
    work_off(again.job, EngineWithoutNets())
    assert again.job.status == Job.Status.SUCCEEDED
    assert stored_files() == []


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_another_job_waits_for_is_kept(in_team: Team, stored_files: Names) -> None:
    from media_jobs.services import job_create

    policy(in_team, keep_originals_days=0)
    one = upload(in_team, photo(1))
    second = job_create(team=in_team, media=[one.media])
    came_in(one.media, 2)
    work_off(one.job, EngineWithoutNets())
    assert retention_enforce() == 0
    assert stored_files() != []
    work_off(second, EngineWithoutNets())
    assert stored_files() == []


def test_a_photo_without_any_job_is_swept(in_team: Team) -> None:
    (one,) = photos(in_team, 1)
    policy(in_team, keep_originals_days=0)
    assert retention_enforce() == 0, "it came in just now, and may get its job"
    came_in(one, 0.5)
    assert retention_enforce() == 1


def test_new_faces_of_an_old_photo_are_erased_again(in_team: Team) -> None:
    from media_jobs.services import job_create

    one = analysed(in_team, 1, days=8)
    policy(in_team, keep_faces_days=7)
    retention_enforce()
    work_off(job_create(team=in_team, media=[one.media]), EngineWithoutNets(faces=3))
    assert Face.objects.count() == 3
    assert retention_enforce() == 1
    assert Face.objects.count() == 0


def test_what_is_switched_off_is_erased(in_team: Team) -> None:
    analysed(in_team, 1)
    assert Face.objects.exclude(strongest="").count() == 2
    policy(in_team, analyze_emotion=False)
    assert retention_enforce() == 2
    assert Face.objects.exclude(strongest="").count() == 0
    assert Face.objects.exclude(happiness=None).count() == 0


def test_a_team_with_much_to_erase_does_not_keep_the_others_waiting(
    people: People, others: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_at_a_time = partial(retention.pictures_expire, limit=1)
    monkeypatch.setattr("media_jobs.retention.EXPIRIES", [one_at_a_time])
    for one, count in ((people.team, 5), (others.team, 1)):
        with team_scope(one):
            for media in photos(one, count):
                came_in(media, 9)
        policy(one, keep_originals_days=7)
    ticks = iter(range(100))
    # The time is asked once at the beginning and once per team: it ends after each team had one turn.
    retention_enforce(seconds=2.5, clock=lambda: float(next(ticks)))
    left = {}
    for team in (people.team, others.team):
        with team_scope(team):
            left[team.name] = Media.objects.filter(pictures_erased_at=None).count()
    assert left == {"blue": 4, "red": 0}


def test_the_policy_of_one_team_does_not_reach_another(people: People, others: People) -> None:
    for one in (people.team, others.team):
        with team_scope(one):
            analysed(one, 1, days=9)
    policy(people.team, keep_results_days=7)
    retention_enforce()
    with team_scope(others.team):
        assert Media.objects.count() == 1
    with team_scope(people.team):
        assert Media.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_storage_that_is_away_loses_no_file(
    in_team: Team, monkeypatch: pytest.MonkeyPatch, stored_files: Names
) -> None:
    from django.core.files.storage import FileSystemStorage

    analysed(in_team, 1, days=9)
    policy(in_team, keep_originals_days=7)

    def away(self: FileSystemStorage, name: str) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(FileSystemStorage, "delete", away)
        retention_enforce()
    assert ReleasedFile.objects.count() == 2
    from media_jobs.services import released_files_erase

    released_files_erase()
    assert stored_files() == []


# --- What pages and API show of it --------------------------------------------------------------------
def test_pages_and_api_cope_with_a_photo_without_its_picture(people: People) -> None:
    with team_scope(people.team):
        one = analysed(people.team, 1, days=9)
        policy(people.team, keep_originals_days=7)
        retention_enforce()
    client = people.client("viewer")
    listed = client.get(reverse("photo_list")).content.decode()
    assert "erased by the team" in listed
    assert reverse("photo_file", args=[one.media.pk, "thumbnail"]) not in listed
    page = client.get(reverse("photo_detail", args=[one.media.pk])).content.decode()
    assert "erased by the team" in page
    assert "Person 1" in page
    assert "/preview" not in page
    assert "/original" not in page
    assert client.get(reverse("photo_file", args=[one.media.pk, "preview"])).status_code == 410
    key = {"Authorization": f"Bearer {people.key('read')}"}
    for part in ("original", "preview", "thumbnail"):
        answer = Client().get(f"/api/v1/media/{one.media.pk}/{part}", headers=key)
        assert (answer.status_code, answer.json()["code"]) == (410, "pictures_erased")
    body = Client().get(f"/api/v1/media/{one.media.pk}", headers=key).json()
    assert body["pictures_erased_at"] is not None
    assert len(body["faces"]) == 2


def test_the_page_says_that_faces_were_erased(people: People) -> None:
    with team_scope(people.team):
        one = analysed(people.team, 1, days=9)
        policy(people.team, keep_faces_days=7)
        retention_enforce()
    page = people.client("viewer").get(reverse("photo_detail", args=[one.media.pk])).content.decode()
    assert "The faces were erased" in page
    assert "2 faces" in page
    assert "Person 1" not in page


def test_the_forecast_counts_what_goes_on_each_day(in_team: Team) -> None:
    policy(in_team, keep_originals_days=30, keep_faces_days=40, keep_results_days=60)
    now = timezone.now().replace(hour=12)
    for seed, days in ((1, 29), (2, 29), (3, 35), (4, 1), (5, 20)):
        one = analysed(in_team, seed)
        Media.objects.filter(pk=one.media.pk).update(created_at=now - timedelta(days=days))
    told = forecast(in_team, now=now)
    today = now.date()
    size = {media.created_at: media.stored_bytes for media in Media.objects.all()}
    assert sum(size.values()) > 0
    figures = {
        ((period.first - today).days, (period.last - today).days): (
            period.going.pictures,
            period.going.faces,
            period.going.results,
        )
        for period in told.periods
    }
    assert figures == {
        (0, 0): (1, 0, 0),  # the photo of 35 days: its picture is overdue
        (1, 1): (2, 0, 0),
        (5, 5): (0, 2, 0),
        (7, 13): (1, 4, 0),
        (14, 20): (0, 2, 0),
        (21, 27): (0, 0, 1),
    }
    assert told.next_pictures == now - timedelta(days=5)
    assert told.next_results == now + timedelta(days=25)
    assert told.next_of_all == told.next_pictures


def test_the_forecast_walks_the_index_of_the_time(in_team: Team) -> None:
    from django.db.models import Count

    soon = Media.objects.filter(pictures_erased_at=None, created_at__lt=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
    try:
        assert (
            "media_with_pictures"
            in retention.pictures_due(Team(pk=in_team.pk, keep_originals_days=3), timezone.now())[
                :50
            ].explain()
        )
        assert "media_with" in soon.values("created_at").annotate(n=Count("pk")).explain()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET enable_seqscan")


# --- Settings -----------------------------------------------------------------------------------------
FORM = {
    "originals": "none",
    "faces": "days",
    "faces_days": "90",
    "results": "forever",
    "analyze_age": "on",
    "analyze_gender": "on",
    "analyze_identity": "on",
}


def test_the_page_changes_the_policy_and_the_record_says_from_what_to_what(people: People) -> None:
    answer = people.client("admin").post(reverse("team_privacy"), FORM)
    assert answer.status_code == 302
    team = Team.objects.get(pk=people.team.pk)
    assert (team.keep_originals_days, team.keep_faces_days, team.keep_results_days) == (0, 90, None)
    assert (team.analyze_emotion, team.analyze_age) == (False, True)
    with team_scope(people.team):
        event = AuditEvent.objects.get(action="team.settings_changed")
    assert event.actor_name == "blue-admin"
    assert event.details == {
        "before": {"keep_originals_days": None, "keep_faces_days": None, "analyze_emotion": True},
        "after": {"keep_originals_days": 0, "keep_faces_days": 90, "analyze_emotion": False},
    }
    page = people.client("admin").get(reverse("team_privacy")).content.decode()
    assert 'value="90"' in page


@pytest.mark.parametrize(
    "wrong",
    [{"faces_days": ""}, {"faces_days": "0"}, {"faces_days": "99999"}, {"faces": "none"}, {"originals": ""}],
)
def test_a_wrong_policy_is_refused_and_nothing_changes(people: People, wrong: dict[str, str]) -> None:
    answer = people.client("admin").post(reverse("team_privacy"), FORM | wrong)
    assert answer.status_code == 400
    team = Team.objects.get(pk=people.team.pk)
    assert (team.keep_originals_days, team.keep_faces_days, team.analyze_emotion) == (None, None, True)
    with team_scope(people.team):
        assert not AuditEvent.objects.filter(action="team.settings_changed").exists()


def test_the_api_shows_and_changes_the_policy(people: People) -> None:
    manage = {"Authorization": f"Bearer {people.key()}"}
    reader = {"Authorization": f"Bearer {people.key('read', 'analyze')}"}
    with team_scope(people.team):
        analysed(people.team, 1)
    client = Client()
    change = {"keep_originals_days": 3, "analyze_gender": False}

    def send(body: Any, headers: dict[str, str]) -> Any:
        return client.patch("/api/v1/privacy", body, content_type="application/json", headers=headers)

    assert send(change, reader).status_code == 403
    assert client.get("/api/v1/privacy", headers=reader).json()["keep_originals_days"] is None
    body = send(change, manage).json()
    assert (body["keep_originals_days"], body["analyze_gender"], body["analyze_age"]) == (3, False, True)
    assert sum(period["going"]["pictures"] for period in body["forecast"]["periods"]) == 1
    assert send({"keep_faces_days": 0}, manage).status_code == 400
    assert send({"keep_originals_days": None}, manage).json()["keep_originals_days"] is None
