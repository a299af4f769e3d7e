"""Archives with something wrong in them: refused as a whole, or without the entry that is wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage

from accounts.access import across_teams
from accounts.models import Plan, Team
from galleries.archive_format import vector_text
from galleries.models import MAX_FACES_PER_SUBJECT, EnrolledFace, Gallery, GalleryJob, Subject
from galleries.refusals import Refusal
from galleries.services import gallery_create, subject_create
from media_jobs.tests.batch_helpers import zip_of
from tests.fakes import embedding_of

from .helpers import enrol
from .moving_helpers import (
    FACES,
    SUBJECTS,
    Files,
    changed,
    exported,
    imported,
    manifest_of,
    rows_of,
    started,
    with_crops,
    with_lines,
    zipped,
)

Names = Callable[[], list[str]]


@pytest.fixture()
def nothing_left(stored_files: Names) -> Callable[[Gallery], None]:
    """Call it after a refusal: nobody, no job and no file came of it."""

    def check(gallery: Gallery) -> None:
        assert list(Gallery.objects.all()) == [gallery]
        assert not GalleryJob.objects.filter(kind="import").exists()
        assert not [name for name in stored_files() if "/archives/" in name]

    return check


def refused(team: Team, files: Files | bytes, gallery: Gallery | None = None, **wishes: Any) -> str:
    """The code of the refusal. The team's only gallery is as it was."""
    [only] = Gallery.objects.all()
    before = rows_of(only)
    with pytest.raises(Refusal) as refusal:
        started(team, files, gallery, **wishes)
    assert rows_of(only) == before
    return refusal.value.code


# --- What is wrong as a whole -------------------------------------------------------------------------
def _truncated(files: Files) -> Any:
    return zipped(files)[:-200]


def _garbage(files: Files) -> Any:
    return b"no archive at all" * 100


def _bomb(files: Files) -> Any:
    return {**files, "crops/x.jpg": b"\0" * 20_000_000}


WRONG: dict[str, tuple[str, Callable[[Files], Any]]] = {
    "cut off": ("archive_not_zip", _truncated),
    "no ZIP": ("archive_not_zip", _garbage),
    "a bomb": ("archive_bomb", _bomb),
    "a path leading out": ("archive_entry_path", lambda files: {**files, "../../etc/passwd": b"x"}),
    "an absolute path": ("archive_entry_path", lambda files: {**files, "/etc/passwd": b"x"}),
    "another manifest": ("archive_not_gallery", lambda files: {"manifest.json": b'{"format": "other"}'}),
    "a manifest that is no JSON": ("archive_manifest_wrong", lambda files: {**files, "manifest.json": b"{"}),
    "a later version": ("archive_version", lambda files: changed(files, version=2)),
    "no gallery in it": ("archive_manifest_wrong", lambda files: changed(files, gallery=None)),
    "no parts in it": ("archive_manifest_wrong", lambda files: changed(files, parts="all")),
    "unknown vectors": ("archive_manifest_wrong", lambda files: changed(files, vectors="float8")),
    "a name too long": (
        "archive_manifest_wrong",
        lambda files: changed(files, gallery={**manifest_of(files)["gallery"], "name": "x" * 200}),
    ),
    "a part missing": (
        "archive_part_missing",
        lambda files: {name: content for name, content in files.items() if name != FACES},
    ),
    "another vector size": (
        "vector_size_wrong",
        lambda files: changed(files, model={**manifest_of(files)["model"], "dimension": 512}),
    ),
    "another model": (
        "archive_other_model",
        lambda files: changed(files, model={"name": "arcface", "sha256": "0" * 64, "dimension": 512}),
    ),
    "another model without crops": (
        "archive_other_model_no_crops",
        lambda files: changed(
            files, crops=0, model={"name": "arcface", "sha256": "0" * 64, "dimension": 512}
        ),
    ),
    "nothing": ("import_empty", lambda files: zip_of({".DS_Store": b"x" * 2000})),
}


# The settings of a gallery that is there are its own, so those of the archive are not looked at then.
CASES = [
    pytest.param(wrong, new, id=f"{wrong}, {'new' if new else 'existing'} gallery")
    for wrong in WRONG
    for new in (False, True)
    if new or wrong != "a name too long"
]


@pytest.mark.parametrize(("wrong", "new"), CASES)
def test_a_wrong_archive_is_refused_at_once_and_nothing_appears(
    in_team: Team, wrong: str, new: bool, nothing_left: Callable[[Gallery], None]
) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    files = exported(gallery)
    GalleryJob.objects.update(file="")
    for name in list(_archives()):
        default_storage.delete(name)
    code, change = WRONG[wrong]
    assert refused(in_team, change(files), None if new else gallery) == code
    nothing_left(gallery)


def _archives() -> list[str]:
    with across_teams():
        folders = [str(pk) for pk in Team.objects.values_list("pk", flat=True)]
    found = []
    for folder in folders:
        place = f"teams/{folder}/galleries/archives"
        if default_storage.exists(place):
            found += [f"{place}/{name}" for name in default_storage.listdir(place)[1]]
    return found


def test_an_archive_over_the_limit_is_refused(in_team: Team, settings: Any) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    files = exported(gallery)
    settings.MAX_ARCHIVE_BYTES = 1000
    assert refused(in_team, files) == "archive_too_large"


def test_more_faces_than_the_team_may_have_are_refused_before_anything_appears(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    files = exported(gallery)
    in_team.plan = Plan.objects.create(name="small", stored_faces=3)
    in_team.save()
    assert refused(in_team, files) == "quota_faces"
    # Into a gallery that is there, some might be in it already: the part that is too much leaves nothing.
    other = gallery_create(team=in_team, name="Other")
    job = imported(in_team, files, other)
    assert (job.status, job.error_code, rows_of(other)[1]) == ("failed", "quota_faces", 0)


def test_a_key_that_is_taken_is_refused(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    assert refused(in_team, exported(gallery), settings_given={"key": "staff"}) == "gallery_key_taken"
    copy = imported(in_team, exported(gallery)).gallery
    assert copy is not None
    assert copy.key == "staff-2", "one that was not asked for gives way"


def test_people_and_faces_alone_do_not_go_into_each_others_galleries(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    files = exported(gallery)
    faces = gallery_create(team=in_team, name="Faces", holds=Gallery.Holds.FACES)
    with pytest.raises(Refusal) as refusal:
        started(in_team, files, faces)
    assert refusal.value.code == "archive_holds_other"
    with pytest.raises(Refusal) as refusal:
        started(in_team, {"Ada/1.jpg": b"x" * 2000}, faces)
    assert refusal.value.code == "gallery_holds_faces"
    assert rows_of(faces) == (0, 0)


def test_an_altered_part_is_found_before_the_gallery_is_made(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    files = exported(gallery)
    job = imported(in_team, {**files, FACES: files[FACES].replace(b"high", b"lows")})
    assert (job.status, job.error_code) == ("failed", "archive_part_altered")
    assert job.gallery is None
    assert list(Gallery.objects.all()) == [gallery]


# --- What is wrong with single entries ----------------------------------------------------------------
BAD_FACES: dict[str, tuple[str, dict[str, Any]]] = {
    "wrong vector size": ("vector_size_wrong", {"embedding": vector_text(embedding_of(1)[:64])}),
    "not a number": ("vector_not_finite", {"embedding": vector_text([float("nan"), *embedding_of(1)[1:]])}),
    "infinite": ("vector_not_finite", {"embedding": vector_text([float("inf"), *embedding_of(1)[1:]])}),
    "not of length 1": (
        "vector_length_wrong",
        {"embedding": vector_text([0.5 * x for x in embedding_of(1)])},
    ),
    "all zero": ("vector_length_wrong", {"embedding": vector_text([0.0] * 128)}),
    "no base64": ("archive_entry_wrong", {"embedding": "%%%"}),
    "no text": ("archive_entry_wrong", {"embedding": [0.1] * 128}),
    "no id": ("archive_entry_wrong", {"id": "17"}),
    "a box of three": ("archive_entry_wrong", {"box": [1, 2, 3]}),
    "a quality that is none": ("archive_entry_wrong", {"quality": "splendid"}),
    "notes too long": ("archive_entry_wrong", {"notes": "x" * 2000}),
    "a zero byte": ("archive_entry_wrong", {"notes": "a\x00b"}),
    "nobody's": ("archive_subject_missing", {"subject_id": "9b7f6f0a-2a3f-4e0c-8a39-9f6c0a1b2c3d"}),
    "no person": ("archive_entry_wrong", {"subject_id": None}),
}


@pytest.mark.parametrize("bad", BAD_FACES)
def test_a_bad_face_is_noted_and_the_others_come(in_team: Team, bad: str) -> None:
    code, change = BAD_FACES[bad]
    gallery = with_crops(in_team, {"Ada": 1}, faces=3)
    files = with_lines(exported(gallery), FACES, lambda lines: [{**lines[0], **change}, *lines[1:]])
    job = imported(in_team, files, settings_given={"name": "Copy"})
    assert (job.status, job.done, job.failed) == ("succeeded", 4, 1)
    assert [(note["entry"], note["code"]) for note in job.notes] == [("faces/00001.jsonl:1", code)]
    assert job.gallery is not None
    assert rows_of(job.gallery) == (1, 2)
    # Of the three pictures, that of the bad face is not kept.
    assert EnrolledFace.objects.filter(gallery=job.gallery).exclude(crop="").count() == 2


@pytest.mark.parametrize(
    "change",
    [{"id": 5}, {"name": ""}, {"name": "x" * 200}, {"consent_until": "tomorrow"}, {"external_id": ["a"]}],
    ids=str,
)
def test_a_bad_person_is_noted_and_their_faces_do_not_come(in_team: Team, change: dict[str, Any]) -> None:
    gallery = with_crops(in_team, {"Ada": 1, "Bob": 2})
    files = with_lines(exported(gallery), SUBJECTS, lambda lines: [{**lines[0], **change}, *lines[1:]])
    job = imported(in_team, files, settings_given={"name": "Copy"})
    assert (job.status, job.failed) == ("succeeded", 3)
    codes = [note["code"] for note in job.notes]
    assert codes == ["archive_entry_wrong", "archive_subject_missing", "archive_subject_missing"]
    assert job.gallery is not None
    assert rows_of(job.gallery) == (1, 2)


def test_nobody_gets_more_faces_than_a_person_may_have(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1}, faces=0)
    ada = Subject.objects.get()
    enrol(ada, *(embedding_of(1, view) for view in range(MAX_FACES_PER_SUBJECT)))
    files = exported(gallery)
    other = gallery_create(team=in_team, name="Other")
    known = subject_create(gallery=other, name="Ada", external_id=ada.external_id)
    enrol(known, embedding_of(1, 300), embedding_of(1, 301))
    job = imported(in_team, files, other)
    assert (job.status, job.failed) == ("succeeded", 2)
    assert {note["code"] for note in job.notes} == {"subject_full"}
    assert rows_of(other) == (1, MAX_FACES_PER_SUBJECT)


def test_a_face_whose_picture_is_damaged_comes_without_it(in_team: Team) -> None:
    gallery = with_crops(in_team, {"Ada": 1})
    files = exported(gallery)
    crop = next(name for name in files if name.startswith("crops/"))
    job = imported(in_team, {**files, crop: files[crop][:500]}, settings_given={"name": "Copy"})
    assert (job.status, job.failed) == ("succeeded", 0)
    assert [note["code"] for note in job.notes] == ["archive_part_altered"]
    assert job.gallery is not None
    assert rows_of(job.gallery) == (1, 2)
    kept = EnrolledFace.objects.filter(gallery=job.gallery).order_by("crop")
    assert [(bool(face.crop), face.crop_box is not None) for face in kept] == [(False, False), (True, True)]


def test_a_gallery_that_keeps_no_crops_takes_none(in_team: Team, stored_files: Names) -> None:
    files = exported(with_crops(in_team, {"Ada": 1}))
    other = gallery_create(team=in_team, name="Other", keep_crops=False)
    before = [name for name in stored_files() if name.endswith(".jpg")]
    assert imported(in_team, files, other).status == "succeeded"
    assert [name for name in stored_files() if name.endswith(".jpg")] == before
    assert not EnrolledFace.objects.filter(gallery=other).exclude(crop="").exists()
