"""`/api/v1/videos/{id}/people`, `/timeline`, `/frames`, `/results` and what else was found in a video."""

import io
import json
from typing import Any
from uuid import uuid4

import av
import pytest
from django.test import Client

from accounts.access import team_scope
from accounts.models import AuditEvent
from analysis.models import VideoPerson, VideoTrack
from analysis.video.tests.helpers import Somebody, portrait, stored_video
from analysis.video.timelines import METRICS
from conftest import People
from galleries.models import VideoLabel
from galleries.services import gallery_create, subject_create
from media_jobs.models import Video
from media_jobs.tests.batch_helpers import Api, content_of
from media_jobs.video.facts import read_facts
from media_jobs.video.parts import parts_write
from tests.videos import make_video

pytestmark = pytest.mark.django_db
CAST = (Somebody([(0, 12_000)], name="Ada", age=44), Somebody([(14_000, 30_000)], emotion="anger"))
ROUTES = ("people", "summary", "moments", "timeline", "frames", "results", "clip?from_ms=0&to_ms=500")


@pytest.fixture()
def api(people: People) -> Api:
    return Api(people)


@pytest.fixture()
def video(people: People) -> Video:
    with team_scope(people.team):
        return stored_video(people.team, CAST, 30, summarised=True)


def ids_of(people: People, video: Video) -> list[str]:
    with team_scope(people.team):
        return [str(pk) for pk in VideoPerson.objects.filter(video=video).values_list("pk", flat=True)]


def patch(people: People, path: str, body: Any) -> Any:
    headers = {"Authorization": f"Bearer {people.key()}"}
    return Client().patch(f"/api/v1/{path}", json.dumps(body), "application/json", headers=headers)


class TestPeople:
    def test_are_listed_by_number_with_what_is_said_of_them(self, api: Api, video: Video) -> None:
        answer = api.get(f"videos/{video.pk}/people").json()
        first, second = answer["results"]
        assert (first["number"], first["name"], first["title"]) == (1, "Ada", "Ada")
        assert (second["number"], second["title"], second["identity"]) == (2, "Person 2", None)
        assert (first["first_ms"], first["last_ms"], first["samples"]) == (0, 11_800, 60)
        assert first["age"] == first["metrics"]["age"] == 44
        assert first["metrics"]["dwell_seconds"] == pytest.approx(12)
        assert first["metrics"].keys().isdisjoint({"moments", "usual_open"})

    def test_say_whom_they_were_taken_for(self, api: Api, people: People, video: Video) -> None:
        with team_scope(people.team):
            gallery = gallery_create(team=people.team, name="staff", key="staff")
            subject = subject_create(gallery=gallery, name="Grace")
            person = VideoPerson.objects.get(video=video, number=2)
            VideoLabel.objects.create(
                person=person, team=people.team, gallery=gallery, subject=subject, confidence=0.9
            )
        shown = api.get(f"videos/{video.pk}/people/{person.pk}").json()
        assert shown["title"] == "Grace"
        assert shown["identity"] == {
            "subject_id": str(subject.pk),
            "gallery_id": str(gallery.pk),
            "name": "Grace",
            "confidence": 0.9,
        }

    def test_cost_no_more_queries_when_there_are_more(
        self, api: Api, people: People, django_assert_max_num_queries: Any
    ) -> None:
        with team_scope(people.team):
            few, many = stored_video(people.team, 1, 10), stored_video(people.team, 12, 10)
        api.get(f"videos/{few.pk}/people")
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        counts = []
        for one in (few, many):
            with CaptureQueriesContext(connection) as asked:
                assert api.get(f"videos/{one.pk}/people").status_code == 200
            counts.append(len(asked))
        assert counts[0] == counts[1]

    def test_are_named_and_left_out(self, api: Api, people: People, video: Video) -> None:
        first, _ = ids_of(people, video)
        answer = patch(people, f"videos/{video.pk}/people/{first}", {"name": "Grace", "excluded": True})
        assert (answer.status_code, answer.json()["name"], answer.json()["excluded"]) == (200, "Grace", True)
        summary = api.get(f"videos/{video.pk}/summary").json()
        assert (summary["people"], summary["excluded"], summary["samples"]) == (1, 1, 80)

    @pytest.mark.parametrize("body", [{"name": "a" * 121}, {"excluded": "perhaps"}, {"name": None}])
    def test_a_wrong_change_changes_nothing(self, people: People, video: Video, body: dict[str, Any]) -> None:
        first, _ = ids_of(people, video)
        answer = patch(people, f"videos/{video.pk}/people/{first}", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        with team_scope(people.team):
            person = VideoPerson.objects.get(pk=first)
            assert (person.name, person.excluded) == ("Ada", False)
            assert not AuditEvent.objects.filter(object_type="videoperson").exists()

    def test_are_merged_and_split_again(self, api: Api, people: People, video: Video) -> None:
        first, second = ids_of(people, video)
        merged = api.post(f"videos/{video.pk}/people/merge", {"people": [second], "into": first})
        assert (merged.status_code, merged.json()["samples"], merged.json()["by_hand"]) == (200, 140, True)
        assert ids_of(people, video) == [first]
        split = api.post(f"videos/{video.pk}/people/{first}/split", {"at_ms": 13_000})
        assert (split.status_code, split.json()["samples"], split.json()["first_ms"]) == (200, 80, 14_000)
        assert api.get(f"videos/{video.pk}/people/{first}").json()["samples"] == 60

    def test_merges_and_splits_that_cannot_be_are_refused(
        self, api: Api, people: People, video: Video
    ) -> None:
        with team_scope(people.team):
            crowd = stored_video(people.team, 2, 10)
        (one, other), (first, _) = ids_of(people, crowd), ids_of(people, video)

        def code(path: str, body: Any) -> tuple[int, str]:
            answer = api.post(path, body)
            return answer.status_code, answer.json()["code"]

        merge = f"videos/{crowd.pk}/people/merge"
        assert code(merge, {"people": [other], "into": one}) == (409, "people_in_one_picture")
        assert code(merge, {"people": [one], "into": one}) == (400, "people_of_one")
        assert code(merge, {"people": [first], "into": one}) == (404, "people_unknown")
        assert code(merge, {"people": [], "into": one}) == (400, "invalid")
        assert code(f"videos/{crowd.pk}/people/{one}/split", {"at_ms": 0}) == (409, "split_leaves_nothing")
        assert code(f"videos/{crowd.pk}/people/{first}/split", {"at_ms": 500}) == (404, "not_found")
        assert ids_of(people, crowd) == [one, other]

    def test_a_portrait_is_a_jpeg(self, api: Api, people: People, video: Video) -> None:
        first, second = ids_of(people, video)
        answer = api.get(f"videos/{video.pk}/people/{first}/portrait")
        assert (answer["Content-Type"], answer.content) == ("image/jpeg", portrait(1))
        with team_scope(people.team):
            VideoPerson.objects.filter(pk=second).update(portrait=None)
        assert api.get(f"videos/{video.pk}/people/{second}/portrait").status_code == 404


class TestOverTime:
    def test_every_metric_can_be_asked_for_at_once(self, api: Api, people: People, video: Video) -> None:
        first, _ = ids_of(people, video)
        answer = api.get(
            f"videos/{video.pk}/timeline?metric={','.join(METRICS)}&person={first}&points=50"
        ).json()
        assert [curve["metric"] for curve in answer["curves"]] == list(METRICS)
        assert {len(curve["ms"]) <= 50 for curve in answer["curves"]} == {True}
        assert (answer["person_id"], answer["interval_ms"]) == (first, 200)

    def test_of_all_together_it_says_how_many_they_are(self, api: Api, video: Video) -> None:
        (curve,) = api.get(f"videos/{video.pk}/timeline?points=30").json()["curves"]
        assert curve["metric"] == "valence"
        assert curve["count"] == [1] * 12 + [0] * 2 + [1] * 16
        assert curve["values"][13] is None

    @pytest.mark.parametrize(
        "query",
        [
            "metric=joy",
            "metric=",
            "points=9",
            "points=5001",
            "points=+50",
            "points=-5",
            "person=me",
            "person=",
        ],
    )
    def test_a_question_that_makes_no_sense_is_refused(self, api: Api, video: Video, query: str) -> None:
        answer = api.get(f"videos/{video.pk}/timeline?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    def test_somebody_who_is_not_there_is_not_found(self, api: Api, video: Video) -> None:
        assert api.get(f"videos/{video.pk}/timeline?person={uuid4()}").status_code == 404
        assert api.get(f"videos/{video.pk}/comparison?people={uuid4()}").json()["code"] == "people_unknown"

    def test_people_are_compared_in_the_order_of_the_question(
        self, api: Api, people: People, video: Video
    ) -> None:
        first, second = ids_of(people, video)
        answer = api.get(
            f"videos/{video.pk}/comparison?people={second},{first}&metric=anger&points=30"
        ).json()
        assert [one["person"]["id"] for one in answer["people"]] == [second, first]
        assert (
            [len(one["curves"]["anger"]) for one in answer["people"]] == [len(answer["ms"])] * 2 == [30] * 2
        )

    def test_moments_are_of_all_or_of_somebody(self, api: Api, people: People, video: Video) -> None:
        _, second = ids_of(people, video)
        everybody = api.get(f"videos/{video.pk}/moments").json()
        own = api.get(f"videos/{video.pk}/moments?person={second}").json()
        assert (everybody["person_id"], own["person_id"]) == (None, second)
        assert {one["emotion"] for one in own["moments"] if one["kind"] == "rejection"} == {"anger"}
        assert {one["kind"] for one in everybody["moments"]} == {"peak", "rejection", "engaging"}

    def test_what_is_switched_off_is_nowhere(self, api: Api, people: People, video: Video) -> None:
        people.team.analyze_emotion = people.team.analyze_age = people.team.analyze_gender = False
        people.team.save()
        person = api.get(f"videos/{video.pk}/people").json()["results"][0]
        assert (person["age"], person["gender"], person["metrics"]["emotions"]) == (None, None, None)
        summary = api.get(f"videos/{video.pk}/summary").json()
        assert {summary["means"][name] for name in ("age", "valence", "emotions")} == {None}
        assert (summary["genders"], summary["age_groups"], summary["moments"]) == ({}, {}, [])
        face = api.get(f"videos/{video.pk}/frames").json()["frames"][0]["faces"][0]
        gone = ("strongest", "emotions", "valence", "engagement", "age", "age_group", "male", "gender")
        assert {face[name] for name in gone} == {None}
        assert api.get(f"videos/{video.pk}/moments").json()["moments"] == []


class TestFrames:
    def test_pages_lead_through_the_whole_video(self, api: Api, video: Video) -> None:
        seen, path, pages = [], f"videos/{video.pk}/frames", 0
        while path:
            page = api.get(path).json()
            seen += [(frame["ms"], [face["number"] for face in frame["faces"]]) for frame in page["frames"]]
            path = (page["next"] or "").partition("/api/v1/")[2]
            pages += 1
        assert [ms for ms, _ in seen] == list(range(0, 30_000, 200))
        assert [numbers for _, numbers in seen] == [[1]] * 60 + [[]] * 10 + [[2]] * 80
        assert pages == 7

    def test_a_face_has_everything_that_is_known_of_it(self, api: Api, video: Video) -> None:
        page = api.get(f"videos/{video.pk}/frames?from_ms=1000&to_ms=1200").json()
        (frame,) = page["frames"]
        (face,) = frame["faces"]
        assert (page["from_ms"], page["to_ms"], page["next"], frame["ms"]) == (1000, 1200, None, 1000)
        assert face["box"] == {"left": 69.72, "top": 140, "width": 120, "height": 150}
        assert len(face["landmarks"]) == 27
        assert sum(face["emotions"].values()) == pytest.approx(1, abs=0.001)
        assert (face["head_pose"]["yaw"], face["eyes"]["blink"], face["age_group"]) == (4, False, "Adult")
        # The helper knows nothing of the gaze.
        assert (face["gaze"], face["gender"]) == ({"yaw": 0, "pitch": 0}, "female")

    @pytest.mark.parametrize(
        "query", ["from_ms=x", "from_ms=-1", "from_ms=500&to_ms=400", "to_ms=99999999999"]
    )
    def test_a_range_that_is_none_is_refused(self, api: Api, video: Video, query: str) -> None:
        answer = api.get(f"videos/{video.pk}/frames?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    def test_behind_the_end_there_is_nothing(self, api: Api, video: Video) -> None:
        page = api.get(f"videos/{video.pk}/frames?from_ms=40000").json()
        assert (page["frames"], page["next"]) == ([], None)


class TestFiles:
    @pytest.mark.parametrize(
        ("table", "form", "lines"), [("frames", "csv", 151), ("people", "jsonl", 2), ("moments", "csv", None)]
    )
    @pytest.mark.django_db(transaction=True)
    def test_results_come_as_a_file(
        self, api: Api, video: Video, table: str, form: str, lines: int | None
    ) -> None:
        answer = api.get(f"videos/{video.pk}/results?table={table}&format={form}")
        assert answer["Content-Disposition"] == f'attachment; filename="video-{video.pk}-{table}.{form}"'
        content = content_of(answer)
        assert len(content.splitlines()) == lines if lines else len(content.splitlines()) > 2

    @pytest.mark.parametrize("query", ["table=faces", "format=xlsx"])
    def test_a_file_that_there_is_not_is_refused(self, api: Api, video: Video, query: str) -> None:
        answer = api.get(f"videos/{video.pk}/results?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    @pytest.mark.django_db(transaction=True)
    def test_a_part_of_the_video_comes_as_a_clip(self, api: Api, people: People, video: Video) -> None:
        content = make_video(seconds=2, fps=10, size=(64, 48), faces=())
        with team_scope(people.team):
            folder = f"teams/{people.team.pk}/videos/{video.pk}"
            video.parts = parts_write(people.team, folder, io.BytesIO(content), 5000)
            video.facts = read_facts(io.BytesIO(content)).to_json()
            video.save(update_fields=["parts", "facts"])
        answer = api.get(f"videos/{video.pk}/clip?from_ms=500&to_ms=1500")
        assert (answer.status_code, answer["Content-Type"]) == (200, "video/webm")
        with av.open(io.BytesIO(content_of(answer)), mode="r") as clip:
            assert 9 <= len(list(clip.decode(video=0))) <= 11
        assert api.get(f"videos/{video.pk}/clip?from_ms=1500&to_ms=500").json()["code"] == "clip_empty"
        assert api.get(f"videos/{video.pk}/clip?from_ms=1500").json()["code"] == "invalid"

    def test_of_a_video_without_a_file_there_is_no_clip(self, api: Api, people: People, video: Video) -> None:
        path = f"videos/{video.pk}/clip?from_ms=0&to_ms=500"
        assert api.get(path).json()["code"] == "video_not_stored"
        with team_scope(people.team):
            Video.objects.filter(pk=video.pk).update(pictures_erased_at=video.created_at)
        assert (api.get(path).status_code, api.get(path).json()["code"]) == (410, "pictures_erased")


@pytest.mark.parametrize("status", ["fetching", "analyzing", "linking", "failed", "cancelled"])
def test_a_video_that_is_not_ready_has_no_results(api: Api, people: People, status: str) -> None:
    with team_scope(people.team):
        video = stored_video(people.team, CAST, 30, status=status)
    first, second = ids_of(people, video)
    answers = [api.get(f"videos/{video.pk}/{route}") for route in ROUTES]
    answers += [api.get(f"videos/{video.pk}/comparison?people={first}")]
    answers += [api.post(f"videos/{video.pk}/people/merge", {"people": [second], "into": first})]
    answers += [api.post(f"videos/{video.pk}/people/{first}/split", {"at_ms": 2000})]
    answers += [patch(people, f"videos/{video.pk}/people/{first}", {"name": "Grace"})]
    assert {(one.status_code, one.json()["code"]) for one in answers} == {(409, "video_not_ready")}
    assert ids_of(people, video) == [first, second]
    with team_scope(people.team):
        assert VideoTrack.objects.filter(video=video).count() == 4
