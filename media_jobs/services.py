"""Writes of media_jobs: taking a photo in, making jobs of photos, letting go of photos."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO
from uuid import UUID, uuid4

import psycopg
import structlog
from django.db import IntegrityError, transaction

from accounts.access import across_teams, current_team
from accounts.audit import record
from accounts.limits import file_size_check, pictures_take, storage_check
from accounts.models import Team, User

from . import files
from .dispatch import send_chunks_on_commit
from .intake import Picture, read_picture
from .models import SAME_BYTES, Job, JobItem, Media, ReleasedFile

logger = structlog.get_logger(__name__)

# Photos of one Celery task: enough to fill a forward pass, few enough to end well within the visibility
# timeout on a slow machine.
CHUNK_SIZE = 4
QUEUE_FOR_ONE = "interactive"
QUEUE_FOR_MANY = "batch"
# Single photos of one team that may wait for the worker on which clients wait.
MOST_SINGLE = 8


@dataclass(frozen=True)
class Upload:
    """Outcome of an upload. `duplicate` is True when the team already had these bytes."""

    media: Media
    job: Job
    duplicate: bool


def photo_upload(*, team: Team, file: IO[bytes], size: int, filename: str, user: User | None) -> Upload:
    """Take in one photo and queue its analysis.

    Bytes that the team already has are stored once: the photo they became is returned, with the job that
    analysed it, or with a new one when that job did not succeed. Raises Refusal, also when the team's limits
    are reached; then nothing was kept.
    """
    file_size_check(team=team, size=size)
    picture = read_picture(file, size)
    while True:
        if known := _known_upload(team, picture, file, filename, user):
            return known
        media = _write_files(team, picture, file, filename, user)
        with _erased_unless_stored(media) as outcome, transaction.atomic():
            media.save(force_insert=True)
            record("media.uploaded", team=team, obj=media)
            storage_check(team=team)
            job = job_create(team=team, media=[media], user=user)
        if outcome.stored:
            return Upload(media=media, job=job, duplicate=False)


def _known_upload(
    team: Team, picture: Picture, file: IO[bytes], filename: str, user: User | None
) -> Upload | None:
    """The photo that these bytes became before, with the job that counts; None for new bytes."""
    same = Media.objects.filter(sha256=picture.sha256)
    if not same.exists():
        return None
    fresh: Media | None = None
    try:
        with transaction.atomic():
            # Locked, so that nobody deletes the photo before its job is decided.
            media = same.select_for_update().first()
            if media is None:
                return None
            job = _job_worth_keeping(media)
            if job is None and media.pictures_erased_at is not None:
                # Retention has erased the picture of a photo that has no result: it is needed again.
                fresh = _write_files(team, picture, file, filename, user)
                _pictures_put_back(media, fresh)
                storage_check(team=team)
            job = job or job_create(team=team, media=[media], user=user)
    except BaseException:
        files.erase(fresh.file_names if fresh else [])
        raise
    return Upload(media=media, job=job, duplicate=True)


def _pictures_put_back(media: Media, fresh: Media) -> None:
    """Give a photo the files written for `fresh`: under new names, so that no old note erases them."""
    names = ["original", "preview", "thumbnail", "stored_bytes"]
    for name in names:
        setattr(media, name, getattr(fresh, name))
    media.pictures_erased_at = None
    media.save(update_fields=[*names, "pictures_erased_at"])


def media_from_bytes(*, team: Team, content: bytes, filename: str, user: User | None = None) -> Media:
    """Check and store one photo without analysing it; the known photo when the team has these bytes."""
    file_size_check(team=team, size=len(content))
    file = io.BytesIO(content)
    picture = read_picture(file, len(content))
    while True:
        known = Media.objects.filter(sha256=picture.sha256).first()
        if known:
            return known
        media = _write_files(team, picture, file, filename, user)
        with _erased_unless_stored(media) as outcome, transaction.atomic():
            media.save(force_insert=True)
            storage_check(team=team)
        if outcome.stored:
            return media


@dataclass
class _Outcome:
    """`stored` is False when the same bytes came in twice at the same moment, and the others were first."""

    stored: bool = True


@contextmanager
def _erased_unless_stored(media: Media) -> Iterator[_Outcome]:
    """Erase the files of a new photo again when its rows cannot be written."""
    outcome = _Outcome()
    try:
        yield outcome
    except BaseException as error:
        files.erase(media.file_names)
        if not _is_same_bytes(error):
            raise
        outcome.stored = False


def _is_same_bytes(error: BaseException) -> bool:
    """Whether Postgres refused a row because the team already has these bytes."""
    cause = error.__cause__
    return (
        isinstance(error, IntegrityError)
        and isinstance(cause, psycopg.Error)
        and cause.diag.constraint_name == SAME_BYTES
    )


def _write_files(team: Team, picture: Picture, file: IO[bytes], filename: str, user: User | None) -> Media:
    """Write the files of a new photo; when one cannot be written, those before it are erased again."""
    media_id = uuid4()
    folder = files.folder_of(team.id, media_id)
    written: dict[str, str] = {"preview": ""}
    file.seek(0)
    parts: list[tuple[str, str, bytes | IO[bytes] | None]] = [
        ("original", f"original.{picture.extension}", file),
        ("preview", "preview.jpg", picture.preview),
        ("thumbnail", "thumbnail.jpg", picture.thumbnail),
    ]
    try:
        for part, name, content in parts:
            if content is not None:
                written[part] = files.store(f"{folder}/{name}", content)
    except BaseException:
        files.erase(name for name in written.values() if name)
        raise
    return Media(
        id=media_id,
        stored_bytes=picture.size + len(picture.preview or b"") + len(picture.thumbnail),
        team=team,
        sha256=picture.sha256,
        filename=display_name(filename) or "photo",
        content_type=picture.content_type,
        size=picture.size,
        width=picture.width,
        height=picture.height,
        created_by=user,
        **written,
    )


def display_name(filename: str) -> str:
    """The last part of what a client called the file, without control characters, at most 255 long; '' where
    nothing is left."""
    name = PurePath(filename.replace("\\", "/")).name
    return "".join(letter for letter in name if letter.isprintable())[:255]


def _job_worth_keeping(media: Media) -> Job | None:
    """The newest job of a photo that is still at work on it or has analysed it."""
    item = (
        JobItem.objects.filter(media=media, status__in=[JobItem.Status.PENDING, JobItem.Status.SUCCEEDED])
        .select_related("job")
        .order_by("-id")
        .first()
    )
    return item.job if item else None


def job_create(
    *, team: Team, media: Sequence[Media], user: User | None = None, queue: str | None = None
) -> Job:
    """Queue the analysis of photos: rows now, one Celery task per chunk once they are committed.

    Without a `queue`, a single photo goes to the one on which somebody waits, several go to the batch queue.
    So does a photo of a team that has many single ones waiting: whoever drops fifty photos on the page does
    not make everybody's detections wait. Each counts against the team's pictures of the month. Raises
    Refusal `quota_pictures`, and ValueError for an empty list.
    """
    if not media:
        raise ValueError("A job needs at least one photo.")
    queue = queue or _queue_for(len(media))
    # No savepoint of its own inside an upload: both stand or fall together.
    with transaction.atomic(savepoint=False):
        job = Job.objects.create(team=team, queue=queue, total=len(media), created_by=user)
        JobItem.objects.bulk_create(
            [
                JobItem(team=team, job=job, media=photo, position=position, chunk=position // CHUNK_SIZE)
                for position, photo in enumerate(media)
            ]
        )
        send_chunks_on_commit(job=job, chunks=range((len(media) + CHUNK_SIZE - 1) // CHUNK_SIZE))
        pictures_take(team=team, count=len(media))
    return job


def _queue_for(count: int) -> str:
    if count > 1:
        return QUEUE_FOR_MANY
    waiting = Job.objects.filter(queue=QUEUE_FOR_ONE, status__in=[Job.Status.QUEUED, Job.Status.RUNNING])
    return QUEUE_FOR_ONE if waiting.order_by()[:MOST_SINGLE].count() < MOST_SINGLE else QUEUE_FOR_MANY


def media_delete(*, media_id: UUID) -> None:
    """Erase one photo (`media_jobs.erasure.media_erase`). Raises Media.DoesNotExist."""
    from .erasure import media_erase

    if not media_erase(team=current_team(), media_ids=[media_id]):
        raise Media.DoesNotExist


def release_files(*, team: Team | None, names: Iterable[str]) -> None:
    """Note files for erasure in the running transaction, and erase them once it is committed."""
    released = ReleasedFile.objects.bulk_create([ReleasedFile(team=team, name=name) for name in names])
    transaction.on_commit(lambda: released_files_erase(ids=[row.pk for row in released]), robust=True)


def released_files_erase(*, ids: Sequence[int] | None = None, limit: int = 1000) -> int:
    """Erase released files and their notes; returns how many. Without `ids`, the oldest `limit`.

    A file that the storage does not let go of keeps its note, and the next run of beat tries again; it does
    not keep the others from being erased.
    """
    rows = ReleasedFile.unscoped.order_by("id")
    rows = rows.filter(pk__in=ids) if ids is not None else rows[:limit]
    erased = 0
    # Across teams, because a file may outlive its team.
    with across_teams():
        waiting = list(rows)
    for row in waiting:
        try:
            files.erase([row.name])
        except files.STORAGE_FAULTS as fault:
            logger.warning("file_not_erased", released_file=row.pk, reason=type(fault).__name__)
            continue
        with across_teams():
            erased += ReleasedFile.unscoped.filter(pk=row.pk).delete()[0]
    return erased
