"""Results of batches: JSON Lines, CSV and Parquet."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow.parquet
import pytest

from accounts.access import team_scope
from accounts.models import Team
from conftest import People
from emotionsite import streaming
from media_jobs import results
from media_jobs.batches import batch_cancel
from media_jobs.models import Job
from tests.fakes import EngineWithoutNets

from .batch_helpers import Api, archive_batch, batch_of_photos, content_of, zip_of
from .helpers import photo

Count = Callable[[], int]
Names = Callable[[], list[str]]


@pytest.fixture()
def api(people: People) -> Api:
    return Api(people)


# --- Results ----------------------------------------------------------------------------------------
@pytest.fixture()
def finished(people: People) -> Job:
    """Two photos with two faces each, one that failed, one that was cancelled; a name that is a formula."""
    with team_scope(people.team):
        content = {
            "=1+1.png": photo(1),
            "b.png": photo(2),
            "words.txt": b"words " * 400,
            "d.png": photo(3),
            "late.png": photo(4),
        }
        job = archive_batch(people.team, zip_of(content))
        from media_jobs.work import chunk_analyze

        engine = EngineWithoutNets(faces=2)
        chunk_analyze(team=people.team, job_id=job.pk, chunk=0, engine=engine)
        batch_cancel(batch_id=job.pk)
    return job


@pytest.mark.django_db(transaction=True)
def test_json_lines_have_a_line_per_picture(api: Api, finished: Job) -> None:
    answer = api.get(f"batches/{finished.pk}/results")
    assert answer["Content-Type"] == "application/x-ndjson"
    assert f"batch-{finished.pk}.jsonl" in answer["Content-Disposition"]
    lines = [json.loads(line) for line in content_of(answer).splitlines()]
    assert [(line["name"], line["status"]) for line in lines] == [
        *(("=1+1.png", "succeeded"), ("b.png", "succeeded"), ("words.txt", "failed")),
        *(("d.png", "succeeded"), ("late.png", "cancelled")),
    ]
    assert [face["number"] for face in lines[0]["faces"]] == [1, 2]
    assert lines[0]["faces"][0]["emotions"]["happiness"] == pytest.approx(0.65)
    assert lines[2]["error"]["code"] == "format_not_supported"
    assert lines[2]["faces"] is lines[4]["faces"] is None
    photo_of_it = api.get(f"media/{lines[0]['media_id']}").json()
    assert photo_of_it["faces"] == lines[0]["faces"], "a face looks the same everywhere"


@pytest.mark.django_db(transaction=True)
def test_csv_has_a_row_per_face_and_no_cell_that_a_spreadsheet_runs(api: Api, finished: Job) -> None:
    answer = api.get(f"batches/{finished.pk}/results?format=csv")
    rows = list(csv.DictReader(io.StringIO(content_of(answer).decode())))
    assert tuple(rows[0]) == results.COLUMNS
    assert [(row["name"], row["face_number"], row["status"]) for row in rows] == [
        ("'=1+1.png", "1", "succeeded"),
        ("'=1+1.png", "2", "succeeded"),
        ("b.png", "1", "succeeded"),
        ("b.png", "2", "succeeded"),
        ("words.txt", "", "failed"),
        ("d.png", "1", "succeeded"),
        ("d.png", "2", "succeeded"),
        ("late.png", "", "cancelled"),
    ]
    assert float(rows[0]["happiness"]) == pytest.approx(0.65)
    assert rows[4]["error_code"] == "format_not_supported"


def test_text_that_begins_like_a_formula_is_defused_and_numbers_are_not() -> None:
    for text in ("=1", "+1", "-1", "@a", "\tx", "\rx"):
        assert streaming.defused(text) == f"'{text}"
    assert [streaming.defused(value) for value in ("a=1", "", None, -1.5)] == ["a=1", "", None, -1.5]


@pytest.mark.django_db(transaction=True)
def test_parquet_has_the_rows_of_csv_with_types(
    api: Api, finished: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "PAGE", 2)
    answer = api.get(f"batches/{finished.pk}/results?format=parquet")
    file = pyarrow.parquet.ParquetFile(io.BytesIO(content_of(answer)))
    assert file.num_row_groups == 3
    table = file.read()
    assert tuple(table.column_names) == results.COLUMNS
    rows = table.to_pylist()
    assert [row["name"] for row in rows][:3] == ["=1+1.png", "=1+1.png", "b.png"]
    assert [row["face_number"] for row in rows] == [1, 2, 1, 2, None, 1, 2, None]
    assert rows[0]["age"] == pytest.approx(34.5)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_results_show_nothing_that_the_team_has_switched_off(
    people: People, finished: Job, form: str
) -> None:
    Team.objects.filter(pk=people.team.pk).update(
        analyze_emotion=False, analyze_age=False, analyze_gender=False
    )
    content = content_of(Api(people).get(f"batches/{finished.pk}/results?format={form}"))
    if form == "parquet":
        rows = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    elif form == "csv":
        rows = [
            {name: value or None for name, value in row.items()}
            for row in csv.DictReader(io.StringIO(content.decode()))
        ]
    else:
        lines = [json.loads(line) for line in content.splitlines()]
        rows = [face for line in lines for face in line["faces"] or []]
        assert rows[0]["emotions"] is None
    assert len(rows) >= 6
    for name in ("strongest", "age", "gender"):
        assert {row.get(name) or None for row in rows} == {None}, name


@pytest.mark.django_db(transaction=True)
def test_results_take_queries_by_the_page_and_not_by_the_picture(
    people: People, django_assert_num_queries: Any
) -> None:
    with team_scope(people.team):
        job = batch_of_photos(people.team, 6)
    for form in results.FORMATS:
        # A page of items, their faces, and the empty page at the end.
        with django_assert_num_queries(3):
            assert b"".join(results.results_write(team=people.team, batch_id=job.pk, form=form))


def test_an_unknown_form_and_an_unknown_batch_are_refused(api: Api, finished: Job) -> None:
    answer = api.get(f"batches/{finished.pk}/results?format=xlsx")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    answer = api.get("batches/00000000-0000-4000-8000-000000000000/results?format=csv")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
