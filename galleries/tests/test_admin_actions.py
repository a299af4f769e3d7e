"""Bulk actions of the admin lists: they ask first, and go through the services."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent
from conftest import People
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject
from galleries.services import gallery_create, subject_create
from media_jobs.models import ReleasedFile
from ml_models.recognition import DEFAULT

from .test_admin import act, lists, made, mine, root, staff, subjects_of, theirs  # noqa: F401

pytestmark = pytest.mark.django_db


@pytest.fixture()
def people_of(mine: Gallery) -> dict[str, Subject]:  # noqa: F811
    with team_scope(mine.team):
        return {
            one.name: one for one in Subject.objects.filter(gallery=mine).select_related("gallery", "team")
        }


def other_gallery(gallery: Gallery, name: str = "Guests", **options: Any) -> Gallery:
    with team_scope(gallery.team):
        return gallery_create(team=gallery.team, name=name, **options)


def train_jobs(gallery: Gallery) -> list[str]:
    with across_teams():
        jobs = GalleryJob.objects.filter(gallery=gallery, kind="train")
        return list(jobs.values_list("created_by__username", flat=True))


def recorded(action: str) -> list[str]:
    with across_teams():
        return list(AuditEvent.objects.filter(action=action).values_list("actor_name", flat=True))


# --- Asking -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("model", "action", "words"),
    [
        ("subject", "merge", "Merge people"),
        ("subject", "move", "Move people"),
        ("subject", "erase", "Erase people"),
        ("gallery", "reembed", "Re-embed galleries"),
        ("gallery", "erase", "Erase galleries"),
    ],
)
def test_an_action_asks_first_and_changes_nothing_by_that(
    staff: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
    people_of: dict[str, Subject],
    model: str,
    action: str,
    words: str,
) -> None:
    chosen = [mine] if model == "gallery" else list(people_of.values())
    answer = act(staff, model, action, *chosen)
    page = answer.content.decode()
    assert (answer.status_code, words in page) == (200, True)
    assert page.count('name="_selected_action"') == len(chosen)
    assert all(str(row) in page for row in chosen)
    assert subjects_of(mine) == {"Ada": 2, "Grace": 2}


# --- Merge ------------------------------------------------------------------------------------------
def test_who_is_chosen_stays_and_has_the_faces_of_the_others(
    staff: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
    people_of: dict[str, Subject],
) -> None:
    keep = str(people_of["Grace"].pk)
    answer = act(staff, "subject", "merge", *people_of.values(), confirmed="yes", keep=keep)
    assert "1 person was merged into Grace." in answer.content.decode()
    assert subjects_of(mine) == {"Grace": 4}
    assert recorded("subject.merged") == ["blue-admin"]


@pytest.mark.parametrize("keep", ["", "nobody", "theirs"])
def test_merging_asks_again_when_nobody_of_them_stays(
    root: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
    theirs: Gallery,  # noqa: F811
    people_of: dict[str, Subject],
    keep: str,
) -> None:
    if keep == "theirs":
        with across_teams():
            keep = str(Subject.objects.get(gallery=theirs).pk)
    answer = act(root, "subject", "merge", *people_of.values(), confirmed="yes", keep=keep)
    assert "Merge people" in answer.content.decode()
    assert subjects_of(mine) == {"Ada": 2, "Grace": 2}


def test_people_of_two_galleries_and_a_single_one_are_not_merged(
    root: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
    theirs: Gallery,  # noqa: F811
    people_of: dict[str, Subject],
) -> None:
    with across_teams():
        secret = Subject.objects.get(gallery=theirs)
    ada = people_of["Ada"]
    for chosen in ([ada], [ada, secret]):
        answer = act(root, "subject", "merge", *chosen, confirmed="yes", keep=str(ada.pk))
        assert "Choose two or more people of one gallery to merge." in answer.content.decode()
    assert (subjects_of(mine), subjects_of(theirs)) == ({"Ada": 2, "Grace": 2}, {"Secret Person": 2})


# --- Move -------------------------------------------------------------------------------------------
def test_people_move_with_their_faces(
    staff: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
    people_of: dict[str, Subject],
) -> None:
    target = other_gallery(mine)
    answer = act(staff, "subject", "move", people_of["Ada"], confirmed="yes", target=str(target.pk))
    assert "1 person was moved to Guests." in answer.content.decode()
    assert (subjects_of(mine), subjects_of(target)) == ({"Grace": 2}, {"Ada": 2})
    assert recorded("subject.moved") == ["blue-admin"]


def test_people_do_not_move_to_another_team_nor_to_a_gallery_of_faces(
    root: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
    theirs: Gallery,  # noqa: F811
    people_of: dict[str, Subject],
) -> None:
    faces = other_gallery(mine, "Only faces", holds="faces")
    asked = act(root, "subject", "move", people_of["Ada"]).content.decode()
    assert (str(theirs.pk) in asked, "Only faces" in asked) == (False, False)
    for target in (theirs, faces, mine):
        answer = act(root, "subject", "move", people_of["Ada"], confirmed="yes", target=str(target.pk))
        assert "Select a valid choice" in answer.content.decode()
    assert subjects_of(mine) == {"Ada": 2, "Grace": 2}


def test_a_refused_move_says_why_and_moves_nobody(
    staff: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
    people_of: dict[str, Subject],
) -> None:
    target = other_gallery(mine)
    with team_scope(mine.team):
        Gallery.objects.filter(pk=target.pk).update(model_sha256="0" * 64)
    answer = act(staff, "subject", "move", *people_of.values(), confirmed="yes", target=str(target.pk))
    page = answer.content.decode()
    assert "Guests: " in page
    assert "model" in page
    assert "moved to Guests" not in page
    assert (subjects_of(mine), subjects_of(target)) == ({"Ada": 2, "Grace": 2}, {})


# --- Erase ------------------------------------------------------------------------------------------
def test_erasing_people_takes_their_faces_and_files(
    staff: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
    people_of: dict[str, Subject],
) -> None:
    with across_teams():
        (crop,) = EnrolledFace.objects.filter(subject=people_of["Ada"]).exclude(crop="").values_list("crop")
    answer = act(staff, "subject", "erase", people_of["Ada"], confirmed="yes")
    assert "1 person is erased." in answer.content.decode()
    assert subjects_of(mine) == {"Grace": 2}
    with across_teams():
        assert EnrolledFace.objects.filter(gallery=mine).count() == 2
        assert list(ReleasedFile.objects.values_list("name")) == [crop], "beat erases the file"
    assert recorded("subject.erased") == ["blue-admin"]


def test_superusers_erase_people_of_several_teams_at_once(
    root: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
    theirs: Gallery,  # noqa: F811
    people_of: dict[str, Subject],
) -> None:
    with across_teams():
        secret = Subject.objects.get(gallery=theirs)
    answer = act(root, "subject", "erase", people_of["Ada"], secret, confirmed="yes")
    assert "2 people are erased." in answer.content.decode()
    assert (subjects_of(mine), subjects_of(theirs)) == ({"Grace": 2}, {})


def test_erasing_a_gallery_takes_everybody_in_it(
    staff: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
) -> None:
    other_gallery(mine)
    act(staff, "gallery", "erase", mine, confirmed="yes")
    with across_teams():
        assert [gallery.name for gallery in Gallery.objects.all()] == ["Guests"]
        assert Subject.objects.count() == EnrolledFace.objects.count() == 0


# --- Train ------------------------------------------------------------------------------------------
def test_training_is_asked_for_once_per_gallery(
    staff: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
) -> None:
    guests = other_gallery(mine)
    for _ in range(2):
        answer = act(staff, "gallery", "train", mine, guests)
        assert "2 galleries are being trained." in answer.content.decode()
    assert (train_jobs(mine), train_jobs(guests)) == (["blue-admin"], ["blue-admin"])


# --- Re-embed ---------------------------------------------------------------------------------------
def test_galleries_move_to_the_model_that_is_chosen(
    staff: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
) -> None:
    with team_scope(mine.team):
        Gallery.objects.filter(pk=mine.pk).update(model="before", model_sha256="0" * 64)
    act(staff, "gallery", "reembed", mine, confirmed="yes", model="nothing we have")
    with across_teams():
        assert not GalleryJob.objects.filter(kind="reembed").exists()
    answer = act(staff, "gallery", "reembed", mine, confirmed="yes", model=DEFAULT, drop_missing="on")
    assert "1 gallery is being re-embedded." in answer.content.decode()
    with across_teams():
        job = GalleryJob.objects.get(kind="reembed")
    assert (job.gallery_id, job.options["model"], job.options["drop_missing"]) == (mine.pk, DEFAULT, True)


def test_a_refused_move_to_a_model_says_why(
    staff: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
) -> None:
    answer = act(staff, "gallery", "reembed", mine, confirmed="yes", model=DEFAULT)
    page = answer.content.decode()
    assert "Staff: " in page
    assert "is being re-embedded" not in page
    with across_teams():
        assert not GalleryJob.objects.filter(kind="reembed").exists()


# --- Rights -----------------------------------------------------------------------------------------
ALL = [
    ("subject", "merge"),
    ("subject", "move"),
    ("subject", "erase"),
    ("gallery", "train"),
    ("gallery", "reembed"),
    ("gallery", "erase"),
]


@pytest.mark.parametrize(("model", "action"), ALL)
def test_no_action_reaches_another_team(
    staff: Client,  # noqa: F811
    mine: Gallery,  # noqa: F811
    theirs: Gallery,  # noqa: F811
    model: str,
    action: str,
) -> None:
    with across_teams():
        secret = Subject.objects.get(gallery=theirs)
        second = subject_create(gallery=theirs, name="Another Secret")
    chosen = [theirs] if model == "gallery" else [secret, second]
    fields = {"keep": str(secret.pk), "target": str(mine.pk), "model": theirs.model}
    page = act(staff, model, action, *chosen, confirmed="yes", **fields).content.decode()
    assert "Secret" not in page
    assert subjects_of(theirs) == {"Secret Person": 2, "Another Secret": 0}
    assert subjects_of(mine) == {"Ada": 2, "Grace": 2}
    assert train_jobs(theirs) == []


@pytest.mark.parametrize(("model", "action"), ALL)
def test_without_the_permission_there_is_no_action(
    people: People,
    mine: Gallery,  # noqa: F811
    people_of: dict[str, Subject],
    model: str,
    action: str,
) -> None:
    people.admin.is_staff = True
    people.admin.save()
    people.admin.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client = people.client("admin")
    assert f'value="{action}"' not in client.get(lists(model)).content.decode()
    chosen = [mine] if model == "gallery" else list(people_of.values())
    fields = {"keep": str(people_of["Ada"].pk), "model": mine.model}
    act(client, model, action, *chosen, confirmed="yes", **fields)
    assert subjects_of(mine) == {"Ada": 2, "Grace": 2}
    assert train_jobs(mine) == []


def test_more_rows_than_one_action_takes_are_refused(
    root: Client,  # noqa: F811
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("galleries.admin_actions.MOST_ROWS", 2)
    gallery = made(people.team, {"a": 1, "b": 2, "c": 3})
    with across_teams():
        chosen = list(Subject.objects.filter(gallery=gallery))
    answer = act(root, "subject", "erase", *chosen, confirmed="yes")
    assert "Choose at most 2 rows at once. Nothing was changed." in answer.content.decode()
    assert len(subjects_of(gallery)) == 3
