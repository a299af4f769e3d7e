"""Files that come in parts: begun, gone on with, finished by `media_jobs.video.intake`, or erased.

Each part is a request of its own and is stored as it is. It counts when its row is written, after its file: a
process that dies in between leaves a file that no row knows, which goes with the upload or when a video takes
the upload over. So nothing is lost, and nothing is there twice.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import IO, Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from accounts.access import across_teams, team_scope
from accounts.limits import storage_check, storage_room_check
from accounts.models import Team, User
from media_jobs.models import Video, VideoUpload
from media_jobs.refusals import Refusal, refuse
from media_jobs.services import display_name, release_files

from .parts import PIECE, PartsWriter, folder_of, whole_folder

logger = structlog.get_logger(__name__)

# With parts of a megabyte a file of 4 GB has as many; all of them stand in one row.
MOST_PARTS = 4096
# Unfinished uploads that a team may have at once.
MOST_OPEN = 100


def uploads() -> QuerySet[VideoUpload]:
    """The team's unfinished uploads, newest first, without their parts, of which there may be thousands."""
    return VideoUpload.objects.defer("parts").order_by("-created_at", "-id")


def expires_at(upload: VideoUpload) -> datetime:
    """When the upload is erased unless somebody goes on with it."""
    return upload.touched_at + timedelta(hours=settings.VIDEO_UPLOAD_HOURS)


def upload_begin(*, team: Team, length: int, filename: str, user: User | None) -> VideoUpload:
    """Make an upload of `length` bytes.

    Raises Refusal `video_too_large`, `uploads_too_many`, and `quota_storage` when the team has no room for so
    much. The largest file of a plan is for what comes in one request; how much of a video a team may store
    is what its storage says.
    """
    if length > settings.MAX_VIDEO_BYTES:
        raise refuse("video_too_large", limit=f"{settings.MAX_VIDEO_BYTES / 1024**3:.3g}")
    if VideoUpload.objects.count() >= MOST_OPEN:
        raise refuse("uploads_too_many", limit=MOST_OPEN)
    storage_room_check(team=team, size=length)
    return VideoUpload.objects.create(
        team=team,
        filename=display_name(filename) or "video",
        length=length,
        created_by=user,
        touched_at=timezone.now(),
    )


def upload_get(*, upload_id: UUID) -> VideoUpload:
    """Raises Refusal `upload_unknown`, also for one that has expired and waits to be erased; and
    `upload_used`."""
    upload = VideoUpload.objects.filter(pk=upload_id).first()
    if upload is None or expires_at(upload) <= timezone.now():
        raise _gone(upload_id)
    return upload


def upload_append(*, upload_id: UUID, offset: int, stream: IO[bytes], announced: int) -> VideoUpload:
    """Store a part that begins at `offset`; `announced` is what the request says to be its length in bytes.

    The row is locked meanwhile: a second part at the same time is refused rather than waited for. Raises
    Refusal `upload_unknown`, `upload_used`, `upload_busy`, `upload_offset_mismatch`, `upload_part_too_large`,
    `upload_past_end`, `upload_too_many_parts`, `quota_storage` and `storage_full`; then nothing of the part
    stays.
    """
    with transaction.atomic():
        upload = _locked(upload_id)
        if offset != upload.received:
            # So that a client needs no further request to know where to go on.
            raise refuse("upload_offset_mismatch", extra={"offset": upload.received}, offset=upload.received)
        _check_room(upload, announced)
        folder = folder_of(upload.team_id, upload.pk)
        # Larger than a part may be: what is written stays one part.
        whole = settings.VIDEO_PART_BYTES + 1
        with PartsWriter(folder, part_bytes=whole, first=len(upload.parts)) as out:
            for piece in _bounded(stream, upload):
                out.write(piece)
            out.finish()
            upload.parts = [*upload.parts, *out.parts]
            upload.received += out.size
            upload.touched_at = timezone.now()
            upload.save(update_fields=["parts", "received", "touched_at"])
            # Locks the row of what the team uses: last.
            storage_check(team=Team.objects.select_related("plan").get(pk=upload.team_id))
    return upload


def _check_room(upload: VideoUpload, announced: int) -> None:
    if announced > settings.VIDEO_PART_BYTES:
        raise _part_too_large()
    if announced > upload.length - upload.received:
        raise refuse("upload_past_end", length=upload.length)
    if announced and len(upload.parts) >= MOST_PARTS:
        raise refuse("upload_too_many_parts", limit=MOST_PARTS)


def _bounded(stream: IO[bytes], upload: VideoUpload) -> Iterator[bytes]:
    """The stream, no further than a part and the upload may go, whatever its length was said to be."""
    size = 0
    while piece := stream.read(PIECE):
        size += len(piece)
        if size > settings.VIDEO_PART_BYTES:
            raise _part_too_large()
        if size > upload.length - upload.received:
            raise refuse("upload_past_end", length=upload.length)
        yield piece


def _part_too_large() -> Refusal:
    return refuse("upload_part_too_large", limit=f"{settings.VIDEO_PART_BYTES / 1024**2:.3g}")


@transaction.atomic
def upload_delete(*, upload_id: UUID) -> None:
    """Erase an upload with all its bytes. Raises Refusal `upload_unknown`, `upload_used`, `upload_busy`."""
    upload_release(_locked(upload_id))


def upload_release(upload: VideoUpload) -> None:
    """Let go of a locked upload and of every file in its folder, in the caller's transaction."""
    # The storage is asked after the commit: one that is away keeps no upload from being erased.
    release_files(team=upload.team, names=[whole_folder(upload.team_id, upload.pk)])
    upload.delete()


def upload_whole(*, upload_id: UUID) -> VideoUpload:
    """An upload of which every byte is here. Raises Refusal `upload_unknown`, `upload_used` and
    `upload_incomplete`."""
    upload = upload_get(upload_id=upload_id)
    if upload.received < upload.length:
        raise refuse("upload_incomplete", received=upload.received, length=upload.length)
    return upload


def upload_take(*, upload_id: UUID) -> list[list[Any]]:
    """Take the parts of an upload over, in the caller's transaction: its row goes, its files stay.

    Raises Refusal `upload_unknown`, `upload_used`, `upload_busy`.
    """
    upload = _locked(upload_id)
    parts: list[list[Any]] = upload.parts
    upload.delete()
    return parts


def _locked(upload_id: UUID) -> VideoUpload:
    rows = VideoUpload.objects.select_for_update(of=("self",), nowait=True).select_related("team")
    try:
        with transaction.atomic():
            upload = rows.filter(pk=upload_id).first()
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise refuse("upload_busy") from error
        raise
    if upload is None or expires_at(upload) <= timezone.now():
        raise _gone(upload_id)
    return upload


def _gone(upload_id: UUID) -> Refusal:
    """An upload and the video made of it have the same id."""
    if Video.objects.filter(pk=upload_id).exists():
        return refuse("upload_used", extra={"video_id": str(upload_id)})
    return refuse("upload_unknown")


def uploads_expire(*, limit: int = 100) -> int:
    """Erase uploads of all teams that nobody went on with for VIDEO_UPLOAD_HOURS; returns how many. Beat runs
    it."""
    oldest = timezone.now() - timedelta(hours=settings.VIDEO_UPLOAD_HOURS)
    # Across teams: age alone decides.
    with across_teams():
        old = VideoUpload.unscoped.filter(touched_at__lt=oldest).order_by("touched_at")
        found = list(old.select_related("team")[:limit])
    erased = 0
    for upload in found:
        with team_scope(upload.team), transaction.atomic():
            rows = VideoUpload.objects.select_for_update(of=("self",), skip_locked=True)
            # Looked at again: somebody may go on with it at this moment.
            row = rows.select_related("team").filter(pk=upload.pk, touched_at__lt=oldest).first()
            if row is not None:
                upload_release(row)
                erased += 1
    return erased
