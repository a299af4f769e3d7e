"""Copying person groups over: what is made, again and by halves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from accounts.models import Plan, Team, TeamUsage
from compat.face_v1 import group_import
from compat.face_v1.kinds import LARGE_PERSON_GROUP, PERSON_GROUP, Kind
from compat.face_v1.tests.helpers import Program
from conftest import People
from galleries import folder_import
from galleries.erasure import subjects_erase
from galleries.jobs import job_cancel
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject, TrainedState
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


# --- What comes over ------------------------------------------------------------------------------------
def test_groups_persons_faces_and_ids_come_over_and_programs_find_them(
    people: People,
    in_team: Team,
    folder: Path,
    workers: EngineOfPeople,
    engine: EngineOfPeople,
    tmp_path: Path,
    stored_files: Callable[[], list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(folder, in_team, ids=tmp_path / "ids.json")
    assert rows() == (2, 4, 4)
    ids = ids_in(tmp_path / "ids.json")
    assert {name: row.get("oldPersonId") for name, row in ids.items()} == {
        "Ada Lovelace": ADA,
        "Bob": BOB,
        "Eve": EVE,
        "Zoë": None,
    }
    program = Program(people.key())
    group = program.get("/persongroups/staff", returnRecognitionModel="true").json()
    assert group == {
        "personGroupId": "staff",
        "name": "Our staff",
        "userData": "all of it",
        "recognitionModel": "recognition_04",
    }
    ada = program.get(f"/persongroups/staff/persons/{ids['Ada Lovelace']['personId']}").json()
    assert (ada["name"], ada["userData"]) == ("Ada Lovelace", "desk 4")
    assert sorted(ada["persistedFaceIds"]) == sorted(ids["Ada Lovelace"]["persistedFaceIds"].values())
    assert set(ids["Ada Lovelace"]["persistedFaceIds"]) == {"Ada Lovelace/1.png", "Ada Lovelace/later/2.png"}
    assert program.get("/persongroups/guests", returnRecognitionModel="true").json() == {
        "personGroupId": "guests",
        "name": "guests",
        "recognitionModel": "recognition_01",
    }
    (face,) = program.picture("/detect", people_picture(2, view=3), recognitionModel="recognition_04").json()
    body = {"faceIds": [face["faceId"]], "personGroupId": "staff"}
    (answer,) = program.post("/identify", body).json()
    assert [one["personId"] for one in answer["candidates"]] == [ids["Bob"]["personId"]]
    # No picture stays; the archives go when the jobs' ends are committed.
    assert {name.rpartition(".")[2] for name in stored_files()} == {"zip"}
    assert not GalleryJob.objects.exclude(file="").exists()
    said = capsys.readouterr()
    assert "staff: Eve has no face." in said.err
    assert "staff: 3 persons (3 new), 3 faces added, 0 there already, 0 photos refused, trained." in said.out
    assert "2 groups, 4 persons, 4 faces added, 0 there already, 0 photos refused." in said.out


@pytest.mark.parametrize("kind", [PERSON_GROUP, LARGE_PERSON_GROUP], ids=lambda kind: kind.namespace)
def test_a_group_copied_over_is_like_one_that_a_program_makes(
    people: People, in_team: Team, folder: Path, workers: EngineOfPeople, kind: Kind
) -> None:
    made = Program(people.key()).put(f"/{kind.path}/by-program", {"name": "x"})
    assert made.status_code == 200
    run(folder / "guests", in_team, large=kind is LARGE_PERSON_GROUP)
    own = {"id", "key", "name", "created_at", "changed_at"}
    one, other = Gallery.objects.order_by("key").values()
    assert (one["key"], other["key"]) == ("by-program", "guests")
    assert {name: value for name, value in one.items() if name not in own} == {
        name: value for name, value in other.items() if name not in own
    }
    assert one["namespace"] == kind.namespace


def test_run_again_it_makes_nothing_twice_and_takes_what_is_new(
    in_team: Team,
    folder: Path,
    workers: EngineOfPeople,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(folder, in_team, ids=tmp_path / "first.json")
    jobs = GalleryJob.objects.count()
    used = TeamUsage.objects.get(team=in_team).pictures
    capsys.readouterr()
    run(folder, in_team, ids=tmp_path / "second.json")
    assert "2 groups, 4 persons, 0 faces added, 4 there already" in capsys.readouterr().out
    assert (GalleryJob.objects.count(), TeamUsage.objects.get(team=in_team).pictures) == (jobs, used)
    assert ids_in(tmp_path / "first.json") == ids_in(tmp_path / "second.json")
    write(folder, {"staff/Eve/1.png": people_picture(5), "guests/Zoë/2.png": people_picture(4, view=2)})
    run(folder, in_team, ids=tmp_path / "third.json")
    third = ids_in(tmp_path / "third.json")
    assert third["Eve"]["personId"] == ids_in(tmp_path / "first.json")["Eve"]["personId"]
    assert rows() == (2, 4, 6)
    # Both groups have changed, and were trained anew.
    assert sorted(state.face_count for state in TrainedState.objects.all()) == [2, 4]


def test_a_folder_that_is_described_later_is_still_the_same_people(
    in_team: Team, folder: Path, workers: EngineOfPeople, tmp_path: Path
) -> None:
    described = (folder / "staff/persons.json").rename(tmp_path / "persons.json")
    (folder / "staff" / BOB.upper()).rename(folder / "staff" / "Bob")
    run(folder, in_team, ids=tmp_path / "first.json")
    described.rename(folder / "staff/persons.json")
    run(folder, in_team, ids=tmp_path / "second.json")
    first, second = ids_in(tmp_path / "first.json"), ids_in(tmp_path / "second.json")
    assert rows() == (2, 4, 4)
    assert second["Bob"]["personId"] == first["Bob"]["personId"]
    assert (first["Bob"].get("oldPersonId"), second["Bob"]["oldPersonId"]) == (None, BOB)


def test_every_photo_that_is_refused_is_named_with_the_reason(
    in_team: Team, folder: Path, workers: EngineOfPeople, capsys: pytest.CaptureFixture[str]
) -> None:
    write(
        folder,
        {
            "staff/Ada Lovelace/two.png": people_picture(1, 2),
            "staff/Ada Lovelace/none.png": people_picture(),
            "staff/Ada Lovelace/words.txt": b"no picture at all " * 80,
            "staff/loose.png": people_picture(1),
            "outside.png": people_picture(1),
            "guests/Nobody/cut.png": people_picture(4)[:1500],
            "guests/Nobody/.DS_Store": b"left behind",
        },
    )
    (folder / "guests/Nobody/link.png").symlink_to(folder / "outside.png")
    (folder / "guests/Zoë/closed.png").write_bytes(b"x" * 2000)
    with pytest.raises(SystemExit) as end:
        run(folder, in_team)
    assert end.value.code == 1
    said = capsys.readouterr()
    lines = dict(
        line.split(": ", 1) for line in said.err.splitlines() if ".png: " in line or ".txt: " in line
    )
    assert set(lines) == {
        "staff/Ada Lovelace/two.png",
        "staff/Ada Lovelace/none.png",
        "staff/Ada Lovelace/words.txt",
        "staff/loose.png",
        "outside.png",
        "guests/Nobody/cut.png",
        "guests/Zoë/closed.png",
    }
    assert lines["staff/Ada Lovelace/two.png"].startswith("There are 2 faces")
    assert lines["staff/loose.png"] == "It lies in no folder of a person."
    assert "7 photos refused." in said.out
    # The others came over all the same, and ids are told.
    assert (EnrolledFace.objects.count(), TrainedState.objects.count()) == (4, 2)
    assert f"staff: {ADA} -> {Subject.objects.get(external_id=ADA).pk} Ada Lovelace" in said.out


def test_a_photo_that_cannot_be_read_is_named(
    in_team: Team,
    folder: Path,
    workers: EngineOfPeople,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    usual = Path.open

    def opened(path: Path, *args: Any, **options: Any) -> Any:
        if path.parent.name == "Zoë":
            raise PermissionError(13, "Permission denied")
        return usual(path, *args, **options)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(SystemExit):
        run(folder, in_team)
    assert "guests/Zoë/1.png: It cannot be read: Permission denied." in capsys.readouterr().err
    assert rows() == (2, 4, 3)


def test_more_photos_than_a_job_can_tell_of_are_sent_in_parts(
    in_team: Team, tmp_path: Path, workers: EngineOfPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_import, "MOST_PHOTOS", 2)
    write(tmp_path / "vips", {f"P{number}/1.png": people_picture(number) for number in range(5)})
    run(tmp_path / "vips", in_team, train=False)
    assert rows() == (1, 5, 5)
    assert GalleryJob.objects.filter(kind="import").count() == 3
    # Nobody wanted it trained.
    assert not GalleryJob.objects.filter(kind="train").exists()


def test_what_was_stopped_in_the_middle_goes_on_without_doubles(
    in_team: Team, tmp_path: Path, workers: EngineOfPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_import, "LOOK_AT", 1)
    write(tmp_path / "vips", {f"P{number}/1.png": people_picture(number) for number in range(5)})
    usual = folder_import._read
    turns = iter(range(100))

    def read(job: GalleryJob, *args: Any) -> Any:
        if next(turns) == 2:
            job_cancel(job=job)
        return usual(job, *args)

    monkeypatch.setattr(folder_import, "_read", read)
    with pytest.raises(CommandError, match="was cancelled"):
        run(tmp_path / "vips", in_team, ids=tmp_path / "ids.json")
    assert rows() == (1, 5, 2)
    # Who was copied before the stop has ids already.
    assert len(ids_in(tmp_path / "ids.json")) == 5
    run(tmp_path / "vips", in_team, ids=tmp_path / "ids.json")
    assert rows() == (1, 5, 5)


def test_a_month_without_pictures_left_ends_it_with_the_reason(
    in_team: Team, folder: Path, workers: EngineOfPeople
) -> None:
    in_team.plan = Plan.objects.create(name="small", pictures_per_month=1)
    in_team.save()
    with pytest.raises(CommandError, match="month"):
        run(folder, in_team)
    # The group with one photo came through; it comes first.
    assert set(EnrolledFace.objects.values_list("subject__name", flat=True)) == {"Zoë"}


def test_who_was_erased_meanwhile_is_made_anew(
    in_team: Team, folder: Path, workers: EngineOfPeople, tmp_path: Path
) -> None:
    run(folder, in_team, ids=tmp_path / "first.json")
    subjects_erase(team=in_team, subject_ids=[Subject.objects.get(external_id=BOB).pk])
    run(folder, in_team, ids=tmp_path / "second.json")
    first, second = ids_in(tmp_path / "first.json"), ids_in(tmp_path / "second.json")
    assert first["Bob"]["personId"] != second["Bob"]["personId"]
    assert first["Ada Lovelace"] == second["Ada Lovelace"]
