"""People of videos: made of tracks, named, left out, merged and split; no sample is lost or doubled."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent, Team
from analysis.models import VideoPerson, VideoTrack
from analysis.refusals import Refusal
from analysis.video.people import (
    people_merge,
    people_store,
    people_summarise,
    person_exclude,
    person_rename,
    person_split,
)
from analysis.video.selectors import people_of, series_of_people
from analysis.video.series import series_read
from conftest import People
from media_jobs.models import Video

from .helpers import Somebody, stored_video

pytestmark = pytest.mark.django_db
Deed = Callable[[], Any]


def one_of(video: Video, number: int) -> VideoPerson:
    return VideoPerson.objects.get(video=video, number=number)


def samples_of(video: Video) -> list[tuple[int, int, bytes]]:
    """Every sample of a video as it is stored, whoever it is of: moment, place, and all its numbers."""
    found = []
    for track in VideoTrack.objects.filter(video=video):
        series = series_read(track.samples)
        assert (track.start_ms, track.end_ms) == (series.ms[0], series.ms[-1])
        assert track.sample_count == len(series)
        assert (track.first_box, track.last_box) == (series.boxes[0].tolist(), series.boxes[-1].tolist())
        rows = np.column_stack([*series.numbers.values(), series.landmarks.reshape(len(series), -1)])
        found += [(int(ms), int(row[0]), row.tobytes()) for ms, row in zip(series.ms, rows, strict=True)]
    return sorted(found)


def refused(code: str, deed: Deed, video: Video) -> None:
    """The deed is refused, and neither rows nor samples nor the record have changed."""

    def state() -> list[Any]:
        people = VideoPerson.objects.filter(video=video).values_list("pk", "name", "excluded", "by_hand")
        tracks = VideoTrack.objects.filter(video=video).order_by("pk").values_list("pk", "person", "end_ms")
        return [list(people), list(tracks), AuditEvent.objects.count(), samples_of(video)]

    before = state()
    with pytest.raises(Refusal) as caught:
        deed()
    assert caught.value.code == code
    assert state() == before


class TestStoring:
    def test_tracks_become_people_in_the_order_in_which_they_appear(self, in_team: Team) -> None:
        cast = [Somebody([(4000, 20_000)]), Somebody([(0, 15_000)])]
        video = stored_video(in_team, cast, 20, assigned=False)
        tracks = list(VideoTrack.objects.filter(video=video))
        # The person of the helper is told by the place of their face.
        assignment = {track.pk: 7 if track.first_box[0] > 200 else 3 for track in tracks}

        people = people_store(video=video, assignment=assignment)
        people_summarise(video=video)

        assert [(one.number, one.first_ms, one.last_ms) for one in people] == [
            (1, 0, 14_800),
            (2, 4000, 19_800),
        ]
        assert {t.person_id for t in VideoTrack.objects.filter(video=video, first_box__0__gt=200)} == {
            people[0].pk
        }
        video.refresh_from_db()
        assert (video.people_count, video.summary["people"], video.summary["samples"]) == (2, 2, 155)

    def test_a_second_time_the_earlier_people_are_gone(self, in_team: Team) -> None:
        video = stored_video(in_team, 2, 20)
        before = {person.pk for person in people_of(video.pk)}
        some = list(VideoTrack.objects.filter(video=video).values_list("pk", flat=True))

        people_store(video=video, assignment=dict.fromkeys(some, 0))

        (person,) = people_of(video.pk)
        assert person.pk not in before
        assert VideoTrack.objects.filter(video=video, person=person).count() == 4

    def test_a_track_that_is_not_named_is_of_nobody(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 20, assigned=False)
        first, second = VideoTrack.objects.filter(video=video).order_by("start_ms")
        people_store(video=video, assignment={first.pk: 0})
        second.refresh_from_db()
        assert second.person_id is None

    def test_tracks_of_another_video_are_not_touched(self, in_team: Team) -> None:
        video, other = stored_video(in_team, 1, 10), stored_video(in_team, 1, 10)
        track = VideoTrack.objects.get(video=other)
        people_store(video=video, assignment={track.pk: 0})
        assert VideoTrack.objects.get(pk=track.pk).person_id == track.person_id

    @pytest.mark.parametrize("seconds", [10, 200])
    def test_the_number_of_queries_does_not_grow(self, in_team: Team, seconds: int) -> None:
        video = stored_video(in_team, 3, seconds, assigned=False)
        tracks = list(VideoTrack.objects.filter(video=video))
        assignment = {track.pk: int(track.first_box[0] // 200) for track in tracks}
        with CaptureQueriesContext(
            connection,
        ) as asked:
            people_store(video=video, assignment=assignment)
            people_summarise(video=video)
        statements = [one["sql"] for one in asked if "SAVEPOINT" not in one["sql"]]
        assert len(statements) == 12, statements


class TestFigures:
    def test_of_a_person(self, in_team: Team) -> None:
        video = stored_video(in_team, [Somebody(age=44, male=0.9, looks_away=[(10_000, 20_000)])], 40)
        people_summarise(video=video)
        (person,) = people_of(video.pk)
        assert (person.sample_count, person.first_ms, person.last_ms) == (200, 0, 39_800)
        assert (person.age, person.gender) == (44, "male")
        assert person.metrics["dwell_seconds"] == pytest.approx(40)
        assert person.metrics["emotions"]["happiness"] == pytest.approx(0.5, abs=0.1)
        assert any(one["emotion"] == "happiness" for one in person.metrics["moments"])

    def test_the_best_picture_of_the_tracks_is_the_portrait(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 30)
        best = VideoTrack.objects.filter(video=video)[1]
        VideoTrack.objects.filter(pk=best.pk).update(portrait=b"the best", portrait_score=0.9)
        people_summarise(video=video)
        assert bytes(one_of(video, 1).portrait or b"") == b"the best"

    def test_of_the_video_are_means_of_people_who_each_count_once(self, in_team: Team) -> None:
        cast = [Somebody(age=20), Somebody([(0, 5000)], age=40), Somebody(age=90, excluded=True)]
        video = stored_video(in_team, cast, 60)
        people_summarise(video=video)
        video.refresh_from_db()
        assert video.summary["means"]["age"] == pytest.approx(30)
        assert (video.summary["people"], video.summary["excluded"]) == (2, 1)
        assert video.summary["age_groups"] == {"Young-Adult": 1, "Adult": 1}
        assert {one["kind"] for one in video.summary["moments"]} >= {"peak", "engaging"}

    def test_of_a_video_with_one_person_the_moments_are_theirs(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 60)
        people_summarise(video=video)
        assert video.summary["moments"] == one_of(video, 1).metrics["moments"] != []

    def test_of_a_video_without_people(self, in_team: Team) -> None:
        video = stored_video(in_team, 0, 20)
        people_summarise(video=video)
        assert (video.summary["people"], video.summary["moments"], video.people_count) == (0, [], 0)

    def test_other_entries_of_the_summary_stay(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 10)
        Video.objects.filter(pk=video.pk).update(summary={"identification": {"code": "gallery_unknown"}})
        people_summarise(video=video)
        video.refresh_from_db()
        assert video.summary["identification"] == {"code": "gallery_unknown"}

    def test_what_is_switched_off_is_neither_computed_nor_shown(self, in_team: Team) -> None:
        video = stored_video(in_team, 2, 40)
        people_summarise(video=video)
        in_team.analyze_emotion = in_team.analyze_age = in_team.analyze_gender = False
        in_team.save()
        shown = people_of(video.pk)[0]
        people_summarise(video=video, people=[one_of(video, 1)])
        stored = one_of(video, 1)
        for person in (shown, stored):
            assert (person.age, person.gender) == (None, "")
            assert {person.metrics[name] for name in ("emotions", "valence", "age_group", "gender")} == {None}
            assert person.metrics["moments"] == []
        assert video.summary["means"].keys() >= {"attention_share", "dwell_seconds"}
        assert video.summary["means"].keys().isdisjoint({"valence", "emotions", "age"})
        assert (video.summary["genders"], video.summary["age_groups"]) == ({}, {})


class TestNames:
    def test_somebody_is_named_and_called_by_the_number_again(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 10)
        person_rename(person=one_of(video, 1), name="  Ada ")
        assert str(one_of(video, 1)) == "Ada"
        person_rename(person=one_of(video, 1), name="")
        assert str(one_of(video, 1)) == "Person 1"
        assert AuditEvent.objects.filter(action="video_person.renamed").count() == 2

    def test_a_name_that_is_too_long_is_refused(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 10)
        with pytest.raises(ValidationError):
            person_rename(person=one_of(video, 1), name="a" * 121)
        assert one_of(video, 1).name == ""
        assert not AuditEvent.objects.filter(action="video_person.renamed").exists()

    def test_whoever_is_left_out_does_not_count_until_taken_in_again(self, in_team: Team) -> None:
        video = stored_video(in_team, [Somebody(age=20), Somebody(age=40)], 30)
        people_summarise(video=video)
        whole = video.summary

        person_exclude(person=one_of(video, 2), excluded=True)
        video.refresh_from_db()
        assert (video.summary["means"]["age"], video.summary["excluded"]) == (20, 1)

        person_exclude(person=one_of(video, 2), excluded=False)
        video.refresh_from_db()
        assert video.summary == whole
        deeds = (
            AuditEvent.objects.filter(object_type="videoperson")
            .order_by("pk")
            .values_list("action", flat=True)
        )
        assert list(deeds) == ["video_person.excluded", "video_person.included"]

    def test_leaving_out_twice_is_recorded_once(self, in_team: Team) -> None:
        video = stored_video(in_team, 2, 10)
        for _ in range(2):
            person_exclude(person=one_of(video, 1), excluded=True)
        assert AuditEvent.objects.filter(action="video_person.excluded").count() == 1


class TestMerging:
    def test_one_stays_and_has_all_samples(self, in_team: Team) -> None:
        cast = [Somebody([(0, 12_000)]), Somebody([(15_000, 40_000)], name="Ada")]
        video = stored_video(in_team, cast, 40)
        before = samples_of(video)

        people_merge(people=[one_of(video, 2)], into=one_of(video, 1))

        (person,) = people_of(video.pk)
        assert (person.number, person.name, person.by_hand) == (1, "Ada", True)
        assert (person.sample_count, person.first_ms, person.last_ms) == (185, 0, 39_800)
        assert person.metrics["samples"] == 185
        assert samples_of(video) == before
        video.refresh_from_db()
        assert video.people_count == 1

    def test_two_who_are_in_one_picture_are_refused(self, in_team: Team) -> None:
        video = stored_video(in_team, [Somebody([(0, 12_000)]), Somebody([(11_800, 20_000)])], 20)
        one, other = one_of(video, 1), one_of(video, 2)
        refused("people_in_one_picture", lambda: people_merge(people=[other], into=one), video)
        with pytest.raises(Refusal, match="Person 1 and Person 2 are both in the picture at 11800 ms"):
            people_merge(people=[other], into=one)

    def test_tracks_that_overlap_without_a_common_frame_are_no_hindrance(self, in_team: Team) -> None:
        """One is seen in every other frame, the other in those between: the face of one, found in turns."""
        turns = [(ms, ms + 200) for ms in range(0, 8000, 400)]
        between = [(ms + 200, ms + 400) for ms in range(0, 8000, 400)]
        video = stored_video(in_team, [Somebody(turns), Somebody(between)], 8)
        people_merge(people=[one_of(video, 2)], into=one_of(video, 1))
        assert one_of(video, 1).sample_count == 40

    def test_somebody_with_themselves_is_refused(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 10)
        one = one_of(video, 1)
        refused("people_of_one", lambda: people_merge(people=[one], into=one), video)

    def test_somebody_of_another_video_is_refused(self, in_team: Team) -> None:
        video, other = stored_video(in_team, 1, 10), stored_video(in_team, 1, 10)
        into = one_of(video, 1)
        refused("people_unknown", lambda: people_merge(people=[one_of(other, 1)], into=into), video)

    def test_the_names_of_those_who_are_gone_leave_the_record(self, in_team: Team) -> None:
        video = stored_video(in_team, [Somebody([(0, 4000)]), Somebody([(5000, 9000)])], 10)
        person_rename(person=one_of(video, 2), name="Somebody's name")
        people_merge(people=[one_of(video, 2)], into=one_of(video, 1))
        person_rename(person=one_of(video, 1), name="")
        assert not AuditEvent.objects.filter(
            action="video_person.renamed", object_name__contains="Somebody"
        ).exists()


class TestSplitting:
    def test_from_a_moment_on_it_is_somebody_else_and_a_track_that_spans_it_is_divided(
        self, in_team: Team
    ) -> None:
        video = stored_video(in_team, 2, 40)
        before = samples_of(video)

        new = person_split(person=one_of(video, 1), at_ms=14_300)

        old = one_of(video, 1)
        assert (new.number, new.first_ms, new.last_ms, new.sample_count) == (3, 14_400, 39_800, 128)
        assert (old.first_ms, old.last_ms, old.sample_count) == (0, 14_200, 72)
        assert samples_of(video) == before
        assert (old.by_hand, new.by_hand) == (True, True)
        assert new.metrics["samples"] == 128

    def test_a_moment_between_two_tracks_divides_none(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 40)
        person_split(person=one_of(video, 1), at_ms=20_000)
        assert VideoTrack.objects.filter(video=video).count() == 4
        assert [p.sample_count for p in people_of(video.pk)] == [100, 100]

    def test_split_and_merged_again_nothing_is_lost_or_doubled(self, in_team: Team) -> None:
        video = stored_video(in_team, 2, 40)
        people_summarise(video=video)
        before, figures = samples_of(video), one_of(video, 1).metrics
        for at_ms in (14_300, 12_000, 31_800):
            new = person_split(person=one_of(video, 1), at_ms=at_ms)
            people_merge(people=[new], into=one_of(video, 1))
        assert samples_of(video) == before
        assert one_of(video, 1).metrics == figures
        assert [p.number for p in people_of(video.pk)] == [1, 2]

    def test_chosen_tracks_go_to_somebody_else(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 40)
        tracks = list(VideoTrack.objects.filter(video=video))
        new = person_split(person=one_of(video, 1), track_ids=[tracks[1].pk, tracks[2].pk])
        assert {t.pk for t in VideoTrack.objects.filter(person=new)} == {tracks[1].pk, tracks[2].pk}
        assert (new.sample_count, one_of(video, 1).sample_count) == (100, 100)

    def test_the_vectors_of_both_halves_count_together_as_before(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 10)
        person_split(person=one_of(video, 1), at_ms=2000)
        first, second = VideoTrack.objects.filter(video=video).order_by("start_ms")
        assert (first.embedding_count, second.embedding_count) == (10, 40)
        assert first.embedding == second.embedding

    @pytest.mark.parametrize("at_ms", [0, 9801, 4_000_000])
    def test_what_would_leave_nobody_is_refused(self, in_team: Team, at_ms: int) -> None:
        video = stored_video(in_team, 1, 10)
        one = one_of(video, 1)
        refused("split_leaves_nothing", lambda: person_split(person=one, at_ms=at_ms), video)

    def test_tracks_of_others_leave_nothing(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 10)
        one = one_of(video, 1)
        refused("split_leaves_nothing", lambda: person_split(person=one, track_ids=[uuid4()]), video)

    def test_a_moment_and_tracks_at_once_are_a_mistake(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 10)
        with pytest.raises(ValueError, match="either a moment or tracks"):
            person_split(person=one_of(video, 1), at_ms=5000, track_ids=[])


@pytest.mark.parametrize("status", ["analyzing", "linking", "failed", "cancelled"])
def test_corrections_of_a_video_that_is_not_ready_are_refused(in_team: Team, status: str) -> None:
    video = stored_video(in_team, [Somebody([(0, 4000)]), Somebody([(5000, 9000)])], 10, status=status)
    one, other = one_of(video, 1), one_of(video, 2)
    refused("video_not_ready", lambda: person_rename(person=one, name="Ada"), video)
    refused("video_not_ready", lambda: person_exclude(person=one, excluded=True), video)
    refused("video_not_ready", lambda: people_merge(people=[other], into=one), video)
    refused("video_not_ready", lambda: person_split(person=one, at_ms=2000), video)


def test_the_samples_of_many_are_read_in_one_query(in_team: Team, django_assert_num_queries: Any) -> None:
    video = stored_video(in_team, 6, 30)
    people = people_of(video.pk)
    with django_assert_num_queries(1):
        found = series_of_people(people)
    assert [len(found[person.pk]) for person in people] == [150] * 6


def test_people_come_with_whom_they_were_taken_for_in_one_query(
    in_team: Team, people: People, django_assert_num_queries: Any
) -> None:
    video = stored_video(in_team, 5, 10)
    with django_assert_num_queries(1):
        assert [person.title for person in people_of(video.pk)] == [f"Person {n}" for n in range(1, 6)]
