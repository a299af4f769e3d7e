"""Copying person groups over: how folders are read, what is refused, and the real engine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.access import across_teams
from accounts.models import Team
from compat.face_v1.tests.helpers import Program
from conftest import People
from galleries.models import EnrolledFace, Gallery, Subject
from media_jobs.tasks import detect_picture
from tests.fakes import EngineOfPeople, people_picture

from .group_helpers import ADA, BOB, EVE, ids_in, rows, run, write


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    """Two groups, one described by what the service before said of it."""
    place = tmp_path / "groups"
    write(
        place,
        {
            "staff/Ada Lovelace/1.png": people_picture(1),
            "staff/Ada Lovelace/later/2.png": people_picture(1, view=1),
            f"staff/{BOB.upper()}/1.png": people_picture(2),
            "staff/persons.json": json.dumps(
                [
                    {
                        "personId": ADA,
                        "name": "Ada Lovelace",
                        "userData": "desk 4",
                        "persistedFaceIds": [EVE],
                    },
                    {"personId": BOB, "name": "Bob", "userData": None, "persistedFaceIds": []},
                    {"personId": EVE, "name": "Eve", "persistedFaceIds": []},
                ]
            ).encode(),
            "staff/group.json": json.dumps(
                {
                    "personGroupId": "staff",
                    "name": "Our staff",
                    "userData": "all of it",
                    "recognitionModel": "recognition_04",
                }
            ).encode(),
            "guests/Zoë/1.png": people_picture(4),
        },
    )
    return place


# --- How a folder is read -----------------------------------------------------------------------------
def test_a_folder_of_persons_is_one_group_by_its_name_or_by_the_id_that_is_given(
    in_team: Team, folder: Path, workers: EngineOfPeople
) -> None:
    run(folder / "guests", in_team)
    run(folder / "guests", in_team, group="visitors")
    run(folder / "staff", in_team)
    assert sorted(Gallery.objects.values_list("key", flat=True)) == ["guests", "staff", "visitors"]


def test_a_group_of_which_only_a_list_is_there_comes_over_without_faces(
    in_team: Team, tmp_path: Path, workers: EngineOfPeople
) -> None:
    write(tmp_path, {"all/staff/persons.json": b'[{"name": "Ada"}, {"NAME": "Bob", "userdata": "x"}]'})
    run(tmp_path / "all", in_team)
    assert rows() == (1, 2, 0)
    run(tmp_path / "all", in_team)
    assert rows() == (1, 2, 0)
    assert Subject.objects.get(name="Bob").notes == "x"


def test_names_with_accents_are_the_same_however_the_file_system_writes_them(
    in_team: Team, tmp_path: Path, workers: EngineOfPeople
) -> None:
    listed = json.dumps([{"personId": ADA, "name": "Zo\u00eb"}]).encode()
    write(tmp_path / "staff", {"persons.json": listed, "Zoe\u0308/1.png": people_picture(1)})
    run(tmp_path / "staff", in_team)
    assert (rows(), Subject.objects.get().external_id) == ((1, 1, 1), ADA)


TWO_ADAS: list[dict[str, str]] = [{"personId": ADA, "name": "Ada"}, {"personId": BOB, "name": "Ada"}]


def test_two_persons_of_one_name_are_told_apart_by_their_ids(
    in_team: Team, tmp_path: Path, workers: EngineOfPeople
) -> None:
    write(tmp_path / "staff", {"persons.json": json.dumps(TWO_ADAS).encode()})
    write(tmp_path / "staff", {f"{ADA}/1.png": people_picture(1), f"{BOB}/1.png": people_picture(2)})
    run(tmp_path / "staff", in_team)
    assert set(EnrolledFace.objects.values_list("subject__external_id", flat=True)) == {ADA, BOB}


WRONG: dict[str, tuple[dict[str, bytes], str]] = {
    "nothing": ({"staff/readme": b""}, "no folder of a person"),
    "broken": ({"staff/persons.json": b"[{"}, "persons.json cannot be read as JSON"),
    "no list": ({"staff/persons.json": b"{}"}, "has to hold a list of persons"),
    "no object": ({"staff/persons.json": b"[1]"}, "entry 1 is no object"),
    "group no object": ({"staff/group.json": b"[]", "staff/A/1.png": b"x"}, "has to hold an object"),
    "no name": ({"staff/persons.json": b'[{"personId": "%s"}]' % ADA.encode()}, "entry 1: 'name' is empty"),
    "long name": ({"staff/persons.json": b'[{"name": "%s"}]' % (b"x" * 129)}, "entry 1: 'name' is too long"),
    "long data": (
        {"staff/persons.json": b'[{"name": "x", "userData": "%s"}]' % (b"x" * 16_385)},
        "'userData' is too long",
    ),
    "no id": ({"staff/persons.json": b'[{"name": "x", "personId": "17"}]'}, "entry 1: Person ID is invalid"),
    "one id twice": ({"staff/persons.json": json.dumps([TWO_ADAS[0]] * 2).encode()}, "twice"),
    "one name twice": ({"staff/persons.json": b'[{"name": "x"}, {"name": "x"}]'}, "'x' twice"),
    "whose folder": (
        {"staff/persons.json": json.dumps(TWO_ADAS).encode(), "staff/Ada/1.png": b"x"},
        "has 2 persons of this name. Call their folders by personId",
    ),
    "group id": ({"Our Staff/Ada/1.png": b"x"}, "Person group ID is invalid"),
    "model": (
        {"staff/group.json": b'{"recognitionModel": "recognition_09"}', "staff/A/1.png": b"x"},
        "'recognitionModel' is invalid",
    ),
    "long folder": ({f"staff/{'x' * 129}/1.png": b"x"}, "cannot be the folder of a person"),
    "odd folder": ({"staff/a\\b/1.png": b"x"}, "cannot be the folder of a person"),
    "empty name": ({"staff/ /1.png": b"x"}, "cannot be the folder of a person"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_said_before_anything_is_made(
    in_team: Team,
    tmp_path: Path,
    workers: EngineOfPeople,
    queued: Callable[[], int],
    stored_files: Callable[[], list[str]],
    what: str,
) -> None:
    files, said = WRONG[what]
    write(tmp_path / "all", {"a-good-one/Ada/1.png": people_picture(1)} if what != "nothing" else {})
    write(tmp_path / "all", files)
    if what == "nothing":
        (tmp_path / "all/staff/readme").unlink()
    with pytest.raises(CommandError, match=said):
        run(tmp_path / "all", in_team, ids=tmp_path / "ids.json")
    assert (rows(), queued(), stored_files()) == ((0, 0, 0), 0, [])
    assert not (tmp_path / "ids.json").exists()


def test_options_that_cannot_be_are_said_before_anything_is_made(
    in_team: Team, folder: Path, tmp_path: Path, workers: EngineOfPeople
) -> None:
    with pytest.raises(CommandError, match="is no folder"):
        run(tmp_path / "none", in_team)
    with pytest.raises(CommandError, match="is no folder"):
        run(folder, in_team, ids=tmp_path / "none" / "ids.json")
    with pytest.raises(CommandError, match="outside of the folder"):
        run(folder, in_team, ids=folder / "staff" / "ids.json")
    with pytest.raises(CommandError, match="no team"):
        call_command("import_person_groups", str(folder), team="green")
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("import_person_groups", str(folder), "--team=blue", "--recognition-model=recognition_09")
    assert rows() == (0, 0, 0)


def test_a_group_that_compares_by_another_name_of_the_model_is_left_alone(
    people: People, in_team: Team, folder: Path, workers: EngineOfPeople
) -> None:
    body = {"name": "x", "recognitionModel": "recognition_03"}
    assert Program(people.key()).put("/persongroups/staff", body).status_code == 200
    with pytest.raises(CommandError, match="with recognition_03 and not with recognition_04"):
        run(folder, in_team)
    assert rows() == (1, 0, 0)
    run(folder, in_team, recognition_model="recognition_03", group="")
    assert rows() == (2, 4, 4)


def test_no_other_team_sees_or_gets_anything(
    in_team: Team, others: People, folder: Path, workers: EngineOfPeople
) -> None:
    assert Program(others.key()).put("/persongroups/staff", {"name": "theirs"}).status_code == 200
    run(folder, in_team)
    assert rows() == (2, 4, 4)
    with across_teams():
        assert Gallery.objects.get(team=others.team).name == "theirs"
        assert not Subject.objects.filter(team=others.team).exists()


# --- The real engine --------------------------------------------------------------------------------
def test_the_people_of_the_sample_photos_come_over_and_are_identified(
    people: People,
    in_team: Team,
    tmp_path: Path,
    real_workers: None,
    astronaut: bytes,
    grace_hopper: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(
        tmp_path / "staff",
        {"Eileen Collins/official.png": astronaut, "Grace Hopper/official.jpg": grace_hopper},
    )
    run(tmp_path / "staff", in_team, recognition_model="recognition_04", ids=tmp_path / "ids.json")
    ids = {row["personId"]: name for name, row in ids_in(tmp_path / "ids.json").items()}
    monkeypatch.setattr("django.conf.settings.DETECT_DEADLINE_SECONDS", 60)

    def look(*, kwargs: dict[str, Any], queue: str, expires: float, **_: Any) -> None:
        detect_picture(**kwargs)

    monkeypatch.setattr(detect_picture, "apply_async", look)
    program = Program(people.key())
    for content, name in ((astronaut, "Eileen Collins"), (grace_hopper, "Grace Hopper")):
        (face,) = program.picture("/detect", content, recognitionModel="recognition_04").json()
        body = {"faceIds": [face["faceId"]], "personGroupId": "staff"}
        (answer,) = program.post("/identify", body).json()
        assert [ids[one["personId"]] for one in answer["candidates"]] == [name]
