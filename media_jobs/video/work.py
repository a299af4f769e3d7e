"""What a worker does with one chunk of a video.

Frames stream through: decoded, looked at, joined to tracks. No more than a window of them is in memory. What
was found is stored in one transaction with the times of the frames, so that a chunk is there as a whole or
not at all: whoever takes it up after a crash begins it anew, and no frame is lost or doubled.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from PIL import Image

from accounts.models import Team
from analysis.models import VideoTrack
from analysis.recognition import photo_model
from analysis.switches import SWITCHES, parts_of
from analysis.video.series import series_of
from media_jobs.engine import AskedEngine, PictureError
from media_jobs.leases import Lease, LeaseLost
from media_jobs.models import Job, Video, VideoChunk
from media_jobs.refusals import Refusal, refuse

from .dispatch import chunks_send, finish_send_on_commit
from .ending import video_end, video_locked
from .facts import VideoFacts
from .frames import frames_between
from .parts import open_parts

if TYPE_CHECKING:
    from ml_models.tracking import Track
    from ml_models.types import Box, Face, Picture
    from ml_models.video_faces import FrameFaces

logger = structlog.get_logger(__name__)

#: A chunk that was begun so often and never ended kills its workers.
MOST_ATTEMPTS = 3
#: Sides of a portrait in pixels, and of the face in it.
PORTRAIT = 160
PORTRAIT_MARGIN = 0.35
# Decoders hold pictures of their own, so not every thread of a worker decodes at once: the others wait here,
# which bounds the memory of a worker whatever the number of its threads.
_SLOTS = threading.BoundedSemaphore(settings.VIDEO_CHUNKS_AT_ONCE)


@dataclass
class Found:
    """What is in a chunk: its tracks with their portraits, and the times of its frames."""

    tracks: list[Track]
    portraits: list[bytes | None]
    times: list[int]
    scale: float


def video_parts(team: Team) -> frozenset[str]:
    """What the engine finds out of the faces in videos of the team."""
    return parts_of(team) | {"landmarks", "quality"}


def chunk_analyze(*, team: Team, video_id: UUID, number: int, engine: AskedEngine) -> None:
    """Analyse a chunk that is still pending. Safe to run twice, also at the same time.

    What cannot be decoded ends the chunk with an error and leaves a gap; the video goes on. The caller is
    inside the team's scope.
    """
    with _SLOTS:
        chunk = VideoChunk.objects.filter(
            video_id=video_id, number=number, video__status=Video.Status.ANALYZING
        ).first()
        if chunk is None:
            return
        lease = Lease.take(VideoChunk, chunk.pk, [VideoChunk.Status.PENDING])
        if lease is None:
            return
        with lease:
            _chunk_run(team, chunk, engine, lease)
    chunks_send(team_id=team.pk, video_id=video_id)


def _chunk_run(team: Team, chunk: VideoChunk, engine: AskedEngine, lease: Lease) -> None:
    VideoChunk.objects.filter(pk=chunk.pk).update(attempts=F("attempts") + 1)
    video = Video.objects.select_related("team__plan").filter(pk=chunk.video_id).first()
    if video is None:
        # Erased a moment ago.
        return
    job_id: Any = video.job_id
    # By its own row alone: of a condition on two tables nothing is looked at again by a statement that waited
    # for a cancellation, and a job that is over would run for ever.
    Job.objects.filter(pk=job_id, status=Job.Status.QUEUED).update(
        status=Job.Status.RUNNING, started_at=timezone.now()
    )
    try:
        if chunk.attempts >= MOST_ATTEMPTS:
            raise refuse("video_worker_lost")
        found = _look(video, chunk, engine, lease)
    except LeaseLost:
        return
    except Refusal as refusal:
        logger.warning("video_chunk_failed", video_id=str(video.pk), number=chunk.number, code=refusal.code)
        _store(video, chunk, lease, None, refusal, engine.model_versions)
    else:
        _store(video, chunk, lease, found, None, engine.model_versions)


# --- Looking ------------------------------------------------------------------------------------------
@dataclass
class _Watch:
    """Remembers, while frames stream by, what is needed of their pictures afterwards."""

    pictures: dict[int, Picture] = field(default_factory=dict)
    # With their faces, so that the id of none is given to another.
    portraits: dict[int, tuple[Face, bytes]] = field(default_factory=dict)
    times: list[int] = field(default_factory=list)
    scale: float = 1.0

    def coming(self, frames: Iterator[Any], width: int) -> Iterator[tuple[int, Picture]]:
        for frame in frames:
            self.times.append(frame.ms)
            self.scale = width / frame.picture.shape[1]
            self.pictures[frame.ms] = frame.picture
            yield frame.ms, frame.picture

    def gone(self, frames: Iterator[FrameFaces], lease: Lease) -> Iterator[FrameFaces]:
        for number, frame in enumerate(frames):
            picture = self.pictures.pop(frame.ms)
            for face, found in zip(frame.faces, frame.found, strict=True):
                if found:
                    self.portraits[id(face)] = face, portrait_of(picture, face.box)
            if number % 16 == 15:
                lease.check()
            yield frame


def _look(video: Video, chunk: VideoChunk, engine: AskedEngine, lease: Lease) -> Found:
    """Find the faces of a chunk and join them to tracks. Raises Refusal, LeaseLost."""
    # Here, because they load the networks' libraries, which only workers have.
    from ml_models.grouping import grouping_distance
    from ml_models.tracking import tracks_of
    from ml_models.video_faces import faces_in

    watch = _Watch()
    with open_parts(video) as file:
        frames = frames_between(
            file,
            VideoFacts.from_json(video.facts),
            start_ms=chunk.start_ms,
            end_ms=chunk.end_ms,
            frames_per_second=video.frames_per_second,
        )
        seen = faces_in(watch.coming(frames, video.width), _asker(engine), parts=engine.parts)
        distance = grouping_distance(engine.recognition.calibration) if engine.recognition else None
        tracks = tracks_of(watch.gone(seen, lease), same_distance=distance)
    return Found(tracks, [_portrait(watch, track) for track in tracks], watch.times, watch.scale)


def _asker(engine: AskedEngine) -> Any:
    """The engine as `ml_models.video_faces.Analyze`. Raises Refusal where it failed on a frame."""

    def analyze(
        pictures: Sequence[Picture], boxes: Sequence[Sequence[Box] | None] | None, parts: frozenset[str]
    ) -> list[list[Face]]:
        recognition = engine.recognition.name if engine.recognition and "embedding" in parts else None
        answers = engine.shared.analyze(pictures, boxes, parts=parts, recognition=recognition)
        if any(isinstance(answer, PictureError) for answer in answers):
            raise refuse("video_analysis_failed")
        return answers

    return analyze


def portrait_of(picture: Picture, box: Box) -> bytes:
    """A small square JPEG of a face with some of what is around it. picture: RGB; box in its pixels."""
    left, top, width, height = box
    side = max(width, height) * (1 + 2 * PORTRAIT_MARGIN)
    x, y = left + width / 2 - side / 2, top + height / 2 - side / 2
    # Only the part that is needed becomes an image; what lies beyond the edge is black.
    rows, columns = picture.shape[:2]
    x0, y0 = max(0, int(x)), max(0, int(y))
    part = picture[y0 : min(rows, int(y + side) + 1), x0 : min(columns, int(x + side) + 1)]
    image = Image.fromarray(part).transform(
        (PORTRAIT, PORTRAIT),
        Image.Transform.EXTENT,
        (x - x0, y - y0, x - x0 + side, y - y0 + side),
        Image.Resampling.BILINEAR,
    )
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _portrait(watch: _Watch, track: Track) -> bytes | None:
    _, portrait = watch.portraits.get(id(track.faces[track.best]), (None, None))
    return portrait


# --- Storing ------------------------------------------------------------------------------------------
@transaction.atomic
def _store(
    video: Video,
    chunk: VideoChunk,
    lease: Lease,
    found: Found | None,
    refusal: Refusal | None,
    versions: dict[str, str],
) -> None:
    """Write what became of a chunk, if it is still wanted and this worker's."""
    row = video_locked(video)
    if row is None or row.status != Video.Status.ANALYZING:
        return
    mine = (
        VideoChunk.objects.select_for_update().filter(pk=chunk.pk, status=VideoChunk.Status.PENDING).first()
    )
    if mine is None or not lease.holds(mine.beat_at):
        return
    if found is not None:
        _tracks_write(row, mine, found)
        row.analyzed_frames += len(found.times)
        row.model_versions = versions
    mine.times = found.times if found is not None else None
    mine.status = VideoChunk.Status.FAILED if refusal else VideoChunk.Status.SUCCEEDED
    mine.error_code = refusal.code if refusal else ""
    mine.error_message = refusal.message[:300] if refusal else ""
    mine.finished_at = timezone.now()
    mine.save(update_fields=["times", "status", "error_code", "error_message", "finished_at"])
    Job.objects.filter(videos=row).update(done=F("done") + 1)
    row.save(update_fields=["analyzed_frames", "model_versions"])
    if not VideoChunk.objects.filter(video=row, status=VideoChunk.Status.PENDING).exists():
        _all_done(row)


def _all_done(row: Video) -> None:
    """After the last chunk: link the tracks, or fail when there is nothing to link."""
    failed = VideoChunk.objects.filter(video=row, status=VideoChunk.Status.FAILED).order_by("number").first()
    if failed is not None and not row.analyzed_frames:
        video_end(row, Video.Status.FAILED, code=failed.error_code, message=failed.error_message)
        return
    row.status, row.beat_at = Video.Status.LINKING, None
    row.save(update_fields=["status", "beat_at"])
    finish_send_on_commit(row)


def _tracks_write(row: Video, chunk: VideoChunk, found: Found) -> None:
    """Replace the tracks of a chunk. What was switched off meanwhile is not stored."""
    team = Team.objects.only(*(switch.field for switch in SWITCHES)).get(pk=row.team_id)
    model = photo_model()
    rows = []
    for number, (track, portrait) in enumerate(zip(found.tracks, found.portraits, strict=True)):
        one = _track_row(team, track, found.scale)
        one.team_id, one.video, one.chunk, one.number = row.team_id, row, chunk.number, number
        one.portrait = portrait
        if one.embedding is not None:
            one.model, one.model_sha256 = model.name, model.sha256
        rows.append(one)
    VideoTrack.objects.filter(video=row, chunk=chunk.number).delete()
    VideoTrack.objects.bulk_create(rows)


def _track_row(team: Team, track: Track, scale: float) -> VideoTrack:
    """What a track is by itself: its samples, its ends, its vector. scale: as in `Found`."""
    series = series_of(track.frames, track.faces, track.found, scale=scale).hidden_from(team)
    embedding = track.embedding if team.analyze_identity else None
    boxes = series.boxes
    best = track.faces[track.best]
    return VideoTrack(
        start_ms=track.start_ms,
        end_ms=track.end_ms,
        sample_count=len(track.frames),
        first_box=[float(value) for value in boxes[0]],
        last_box=[float(value) for value in boxes[-1]],
        samples=series.as_bytes(),
        embedding=None if embedding is None else embedding.tolist(),
        embedding_count=track.embedding_count if embedding is not None else 0,
        portrait_score=float(best.confidence * min(best.box[2], best.box[3]) * scale),
    )
