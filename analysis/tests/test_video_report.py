"""The printable report of a video: whole, with what it must say, and with nothing that it must not."""

import re

import pytest

from accounts.models import Team
from analysis.models import VideoPerson
from analysis.video import report
from analysis.video.people import people_summarise
from analysis.video.report import moment_words, report_pdf
from analysis.video.report_charts import clock, stretches
from analysis.video.tests.helpers import Somebody, stored_video
from media_jobs.models import Video

pytestmark = pytest.mark.django_db


def summarised(video: Video) -> Video:
    """The same video with what is said of its people."""
    people_summarise(video=video)
    video.refresh_from_db()
    return video


def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is written into reports from now on: letters in a PDF are numbers of an embedded font."""
    said: list[str] = []
    usual = report._text

    def noted(words: str, **options: object) -> object:
        said.append(words)
        return usual(words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(report, "_text", noted)
    return said


def pages_of(content: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b(?!s)", content))


def test_it_tells_of_the_video_its_moments_and_each_person(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = texts(monkeypatch)
    cast = [Somebody(name="Ada"), Somebody(emotion="disgust"), Somebody(name="Left out", excluded=True)]
    video = summarised(stored_video(in_team, cast, seconds=60))
    content = report_pdf(video)
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    assert pages_of(content) >= 3
    whole = " | ".join(said)
    for words in (
        "visit.mp4",
        "1:00 long, 1280 x 720",
        "People: 2, and 1 excluded",
        "Ada",
        "Person 2",
        "Moments",
    ):
        assert words in whole, words
    assert "Peak of happiness" in said
    of_each = [words for words in said if words.startswith("Moments: ")]
    assert [("peak of happiness" in words, "peak of disgust" in words) for words in of_each] == [
        (True, False),
        (False, True),
    ]
    assert "Left out" not in whole
    assert report.CAUTION in said
    # Embedded, so that it prints the same everywhere.
    assert b"/FontFile2" in content


def test_names_in_other_scripts_and_with_markup_are_written_as_they_are(in_team: Team) -> None:
    video = summarised(stored_video(in_team, [Somebody(name="Жанна <b>& Ωmega</b> <img src=x>")], seconds=10))
    video.filename = "<para>" + "x" * 240 + ".mp4"
    assert pages_of(report_pdf(video)) >= 2


def test_a_video_without_anybody_has_a_report_that_says_so(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = texts(monkeypatch)
    content = report_pdf(summarised(stored_video(in_team, 0, seconds=10)))
    assert pages_of(content) == 1
    assert "No face was found in this video, or everybody is excluded." in said


def test_what_is_switched_off_is_not_in_it(in_team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    video = summarised(stored_video(in_team, 1, seconds=20))
    in_team.analyze_emotion = in_team.analyze_age = in_team.analyze_gender = False
    in_team.save()
    said = texts(monkeypatch)
    report_pdf(video)
    whole = " | ".join(said)
    for words in ("Activation", "Experience", "Peak of", "female", "Adult"):
        assert words not in whole, words
    assert "Time in view" in said


def test_of_many_people_those_longest_in_view_are_shown(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "MOST_PEOPLE", 2)
    said = texts(monkeypatch)
    cast = [Somebody(spans=[(0, 2000)]), Somebody(), Somebody(spans=[(0, 8000)])]
    report_pdf(summarised(stored_video(in_team, cast, seconds=10)))
    assert "Person 1" not in said
    assert {"Person 2", "Person 3"} <= set(said)
    assert "1 more people were in view for a shorter time." in said


def test_a_portrait_is_printed_as_long_as_there_is_one(in_team: Team) -> None:
    video = summarised(stored_video(in_team, 1, seconds=10))
    with_portrait = report_pdf(video)
    assert b"/Subtype /Image" in with_portrait
    VideoPerson.objects.update(portrait=None)
    assert b"/Subtype /Image" not in report_pdf(video)


def test_a_curve_breaks_where_nothing_is_known() -> None:
    assert stretches([0, 1000, 2000, 3000], [0.5, 0.6, None, 0.7]) == [
        [(0, 0.5), (1, 0.6)],
        [(3, 0.7), (3.1, 0.7)],
    ]
    assert stretches([], []) == []


@pytest.mark.parametrize(
    ("ms", "words"), [(0, "0:00"), (65_400, "1:05"), (59_600, "1:00"), (3_729_000, "1:02:09")]
)
def test_times_are_written_as_people_write_them(ms: int, words: str) -> None:
    assert clock(ms) == words


def test_every_kind_of_moment_has_words() -> None:
    moments = [("peak", "fear"), ("engaging", None), ("rejection", "anger"), ("rejection", None)]
    words = [moment_words({"kind": kind, "emotion": emotion}) for kind, emotion in moments]
    assert words == ["Peak of fear", "Most engaging", "Rejection: anger", "Rejection: looking away"]
