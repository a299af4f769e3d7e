"""Galleries in the admin panel: who sees which, figures, faces as pictures, and what bulk actions do."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.models import Team, User
from accounts.staff import staff_make
from conftest import People
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject, TrainedState
from galleries.services import gallery_create
from media_jobs import files

from .helpers import gallery_of

pytestmark = pytest.mark.django_db
MODELS = ("gallery", "subject", "enrolledface", "galleryjob")
JPEG_START = b"\xff\xd8\xff"


def lists(model: str) -> str:
    return reverse(f"admin:galleries_{model}_changelist")


def page_of(model: str, pk: Any) -> str:
    return reverse(f"admin:galleries_{model}_change", args=[pk])


@pytest.fixture()
def root(db: None) -> Client:
    client = Client()
    user = User.objects.create_superuser("root", "root@example.org", "correct horse battery")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture()
def staff(people: People) -> Client:
    """An admin of the team 'blue' who is staff."""
    staff_make(user=people.admin)
    return people.client("admin")


def made(team: Team, people: dict[str, int], **options: Any) -> Gallery:
    """A gallery with people who have two faces each, the first with a picture, and a job."""
    with team_scope(team):
        gallery = gallery_of(team, people, **options)
        for subject in gallery.subjects.all():
            face = subject.faces.order_by("id").first()
            assert face is not None
            face.crop = files.store(f"teams/{team.pk}/galleries/{face.pk}.jpg", JPEG_START + b"a face")
            face.save(update_fields=["crop"])
        GalleryJob.objects.create(team=team, gallery=gallery, kind="export", status="failed", error_code="x")
    return gallery


@pytest.fixture()
def mine(people: People) -> Gallery:
    return made(people.team, {"Ada": 1, "Grace": 2})


@pytest.fixture()
def theirs(others: People) -> Gallery:
    return made(others.team, {"Secret Person": 3})


def row_of(gallery: Gallery, model: str) -> Any:
    """Some row of a gallery."""
    with across_teams():
        if model == "gallery":
            return gallery
        source: Any = {"subject": Subject, "enrolledface": EnrolledFace, "galleryjob": GalleryJob}[model]
        return source.objects.filter(gallery=gallery).first()


def rows(client: Client, model: str, /, **query: str) -> list[Any]:
    answer = client.get(lists(model), query)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def subjects_of(gallery: Gallery) -> dict[str, int]:
    """Name of each person to the number of faces."""
    with across_teams():
        return {one.name: one.faces.count() for one in Subject.objects.filter(gallery=gallery)}


def act(client: Client, model: str, action: str, /, *chosen: Any, **fields: str) -> Any:
    body = {"action": action, "_selected_action": [str(row.pk) for row in chosen], **fields}
    return client.post(lists(model), body, follow=True)


# --- Who sees what ----------------------------------------------------------------------------------
@pytest.mark.parametrize("model", MODELS)
def test_staff_see_their_own_team_and_superusers_every_team(
    staff: Client, root: Client, mine: Gallery, theirs: Gallery, model: str
) -> None:
    own, other = row_of(mine, model), row_of(theirs, model)
    assert {row.team_id for row in rows(staff, model)} == {own.team_id}
    assert {row.team_id for row in rows(root, model)} == {own.team_id, other.team_id}
    assert staff.get(page_of(model, own.pk)).status_code == 200
    assert rows(staff, model, q=str(own.pk)) == [own]
    assert rows(staff, model, q=str(other.pk)) == []
    assert rows(root, model, q=str(other.pk)) == [other]
    for answer in (
        staff.get(page_of(model, other.pk), follow=True),
        staff.get(lists(model)),
        staff.get(lists(model), {"q": "Secret"}),
        staff.get(lists(model), {"team__id__exact": str(other.team_id)}),
        staff.get(lists(model), {"gallery__id__exact": str(theirs.pk)}, follow=True),
    ):
        page = answer.content.decode()
        assert "Secret Person" not in page
        assert f"/{other.pk}/" not in page


@pytest.mark.parametrize("field", ["gallery", "team"])
def test_choices_of_filters_hold_only_one_s_own(
    staff: Client, root: Client, mine: Gallery, theirs: Gallery, field: str
) -> None:
    query = {"app_label": "galleries", "model_name": "subject", "field_name": field, "term": ""}
    path = reverse("admin:autocomplete")
    found = [row["id"] for row in staff.get(path, query).json()["results"]]
    assert found == [str(mine.pk if field == "gallery" else mine.team_id)]
    assert len(root.get(path, query).json()["results"]) == 2


def test_members_who_are_no_staff_and_visitors_stay_outside(people: People, mine: Gallery) -> None:
    face = row_of(mine, "enrolledface")
    crop = reverse("admin:galleries_enrolledface_crop", args=[face.pk])
    for client in (Client(), people.client("owner")):
        for path in (*(lists(model) for model in MODELS), crop):
            assert client.get(path).status_code == 302


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_added_changed_or_deleted_by_forms(root: Client, mine: Gallery, model: str) -> None:
    row = row_of(mine, model)
    assert root.get(reverse(f"admin:galleries_{model}_add")).status_code == 403
    assert root.post(page_of(model, row.pk), {"name": "x"}).status_code == 403
    gone = root.post(reverse(f"admin:galleries_{model}_delete", args=[row.pk]), {"post": "yes"})
    assert gone.status_code == 403
    act(root, model, "delete_selected", row, post="yes")
    assert row_of(mine, model) == row


# --- Pictures ---------------------------------------------------------------------------------------
def with_picture(gallery: Gallery) -> EnrolledFace:
    with across_teams():
        return EnrolledFace.objects.filter(gallery=gallery).exclude(crop="").select_related("subject")[0]


def test_a_face_s_picture_is_for_who_may_see_its_row(
    staff: Client, root: Client, mine: Gallery, theirs: Gallery
) -> None:
    own, other = with_picture(mine), with_picture(theirs)
    answer = staff.get(reverse("admin:galleries_enrolledface_crop", args=[own.pk]))
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer.content == JPEG_START + b"a face"
    assert answer["Cache-Control"] == "private, no-cache"
    again = staff.get(
        reverse("admin:galleries_enrolledface_crop", args=[own.pk]), headers={"If-None-Match": answer["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    path = reverse("admin:galleries_enrolledface_crop", args=[other.pk])
    assert staff.get(path).status_code == 404
    assert staff.get(path, headers={"If-None-Match": f'"{other.pk.hex}-crop"'}).status_code == 404
    assert root.get(path).status_code == 200


def test_staff_without_the_permission_get_no_picture(people: People, mine: Gallery) -> None:
    people.admin.is_staff = True
    people.admin.save()
    path = reverse("admin:galleries_enrolledface_crop", args=[with_picture(mine).pk])
    assert people.client("admin").get(path).status_code == 404


def test_a_face_without_a_picture_and_one_whose_file_is_gone_are_not_found(
    root: Client, mine: Gallery
) -> None:
    face = with_picture(mine)
    path = reverse("admin:galleries_enrolledface_crop", args=[face.pk])
    files.erase([face.crop])
    assert root.get(path).status_code == 404
    with team_scope(mine.team):
        EnrolledFace.objects.filter(pk=face.pk).update(crop="")
    assert root.get(path).status_code == 404


@pytest.mark.parametrize("model", ["subject", "enrolledface"])
def test_pages_show_pictures_by_the_checked_address_and_nothing_biometric(
    root: Client, mine: Gallery, model: str
) -> None:
    face = with_picture(mine)
    row = face if model == "enrolledface" else face.subject
    assert row is not None
    for path in (lists(model), page_of(model, row.pk)):
        page = root.get(path).content.decode()
        assert reverse("admin:galleries_enrolledface_crop", args=[face.pk]) in page
        assert face.crop not in page
        assert str(next(iter(face.embedding)))[:6] not in page
        assert "data:image" not in page


# --- Figures, filters, search -----------------------------------------------------------------------
def trained(gallery: Gallery, *, seen: Any) -> None:
    """As if the gallery had been trained when it last changed at `seen`."""
    with team_scope(gallery.team):
        TrainedState.objects.create(
            team=gallery.team,
            gallery=gallery,
            model=gallery.model,
            model_sha256=gallery.model_sha256,
            dimension=128,
            is_current=True,
            trained_from=seen,
            seen_change=seen,
        )


def test_the_list_of_galleries_shows_figures_and_training(
    root: Client, people: People, mine: Gallery
) -> None:
    with team_scope(people.team):
        names = ("new", "due", "done", "at work", "broken")
        galleries = {name: gallery_create(team=people.team, name=name) for name in names}
        trained(galleries["due"], seen=galleries["due"].changed_at - timedelta(seconds=1))
        trained(galleries["done"], seen=galleries["done"].changed_at)
        for name, status in (("at work", "running"), ("broken", "failed"), ("done", "succeeded")):
            GalleryJob.objects.create(team=people.team, gallery=galleries[name], kind="train", status=status)
    words = {
        "new": "never trained",
        "due": "due",
        "done": "trained",
        "at work": "training",
        "broken": "failed",
    }
    for name, word in words.items():
        found = {row.name for row in rows(root, "gallery", training=word)}
        assert found == ({name, "Staff"} if name == "new" else {name})
        page = root.get(lists("gallery"), {"q": str(galleries[name].pk)}).content.decode()
        assert word in page.split('id="result_list"')[1]
    (shown,) = rows(root, "gallery", q=str(mine.pk))
    assert (shown.subject_total, shown.face_total) == (2, 4)
    assert {row.name for row in rows(root, "gallery", model=mine.model)} == {*names, "Staff"}
    assert rows(root, "gallery", model="another") == []
    assert [row.name for row in rows(root, "gallery", q=mine.key)] == ["Staff"]


def test_people_are_found_by_gallery_consent_and_faces(root: Client, mine: Gallery, theirs: Gallery) -> None:
    now = timezone.now()
    consents: dict[str, dict[str, Any]] = {
        "none": {},
        "given": {"consent_at": now},
        "soon": {"consent_at": now, "consent_until": now + timedelta(days=3)},
        "ended": {"consent_at": now, "consent_until": now - timedelta(days=3)},
    }
    with team_scope(mine.team):
        Subject.objects.filter(gallery=mine).delete()
        for name, fields in consents.items():
            Subject.objects.create(
                team=mine.team, gallery=mine, name=name, external_id=f"id-{name}", **fields
            )
    within = {"gallery__id__exact": str(mine.pk)}
    found = {word: {row.name for row in rows(root, "subject", consent=word, **within)} for word in consents}
    assert found == {"none": {"none"}, "given": {"given", "soon"}, "soon": {"soon"}, "ended": {"ended"}}
    assert {row.name for row in rows(root, "subject", has_faces="yes")} == {"Secret Person"}
    assert {row.name for row in rows(root, "subject", has_faces="no")} == set(consents)
    assert [row.name for row in rows(root, "subject", q="id-soon")] == ["soon"]
    assert len(rows(root, "subject", team__id__exact=str(mine.team_id))) == 4


@pytest.mark.parametrize("model", MODELS)
def test_the_number_of_queries_does_not_grow_with_the_rows(root: Client, people: People, model: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert root.get(lists(model)).status_code == 200
        return len(caught)

    made(people.team, {"Ada": 1})
    root.get(lists(model))
    few = queries()
    for number in range(4):
        made(people.team, {f"person {number}-{i}": i for i in range(4)})
    assert queries() == few
