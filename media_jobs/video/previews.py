"""Making the copy of a video that browsers can show."""

import errno
import tempfile
import threading
import time
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from accounts.limits import storage_check
from media_jobs import files
from media_jobs.leases import Lease, LeaseLost
from media_jobs.models import Video, VideoPreview
from media_jobs.refusals import Refusal, refuse

from .facts import VideoFacts
from .parts import folder_of, open_parts, parts_size, parts_sweep, parts_write
from .preview import write_preview

logger = structlog.get_logger(__name__)

MOST_ATTEMPTS = 3
#: Copies that one worker makes at once: they take minutes, and its threads also join people and call
#: webhooks.
AT_ONCE = 2
_SLOTS = threading.BoundedSemaphore(AT_ONCE)
#: Seconds between two notes of how far it is.
NOTE_EVERY = 2.0


def preview_make(*, video_id: UUID) -> None:
    """Make the preview of a video and store it. Safe to run twice; the caller is inside the team's scope.

    A video whose original is gone, or that cannot be decoded, has none: its row says so. Where `AT_ONCE` are
    being made already, it is left: beat sends it again.
    """
    if not _SLOTS.acquire(blocking=False):
        logger.info("video_preview_waits", video_id=str(video_id))
        return
    try:
        _make(video_id)
    finally:
        _SLOTS.release()


def _make(video_id: UUID) -> None:
    lease = Lease.take(VideoPreview, video_id, [VideoPreview.Status.QUEUED])
    if lease is None:
        return
    with lease:
        VideoPreview.objects.filter(pk=video_id).update(attempts=F("attempts") + 1)
        preview = VideoPreview.objects.select_related("video__team__plan").filter(pk=video_id).first()
        if preview is None:
            # The video was erased a moment ago.
            return
        try:
            if preview.attempts > MOST_ATTEMPTS:
                raise refuse("video_worker_lost")
            parts = _written(preview.video, lease)
        except LeaseLost:
            logger.info("video_preview_left", video_id=str(video_id))
        except Refusal as refusal:
            _fail(preview, refusal.code)
        except FileNotFoundError:
            _fail(preview, "video_erased")
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            # Where the copy lies while it is made is full; another try would only fill it again.
            _fail(preview, "storage_full")
        else:
            _store(preview, lease, parts)


def _written(video: Video, lease: Lease) -> list[list[Any]]:
    noted = time.monotonic()

    def progress(share: float) -> None:
        nonlocal noted
        if time.monotonic() - noted >= NOTE_EVERY:
            noted = time.monotonic()
            lease.check()
            VideoPreview.objects.filter(pk=video.pk).update(progress=share)

    folder = folder_of(video.team_id, video.pk)
    # Of a worker that died. Whoever is taken for dead and is not finds its lease lost, and begins nothing.
    parts_sweep(folder, prefix="preview")
    with open_parts(video) as file, tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as out:
        write_preview(file, VideoFacts.from_json(video.facts), out, progress=progress)
        out.seek(0)
        return parts_write(video.team, folder, out, settings.VIDEO_PART_BYTES, prefix="preview")


def _store(preview: VideoPreview, lease: Lease, parts: list[list[Any]]) -> None:
    """Note where the preview is; its files go again when nobody wants it any more, or there is no room."""
    names = [name for name, _ in parts]
    try:
        with transaction.atomic():
            # The video first, as everywhere.
            video = Video.objects.select_for_update().filter(pk=preview.pk, pictures_erased_at=None).first()
            row = VideoPreview.objects.select_for_update().filter(pk=preview.pk).first()
            if video is None or row is None or not lease.holds(row.beat_at):
                raise LeaseLost
            row.parts, row.stored_bytes = parts, parts_size(parts)
            row.status, row.progress = VideoPreview.Status.READY, 1.0
            row.save(update_fields=["parts", "stored_bytes", "status", "progress"])
            storage_check(team=preview.video.team)
    except LeaseLost:
        files.erase(names)
    except Refusal as refusal:
        files.erase(names)
        _fail(preview, refusal.code)


def _fail(preview: VideoPreview, code: str) -> None:
    logger.warning("video_preview_failed", video_id=str(preview.pk), code=code)
    # One that another worker has made meanwhile stays.
    VideoPreview.objects.filter(pk=preview.pk, status=VideoPreview.Status.QUEUED).update(
        status=VideoPreview.Status.FAILED, error_code=code, beat_at=None
    )
