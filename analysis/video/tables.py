"""Results of a video as tables: a row per frame and person, a row per person, a row per moment.

Tables come in pages, so that a video of hours takes no more memory than one of a minute.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from django.db.models import Max
from numpy.typing import NDArray

from accounts.access import current_team, team_scope
from accounts.models import Team
from analysis import metrics
from analysis.models import VideoPerson
from ml_models import EMOTIONS
from ml_models.attribute_types import gender_of

from .selectors import (
    frame_times,
    interval_of,
    longer_side,
    metrics_shown,
    people_of,
    series_between,
    strongest_of,
)
from .series import BOX, LANDMARKS, Series
from .timelines import numbers

#: Milliseconds of a video in a page of frames, and of what is read beside it, so that a blink at its edge is
#: seen whole.
PAGE_MS = 20_000
MARGIN_MS = 2000

Kind = Literal["integer", "number", "text", "flag"]
Page = dict[str, list[Any]]


@dataclass(frozen=True)
class Column:
    """A column: its name, what it holds, and of numbers how many decimal places."""

    name: str
    kind: Kind = "number"
    places: int = 4


def _columns(kind: Kind, *names: str, places: int = 4) -> tuple[Column, ...]:
    return tuple(Column(name, kind, places) for name in names)


POINTS = tuple(f"{name}_{axis}" for name in LANDMARKS for axis in "xy")
_ANGLES = ("yaw", "pitch", "roll", "gaze_yaw", "gaze_pitch")
_CURVES = (
    *("positive_score", "neutral_score", "negative_score", "valence", "activation", "engagement"),
    "satisfaction",
)
WHO = (
    *_columns("text", "person_id"),
    *_columns("integer", "person"),
    *_columns("text", "name", "subject_id", "subject"),
    *_columns("number", "subject_confidence"),
)
FRAMES: tuple[Column, ...] = (
    *_columns("integer", "ms"),
    *WHO,
    *_columns("number", *BOX, places=2),
    *_columns("number", "confidence"),
    *_columns("number", *_ANGLES, places=2),
    *_columns("text", "strongest"),
    *_columns("number", *EMOTIONS, *_CURVES, "smile", "left_open", "right_open", "eyes_open"),
    *_columns("flag", "blink", "attention"),
    *_columns("number", "age", places=1),
    *_columns("text", "age_group"),
    *_columns("number", "male"),
    *_columns("text", "gender"),
    *_columns("number", "glasses"),
    *_columns("number", "distance_cm", places=1),
    *_columns("number", *POINTS, places=2),
)
PEOPLE: tuple[Column, ...] = (
    *WHO,
    *_columns("flag", "excluded"),
    *_columns("integer", "samples", "first_ms", "last_ms"),
    *_columns("number", "dwell_seconds"),
    *_columns("integer", "glances"),
    *_columns("number", "attention_share", "attended_seconds", *EMOTIONS),
    *_columns("number", "positive_percent", "neutral_percent", "negative_percent"),
    *_columns("number", "activation", "activation_max", "engagement", "engagement_max", "satisfaction"),
    *_columns("number", "satisfaction_max", "valence", "valence_min", "valence_max", "relevance"),
    *_columns("integer", "blinks"),
    *_columns("number", "blinks_per_minute", "smile_share", "age"),
    *_columns("text", "age_group"),
    *_columns("number", "male"),
    *_columns("text", "gender"),
    *_columns("flag", "glasses"),
    *_columns("number", "glasses_share", "distance_cm"),
)
MOMENTS: tuple[Column, ...] = (
    *WHO,
    *_columns("text", "kind", "emotion"),
    *_columns("integer", "ms", "end_ms", "at_ms"),
    *_columns("number", "value"),
)


@dataclass(frozen=True)
class Table:
    """columns: in their order. pages: makes them for a team and one of its videos, each {name: values}."""

    columns: tuple[Column, ...]
    pages: Callable[[Team, Any], Iterator[Page]]


def who(person: VideoPerson) -> dict[str, Any]:
    """What the columns `WHO` hold of somebody."""
    label: Any = getattr(person, "label", None)
    return {
        "person_id": str(person.pk),
        "person": person.number,
        "name": person.title,
        "subject_id": str(label.subject_id) if label else None,
        "subject": label.subject.name if label else None,
        "subject_confidence": round(label.confidence, 4) if label else None,
    }


# --- Frames -----------------------------------------------------------------------------------------------
def frame_pages(team: Team, video: Any) -> Iterator[Page]:
    """All frames in order, page by page; enters the team's scope only while it reads.

    A scope that stayed entered between two pages would be left in another context than it was entered in.
    """
    with team_scope(team):
        included = [person for person in people_of(video.pk) if not person.excluded]
        end = last_ms(video) + 1
    for start in range(0, end, PAGE_MS):
        with team_scope(team):
            page = frames_between(video, included, start, start + PAGE_MS)
        if page["ms"]:
            yield page


def last_ms(video: Any) -> int:
    """The last moment of which something can be known; frames may come a little after the duration."""
    chunks = video.chunks.aggregate(last=Max("end_ms"))["last"]
    return max(int(video.duration_ms), chunks or 0)


def frames_between(video: Any, people: Sequence[VideoPerson], start_ms: int, end_ms: int) -> Page:
    """A row per analysed frame and person from start_ms on and before end_ms, by time and number.

    A frame in which none of these people is has one row with its time and nothing else. Two queries. The
    caller is in the team's scope.
    """
    found = series_between([one.pk for one in people], start_ms - MARGIN_MS, end_ms + MARGIN_MS)
    parts = []
    for person in people:
        series = found.pop(person.pk, None)
        if series is not None:
            parts.append(_of_person(video, person, series, start_ms, end_ms))
    seen = {ms for part in parts for ms in part["ms"]}
    empty = [ms for ms in frame_times(video, start_ms, end_ms) if ms not in seen]
    parts.append({column.name: [None] * len(empty) for column in FRAMES} | {"ms": empty})
    return _by_time(parts)


def _by_time(parts: Sequence[Page]) -> Page:
    """Pages of people, who are in the order of their numbers, as one by time."""
    ms = [value for part in parts for value in part["ms"]]
    order = np.argsort(np.array(ms, np.int64), kind="stable").tolist()
    page: Page = {}
    for column in FRAMES:
        values = [value for part in parts for value in part[column.name]]
        page[column.name] = [values[place] for place in order]
    return page


def _of_person(video: Any, person: VideoPerson, series: Series, start_ms: int, end_ms: int) -> Page:
    curves = metrics.curves(
        series,
        longer_side=longer_side(video),
        interval_ms=interval_of(video),
        usual_open=person.metrics.get("usual_open"),
    )
    first, last = np.searchsorted(series.ms, [start_ms, end_ms])
    part = slice(first, last)
    own = series.chosen(part)
    numeric: dict[str, NDArray[Any]] = {
        **own.numbers,
        **{name: values[part] for name, values in curves.items()},
    }
    points = own.landmarks.reshape(len(own), len(POINTS))
    numeric |= {name: points[:, place] for place, name in enumerate(POINTS)}
    page: Page = {
        column.name: numbers(numeric[column.name], column.places)
        for column in FRAMES
        if column.kind == "number" and column.name in numeric
    }
    page |= {name: [value] * len(own) for name, value in who(person).items()}
    page |= {name: _flags(numeric[name]) for name in ("blink", "attention")}
    page["ms"] = own.ms.tolist()
    page["strongest"] = strongest_of(own)
    page["age_group"] = metrics.age_groups(own["age"])
    page["gender"] = [gender_of(male) for male in page["male"]]
    return page


def _flags(values: NDArray[Any]) -> list[bool | None]:
    """1.0, 0.0 and NaN as True, False and None."""
    return [None if math.isnan(value) else bool(value) for value in values.tolist()]


# --- People and moments -----------------------------------------------------------------------------------
def people_pages(team: Team, video: Any) -> Iterator[Page]:
    """Everybody by number on one page, those who are left out of the rest too."""
    with team_scope(team):
        people = people_of(video.pk)
    rows = [_person_row(person) for person in people]
    yield {column.name: [row.get(column.name) for row in rows] for column in PEOPLE}


def _person_row(person: VideoPerson) -> dict[str, Any]:
    return {
        **person.metrics,
        **(person.metrics.get("emotions") or {}),
        **who(person),
        "excluded": person.excluded,
    }


def moment_pages(team: Team, video: Any) -> Iterator[Page]:
    """On one page the moments of all together, without a person, then those of each who is not left out."""
    with team_scope(team):
        people = [person for person in people_of(video.pk) if not person.excluded]
        together = moments_of_all(video)
    rows = list(together)
    for person in people:
        rows += [{**who(person), **moment} for moment in person.metrics.get("moments") or ()]
    yield {column.name: [row.get(column.name) for row in rows] for column in MOMENTS}


def moments_of_all(video: Any) -> list[dict[str, Any]]:
    """The moments of a video, without those of what the team has switched off."""
    found: list[dict[str, Any]] = metrics_shown(video.summary, current_team()).get("moments") or []
    return found


TABLES = {
    "frames": Table(FRAMES, frame_pages),
    "people": Table(PEOPLE, people_pages),
    "moments": Table(MOMENTS, moment_pages),
}
