"""Folders of photos, one per person: uploaded as a ZIP, or by `manage.py import_people`."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Plan, Team, TeamUsage
from galleries import folder_import
from galleries.archive_import import import_start
from galleries.enrolment import face_enrol_found
from galleries.jobs import job_run
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject
from galleries.services import gallery_create, subject_create
from media_jobs.leases import LeaseLost
from media_jobs.tests.pictures import encoded, noise
from tests.fakes import EngineOfPeople, people_picture

from .moving_helpers import done, rows_of, zipped

Names = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> EngineOfPeople:
    made = EngineOfPeople()
    monkeypatch.setattr(folder_import, "worker_engine", lambda **_: made)
    return made


def tree() -> dict[str, bytes]:
    return {
        "people/Ada/1.png": people_picture(1),
        "people/Ada/2.png": people_picture(1, view=1),
        "people/Bob Builder/1.png": people_picture(2),
        "people/Bob Builder/with Eve.png": people_picture(2, 3),
        "people/Nobody/empty.png": people_picture(),
        "people/Nobody/broken.png": people_picture(4)[:1500],
        "people/Nobody/notes.txt": b"no picture at all, only words " * 50,
        "loose.png": people_picture(5),
        "__MACOSX/people/Ada/._1.png": b"x" * 2000,
    }


def sent(team: Team, files: dict[str, bytes], gallery: Gallery | None = None, **wishes: Any) -> GalleryJob:
    content = zipped(files)
    return import_start(team=team, file=io.BytesIO(content), size=len(content), gallery=gallery, **wishes)


def used(team: Team) -> int:
    return TeamUsage.objects.get(team=team).pictures


def test_each_folder_becomes_a_person_and_what_cannot_be_enrolled_is_noted(
    in_team: Team, stored_files: Names
) -> None:
    job = done(sent(in_team, tree(), settings_given={"name": "Guests"}))
    assert (job.status, job.done, job.total, job.failed) == ("succeeded", 8, 8, 5)
    assert {note["entry"]: note["code"] for note in job.notes} == {
        "people/Bob Builder/with Eve.png": "several_faces",
        "people/Nobody/empty.png": "face_not_found",
        "people/Nobody/broken.png": "picture_truncated",
        "people/Nobody/notes.txt": "format_not_supported",
        "loose.png": "import_photo_of_nobody",
    }
    gallery = job.gallery
    assert gallery is not None
    assert gallery.name == "Guests"
    faces = EnrolledFace.objects.filter(gallery=gallery).order_by("subject__name", "created_at")
    found = [(face.subject and face.subject.external_id, face.quality) for face in faces]
    assert found == [("Ada", "high"), ("Ada", "high"), ("Bob Builder", "high")]
    # Nobody is made of whom there is no usable photo, and only what was enrolled counts as analysed.
    assert sorted(Subject.objects.values_list("name", flat=True)) == ["Ada", "Bob Builder"]
    assert used(in_team) == 3
    assert len([name for name in stored_files() if name.endswith(".jpg")]) == 3
    assert job.file == "", "the archive is let go of when all is done"


def test_the_same_folder_twice_enrols_nobody_twice(in_team: Team) -> None:
    gallery = gallery_create(team=in_team, name="Guests", allow_duplicates=True)
    for _ in range(2):
        job = done(sent(in_team, tree(), gallery))
        assert (job.status, rows_of(gallery)) == ("succeeded", (2, 3))
    assert used(in_team) == 3


def test_a_folder_that_has_the_external_id_of_somebody_is_theirs(in_team: Team) -> None:
    gallery = gallery_create(team=in_team, name="Guests")
    ada = subject_create(gallery=gallery, name="Countess Lovelace", external_id="Ada")
    done(sent(in_team, {"Ada/1.png": people_picture(1)}, gallery))
    assert rows_of(gallery) == (1, 1)
    assert ada.faces.count() == 1


def test_an_import_that_was_stopped_goes_on_without_doubles(
    in_team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_import, "LOOK_AT", 2)
    job = sent(in_team, {f"P{number}/1.png": people_picture(number) for number in range(7)})
    usual = face_enrol_found
    turns = iter(range(100))

    def dies(**arguments: Any) -> Any:
        if next(turns) == 3:
            raise LeaseLost
        return usual(**arguments)

    monkeypatch.setattr(folder_import, "face_enrol_found", dies)
    half = done(job)
    assert half.status == "running"
    assert half.gallery is not None
    assert rows_of(half.gallery) == (3, 3)
    over = done(job)
    assert (over.status, over.done, over.failed) == ("succeeded", 7, 0)
    assert rows_of(half.gallery) == (7, 7)


def test_poor_pictures_are_refused_where_the_gallery_says_so(in_team: Team, engine: EngineOfPeople) -> None:
    gallery = gallery_create(team=in_team, name="Guests", quality_policy="refuse")
    engine.quality = engine.quality.__class__(0.9, "High", 0.5, "GoodExposure", 0.1, "Low", "low")
    job = done(sent(in_team, {"Ada/1.png": people_picture(1)}, gallery))
    assert (job.status, job.failed) == ("succeeded", 1)
    assert rows_of(gallery) == (0, 0)
    assert job.notes[0]["code"].startswith("face_")
    assert used(in_team) == 0


def test_without_pictures_left_in_the_month_nothing_is_looked_at(in_team: Team) -> None:
    in_team.plan = Plan.objects.create(name="small", pictures_per_month=1)
    in_team.save()
    job = done(sent(in_team, {f"P{number}/1.png": people_picture(number) for number in range(3)}))
    assert (job.status, job.error_code) == ("failed", "quota_pictures")
    assert not EnrolledFace.objects.exists()
    assert used(in_team) == 0


def test_a_name_that_leads_out_of_the_archive_is_noted(in_team: Team) -> None:
    files = {"../../etc/Ada/1.png": people_picture(1), "Bob/1.png": people_picture(2)}
    job = done(sent(in_team, files))
    assert [note["code"] for note in job.notes] == ["archive_entry_path"]
    assert list(Subject.objects.values_list("name", flat=True)) == ["Bob"]


def test_a_person_with_too_long_a_name_is_noted(in_team: Team) -> None:
    job = done(sent(in_team, {f"{'x' * 140}/1.png": people_picture(1), "Bob/1.png": people_picture(2)}))
    assert [note["code"] for note in job.notes] == ["import_photo_of_nobody"]


# --- From a shell -------------------------------------------------------------------------------------
@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    for name, content in tree().items():
        path = tmp_path / "lot" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "lot" / "people" / "link.png").symlink_to(tmp_path / "lot" / "loose.png")
    return tmp_path / "lot"


@pytest.fixture()
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that begins with a job as soon as somebody waits for it."""

    def work(seconds: float) -> None:
        for job in GalleryJob.objects.filter(status="queued"):
            job_run(job_id=job.pk)

    monkeypatch.setattr("galleries.folder_send.time.sleep", work)


def test_the_command_imports_a_folder_and_says_what_was_wrong(
    in_team: Team, folder: Path, at_once: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        call_command("import_people", str(folder), team=str(in_team.pk), gallery="guests")
    assert end.value.code == 1
    said = capsys.readouterr()
    assert "with Eve.png: There are 2 faces" in said.err or "with Eve.png:" in said.err
    assert "3 faces" in said.out
    gallery = Gallery.objects.get(key="guests")
    assert rows_of(gallery) == (2, 3)
    with pytest.raises(SystemExit):
        call_command("import_people", str(folder), team=str(in_team.pk), gallery="guests")
    assert rows_of(gallery) == (2, 3)


def test_the_command_divides_what_is_too_much_for_one_archive(
    in_team: Team, tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from galleries.management.commands import import_people

    monkeypatch.setattr(import_people, "MOST_FILES", 2)
    for number in range(5):
        (tmp_path / f"P{number}").mkdir()
        (tmp_path / f"P{number}" / "1.png").write_bytes(people_picture(number))
    call_command("import_people", str(tmp_path), team=in_team.name, gallery="guests")
    assert rows_of(Gallery.objects.get()) == (5, 5)
    assert GalleryJob.objects.count() == 3


def test_the_command_refuses_what_is_no_folder_or_holds_nothing(in_team: Team, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(noise(40, 40, 1), "PNG"))
    with pytest.raises(CommandError, match="is no folder"):
        call_command("import_people", str(tmp_path / "none"), team=in_team.name, gallery="guests")
    with pytest.raises(CommandError, match="no folder of a person"):
        call_command("import_people", str(tmp_path), team=in_team.name, gallery="guests")
    with pytest.raises(CommandError, match="no team"):
        call_command("import_people", str(tmp_path), team="green", gallery="guests")
    assert not Gallery.objects.exists()
