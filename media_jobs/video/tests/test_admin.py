"""Videos in the admin panel and in the forecast of what retention erases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.access import team_scope
from accounts.models import Team, User
from accounts.staff import staff_make
from conftest import People
from media_jobs.forecast import forecast
from media_jobs.models import Video
from media_jobs.video.erasure import video_erase

from .kept import kept_video

LIST = "admin:media_jobs_video_changelist"


@pytest.fixture()
def root(db: None) -> Client:
    client = Client()
    user = User.objects.create_superuser("root", "root@example.org", "correct horse battery")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_list_shows_team_state_and_length_and_leads_to_the_page(root: Client, people: People) -> None:
    with team_scope(people.team):
        video = kept_video(people.team, 1, 65, filename="visit.mp4")
    page = root.get(reverse(LIST)).content.decode()
    for word in ("visit.mp4", "blue", "ready", "0:01:05", reverse("team_video", args=[video.pk])):
        assert word in page, word
    row = root.get(reverse("admin:media_jobs_video_change", args=[video.pk])).content.decode()
    assert str(video.pk) in row
    assert 'name="_save"' not in row, "nothing is changed here"
    assert video.parts[0][0] not in row


def test_the_list_takes_the_same_queries_for_one_video_and_for_many(root: Client, people: People) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert root.get(reverse(LIST)).status_code == 200
        return len(caught)

    with team_scope(people.team):
        kept_video(people.team, 1, 5)
    root.get(reverse(LIST))
    few = queries()
    with team_scope(people.team):
        for _ in range(6):
            kept_video(people.team, 1, 5)
    assert queries() == few


def test_staff_see_the_videos_of_their_team_only(people: People, others: People) -> None:
    with team_scope(others.team):
        theirs = kept_video(others.team, 1, 5, filename="theirs.mp4")
    with team_scope(people.team):
        kept_video(people.team, 1, 5, filename="ours.mp4")
    staff_make(user=people.admin)
    client = people.client("admin")
    page = client.get(reverse(LIST)).content.decode()
    assert "ours.mp4" in page
    assert "theirs.mp4" not in page
    there = client.get(reverse("admin:media_jobs_video_change", args=[theirs.pk]), follow=True)
    assert "theirs.mp4" not in there.content.decode()


# --- What goes when -------------------------------------------------------------------------------------
def policy(team: Team, **settings: Any) -> Team:
    Team.objects.filter(pk=team.pk).update(**settings)
    return Team.objects.get(pk=team.pk)


def test_the_forecast_counts_videos_beside_photos(in_team: Team) -> None:
    now = datetime(2026, 11, 4, 12, tzinfo=UTC)
    video, late = kept_video(in_team, 3, 10), kept_video(in_team, 2, 10, preview=False)
    Video.objects.filter(pk=video.pk).update(created_at=now - timedelta(days=28))
    Video.objects.filter(pk=late.pk).update(created_at=now + timedelta(days=100))
    team = policy(in_team, keep_originals_days=30, keep_faces_days=31, keep_results_days=32)
    told = forecast(team, now=now)
    whole = video.stored_bytes + video.preview.stored_bytes
    figures = [(one.going.video_files, one.going.video_people, one.going.videos) for one in told.periods]
    assert figures == [(1, 0, 0), (0, 3, 0), (0, 0, 1)]
    assert [one.going.picture_bytes for one in told.periods] == [whole, 0, 0]
    assert told.next_pictures == now + timedelta(days=2)
    assert told.next_results == now + timedelta(days=4)
    video_erase(team=in_team, video_ids=[video.pk, late.pk])
    assert forecast(team, now=now).next_of_all is None


def test_page_and_api_show_them(people: People) -> None:
    with team_scope(people.team):
        kept_video(people.team, 3, 10, days=20)
        policy(people.team, keep_faces_days=21)
    page = people.client("admin").get(reverse("team_privacy")).content.decode()
    assert 'data-label="People in videos">3<' in page
    key = {"Authorization": f"Bearer {people.key('manage', 'read')}"}
    body = Client().get("/api/v1/privacy", headers=key).json()
    [period] = body["forecast"]["periods"]
    assert period["going"]["video_people"] == 3
