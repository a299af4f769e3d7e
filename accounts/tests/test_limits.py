"""Limits hold exactly, also when many clients meet them at the same moment."""

import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.limits import (
    file_size_check,
    limits_of,
    next_month,
    pictures_give_back,
    pictures_take,
)
from accounts.models import Team, TeamUsage, UsageDay
from analysis.models import Face
from conftest import People
from emotionsite.problems import Refusal
from media_jobs.models import Job, JobItem, Media
from media_jobs.services import job_create, media_delete
from media_jobs.tests.helpers import photo, photos, upload, work_off
from tests.fakes import EngineWithoutNets

from .limit_helpers import CLIENTS, count_outcomes

Names = Callable[[], list[str]]
Count = Callable[[], int]


def usage(team: Team) -> TeamUsage:
    with across_teams():
        return TeamUsage.objects.get(team=team)


# --- Where limits come from -------------------------------------------------------------------------


def test_a_team_without_a_plan_has_the_limits_of_the_installation(people: People, settings: Settings) -> None:
    settings.DEFAULT_STORED_FACES = 12
    assert limits_of(people.team).requests_per_minute == 6000
    assert limits_of(people.team).stored_faces == 12
    assert limits_of(people.team).storage_bytes is None


def test_a_plan_replaces_every_limit_but_cannot_raise_the_largest_file(
    limited: Any, settings: Settings
) -> None:
    settings.DEFAULT_STORED_FACES = 12
    team = limited(largest_file_bytes=settings.MAX_UPLOAD_BYTES * 2)
    assert limits_of(team).stored_faces is None
    assert limits_of(team).largest_file_bytes == settings.MAX_UPLOAD_BYTES
    assert limits_of(limited(largest_file_bytes=2000)).largest_file_bytes == 2000


# --- Pictures of the month ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_twenty_uploads_at_once_exactly_as_many_are_analysed_as_the_month_allows(
    limited: Any, stored_files: Names, queued: Count
) -> None:
    team = limited(pictures_per_month=7)
    outcomes = count_outcomes(team, lambda team, number: upload(team, photo(number + 1)))
    assert outcomes == {"passed": 7, "quota_pictures": CLIENTS - 7}
    assert usage(team).pictures == 7
    with team_scope(team):
        assert (Media.objects.count(), Job.objects.count(), JobItem.objects.count()) == (7, 7, 7)
        assert UsageDay.objects.get().pictures == 7
    assert len(stored_files()) == 2 * 7
    assert queued() == 7


@pytest.mark.django_db(transaction=True)
def test_the_last_picture_of_the_month_may_be_the_same_one_of_all(limited: Any, queued: Count) -> None:
    team = limited(pictures_per_month=1)
    assert count_outcomes(team, lambda team, _: upload(team, photo(1))) == {"passed": CLIENTS}
    assert usage(team).pictures == 1
    assert queued() == 1


def test_a_refusal_says_when_the_pictures_are_replenished_and_then_they_are(limited: Any) -> None:
    team = limited(pictures_per_month=2)
    with time_machine.travel(datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) as clock, team_scope(team):
        pictures_take(team=team, count=2)
        with pytest.raises(Refusal) as refused, transaction.atomic():
            pictures_take(team=team, count=1)
        assert refused.value.status == 403
        assert refused.value.extra == {"replenished_on": "2027-01-01"}
        assert "0 are left" in refused.value.message
        assert "1 January 2027" in refused.value.message
        clock.move_to(datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC))
        pictures_take(team=team, count=1)
    assert (usage(team).month, usage(team).pictures) == (date(2027, 1, 1), 1)


def test_the_month_after_december_is_january() -> None:
    assert next_month(date(2026, 12, 31)) == date(2027, 1, 1)
    assert next_month(date(2026, 1, 31)) == date(2026, 2, 1)


def test_the_api_and_the_page_say_when_the_month_is_used_up(
    limited: Any, people: People, stored_files: Names, queued: Count
) -> None:
    limited(pictures_per_month=0)
    first = next_month(datetime.now(UTC).date())
    key = {"Authorization": f"Bearer {people.key()}"}
    by_key = Client().post("/api/v1/media", {"file": io.BytesIO(photo(1))}, headers=key)
    by_page = people.client("analyst").post("/photos/upload", {"file": io.BytesIO(photo(1))})
    for answer in (by_key, by_page):
        assert answer.status_code == 403
        assert answer.json()["code"] == "quota_pictures"
        assert answer.json()["replenished_on"] == first.isoformat()
    with across_teams():
        assert not Media.objects.exists()
        assert not Job.objects.exists()
        assert not UsageDay.objects.exists()
    assert (stored_files(), queued()) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_more_pictures_at_once_than_are_left_are_refused_as_a_whole(limited: Any, queued: Count) -> None:
    team = limited(pictures_per_month=4)
    with team_scope(team):
        stored = photos(team, 5)
        with pytest.raises(Refusal, match="4 are left"):
            job_create(team=team, media=stored)
        assert not Job.objects.exists()
        assert queued() == 0
        job_create(team=team, media=stored[:4])
    assert usage(team).pictures == 4
    assert queued() == 1


def test_a_known_picture_counts_only_when_it_is_analysed_again(limited: Any) -> None:
    team = limited(pictures_per_month=1)
    with team_scope(team):
        first = upload(team, photo(1, width=41))
        assert upload(team, photo(1, width=41)).duplicate
        assert usage(team).pictures == 1
        work_off(first.job, EngineWithoutNets(fails_on_width=frozenset({41})))
        assert usage(team).pictures == 0, "an analysis that failed is given back"
        assert upload(team, photo(1, width=41)).job != first.job
        assert usage(team).pictures == 1


def test_a_picture_that_is_deleted_before_its_analysis_is_given_back(limited: Any, fake_engine: Any) -> None:
    team = limited(pictures_per_month=2)
    with team_scope(team):
        waiting, done = upload(team, photo(1)), upload(team, photo(2))
        work_off(done.job, fake_engine)
        media_delete(media_id=waiting.media.pk)
        media_delete(media_id=done.media.pk)
        assert usage(team).pictures == 1
        assert UsageDay.objects.get().pictures == 1


def test_what_is_given_back_of_an_old_month_does_not_count_for_this_one(limited: Any) -> None:
    team = limited(pictures_per_month=5)
    with time_machine.travel(datetime(2027, 5, 31, 12, tzinfo=UTC)) as clock, team_scope(team):
        pictures_take(team=team, count=2)
        then = datetime(2027, 5, 31, 12, tzinfo=UTC)
        clock.move_to(datetime(2027, 6, 1, 12, tzinfo=UTC))
        pictures_take(team=team, count=3)
        pictures_give_back(team=team, count=2, taken_at=then)
        figures = {day.day: day.pictures for day in UsageDay.objects.all()}
    assert usage(team).pictures == 3
    assert figures == {date(2027, 5, 31): 0, date(2027, 6, 1): 3}


def test_a_clock_that_is_behind_does_not_bring_the_old_month_back(limited: Any) -> None:
    team = limited(pictures_per_month=2)
    with time_machine.travel(datetime(2027, 6, 1, 0, 0, 1, tzinfo=UTC)) as clock, team_scope(team):
        pictures_take(team=team, count=1)
        clock.move_to(datetime(2027, 5, 31, 23, 59, tzinfo=UTC))
        pictures_take(team=team, count=1)
        with pytest.raises(Refusal) as refused, transaction.atomic():
            pictures_take(team=team, count=1)
        assert refused.value.extra == {"replenished_on": "2027-07-01"}
    assert (usage(team).month, usage(team).pictures) == (date(2027, 6, 1), 2)


# --- What is stored -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_twenty_uploads_at_once_exactly_as_many_are_stored_as_there_is_room(
    limited: Any, stored_files: Names, queued: Count
) -> None:
    team = limited()
    with team_scope(team):
        size = upload(team, photo(99)).media.stored_bytes
    # Noise of one size compresses to almost the same; the room is for five and not for a sixth.
    room = 5 * size + size // 2
    team = limited(storage_bytes=room)
    outcomes = count_outcomes(team, lambda team, number: upload(team, photo(number + 1)))
    assert outcomes == {"passed": 4, "quota_storage": CLIENTS - 4}
    assert usage(team).stored_bytes <= room
    with team_scope(team):
        assert Media.objects.count() == Job.objects.count() == 5
        assert usage(team).stored_bytes == sum(Media.objects.values_list("stored_bytes", flat=True))
    assert usage(team).pictures == 5, "a picture without room does not count"
    assert len(stored_files()) == 2 * 5
    assert queued() == 5


def test_room_comes_back_with_a_deleted_picture(limited: Any) -> None:
    team = limited()
    with team_scope(team):
        first = upload(team, photo(1))
        team = limited(storage_bytes=first.media.stored_bytes + 10)
        with pytest.raises(Refusal, match="Delete photos"):
            upload(team, photo(2))
        media_delete(media_id=first.media.pk)
        assert not upload(team, photo(2)).duplicate


@pytest.mark.django_db(transaction=True)
def test_of_twenty_workers_at_once_exactly_as_many_faces_are_stored_as_allowed(limited: Any) -> None:
    team = limited(stored_faces=6)
    with team_scope(team):
        jobs = [upload(team, photo(n + 1)).job for n in range(CLIENTS)]

    def work(team: Team, number: int) -> None:
        work_off(Job.objects.get(pk=jobs[number].pk), EngineWithoutNets())

    assert count_outcomes(team, work) == {"passed": CLIENTS}
    assert usage(team).stored_faces == 6
    with team_scope(team):
        assert Face.objects.count() == 6
        ends = [(item.status, item.error_code) for item in JobItem.objects.all()]
        assert UsageDay.objects.get().faces == 6
    assert ends.count(("succeeded", "")) == 6
    assert ends.count(("failed", "quota_faces")) == CLIENTS - 6


def test_of_photos_analysed_together_those_that_fit_are_kept(limited: Any, fake_engine: Any) -> None:
    team = limited(stored_faces=3)
    with team_scope(team):
        job = job_create(team=team, media=photos(team, 4))
        work_off(job, fake_engine)
        assert job.status == Job.Status.SUCCEEDED
        assert [item.error_code for item in JobItem.objects.all()] == ["", "", "", "quota_faces"]
        assert Face.objects.count() == 3
        assert "may store 3 faces" in JobItem.objects.get(status="failed").error_message


def test_a_file_over_the_plans_limit_is_refused_before_it_is_read(
    limited: Any, people: People, stored_files: Names
) -> None:
    team = limited(largest_file_bytes=2 * 1024 * 1024)
    file_size_check(team=team, size=2 * 1024 * 1024)
    with pytest.raises(Refusal, match="2 MB") as refused:
        file_size_check(team=team, size=2 * 1024 * 1024 + 1)
    assert (refused.value.code, refused.value.status) == ("file_too_large", 413)
    key = {"Authorization": f"Bearer {people.key()}"}
    content = io.BytesIO(photo(1) + bytes(2 * 1024 * 1024))
    answer = Client().post("/api/v1/media", {"file": content}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert stored_files() == []


def test_limits_of_one_team_do_not_touch_another(limited: Any, others: People) -> None:
    limited(pictures_per_month=0, storage_bytes=0, stored_faces=0)
    with team_scope(others.team):
        assert upload(others.team, photo(1)).job.total == 1
