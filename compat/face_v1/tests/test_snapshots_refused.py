"""Snapshots over HTTP: what is refused."""

from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.models import Plan
from compat.face_v1 import snapshots as views
from compat.face_v1.kinds import FACE_LIST, KINDS, LARGE_PERSON_GROUP, Kind
from conftest import People
from galleries import snapshots
from galleries.jobs import job_cancel
from galleries.models import EnrolledFace, GalleryJob, GallerySnapshot
from galleries.training import gallery_train

from .helpers import Program
from .question_helpers import collection, gallery_named
from .snapshot_http_helpers import Refused, account, operation_of, request_of, staff_of, taken, work_off


@pytest.fixture(params=KINDS, ids=lambda kind: kind.namespace)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Every test that uses it runs for all four kinds of collections."""
    found: Kind = request.param
    return found


# --- What is refused ----------------------------------------------------------------------------------
#: An id that is nobody's. The same in every process: parameters name tests.
NOBODY = "6f9d3c1e-2b74-4c55-9a0e-1d8f7b2a4c63"
SCOPES = [None, [], "x", str(uuid4()), ["x"], [1], [None], {"a": 1}, [str(uuid4()) for _ in range(65)]]


@pytest.mark.parametrize("scope", SCOPES, ids=range(len(SCOPES)))
def test_a_scope_has_to_be_a_list_of_accounts(
    people: People, program: Program, refused: Refused, scope: Any
) -> None:
    staff_of(people)
    body = request_of(people, applyScope=scope)
    message = refused(lambda: program.post("/snapshots", body), 400, "BadArgument")
    assert "applyScope" in message
    assert account(people) in message, "it tells the caller which account they are"
    with across_teams():
        assert GallerySnapshot.objects.count() == 0


@pytest.mark.parametrize("type_", [None, "", "Persons", 7, "person_group"])
def test_a_type_has_to_be_one_of_four(people: People, program: Program, refused: Refused, type_: Any) -> None:
    staff_of(people)
    body = request_of(people, type=type_)
    assert "type" in refused(lambda: program.post("/snapshots", body), 400, "BadArgument")


@pytest.mark.parametrize("type_", ["Persons", "", "person_group"])
def test_a_list_is_asked_for_one_of_four_types(program: Program, refused: Refused, type_: str) -> None:
    assert "type" in refused(lambda: program.get("/snapshots", type=type_), 400, "BadArgument")


@pytest.mark.parametrize("scope", ["x", "", f"{NOBODY},", f"{NOBODY} {NOBODY}"])
def test_a_list_is_asked_for_accounts(program: Program, refused: Refused, scope: str) -> None:
    message = refused(lambda: program.get("/snapshots", applyScope=scope), 400, "BadArgument")
    assert "applyScope" in message


@pytest.mark.parametrize("key", [None, "", "Staff", "a b", "x" * 65, 7])
def test_an_object_is_named_by_a_valid_id(
    people: People, program: Program, refused: Refused, kind: Kind, key: Any
) -> None:
    body = request_of(people, kind, objectId=key)
    message = refused(lambda: program.post("/snapshots", body), 400, "BadArgument")
    assert message.startswith(f"{kind.word} ID is invalid.") or key == 7


def test_an_object_that_is_not_there_is_not_found(
    people: People, others: People, program: Program, refused: Refused, kind: Kind
) -> None:
    with team_scope(others.team):
        collection(others.team, kind, "staff")
    body = request_of(people, kind)
    refused(lambda: program.post("/snapshots", body), 404, f"{kind.code}NotFound")


@pytest.mark.parametrize("data", ["x" * 16_385, 7, ["x"]])
def test_user_data_is_a_text_of_16_kb(people: People, program: Program, refused: Refused, data: Any) -> None:
    staff_of(people)
    snapshot = taken(program, request_of(people))
    body = request_of(people, userData=data)
    for send in (
        lambda: program.post("/snapshots", body),
        lambda: program.patch(f"/snapshots/{snapshot}", {"userData": data}),
    ):
        assert "userData" in refused(send, 400, "BadArgument")
    assert len(program.get("/snapshots").json()) == 1


def test_what_is_no_json_is_refused(people: People, program: Program, refused: Refused) -> None:
    staff_of(people)
    snapshot = taken(program, request_of(people))
    for method, path in (
        ("POST", "/snapshots"),
        ("PATCH", f"/snapshots/{snapshot}"),
        ("POST", f"/snapshots/{snapshot}/apply"),
    ):
        broken = partial(program.send, method, path, content=b"{", kind="application/json")
        refused(broken, 400, "BadArgument")
        refused(partial(program.send, method, path, content=b"{}", kind="text/plain"), 415, "BadArgument")


def test_a_change_has_to_say_what(people: People, program: Program, refused: Refused) -> None:
    staff_of(people)
    path = f"/snapshots/{taken(program, request_of(people))}"
    for body in ({}, {"userData": None, "applyScope": None}, {"name": "x"}):
        refused(partial(program.patch, path, body), 400, "BadArgument")
    for scope in SCOPES[1:]:
        refused(partial(program.patch, path, {"applyScope": scope}), 400, "BadArgument")
    assert program.get(path).json()["applyScope"] == [account(people)]


@pytest.mark.parametrize("mode", ["Overwrite", "", "create new"])
def test_the_only_mode_is_create_new(people: People, program: Program, refused: Refused, mode: str) -> None:
    staff_of(people)
    path = f"/snapshots/{taken(program, request_of(people))}/apply"
    body = {"objectId": "copy", "mode": mode or 7}
    refused(lambda: program.post(path, body), 400, "BadArgument")
    operation_of(program.post(path, {"OBJECTID": "copy", "mode": "createnew"}))


@pytest.mark.parametrize("key", [None, "", "Copy", "x" * 65])
def test_a_copy_gets_a_valid_id(people: People, program: Program, refused: Refused, key: Any) -> None:
    staff_of(people, LARGE_PERSON_GROUP)
    path = f"/snapshots/{taken(program, request_of(people, LARGE_PERSON_GROUP))}/apply"
    message = refused(lambda: program.post(path, {"objectId": key}), 400, "BadArgument")
    assert message.startswith("Large person group ID is invalid.")


def test_nothing_is_applied_over_what_is_there(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    staff_of(people, kind)
    path = f"/snapshots/{taken(program, request_of(people, kind))}/apply"
    refused(lambda: program.post(path, {"objectId": "staff"}), 409, f"{kind.code}Exists")
    operation_of(program.post(path, {"objectId": "copy"}))
    refused(lambda: program.post(path, {"objectId": "copy"}), 409, f"{kind.code}Exists")


def test_an_id_that_is_taken_meanwhile_ends_as_a_failed_operation(people: People, program: Program) -> None:
    staff_of(people)
    snapshot = taken(program, request_of(people))
    place = operation_of(program.post(f"/snapshots/{snapshot}/apply", {"objectId": "copy"}))
    assert program.put("/persongroups/copy", {"name": "Faster"}).status_code == 200
    work_off()
    status = program.get(place).json()
    assert status["status"] == "failed"
    assert "copy" in status["message"]
    assert "resourceLocation" not in status
    assert program.get("/persongroups/copy").json()["name"] == "Faster"
    assert program.get("/persongroups/copy/persons").json() == []


def test_an_operation_that_was_cancelled_has_failed(people: People, program: Program) -> None:
    staff_of(people)
    place = operation_of(program.post("/snapshots", request_of(people)))
    with team_scope(people.team):
        job_cancel(job=GalleryJob.objects.get(kind=GalleryJob.Kind.SNAPSHOT))
    status = program.get(place).json()
    assert (status["status"], status["message"]) == ("failed", "The operation was cancelled.")


def test_limits_are_quotas(
    people: People, program: Program, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff_of(people, FACE_LIST)
    snapshot = taken(program, request_of(people, FACE_LIST))
    apply = partial(program.post, f"/snapshots/{snapshot}/apply", {"objectId": "copy"})
    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "MOST", 1)
        refused(lambda: program.post("/snapshots", request_of(people, FACE_LIST)), 403, "QuotaExceeded")
    with monkeypatch.context() as patched:
        patched.setitem(views._OF_NAMESPACE, "face_list", replace(FACE_LIST, most=1))
        message = refused(apply, 403, "QuotaExceeded")
        assert message == "Face list number reached subscription level limit, which is 1."
    with across_teams():
        stored = EnrolledFace.objects.count()
        people.team.plan = Plan.objects.create(name="small", stored_faces=stored + 1)
        people.team.save()
    refused(apply, 403, "QuotaExceeded")


def test_other_accounts_find_nothing(
    people: People, others: People, program: Program, stranger: Program, refused: Refused
) -> None:
    staff_of(people)
    taking = operation_of(program.post("/snapshots", request_of(people)))
    work_off()
    path = f"/snapshots/{program.get(taking).json()['resourceLocation'].split('/')[2]}"
    for send in (
        lambda: stranger.get(path),
        lambda: stranger.patch(path, {"userData": "ours"}),
        lambda: stranger.delete(path),
        lambda: stranger.post(f"{path}/apply", {"objectId": "copy"}),
    ):
        refused(send, 404, "SnapshotNotFound")
    refused(lambda: stranger.get(taking), 404, "OperationNotFound")
    program.patch(path, {"applyScope": [account(others)]})
    # Who may apply it may see it, and nothing else.
    for send in (
        lambda: stranger.patch(path, {"userData": "ours"}),
        lambda: stranger.delete(path),
    ):
        refused(send, 404, "SnapshotNotFound")
    message = refused(lambda: program.post(f"{path}/apply", {"objectId": "copy"}), 403, "Forbidden")
    assert "applyScope" in message, "its own account is not in it any more"


@pytest.mark.parametrize("text", ["x", "7", NOBODY, "0" * 33])
def test_unknown_ids_are_not_found(program: Program, refused: Refused, text: str) -> None:
    for send in (
        lambda: program.get(f"/snapshots/{text}"),
        lambda: program.patch(f"/snapshots/{text}", {"userData": "x"}),
        lambda: program.delete(f"/snapshots/{text}"),
        lambda: program.post(f"/snapshots/{text}/apply", {"objectId": "copy"}),
    ):
        refused(send, 404, "SnapshotNotFound")
    refused(lambda: program.get(f"/operations/{text}"), 404, "OperationNotFound")


def test_other_jobs_are_no_operations(people: People, program: Program, refused: Refused) -> None:
    staff_of(people)
    with team_scope(people.team):
        job = gallery_train(gallery=gallery_named(people.team, "staff"))
    refused(lambda: program.get(f"/operations/{job.pk}"), 404, "OperationNotFound")


def test_what_is_over_is_not_found(people: People, program: Program, refused: Refused) -> None:
    staff_of(people)
    path = f"/snapshots/{taken(program, request_of(people))}"
    with across_teams():
        GallerySnapshot.objects.update(expires_at=timezone.now())
    for send in (
        lambda: program.get(path),
        lambda: program.patch(path, {"userData": "x"}),
        lambda: program.delete(path),
        lambda: program.post(f"{path}/apply", {"objectId": "copy"}),
    ):
        refused(send, 404, "SnapshotNotFound")
    assert program.get("/snapshots").json() == []


def test_changing_anything_needs_the_right_to_manage(
    people: People, program: Program, refused: Refused
) -> None:
    staff_of(people)
    taking = operation_of(program.post("/snapshots", request_of(people)))
    work_off()
    path = program.get(taking).json()["resourceLocation"]
    analyst = Program(people.key("read", "analyze"))
    assert analyst.get(path).status_code == analyst.get(taking).status_code == 200
    for send in (
        lambda: analyst.post("/snapshots", request_of(people)),
        lambda: analyst.patch(path, {"userData": "x"}),
        lambda: analyst.delete(path),
        lambda: analyst.post(f"{path}/apply", {"objectId": "copy"}),
    ):
        refused(send, 403, "Forbidden")


def test_a_team_finds_its_account_id_on_the_page_of_its_keys(people: People) -> None:
    page = people.client("owner").get(reverse("team_keys")).content.decode()
    assert f'<code id="account-id">{account(people)}</code>' in page
