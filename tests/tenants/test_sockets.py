"""WebSocket routes and teams: whoever opens one acts in a team of their own, or not at all.

A socket names no object of a team, so there is nothing of another team to ask for: what it does, it does in
the team of the session.
"""

from typing import Any

import pytest
from django.test import Client

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, Team, TeamUsage, User
from conftest import People
from media_jobs.live.routing import websocket_urlpatterns
from media_jobs.live.tests.helpers import FRAME, Browser, answer, face, run, use_worker

pytestmark = pytest.mark.django_db(transaction=True)

#: Name of each route, and what it is for.
SOCKETS = {
    "team_live_stream": "frames of the live camera: counted and recorded in the team of the session",
    "no_socket": "every other address, which is refused",
}


def used(team: Team) -> int:
    with team_scope(team):
        return TeamUsage.objects.get(team=team).pictures


def test_every_socket_is_in_the_table() -> None:
    assert {pattern.name for pattern in websocket_urlpatterns} == set(SOCKETS)


@pytest.mark.parametrize("role", ["owner", "admin", "analyst"])
def test_frames_count_for_the_team_of_the_session_alone(
    people: People, others: People, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    use_worker(monkeypatch, lambda task: answer(task["ticket"], face()))
    browser = Browser(others.client(role))

    async def scenario() -> None:
        assert (await browser.agreed())["type"] == "started"
        await browser.send(FRAME)
        assert (await browser.hear())["type"] == "frame"
        await browser.disconnect()

    run(scenario)
    assert (used(people.team), used(others.team)) == (0, 1)
    with across_teams():
        events = list(AuditEvent.objects.filter(action="live.started").values_list("team_id", flat=True))
    assert events == [others.team.pk]


def test_a_session_that_names_a_team_of_others_acts_in_its_own(
    people: People, others: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_worker(monkeypatch, lambda task: answer(task["ticket"], face()))
    client = others.client("owner")
    session = client.session
    session["team"] = str(people.team.pk)
    session.save()
    browser = Browser(client)

    async def scenario() -> None:
        await browser.agreed()
        await browser.send(FRAME)
        assert (await browser.hear())["type"] == "frame"
        await browser.disconnect()

    run(scenario)
    assert (used(people.team), used(others.team)) == (0, 1)


@pytest.mark.parametrize(
    ("who", "code"), [("visitor", "live_signed_out"), ("viewer", "live_role"), ("alone", "live_no_team")]
)
def test_nobody_without_the_right_comes_in(
    people: People, monkeypatch: pytest.MonkeyPatch, who: str, code: str
) -> None:
    sent = use_worker(monkeypatch, lambda task: answer(task["ticket"], face()))
    found: list[Any] = []
    browser = Browser(_client(people, who))

    async def scenario() -> None:
        assert await browser.connect()
        found.append(await browser.refused())
        await browser.disconnect()

    run(scenario)
    assert found[0][0] == code
    assert (sent, used(people.team)) == ([], 0)


def _client(people: People, who: str) -> Client | None:
    if who == "visitor":
        return None
    if who == "alone":
        client = Client()
        user = User.objects.create_user("alone", "alone@example.org", "correct horse battery")
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client
    return people.client(who)
