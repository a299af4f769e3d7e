"""`manage.py create_demo`: the team that `make run` begins with."""

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.keys import api_key_authenticate
from accounts.limits import limits_of
from accounts.models import Membership, Plan, Team
from media_jobs.models import Job, Video


@pytest.fixture()
def login_file(tmp_path: Path, settings: Settings) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path / "first-login.json"


def make_demo(login_file: Path) -> dict[str, str]:
    call_command("create_demo", "--timeout", "0")
    login: dict[str, str] = json.loads(login_file.read_text())
    return login


def test_the_demo_team_may_send_a_hundred_requests_a_second(db: None, login_file: Path) -> None:
    login = make_demo(login_file)
    team = Team.objects.get(pk=login["team"])
    assert team.plan is not None
    assert (team.plan.name, limits_of(team).requests_per_minute) == ("Demo", 6000)
    answer = Client().get("/api/v1/media", headers={"Authorization": f"Bearer {login['api_key']}"})
    assert answer["RateLimit-Limit"] == "6000"
    with team_scope(team):
        assert Job.objects.get(kind=Job.Kind.PHOTOS).total == 2


def test_a_video_of_the_sample_photos_is_analysed_once(db: None, login_file: Path) -> None:
    team = Team.objects.get(pk=make_demo(login_file)["team"])
    with team_scope(team):
        video = Video.objects.get()
        assert (video.filename, video.codec, video.shown_by_browsers) == ("Two pioneers.webm", "vp8", True)
        assert video.duration_ms == pytest.approx(12_000, abs=100)
        assert video.chunks.count() >= 1
        assert video.job is not None
        make_demo(login_file)
        assert Video.objects.count() == 1


def test_a_second_start_changes_neither_the_login_nor_the_plan(db: None, login_file: Path) -> None:
    first = make_demo(login_file)
    Plan.objects.update(requests_per_minute=5)
    Team.objects.update(plan=None)
    assert make_demo(login_file) == first
    assert Team.objects.get().plan is None
    assert Plan.objects.get().requests_per_minute == 5


def test_who_deleted_the_login_gets_a_new_one_to_the_same_team(db: None, login_file: Path) -> None:
    first = make_demo(login_file)
    login_file.unlink()
    second = make_demo(login_file)
    assert second["team"] == first["team"]
    assert second["password"] != first["password"]
    assert api_key_authenticate(text=second["api_key"]) is not None
    with across_teams():
        assert Membership.objects.count() == 1
