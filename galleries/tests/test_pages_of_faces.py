"""Pages on which faces are enrolled, looked up and named."""

import io
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from accounts.access import team_scope
from accounts.models import Team
from analysis.models import Face
from conftest import People
from galleries.models import EnrolledFace, FaceLabel, Gallery, Subject
from media_jobs.models import Media
from media_jobs.tests.pictures import encoded, noise
from tests.fakes import people_picture

from .helpers import gallery_of
from .people_helpers import analysed, looked_up, name_of, trained
from .test_pages import sent, shown, subject_named

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture()
def gallery(people: People) -> Gallery:
    """A trained gallery of Ada (person 1) and Bob (person 2)."""
    with team_scope(people.team):
        made = gallery_of(people.team, {"Ada": 1, "Bob": 2})
        trained(made)
        return made


def picture(*persons: int, view: int = 30) -> SimpleUploadedFile:
    return SimpleUploadedFile("a.png", people_picture(*persons, view=view))


def post(people: People, route: str, /, *arguments: Any, role: str = "analyst", **fields: Any) -> Any:
    return people.client(role).post(reverse(route, args=arguments), fields)


# --- Enrolling ----------------------------------------------------------------------------------------
def test_a_dropped_photo_is_enrolled_with_its_quality(people: People, gallery: Gallery) -> None:
    ada = subject_named(people, "Ada")
    answer = post(people, "team_subject_enrol", ada.pk, file=picture(1))
    assert answer.status_code == 201
    body = answer.json()
    assert (body["quality"], body["person"]) == ("high", "Ada")
    assert people.client("viewer").get(body["picture"])["Content-Type"] == "image/jpeg"
    assert "good quality" in shown(people, "team_subject_faces", ada.pk)
    with team_scope(people.team):
        assert ada.faces.count() == 3


def test_a_photo_of_several_people_is_answered_with_the_faces_to_choose_from(
    people: People, gallery: Gallery, everything: Callable[[], Any]
) -> None:
    ada = subject_named(people, "Ada")
    before = everything()
    answer = post(people, "team_subject_enrol", ada.pk, file=picture(1, 5))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["width"], body["height"], len(body["faces"])) == (400, 200, 2)
    assert all(face["crop"].startswith("data:image/jpeg;base64,") for face in body["faces"])
    assert everything() == before
    box = body["faces"][0]["box"]
    chosen = ",".join(str(box[name]) for name in ("left", "top", "width", "height"))
    assert post(people, "team_subject_enrol", ada.pk, file=picture(1, 5), box=chosen).status_code == 201
    with team_scope(people.team):
        face = ada.faces.latest("created_at")
    assert face.left == box["left"]


def test_a_picture_that_is_enrolled_already_is_refused(
    people: People, gallery: Gallery, everything: Callable[[], Any]
) -> None:
    ada = subject_named(people, "Ada")
    assert post(people, "team_subject_enrol", ada.pk, file=picture(1)).status_code == 201
    before = everything()
    answer = post(people, "team_subject_enrol", ada.pk, file=picture(1))
    assert (answer.status_code, answer.json()["code"]) == (409, "face_duplicate")
    assert everything() == before


@pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", "1,2,0,4", "nan,1,2,3"])
def test_what_is_no_box_is_not_there(
    people: People, gallery: Gallery, box: str, everything: Callable[[], Any]
) -> None:
    ada = subject_named(people, "Ada")
    before = everything()
    assert post(people, "team_subject_enrol", ada.pk, file=picture(1), box=box).status_code == 404
    assert everything() == before


def test_a_face_becomes_a_new_person_or_joins_whoever_is_called_so(people: People, gallery: Gallery) -> None:
    answer = post(people, "team_gallery_enrol", gallery.pk, file=picture(7), name="Zoe")
    assert (answer.status_code, answer.json()["person"]) == (201, "Zoe")
    answer = post(people, "team_gallery_enrol", gallery.pk, file=picture(7, view=9), name="zoe")
    assert answer.status_code == 201
    zoe = subject_named(people, "Zoe")
    with team_scope(people.team):
        assert zoe.faces.count() == 2


def test_nobody_is_added_for_a_face_that_is_refused(
    people: People, gallery: Gallery, everything: Callable[[], Any]
) -> None:
    before = everything()
    empty = SimpleUploadedFile("a.png", encoded(noise(200, 200), "PNG"))
    answer = post(people, "team_gallery_enrol", gallery.pk, file=empty, name="Zoe")
    assert answer.json()["code"] == "face_not_found"
    assert everything() == before
    assert post(people, "team_gallery_enrol", gallery.pk, file=picture(7), name="").status_code == 400
    assert everything() == before


# --- A person -----------------------------------------------------------------------------------------
def test_a_person_is_renamed_and_their_consent_ends_with_its_last_day(
    people: People, gallery: Gallery
) -> None:
    ada = subject_named(people, "Ada")
    assert "Saved." in sent(people, "team_subject_change", ada.pk, name="Ada King", external_id="7")
    fields = {
        "consent_by": "Ada",
        "consent_how": "form",
        "consent_at": "2026-01-02",
        "consent_until": "2030-05-06",
    }
    assert "The consent record was saved." in sent(people, "team_subject_consent", ada.pk, **fields)
    with team_scope(people.team):
        ada.refresh_from_db()
    assert (ada.name, ada.external_id, ada.consent_by) == ("Ada King", "7", "Ada")
    assert ada.consent_until is not None
    assert timezone.localtime(ada.consent_until).date() == date(2030, 5, 6)
    assert timezone.localtime(ada.consent_until).hour == 23
    assert "Nothing was changed" in sent(people, "team_subject_change", ada.pk, name="")


def test_an_ended_consent_is_said(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        Subject.objects.filter(name="Ada").update(consent_until=timezone.now())
    words = shown(people, "team_subject", subject_named(people, "Ada").pk)
    assert "nobody looks for Ada any more" in words


@pytest.mark.parametrize("deed", ["move", "split", "remove"])
def test_what_is_asked_about_faces_has_changed_nothing(people: People, gallery: Gallery, deed: str) -> None:
    ada = subject_named(people, "Ada")
    with team_scope(people.team):
        faces = list(ada.faces.values_list("pk", flat=True))
    sent(people, "team_faces_chosen", ada.pk, face=faces, deed=deed)
    with team_scope(people.team):
        assert set(ada.faces.values_list("pk", flat=True)) == set(faces)


def test_faces_are_given_to_somebody_else_split_off_and_removed(people: People, gallery: Gallery) -> None:
    ada, bob = subject_named(people, "Ada"), subject_named(people, "Bob")
    with team_scope(people.team):
        one, other = ada.faces.values_list("pk", flat=True)
    assert "1 face belongs to Bob now." in sent(people, "team_faces_move", ada.pk, face=one, subject=bob.pk)
    assert "Choose the person from the list" in sent(people, "team_faces_move", ada.pk, face=other)
    assert "a person of their own now" in sent(people, "team_faces_split", ada.pk, face=other, name="Eve")
    eve = subject_named(people, "Eve")
    assert "1 face was removed." in sent(people, "team_faces_remove", eve.pk, face=other)
    with team_scope(people.team):
        assert [subject.faces.count() for subject in (ada, bob, eve)] == [0, 3, 0]


def test_the_photos_of_a_person_lead_to_the_face_and_can_be_taken_back(
    people: People, gallery: Gallery
) -> None:
    ada = subject_named(people, "Ada")
    with team_scope(people.team):
        face = analysed(people.team, 5, 1)[1]
        looked_up(people.team, face)
    path = reverse("team_subject", args=[ada.pk])
    page = people.client("analyst").get(path).content.decode()
    assert f"{reverse('photo_detail', args=[face.media_id])}#person-{face.number}" in page
    assert "sure" in page
    answer = post(people, "team_face_unlabel", face.pk, next=path)
    assert answer["Location"] == path
    with team_scope(people.team):
        assert name_of(face) is None
        assert looked_up(people.team, face) == 0


def test_nobody_is_led_to_another_site(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        face = analysed(people.team, 1)[0]
        looked_up(people.team, face)
    answer = post(people, "team_face_unlabel", face.pk, next="https://example.org/")
    assert answer["Location"].startswith(reverse("photo_detail", args=[face.media_id]))


# --- The page of a photo ------------------------------------------------------------------------------
def test_the_page_of_a_photo_names_its_faces(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        face = analysed(people.team, 1)[0]
        looked_up(people.team, face)
    words = shown(people, "photo_detail", face.media_id)
    assert "Ada >99% sure" in words.replace("&gt;", ">")
    Team.objects.filter(pk=people.team.pk).update(analyze_identity=False)
    assert "Ada" not in shown(people, "photo_detail", face.media_id)


def test_a_face_of_a_photo_is_named_and_enrolled(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        face = analysed(people.team, 9)[0]
    assert "is Zoe now" in sent(people, "team_face_label", face.pk, name="Zoe", enrol="1")
    zoe = subject_named(people, "Zoe")
    with team_scope(people.team):
        assert name_of(face) == "Zoe"
        assert zoe.faces.get().source_id == face.pk
    assert "is Bob now" in sent(people, "team_face_label", face.pk, name="bob")
    with team_scope(people.team):
        assert name_of(face) == "Bob"
        assert Subject.objects.filter(name__iexact="bob").count() == 1


def test_a_name_that_is_refused_leaves_no_new_person(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        face = analysed(people.team, 9)[0]
        Team.objects.filter(pk=people.team.pk).update(analyze_identity=False)
    assert "switched off" in sent(people, "team_face_label", face.pk, name="Zoe")
    with team_scope(people.team):
        assert not Subject.objects.filter(name="Zoe").exists()
        assert not FaceLabel.objects.exists()


def test_a_name_needs_a_gallery(people: People) -> None:
    with team_scope(people.team):
        face = analysed(people.team, 9)[0]
    assert "Make a gallery first" in sent(people, "team_face_label", face.pk, name="Zoe")
    with team_scope(people.team):
        assert not Subject.objects.exists()


def test_a_photo_of_many_faces_costs_no_more_than_one_of_few(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        few, many = analysed(people.team, 1), analysed(people.team, 1, 2, 9, 10, 11)
        looked_up(people.team, few[0], many[0])
    client, counts = people.client("analyst"), []
    for faces in (few, many):
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse("photo_detail", args=[faces[0].media_id]))
        counts.append(len(captured))
    assert counts[0] == counts[1]


# --- Pictures of faces --------------------------------------------------------------------------------
def test_a_face_of_a_photo_is_cut_from_its_preview(people: People) -> None:
    with team_scope(people.team):
        left, right = analysed(people.team, 5, 40)
    client = people.client("viewer")
    for face, person in ((left, 5), (right, 40)):
        answer = client.get(reverse("team_photo_face_crop", args=[face.pk]))
        assert answer["Cache-Control"] == "private, no-cache"
        with Image.open(io.BytesIO(answer.content)) as cut:
            assert cut.size[0] == cut.size[1] <= 192
            red = cut.getchannel("R").getpixel((cut.width // 2, cut.height // 2))
        assert isinstance(red, int)
        assert abs(red - (4 * person + 2)) < 8
        again = client.get(
            reverse("team_photo_face_crop", args=[face.pk]), headers={"If-None-Match": answer["ETag"]}
        )
        assert again.status_code == 304
    with team_scope(people.team):
        Media.objects.update(pictures_erased_at=timezone.now())
    assert client.get(reverse("team_photo_face_crop", args=[left.pk])).status_code == 404


def test_an_enrolled_face_without_a_picture_is_cut_from_its_photo(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        face = analysed(people.team, 9)[0]
        bare = EnrolledFace.objects.filter(subject__name="Ada").first()
        assert bare is not None
    client = people.client("viewer")
    path = reverse("team_enrolled_crop", args=[bare.pk])
    assert client.get(path).status_code == 404
    with team_scope(people.team):
        EnrolledFace.objects.filter(pk=bare.pk).update(source=face)
    assert client.get(path)["Content-Type"] == "image/jpeg"


# --- Who is this? -------------------------------------------------------------------------------------
def test_a_photo_is_answered_with_who_is_on_it_and_nothing_is_stored(
    people: People, gallery: Gallery
) -> None:
    with team_scope(people.team):
        before = EnrolledFace.objects.count(), Face.objects.count(), Media.objects.count()
    body = post(people, "team_who_ask", file=picture(2, 50)).json()
    known, unknown = body["faces"]
    assert [(one["name"], one["same"]) for one in known["candidates"]] == [("Bob", True)]
    assert known["candidates"][0]["confidence"] > 0.9
    assert [one for one in unknown["candidates"] if one["same"]] == []
    assert body["not_asked"] == []
    with team_scope(people.team):
        assert (EnrolledFace.objects.count(), Face.objects.count(), Media.objects.count()) == before


def test_a_gallery_that_cannot_be_asked_is_named_and_the_others_answer(
    people: People, gallery: Gallery
) -> None:
    with team_scope(people.team):
        Gallery.objects.filter(pk=gallery.pk).update(name="Trained")
        untrained = gallery_of(people.team, {"Eve": 3})
    body = post(people, "team_who_ask", file=picture(1)).json()
    assert body["faces"][0]["candidates"][0]["gallery"] == "Trained"
    assert len(body["not_asked"]) == 1
    assert body["not_asked"][0].startswith("Staff: ")
    body = post(people, "team_who_ask", file=picture(1), gallery=str(untrained.pk)).json()
    assert body["faces"][0]["candidates"] == []


def test_asking_costs_the_same_for_many_faces(people: People, gallery: Gallery) -> None:
    client, counts = people.client("analyst"), []
    for file in (picture(1), picture(1, 2, 50, 51, 52)):
        with CaptureQueriesContext(connection) as captured:
            assert client.post(reverse("team_who_ask"), {"file": file}).status_code == 200
        counts.append(len(captured))
    assert counts[1] <= counts[0] + 4, "a search per face at most, nothing else"


def test_asking_without_a_gallery_or_a_picture_is_refused(people: People) -> None:
    assert post(people, "team_who_ask", file=picture(1)).json()["code"] == "gallery_unknown"
    assert "Nobody to compare with yet" in shown(people, "team_who")


def test_a_viewer_is_told_that_asking_needs_another_role(people: People, gallery: Gallery) -> None:
    assert "Looking at photos needs another role" in shown(people, "team_who")
    assert "Drop a photo here" in shown(people, "team_who", role="analyst")
