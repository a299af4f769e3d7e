"""The gallery that the demo team begins with."""

import pytest

from accounts.models import Team
from galleries.demo import PEOPLE, demo_gallery_make
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject
from media_jobs.services import job_create, media_from_bytes
from media_jobs.tests.helpers import work_off
from tests.fakes import EngineOfPeople, people_picture


@pytest.fixture()
def samples(in_team: Team) -> Team:
    """The team with the sample photos analysed: a different person is the largest face of each."""
    media = [
        media_from_bytes(team=in_team, content=people_picture(number), filename=name)
        for number, name in enumerate(PEOPLE, start=1)
    ]
    work_off(job_create(team=in_team, media=media), EngineOfPeople())
    return in_team


def test_the_people_on_the_sample_photos_are_enrolled_and_trained(samples: Team) -> None:
    demo_gallery_make(samples)
    assert set(Subject.objects.values_list("name", flat=True)) == set(PEOPLE.values())
    assert [face.subject is not None and face.source is not None for face in EnrolledFace.objects.all()] == [
        True
    ] * 2
    assert GalleryJob.objects.get().kind == GalleryJob.Kind.TRAIN


def test_a_second_start_makes_no_second_gallery(samples: Team) -> None:
    demo_gallery_make(samples)
    demo_gallery_make(samples)
    assert Gallery.objects.count() == 1
    assert EnrolledFace.objects.count() == 2


def test_without_analysed_photos_there_is_no_gallery(in_team: Team) -> None:
    demo_gallery_make(in_team)
    assert not Gallery.objects.exists()
