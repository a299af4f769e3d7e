"""Pages of unnamed people: who is shown, and what can be done to them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.access import team_scope
from accounts.models import Team
from conftest import People
from galleries.models import FaceLabel, Gallery, GalleryJob, UnnamedPerson
from galleries.unnamed_pool import pool_cluster

from .helpers import gallery_of
from .people_helpers import analysed, trained
from .test_pages import sent, shown, subject_named


@pytest.fixture()
def gallery(people: People) -> Gallery:
    """A trained gallery of Ada (person 1) and Bob (person 2)."""
    with team_scope(people.team):
        made = gallery_of(people.team, {"Ada": 1, "Bob": 2})
        trained(made)
        return made


def only_labelled(people: People, name: str) -> int:
    with team_scope(people.team):
        return FaceLabel.objects.filter(subject__name=name).count()


@pytest.fixture()
def unnamed(people: People, gallery: Gallery) -> list[UnnamedPerson]:
    """Two unnamed people of three photos each, persons 40 and 41."""
    with team_scope(people.team):
        for view in range(3):
            analysed(people.team, 40, 41, view=view)
        pool_cluster(team=people.team)
        return list(UnnamedPerson.objects.order_by("created_at", "pk"))


def test_unnamed_people_are_shown_with_their_faces(people: People, unnamed: list[UnnamedPerson]) -> None:
    page = people.client("viewer").get(reverse("team_unnamed")).content.decode()
    assert page.count("3 faces") == 2
    assert page.count("/crop") == 6
    assert 'value="ignore"' not in page, "a viewer looks"


def test_unnamed_people_get_a_name(people: People, unnamed: list[UnnamedPerson]) -> None:
    words = sent(people, "team_unnamed_chosen", unnamed=[unnamed[0].pk], deed="name")
    assert "Who is it?" in words
    words = sent(people, "team_unnamed_name", unnamed=[unnamed[0].pk], name="Zoe")
    assert "3 faces of photos carry the name Zoe now" in words
    assert only_labelled(people, "Zoe") == 3
    bob = subject_named(people, "Bob")
    sent(people, "team_unnamed_name", unnamed=[unnamed[1].pk], name="Bob", subject=bob.pk)
    assert only_labelled(people, "Bob") == 3
    assert "Nobody waits for a name" in shown(people, "team_unnamed")


def test_unnamed_people_are_merged_and_taken_apart(people: People, unnamed: list[UnnamedPerson]) -> None:
    ids = [one.pk for one in unnamed]
    words = sent(people, "team_unnamed_chosen", unnamed=ids, deed="merge")
    assert "They are one person" in words
    assert "They are one unnamed person now." in sent(people, "team_unnamed_merge", unnamed=ids)
    with team_scope(people.team):
        kept = UnnamedPerson.objects.get()
        face = kept.labels.first()
    assert face is not None
    words = sent(people, "team_unnamed_split", kept.pk, face=[face.pk])
    assert "1 face is an unnamed person of their own now." in words
    with team_scope(people.team):
        assert UnnamedPerson.objects.count() == 2


def test_unnamed_people_are_ignored_and_restored(people: People, unnamed: list[UnnamedPerson]) -> None:
    ids = [one.pk for one in unnamed]
    assert "2 people are ignored." in sent(people, "team_unnamed_chosen", unnamed=ids, deed="ignore")
    assert "Nobody waits for a name" in shown(people, "team_unnamed")
    assert "3 faces" in shown(people, "team_unnamed", query="?ignored=1")
    words = sent(people, "team_unnamed_chosen", unnamed=ids, deed="restore")
    assert "2 people are asked about again." in words
    with team_scope(people.team):
        assert not UnnamedPerson.objects.filter(ignored=True).exists()


def test_people_are_looked_for_on_request_and_the_page_follows_it(people: People, gallery: Gallery) -> None:
    with team_scope(people.team):
        GalleryJob.objects.filter(kind="cluster").delete()
    assert "waiting for its turn" in sent(people, "team_unnamed_find")
    client = people.client("viewer")
    assert "hx-get" in client.get(reverse("team_unnamed_state")).content.decode()
    with team_scope(people.team):
        GalleryJob.objects.filter(kind="cluster").update(status="succeeded", finished_at=timezone.now())
    assert client.get(reverse("team_unnamed_state"))["HX-Refresh"] == "true"


def test_the_pages_of_unnamed_people_cost_the_same_for_more(
    people: People, unnamed: list[UnnamedPerson]
) -> None:
    client = people.client("analyst")
    paths = [reverse("team_unnamed"), reverse("team_unnamed_one", args=[unnamed[0].pk])]

    def counts() -> list[int]:
        found = []
        for path in paths:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(path).status_code == 200
            found.append(len(captured))
        return found

    before = counts()
    with team_scope(people.team):
        for view in range(3, 6):
            analysed(people.team, 40, 41, 42, 43, view=view)
        pool_cluster(team=people.team)
        assert UnnamedPerson.objects.count() == 4
    assert counts() == before


def test_a_team_that_switched_recognising_off_is_told_so(people: People, gallery: Gallery) -> None:
    Team.objects.filter(pk=people.team.pk).update(analyze_identity=False)
    assert "switched off recognising people" in shown(people, "team_unnamed")
    assert "switched off" in sent(people, "team_unnamed_find")
    with team_scope(people.team):
        assert not GalleryJob.objects.filter(kind="cluster", status="queued").exists()
