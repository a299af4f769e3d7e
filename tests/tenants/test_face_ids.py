"""Ids of two teams in one request to Face API: those of the other one are not found.

The table sends whole requests about things of the first team; here all but one id is the asking team's own.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from compat.face_v1.authentication import HEADER

from .digests import snapshot
from .face_things import kept_faces, make_collections
from .scene import SECRET, World

#: Ids of the first team (`theirs`) and of the team that asks (`own`): faces, a group's key and a person.
Ids = dict[str, Any]
KEY = "our-own"


@pytest.fixture()
def own(world: World) -> Ids:
    """The second team has the like of all that the first one has."""
    team = world.others.team
    more = make_collections(team, KEY)
    return {
        "faces": kept_faces(team),
        "person": str(more["person_group"]["person"].pk),
        "large_person": str(more["large_person_group"]["person"].pk),
    }


@pytest.fixture()
def theirs(world: World) -> Ids:
    return {
        "faces": world.more["face_ids"],
        "person": str(world.more["person_group"]["person"].pk),
        "large_person": str(world.more["large_person_group"]["person"].pk),
    }


#: name -> (operation, body of own and foreign ids, status, code)
MIXED: dict[str, tuple[str, Callable[[Ids, Ids], dict[str, Any]], int, str]] = {
    "find similar: a foreign face among the faces": (
        "findsimilars",
        lambda own, theirs: {
            "faceId": own["faces"][0],
            "faceIds": [own["faces"][1], theirs["faces"][0]],
        },
        *(400, "FaceNotFound"),
    ),
    "find similar: like a foreign face": (
        "findsimilars",
        lambda own, theirs: {"faceId": theirs["faces"][0], "faceIds": own["faces"]},
        *(400, "FaceNotFound"),
    ),
    "find similar: like a foreign face in a list": (
        "findsimilars",
        lambda own, theirs: {"faceId": theirs["faces"][0], "faceListId": KEY},
        *(400, "FaceNotFound"),
    ),
    "find similar: in a foreign list": (
        "findsimilars",
        lambda own, theirs: {"faceId": own["faces"][0], "faceListId": SECRET},
        *(400, "FaceListNotFound"),
    ),
    "find similar: in a foreign large list": (
        "findsimilars",
        lambda own, theirs: {"faceId": own["faces"][0], "largeFaceListId": SECRET},
        *(400, "LargeFaceListNotFound"),
    ),
    "group: a foreign face": (
        "group",
        lambda own, theirs: {"faceIds": [*own["faces"], theirs["faces"][0]]},
        *(400, "FaceNotFound"),
    ),
    "identify: a foreign face": (
        "identify",
        lambda own, theirs: {"faceIds": [own["faces"][0], theirs["faces"][0]], "personGroupId": KEY},
        *(400, "FaceNotFound"),
    ),
    "identify: in a foreign group": (
        "identify",
        lambda own, theirs: {"faceIds": own["faces"], "personGroupId": SECRET},
        *(400, "PersonGroupNotFound"),
    ),
    "identify: in a foreign large group": (
        "identify",
        lambda own, theirs: {"faceIds": own["faces"], "largePersonGroupId": SECRET},
        *(400, "LargePersonGroupNotFound"),
    ),
    "verify: a foreign face": (
        "verify",
        lambda own, theirs: {"faceId1": own["faces"][0], "faceId2": theirs["faces"][0]},
        *(404, "FaceNotFound"),
    ),
    "verify: a foreign face and a person": (
        "verify",
        lambda own, theirs: {
            "faceId": theirs["faces"][0],
            "personId": own["person"],
            "personGroupId": KEY,
        },
        *(404, "FaceNotFound"),
    ),
    "verify: a foreign person": (
        "verify",
        lambda own, theirs: {
            "faceId": own["faces"][0],
            "personId": theirs["large_person"],
            "largePersonGroupId": KEY,
        },
        *(404, "PersonNotFound"),
    ),
    "verify: a foreign group": (
        "verify",
        lambda own, theirs: {
            "faceId": own["faces"][0],
            "personId": own["person"],
            "personGroupId": SECRET,
        },
        *(404, "PersonGroupNotFound"),
    ),
}


@pytest.mark.parametrize("name", MIXED)
def test_an_id_of_another_team_is_not_found_among_the_own(
    name: str, world: World, own: Ids, theirs: Ids
) -> None:
    operation, body, status, code = MIXED[name]
    headers = {HEADER: world.others.key("analyze")}

    def ask(ids: dict[str, Any]) -> Any:
        return Client().post(f"/face/v1.0/{operation}", ids, "application/json", headers=headers)

    foreign = body(own, theirs)
    own["faces"] += kept_faces(world.others.team)
    right = ask(_of_own_collections(body(own, {**own, "faces": own["faces"][2:]})))
    assert right.status_code == 200, right.content
    before = snapshot()
    answer = ask(foreign)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert snapshot() == before
    assert SECRET.encode() not in answer.content


def _of_own_collections(body: dict[str, Any]) -> dict[str, Any]:
    """The same question with the keys of the own collections."""
    return {name: KEY if value == SECRET else value for name, value in body.items()}


@pytest.mark.parametrize("kind", ["persongroups", "largepersongroups"])
def test_a_foreign_person_is_not_found_in_an_own_group_of_the_same_id(
    kind: str, world: World, own: Ids, theirs: Ids
) -> None:
    team = world.others.team
    make_collections(team, SECRET)
    headers = {HEADER: world.others.key()}
    person = theirs["person" if kind == "persongroups" else "large_person"]
    path = f"/face/v1.0/{kind}/{SECRET}/persons/{person}"
    before = snapshot()
    for method in ("get", "delete"):
        answer = getattr(Client(), method)(path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "PersonNotFound")
    assert snapshot() == before
