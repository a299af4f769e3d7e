"""What evaluations found is written down completely: as a page, as data, as a dated report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ml_models.evaluation import __main__ as command
from ml_models.evaluation import accuracy
from ml_models.evaluation.report import Row, Section, write

AGE = Row("age: mean error, years", 4.8123, (4.6, 5.01), "3,000 faces", "held out", 5.0, most=True, digits=2)
GENDER = Row("gender: accuracy", 0.93, None, "3,000 faces", "held out", 0.94)
OLD = Row("age: mean error, years", 7.0, (6, 8), "200 faces", "held out", group="age: 70 and more", digits=1)
SECTION = Section("attributes", {"age": 4.8}, ["age   4.8  "], [AGE, GENDER, OLD], ["Ages are guesses."])
VERSIONS = {"attributes": "attributes-v1-abc"}


def made_page(*sections: Section, left_out: tuple[str, ...] = ()) -> str:
    return accuracy.page(
        sections, day="2026-01-31", command="the command", versions=VERSIONS, left_out=left_out
    )


def test_a_report_is_written_as_data_and_as_a_page(tmp_path: Path) -> None:
    section = Section("emotion", {"accuracy": 0.5}, ["accuracy 0.5"])
    data, page = write([section], tmp_path / "new", "the command", {"emotion": "emotion-v1-abc"})
    written = json.loads(data.read_text())
    assert written["emotion"] == {"accuracy": 0.5}
    assert written["command"] == "the command"
    assert "accuracy 0.5" in page.read_text()
    assert "emotion-v1-abc" in page.read_text()


@pytest.mark.parametrize(
    ("figure", "wanted", "most", "reached"),
    [
        (0.9, 0.9, False, True),
        (0.89, 0.9, False, False),
        (5.0, 5.0, True, True),
        (5.1, 5.0, True, False),
        (1.0, None, False, None),
    ],
)
def test_a_row_says_whether_its_figure_is_reached(
    figure: float, wanted: float | None, most: bool, reached: bool | None
) -> None:
    assert Row("", figure, None, "", "", wanted, most).reached is reached


def test_the_page_has_a_line_per_figure_with_interval_protocol_and_verdict() -> None:
    lines = made_page(SECTION).splitlines()
    assert (
        "| age: mean error, years | 4.81 | 4.60 to 5.01 | 3,000 faces | held out | at most 5.00, reached |"
        in lines
    )
    assert (
        "| gender: accuracy | 0.930 | - | 3,000 faces | held out | at least 0.940, **not reached** |" in lines
    )
    assert "2026-01-31" in lines[2]
    assert "the command" in lines[2]
    assert "| attributes | `attributes-v1-abc` |" in lines
    assert "- Ages are guesses." in lines


def test_groups_stand_in_the_breakdown_of_their_part_only() -> None:
    page = made_page(SECTION)
    before, _, after = page.partition("## Attributes")
    line = "| age: mean error, years | age: 70 and more | 7.0 | 6.0 to 8.0 | 200 faces |"
    assert line in after.splitlines()
    assert "70 and more" not in before
    assert "```\nage   4.8\n```" in after


def test_a_table_cannot_be_broken_by_a_bar() -> None:
    assert accuracy.table(["a", "b"], [["1|2", "3"]]) == ["| a | b |", "| --- | --- |", "| 1/2 | 3 |"]


def test_what_is_missing_is_said_on_the_page() -> None:
    page = made_page(Section("emotion", {}, []), left_out=("pose: no pictures",))
    assert "- Left out: pose: no pictures" in page
    assert "Emotion is not broken down" in page
    assert "Emotion is not broken down" not in made_page(SECTION)


def test_the_data_hold_every_row_and_all_figures() -> None:
    data = accuracy.as_data([SECTION], day="2026-01-31", command="c", versions=VERSIONS)
    assert [(row["what"], row["group"], row["reached"]) for row in data["rows"]] == [
        ("age: mean error, years", "", True),
        ("gender: accuracy", "", False),
        ("age: mean error, years", "age: 70 and more", None),
    ]
    assert data["parts"] == {"attributes": {"age": 4.8}}
    assert json.loads(json.dumps(data)) is not None


def test_every_part_that_can_be_named_has_an_evaluation() -> None:
    assert all(callable(command.evaluation(part)) for part in command.PARTS)


def test_all_writes_page_and_data_and_says_which_sets_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def evaluation(part: str) -> object:
        def evaluate(_data: Path) -> Section:
            if part != "attributes":
                raise FileNotFoundError(f"there is no {part}/")
            return SECTION

        return evaluate

    monkeypatch.setattr(command, "evaluation", evaluation)
    page, data = tmp_path / "new" / "page.md", tmp_path / "new" / "data.json"
    given = ["all", "--data", str(tmp_path / "secret"), "--out", str(page), "--json", str(data)]
    assert command.main(given) == 0
    assert "| gender: accuracy |" in page.read_text()
    assert "- Left out: detection: detection: there is no detection/" not in page.read_text()
    assert "- Left out: detection: there is no detection/" in page.read_text()
    assert "secret" not in page.read_text() + data.read_text()
    assert len(json.loads(data.read_text())["left_out"]) == len(command.PARTS) - 1
    assert "detection left out: there is no detection/" in capsys.readouterr().out


def test_a_folder_with_nothing_to_measure_is_an_error_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    assert command.main(["detection", "--data", str(tmp_path), "--out", str(page)]) == 1
    assert "Nothing was measured" in capsys.readouterr().err
    assert not page.exists()
