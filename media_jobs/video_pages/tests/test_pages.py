"""The pages of videos as the server renders them. What browsers do with them: tests/test_video_browser.py."""

import json
import re
from typing import Any

import pytest
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.access import team_scope
from accounts.models import AuditEvent
from analysis.models import VideoPerson
from analysis.video.people import people_summarise
from analysis.video.tests.helpers import Somebody, stored_video
from conftest import People
from media_jobs.models import Job, Video, VideoChunk, VideoPreview
from media_jobs.tests.batch_helpers import content_of


def made(people: People, *some: Somebody, seconds: float = 12, **more: Any) -> Video:
    """A stored video of the team, summarised where it is ready."""
    with team_scope(people.team):
        video = stored_video(people.team, list(some) or 2, seconds, **more)
        if video.status == Video.Status.READY:
            people_summarise(video=video)
    return video


def changed(video: Video, **fields: Any) -> Video:
    with team_scope(video.team):
        Video.objects.filter(pk=video.pk).update(**fields)
    return video


def cast_of(video: Video) -> list[VideoPerson]:
    with team_scope(video.team):
        return list(VideoPerson.objects.filter(video=video).order_by("number"))


def page_of(people: People, video: Video, role: str = "viewer") -> str:
    answer = people.client(role).get(reverse("team_video", args=[video.pk]))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def list_of(people: People, role: str = "viewer") -> str:
    return re.sub(r"\s+", " ", people.client(role).get(reverse("team_videos")).content.decode())


def data_in(page: str, name: str) -> Any:
    (found,) = re.findall(rf'<script id="{name}" type="application/json">(.*?)</script>', page, re.S)
    return json.loads(found)


# --- The list ---------------------------------------------------------------------------------------------
def test_an_empty_list_says_how_to_begin_to_those_who_may(people: People) -> None:
    assert "Upload the first video" in list_of(people, "analyst")
    page = list_of(people, "viewer")
    assert "Nobody in your team has uploaded a video" in page
    assert "upload-files" not in page


def test_the_list_tells_length_people_status_and_what_went_wrong(people: People) -> None:
    made(people, Somebody(), Somebody(), seconds=75, filename="two.mp4")
    failed = made(people, status=Video.Status.FAILED, filename="broken.avi")
    changed(failed, error_message="The file ends before the video does.")
    made(people, status=Video.Status.CANCELLED, filename="stopped.mp4")
    page = list_of(people)
    assert "1:15" in page
    assert "2 people" in page
    assert "The file ends before the video does." in page
    assert "Stopped" in page


def test_the_list_shows_how_far_an_analysis_is_and_how_to_stop_it(people: People) -> None:
    video = made(people, seconds=40, status=Video.Status.ANALYZING)
    with team_scope(people.team):
        VideoChunk.objects.filter(video=video, number__gte=1).update(status="pending", finished_at=None)
    page = list_of(people, "analyst")
    assert re.search(r'<progress [^>]*value="25"', page)
    assert reverse("team_video_cancel", args=[video.pk]) in page
    assert reverse("team_video_cancel", args=[video.pk]) not in list_of(people, "viewer")


def test_a_longer_list_costs_no_more_queries(
    people: People, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = people.client("viewer")
    for number in range(2):
        made(people, seconds=3, status=Video.Status.ANALYZING, filename=f"{number}.mp4")
    client.get(reverse("team_videos"))
    with django_assert_max_num_queries(30) as few:
        client.get(reverse("team_videos"))
    for number in range(5):
        made(people, seconds=3, status=Video.Status.ANALYZING, filename=f"more {number}.mp4")
    with django_assert_max_num_queries(len(few)):
        client.get(reverse("team_videos"))


def test_a_name_cannot_bring_markup_into_pages(people: People) -> None:
    evil = "</script><script>alert(1)</script>"
    video = made(people, Somebody(name=evil), filename=f"{evil}.mp4")
    for page in (list_of(people), page_of(people, video)):
        assert evil not in page
    assert data_in(page_of(people, video), "cast-data")["people"][0]["title"] == evil


def test_states_tell_how_far_videos_are(people: People, others: People) -> None:
    video = made(people, seconds=40, status=Video.Status.ANALYZING)
    ready = made(people)
    path = f"{reverse('team_video_states')}?job={video.pk}&job={ready.pk}"
    states = {one["job_id"]: one for one in people.client("viewer").get(path).json()["states"]}
    assert (states[str(video.pk)]["status"], states[str(video.pk)]["stage"]) == ("running", "analyzing")
    assert (states[str(ready.pk)]["status"], states[str(ready.pk)]["percent"]) == ("succeeded", 100)
    assert others.client("viewer").get(path).json() == {"states": []}


@pytest.mark.parametrize("query", ["job=nonsense", "&".join(["job=" + "0" * 32] * 101)])
def test_a_wrong_question_for_states_is_refused_in_words(people: People, query: str) -> None:
    answer = people.client("viewer").get(f"{reverse('team_video_states')}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


# --- One video --------------------------------------------------------------------------------------------
def test_a_result_has_everything_the_scripts_need(people: People) -> None:
    video = made(people, Somebody(name="Ada"), Somebody(excluded=True))
    page = page_of(people, video)
    cast = data_in(page, "cast-data")
    assert [(one["title"], one["excluded"]) for one in cast["people"]] == [("Ada", False), ("Person 2", True)]
    assert cast["people"][0]["metrics"]["dwell_seconds"] == pytest.approx(12, abs=0.3)
    data = data_in(page, "page-data")
    assert (data["width"], data["duration_ms"], data["interval_ms"]) == (1280, 12_000, 200.0)
    assert data["urls"]["boxes"] == reverse("team_video_boxes", args=[video.pk])


def test_the_page_needs_no_inline_script_or_style_and_may_play_videos_of_this_site(people: People) -> None:
    video = made(people)
    answer = people.client("owner").get(reverse("team_video", args=[video.pk]))
    policy = answer["Content-Security-Policy"]
    assert "media-src 'self'" in policy
    assert "script-src 'self'" in policy
    page = answer.content.decode()
    assert re.findall(r"<script(?![^>]*(?:src=|application/json))", page) == []
    assert re.findall(r"\sstyle=|<style", page) == []


def test_a_reader_sees_no_form_that_would_change_anything(people: People) -> None:
    video = made(people)
    for role, there in (("viewer", False), ("analyst", True)):
        page = page_of(people, video, role)
        assert ("Correct" in page, "delete-video" in page, "data-merge" in page) == (there, there, there)


def test_a_page_costs_the_same_for_two_and_for_six_people(
    people: People, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = people.client("viewer")
    two, six = made(people, Somebody(), Somebody()), made(people, *[Somebody()] * 6)
    client.get(reverse("team_video", args=[two.pk]))
    with django_assert_max_num_queries(30) as few:
        client.get(reverse("team_video", args=[two.pk]))
    with django_assert_max_num_queries(len(few)):
        client.get(reverse("team_video", args=[six.pk]))


def test_a_video_without_a_face_says_so(people: People) -> None:
    video = made(people, Somebody())
    with team_scope(people.team):
        VideoPerson.objects.filter(video=video).delete()
        people_summarise(video=video)
    page = page_of(people, video)
    assert "No face was found in this video" in page
    assert 'id="charts"' not in page


def test_a_video_that_failed_says_why(people: People) -> None:
    video = made(people, status=Video.Status.FAILED)
    changed(video, error_message="The video cannot be decoded: it is damaged.")
    page = page_of(people, video)
    assert "The video cannot be decoded: it is damaged." in page
    assert "video_page.js" not in page


def test_a_video_on_its_way_is_followed(people: People) -> None:
    page = page_of(people, made(people, status=Video.Status.LINKING))
    assert "People are being joined" in page
    assert "video_waiting.js" in page


def test_what_browsers_cannot_show_waits_for_its_copy(people: People) -> None:
    video = changed(made(people), shown_by_browsers=False, parts=[["x", 1]])
    with team_scope(people.team):
        preview = VideoPreview.objects.create(video=video, team=people.team, progress=0.25)
    page = page_of(people, video)
    assert "a copy that they can is being made" in page
    assert 'value="0.250"' in page
    with team_scope(people.team):
        VideoPreview.objects.filter(pk=preview.pk).update(status="failed")
    assert "no copy that they can could be made" in page_of(people, video)
    with team_scope(people.team):
        VideoPreview.objects.filter(pk=preview.pk).update(status="ready", parts=[["y", 1]])
    assert reverse("team_video_file", args=[video.pk, "preview"]) in page_of(people, video)


def test_the_player_is_told_that_sound_begins_before_pictures(people: People) -> None:
    video = changed(made(people), parts=[["x", 1]], facts={"player_offset_ms": 480})
    page = page_of(people, video)
    assert 'data-offset-ms="480"' in page
    assert reverse("team_video_file", args=[video.pk, "file"]) in page


def test_charts_stay_when_retention_has_erased_the_video(people: People) -> None:
    video = made(people)
    changed(video, pictures_erased_at=video.created_at, parts=[])
    page = page_of(people, video, "owner")
    assert "The video was erased by the team's retention" in page
    assert 'id="charts"' in page
    assert "<video" not in page
    # The small pictures of people went with it.
    assert "/portrait" not in page
    # Nothing is left to be analysed again.
    assert "analyze-again" not in page


def test_without_emotions_there_are_only_charts_of_attention_smile_and_eyes(people: People) -> None:
    video = made(people)
    people.team.analyze_emotion = False
    people.team.save()
    page = page_of(people, video)
    shown = re.findall(r'name="metric" value="(\w+)"', page)
    assert shown == ["attention", "smile", "eyes_open"]
    assert data_in(page, "cast-data")["people"][0]["metrics"]["emotions"] is None


def test_another_team_finds_nothing(people: People, others: People) -> None:
    video = made(people)
    person = cast_of(video)[0]
    client = others.client("owner")
    paths = [
        reverse("team_video", args=[video.pk]),
        reverse("team_video_boxes", args=[video.pk]),
        f"{reverse('team_video_timeline', args=[video.pk])}?person={person.pk}",
        reverse("team_video_portrait", args=[video.pk, person.pk]),
        reverse("team_video_results", args=[video.pk, "people", "csv"]),
    ]
    assert [client.get(path).status_code for path in paths] == [404] * len(paths)
    assert client.post(reverse("team_video_delete", args=[video.pk])).status_code == 404
    assert len(cast_of(video)) == 2


def test_members_who_may_can_ask_another_gallery_who_the_people_are(people: People) -> None:
    video = made(people)
    path = reverse("team_video_identify", args=[video.pk])
    assert path in page_of(people, video, "analyst")
    assert path not in page_of(people, video, "viewer")
    people.team.analyze_identity = False
    people.team.save()
    page = page_of(people, video, "analyst")
    assert path not in page
    assert "Look people up in" not in page


# --- What scripts ask for ---------------------------------------------------------------------------------
def boxes(people: People, video: Video, query: str) -> Any:
    return people.client("viewer").get(f"{reverse('team_video_boxes', args=[video.pk])}?{query}")


def test_boxes_come_by_stretches_of_time(people: People) -> None:
    video = made(people, Somebody(), Somebody(spans=[(0, 4000)]))
    first, second = cast_of(video)
    answer = boxes(people, video, "from=3000&to=6000").json()["people"]
    assert [one["person"] for one in answer] == [str(first.pk), str(second.pk)]
    assert answer[0]["ms"] == list(range(3000, 6000, 200))
    assert answer[1]["ms"] == list(range(3000, 4000, 200))
    assert len(answer[0]["boxes"][0]) == 4
    assert {type(place) for place in answer[0]["strongest"]} == {int}
    assert all(0 < share <= 1 for share in answer[0]["share"])
    assert boxes(people, video, "from=11000&to=20000").json()["people"][0]["ms"][-1] == 11_800


def test_boxes_are_without_emotions_where_these_are_switched_off(people: People) -> None:
    video = made(people)
    people.team.analyze_emotion = False
    people.team.save()
    answer = boxes(people, video, "from=0&to=1000").json()["people"][0]
    assert set(answer["strongest"]) == {None}
    assert set(answer["share"]) == {None}


@pytest.mark.parametrize(
    "query",
    ["from=0&to=60001", "from=5&to=5", "from=-1&to=100", "from=a&to=100", "from=0&to=" + "9" * 13],
)
def test_a_wrong_stretch_is_refused_in_words(people: People, query: str) -> None:
    answer = boxes(people, made(people, seconds=2), query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def timeline(people: People, video: Video, query: str, **headers: str) -> Any:
    path = f"{reverse('team_video_timeline', args=[video.pk])}?{query}"
    return people.client("viewer").get(path, headers=headers)


def test_curves_have_few_points_and_the_same_times_for_everybody(people: People) -> None:
    video = made(people, Somebody(), Somebody(spans=[(6000, 9000)]), seconds=60)
    first, second = cast_of(video)
    query = f"person={first.pk}&person={second.pk}&points=60"
    one, other = timeline(people, video, query).json()["people"]
    assert one["person"] == str(first.pk)
    assert one["ms"] == other["ms"] == list(range(0, 60_000, 1000))
    assert set(one["curves"]) >= {"happiness", "valence", "engagement", "attention", "smile", "eyes_open"}
    assert {"positive_score", "neutral_score", "negative_score"} <= set(one["curves"])
    seen = [ms for ms, value in zip(other["ms"], other["curves"]["smile"], strict=True) if value is not None]
    assert seen == [6000, 7000, 8000]


def test_a_closer_look_has_more_points_but_none_between_analysed_frames(people: People) -> None:
    video = made(people, Somebody(), seconds=60)
    (person,) = cast_of(video)
    query = f"person={person.pk}&from=10000&to=12000&points=800"
    (one,) = timeline(people, video, query).json()["people"]
    assert one["ms"] == list(range(10_000, 12_000, 200))
    assert None not in one["curves"]["happiness"]


def test_curves_are_not_sent_twice_until_somebody_is_changed(people: People) -> None:
    video = made(people, Somebody(), seconds=20)
    (person,) = cast_of(video)
    first = timeline(people, video, f"person={person.pk}")
    again = timeline(people, video, f"person={person.pk}", **{"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    post(people, "team_video_split", video, person, at_ms="8000")
    after = timeline(people, video, f"person={person.pk}", **{"If-None-Match": first["ETag"]})
    assert after.status_code == 200


@pytest.mark.parametrize("query", ["", "person=x", "person={pk}&points=many", "person={pk}&from=9&to=3"])
def test_a_wrong_question_for_curves_is_refused_in_words(people: People, query: str) -> None:
    video = made(people, Somebody(), seconds=2)
    (person,) = cast_of(video)
    answer = timeline(people, video, query.format(pk=person.pk))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_portrait_is_a_picture_or_is_not_there(people: People) -> None:
    video = made(people, Somebody())
    (person,) = cast_of(video)
    path = reverse("team_video_portrait", args=[video.pk, person.pk])
    answer = people.client("viewer").get(path)
    assert (answer["Content-Type"], answer.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert people.client("viewer").get(path, headers={"If-None-Match": answer["ETag"]}).status_code == 304
    with team_scope(people.team):
        VideoPerson.objects.update(portrait=None)
    assert people.client("viewer").get(path).status_code == 404


# --- People -----------------------------------------------------------------------------------------------
def post(
    people: People,
    route: str,
    video: Video,
    whom: VideoPerson | None = None,
    /,
    *,
    htmx: bool = False,
    **data: Any,
) -> Any:
    arguments = [video.pk] if whom is None else [video.pk, whom.pk]
    headers = {"HX-Request": "true"} if htmx else {}
    return people.client("analyst").post(reverse(route, args=arguments), data, headers=headers)


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
