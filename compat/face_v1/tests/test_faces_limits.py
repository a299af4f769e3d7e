"""Faces of persons and lists: limits, and what else sees them."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest

from accounts.access import team_scope
from accounts.models import Plan, Scope, UsageDay
from compat.face_v1.kinds import FACE_LIST, KINDS, PERSON_GROUP, Kind
from conftest import People
from galleries import enrolment
from galleries.jobs import job_run
from galleries.models import EnrolledFace, FaceLabel, Gallery, GalleryJob
from galleries.probes import picture_probe
from galleries.services import gallery_change
from galleries.tests.helpers import enrol
from galleries.tests.people_helpers import analysed, trained
from galleries.tests.test_training_at_once import in_thread
from media_jobs.tests.helpers import at_once
from tests.fakes import EngineOfPeople, embedding_of, people_picture

from .face_helpers import LISTS, Refused, added, each_kind, kept, place, within
from .helpers import BYTES, Program


# --- Limits -------------------------------------------------------------------------------------------
@LISTS
def test_a_list_holds_so_many_faces(
    program: Program,
    kind: Kind,
    engine: EngineOfPeople,
    refused: Refused,
    asked: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(vars(kind), "most_faces", 2)
    faces = place(program, kind)
    one = added(program, faces, 1)
    added(program, faces, 1)
    message = refused(partial(program.picture, faces, people_picture(1)), 403, "QuotaExceeded")
    assert message.startswith("Persisted face number reached limit. The gallery may hold 2 faces")
    assert len(asked) == 2, "no worker looks at a picture in vain"
    program.delete(f"{faces}/{one}")
    added(program, faces, 1)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_do_not_go_over_the_limit(
    people: People, program: Program, engine: EngineOfPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(FACE_LIST), "most_faces", 3)
    faces = place(program, FACE_LIST)
    answers: list[int] = []
    at_once(8, lambda: answers.append(program.picture(faces, people_picture(1)).status_code))
    assert sorted(answers) == [200] * 3 + [403] * 5
    assert len(kept(people)) == 3
    with team_scope(people.team):
        # What was refused under the lock was looked at, and does not count.
        assert (UsageDay.objects.get().pictures, UsageDay.objects.get().faces) == (3, 3)


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind.most_persons], ids=lambda kind: kind.namespace
)
def test_a_person_has_248_faces(
    people: People,
    program: Program,
    kind: Kind,
    engine: EngineOfPeople,
    refused: Refused,
) -> None:
    faces = place(program, kind)
    added(program, faces, 1)
    with team_scope(people.team):
        subject = EnrolledFace.objects.get().subject
        assert subject is not None
        enrol(subject, *[embedding_of(1)] * 246)
    added(program, faces, 1)
    message = refused(partial(program.picture, faces, people_picture(1)), 403, "QuotaExceeded")
    assert message == "Persisted face number reached limit. A person can have 248 faces."
    added(program, within(program, kind), 1)


@each_kind
def test_limits_of_the_team_hold_here_too(
    people: People, program: Program, kind: Kind, engine: EngineOfPeople, refused: Refused
) -> None:
    faces = place(program, kind)
    people.team.plan = Plan.objects.create(name="Small", stored_faces=1, pictures_per_month=3)
    people.team.save()
    added(program, faces, 1)
    send = partial(program.picture, faces, people_picture(2))
    body = program.picture(faces, people_picture(2)).json()["error"]
    assert (body["code"], body["statusCode"]) == ("QuotaExceeded", 403)
    assert refused(send, 403, "QuotaExceeded").startswith("Persisted face number reached limit.")
    people.team.plan.pictures_per_month = 1
    people.team.plan.save()
    assert refused(send, 403, "QuotaExceeded").startswith("Out of call volume quota.")


def test_adding_needs_a_key_that_may_analyse(
    people: People, program: Program, engine: EngineOfPeople, refused: Refused
) -> None:
    faces = place(program, PERSON_GROUP)
    reader = Program(people.key(Scope.READ))
    face = added(Program(people.key(Scope.READ, Scope.ANALYZE)), faces, 1)
    assert reader.get(f"{faces}/{face}").status_code == 200
    refused(partial(reader.picture, faces, people_picture(1)), 403, "Forbidden")
    refused(partial(reader.delete, f"{faces}/{face}"), 403, "Forbidden")


# --- Beside everything else -----------------------------------------------------------------------------
def test_what_goes_while_a_worker_looks_gets_no_face(
    people: People, program: Program, engine: EngineOfPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = place(program, PERSON_GROUP)
    usual = picture_probe

    def erased_meanwhile(**wishes: Any) -> Any:
        probe = usual(**wishes)
        program.delete("/persongroups/staff")
        return probe

    monkeypatch.setattr(enrolment, "picture_probe", erased_meanwhile)
    answer = program.picture(faces, people_picture(1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "PersonGroupNotFound")
    assert kept(people) == []
    with team_scope(people.team):
        assert UsageDay.objects.get().pictures == 0


def test_a_group_names_people_on_photos_once_the_team_wants_it(
    people: People, program: Program, engine: EngineOfPeople, stored_files: Callable[[], list[str]]
) -> None:
    faces = place(program, PERSON_GROUP)
    added(program, faces, 1)
    with team_scope(people.team):
        analysed(people.team, 1)
        gallery = Gallery.objects.get()
        trained(gallery)
        assert not FaceLabel.objects.exists()
        gallery_change(gallery=gallery, label_photos=True, keep_crops=True)
        trained(gallery)
        (label,) = FaceLabel.objects.all()
        assert label.subject is not None
        assert label.subject.name == "Ada"
    added(program, faces, 1)
    assert kept(people)[-1].crop in stored_files()


@pytest.mark.django_db(transaction=True)
def test_a_program_with_eight_threads_fills_a_group_trains_it_and_identifies(
    people: People, engine: EngineOfPeople, live_server: Any
) -> None:
    """As programs do it: persons and their faces at once, over real connections, from an empty team."""
    key = {"Ocp-Apim-Subscription-Key": people.key()}
    with httpx.Client(base_url=f"{live_server}/face/v1.0/", headers=key, timeout=60) as client:
        fill(client)
        assert client.post("persongroups/staff/train").status_code == 202
        with team_scope(people.team):
            job = GalleryJob.objects.get(kind=GalleryJob.Kind.TRAIN)
        worker = in_thread(partial(job_run, job_id=job.pk))
        end = time.monotonic() + 60
        while (status := client.get("persongroups/staff/training").json()["status"]) == "running":
            assert time.monotonic() < end
            time.sleep(0.05)
        worker.join()
        assert status == "succeeded"
        detected = client.post(
            "detect", content=people_picture(3, 40, view=9), headers={"Content-Type": BYTES}
        )
        ids = [face["faceId"] for face in sent(detected).json()]
        question = {"personGroupId": "staff", "faceIds": ids}
        answers = sent(client.post("identify", json=question)).json()
        known = {one["personId"]: one["name"] for one in client.get("persongroups/staff/persons").json()}
    found = {one["faceId"]: [known[who["personId"]] for who in one["candidates"]] for one in answers}
    assert found == {ids[0]: ["Person 3"], ids[1]: []}


def fill(client: httpx.Client) -> None:
    """Make a group with eight persons of three faces each, by eight threads at once."""
    sent(client.put("persongroups/staff", json={"name": "Staff"}))
    with ThreadPoolExecutor(8) as threads:

        def add_person(number: int) -> tuple[int, str]:
            made = client.post("persongroups/staff/persons", json={"name": f"Person {number}"})
            return number, sent(made).json()["personId"]

        def add_face(who: tuple[int, str], view: int) -> str:
            number, person = who
            path = f"persongroups/staff/persons/{person}/persistedFaces"
            picture = people_picture(number, view=view)
            made = client.post(path, content=picture, headers={"Content-Type": BYTES})
            return str(sent(made).json()["persistedFaceId"])

        persons = list(threads.map(add_person, range(8)))
        pairs = [(person, view) for view in range(3) for person in persons]
        faces = list(threads.map(lambda pair: add_face(*pair), pairs))
    listed = sent(client.get("persongroups/staff/persons")).json()
    assert sorted(face for one in listed for face in one["persistedFaceIds"]) == sorted(faces)
    assert {len(one["persistedFaceIds"]) for one in listed} == {3}


def sent(answer: httpx.Response) -> httpx.Response:
    """An answer that is none of an error."""
    assert answer.status_code == 200, answer.text
    return answer
