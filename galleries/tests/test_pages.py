"""Pages of galleries and the people in them; what the browser does: tests/test_galleries_browser.py."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.access import team_scope
from conftest import People
from galleries.archive_export import gallery_export_start
from galleries.erasure import ERASING
from galleries.jobs import job_run
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject
from galleries.services import subject_create
from media_jobs.models import Removal
from tests.fakes import embedding_of

from .helpers import enrol, gallery_of
from .people_helpers import analysed, looked_up, trained

NAMES = {"Ada": 1, "Bob": 2, "Eve": 3}


@pytest.fixture()
def gallery(people: People) -> Gallery:
    """A gallery of three people with two faces each."""
    with team_scope(people.team):
        return gallery_of(people.team, NAMES)


def shown(people: People, name: str, *arguments: Any, role: str = "viewer", query: str = "") -> str:
    """The words of a page as a member with this role gets it, without its marks."""
    answer = people.client(role).get(reverse(name, args=arguments) + query)
    assert answer.status_code == 200
    text = re.sub(r"<[^>]*>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", text)


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def sent(people: People, route: str, /, *arguments: Any, role: str = "analyst", **fields: Any) -> str:
    """Send a form, and follow it to the page with its message."""
    answer = people.client(role).post(reverse(route, args=arguments), fields, follow=True)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


def subject_named(people: People, name: str) -> Subject:
    with team_scope(people.team):
        return Subject.objects.select_related("gallery").get(name=name)


# --- Galleries ----------------------------------------------------------------------------------------
def test_a_team_without_a_gallery_is_led_to_the_first_one(people: People) -> None:
    assert "Make the first gallery" in shown(people, "team_galleries", role="admin")
    words = shown(people, "team_galleries")
    assert "An admin of your team makes galleries" in words
    assert "Make the first gallery" not in words


def test_a_gallery_of_ours_shows_its_key_and_one_that_goes_that_it_does(people: People) -> None:
    with team_scope(people.team):
        kept, going = gallery_of(people.team, {}), gallery_of(people.team, {})
        Gallery.objects.filter(pk=going.pk).update(namespace=ERASING, key=going.pk.hex, name="Old")
    words = shown(people, "team_galleries")
    assert f"Staff {kept.key}" in words
    assert "Old Being erased" in words
    assert going.pk.hex not in words
    assert "Being erased" in shown(people, "team_gallery", going.pk)


def test_an_admin_makes_a_gallery_with_its_policies(people: People) -> None:
    words = sent(
        people, "team_gallery_new", role="admin", name="Staff", quality_policy="refuse", threshold="0.7"
    )
    assert "Staff is ready" in words
    with team_scope(people.team):
        made = Gallery.objects.get()
    assert (made.key, made.quality_policy, made.threshold) == ("staff", "refuse", 0.7)
    # Boxes that were not ticked.
    names = ("label_photos", "keep_crops", "erase_without_consent", "allow_duplicates")
    assert [getattr(made, name) for name in names] == [False] * 4


def test_a_key_that_is_taken_is_said_beside_the_field(people: People, gallery: Gallery) -> None:
    fields = {"name": "Other", "key": gallery.key, "quality_policy": "warn"}
    answer = people.client("admin").post(reverse("team_gallery_new"), fields)
    assert answer.status_code == 400
    assert "has a gallery with the key" in answer.content.decode()
    with team_scope(people.team):
        assert Gallery.objects.count() == 1


def test_the_list_shows_figures_and_training_of_each_gallery(people: People, gallery: Gallery) -> None:
    assert "1 gallery" in (words := shown(people, "team_galleries"))
    assert "not trained" in words
    assert "Staff staff 3 6 dlib-face-v1" in words


def test_training_is_asked_for_followed_and_due_again_after_a_change(
    people: People, gallery: Gallery
) -> None:
    assert "Train it now" in shown(people, "team_gallery", gallery.pk, role="analyst")
    assert "waiting for training" in sent(people, "team_gallery_train", gallery.pk)
    page = people.client("viewer").get(reverse("team_gallery_state", args=[gallery.pk])).content.decode()
    assert "hx-get" in page
    with team_scope(people.team):
        trained(gallery)
    page = people.client("viewer").get(reverse("team_gallery_state", args=[gallery.pk])).content.decode()
    assert "just now" in page
    assert "hx-get" not in page, "a page whose training is over asks no more"
    with team_scope(people.team):
        Subject.objects.get(name="Ada").faces.all().delete()
        Gallery.objects.update(changed_at=timezone.now())
    assert "changes wait for training" in shown(people, "team_gallery", gallery.pk)


def test_a_training_that_failed_says_why(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        GalleryJob.objects.create(
            team=people.team, gallery=gallery, kind="train", status="failed", error_message="Out of room."
        )
    words = shown(people, "team_gallery", gallery.pk)
    assert "training failed Out of room." in words


def test_the_pages_of_galleries_cost_the_same_for_more_of_everything(
    people: People, gallery: Gallery
) -> None:
    client = people.client("admin")
    person = subject_named(people, "Ada")
    paths = [
        reverse("team_galleries"),
        reverse("team_gallery", args=[gallery.pk]),
        reverse("team_gallery_settings", args=[gallery.pk]),
        reverse("team_subject", args=[person.pk]),
        f"{reverse('team_people_search')}?q=a",
    ]
    with team_scope(people.team):
        trained(gallery)
        looked_up(people.team, *analysed(people.team, 1))
    before = [queries(client, path) for path in paths]
    with team_scope(people.team):
        for number in range(4):
            gallery_of(people.team, {f"A{number}": 10 + number})
            enrol(subject_create(gallery=gallery, name=f"Ada {number}"), embedding_of(20 + number))
            enrol(person, embedding_of(1, 10 + number))
            gallery_job(gallery)
            looked_up(people.team, *analysed(people.team, 1, 1, view=5 + number))
    assert [queries(client, path) for path in paths] == before


def gallery_job(gallery: Gallery) -> GalleryJob:
    return GalleryJob.objects.create(
        team_id=gallery.team_id, gallery=gallery, kind="export", status="succeeded", file="x", size=1
    )


def test_settings_are_changed_and_what_cannot_be_is_refused(people: People, gallery: Gallery) -> None:
    words = sent(
        people, "team_gallery_settings", gallery.pk, role="admin", name="Guests", quality_policy="refuse"
    )
    assert "The settings were saved." in words
    path = reverse("team_gallery_settings", args=[gallery.pk])
    answer = people.client("admin").post(path, {"name": "x", "quality_policy": "warn", "threshold": "7"})
    assert answer.status_code == 400
    with team_scope(people.team):
        gallery.refresh_from_db()
    assert (gallery.name, gallery.quality_policy, gallery.threshold) == ("Guests", "refuse", None)


def test_a_gallery_is_erased_only_when_its_name_was_typed(people: People, gallery: Gallery) -> None:
    words = sent(people, "team_gallery_delete", gallery.pk, role="admin", name="Stuff")
    assert "Nothing was erased" in words
    with team_scope(people.team):
        assert EnrolledFace.objects.count() == 6
    assert "was erased, with everybody in it" in sent(
        people, "team_gallery_delete", gallery.pk, role="admin", name="Staff"
    )
    with team_scope(people.team):
        assert not Gallery.objects.exists()


def test_an_export_is_followed_fetched_and_cancelled(people: People, gallery: Gallery) -> None:
    assert "The archive is being made." in sent(people, "team_gallery_export", gallery.pk, role="admin")
    with team_scope(people.team):
        job = GalleryJob.objects.get(kind="export")
    path = reverse("team_gallery_jobs", args=[gallery.pk])
    client = people.client("admin")
    assert "hx-get" in client.get(path).content.decode()
    assert client.get(reverse("team_gallery_job_file", args=[job.pk])).status_code == 404, "not made yet"
    assert "cancelled" in sent(people, "team_gallery_job_cancel", job.pk, role="admin")
    assert client.get(path)["HX-Refresh"] == "true"
    with team_scope(people.team):
        made = gallery_export_start(gallery=gallery)
    job_run(job_id=made.pk)
    answer = client.get(reverse("team_gallery_job_file", args=[made.pk]))
    assert answer["Content-Type"] == "application/zip"


def test_a_file_that_is_no_archive_is_not_taken_in(people: People, gallery: Gallery) -> None:
    assert "Choose a ZIP archive first." in sent(people, "team_gallery_import", gallery.pk, role="admin")
    with team_scope(people.team):
        assert not GalleryJob.objects.exists()


# --- People of a gallery ------------------------------------------------------------------------------
def test_people_are_found_by_name_own_id_and_state(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        subject_create(gallery=gallery, name="Zoe", external_id="staff-17")
        Subject.objects.filter(name="Eve").update(consent_until=timezone.now())
        EnrolledFace.objects.filter(subject__name="Bob").update(quality="low")
    found = {
        query: re.findall(r'gal-card-name" title="(\w+)"', page_source(people, gallery, query))
        for query in ("", "?q=ad", "?q=STAFF", "?only=no_faces", "?only=poor", "?only=consent_ended")
    }
    assert found == {
        "": ["Ada", "Bob", "Eve", "Zoe"],
        "?q=ad": ["Ada"],
        "?q=STAFF": ["Zoe"],
        "?only=no_faces": ["Zoe"],
        "?only=poor": ["Bob"],
        "?only=consent_ended": ["Eve"],
    }
    assert "Nobody found" in page_source(people, gallery, "?q=nobody")


def page_source(people: People, gallery: Gallery, query: str = "", role: str = "viewer") -> str:
    path = reverse("team_gallery", args=[gallery.pk])
    return people.client(role).get(path + query).content.decode()


def test_the_grid_goes_on_where_there_are_more_people(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        Subject.objects.bulk_create(
            Subject(team=people.team, gallery=gallery, name=f"Person {n:03}") for n in range(50)
        )
    first = page_source(people, gallery, "?q=Person")
    assert "q=Person&amp;page=2" in first
    second = page_source(people, gallery, "?q=Person&page=2")
    assert "Person 049" in second
    assert "gal-more" not in second


def test_a_viewer_is_shown_no_deed(people: People, gallery: Gallery) -> None:
    person = subject_named(people, "Ada")
    for path in (reverse("team_gallery", args=[gallery.pk]), reverse("team_subject", args=[person.pk])):
        main = people.client("viewer").get(path).content.decode().split("<main")[1]
        assert 'method="post"' not in main
    analyst = page_source(people, gallery, role="analyst")
    assert 'value="merge"' in analyst
    assert 'value="erase"' not in analyst
    assert "Settings and moves" not in analyst
    assert 'value="erase"' in page_source(people, gallery, role="admin")


def test_an_analyst_adds_a_person_and_is_led_to_their_page(people: People, gallery: Gallery) -> None:
    words = sent(people, "team_subject_new", gallery.pk, name="Zoe", external_id="17")
    assert "Zoe is in the gallery. Now drop a few photos." in words
    assert "own id 17" in words
    words = sent(people, "team_subject_new", gallery.pk, name="Zoe", external_id="17")
    assert "has somebody with the external id" in words
    with team_scope(people.team):
        assert Subject.objects.filter(name="Zoe").count() == 1


@pytest.mark.parametrize("deed", ["merge", "move", "erase"])
def test_what_is_asked_once_more_has_changed_nothing(people: People, gallery: Gallery, deed: str) -> None:
    with team_scope(people.team):
        chosen = list(Subject.objects.values_list("pk", flat=True))
    words = sent(people, "team_people_chosen", gallery.pk, role="admin", subject=chosen, deed=deed)
    assert all(name in words for name in NAMES)
    with team_scope(people.team):
        assert Subject.objects.count() == 3
        assert EnrolledFace.objects.count() == 6


def test_one_person_alone_is_not_merged(people: People, gallery: Gallery) -> None:
    person = subject_named(people, "Ada")
    words = sent(people, "team_people_chosen", gallery.pk, subject=[person.pk], deed="merge")
    assert "Choose at least 2." in words


def test_people_are_merged_into_the_one_who_stays(people: People, gallery: Gallery) -> None:
    ada, bob = subject_named(people, "Ada"), subject_named(people, "Bob")
    words = sent(people, "team_people_merge", gallery.pk, subject=[ada.pk, bob.pk], stays=bob.pk)
    assert "1 person went into Bob." in words
    with team_scope(people.team):
        assert sorted(Subject.objects.values_list("name", flat=True)) == ["Bob", "Eve"]
        assert bob.faces.count() == 4


def test_people_are_moved_to_a_gallery_of_the_same_model(people: People, gallery: Gallery) -> None:
    ada = subject_named(people, "Ada")
    with team_scope(people.team):
        other = gallery_of(people.team, {})
    words = sent(people, "team_people_move", gallery.pk, subject=[ada.pk], gallery=other.pk)
    assert "1 person is in Staff now." in words
    with team_scope(people.team):
        assert other.subjects.get() == ada


def test_erasing_people_is_a_removal_that_is_followed(people: People, gallery: Gallery) -> None:
    ada = subject_named(people, "Ada")
    path = reverse("team_people_erase", args=[gallery.pk])
    answer = people.client("admin").post(path, {"subject": [ada.pk], "photos": "1"})
    assert "/removals/" in answer["Location"] or "removal" in answer["Location"]
    with team_scope(people.team):
        removal = Removal.objects.get(kind=Removal.Kind.SUBJECT)
    assert (removal.part_ids, removal.with_photos) == ([str(ada.pk)], True)


def test_names_are_completed_within_a_gallery_or_all(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        other = gallery_of(people.team, {"Adam": 9}, faces=0)
    client = people.client("viewer")
    path = reverse("team_people_search")
    found = client.get(path, {"q": "ad"}).json()["people"]
    assert [one["name"] for one in found] == ["Ada", "Adam"]
    found = client.get(path, {"q": "ad", "gallery": str(other.pk)}).json()["people"]
    assert [(one["name"], one["faces"]) for one in found] == [("Adam", 0)]
    assert client.get(path, {"q": ""}).json()["people"] == []
    assert client.get(path, {"q": "a", "gallery": "x"}).status_code == 404
