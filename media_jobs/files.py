"""Files of photos in the storage: names, writing, reading, erasing."""

import errno
import io
import re
from collections.abc import Iterable, Iterator
from typing import IO, Any
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from storages.backends.s3 import S3Storage

from .refusals import refuse

# What a storage answers with when it cannot do its work: a local folder, or S3 by boto3.
STORAGE_FAULTS = (OSError, BotoCoreError, ClientError)


# Its name is the id of a photo or a video. Their files are written once, so nobody is about to write into it.
PHOTO_FOLDER = re.compile(r"teams/[0-9a-f-]{36}/(?:media|videos)/[0-9a-f-]{36}")


def folder_of(team_id: UUID, media_id: UUID) -> str:
    """The folder of one photo. Names hold ids only, nothing a person typed."""
    return f"teams/{team_id}/media/{media_id}"


def store(name: str, content: bytes | IO[bytes]) -> str:
    """Write a file and return the name it got. Raises Refusal `storage_full` when there is no room."""
    data: File[bytes] = ContentFile(content) if isinstance(content, bytes) else File(content)
    try:
        return default_storage.save(name, data)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise refuse("storage_full") from error
        raise


def fetch(name: str) -> io.BytesIO:
    """The bytes of a stored file. Raises FileNotFoundError when the storage does not have it."""
    with default_storage.open(name, "rb") as file:
        return io.BytesIO(file.read())


def read_range(name: str, start: int, length: int) -> bytes:
    """Part of a stored file, without reading the rest; shorter at its end.

    Raises FileNotFoundError when the storage does not have the file.
    """
    if length <= 0:
        return b""
    file: Any
    with default_storage.open(name, "rb") as file:
        if isinstance(default_storage, S3Storage):
            answer = file.obj.get(Range=f"bytes={start}-{start + length - 1}")
            with answer["Body"] as body:
                return bytes(body.read())
        file.seek(start)
        return bytes(file.read(length))


def ranged(name: str) -> io.BufferedReader:
    """A stored file that can be read anywhere and fetches only what is read.

    Raises FileNotFoundError when the storage does not have it.
    """
    return io.BufferedReader(_Ranged(name), buffer_size=1024 * 1024)


class _Ranged(io.RawIOBase):
    """`read_range` as a file."""

    def __init__(self, name: str) -> None:
        if not default_storage.exists(name):
            raise FileNotFoundError(name)
        self._name = name
        self._size = default_storage.size(name)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            # As a file of the system does; `zipfile` counts on it.
            raise OSError(errno.EINVAL, "A file has nothing before its beginning.")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), max(0, self._size - self._position))
        content = read_range(self._name, self._position, wanted)
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)


def signed_address(name: str, content_type: str, disposition: str) -> str | None:
    """A short-lived address of a file at the storage service itself; None for a local folder.

    The address lives as long as `querystring_expire` of the storage's settings says.
    """
    if not isinstance(default_storage, S3Storage):
        return None
    answer = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition}
    return str(default_storage.url(name, parameters=answer))


def erase(names: Iterable[str]) -> None:
    """Erase files now, and the folder of a photo with the last of them; a file that is gone is fine.

    A name that ends in a slash is a folder: with everything in it, whether a row knew of it or not.
    """
    for name in names:
        if name.endswith("/"):
            erase(list(names_below(name.rstrip("/"))))
            folder_erase(name.rstrip("/"))
            continue
        default_storage.delete(name)
        folder, _, _ = name.rpartition("/")
        if PHOTO_FOLDER.fullmatch(folder) and not isinstance(default_storage, S3Storage):
            _empty_folder_erase(folder)


def _empty_folder_erase(folder: str) -> None:
    try:
        default_storage.delete(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise


def names_below(folder: str) -> Iterator[str]:
    """Names of all files in a folder of the storage and below it; none when there is no such folder."""
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in names:
        yield f"{folder}/{name}"
    for name in folders:
        yield from names_below(f"{folder}/{name}")


def folder_erase(folder: str) -> None:
    """Erase a folder and those below it, all of them empty. An S3 bucket has none."""
    if isinstance(default_storage, S3Storage) or not default_storage.exists(folder):
        return
    for name in default_storage.listdir(folder)[0]:
        folder_erase(f"{folder}/{name}")
    default_storage.delete(folder)
