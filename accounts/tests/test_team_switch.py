"""A user in several teams: the menu, changing, a new team, and what happens when one is lost."""

import pytest
from django.test import Client

from accounts.access import SESSION_TEAM, team_scope
from accounts.models import Membership, Role, Team
from accounts.services import team_create
from conftest import People

from .people import events, roles

pytestmark = pytest.mark.django_db


@pytest.fixture()
def both(people: People, others: People) -> Client:
    """The second team's analyst, who is a viewer of the first one as well."""
    with team_scope(people.team):
        Membership.objects.create(team=people.team, user=others.analyst, role=Role.VIEWER)
    return others.client("analyst")


def team_shown(client: Client) -> str:
    page = client.get("/photos/").content.decode()
    return page.partition('<span class="es-team" title="Your team">')[2].partition("<")[0]


def test_the_menu_holds_every_team_of_the_user_and_no_other(both: Client, people: People) -> None:
    team_create(name="green", owner=people.owner)
    page = both.get("/photos/").content.decode()
    menu = page.partition('aria-label="Your teams"')[2].partition("Change password")[0]
    assert ("red" in menu, "blue" in menu, "green" in menu) == (True, True, False)
    assert menu.count('aria-current="true"') == 1
    assert "New team" in menu


def test_changing_the_team_changes_what_is_shown_and_allowed(both: Client, people: People) -> None:
    assert team_shown(both) == "red"
    assert 'id="upload-files"' in both.get("/photos/").content.decode()
    assert both.post("/team/switch", {"team": str(people.team.pk)})["Location"] == "/photos/"
    assert team_shown(both) == "blue"
    assert 'id="upload-files"' not in both.get("/photos/").content.decode(), "a viewer there"
    listed = both.get("/api/v1/teams").json()["results"]
    assert {(one["name"], one["role"], one["current"]) for one in listed} == {
        ("blue", "viewer", True),
        ("red", "analyst", False),
    }


@pytest.mark.parametrize("team", ["foreign", "", "nonsense"])
def test_nobody_changes_into_a_team_of_others(people: People, others: People, team: str) -> None:
    client = people.client("owner")
    wanted = str(others.team.pk) if team == "foreign" else team
    assert client.post("/team/switch", {"team": wanted}).status_code == 404
    assert team_shown(client) == "blue"


def test_the_session_alone_opens_no_team_of_others(people: People, others: People) -> None:
    client = people.client("owner")
    session = client.session
    session[SESSION_TEAM] = str(others.team.pk)
    session.save()
    assert team_shown(client) == "blue"


def test_changing_is_a_post_of_somebody_signed_in(people: People) -> None:
    assert people.client("owner").get("/team/switch").status_code == 405
    answer = Client().post("/team/switch", {"team": str(people.team.pk)})
    assert answer["Location"].startswith("/accounts/login/")


def test_a_new_team_is_owned_by_its_maker_who_goes_there(people: People) -> None:
    client = people.client("viewer")
    assert client.get("/team/new").status_code == 200
    answer = client.post("/team/new", {"name": " Second  lab "}, follow=True)
    assert answer.redirect_chain[-1][0] == "/team/members"
    team = Team.objects.get(name="Second  lab")
    assert roles(team) == {"blue-viewer": "owner"}
    assert team_shown(client) == "Second  lab"
    assert [(event.team_id, event.actor_name) for event in events("team.created")][-1] == (
        team.pk,
        "blue-viewer",
    )


@pytest.mark.parametrize("name", ["", "   ", "x" * 81])
def test_a_team_without_a_proper_name_is_not_made(people: People, name: str) -> None:
    answer = people.client("viewer").post("/team/new", {"name": name})
    assert answer.status_code == 400
    assert "errorlist" in answer.content.decode()
    assert Team.objects.count() == 1


def test_who_lost_a_team_is_told_and_is_in_another(both: Client, people: People, others: People) -> None:
    both.post("/team/switch", {"team": str(people.team.pk)})
    with team_scope(people.team):
        Membership.objects.filter(user=others.analyst).delete()
    page = both.get("/photos/").content.decode()
    assert "You are not a member any more of the team you were in. You are in red now." in page
    assert "not a member any more" not in both.get("/photos/").content.decode(), "it is said once"


@pytest.mark.parametrize("path", ["/photos/upload", "/api/v1/media", "/team/leave"])
def test_what_a_page_of_a_lost_team_sends_does_not_reach_another(
    both: Client, people: People, others: People, path: str
) -> None:
    both.get("/photos/")
    with team_scope(others.team):
        Membership.objects.filter(user=others.analyst).delete()
    answer = both.post(path)
    assert answer.status_code == 403
    assert "not a member any more of the team you were in" in answer.content.decode()
    assert roles(people.team)["red-analyst"] == Role.VIEWER
    assert team_shown(both) == "blue"


def test_the_settings_rename_the_team(people: People) -> None:
    client = people.client("admin")
    assert client.post("/team/settings", {"name": "azure"}).status_code == 302
    assert team_shown(client) == "azure"
    answer = client.post("/team/settings", {"name": " "})
    assert answer.status_code == 400
    assert team_shown(client) == "azure"
    assert people.client("analyst").get("/team/settings").status_code == 403
    assert people.client("analyst").post("/team/settings", {"name": "x"}).status_code == 403
    (event,) = events("team.renamed")
    assert (event.actor_name, event.details) == ("blue-admin", {"before": "blue", "now": "azure"})
