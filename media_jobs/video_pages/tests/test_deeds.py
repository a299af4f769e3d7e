"""What members do on the pages of videos: correcting people, stopping, deleting, downloading."""

import pytest
from django.urls import reverse

from accounts.access import team_scope
from accounts.models import AuditEvent
from analysis.models import VideoPerson
from analysis.video.tests.helpers import Somebody
from conftest import People
from media_jobs.models import Job, Video
from media_jobs.tests.batch_helpers import content_of

from .page_helpers import cast_of, data_in, made, page_of, post


# --- People -----------------------------------------------------------------------------------------------
def test_somebody_is_renamed_and_the_list_comes_alone_to_a_script(people: People) -> None:
    video = made(people, Somebody(), Somebody())
    person = cast_of(video)[1]
    answer = post(people, "team_video_rename", video, person, htmx=True, name="Grace")
    page = answer.content.decode()
    assert "<html" not in page
    assert "Person 2 is called Grace now." in page
    assert data_in(page, "cast-data")["people"][1]["title"] == "Grace"
    # Without a script it is the whole page again.
    answer = post(people, "team_video_rename", video, person, name="")
    assert answer.status_code == 302
    assert cast_of(video)[1].name == ""


def test_a_name_that_is_too_long_is_said_and_changes_nothing(people: People) -> None:
    video = made(people, Somebody(name="Ada"))
    page = post(people, "team_video_rename", video, cast_of(video)[0], htmx=True, name="x" * 121)
    assert page.status_code == 200
    assert 'role="alert"' in page.content.decode()
    assert cast_of(video)[0].name == "Ada"


def test_somebody_is_left_out_and_taken_in_again(people: People) -> None:
    video = made(people, Somebody(), Somebody())
    person = cast_of(video)[0]
    post(people, "team_video_exclude", video, person, excluded="1")
    assert cast_of(video)[0].excluded is True
    page = page_of(people, video, "analyst")
    assert "left out" in page
    post(people, "team_video_exclude", video, person, excluded="0")
    assert cast_of(video)[0].excluded is False


def test_two_who_never_meet_become_one_and_two_who_do_stay_two(people: People) -> None:
    video = made(
        people, Somebody(spans=[(0, 4000)]), Somebody(spans=[(6000, 9000)]), Somebody(spans=[(0, 9000)])
    )
    first, second, third = cast_of(video)
    page = post(people, "team_video_merge", video, htmx=True, person=[str(first.pk), str(third.pk)])
    assert "both in the picture at 0 ms" in page.content.decode()
    assert len(cast_of(video)) == 3
    page = post(people, "team_video_merge", video, htmx=True, person=[str(second.pk), str(first.pk)])
    assert "They are one person now: Person 1." in page.content.decode()
    assert [one.pk for one in cast_of(video)] == [first.pk, third.pk]


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_are_not_merged(people: People, count: int) -> None:
    video = made(people)
    chosen = [str(person.pk) for person in cast_of(video)[:count]]
    page = post(people, "team_video_merge", video, htmx=True, person=chosen).content.decode()
    assert "Choose two people or more" in page
    assert len(cast_of(video)) == 2


def test_somebody_is_split_at_a_moment(people: People) -> None:
    video = made(people, Somebody())
    (person,) = cast_of(video)
    page = post(people, "team_video_split", video, person, htmx=True, at_ms="5100").content.decode()
    assert "From 0:05 on it is person 2." in page
    first, second = cast_of(video)
    assert (first.last_ms, second.first_ms) == (5000, 5200)


@pytest.mark.parametrize("at", ["", "-5", "soon", "0"])
def test_a_split_at_no_moment_is_said_and_changes_nothing(people: People, at: str) -> None:
    video = made(people, Somebody())
    (person,) = cast_of(video)
    page = post(people, "team_video_split", video, person, htmx=True, at_ms=at).content.decode()
    assert 'role="alert"' in page
    assert len(cast_of(video)) == 1


# --- The whole video --------------------------------------------------------------------------------------
def test_an_analysis_is_stopped(people: People) -> None:
    video = made(people, status=Video.Status.ANALYZING)
    answer = people.client("analyst").post(reverse("team_video_cancel", args=[video.pk]), follow=True)
    assert "was stopped" in answer.content.decode()
    with team_scope(people.team):
        assert Video.objects.get(pk=video.pk).status == Video.Status.CANCELLED


def test_a_video_is_deleted_with_its_people(people: People) -> None:
    video = made(people)
    answer = people.client("analyst").post(reverse("team_video_delete", args=[video.pk]), follow=True)
    assert "visit.mp4 was deleted" in answer.content.decode()
    with team_scope(people.team):
        assert not Video.objects.exists()
        assert not VideoPerson.objects.exists()


def test_what_cannot_be_analysed_again_is_said(people: People) -> None:
    """The made-up video was never read, so it has no facts to plan with."""
    video = made(people)
    with team_scope(people.team):
        jobs = Job.objects.count()
    body = {"frames_per_second": "2"}
    path = reverse("team_video_analyze", args=[video.pk])
    answer = people.client("analyst").post(path, body, follow=True)
    assert "es-notice-error" in answer.content.decode()
    with team_scope(people.team):
        assert Video.objects.get(pk=video.pk).frames_per_second == 5
        assert Job.objects.count() == jobs
    answer = people.client("analyst").post(path, {"frames_per_second": "7"}, follow=True)
    assert "is not one of the available choices" in answer.content.decode()


def test_an_address_is_taken_or_refused_with_a_sentence(people: People) -> None:
    path = reverse("team_video_fetch")
    client = people.client("analyst")
    body = {"frames_per_second": "every", "url": "https://example.org/films/one.mp4"}
    assert "one.mp4 is being fetched." in client.post(path, body, follow=True).content.decode()
    with team_scope(people.team):
        video = Video.objects.get()
    assert (video.status, video.frames_per_second) == (Video.Status.FETCHING, None)
    answer = client.post(path, {**body, "url": "ftp://example.org/one.mp4"}, follow=True)
    assert "es-notice-error" in answer.content.decode()
    with team_scope(people.team):
        assert Video.objects.count() == 1


# --- Downloads --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("table", "form", "begin"),
    [("people", "csv", b"person"), ("frames", "json", b"["), ("moments", "parquet", b"PAR1")],
)
def test_results_are_downloaded(people: People, table: str, form: str, begin: bytes) -> None:
    video = made(people)
    answer = people.client("viewer").get(reverse("team_video_results", args=[video.pk, table, form]))
    content = content_of(answer)
    assert answer.status_code == 200
    assert begin in content[:20]
    assert "attachment" in answer["Content-Disposition"]


@pytest.mark.parametrize(("table", "form"), [("people", "exe"), ("secrets", "csv")])
def test_there_are_no_other_results(people: People, table: str, form: str) -> None:
    path = reverse("team_video_results", args=[made(people).pk, table, form])
    assert people.client("viewer").get(path).status_code == 404


def test_a_correction_is_in_the_record(people: People) -> None:
    video = made(people)
    post(people, "team_video_rename", video, cast_of(video)[0], name="Ada")
    with team_scope(people.team):
        event = AuditEvent.objects.latest("id")
    assert (event.action, event.actor_id) == ("video_person.renamed", people.analyst.pk)
