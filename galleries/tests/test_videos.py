"""Who the people of a video are: asked when its analysis ends, and again from its page or the API."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.access import team_scope
from accounts.models import AuditEvent, Team
from analysis.models import VideoPerson, VideoTrack
from analysis.video.tests.helpers import Somebody, stored_video
from conftest import People
from emotionsite.problems import Refusal
from galleries.erasure import gallery_erase, subjects_erase
from galleries.models import Gallery, Subject, VideoLabel
from galleries.services import gallery_create
from galleries.videos import gallery_choices, gallery_find, video_identify, video_identify_again
from media_jobs.models import Video
from tests.fakes import embedding_of

from .helpers import gallery_of
from .search_helpers import train

pytestmark = pytest.mark.django_db


def video_of(team: Team, gallery: Gallery, *persons: int) -> Video:
    """A video of people (numbers, as `embedding_of` takes them) that has just been linked."""
    video = stored_video(team, [Somebody() for _ in persons])
    for person, number in zip(VideoPerson.objects.filter(video=video), persons, strict=True):
        VideoTrack.objects.filter(person=person).update(
            embedding=embedding_of(number, 3),
            embedding_count=2,
            model=gallery.model,
            model_sha256=gallery.model_sha256,
        )
    return video


def known(video: Video) -> dict[int, str]:
    rows = VideoLabel.objects.filter(person__video=video).select_related("person", "subject")
    return {label.person.number: label.subject.name for label in rows}


def test_people_are_looked_up_in_the_gallery_that_was_asked_for(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    train(gallery)
    video = video_of(in_team, gallery, 1, 7, 2)
    video.gallery_id = gallery.pk
    video_identify(in_team, video)
    assert known(video) == {1: "Ada", 3: "Bob"}, "a stranger is nobody"
    label = VideoLabel.objects.get(person__number=1)
    assert 0.5 < label.confidence <= 1
    assert str(label.gallery_id) == str(gallery.pk)
    assert label.person.title == "Ada"
    # Running it twice changes nothing.
    video_identify(in_team, video)
    assert known(video) == {1: "Ada", 3: "Bob"}


def test_without_a_gallery_nobody_is_looked_up(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    train(gallery)
    video = video_of(in_team, gallery, 1)
    video_identify(in_team, video)
    assert known(video) == {}


def test_a_gallery_that_cannot_answer_does_not_keep_the_video_from_its_results(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    video = video_of(in_team, gallery, 1)
    video.gallery_id = gallery.pk
    video_identify(in_team, video)
    video.refresh_from_db()
    assert video.summary["identification"]["code"] == "gallery_not_trained"
    train(gallery)
    video_identify_again(video_id=video.pk, gallery_id=gallery.pk)
    video.refresh_from_db()
    assert "identification" not in video.summary
    assert known(video) == {1: "Ada"}
    assert AuditEvent.objects.filter(action="video.identified", object_id=str(video.pk)).count() == 1


def test_vectors_of_another_model_are_never_compared(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    train(gallery)
    video = video_of(in_team, gallery, 1)
    VideoTrack.objects.filter(video=video).update(model_sha256="0" * 64)
    video_identify_again(video_id=video.pk, gallery_id=gallery.pk)
    assert known(video) == {}


def test_where_people_are_not_recognised_nobody_is_named(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    train(gallery)
    video = video_of(in_team, gallery, 1)
    in_team.analyze_identity = False
    in_team.save()
    video_identify_again(video_id=video.pk, gallery_id=gallery.pk)
    assert known(video) == {}


def test_a_refusal_leaves_who_they_were(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    train(gallery)
    untrained = gallery_create(team=in_team, name="Other")
    video = video_of(in_team, gallery, 1)
    video_identify_again(video_id=video.pk, gallery_id=gallery.pk)
    with pytest.raises(Refusal) as refused:
        video_identify_again(video_id=video.pk, gallery_id=untrained.pk)
    assert refused.value.code == "gallery_not_trained"
    video.refresh_from_db()
    assert (video.gallery_id, known(video)) == (gallery.pk, {1: "Ada"})
    Video.objects.update(status=Video.Status.LINKING)
    with pytest.raises(Refusal) as early:
        video_identify_again(video_id=video.pk, gallery_id=gallery.pk)
    assert early.value.code == "video_not_ready"


def test_who_is_erased_is_nobody_any_more(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 2})
    train(gallery)
    video = video_of(in_team, gallery, 1, 2)
    video_identify_again(video_id=video.pk, gallery_id=gallery.pk)
    subjects_erase(team=in_team, subject_ids=[Subject.objects.get(name="Ada").pk])
    assert known(video) == {2: "Bob"}
    gallery_erase(gallery=gallery)
    assert known(video) == {}
    assert VideoPerson.objects.filter(video=video).count() == 2


def test_galleries_are_found_by_id_and_key_and_only_those_of_people(in_team: Team, others: People) -> None:
    gallery = gallery_create(team=in_team, name="Staff", key="staff")
    faces = gallery_create(team=in_team, name="Loose", key="loose", holds=Gallery.Holds.FACES)
    gallery_create(team=in_team, name="Group", key="group", namespace="person_group")
    with team_scope(others.team):
        foreign = gallery_create(team=others.team, name="Theirs", key="theirs")
    assert gallery_find(in_team, "staff") == gallery_find(in_team, str(gallery.pk)) == gallery.pk
    assert gallery_choices(in_team) == [(gallery.pk, "Staff")]
    for named, code in (
        ("group", "gallery_unknown"),
        ("theirs", "gallery_unknown"),
        (str(foreign.pk), "gallery_unknown"),
        (str(faces.pk), "gallery_holds_faces"),
    ):
        with pytest.raises(Refusal) as refused:
            gallery_find(in_team, named)
        assert refused.value.code == code


# --- API and page -----------------------------------------------------------------------------------
def ask(people: People, video: Video, body: Any) -> Any:
    return Client().post(
        f"/api/v1/videos/{video.pk}/identify",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {people.key()}"},
    )


def test_the_api_answers_with_whom_it_knows(people: People) -> None:
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1})
        train(gallery)
        video = video_of(people.team, gallery, 1, 9)
        person = VideoPerson.objects.get(video=video, number=1)
        ada = Subject.objects.get(name="Ada")
    answer = ask(people, video, {"gallery": gallery.key})
    assert answer.status_code == 200
    (one,) = answer.json()["identified"]
    assert one == {
        "person_id": str(person.pk),
        "number": 1,
        "subject_id": str(ada.pk),
        "name": "Ada",
        "confidence": one["confidence"],
    }
    assert ask(people, video, {"gallery": None}).json() == {"identified": []}
    for body, status in (({}, 400), ({"gallery": "nobody"}, 404), ({"gallery": 5.5}, 404)):
        refused = ask(people, video, body)
        assert refused.status_code == status, refused.content
    with team_scope(people.team):
        assert not VideoLabel.objects.exists()


def test_the_page_asks_and_says_how_many_are_known(people: People) -> None:
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1})
        video = video_of(people.team, gallery, 1, 9)
    client = people.client("analyst")
    address = reverse("team_video_identify", args=[video.pk])
    said = client.post(address, {"gallery": str(gallery.pk)}, follow=True).content.decode()
    assert "train" in said.lower()
    with team_scope(people.team):
        train(gallery)
    said = client.post(address, {"gallery": str(gallery.pk)}, follow=True).content.decode()
    assert "The gallery knows 1 person in this video." in said
    assert people.client("viewer").post(address, {"gallery": ""}).status_code == 403
