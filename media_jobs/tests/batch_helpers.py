"""Steps that tests of batches share."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from asgiref.sync import async_to_sync
from django.test import Client

from accounts.models import Team
from conftest import People
from media_jobs.batches import batch_create_from_archive
from media_jobs.listing import batch_list
from media_jobs.models import Job, JobItem
from tests.fakes import EngineWithoutNets

from .helpers import photo, work_off


def zip_of(entries: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def archive_batch(team: Team, content: bytes, *, listed: bool = True) -> Job:
    """A batch of a ZIP archive, listed as the background worker does."""
    job = batch_create_from_archive(team=team, file=io.BytesIO(content), size=len(content))
    if listed:
        batch_list(batch_id=job.pk)
    job.refresh_from_db()
    return job


def batch_of_photos(team: Team, count: int, engine: Any = None) -> Job:
    """An archive of different photos, analysed to the end."""
    job = archive_batch(team, zip_of({f"{n}.png": photo(n + 1) for n in range(count)}))
    work_off(job, engine or EngineWithoutNets())
    return job


def items_of(job: Job) -> list[JobItem]:
    return list(JobItem.objects.filter(job=job).order_by("position"))


def states_of(job: Job) -> list[tuple[str, str]]:
    return [(item.status, item.error_code) for item in items_of(job)]


class Api:
    """A client with a key."""

    def __init__(self, people: People, *scopes: str) -> None:
        self._headers = {"Authorization": f"Bearer {people.key(*scopes)}"}
        self._client = Client()

    def get(self, path: str) -> Any:
        return self._client.get(f"/api/v1/{path}", headers=self._headers)

    def post(self, path: str, body: Any = None) -> Any:
        content = json.dumps(body)
        return self._client.post(f"/api/v1/{path}", content, "application/json", headers=self._headers)

    def send(self, path: str, form: dict[str, Any]) -> Any:
        return self._client.post(f"/api/v1/{path}", form, headers=self._headers)


def content_of(answer: Any) -> bytes:
    """The whole of a streamed answer."""

    async def collect() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(collect)()
