"""What an export of a team holds of its videos: with one page of rows, or one piece of a file, in memory."""

import io
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db.models import BooleanField, ExpressionWrapper, Q

from accounts.access import current_team
from accounts.models import Team
from analysis.models import VideoPerson, VideoTrack
from analysis.video.selectors import metrics_shown, summary_shown
from analysis.video.series import LANDMARKS, NUMBERS, Series, series_read
from media_jobs.export_content import Archive, pages, plain
from media_jobs.models import Video, VideoUpload

from .parts import open_parts

READ_ME = """
videos.jsonl        one video per line; `file` is its name in this archive, null where it was not kept
video_people.jsonl  one person of a video per line, with their figures; `file` is their small picture
video_tracks.jsonl  one face through consecutive frames per line, with the vector that recognises it
video_uploads.jsonl files that were not sent completely
videos/             the videos as they were uploaded
video_people/       small pictures of the people
video_samples/      one table per video: a line for each face in each analysed frame. `track` is its line
                    in video_tracks.jsonl, `ms` the milliseconds from the first frame; boxes and points in
                    pixels of the upright picture, shares from 0 to 1, angles in degrees, age in years; empty:
                    not known
"""
# Tracks whose samples are in memory at once: 64 lines each at most.
TRACKS = 50
#: Nothing of these is the team's: places in the storage, and what only workers need.
_VIDEO_WITHOUT = ("sealed_source", "parts", "poster", "beat_at", "attempts")


def videos_write(archive: Archive, folder: str) -> None:
    """Write videos, people, samples and files of the current team."""
    team = current_team()
    archive.text(f"{folder}VIDEOS.txt", READ_ME.lstrip())
    videos = Video.objects.all()
    archive.lines(f"{folder}videos.jsonl", (_video(team, video) for video in pages(videos)))
    archive.lines(f"{folder}video_people.jsonl", _people(team))
    archive.lines(f"{folder}video_tracks.jsonl", _tracks(team))
    uploads = pages(VideoUpload.objects.all())
    archive.lines(f"{folder}video_uploads.jsonl", (plain(row, without=("parts",)) for row in uploads))
    for video in pages(videos.only("pk")):
        if VideoTrack.objects.filter(video=video).exists():
            archive.table(f"{folder}video_samples/{video.pk}.csv", _samples(team, video.pk))
    for person in pages(_pictured().only("pk", "portrait")):
        archive.stream(f"{folder}{_portrait(person)}", io.BytesIO(person.portrait))
    for video in pages(videos.exclude(parts=[])):
        _file_write(archive, folder, video)


def videos_count() -> int:
    """How many files `videos_write` adds for the current team."""
    return Video.objects.exclude(parts=[]).count() + _pictured().count()


def _pictured() -> Any:
    return VideoPerson.objects.filter(portrait__isnull=False)


def _file_write(archive: Archive, folder: str, video: Video) -> None:
    # One that was erased in the meantime is left out, as with photos.
    if all(default_storage.exists(name) for name, _ in video.parts):
        with open_parts(video) as source:
            archive.stream(f"{folder}{_file(video)}", source)


def _file(video: Video) -> str:
    return f"videos/{video.pk}.{video.container or 'bin'}"


def _portrait(person: VideoPerson) -> str:
    return f"video_people/{person.pk}.jpg"


def _video(team: Team, video: Video) -> dict[str, Any]:
    row = plain(video, without=_VIDEO_WITHOUT)
    return row | {
        "summary": summary_shown(video.summary, team),
        "file": _file(video) if video.parts else None,
    }


def _people(team: Team) -> Iterator[dict[str, Any]]:
    pictured = ExpressionWrapper(Q(portrait__isnull=False), output_field=BooleanField())
    for person in pages(VideoPerson.objects.defer("portrait").annotate(pictured=pictured)):
        row = plain(person, without=("portrait",))
        yield row | {
            "metrics": metrics_shown(person.metrics, team),
            "file": _portrait(person) if person.pictured else None,
        }


def _tracks(team: Team) -> Iterator[dict[str, Any]]:
    for track in pages(VideoTrack.objects.defer("samples", "portrait")):
        row = plain(track, without=("samples", "portrait", "portrait_score"))
        known = team.analyze_identity and track.embedding is not None
        yield row | {"embedding": list(track.embedding) if known else None}


# --- Samples ----------------------------------------------------------------------------------------------
def _samples(team: Team, video_id: UUID) -> Iterator[str]:
    """The lines of a video's table, the first with the names of its columns."""
    points = [f"{name}_{axis}" for name in LANDMARKS for axis in ("x", "y")]
    yield ",".join(["track", "ms", "key", *NUMBERS, *points])
    for track in _tracks_of(video_id):
        yield from _lines(track.pk, series_read(track.samples).hidden_from(team))


def _tracks_of(video_id: UUID) -> Iterator[VideoTrack]:
    """The tracks of a video in their order, a page at a time."""
    rows = VideoTrack.objects.filter(video=video_id).order_by("chunk", "number")
    rows = rows.only("pk", "chunk", "number", "samples")
    further = Q()
    while page := list(rows.filter(further)[:TRACKS]):
        yield from page
        last = page[-1]
        further = Q(chunk__gt=last.chunk) | Q(chunk=last.chunk, number__gt=last.number)


def _lines(track: UUID, series: Series) -> Iterator[str]:
    columns = [series[name].tolist() for name in NUMBERS]
    points = series.landmarks.reshape(len(series), -1).tolist()
    for ms, key, numbers, places in zip(
        series.ms.tolist(), series.key.tolist(), zip(*columns, strict=True), points, strict=True
    ):
        values = [*map(_written, numbers), *map(_written, places)]
        yield ",".join([str(track), str(ms), str(int(key)), *values])


def _written(value: float) -> str:
    # NaN is the only number that is not itself.
    return f"{value:.5g}" if value == value else ""
