"""Train, and Get Training Status, of the three kinds that are trained."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from accounts.access import team_scope
from compat.face_v1.kinds import FACE_LIST, LARGE_FACE_LIST, LARGE_PERSON_GROUP, PERSON_GROUP, Kind
from conftest import People
from galleries.jobs import job_run
from galleries.models import GalleryJob

from .helpers import Program
from .question_helpers import (
    asked,
    detected,
    gallery_named,
    group_of,
    list_of,
    moved_to_another_model,
    queries_of,
)

TRAINED = (PERSON_GROUP, LARGE_PERSON_GROUP, LARGE_FACE_LIST)
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
Refused = Callable[..., str]


@pytest.fixture(params=TRAINED, ids=lambda kind: kind.namespace)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Every test that uses it runs for all three."""
    found: Kind = request.param
    return found


def made(people: People, kind: Kind) -> None:
    """A collection with faces under the id 'staff', not trained."""
    if kind is LARGE_FACE_LIST:
        list_of(people.team, kind, [(1, 0), (2, 0)], "staff", trained=False)
    else:
        group_of(people.team, kind, {"Ada": 1, "Bob": 2}, trained=False)


def train(program: Program, kind: Kind, key: str = "staff") -> Any:
    return program.send("POST", f"/{kind.path}/{key}/train")


def status(program: Program, kind: Kind, key: str = "staff") -> Any:
    return program.get(f"/{kind.path}/{key}/training")


def worker_runs(people: People) -> None:
    """What a worker does with the jobs that wait."""
    with team_scope(people.team):
        waiting = list(GalleryJob.objects.filter(status="queued").order_by("created_at"))
    for job in waiting:
        job_run(job_id=job.pk)


def test_a_training_is_asked_for_runs_and_succeeds(people: People, program: Program, kind: Kind) -> None:
    made(people, kind)
    answer = train(program, kind)
    assert (answer.status_code, answer.content) == (202, b"")
    waiting = asked(status(program, kind))
    assert waiting["status"] == "running"
    assert set(waiting) == {"status", "createdDateTime", "lastActionDateTime"}
    worker_runs(people)
    done = asked(status(program, kind))
    assert done["status"] == "succeeded"
    assert set(done) == {
        *("status", "createdDateTime", "lastActionDateTime", "lastSuccessfulTrainingDateTime")
    }
    times = [done[name] for name in sorted(set(done) - {"status"})]
    assert all(TIME.fullmatch(text) for text in times)
    created, last, trained = (datetime.fromisoformat(text) for text in times)
    assert created <= trained <= last


def test_a_trained_collection_answers(people: People, program: Program, kind: Kind) -> None:
    made(people, kind)
    (face,) = detected(people.team, (1, 9))
    train(program, kind)
    worker_runs(people)
    if kind is LARGE_FACE_LIST:
        found = asked(program.post("/findsimilars", {"faceId": face, "largeFaceListId": "staff"}))
    else:
        found = asked(program.post("/identify", {"faceIds": [face], kind.field: "staff"}))[0]["candidates"]
    assert len(found) == 1


def test_a_training_that_waits_is_not_doubled_and_one_that_runs_gets_a_successor(
    people: People, program: Program, kind: Kind
) -> None:
    made(people, kind)
    assert train(program, kind).status_code == 202
    assert train(program, kind).status_code == 202
    with team_scope(people.team):
        assert GalleryJob.objects.count() == 1
        GalleryJob.objects.update(status="running")
    assert train(program, kind).status_code == 202
    with team_scope(people.team):
        assert GalleryJob.objects.filter(kind="train").count() == 2
    assert asked(status(program, kind))["status"] == "running"


def test_a_training_that_failed_says_why_and_the_last_success_stays(
    people: People, program: Program, kind: Kind
) -> None:
    made(people, kind)
    train(program, kind)
    worker_runs(people)
    before = asked(status(program, kind))["lastSuccessfulTrainingDateTime"]
    gallery = gallery_named(people.team, "staff")
    with team_scope(people.team):
        type(gallery).objects.filter(pk=gallery.pk).update(model_sha256="2" * 64)
    train(program, kind)
    worker_runs(people)
    failed = asked(status(program, kind))
    assert failed["status"] == "failed"
    assert failed["message"]
    assert failed["lastSuccessfulTrainingDateTime"] == before
    assert failed["createdDateTime"] > before


def test_a_collection_without_a_training_has_no_status(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    made(people, kind)
    message = refused(lambda: status(program, kind), 404, f"{kind.code}NotTrained")
    wanted = "Large face list is not trained." if kind is LARGE_FACE_LIST else f"{kind.word} not trained."
    assert message == wanted


def test_an_unknown_collection_and_another_team_s_are_not_found(
    people: People, program: Program, stranger: Program, refused: Refused, kind: Kind
) -> None:
    made(people, kind)
    for send in (
        lambda: train(stranger, kind),
        lambda: status(stranger, kind),
        lambda: train(program, kind, "unknown"),
        lambda: status(program, kind, "unknown"),
    ):
        assert refused(send, 404, f"{kind.code}NotFound") == f"{kind.word} is not found."


@pytest.mark.parametrize("key", ["Staff", "a%20b", "a" * 65, "%C3%A4"])
def test_what_is_no_id_is_invalid(program: Program, refused: Refused, kind: Kind, key: str) -> None:
    for send in (lambda: train(program, kind, key), lambda: status(program, kind, key)):
        message = refused(send, 400, "BadArgument")
        assert message.startswith(f"{kind.word} ID is invalid. Valid format should be a string composed by")


def test_a_face_list_is_never_trained(people: People, program: Program, refused: Refused) -> None:
    list_of(people.team, FACE_LIST, [(1, 0)], "staff")
    refused(lambda: train(program, FACE_LIST), 404, "ResourceNotFound")
    refused(lambda: status(program, FACE_LIST), 404, "ResourceNotFound")


def test_a_wrong_method_and_a_wrong_key_change_nothing(
    people: People, program: Program, refused: Refused, kind: Kind
) -> None:
    made(people, kind)
    refused(lambda: program.get(f"/{kind.path}/staff/train"), 405, "MethodNotAllowed")
    refused(lambda: program.post(f"/{kind.path}/staff/training"), 405, "MethodNotAllowed")
    nobody = Program("es_wrong")
    refused(lambda: train(nobody, kind), 401, "Unspecified")
    refused(lambda: status(nobody, kind), 401, "Unspecified")
    reader = Program(people.key("read"))
    refused(lambda: train(reader, kind), 403, "Forbidden")
    refused(lambda: status(reader, kind), 404, f"{kind.code}NotTrained")


def test_a_body_of_any_kind_is_ignored(people: People, program: Program, kind: Kind) -> None:
    made(people, kind)
    path = f"/{kind.path}/staff/train"
    assert program.send("POST", path, content=b"what", kind="text/plain").status_code == 202
    assert program.send("POST", path, {}).status_code == 202
    assert program.send("POST", path.upper().replace("STAFF", "staff")).status_code == 202
    with team_scope(people.team):
        assert GalleryJob.objects.count() == 1


def test_a_collection_that_moved_with_its_state_is_trained(people: People, program: Program) -> None:
    """A move to another model brings a trained state of its own, without a job of training."""
    group_of(people.team, PERSON_GROUP, {"Ada": 1})
    with team_scope(people.team):
        GalleryJob.objects.all().delete()
    moved_to_another_model(people.team, "staff")
    assert asked(status(program, PERSON_GROUP))["status"] == "succeeded"


def test_a_status_is_three_statements(people: People, program: Program, kind: Kind) -> None:
    made(people, kind)
    train(program, kind)
    worker_runs(people)
    told = queries_of(lambda: status(program, kind))
    assert len([text for text in told if "galleries_" in text]) == 3
