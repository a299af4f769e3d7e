"""Asking for videos by the API, and what is there afterwards."""

import json
from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.access import across_teams, team_scope
from accounts.models import TeamUsage
from conftest import People
from media_jobs.models import Job, Video, VideoChunk, VideoUpload

from .upload_helpers import Door

Names = Callable[[], list[str]]
Queued = Callable[[], int]


def start(door: Door, body: dict[str, Any]) -> Any:
    return door.client.post("/api/v1/videos", json.dumps(body), "application/json", headers=door.headers)


def send(door: Door, content: bytes, filename: str = "visit.mp4", **fields: str) -> Any:
    form = {"file": SimpleUploadedFile(filename, content), **fields}
    return door.client.post("/api/v1/videos", form, headers=door.headers)


def use(door: Door, url: str, **options: Any) -> Any:
    return start(door, {"upload_id": url.rpartition("/")[2], **options})


def only_video() -> Video:
    with across_teams():
        return Video.unscoped.select_related("job", "team__plan").get()


def nothing_is_there(people: People, stored_files: Names, queued: Queued) -> None:
    """No row, no file, no task, nothing counted."""
    with across_teams():
        assert not Video.unscoped.exists()
        assert not VideoChunk.unscoped.exists()
        assert not Job.unscoped.filter(kind=Job.Kind.VIDEO).exists()
        assert not VideoUpload.unscoped.exists()
    with team_scope(people.team):
        usage = TeamUsage.objects.get(team=people.team)
        assert (usage.stored_bytes, usage.pictures) == (0, 0)
    assert (stored_files(), queued()) == ([], 0)


def refused(answered: Any, status: int, code: str) -> dict[str, Any]:
    assert answered.status_code == status, answered.content
    problem = answered.json()
    assert (problem["code"], problem["detail"][-1]) == (code, ".")
    return dict(problem)
