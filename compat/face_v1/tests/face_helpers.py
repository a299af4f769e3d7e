"""What these tests have in common."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.access import team_scope
from compat.face_v1.kinds import FACE_LIST, KINDS, LARGE_FACE_LIST, Kind
from conftest import People
from galleries.models import EnrolledFace
from tests.fakes import people_picture

from .helpers import Program

Refused = Callable[..., str]


each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.namespace)


LISTS = pytest.mark.parametrize("kind", [FACE_LIST, LARGE_FACE_LIST], ids=lambda kind: kind.namespace)


URL = "https://example.org/ada.png"


def place(program: Program, kind: Kind, key: str = "staff") -> str:
    """Make a collection, and a person where it holds persons; the path of their faces."""
    assert program.put(f"/{kind.path}/{key}", {"name": "Staff"}).status_code == 200
    return within(program, kind, key)


def within(program: Program, kind: Kind, key: str = "staff") -> str:
    path = f"/{kind.path}/{key}"
    if not kind.most_persons:
        return f"{path}/persistedfaces"
    person = program.post(f"{path}/persons", {"name": "Ada"}).json()["personId"]
    return f"{path}/persons/{person}/persistedfaces"


def added(program: Program, faces: str, *persons: int, **query: Any) -> str:
    """Add the face of a picture of these people; its id."""
    answer = program.picture(faces, people_picture(*persons), **query)
    assert answer.status_code == 200, answer.content
    assert list(answer.json()) == ["persistedFaceId"]
    return str(answer.json()["persistedFaceId"])


def kept(people: People) -> list[EnrolledFace]:
    with team_scope(people.team):
        return list(EnrolledFace.objects.select_related("gallery").order_by("created_at"))


def looked(program: Program, kind: Kind, faces: str) -> list[dict[str, Any]]:
    """The faces that are there, as programs see them."""
    if kind is FACE_LIST:
        return list(program.get(faces.rpartition("/")[0]).json()["persistedFaces"])
    if kind is LARGE_FACE_LIST:
        return list(program.get(faces).json())
    ids = program.get(faces.rpartition("/")[0]).json()["persistedFaceIds"]
    return [program.get(f"{faces}/{one}").json() for one in ids]
