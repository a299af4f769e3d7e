"""Reads of what is known of videos: people, their samples, what is to be drawn over a frame."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from django.db.models import QuerySet

from accounts.access import current_team
from accounts.models import Team
from analysis.models import VideoPerson, VideoTrack
from analysis.switches import hidden_columns
from ml_models import EMOTIONS

from .series import Series, joined, series_read

#: Samples that are read at once where people are looked at one after another: about 20 MB.
SAMPLES_AT_ONCE = 60_000
#: Fields of a summary that say something of what a switch governs (`analysis.switches`).
OF_EMOTION = (
    *("emotions", "positive_percent", "neutral_percent", "negative_percent", "activation", "activation_max"),
    *("engagement", "engagement_max", "satisfaction", "satisfaction_max", "valence", "valence_min"),
    *("valence_max", "relevance"),
)
_OF_SWITCH = {"strongest": OF_EMOTION, "age": ("age", "age_group"), "gender": ("male", "gender")}


class StoredVideo(Protocol):
    """What of `media_jobs.Video`, a model of an app above, is needed here."""

    pk: Any
    team: Any
    width: int
    height: int
    duration_ms: int
    frame_rate: float
    frames_per_second: float | None
    summary: Any
    people_count: int


def interval_of(video: StoredVideo) -> float | None:
    """Milliseconds between two analysed frames; None where it is not known."""
    rate = video.frames_per_second or video.frame_rate
    # More than there are cannot be analysed.
    if video.frame_rate > 0:
        rate = min(rate, video.frame_rate)
    return 1000 / rate if rate > 0 else None


def longer_side(video: StoredVideo) -> float | None:
    """Pixels of the longer side of the upright frame; None where it is not known."""
    return float(max(video.width, video.height)) or None


# --- People -----------------------------------------------------------------------------------------------
def people() -> QuerySet[VideoPerson]:
    """The team's people of videos by number, each with whom they were taken for, in the same query.

    Pictures are left out: `portrait_of` reads one.
    """
    return VideoPerson.objects.select_related("label__subject").defer("portrait").order_by("number")


def people_of(video_id: UUID) -> list[VideoPerson]:
    """The people of a video by number, without what the team has switched off. `excluded` ones are there."""
    team = current_team()
    return [shown(person, team) for person in people().filter(video_id=video_id)]


def shown(person: VideoPerson, team: Team) -> VideoPerson:
    """The same person without what the team has switched off; not to be saved."""
    hidden = hidden_columns(team)
    if "age" in hidden:
        person.age = None
    if "gender" in hidden:
        person.gender = ""
    person.metrics = metrics_shown(person.metrics, team)
    return person


def metrics_shown(metrics: Mapping[str, Any], team: Team) -> dict[str, Any]:
    """A summary as it was stored, without what the team has switched off: unknown, and no moments of it."""
    hidden = hidden_columns(team)
    gone = {field for column in hidden for field in _OF_SWITCH.get(column, ())}
    left: dict[str, Any] = {name: None if name in gone else value for name, value in metrics.items()}
    if "strongest" in hidden and "moments" in left:
        # Each kind is made of emotions; looking away is told by attention alone.
        left["moments"] = [
            one for one in left["moments"] or () if one["kind"] == "rejection" and one["emotion"] is None
        ]
    return left


def summary_shown(summary: Mapping[str, Any], team: Team) -> dict[str, Any]:
    """What is said of a whole video, without what the team has switched off."""
    left = metrics_shown(summary, team)
    if "means" in left:
        left["means"] = {
            name: value for name, value in metrics_shown(left["means"], team).items() if value is not None
        }
    hidden = hidden_columns(team)
    gone = {"age_groups"} if "age" in hidden else set()
    gone |= {"genders"} if "gender" in hidden else set()
    return {name: value for name, value in left.items() if name not in gone}


def portrait_of(person_id: UUID) -> bytes | None:
    """The picture of a person as JPEG; None where there is none, or it was erased."""
    content = VideoPerson.objects.filter(pk=person_id).values_list("portrait", flat=True).first()
    return None if content is None else bytes(content)


# --- Samples ----------------------------------------------------------------------------------------------
def series_of_person(person: VideoPerson, *, landmarks: bool = True) -> Series:
    """All samples of a person, without what the team has switched off."""
    return series_of_people([person], landmarks=landmarks)[person.pk]


def series_of_people(some: Iterable[VideoPerson], *, landmarks: bool = True) -> dict[UUID, Series]:
    """All samples of each of some people, without what the team has switched off, in one query.

    landmarks: without, they are NaN, and it takes a third of the time.
    """
    chosen = list(some)
    if not chosen:
        return {}
    rows = VideoTrack.objects.filter(person__in=[person.pk for person in chosen])
    parts = _parts_of(rows, landmarks=landmarks)
    team = current_team()
    return {person.pk: joined(parts.get(person.pk, [])).hidden_from(team) for person in chosen}


def series_between(
    people_ids: Sequence[UUID], start_ms: int, end_ms: int, *, landmarks: bool = True
) -> dict[UUID, Series]:
    """The samples of some people from start_ms on and before end_ms, without what the team has switched off,
    in one query. Who is not to be seen then is not in the answer. landmarks: as in `series_of_people`.
    """
    team = current_team()
    rows = VideoTrack.objects.filter(person__in=people_ids, start_ms__lt=end_ms, end_ms__gte=start_ms)
    return {
        person: joined(parts).between(start_ms, end_ms).hidden_from(team)
        for person, parts in _parts_of(rows, landmarks=landmarks).items()
    }


def _parts_of(rows: QuerySet[VideoTrack], *, landmarks: bool = True) -> dict[UUID, list[Series]]:
    """The samples of tracks by person, in the order of time."""
    found: dict[UUID, list[Series]] = defaultdict(list)
    ordered = rows.order_by("start_ms", "chunk", "number").values_list("person_id", "samples")
    for person, samples in ordered.iterator(chunk_size=200):
        if person is not None:
            found[person].append(series_read(samples, landmarks=landmarks))
    return found


def in_handfuls(some: Iterable[VideoPerson]) -> Iterator[list[VideoPerson]]:
    """People by number in groups whose samples are read at once: few queries, and bounded memory."""
    group: list[VideoPerson] = []
    count = 0
    for person in some:
        if group and count + person.sample_count > SAMPLES_AT_ONCE:
            yield group
            group, count = [], 0
        group.append(person)
        count += person.sample_count
    if group:
        yield group


# --- Frames -----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class SeenFace:
    """A face to be drawn over a frame. box: left, top, width, height in pixels of the upright video.

    strongest: name of the emotion that is shown most; None where it is unknown or switched off.
    """

    person_id: UUID
    number: int
    excluded: bool
    box: tuple[float, float, float, float]
    strongest: str | None


@dataclass(frozen=True)
class SeenFrame:
    """An analysed frame, `ms` milliseconds from the first one of the video, and the faces in it."""

    ms: int
    faces: list[SeenFace]


def frame_times(video: Any, start_ms: int, end_ms: int) -> list[int]:
    """The milliseconds of the frames that were analysed from start_ms on and before end_ms, ascending."""
    chunks = video.chunks.filter(start_ms__lt=end_ms, end_ms__gt=start_ms, times__isnull=False)
    rows = chunks.order_by("number").values_list("times", flat=True)
    return [ms for times in rows for ms in times if start_ms <= ms < end_ms]


def faces_between(video: Any, start_ms: int, end_ms: int) -> list[SeenFrame]:
    """What is to be drawn from start_ms on and before end_ms: each analysed frame, also one without a face.

    Ask for some seconds at a time: what is in memory grows with them. Three queries.
    """
    team = current_team()
    known = {
        pk: (number, excluded)
        for pk, number, excluded in VideoPerson.objects.filter(video_id=video.pk).values_list(
            "pk", "number", "excluded"
        )
    }
    frames: dict[int, list[SeenFace]] = {ms: [] for ms in frame_times(video, start_ms, end_ms)}
    rows = VideoTrack.objects.filter(
        video_id=video.pk, person__isnull=False, start_ms__lt=end_ms, end_ms__gte=start_ms
    )
    for person, parts in _parts_of(rows, landmarks=False).items():
        series = joined(parts).between(start_ms, end_ms).hidden_from(team)
        for ms, box, strongest in zip(
            series.ms.tolist(), _rounded_boxes(series), strongest_of(series), strict=True
        ):
            number, excluded = known[person]
            frames.setdefault(ms, []).append(SeenFace(person, number, excluded, box, strongest))
    return [
        SeenFrame(ms, sorted(faces, key=lambda face: face.number)) for ms, faces in sorted(frames.items())
    ]


def _rounded_boxes(series: Series) -> list[Any]:
    return [tuple(box) for box in np.round(series.boxes.astype(np.float64), 1).tolist()]


def strongest_of(series: Series) -> list[str | None]:
    """The emotion that each sample shows most, by name; None where it is not known."""
    emotions = series.emotions
    places = np.nan_to_num(emotions).argmax(axis=1)
    places[~np.isfinite(emotions).all(axis=1)] = -1
    return [EMOTIONS[place] if place >= 0 else None for place in places.tolist()]
