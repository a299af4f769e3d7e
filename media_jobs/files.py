"""Files of photos in the storage: names, writing, reading, erasing."""

import errno
import io
from collections.abc import Iterable
from typing import IO
from uuid import UUID

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from storages.backends.s3 import S3Storage

from .refusals import refuse

# What a storage answers with when it cannot do its work: a local folder, or S3 by boto3.
STORAGE_FAULTS = (OSError, BotoCoreError, ClientError)


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


def signed_address(name: str, content_type: str, disposition: str) -> str | None:
    """A short-lived address of a file at the storage service itself; None for a local folder.

    The address lives as long as `querystring_expire` of the storage's settings says.
    """
    if not isinstance(default_storage, S3Storage):
        return None
    answer = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition}
    return str(default_storage.url(name, parameters=answer))


def erase(names: Iterable[str]) -> None:
    """Erase files now; a file that is already gone is fine."""
    for name in names:
        default_storage.delete(name)
