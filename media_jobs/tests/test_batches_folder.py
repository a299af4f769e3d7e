"""`manage.py analyze_folder`: a folder as a batch, from a shell."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from accounts.access import team_scope
from analysis.models import Analysis
from conftest import People
from media_jobs.models import Job, Media
from tests.fakes import EngineWithoutNets

from .helpers import photo, work_off

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "inner").mkdir(parents=True)
    for n in range(3):
        (folder / f"{n}.png").write_bytes(photo(n + 1))
    (folder / "inner" / "9.png").write_bytes(photo(9))
    (folder / ".hidden.png").write_bytes(photo(8))
    (folder / "link.png").symlink_to(folder / "0.png")
    return folder


@pytest.fixture()
def worker(people: People) -> Iterator[EngineWithoutNets]:
    """Works off every batch as soon as it is there."""
    over = threading.Event()
    engine = EngineWithoutNets(vectors=True)

    def work() -> None:
        with team_scope(people.team):
            while not over.is_set():
                for job in Job.objects.filter(status=Job.Status.QUEUED):
                    work_off(job, engine)
                time.sleep(0.05)
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield engine
    over.set()
    thread.join()


def test_a_folder_is_taken_in_analysed_and_its_results_are_written(
    people: People, folder: Path, worker: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "out.jsonl"
    call_command("analyze_folder", str(folder), team=str(people.team.pk), results=results)
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(line["name"], line["status"], len(line["faces"])) for line in lines] == [
        (f"{n}.png", "succeeded", 1) for n in range(3)
    ]
    assert "3 analysed, 0 without a result." in capsys.readouterr().out
    # The second time nothing is stored or computed that is there; the inner folder is new.
    call_command("analyze_folder", str(folder), team="blue", recursive=True)
    assert len(worker.seen) == 4
    with team_scope(people.team):
        assert Media.objects.count() == Analysis.objects.count() == 4
        assert list(Job.objects.order_by("created_at").values_list("name", "total")) == [
            ("pictures", 3),
            ("pictures", 4),
        ]


def test_files_that_are_no_pictures_are_listed_and_the_exit_says_so(
    people: People, folder: Path, worker: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "notes.txt").write_text("words " * 400)
    with pytest.raises(SystemExit) as end:
        call_command("analyze_folder", str(folder), team="blue")
    assert end.value.code == 1
    shown = capsys.readouterr()
    assert "notes.txt: This is not a JPEG" in shown.err
    assert "3 analysed, 0 without a result." in shown.out


def test_pictures_without_a_result_are_listed_and_the_exit_says_so(
    people: People, folder: Path, worker: EngineWithoutNets, capsys: pytest.CaptureFixture[str]
) -> None:
    worker.fails_on_width = frozenset({41})
    (folder / "bad.png").write_bytes(photo(7, width=41))
    with pytest.raises(SystemExit):
        call_command("analyze_folder", str(folder), team="blue")
    shown = capsys.readouterr()
    assert "bad.png: The analysis of this photo failed" in shown.err
    assert "3 analysed, 1 without a result." in shown.out


def test_what_cannot_be_is_said_before_anything_is_taken_in(
    people: People, others: People, folder: Path, tmp_path: Path
) -> None:
    others.team.name = "blue"
    others.team.save()
    for arguments, words in (
        ({"team": "nobody"}, "no team"),
        ({"team": "blue"}, str(others.team.pk)),
        ({"team": str(people.team.pk), "results": Path("out.xlsx")}, "must end"),
    ):
        with pytest.raises(CommandError, match=words):
            call_command("analyze_folder", str(folder), **arguments)
    (tmp_path / "empty").mkdir()
    for place, words in (("missing", "no folder"), ("empty", "No picture")):
        with pytest.raises(CommandError, match=words):
            call_command("analyze_folder", str(tmp_path / place), team=str(people.team.pk))
    with team_scope(people.team):
        assert Media.objects.count() == Job.objects.count() == 0
