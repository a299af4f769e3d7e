"""Snapshots over HTTP: taking, applying, listing, changing, erasing, and how an operation stands."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.access import across_teams, team_scope
from compat.face_v1.kinds import FACE_LIST, KINDS, Kind
from conftest import People
from galleries.models import GalleryJob, GallerySnapshot

from .helpers import Program
from .question_helpers import detected, gallery_named, queries_of
from .snapshot_http_helpers import (
    STAFF,
    account,
    applied,
    operation_of,
    request_of,
    staff_of,
    taken,
    work_off,
)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.namespace)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Every test that uses it runs for all four kinds of collections."""
    found: Kind = request.param
    return found


# --- What it means ------------------------------------------------------------------------------------
def test_a_group_is_taken_over_by_another_account_and_answers_at_once(
    people: People, others: People, program: Program, stranger: Program
) -> None:
    staff_of(people)
    snapshot = taken(program, request_of(people, applyScope=[account(others)], userData="to the others"))
    status = applied(stranger, snapshot, "ours-now")
    assert status["status"] == "succeeded"
    assert status["resourceLocation"] == "/persongroups/ours-now"
    persons = stranger.get("/persongroups/ours-now/persons").json()
    assert {one["name"] for one in persons} == set(STAFF)
    names = {one["personId"]: one["name"] for one in persons}
    question = {"personGroupId": "ours-now", "faceIds": detected(others.team, (2, 9), (40, 0))}
    bob, nobody = stranger.post("/identify", question).json()
    assert [names[one["personId"]] for one in bob["candidates"]] == ["Bob"]
    assert nobody["candidates"] == []
    assert stranger.get("/persongroups/ours-now/training").json()["status"] == "succeeded"
    assert program.get("/persongroups/ours-now").status_code == 404


def test_every_kind_of_collection_is_copied_into_its_own_kind(
    people: People, program: Program, kind: Kind
) -> None:
    staff_of(people, kind)
    snapshot = taken(program, request_of(people, kind, type=kind.code.upper()))
    assert program.get(f"/snapshots/{snapshot}").json()["type"] == kind.code
    assert applied(program, snapshot)["resourceLocation"] == f"/{kind.path}/copy"
    copy = program.get(f"/{kind.path}/copy", returnRecognitionModel="true").json()
    original = program.get(f"/{kind.path}/staff", returnRecognitionModel="true").json()
    assert copy[kind.field] == "copy"
    assert (copy["name"], copy["recognitionModel"]) == (original["name"], original["recognitionModel"])
    with team_scope(people.team):
        old, new = gallery_named(people.team, "staff"), gallery_named(people.team, "copy")
        assert new.faces.count() == old.faces.count() > 0
        assert not set(new.faces.values_list("pk", flat=True)) & set(old.faces.values_list("pk", flat=True))
        assert (new.keep_crops, new.label_photos, new.model_alias) == (False, False, old.model_alias)


def test_until_it_is_whole_a_collection_is_not_there(people: People, program: Program) -> None:
    staff_of(people)
    snapshot = taken(program, request_of(people))
    place = operation_of(program.post(f"/snapshots/{snapshot}/apply", {"objectId": "copy"}))
    status = program.get(place).json()
    assert set(status) == {"status", "createdTime", "lastActionTime"}
    assert status["status"] == "notstarted"
    assert program.get("/persongroups/copy").json()["error"]["code"] == "PersonGroupNotFound"
    with across_teams():
        GalleryJob.objects.filter(status="queued").update(status="running")
    assert program.get(place).json()["status"] == "running"
    with across_teams():
        GalleryJob.objects.filter(status="running").update(status="queued")
    work_off()
    assert program.get(place).json()["status"] == "succeeded"
    assert program.get("/persongroups/copy").status_code == 200


def test_a_snapshot_says_what_it_is(people: People, others: People, program: Program) -> None:
    staff_of(people)
    scope = [account(others), account(people), account(others).upper()]
    snapshot = taken(program, request_of(people, applyScope=scope, userData="x" * 16_384))
    shown = program.get(f"/snapshots/{snapshot}").json()
    assert set(shown) == {
        *("id", "account", "type", "applyScope", "userData", "createdTime", "lastUpdateTime"),
    }
    assert (shown["id"], shown["account"], shown["type"]) == (snapshot, account(people), "PersonGroup")
    assert shown["applyScope"] == [account(others), account(people)], "each once, in this order"
    assert shown["userData"] == "x" * 16_384
    age = timezone.now() - datetime.fromisoformat(shown["createdTime"])
    assert timedelta() < age < timedelta(minutes=1)


def test_without_user_data_there_is_none(people: People, program: Program) -> None:
    staff_of(people)
    snapshot = taken(program, request_of(people, userData=None))
    assert "userData" not in program.get(f"/snapshots/{snapshot}").json()


# --- Lists --------------------------------------------------------------------------------------------
def test_a_list_has_what_the_account_took_and_may_apply(
    people: People, others: People, program: Program, stranger: Program
) -> None:
    staff_of(people)
    staff_of(people, FACE_LIST)
    staff_of(others)
    mine = taken(program, request_of(people))
    shared = taken(program, request_of(people, FACE_LIST, applyScope=[account(others)]))
    theirs = taken(stranger, request_of(others))

    def ids(who: Program, **query: Any) -> list[str]:
        return [one["id"] for one in who.get("/snapshots", **query).json()]

    assert ids(program) == [shared, mine], "the newest first"
    assert ids(stranger) == [theirs, shared]
    assert ids(program, type="facelist") == [shared]
    assert ids(program, type="LargeFaceList") == []
    assert ids(program, applyScope=account(others)) == [shared]
    assert ids(program, applyScope=f"{account(others)}, {account(people)}") == [shared, mine]
    assert ids(stranger, applyScope=account(people)) == [], "what is meant for others only is not seen"
    assert ids(stranger, type="PersonGroup", applyScope=account(others)) == [theirs]
    assert ids(program, applyScope=uuid4()) == []


def test_a_longer_list_takes_no_more_queries(people: People, program: Program) -> None:
    staff_of(people)
    taken(program, request_of(people))
    few = queries_of(lambda: program.get("/snapshots"))
    for _ in range(3):
        taken(program, request_of(people))
    assert queries_of(lambda: program.get("/snapshots")) == few
    assert len(program.get("/snapshots").json()) == 4


# --- Changing and erasing -----------------------------------------------------------------------------
def test_what_is_given_changes_and_the_rest_stays(
    people: People, others: People, program: Program, stranger: Program
) -> None:
    staff_of(people)
    snapshot = taken(program, request_of(people, userData="first"))
    path = f"/snapshots/{snapshot}"
    assert stranger.get(path).status_code == 404
    before = program.get(path).json()
    answer = program.patch(path, {"applyScope": [account(others)]})
    assert (answer.status_code, answer.content) == (200, b"")
    after = program.get(path).json()
    assert after == before | {"applyScope": [account(others)], "lastUpdateTime": after["lastUpdateTime"]}
    assert after["lastUpdateTime"] > before["lastUpdateTime"]
    assert stranger.get(path).json() == after
    assert program.patch(path, {"userData": "second", "applyScope": None}).status_code == 200
    assert program.get(path).json()["userData"] == "second"
    assert program.get(path).json()["applyScope"] == [account(others)]


def test_a_snapshot_is_erased(people: People, program: Program) -> None:
    staff_of(people)
    snapshot = taken(program, request_of(people))
    answer = program.delete(f"/snapshots/{snapshot}")
    assert (answer.status_code, answer.content) == (200, b"")
    for again in (program.delete, program.get):
        gone = again(f"/snapshots/{snapshot}")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "SnapshotNotFound")
    assert program.get("/snapshots").json() == []
    with across_teams():
        assert GallerySnapshot.objects.count() == 0


def test_a_deleted_group_comes_back_from_its_snapshot(people: People, program: Program) -> None:
    staff_of(people)
    snapshot = taken(program, request_of(people))
    assert program.delete("/persongroups/staff").status_code == 200
    assert program.get("/persongroups/staff").status_code == 404
    assert applied(program, snapshot, "staff")["status"] == "succeeded"
    persons = program.get("/persongroups/staff/persons").json()
    assert {person["name"] for person in persons} == set(STAFF)
