"""Results of videos as files: every form says the same, in bounded memory, and no sample is lost."""

import csv
import io
import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from accounts.access import team_scope
from accounts.models import Team
from analysis import metrics
from analysis.models import VideoPerson, VideoTrack
from analysis.video.exports import FORMATS, results_write
from analysis.video.people import people_summarise
from analysis.video.selectors import people_of, series_of_person
from analysis.video.series import LANDMARKS
from analysis.video.tables import FRAMES, TABLES, frame_pages, frames_between
from conftest import People
from media_jobs.models import Video
from ml_models import EMOTIONS

from .helpers import Somebody, stored_video
from .memory import growth

pytestmark = pytest.mark.django_db
CAST = (Somebody([(0, 12_000), (30_000, 43_000)], name="=Ada"), Somebody([(4000, 50_000)]))
Row = dict[str, Any]


def written(team: Team, video: Video, table: str, form: str) -> bytes:
    """The file, made as a request makes it: outside of the team's scope."""
    return b"".join(results_write(team=team, video=video, table=table, form=form))


def rows_of(content: bytes, form: str) -> list[Row]:
    if form == "csv":
        rows = csv.DictReader(io.StringIO(content.decode(), newline=""))
        return [{name: value or None for name, value in row.items()} for row in rows]
    if form == "jsonl":
        return [json.loads(line) for line in content.decode().splitlines()]
    if form == "json":
        found: list[Row] = json.loads(content)
        return found
    return list(parquet.read_table(io.BytesIO(content)).to_pylist())


@pytest.fixture()
def video(people: People) -> Video:
    with team_scope(people.team):
        return stored_video(people.team, CAST, 60, summarised=True)


class TestForms:
    @pytest.mark.parametrize("table", sorted(TABLES))
    @pytest.mark.parametrize("form", sorted(FORMATS))
    def test_every_form_holds_the_same_rows(
        self, people: People, video: Video, table: str, form: str
    ) -> None:
        expected = rows_of(written(people.team, video, table, "jsonl"), "jsonl")
        found = rows_of(written(people.team, video, table, form), form)
        assert [list(row) for row in found] == [list(row) for row in expected] != []
        for one, other in zip(found, expected, strict=True):
            for column in TABLES[table].columns:
                value, wanted = one[column.name], other[column.name]
                if wanted is None or value is None:
                    assert value is wanted is None, column
                elif column.kind == "number":
                    assert float(value) == pytest.approx(wanted, rel=1e-6), column
                elif form == "csv":
                    assert value.removeprefix("'") == str(wanted), column
                else:
                    assert value == wanted, column

    def test_a_name_that_looks_like_a_formula_is_defused_in_csv(self, people: People, video: Video) -> None:
        rows = rows_of(written(people.team, video, "people", "csv"), "csv")
        assert [row["name"] for row in rows] == ["'=Ada", "Person 2"]

    @pytest.mark.parametrize("form", sorted(FORMATS))
    def test_a_video_of_nobody_has_its_frames(self, people: People, form: str) -> None:
        with team_scope(people.team):
            empty = stored_video(people.team, 0, 30)
        rows = rows_of(written(people.team, empty, "frames", form), form)
        assert [int(row["ms"]) for row in rows] == list(range(0, 30_000, 200))
        assert {row["person_id"] for row in rows} == {None}
        assert rows_of(written(people.team, empty, "people", form), form) == []
        assert rows_of(written(people.team, empty, "moments", form), form) == []


class TestFrames:
    def test_there_is_a_row_for_every_sample_and_for_every_frame_without_anybody(
        self, people: People, video: Video
    ) -> None:
        rows = rows_of(written(people.team, video, "frames", "jsonl"), "jsonl")
        seen = Counter((row["person"], row["ms"]) for row in rows)
        expected: list[tuple[int | None, int]] = [
            (1, ms) for ms in [*range(0, 12_000, 200), *range(30_000, 43_000, 200)]
        ]
        expected += [(2, ms) for ms in range(4000, 50_000, 200)]
        expected += [(None, ms) for ms in range(50_000, 60_000, 200)]
        assert seen == Counter(expected)
        assert [row["ms"] for row in rows] == sorted(row["ms"] for row in rows)

    def test_the_pages_make_no_difference(self, people: People, video: Video) -> None:
        """Each value is what the whole of the person's samples gives, blinks at the edges of pages too."""
        rows = rows_of(written(people.team, video, "frames", "jsonl"), "jsonl")
        with team_scope(people.team):
            person = people_of(video.pk)[1]
            series = series_of_person(person)
        curves = metrics.curves(series, longer_side=1280, interval_ms=200)
        own = [row for row in rows if row["person"] == 2]
        for name in (
            *EMOTIONS,
            "valence",
            "activation",
            "engagement",
            "satisfaction",
            "distance_cm",
            "smile",
        ):
            assert [row[name] for row in own] == pytest.approx(
                curves[name], abs=0.051 if "cm" in name else 1e-4
            )
        assert [row["blink"] for row in own] == (curves["blink"] == 1).tolist()
        assert sum(row["blink"] for row in own) > 5
        assert [row["attention"] for row in own] == (curves["attention"] == 1).tolist()
        for column in FRAMES:
            if column.name in series.numbers and column.kind == "number":
                known = np.nan_to_num(series[column.name], nan=-1)
                assert [-1 if row[column.name] is None else row[column.name] for row in own] == pytest.approx(
                    known, abs=0.51 * 10**-column.places
                )
        for place, name in enumerate(LANDMARKS):
            found = [(row[f"{name}_x"], row[f"{name}_y"]) for row in own]
            assert np.allclose(found, series.landmarks[:, place], atol=0.006)

    def test_whoever_is_left_out_has_no_rows(self, people: People, video: Video) -> None:
        with team_scope(people.team):
            VideoPerson.objects.filter(video=video, number=1).update(excluded=True)
        rows = rows_of(written(people.team, video, "frames", "jsonl"), "jsonl")
        assert {row["person"] for row in rows} == {2, None}
        named = rows_of(written(people.team, video, "people", "jsonl"), "jsonl")
        assert [row["excluded"] for row in named] == [True, False]
        moments = rows_of(written(people.team, video, "moments", "jsonl"), "jsonl")
        assert {row["person"] for row in moments} == {2, None}

    def test_the_number_of_queries_of_a_page_does_not_grow_with_people(
        self, in_team: Team, django_assert_num_queries: Any
    ) -> None:
        for count in (1, 6):
            video = stored_video(in_team, count, 20)
            known = people_of(video.pk)
            with django_assert_num_queries(2):
                frames_between(video, known, 0, 20_000)


class TestSwitches:
    @pytest.mark.parametrize("table", sorted(TABLES))
    def test_what_is_switched_off_is_in_no_file(self, people: People, video: Video, table: str) -> None:
        team = people.team
        team.analyze_emotion = team.analyze_age = team.analyze_gender = False
        team.save()
        rows = rows_of(written(team, video, table, "jsonl"), "jsonl")
        gone = {*EMOTIONS, "strongest", "valence", "valence_max", "activation", "engagement", "satisfaction"}
        gone |= {
            "positive_score",
            "positive_percent",
            "relevance",
            "age",
            "age_group",
            "male",
            "gender",
            "emotion",
        }
        assert {row[name] for row in rows for name in gone & row.keys()} <= {None}
        assert table == "moments" or len(rows) > 1


def test_three_hours_are_written_in_bounded_memory(people: People) -> None:
    """54,000 samples of each of three people; what is held at a time is of a page, as of one minute."""
    with team_scope(people.team):
        short = stored_video(people.team, 3, 60)
        long = stored_video(people.team, 3, 3 * 3600)
    for page in frame_pages(people.team, short):
        assert len(page["ms"]) == 300
    rows = 0
    with growth() as grown:
        for page in frame_pages(people.team, long):
            assert len(page["ms"]) == 300
            rows += len(page["ms"])
    assert rows == 3 * 54_000
    # All rows at once are more than ten times as much.
    assert grown.megabytes < 30


def test_the_figures_of_three_hours_are_made_of_a_handful_of_people_at_a_time(people: People) -> None:
    """Two people of three hours each are more than is read at once, so each is read by themselves."""
    with team_scope(people.team):
        video = stored_video(people.team, 2, 3 * 3600)
        with growth() as grown:
            people_summarise(video=video)
        assert [person.metrics["samples"] for person in people_of(video.pk)] == [54_000] * 2
        assert VideoTrack.objects.filter(video=video).count() == 2 * 1080
    assert grown.megabytes < 200
