"""What these tests have in common."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.access import team_scope
from compat.face_v1.kinds import (
    FACE_LIST,
    KINDS,
    Kind,
)
from conftest import People
from galleries.models import Gallery

from .helpers import Program

Refused = Callable[..., str]


PAGED = [kind for kind in KINDS if kind is not FACE_LIST]


each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.namespace)


each_paged = pytest.mark.parametrize("kind", PAGED, ids=lambda kind: kind.namespace)


def made(program: Program, kind: Kind, key: str = "staff", **body: Any) -> str:
    """Make a collection; its path."""
    answer = program.put(f"/{kind.path}/{key}", {"name": "Staff", **body})
    assert (answer.status_code, answer.content) == (200, b""), answer.content
    return f"/{kind.path}/{key}"


def shown(kind: Kind, key: str = "staff", **fields: Any) -> dict[str, Any]:
    """The collection as its Get answers it."""
    faces: dict[str, Any] = {"persistedFaces": []} if kind is FACE_LIST else {}
    return {kind.field: key, "name": "Staff", **faces, **fields}


def galleries(people: People) -> list[Gallery]:
    with team_scope(people.team):
        return list(Gallery.objects.order_by("created_at"))
