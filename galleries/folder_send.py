"""Photos of this machine's folders on their way to a worker: packed part by part, followed until it is done.

For commands; who sends a ZIP has packed it already. The work itself is `folder_import`.
"""

import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.models import Team

from .archive_import import import_start
from .job_files import gallery_jobs
from .models import Gallery, GalleryJob

POLL_SECONDS = 0.5
#: A photo: its name in the archive, in which the folder right around it is whose it is, and where it lies.
Photo = tuple[str, Path]


def parts_of(photos: Sequence[Photo], most: int) -> Iterator[list[Photo]]:
    """The photos in parts of at most so many, each of which an archive can hold."""
    part: list[Photo] = []
    size = 0
    for name, path in photos:
        # Names stand twice in an archive, with some figures.
        own = path.stat().st_size + 2 * len(name.encode()) + 200
        if part and (len(part) >= most or size + own > settings.MAX_ARCHIVE_BYTES):
            yield part
            part, size = [], 0
        part.append((name, path))
        size += own
    if part:
        yield part


def photos_send(*, team: Team, gallery: Gallery, photos: Sequence[Photo]) -> GalleryJob:
    """Queue the import of one part into a gallery. Raises Refusal. The caller is inside the team's scope."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
            for name, path in photos:
                archive.write(path, name)
        size = file.tell()
        file.seek(0)
        return import_start(team=team, file=file, size=size, gallery=gallery)


def job_follow(job: GalleryJob, bar: Any = None) -> GalleryJob:
    """Wait until a job is over, and move a bar of tqdm along; the job as it is then."""
    seen = 0
    while not job.is_over:
        time.sleep(POLL_SECONDS)
        job = gallery_jobs().get(pk=job.pk)
        if bar is not None:
            bar.update(job.done - seen)
        seen = job.done
    return job
