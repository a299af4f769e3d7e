"""What happens when the consent of a person in a gallery ends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, Team
from conftest import People
from galleries.consent import consents_end
from galleries.models import Gallery, Subject
from galleries.search import Probe, find_similar, identify
from galleries.services import gallery_change, subject_change
from galleries.tasks import end_consents
from tests.fakes import embedding_of

from .helpers import gallery_of
from .people_helpers import person, trained

PAST, FUTURE = timedelta(seconds=-1), timedelta(days=1)


def until(gallery: Gallery, name: str, when: timedelta) -> Subject:
    return subject_change(subject=person(gallery, name), consent_until=timezone.now() + when)


def names(team: Team) -> list[str]:
    with team_scope(team):
        return list(Subject.objects.order_by("name").values_list("name", flat=True))


def test_beat_erases_who_has_not_consented_any_more_where_the_gallery_wants_it(
    people: People, others: People
) -> None:
    for team in (people.team, others.team):
        with team_scope(team):
            strict = gallery_of(team, {"Ended": 1, "Holds": 2, "Endless": 3})
            lenient = gallery_of(team, {"Kept": 4}, erase_without_consent=False)
            until(strict, "Ended", PAST)
            until(strict, "Holds", FUTURE)
            until(lenient, "Kept", PAST)
    assert end_consents() == 2
    assert names(people.team) == names(others.team) == ["Endless", "Holds", "Kept"]
    assert consents_end() == 0
    with across_teams():
        events = AuditEvent.objects.filter(action="subject.consent_ended")
        assert {event.team_id for event in events} == {people.team.pk, others.team.pk}
        assert not AuditEvent.objects.filter(object_name="Ended").exists()


def test_one_run_erases_so_many_and_the_next_goes_on(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"A": 1, "B": 2, "C": 3}, faces=1)
    for name in "ABC":
        until(gallery, name, PAST)
    assert [consents_end(limit=2), consents_end(limit=2), consents_end(limit=2)] == [2, 1, 0]


def test_a_team_that_is_being_deleted_is_left_to_its_deletion(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1})
    until(gallery, "Ada", PAST)
    Team.objects.filter(pk=in_team.pk).update(deleting_at=timezone.now())
    assert consents_end() == 0
    assert Subject.objects.exists()


def test_a_gallery_may_begin_to_erase_later(in_team: Team) -> None:
    gallery = gallery_of(in_team, {"Ada": 1}, erase_without_consent=False)
    until(gallery, "Ada", PAST)
    assert consents_end() == 0
    gallery_change(gallery=gallery, erase_without_consent=True)
    assert consents_end() == 1


@pytest.mark.parametrize(("when", "found"), [(PAST, ["Bob"]), (FUTURE, ["Ada", "Bob"])])
def test_who_has_not_consented_any_more_is_nobodys_candidate(
    in_team: Team, when: timedelta, found: list[str]
) -> None:
    gallery = gallery_of(in_team, {"Ada": 1, "Bob": 1}, erase_without_consent=False)
    trained(gallery)
    until(gallery, "Ada", when)
    probe = Probe(embedding_of(1, 9), gallery.model, gallery.model_sha256)
    (near,) = identify(gallery=gallery, probes=[probe.embedding], model_sha256=probe.model_sha256)
    name_by_id = dict(Subject.objects.values_list("pk", "name"))
    assert sorted(name_by_id[one.subject_id] for one in near if one.subject_id) == found
    similar = find_similar(probe, gallery)
    assert {name_by_id[one.subject_id] for one in similar if one.subject_id} == set(found)
    trained(gallery)
    (near,) = identify(gallery=gallery, probes=[probe.embedding], model_sha256=probe.model_sha256)
    assert len(near) == len(found)
