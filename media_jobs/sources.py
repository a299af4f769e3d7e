"""Where the bytes of a batch's picture come from: an address, or an entry of the batch's archive.

`JobItem.source` is `{"url": sealed}` or the figures of an entry. Addresses are sealed, because those of
buckets carry a right to read. It is wiped when the picture has its result.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote, urlsplit

from accounts.limits import limits_of
from accounts.models import Team
from emotionsite.fetching import fetch
from emotionsite.sealing import SealBroken, seal, unseal

from . import archives
from .models import JobItem
from .refusals import Refusal, refuse

# One picture's address may take this long in all; a chunk fetches its pictures at the same time, so that slow
# hosts hold a thread of the worker no longer than that.
FETCH_SECONDS = 15.0
FETCHES_AT_ONCE = 4


def source_of_url(url: str) -> dict[str, Any]:
    """The source of a picture at an address."""
    return {"url": seal(url)}


def name_of_url(url: str) -> str:
    """What a picture at an address is called: the last part of its path, else the host. Never its query."""
    parts = urlsplit(url)
    return archives.label(unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.hostname or "photo")


def contents_read(*, team: Team, items: Sequence[JobItem], archive: str) -> dict[int, bytes | Refusal]:
    """The bytes of items that have no stored picture, or why they cannot be had, by the item's id.

    `archive` is the name in the storage of the batch's archive, empty once it is erased.
    """
    most = limits_of(team).largest_file_bytes
    fetched = [item for item in items if "url" in (item.source or {})]
    found: dict[int, bytes | Refusal] = {
        item.pk: _entry(archive, item.source or {}, most) for item in items if item not in fetched
    }
    if fetched:
        with ThreadPoolExecutor(max_workers=FETCHES_AT_ONCE, thread_name_prefix="fetch") as threads:
            addresses = [(item.source or {})["url"] for item in fetched]
            answers = threads.map(lambda sealed: _fetched(sealed, most), addresses)
            found.update(zip([item.pk for item in fetched], answers, strict=True))
    return found


def _entry(archive: str, source: dict[str, Any], most: int) -> bytes | Refusal:
    try:
        if not archive:
            raise refuse("archive_gone")
        return archives.entry_read(archive, source, largest_file=most)
    except Refusal as refusal:
        return refusal


def _fetched(sealed: str, most: int) -> bytes | Refusal:
    """Runs in a thread of its own, so it must not touch the database."""
    try:
        return fetch(unseal(sealed), max_bytes=most, deadline=FETCH_SECONDS).content
    except SealBroken:
        return refuse("source_unreadable")
    except Refusal as refusal:
        return refusal
