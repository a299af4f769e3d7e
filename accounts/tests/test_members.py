"""Members: what each role may do to each, and that a team always keeps an owner."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.access import team_scope
from accounts.members import member_leave, member_remove, member_role_change, ownership_hand_over
from accounts.models import Membership, Role, User
from conftest import People
from emotionsite.problems import Refusal

from .people import access_of, events, membership_of, roles

pytestmark = pytest.mark.django_db
BEFORE = {"blue-owner": "owner", "blue-admin": "admin", "blue-analyst": "analyst", "blue-viewer": "viewer"}


def second_owner(people: People) -> User:
    user = User.objects.create_user("blue-second", "blue-second@example.org")
    with team_scope(people.team):
        Membership.objects.create(team=people.team, user=user, role=Role.OWNER)
    return user


def path_of(people: People, role: str, deed: str) -> str:
    return f"/team/members/{membership_of(people.team, getattr(people, role)).pk}/{deed}"


# --- The page ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(("role", "manages"), [("viewer", False), ("analyst", False), ("admin", True)])
def test_all_members_see_who_is_there_and_managers_see_addresses(
    people: People, role: str, manages: bool
) -> None:
    page = people.client(role).get("/team/members").content.decode()
    assert all(name in page for name in BEFORE)
    assert ("blue-viewer@example.org" in page) is manages
    assert ('name="role"' in page) is manages


def test_another_team_sees_none_of_them(people: People, others: People) -> None:
    page = others.client("owner").get("/team/members").content.decode()
    assert "red-viewer" in page
    assert "blue-" not in page


def test_members_are_found_by_name_or_address_and_shown_in_pages(people: People) -> None:
    with team_scope(people.team):
        for number in range(60):
            user = User.objects.create_user(f"person{number:02}", f"p{number:02}@example.org")
            Membership.objects.create(team=people.team, user=user, role=Role.VIEWER)
    client = people.client("owner")
    first = client.get("/team/members").content.decode()
    assert ("Page 1 of 2" in first, "person59" in first) == (True, False)
    assert "person59" in client.get("/team/members?page=2").content.decode()
    found = client.get("/team/members?q=p59@").content.decode()
    assert ("person59" in found, "person58" in found) == (True, False)
    assert "Nobody has this" in client.get("/team/members?q=xyz").content.decode()


# --- Roles ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("target", ["owner", "admin", "analyst", "viewer"])
@pytest.mark.parametrize("deed", ["role", "remove", "hand-over"])
@pytest.mark.parametrize("by", ["viewer", "analyst"])
def test_who_does_not_manage_the_team_changes_nobody(people: People, by: str, deed: str, target: str) -> None:
    assert people.client(by).post(path_of(people, target, deed), {"role": "viewer"}).status_code == 403
    assert roles(people.team) == BEFORE


@pytest.mark.parametrize(
    ("deed", "target", "role"),
    [
        ("role", "owner", "viewer"),
        ("role", "analyst", "owner"),
        ("role", "admin", "owner"),
        ("remove", "owner", ""),
        ("hand-over", "analyst", ""),
    ],
)
def test_an_admin_neither_makes_nor_touches_owners(people: People, deed: str, target: str, role: str) -> None:
    second_owner(people)
    answer = people.client("admin").post(path_of(people, target, deed), {"role": role})
    assert answer.status_code == 403
    assert "Only an owner of the team may do this" in answer.content.decode()
    assert roles(people.team) == {**BEFORE, "blue-second": "owner"}
    assert events("member.role_changed") == events("member.removed") == []


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_an_admin_changes_and_removes_the_others(people: People, role: str) -> None:
    client = people.client("admin")
    assert client.post(path_of(people, "analyst", "role"), {"role": role}).status_code == 302
    assert client.post(path_of(people, "viewer", "remove")).status_code == 302
    assert roles(people.team) == {"blue-owner": "owner", "blue-admin": "admin", "blue-analyst": role}
    (changed,) = events("member.role_changed")
    assert (changed.actor_name, changed.object_name, changed.details) == (
        "blue-admin",
        "blue-analyst",
        {"role_before": "analyst", "role": role},
    )
    (removed,) = events("member.removed")
    assert (removed.object_type, removed.object_name) == ("user", "blue-viewer")


def test_an_owner_makes_a_second_owner_and_takes_it_back(people: People) -> None:
    client = people.client("owner")
    client.post(path_of(people, "admin", "role"), {"role": "owner"})
    assert roles(people.team)["blue-admin"] == "owner"
    client.post(path_of(people, "admin", "role"), {"role": "viewer"})
    assert roles(people.team) == {**BEFORE, "blue-admin": "viewer"}


def test_an_unknown_role_is_refused(people: People) -> None:
    answer = people.client("owner").post(path_of(people, "viewer", "role"), {"role": "king"}, follow=True)
    assert "Choose one of the four roles." in answer.content.decode()
    assert roles(people.team) == BEFORE


@pytest.mark.parametrize("deed", ["role", "remove", "hand-over"])
def test_members_of_another_team_do_not_exist(people: People, others: People, deed: str) -> None:
    answer = others.client("owner").post(path_of(people, "viewer", deed), {"role": "admin"})
    assert answer.status_code == 404
    assert roles(people.team) == BEFORE


def test_a_removed_member_loses_the_team_in_the_session_that_is_open(people: People) -> None:
    client = people.client("viewer")
    assert client.get("/photos/").status_code == 200
    people.client("owner").post(path_of(people, "viewer", "remove"))
    page = client.get("/photos/")
    assert page.status_code == 403
    assert "You are not a member of any team" in page.content.decode()
    assert client.get("/api/v1/media").status_code == 401


def test_a_demoted_member_loses_the_right_in_the_session_that_is_open(people: People) -> None:
    client = people.client("admin")
    assert client.get("/team/settings").status_code == 200
    people.client("owner").post(path_of(people, "admin", "role"), {"role": "viewer"})
    assert client.get("/team/settings").status_code == 403


# --- The last owner ---------------------------------------------------------------------------------
def test_the_last_owner_cannot_leave_or_step_down(people: People) -> None:
    client = people.client("owner")
    for path, form in (
        ("/team/leave", {}),
        (path_of(people, "owner", "role"), {"role": "admin"}),
        (path_of(people, "owner", "remove"), {}),
    ):
        answer = client.post(path, form, follow=True)
        assert "blue-owner is the last owner of blue." in answer.content.decode()
    assert roles(people.team) == BEFORE
    assert events("member.left") == []


def test_one_of_two_owners_may_leave_or_be_removed_by_the_other(people: People) -> None:
    second = second_owner(people)
    member_remove(
        access=access_of(people.team, people.owner), membership_id=membership_of(people.team, second).pk
    )
    assert roles(people.team) == BEFORE
    third = User.objects.create_user("blue-third", "blue-third@example.org")
    with team_scope(people.team):
        Membership.objects.create(team=people.team, user=third, role=Role.OWNER)
    client = people.client("owner")
    assert client.post("/team/leave")["Location"] == "/photos/"
    assert "blue-owner" not in roles(people.team)
    (left,) = events("member.left")
    assert (left.actor_name, left.object_name) == ("blue-owner", "blue-owner")


@pytest.mark.parametrize("role", ["admin", "analyst", "viewer"])
def test_everybody_else_may_leave(people: People, role: str) -> None:
    people.client(role).post("/team/leave")
    assert f"blue-{role}" not in roles(people.team)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", ["leave", "step down", "remove each other"])
def test_of_two_owners_who_go_at_once_one_stays(people: People, deed: str) -> None:
    second = second_owner(people)
    accesses = [access_of(people.team, people.owner), access_of(people.team, second)]
    ids = [membership_of(people.team, user).pk for user in (people.owner, second)]

    def go(number: int) -> str:
        try:
            if deed == "leave":
                member_leave(access=accesses[number])
            elif deed == "step down":
                member_role_change(access=accesses[number], membership_id=ids[number], role=Role.VIEWER)
            else:
                member_remove(access=accesses[number], membership_id=ids[1 - number])
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()
        return "gone"

    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            answers = sorted(pool.map(go, (0, 1)))
        owners = [name for name, role in roles(people.team).items() if role == Role.OWNER]
        assert len(owners) == 1, answers
    assert "gone" not in answers


@pytest.mark.django_db(transaction=True)
def test_an_admin_who_was_demoted_a_moment_ago_manages_nobody(people: People) -> None:
    """The access is as old as the request; the role that counts is the one under the lock."""
    access = access_of(people.team, people.admin)
    with team_scope(people.team):
        Membership.objects.filter(user=people.admin).update(role=Role.VIEWER)
    with pytest.raises(Refusal) as refusal:
        member_remove(access=access, membership_id=membership_of(people.team, people.analyst).pk)
    assert refusal.value.code == "role_too_low"
    assert "blue-analyst" in roles(people.team)


# --- Handing over -----------------------------------------------------------------------------------
def test_an_owner_hands_the_team_over_and_becomes_an_admin(people: People) -> None:
    answer = people.client("owner").post(path_of(people, "analyst", "hand-over"), follow=True)
    assert "blue-analyst is owner of the team now, and you are an admin." in answer.content.decode()
    assert roles(people.team) == {**BEFORE, "blue-owner": "admin", "blue-analyst": "owner"}
    (event,) = events("member.ownership_handed_over")
    assert (event.object_name, event.details) == ("blue-analyst", {"role_before": "analyst"})


def test_there_is_nothing_to_hand_over_to_an_owner(people: People) -> None:
    second = second_owner(people)
    access = access_of(people.team, people.owner)
    for user in (second, people.owner):
        with pytest.raises(Refusal) as refusal:
            ownership_hand_over(access=access, membership_id=membership_of(people.team, user).pk)
        assert refusal.value.code == "already_owner"
    assert roles(people.team) == {**BEFORE, "blue-second": "owner"}


# --- The API ----------------------------------------------------------------------------------------
def api(people: People, *scopes: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {people.key(*scopes)}"})


def send(client: Client, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    return getattr(client, method)(path, body or {}, content_type="application/json")


def test_the_api_shows_addresses_to_those_who_manage(people: People) -> None:
    for scopes, shown in ((("read",), False), (("read", "manage"), True)):
        found = api(people, *scopes).get("/api/v1/members?role=viewer").json()["results"]
        assert [one["name"] for one in found] == ["blue-viewer"]
        assert (found[0]["email"] is not None) is shown
        assert (found[0]["second_factor"] is not None) is shown


def test_the_api_changes_a_role_and_removes_a_member(people: People) -> None:
    client = api(people)
    path = f"/api/v1/members/{membership_of(people.team, people.viewer).pk}"
    answer = send(client, "patch", path, {"role": "analyst"})
    assert (answer.status_code, answer.json()["role"]) == (200, "analyst")
    assert client.get(path).json() == answer.json()
    assert send(client, "delete", path).status_code == 204
    assert client.get(path).status_code == 404
    assert "blue-viewer" not in roles(people.team)


def test_a_key_is_at_most_an_admin(people: People) -> None:
    client = api(people)
    owner = f"/api/v1/members/{membership_of(people.team, people.owner).pk}"
    viewer = f"/api/v1/members/{membership_of(people.team, people.viewer).pk}"
    for answer in (
        send(client, "patch", owner, {"role": "viewer"}),
        send(client, "delete", owner),
        send(client, "patch", viewer, {"role": "owner"}),
        client.post(f"{viewer}/hand-over"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "owner_only")
    assert roles(people.team) == BEFORE


def test_the_api_hands_over_and_lets_a_member_leave(people: People) -> None:
    viewer = f"/api/v1/members/{membership_of(people.team, people.viewer).pk}"
    answer = people.client("owner").post(f"{viewer}/hand-over")
    assert (answer.status_code, answer.json()["role"]) == (200, "owner")
    assert roles(people.team)["blue-owner"] == "admin"
    assert people.client("analyst").delete(viewer).json()["code"] == "forbidden"
    assert people.client("analyst").delete("/api/v1/members/me").status_code == 204
    assert people.client("viewer").delete("/api/v1/members/me").json()["code"] == "last_owner"
    assert api(people, "read").delete("/api/v1/members/me").json()["code"] == "key_is_no_member"
    assert roles(people.team) == {"blue-owner": "admin", "blue-admin": "admin", "blue-viewer": "owner"}


def test_the_api_shows_and_renames_the_team(people: People, others: People) -> None:
    client = api(people)
    (team,) = client.get("/api/v1/teams").json()["results"]
    assert (team["name"], team["role"], team["current"]) == ("blue", None, True)
    path = f"/api/v1/teams/{team['id']}"
    assert send(client, "patch", path, {"name": "  azure "}).json()["name"] == "azure"
    assert send(client, "patch", path, {"name": ""}).status_code == 400
    assert send(client, "patch", path, {"require_mfa": True}).json()["code"] == "owner_only"
    assert client.get(path).json() == {**team, "name": "azure"}
    assert send(api(others), "patch", path, {"name": "mine"}).status_code == 404
    (event,) = events("team.renamed")
    assert event.details == {"before": "blue", "now": "azure"}
