"""The pages of videos as the server renders them. What browsers do with them: tests/test_video_browser.py."""

import re
from typing import Any

import pytest
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.access import team_scope
from analysis.models import VideoPerson
from analysis.video.people import people_summarise
from analysis.video.tests.helpers import Somebody
from conftest import People
from media_jobs.models import Video, VideoChunk, VideoPreview

from .page_helpers import cast_of, changed, data_in, list_of, made, page_of, post


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
