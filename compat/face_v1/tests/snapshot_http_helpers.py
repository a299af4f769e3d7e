"""What these tests have in common."""

import re
from collections.abc import Callable
from typing import Any

from accounts.access import across_teams
from compat.face_v1.kinds import PERSON_GROUP, Kind
from conftest import People
from galleries.jobs import job_run
from galleries.models import Gallery, GalleryJob

from .helpers import Program
from .question_helpers import group_of, list_of

STAFF = {"Ada": 1, "Bob": 2}


Refused = Callable[..., str]


def staff_of(people: People, kind: Kind = PERSON_GROUP) -> None:
    """A collection `staff` of this kind with some faces, trained where its kind is."""
    if kind.holds == Gallery.Holds.SUBJECTS:
        group_of(people.team, kind, STAFF)
    else:
        list_of(people.team, kind, [(1, 0), (2, 0)], "staff")


def account(people: People) -> str:
    return str(people.team.pk)


def request_of(people: People, kind: Kind = PERSON_GROUP, **changes: Any) -> dict[str, Any]:
    """The body of a request to take a snapshot of the collection `staff` for the team itself."""
    usual = {"type": kind.code, "objectId": "staff", "applyScope": [account(people)]}
    return {**usual, **changes}


def operation_of(answer: Any) -> str:
    """The path of the operation that an answer names."""
    assert (answer.status_code, answer.content) == (202, b""), answer.content
    place = answer.headers["Operation-Location"]
    assert re.fullmatch(r"/operations/[0-9a-f-]{36}", place), "programs take what is behind the second slash"
    return str(place)


def work_off() -> None:
    """Do all jobs that wait, as workers do."""
    with across_teams():
        waiting = list(GalleryJob.objects.filter(status="queued").values_list("pk", flat=True))
    for pk in waiting:
        job_run(job_id=pk)


def taken(program: Program, body: dict[str, Any]) -> str:
    """The id of a snapshot that was taken, as a program finds it out."""
    place = operation_of(program.post("/snapshots", body))
    work_off()
    status = program.get(place).json()
    assert status["status"] == "succeeded", status
    return str(status["resourceLocation"].split("/")[2])


def applied(program: Program, snapshot: str, key: str = "copy") -> dict[str, Any]:
    """How the operation that applies a snapshot ends."""
    place = operation_of(program.post(f"/snapshots/{snapshot}/apply", {"objectId": key, "mode": "CreateNew"}))
    work_off()
    found: dict[str, Any] = program.get(place).json()
    return found
