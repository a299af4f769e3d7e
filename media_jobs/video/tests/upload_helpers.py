"""Speaking tus to the server, as a client does."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.test import Client

from accounts.access import across_teams, team_scope
from accounts.models import TeamUsage
from conftest import People
from media_jobs.models import VideoUpload

CONTENT = bytes(range(256)) * 12
TUS = {"Tus-Resumable": "1.0.0"}
PART = "application/offset+octet-stream"


@dataclass
class Door:
    """One of the two ways in: the API with a key, or the pages with a session."""

    client: Client
    uploads: str
    headers: dict[str, str]

    def begin(self, length: int | str, filename: str = "holiday.mp4", **headers: str) -> Any:
        name = base64.b64encode(filename.encode()).decode()
        sent = {"Upload-Length": str(length), "Upload-Metadata": f"filename {name}", **headers}
        return self.client.post(self.uploads, headers={**self.headers, **TUS, **sent})

    def begun(self, length: int) -> str:
        """The address of a new upload."""
        answer = self.begin(length)
        assert answer.status_code == 201, answer.content
        return str(answer["Location"])

    def part(self, url: str, offset: int | str, content: bytes, kind: str = PART, **headers: str) -> Any:
        # Named as a header too: the test client sends none with an empty body.
        sent = {**self.headers, **TUS, "Upload-Offset": str(offset), "Content-Type": kind, **headers}
        return self.client.patch(url, content, kind, headers=sent)

    def where(self, url: str) -> Any:
        return self.client.head(url, headers={**self.headers, **TUS})

    def offset(self, url: str) -> int:
        answer = self.where(url)
        assert answer.status_code == 200, answer
        return int(answer["Upload-Offset"])

    def erase(self, url: str) -> Any:
        return self.client.delete(url, headers={**self.headers, **TUS})

    def whole(self, content: bytes, part_bytes: int = 1024 * 1024) -> str:
        """The address of an upload of which everything is there."""
        url = self.begun(len(content))
        for start in range(0, len(content), part_bytes):
            answer = self.part(url, start, content[start : start + part_bytes])
            assert answer.status_code == 204, answer.content
        return url


def api_door(people: People) -> Door:
    return Door(Client(), "/api/v1/uploads", {"Authorization": f"Bearer {people.key('read', 'analyze')}"})


def page_door(people: People) -> Door:
    return Door(people.client("analyst"), "/team/videos/uploads", {})


Names = Callable[[], list[str]]


def rows() -> list[VideoUpload]:
    with across_teams():
        return list(VideoUpload.unscoped.order_by("created_at"))


def stored_bytes(people: People) -> int:
    with team_scope(people.team):
        return TeamUsage.objects.get(team=people.team).stored_bytes


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem of a refusal, which names the version of the protocol like every answer."""
    assert answer.status_code == status, answer.content
    assert answer["Tus-Resumable"] == "1.0.0"
    problem = answer.json()
    assert problem["code"] == code
    assert problem["detail"].endswith(".")
    return dict(problem)
