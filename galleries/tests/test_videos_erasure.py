"""People who are erased from a gallery are nobody's names in videos any more."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.access import team_scope
from accounts.models import AuditEvent, Team
from analysis.models import VideoPerson, VideoTrack
from analysis.video.people import person_rename
from conftest import People
from galleries.consent import consents_end
from galleries.corrections import subjects_merge, subjects_move
from galleries.erasure import galleries_erase, subjects_erase
from galleries.labelling import identity_forget
from galleries.models import Gallery, Subject, VideoLabel
from galleries.services import gallery_create
from media_jobs.models import Video
from media_jobs.tests.test_erasure import leavings
from media_jobs.video.erasure import video_erase
from media_jobs.video.tests.kept import kept_video

from .helpers import gallery_of

NAME = "Zora Neale Hurston"


def named(team: Team, gallery: Gallery, *, seconds: float = 10) -> Video:
    """A video whose people are those of the gallery, in the order of their names."""
    subjects = list(gallery.subjects.order_by("name"))
    video = kept_video(team, len(subjects), seconds)
    Video.objects.filter(pk=video.pk).update(gallery_id=gallery.pk)
    for subject, person in zip(subjects, VideoPerson.objects.filter(video=video), strict=True):
        VideoLabel.objects.create(person=person, team=team, gallery=gallery, subject=subject, confidence=0.9)
    return video


def titles(video: Video) -> list[str]:
    people = VideoPerson.objects.filter(video=video).select_related("label__subject").order_by("number")
    return [person.title for person in people]


def vectors(video: Video) -> list[bool]:
    rows = VideoTrack.objects.filter(video=video).order_by("person__number", "chunk")
    return [vector is not None for vector in rows.values_list("embedding", flat=True)]


@pytest.mark.django_db(transaction=True)
def test_the_name_of_an_erased_person_goes_from_videos_with_the_vectors(people: People) -> None:
    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1, NAME: 2})
        video, other = named(people.team, gallery, seconds=20), kept_video(people.team, 1, 10)
        assert titles(video) == ["Ada", NAME]
        zora = Subject.objects.get(name=NAME)
        subjects_erase(team=people.team, subject_ids=[zora.pk])
        assert titles(video) == ["Ada", "Person 2"]
        assert vectors(video) == [True, True, False, False]
        assert vectors(other) == [True]
        assert VideoTrack.objects.filter(video=video, embedding=None).first().model == ""  # type: ignore[union-attr]
    left = list(leavings(NAME, str(zora.pk)))
    assert all(line.startswith("accounts_auditevent") and NAME not in line for line in left)


def test_what_a_member_has_called_somebody_is_the_member_s_word(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    video = named(in_team, gallery)
    person_rename(person=VideoPerson.objects.get(video=video), name="The tall one")
    subjects_erase(team=in_team, subject_ids=[Subject.objects.get().pk])
    assert titles(video) == ["The tall one"]


def test_when_consent_ends_the_name_goes(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bo": 2})
    video = named(in_team, gallery)
    Subject.objects.filter(name="Ada").update(consent_until=timezone.now() - timedelta(minutes=1))
    assert consents_end() == 1
    assert titles(video) == ["Person 1", "Bo"]
    assert AuditEvent.objects.filter(action="subject.consent_ended").count() == 1


def test_with_a_gallery_all_names_go_and_vectors_stay(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bo": 2})
    video = named(in_team, gallery)
    Video.objects.filter(pk=video.pk).update(
        summary={"identification": {"code": "x", "detail": "Staff is not trained."}, "excluded": 0}
    )
    galleries_erase(team=in_team, gallery_ids=[gallery.pk])
    assert titles(video) == ["Person 1", "Person 2"]
    assert vectors(video) == [True, True], "with another gallery they may be named again"
    video.refresh_from_db()
    assert (video.gallery_id, video.summary) == (None, {"excluded": 0})
    assert not VideoLabel.objects.exists()


def test_names_go_along_with_people_who_are_merged_or_moved(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Ada L.": 2, "Bo": 3})
    video = named(in_team, gallery)
    kept, gone, bo = Subject.objects.order_by("name")
    subjects_merge(gallery=gallery, into=kept, others=[gone])
    assert titles(video) == ["Ada", "Ada", "Bo"]
    other = gallery_create(team=in_team, name="Others")
    subjects_move(subjects=[bo], gallery=other)
    galleries_erase(team=in_team, gallery_ids=[gallery.pk])
    assert titles(video) == ["Person 1", "Person 2", "Bo"]
    galleries_erase(team=in_team, gallery_ids=[other.pk])
    assert titles(video) == ["Person 1", "Person 2", "Person 3"]


def test_recognising_that_is_switched_off_forgets_names_in_steps(in_team: Team) -> None:
    named(in_team, gallery_of(in_team, {"Ada": 1, "Bo": 2, "Cy": 3}))
    assert identity_forget(team=in_team) == 0
    Team.objects.filter(pk=in_team.pk).update(analyze_identity=False)
    assert [identity_forget(team=in_team, limit=2) for _ in range(3)] == [2, 1, 0]
    assert not VideoLabel.objects.exists()


def test_an_erased_video_leaves_people_in_galleries(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    video = named(in_team, gallery)
    video_erase(team=in_team, video_ids=[video.pk])
    assert not VideoLabel.objects.exists()
    assert Subject.objects.get().name == "Ada"


@pytest.mark.django_db(transaction=True)
def test_erasing_people_and_their_videos_at_once_ends(people: People) -> None:
    from media_jobs.tests.helpers import at_once

    with team_scope(people.team):
        gallery = gallery_of(people.team, {"Ada": 1, "Bo": 2})
        videos = [named(people.team, gallery) for _ in range(3)]
        subjects = list(gallery.subjects.values_list("pk", flat=True))
    steps: Any = iter(
        [
            lambda: subjects_erase(team=people.team, subject_ids=subjects),
            lambda: video_erase(team=people.team, video_ids=[video.pk for video in reversed(videos)]),
        ]
    )

    def step() -> None:
        with team_scope(people.team):
            next(steps)()

    at_once(2, step)
    with team_scope(people.team):
        assert not VideoLabel.objects.exists()
        assert not Subject.objects.exists()
        assert not Video.objects.exists()
