"""A file kept as numbered parts in the storage: written in bounded memory, read as one seekable file.

`parts` are [name in the storage, size in bytes] in order, as `Video.parts` and `VideoUpload.parts` keep them.
A part is written once and never changed, so that whoever reads may keep its handle.
"""

import bisect
import hashlib
import io
import itertools
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from storages.backends.s3 import S3Storage

from accounts.models import Team
from media_jobs import files
from media_jobs.models import Video

Parts = Sequence[Sequence[Any]]
# What is fetched at once where somebody reads a few bytes: a chunk's frames are read from S3 by these.
BUFFER_BYTES = 1024 * 1024
PIECE = 256 * 1024


def folder_of(team_id: UUID, video_id: UUID) -> str:
    """The folder of a video, and of the upload that it comes from: both have the same id."""
    return f"teams/{team_id}/videos/{video_id}"


def whole_folder(team_id: UUID, video_id: UUID) -> str:
    """The name under which `media_jobs.services.release_files` lets go of all that is in the folder: also of
    what a worker that was killed has left there and no row knows."""
    return f"{folder_of(team_id, video_id)}/"


class VideoFile(io.RawIOBase):
    """The parts as one file to read. Of local parts the one that is read stays open.

    Reading raises FileNotFoundError when the storage has lost the part.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self._parts = [(str(name), int(size)) for name, size in parts if size]
        self._starts = [0, *itertools.accumulate(size for _, size in self._parts)]
        self._position = 0
        self._open: tuple[int, IO[bytes]] | None = None

    @property
    def size(self) -> int:
        """Bytes of all parts together."""
        return self._starts[-1]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("A file has nothing before its beginning.")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Bytes of one part at most; a buffered reader asks again for those of the next."""
        if self._position >= self.size:
            return 0
        number = bisect.bisect_right(self._starts, self._position) - 1
        start = self._position - self._starts[number]
        wanted = min(len(buffer), self._parts[number][1] - start)
        content = self._read(number, start, wanted)
        if not content:
            raise FileNotFoundError(f"{self._parts[number][0]} is shorter than it was.")
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def _read(self, number: int, start: int, length: int) -> bytes:
        name = self._parts[number][0]
        if isinstance(default_storage, S3Storage):
            return files.read_range(name, start, length)
        if self._open is None or self._open[0] != number:
            self._release()
            self._open = (number, default_storage.open(name, "rb"))
        file = self._open[1]
        file.seek(start)
        return file.read(length)

    def _release(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def close(self) -> None:
        self._release()
        super().close()


def open_parts(source: Video | Parts) -> io.BufferedReader:
    """The original of a video, or any parts, as one file to read and seek in. Close it after use."""
    parts = source.parts if isinstance(source, Video) else source
    return io.BufferedReader(VideoFile(parts), buffer_size=BUFFER_BYTES)


class PartsWriter:
    """Takes bytes as they come and stores them in parts of `part_bytes`; memory holds a piece at a time.

    `with PartsWriter(...) as out` stores the rest at the end of the block, and erases all of it when the
    block ends with a fault. Raises Refusal `storage_full`.
    """

    def __init__(self, folder: str, *, part_bytes: int, prefix: str = "part", first: int = 0) -> None:
        self.parts: list[list[Any]] = []
        self.size = 0
        self._digest = hashlib.sha256()
        self._folder = folder
        self._part_bytes = part_bytes
        self._prefix = prefix
        self._next = first
        self._spool = self._new_spool()
        self._held = 0

    @property
    def sha256(self) -> str:
        """Of everything that was written, 64 hexadecimal digits."""
        return self._digest.hexdigest()

    def write(self, content: bytes) -> None:
        self._digest.update(content)
        self.size += len(content)
        rest = memoryview(content)
        while rest:
            piece = rest[: self._part_bytes - self._held]
            self._spool.write(piece)
            self._held += len(piece)
            rest = rest[len(piece) :]
            if self._held == self._part_bytes:
                self._store()

    def __enter__(self) -> "PartsWriter":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self.finish()
            else:
                self.erase()
        finally:
            self._spool.close()

    def finish(self) -> None:
        """Store what has not filled a part."""
        if self._held:
            self._store()

    def erase(self) -> None:
        """Erase what was stored."""
        files.erase(name for name, _ in self.parts)
        self.parts = []

    def _store(self) -> None:
        self._spool.seek(0)
        # A name of its own for each attempt: one that was taken for dead can spoil nothing of the next.
        name = f"{self._folder}/{self._prefix}-{self._next:05d}-{secrets.token_hex(4)}"
        try:
            stored = files.store(name, self._spool)
        except BaseException:
            files.erase([name])
            self.erase()
            raise
        self.parts.append([stored, self._held])
        self._next += 1
        self._spool.close()
        self._spool, self._held = self._new_spool(), 0

    def _new_spool(self) -> IO[bytes]:
        limit = settings.FILE_UPLOAD_MAX_MEMORY_SIZE
        return tempfile.SpooledTemporaryFile(limit, dir=settings.FILE_UPLOAD_TEMP_DIR)


def parts_write(
    team: Team, folder: str, stream: IO[bytes], part_bytes: int, *, prefix: str = "part"
) -> list[list[Any]]:
    """Store a stream in `folder` in parts of `part_bytes`, in bounded memory; returns [[name, size], ...].

    The parts of one file are told from those of another in the same folder by their `prefix`. Raises Refusal
    `storage_full`, and ValueError for a folder of another team; then nothing stays.
    """
    if not folder.startswith(f"teams/{team.pk}/"):
        raise ValueError("A team's files lie in the team's folder.")
    with PartsWriter(folder, part_bytes=part_bytes, prefix=prefix) as out:
        for piece in pieces_of(stream):
            out.write(piece)
    return out.parts


def parts_sweep(folder: str, *, keep: Parts = (), prefix: str = "part") -> None:
    """Erase parts in a folder that no row knows, as a process that died has left them; but those of `keep`.

    What is not called `<prefix>-...` stays.
    """
    known = {str(name) for name, _ in keep}
    left = [name for name in files.names_below(folder) if name.startswith(f"{folder}/{prefix}-")]
    files.erase(name for name in left if name not in known)


def pieces_of(stream: IO[bytes]) -> Iterator[bytes]:
    """The rest of a stream, a piece at a time."""
    while piece := stream.read(PIECE):
        yield piece


def sha256_of(stream: IO[bytes]) -> str:
    """Of a file from its beginning."""
    stream.seek(0)
    digest = hashlib.sha256()
    for piece in pieces_of(stream):
        digest.update(piece)
    return digest.hexdigest()


def parts_size(parts: Parts) -> int:
    """Bytes of all parts together."""
    return sum(int(size) for _, size in parts)
