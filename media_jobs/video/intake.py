"""Taking videos in: from an upload in parts, from one request, or from an address.

A file is looked at before anything is kept of it. What cannot be analysed is refused, and an upload of it is
erased: its bytes would never be of use. A refusal for another reason (the month's pictures, the team's room,
a gallery that is not there) leaves the upload as it is, to be tried again with other options.

The same bytes may come twice: each time they become a video of their own, to be analysed in another way.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Any
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.audit import record
from accounts.limits import file_size_check, storage_check, storage_room_check
from accounts.models import Team, User
from emotionsite.fetching import check_url, fetch_to
from emotionsite.fetching.refusals import refuse as fetching_refuse
from emotionsite.sealing import SealBroken, seal, unseal
from media_jobs import files
from media_jobs.leases import Lease, LeaseLost
from media_jobs.models import Video, VideoUpload
from media_jobs.refusals import Refusal, refuse
from media_jobs.sending import send_in_background
from media_jobs.services import display_name, release_files
from media_jobs.sources import name_of_url

from .ending import video_fail, video_locked
from .facts import VideoFacts, read_facts
from .parts import PartsWriter, folder_of, open_parts, parts_size, parts_sweep, parts_write, sha256_of
from .preview import poster
from .start import MOST_ATTEMPTS, step_begin, video_job, video_plan
from .uploads import upload_delete, upload_take, upload_whole

logger = structlog.get_logger(__name__)

DEFAULT_RATE = 5.0
SLOWEST_RATE, FASTEST_RATE = 0.1, 60.0
# A video that was not fetched by then never will be.
GIVEN_UP_AFTER = timedelta(days=1)
# How often a fetch looks whether it is still wanted, in seconds.
CHECK_EVERY = 5.0
# After so many seconds an address must have sent so many bytes in each: drops must not hold a worker.
SLOW_AFTER, SLOWEST_BYTES = 60.0, 32 * 1024


@dataclass(frozen=True)
class VideoOptions:
    """How a video is analysed.

    frames_per_second: 0.1 to 60, or None for every frame. gallery_id: the gallery in which its people are
    looked up. live: it was recorded on the live page. Raises ValueError.
    """

    frames_per_second: float | None = DEFAULT_RATE
    gallery_id: UUID | None = None
    live: bool = False

    def __post_init__(self) -> None:
        rate = self.frames_per_second
        if rate is not None and not (math.isfinite(rate) and SLOWEST_RATE <= rate <= FASTEST_RATE):
            raise ValueError(f"Between {SLOWEST_RATE} and {FASTEST_RATE:g} frames a second, or None for all.")


@dataclass(frozen=True)
class Looked:
    """What was found in a file: its facts, the SHA-256 of its bytes, a JPEG of its beginning."""

    facts: VideoFacts
    sha256: str
    poster: bytes


def video_from_upload(
    *, team: Team, upload_id: UUID, options: VideoOptions, user: User | None, name: str = ""
) -> Video:
    """Make a video of a finished upload, whose id and files it takes over, and queue its analysis.

    A large one is looked at by a worker: nobody should wait for gigabytes to be read. What is wrong with it
    is then the error of its video. Raises Refusal: `upload_unknown`, `upload_used`, `upload_incomplete` and
    `upload_busy`, those of `facts.read_facts` (then the upload is erased), `quota_storage` and
    `quota_pictures` (then it stays).
    """
    upload = upload_whole(upload_id=upload_id)
    folder = folder_of(team.pk, upload.pk)
    parts_sweep(folder, keep=upload.parts)
    if upload.length > settings.VIDEO_LOOK_BYTES:
        return _from_large_upload(team, upload, options, user, name)
    try:
        with open_parts(upload.parts) as file:
            looked = _look_at(file)
    except Refusal:
        upload_delete(upload_id=upload_id)
        raise
    video = _video(team, upload.pk, display_name(name) or upload.filename, options, user)
    with _poster_of(video, looked), transaction.atomic():
        video.job = video_job(team=team, user=user, name=video.filename)
        video.parts = upload_take(upload_id=upload_id)
        _store(video, looked)
    return video


@transaction.atomic
def _from_large_upload(
    team: Team, upload: VideoUpload, options: VideoOptions, user: User | None, name: str
) -> Video:
    """A video whose file is there and is still to be looked at, by `video_fetch`."""
    video = _video(team, upload.pk, display_name(name) or upload.filename, options, user)
    video.status = Video.Status.FETCHING
    video.job = video_job(team=team, user=user, name=video.filename)
    video.parts = upload_take(upload_id=upload.pk)
    video.size = video.stored_bytes = parts_size(video.parts)
    video.save(force_insert=True)
    record("video.uploaded", team=team, obj=video)
    fetch_send_on_commit(video)
    storage_check(team=team)
    return video


def video_from_file(
    *, team: Team, file: IO[bytes], filename: str, options: VideoOptions, user: User | None
) -> Video:
    """Make a video of a file that came in one request, and queue its analysis.

    Raises Refusal: `file_too_large` (as for photos: MAX_UPLOAD_MB, or less by the plan), those of
    `facts.read_facts`, `quota_storage`, `quota_pictures`, `storage_full`. Then nothing is kept.
    """
    file_size_check(team=team, size=file.seek(0, 2))
    looked = _look_at(file)
    video = _video(team, uuid4(), display_name(filename) or "video", options, user)
    storage_room_check(team=team, size=file.seek(0, 2))
    file.seek(0)
    video.parts = parts_write(team, folder_of(team.pk, video.pk), file, settings.VIDEO_PART_BYTES)
    try:
        with _poster_of(video, looked), transaction.atomic():
            video.job = video_job(team=team, user=user, name=video.filename)
            _store(video, looked)
    except BaseException:
        files.erase(name for name, _ in video.parts)
        raise
    return video


@transaction.atomic
def video_from_url(*, team: Team, url: str, filename: str, options: VideoOptions, user: User | None) -> Video:
    """Note a video that is to be fetched from an address; a worker does so and begins the analysis.

    Raises Refusal `url_malformed` and `url_not_allowed`. What is wrong with what the address sends ends the
    video with an error.
    """
    check_url(url)
    name = display_name(filename) or name_of_url(url)
    video = _video(team, uuid4(), name, options, user)
    video.status = Video.Status.FETCHING
    video.sealed_source = seal(url)
    video.job = video_job(team=team, user=user, name=video.filename)
    video.save(force_insert=True)
    record("video.uploaded", team=team, obj=video)
    fetch_send_on_commit(video)
    return video


def fetch_send_on_commit(video: Video) -> None:
    """Send the task that fetches a video once the running transaction is committed."""
    from media_jobs.tasks import fetch_video

    ids = {"team_id": str(video.team_id), "video_id": str(video.pk)}
    transaction.on_commit(lambda: send_in_background(fetch_video, **ids))


# --- In the worker ----------------------------------------------------------------------------------
def video_fetch(*, video_id: UUID) -> None:
    """Fetch a video from its address, or look at a large upload, and begin its analysis.

    The task behind `video_from_url` and `video_from_upload`. Safe to run twice: one worker has it at a time.
    After a crash beat sends it again, and it begins anew. What cannot be fetched or analysed ends the video
    with an error.
    """
    lease = Lease.take(Video, video_id, [Video.Status.FETCHING.value])
    if lease is None:
        return
    with lease:
        video = step_begin(video_id=video_id)
        if video is None:
            # Erased a moment ago.
            return
        try:
            if video.attempts > MOST_ATTEMPTS:
                raise refuse("video_worker_lost")
            if timezone.now() - video.created_at > GIVEN_UP_AFTER:
                raise refuse("video_not_fetched")
            if video.parts:
                _look_through(video, lease)
            else:
                _fetch(video, lease)
        except LeaseLost:
            logger.info("video_left", video=str(video_id))
        except Refusal as refusal:
            video_fail(video=video, code=refusal.code, message=refusal.message)


def _fetch(video: Video, lease: Lease) -> None:
    folder = folder_of(video.team_id, video.pk)
    # Of a worker that died.
    parts_sweep(folder)
    with PartsWriter(folder, part_bytes=settings.VIDEO_PART_BYTES) as out:
        fetch_to(
            _address(video),
            _Sink(video, lease, out).take,
            max_bytes=settings.MAX_VIDEO_BYTES,
            deadline=settings.VIDEO_FETCH_SECONDS,
        )
    try:
        with open_parts(out.parts) as file:
            looked = _look_at(file)
        with _poster_of(video, looked), transaction.atomic():
            _put_in(video, lease, out.parts, looked)
    except (Refusal, LeaseLost):
        # After another fault it is not known whether the row was written; the next attempt clears up.
        out.erase()
        raise


def _look_through(video: Video, lease: Lease) -> None:
    """Look at a large upload whose parts the video has already.

    A file that is none to be analysed goes. One that is too much for the month stays with what is known of
    it, so that it can be analysed with fewer frames and need not be sent again.
    """
    try:
        with open_parts(video) as file:
            looked = _look_at(file)
    except Refusal:
        _file_forget(video, lease)
        raise
    try:
        with _poster_of(video, looked), transaction.atomic():
            _put_in(video, lease, video.parts, looked)
    except Refusal:
        Video.objects.filter(pk=video.pk, status=Video.Status.FETCHING).update(facts=looked.facts.to_json())
        raise


@transaction.atomic
def _file_forget(video: Video, lease: Lease) -> None:
    """Erase the file of a video that cannot be analysed."""
    row = video_locked(video)
    if row is None or row.status != Video.Status.FETCHING or not lease.holds(row.beat_at):
        raise LeaseLost
    release_files(team=row.team, names=row.file_names)
    row.parts, row.size, row.stored_bytes = [], 0, 0
    row.save(update_fields=["parts", "size", "stored_bytes"])


def _address(video: Video) -> str:
    try:
        return unseal(video.sealed_source)
    except SealBroken as error:
        raise refuse("source_unreadable") from error


class _Sink:
    """Where the bytes of an address go: stored, as long as the video is wanted and has room."""

    def __init__(self, video: Video, lease: Lease, out: PartsWriter) -> None:
        self._video = video
        self._lease = lease
        self._out = out
        self._began = self._checked = time.monotonic()

    def take(self, piece: bytes) -> None:
        self._out.write(piece)
        now = time.monotonic()
        if now - self._checked < CHECK_EVERY:
            return
        self._checked = now
        self._lease.check()
        storage_room_check(team=self._video.team, size=self._out.size)
        gone = now - self._began
        if gone > SLOW_AFTER and self._out.size < SLOWEST_BYTES * gone:
            raise fetching_refuse("url_too_slow", host="The server", seconds=gone)


def _put_in(video: Video, lease: Lease, parts: list[list[Any]], looked: Looked) -> None:
    """Give a video its file, unless it was cancelled or erased meanwhile, or another worker has it."""
    row = video_locked(video)
    if row is None or row.status != Video.Status.FETCHING or not lease.holds(row.beat_at):
        raise LeaseLost
    row.parts, row.poster = parts, video.poster
    row.sealed_source, row.beat_at = "", None
    _store(row, looked, new=False)


# --- What all have in common ------------------------------------------------------------------------
def _video(team: Team, video_id: UUID, name: str, options: VideoOptions, user: User | None) -> Video:
    return Video(
        id=video_id,
        team=team,
        filename=name,
        status=Video.Status.ANALYZING,
        frames_per_second=options.frames_per_second,
        gallery_id=options.gallery_id,
        live=options.live,
        created_by=user,
    )


def _look_at(file: IO[bytes]) -> Looked:
    """Raises Refusal for what is no video that can be analysed."""
    facts = read_facts(file)
    return Looked(facts, sha256_of(file), poster(file, facts))


@contextmanager
def _poster_of(video: Video, looked: Looked) -> Iterator[None]:
    """Store the poster of a video, and erase it again when the rows cannot be written."""
    # A name of its own, so that nobody who does the same at this moment loses theirs.
    name = f"{folder_of(video.team_id, video.pk)}/poster-{uuid4().hex[:8]}.jpg"
    video.poster = files.store(name, looked.poster)
    try:
        yield
    except BaseException:
        files.erase([video.poster])
        raise


def _store(video: Video, looked: Looked, *, new: bool = True) -> None:
    """Write the row of a video whose files and job are there, and begin its analysis; in a transaction."""
    video.size = parts_size(video.parts)
    video.stored_bytes = video.size + len(looked.poster)
    video.sha256 = looked.sha256
    video.save(force_insert=new)
    if new:
        record("video.uploaded", team=video.team, obj=video)
    storage_check(team=video.team)
    video_plan(video=video, facts=looked.facts)
