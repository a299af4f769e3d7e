"""Stored videos without an engine: rows as the worker would have written them, with made-up samples."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
from django.utils import timezone
from PIL import Image

from accounts.models import Team
from analysis.models import VideoPerson, VideoTrack
from analysis.video.people import people_summarise
from analysis.video.series import LANDMARKS, NUMBERS, Floats, Series
from media_jobs.models import Job, Video, VideoChunk
from ml_models import EMOTIONS

#: Milliseconds of a chunk, as of a video of which five frames a second are analysed.
CHUNK_MS = 10_000
WIDTH, HEIGHT = 1280, 720


@dataclass(frozen=True)
class Somebody:
    """Who is to be seen in a made-up video, and when.

    spans: milliseconds [from, to) in which they are in the picture; None for all of it.
    emotion: which of the eight they show in waves of 20 seconds; neutral between.
    looks_away: milliseconds [from, to) in which their head is turned aside.
    """

    spans: Sequence[tuple[int, int]] | None = None
    name: str = ""
    excluded: bool = False
    emotion: str = "happiness"
    age: float = 31.0
    male: float = 0.1
    glasses: float = 0.05
    looks_away: Sequence[tuple[int, int]] = ()


def stored_video(
    team: Team,
    people: int | Sequence[Somebody] = 2,
    seconds: float = 10.0,
    *,
    rate: float = 5.0,
    filename: str = "visit.mp4",
    status: str = Video.Status.READY,
    assigned: bool = True,
    summarised: bool = False,
) -> Video:
    """A video of `seconds` of which `rate` frames a second were analysed. The caller is in the team's scope.

    It has no file. There is a track per person and chunk of ten seconds (per span and chunk where they come
    and go). assigned: whether tracks have been joined to people; without, `VideoTrack.person` is empty.
    summarised: whether people and video have their figures (`VideoPerson.metrics`, `Video.summary`).
    """
    cast = [Somebody()] * people if isinstance(people, int) else list(people)
    video = _video(team, seconds, rate, filename, status)
    times = _times(seconds, rate)
    _chunks(video, times, seconds)
    rows = [_person(video, number, one, times) for number, one in enumerate(cast, start=1)]
    if assigned:
        VideoPerson.objects.bulk_create([row for row in rows if row is not None])
    tracks: list[VideoTrack] = []
    for number, (one, row) in enumerate(zip(cast, rows, strict=True), start=1):
        tracks += _tracks(video, number, one, row if assigned else None, times)
    numbers = dict.fromkeys((track.chunk for track in tracks), 0)
    for track in tracks:
        numbers[track.chunk] += 1
        track.number = numbers[track.chunk]
    VideoTrack.objects.bulk_create(tracks, batch_size=500)
    if summarised:
        people_summarise(video=video)
    return video


def _video(team: Team, seconds: float, rate: float, filename: str, status: str) -> Video:
    now = timezone.now()
    over = status in {Video.Status.READY, Video.Status.FAILED, Video.Status.CANCELLED}
    chunks = -(-int(seconds * 1000) // CHUNK_MS)
    job = Job.objects.create(
        team=team,
        kind=Job.Kind.VIDEO,
        queue="batch",
        name=filename,
        status=Job.Status.SUCCEEDED if status == Video.Status.READY else Job.Status.RUNNING,
        total=chunks + 1,
        done=chunks + 1 if over else chunks,
        started_at=now,
        finished_at=now if over else None,
    )
    return Video.objects.create(
        team=team,
        job=job,
        filename=filename,
        status=status,
        container="mp4",
        content_type="video/mp4",
        codec="h264",
        width=WIDTH,
        height=HEIGHT,
        duration_ms=int(seconds * 1000),
        frame_count=int(seconds * 30),
        frame_rate=30.0,
        shown_by_browsers=True,
        frames_per_second=rate,
        analyzed_frames=len(_times(seconds, rate)),
        model_versions={"detection": "test", "emotion": "test"},
        started_at=now,
        finished_at=now if over else None,
    )


def _times(seconds: float, rate: float) -> np.ndarray:
    return np.round(np.arange(int(seconds * rate)) * 1000 / rate).astype(np.int32)


def _chunks(video: Video, times: np.ndarray, seconds: float) -> None:
    duration = int(seconds * 1000)
    starts = range(0, duration, CHUNK_MS)
    rows = []
    for number, start in enumerate(starts):
        own = times[(times >= start) & (times < start + CHUNK_MS)]
        rows.append(
            VideoChunk(
                team=video.team,
                video=video,
                number=number,
                start_ms=start,
                end_ms=min(start + CHUNK_MS, duration),
                expected=len(own),
                status=VideoChunk.Status.SUCCEEDED,
                attempts=1,
                times=own.tolist(),
                finished_at=timezone.now(),
            )
        )
    VideoChunk.objects.bulk_create(rows, batch_size=1000)


def _visible(one: Somebody, times: np.ndarray) -> list[np.ndarray]:
    """The times at which they are in the picture, by span."""
    if one.spans is None:
        return [times]
    return [times[(times >= start) & (times < end)] for start, end in one.spans]


def _person(video: Video, number: int, one: Somebody, times: np.ndarray) -> VideoPerson | None:
    seen = np.concatenate(_visible(one, times))
    if not len(seen):
        return None
    return VideoPerson(
        team=video.team,
        video=video,
        number=number,
        name=one.name,
        excluded=one.excluded,
        first_ms=int(seen.min()),
        last_ms=int(seen.max()),
        sample_count=len(seen),
        age=one.age,
        gender="male" if one.male >= 0.5 else "female",
        portrait=portrait(number),
    )


def _tracks(
    video: Video, number: int, one: Somebody, person: VideoPerson | None, times: np.ndarray
) -> list[VideoTrack]:
    found = []
    for span in _visible(one, times):
        for chunk in range(int(span[-1]) // CHUNK_MS + 1 if len(span) else 0):
            own = span[span // CHUNK_MS == chunk]
            if len(own):
                found.append(_track(video, number, one, person, chunk, own))
    return found


def _track(
    video: Video, number: int, one: Somebody, person: VideoPerson | None, chunk: int, ms: np.ndarray
) -> VideoTrack:
    series = made_up(ms, number, one)
    boxes = series.boxes
    direction = np.zeros(64, np.float32)
    direction[number % 64] = 1.0
    return VideoTrack(
        id=uuid4(),
        team=video.team,
        video=video,
        chunk=chunk,
        number=0,
        person=person,
        start_ms=int(ms[0]),
        end_ms=int(ms[-1]),
        sample_count=len(ms),
        first_box=boxes[0].tolist(),
        last_box=boxes[-1].tolist(),
        samples=series.as_bytes(),
        embedding=direction.tolist(),
        embedding_count=len(ms),
        model="test",
        portrait=portrait(number),
        portrait_score=0.5 + chunk / 1_000_000,
    )


def portrait(number: int) -> bytes:
    """A small JPEG, another for each number."""
    content = io.BytesIO()
    Image.new("RGB", (32, 32), (number * 40 % 256, 90, 160)).save(content, "JPEG")
    return content.getvalue()


def made_up(ms: np.ndarray, number: int, one: Somebody) -> Series:
    """Samples that depend on nothing but the arguments: the same in every run and however they are cut."""
    count = len(ms)
    second = ms / 1000
    numbers: dict[str, Floats] = {name: np.zeros(count, np.float32) for name in NUMBERS}
    left = 60.0 + 200.0 * (number - 1) + 10 * np.sin(second / 3 + number)
    numbers["left"] = left.astype(np.float32)
    for name, value in (("top", 140.0), ("width", 120.0), ("height", 150.0)):
        numbers[name][:] = value
    numbers["confidence"][:] = 0.98
    shown = (0.5 + 0.45 * np.sin(second * 2 * np.pi / 20 + number)).astype(np.float32)
    for name in EMOTIONS:
        numbers[name][:] = (1 - shown) / 14
    numbers["neutral"] += (1 - shown) * 6 / 14
    numbers[one.emotion] = numbers[one.emotion] + shown
    numbers["smile"] = shown if one.emotion == "happiness" else np.full(count, 0.1, np.float32)
    closed = (ms + 700 * number) % 4000 < 200
    numbers["left_open"] = np.where(closed, 0.05, 0.95).astype(np.float32)
    numbers["right_open"] = np.where(closed, 0.04, 0.96).astype(np.float32)
    away = np.zeros(count, np.bool_)
    for start, end in one.looks_away:
        away |= (ms >= start) & (ms < end)
    numbers["yaw"] = np.where(away, 50.0, 4.0).astype(np.float32)
    numbers["pitch"][:] = -3.0
    numbers["roll"][:] = 1.5
    numbers["age"][:] = one.age
    numbers["male"][:] = one.male
    numbers["glasses"][:] = one.glasses
    return Series(ms.astype(np.int32), numbers, np.arange(count) % 5 == 0, _landmarks(numbers))


def _landmarks(numbers: dict[str, Floats]) -> Floats:
    """The 27 points in a grid inside the box, with the pupils where pupils are."""
    points = np.array([(0.1 + 0.8 * (at % 6) / 5, 0.3 + 0.5 * (at // 6) / 4) for at in range(27)], np.float32)
    points[LANDMARKS.index("pupilLeft")] = 0.3, 0.4
    points[LANDMARKS.index("pupilRight")] = 0.7, 0.4
    corner = np.stack([numbers["left"], numbers["top"]], axis=1)[:, None]
    size = np.stack([numbers["width"], numbers["height"]], axis=1)[:, None]
    return (corner + points * size).astype(np.float32)
