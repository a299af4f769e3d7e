"""Who of the staff sees what in the admin panel: their own teams' rows, and nothing of other teams."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from accounts.access import across_teams
from accounts.models import ApiKey, Plan, Role, Team, User
from accounts.staff import GROUP, staff_end, staff_make
from accounts.team_admin import InstallationAdmin, TeamAdmin
from conftest import People
from emotionsite.admin_site import SIDEBAR

from .people import PASSWORD, events, give_second_factor, membership_of, roles

pytestmark = pytest.mark.django_db
BEFORE = {"blue-owner": "owner", "blue-admin": "admin", "blue-analyst": "analyst", "blue-viewer": "viewer"}


def superuser() -> Client:
    client = Client()
    user = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture()
def root(db: None) -> Client:
    return superuser()


@pytest.fixture()
def staff(people: People) -> Client:
    """An admin of the team 'blue' who is staff, and who was given every permission there is."""
    staff_make(user=people.admin)
    people.admin.user_permissions.set(Permission.objects.all())
    return people.client("admin")


def key_of(people: People) -> ApiKey:
    people.key("read")
    with across_teams():
        return ApiKey.objects.filter(team=people.team).latest("id")


# --- Which admins there are -------------------------------------------------------------------------
def test_every_list_is_one_of_teams_or_one_of_superusers() -> None:
    """A list that is neither would show every team's rows to all staff."""
    for model, model_admin in admin.site._registry.items():
        assert isinstance(model_admin, TeamAdmin | InstallationAdmin), model
        has_team = any(field.name == "team" for field in model._meta.fields)
        assert isinstance(model_admin, TeamAdmin) or not has_team, model
        assert not model_admin.raw_id_fields, model


def test_every_list_stands_in_the_sidebar() -> None:
    known = [label for _, lists in SIDEBAR for label, _, _ in lists]
    assert sorted(known) == sorted(model._meta.label for model in admin.site._registry)


# --- Rows -------------------------------------------------------------------------------------------
def test_staff_see_the_rows_of_their_team_and_superusers_all(
    staff: Client, root: Client, people: People, others: People
) -> None:
    mine, theirs = key_of(people), key_of(others)
    path = reverse("admin:accounts_apikey_changelist")
    for client, seen in ((staff, [mine]), (root, [theirs, mine])):
        answer = client.get(path)
        assert sorted(row.pk for row in answer.context["cl"].result_list) == sorted(row.pk for row in seen)
    Team.objects.filter(pk=others.team.pk).update(name="Somebody else")
    page = staff.get(path).content.decode()
    assert (mine.identifier in page, theirs.identifier in page) == (True, False)
    assert "Somebody else" not in page
    assert "Somebody else" in root.get(path).content.decode()


def test_a_row_of_another_team_is_as_if_it_were_not_there(
    staff: Client, people: People, others: People
) -> None:
    theirs = key_of(others)
    for name in ("change", "history", "delete"):
        page = reverse(f"admin:accounts_apikey_{name}", args=[theirs.pk])
        gone = reverse(f"admin:accounts_apikey_{name}", args=[987654321])
        answer, nothing = staff.get(page), staff.get(gone)
        assert answer.status_code == nothing.status_code
        assert theirs.identifier not in answer.content.decode()
    mine = key_of(people)
    assert staff.get(reverse("admin:accounts_apikey_change", args=[mine.pk])).status_code == 200


def test_search_filter_and_choices_know_nothing_of_other_teams(
    staff: Client, people: People, others: People
) -> None:
    theirs = key_of(others)
    path = reverse("admin:accounts_apikey_changelist")
    assert theirs.identifier not in staff.get(path, {"q": "test"}).content.decode()
    Team.objects.filter(pk=others.team.pk).update(name="Somebody else")
    filtered = staff.get(path, {"team__id__exact": str(others.team.pk)}).content.decode()
    assert "Somebody else" not in filtered
    mine = key_of(people)
    filtered = staff.get(path, {"team__id__exact": str(people.team.pk)}).content.decode()
    assert mine.identifier in filtered
    choices = {"app_label": "accounts", "model_name": "apikey", "field_name": "team", "term": ""}
    found = staff.get(reverse("admin:autocomplete"), choices).json()["results"]
    assert [row["text"] for row in found] == ["blue"]


def test_an_action_does_not_reach_a_row_of_another_team(
    staff: Client, people: People, others: People
) -> None:
    mine, theirs = key_of(people), key_of(others)
    body = {"action": "revoke", "_selected_action": [mine.pk, theirs.pk]}
    staff.post(reverse("admin:accounts_apikey_changelist"), body)
    with across_teams():
        assert [ApiKey.objects.get(pk=key.pk).state for key in (mine, theirs)] == ["revoked", "active"]
    (event,) = events("api_key.revoked")
    assert (event.team_id, event.actor_name) == (people.team.pk, "blue-admin")


@pytest.mark.parametrize("role", [Role.ANALYST, Role.VIEWER])
def test_staff_who_do_not_manage_a_team_see_nothing_of_it(people: People, role: str) -> None:
    user = getattr(people, role)
    staff_make(user=user)
    key_of(people)
    answer = people.client(role).get(reverse("admin:accounts_apikey_changelist"))
    assert (answer.status_code, list(answer.context["cl"].result_list)) == (200, [])


def test_a_team_that_asks_for_a_second_factor_shows_nothing_to_staff_without(
    staff: Client, people: People
) -> None:
    key_of(people)
    Team.objects.filter(pk=people.team.pk).update(require_mfa=True)
    path = reverse("admin:accounts_apikey_changelist")
    assert list(staff.get(path).context["cl"].result_list) == []
    give_second_factor(people.admin)
    assert len(staff.get(path).context["cl"].result_list) == 1


def test_staff_without_a_permission_do_not_get_in(people: People) -> None:
    people.admin.is_staff = True
    people.admin.save()
    client = people.client("admin")
    assert client.get(reverse("admin:index")).status_code == 200
    assert client.get(reverse("admin:accounts_apikey_changelist")).status_code == 403


def test_what_belongs_to_the_installation_is_for_superusers_whatever_the_permissions(
    staff: Client, root: Client
) -> None:
    for model, model_admin in admin.site._registry.items():
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        expected = 403 if isinstance(model_admin, InstallationAdmin) else 200
        assert (staff.get(path).status_code, root.get(path).status_code) == (expected, 200), model
    page = staff.get(reverse("admin:index")).content.decode()
    assert (reverse("admin:accounts_team_changelist") in page, "/accounts/user/" in page) == (True, False)


def test_staff_change_neither_plan_nor_name_nor_members_of_their_team(staff: Client, people: People) -> None:
    Plan.objects.create(name="Unlimited")
    page = reverse("admin:accounts_team_change", args=[people.team.pk])
    shown = staff.get(page)
    assert shown.status_code == 200
    assert 'name="name"' not in shown.content.decode()
    answer = staff.post(page, {"name": "grabbed", "plan": str(Plan.objects.get().pk)})
    assert answer.status_code == 403
    team = Team.objects.get(pk=people.team.pk)
    assert (team.name, team.plan, roles(team)) == ("blue", None, BEFORE)


def test_nobody_adds_or_deletes_teams_in_the_panel(root: Client, people: People) -> None:
    assert root.get(reverse("admin:accounts_team_add")).status_code == 403
    body = {"post": "yes"}
    assert root.post(reverse("admin:accounts_team_delete", args=[people.team.pk]), body).status_code == 403
    assert root.post(reverse("admin:accounts_user_delete", args=[people.owner.pk]), body).status_code == 403
    assert roles(people.team) == BEFORE


# --- Members ----------------------------------------------------------------------------------------
def members_form(people: People, *rows: tuple[User, str, bool], **new: Any) -> dict[str, Any]:
    """The form of a team: (user, role, to be removed) of members, and `user` and `role` of a new one."""
    initial = 0
    body: dict[str, Any] = {"name": people.team.name, "plan": ""}
    for user, role, removed in rows:
        prefix = f"memberships-{initial}"
        body |= {f"{prefix}-id": membership_of(people.team, user).pk, f"{prefix}-team": people.team.pk}
        body |= {f"{prefix}-user": user.pk, f"{prefix}-role": role}
        if removed:
            body[f"{prefix}-DELETE"] = "on"
        initial += 1
    total = initial
    if new:
        body |= {f"memberships-{total}-{name}": value for name, value in new.items()}
        total += 1
    return {**body, "memberships-TOTAL_FORMS": total, "memberships-INITIAL_FORMS": initial}


def all_rows(people: People, **changed: tuple[str, bool]) -> list[tuple[User, str, bool]]:
    return [
        (getattr(people, role), *changed.get(role, (role, False)))
        for role in ("owner", "admin", "analyst", "viewer")
    ]


@pytest.mark.parametrize("change", [("viewer", False), ("owner", True)])
def test_the_last_owner_of_a_team_stays(root: Client, people: People, change: tuple[str, bool]) -> None:
    page = reverse("admin:accounts_team_change", args=[people.team.pk])
    body = members_form(people, *all_rows(people, owner=change, viewer=("viewer", True)))
    answer = root.post(page, {**body, "name": "changed too"}, follow=True)
    assert "blue-owner" in answer.content.decode()
    assert roles(people.team) == BEFORE, "nothing of the form was carried out"
    assert Team.objects.get(pk=people.team.pk).name == "blue"
    assert events("member.role_changed") == events("member.removed") == []


def test_superusers_hand_a_team_over_and_the_record_says_so(root: Client, people: People) -> None:
    page = reverse("admin:accounts_team_change", args=[people.team.pk])
    body = members_form(people, *all_rows(people, owner=("owner", True), viewer=("owner", False)))
    assert root.post(page, body).status_code == 302
    assert roles(people.team) == {"blue-admin": "admin", "blue-analyst": "analyst", "blue-viewer": "owner"}
    (changed,), (removed,) = events("member.role_changed"), events("member.removed")
    assert (changed.actor_name, changed.object_name) == ("root", "blue-viewer")
    assert (removed.actor_name, removed.object_name) == ("root", "blue-owner")


def test_superusers_add_a_member(root: Client, people: People, others: People) -> None:
    page = reverse("admin:accounts_team_change", args=[people.team.pk])
    body = members_form(people, *all_rows(people), user=others.viewer.pk, role="analyst")
    assert root.post(page, body).status_code == 302
    assert roles(people.team) == {**BEFORE, "red-viewer": "analyst"}
    assert events("member.joined")[-1].object_name == "red-viewer"


def test_a_membership_does_not_change_hands(root: Client, people: People, others: People) -> None:
    """A row whose user was exchanged in the form keeps the one it is of."""
    page = reverse("admin:accounts_team_change", args=[people.team.pk])
    body = members_form(people, *all_rows(people))
    assert root.post(page, {**body, "memberships-3-user": others.viewer.pk}).status_code == 302
    assert roles(people.team) == BEFORE


# --- Second factors ---------------------------------------------------------------------------------
def test_a_second_factor_that_staff_delete_stands_in_the_record(root: Client, people: People) -> None:
    give_second_factor(people.viewer)
    factors = Authenticator.objects.filter(user=people.viewer)
    pk = factors.get().pk
    page = reverse("admin:mfa_authenticator_change", args=[pk])
    assert "secret" not in root.get(page).content.decode()
    body = {"action": "delete_selected", "_selected_action": [pk], "post": "yes"}
    root.post(reverse("admin:mfa_authenticator_changelist"), body)
    assert factors.count() == 0
    (event,) = events("user.second_factor_off")
    assert (event.actor_name, event.object_name) == ("root", "blue-viewer")


# --- Making staff -----------------------------------------------------------------------------------
def test_the_command_makes_staff_and_ends_it(people: People, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("make_staff", "BLUE-admin")
    call_command("make_staff", "blue-admin@example.org")
    people.admin.refresh_from_db()
    assert people.admin.is_staff
    assert people.admin.has_perm("accounts.view_apikey")
    assert not people.admin.has_perm("accounts.change_user")
    assert len(events("user.made_staff")) == 1
    call_command("make_staff", "blue-admin", "--remove")
    people.admin.refresh_from_db()
    assert (people.admin.is_staff, people.admin.groups.count()) == (False, 0)
    assert len(events("user.no_longer_staff")) == 1
    with pytest.raises(CommandError, match="Nobody here is called 'nobody'"):
        call_command("make_staff", "nobody")


def test_the_group_gives_no_permission_for_the_installation(people: People) -> None:
    staff_make(user=people.admin)
    staff_end(user=people.viewer)
    given = {
        f"{one.content_type.app_label}.{one.codename}"
        for one in Group.objects.get(name=GROUP).permissions.all()
    }
    assert "accounts.view_team" in given
    assert not {name for name in given if name.endswith(("_user", "_group", "_plan", "_authenticator"))}


# --- The content security policy --------------------------------------------------------------------
def test_only_the_panel_s_pages_have_the_wider_policy(root: Client, people: People) -> None:
    key_of(people)
    wider = "'unsafe-eval'"
    for path in (reverse("admin:index"), reverse("admin:accounts_team_changelist"), "/admin/jsi18n/"):
        policy = root.get(path)["Content-Security-Policy"]
        assert wider in policy
        directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert directives["script-src"] == f"'self' {wider}"
        assert (directives["style-src"], directives["style-src-attr"]) == ("'self'", "'unsafe-inline'")
        assert directives["default-src"] == "'none'"
    for path in (
        "/",
        "/photos/",
        "/team/members",
        "/accounts/email/",
        "/api/v1/docs",
        "/nowhere",
        "/admin-not/",
    ):
        policy = people.client("owner").get(path)["Content-Security-Policy"]
        assert "unsafe" not in policy, path


def test_the_panel_s_pages_hold_no_inline_script_and_no_style_element(root: Client, people: People) -> None:
    for path in (reverse("admin:index"), reverse("admin:accounts_team_change", args=[people.team.pk])):
        page = root.get(path).content.decode()
        assert "<style" not in page
        assert "includeIndicatorStyles" in page
        starts = [part.split(">", 1)[0] for part in page.split("<script")[1:]]
        assert starts
        assert all("src=" in start for start in starts)
