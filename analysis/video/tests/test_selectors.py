"""What is read of videos for charts and for the player."""

from typing import Any

import numpy as np
import pytest

from accounts.models import Team
from analysis.models import VideoTrack
from analysis.video.selectors import faces_between, interval_of, people_of, series_between, series_of_person
from analysis.video.series import Series, series_read
from analysis.video.timelines import (
    METRICS,
    bin_ms,
    timelines_of_all,
    timelines_of_person,
    timelines_side_by_side,
)
from media_jobs.models import Video

from .helpers import Somebody, stored_video

pytestmark = pytest.mark.django_db
COMES_AND_GOES = Somebody([(0, 8000), (14_000, 26_000)])


class TestFacesToDraw:
    def test_every_analysed_frame_is_there_also_one_without_a_face(self, in_team: Team) -> None:
        video = stored_video(in_team, [COMES_AND_GOES, Somebody([(0, 9000)], excluded=True)], 30)
        frames = faces_between(video, 7000, 15_000)
        assert [frame.ms for frame in frames] == list(range(7000, 15_000, 200))
        numbers = {frame.ms: [face.number for face in frame.faces] for frame in frames}
        assert (numbers[7800], numbers[8000], numbers[9000], numbers[14_000]) == ([1, 2], [2], [], [1])
        assert [face.excluded for face in frames[0].faces] == [False, True]

    def test_boxes_and_the_strongest_emotion_are_those_of_the_samples(self, in_team: Team) -> None:
        video = stored_video(in_team, [Somebody(emotion="anger")], 10)
        (track,) = VideoTrack.objects.filter(video=video)
        series = series_read(track.samples)
        frames = faces_between(video, 0, 10_000)
        assert [frame.faces[0].box for frame in frames] == [
            tuple(round(float(value), 1) for value in box) for box in series.boxes
        ]
        assert {frame.faces[0].strongest for frame in frames} == {"anger", "neutral"}

    def test_pages_side_by_side_are_the_whole(self, in_team: Team) -> None:
        video = stored_video(in_team, [COMES_AND_GOES, Somebody()], 30)
        pages = [
            frame for start in range(0, 30_000, 3700) for frame in faces_between(video, start, start + 3700)
        ]
        assert pages == faces_between(video, 0, 40_000)

    def test_what_is_switched_off_is_not_drawn(self, in_team: Team) -> None:
        video = stored_video(in_team, 1, 10)
        in_team.analyze_emotion = False
        in_team.save()
        assert {frame.faces[0].strongest for frame in faces_between(video, 0, 10_000)} == {None}

    @pytest.mark.parametrize("seconds", [20, 600])
    def test_only_what_is_asked_for_is_read(
        self, in_team: Team, seconds: int, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        video = stored_video(in_team, 2, seconds)
        read: list[int] = []

        def counted(content: bytes, *, landmarks: bool = True) -> Series:
            read.append(1)
            return series_read(content, landmarks=landmarks)

        monkeypatch.setattr("analysis.video.selectors.series_read", counted)
        with django_assert_num_queries(3):
            faces_between(video, 12_000, 17_000)
        assert len(read) == 2


class TestSamples:
    def test_of_a_person_are_those_of_their_tracks_in_order(self, in_team: Team) -> None:
        video = stored_video(in_team, [COMES_AND_GOES], 30)
        series = series_of_person(people_of(video.pk)[0])
        assert series.ms.tolist() == [*range(0, 8000, 200), *range(14_000, 26_000, 200)]

    def test_of_some_seconds_are_cut_at_them(self, in_team: Team) -> None:
        video = stored_video(in_team, 2, 30)
        ids = [person.pk for person in people_of(video.pk)]
        found = series_between(ids, 9900, 10_300)
        assert [found[pk].ms.tolist() for pk in ids] == [[10_000, 10_200]] * 2

    def test_without_landmarks_all_else_is_the_same(self, in_team: Team) -> None:
        (track,) = VideoTrack.objects.filter(video=stored_video(in_team, 1, 10))
        whole, lean = series_read(track.samples), series_read(track.samples, landmarks=False)
        assert np.isnan(lean.landmarks).all()
        assert lean.landmarks.shape == whole.landmarks.shape
        assert all(np.array_equal(whole[name], lean[name], equal_nan=True) for name in whole.numbers)
        assert (whole.key == lean.key).all()

    @pytest.mark.parametrize(
        ("asked", "rate", "expected"), [(5.0, 30.0, 200), (None, 25.0, 40), (50.0, 25.0, 40), (5.0, 0.0, 200)]
    )
    def test_the_interval_is_what_was_asked_for_or_what_there_is(
        self, asked: float | None, rate: float, expected: float
    ) -> None:
        assert interval_of(Video(frames_per_second=asked, frame_rate=rate)) == pytest.approx(expected)

    def test_of_a_video_nothing_is_known_of_there_is_no_interval(self) -> None:
        assert interval_of(Video(frames_per_second=None, frame_rate=0.0)) is None


class TestTimelines:
    @pytest.mark.parametrize("metric", sorted(METRICS))
    def test_every_metric_has_a_curve_within_its_bounds(self, in_team: Team, metric: str) -> None:
        video = stored_video(in_team, 1, 20)
        (curve,) = timelines_of_person(video, people_of(video.pk)[0], names=[metric])
        _, low, high = METRICS[metric]
        known = [value for value in curve.values if value is not None]
        assert len(curve.ms) == len(curve.values) == len(known) == 100
        assert low is None or min(known) >= low
        assert high is None or max(known) <= high

    def test_few_points_keep_the_highs_and_the_break(self, in_team: Team) -> None:
        video = stored_video(in_team, [COMES_AND_GOES], 30)
        person = people_of(video.pk)[0]
        whole = timelines_of_person(video, person, names=["happiness"])[0]
        few = timelines_of_person(video, person, names=["happiness"], points=20)[0]
        assert len(few.ms) <= 20
        assert max(v for v in few.values if v is not None) == max(v for v in whole.values if v is not None)
        gap = few.ms[few.values.index(None)]
        assert 7800 < gap < 14_000

    def test_the_mean_of_all_says_how_many_are_behind_it(self, in_team: Team) -> None:
        cast = [Somebody(emotion="anger"), Somebody([(0, 10_000)])]
        video = stored_video(in_team, cast, 20)
        (curve,) = timelines_of_all(video, people=people_of(video.pk), names=["anger"], points=20)
        assert curve.ms == list(range(0, 20_000, 1000))
        assert curve.count == [2] * 10 + [1] * 10
        first = [
            timelines_of_person(video, one, names=["anger"])[0].values[:5] for one in people_of(video.pk)
        ]
        means = [np.mean([value for value in values if value is not None]) for values in first]
        assert curve.values[0] == pytest.approx(np.mean(means), abs=1e-4)
        assert (curve.low[0], curve.high[0]) == pytest.approx((min(means), max(means)), abs=1e-4)

    def test_people_are_compared_at_the_same_moments(self, in_team: Team) -> None:
        video = stored_video(in_team, [Somebody([(0, 10_000)]), Somebody([(10_000, 20_000)])], 20)
        ms, curves = timelines_side_by_side(video, people=people_of(video.pk), names=["valence"], points=20)
        known = [[value is not None for value in curve["valence"]] for curve in curves]
        assert len(ms) == 20
        assert known == [[True] * 10 + [False] * 10, [False] * 10 + [True] * 10]

    def test_what_is_switched_off_is_unknown(self, in_team: Team) -> None:
        video = stored_video(in_team, 2, 20)
        in_team.analyze_emotion = False
        in_team.save()
        names = ["valence", "anger", "engagement", "attention"]
        person = timelines_of_person(video, people_of(video.pk)[0], names=names)
        everybody = timelines_of_all(video, people=people_of(video.pk), names=names)
        for curves in (person, everybody):
            known = {curve.metric: {value is None for value in curve.values} for curve in curves}
            assert known == {"valence": {True}, "anger": {True}, "engagement": {True}, "attention": {False}}

    def test_of_nobody_the_curve_is_empty_of_values(self, in_team: Team) -> None:
        video = stored_video(in_team, 0, 20)
        (curve,) = timelines_of_all(video, people=[], names=["valence"], points=10)
        assert (set(curve.values), set(curve.count)) == ({None}, {0})

    def test_a_bin_is_never_shorter_than_an_interval(self, in_team: Team) -> None:
        assert bin_ms(stored_video(in_team, 0, 20), 5000) == 200

    @pytest.mark.parametrize("count", [1, 8])
    def test_the_number_of_queries_does_not_grow(
        self, in_team: Team, count: int, django_assert_num_queries: Any
    ) -> None:
        video = stored_video(in_team, count, 20)
        people = people_of(video.pk)
        with django_assert_num_queries(1):
            timelines_of_all(video, people=people, names=["valence", "distance_cm"])
