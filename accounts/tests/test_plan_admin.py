"""Plans in the admin."""

from typing import Any

import pytest
from django.test import Client

from accounts.access import across_teams
from accounts.models import AuditEvent, Plan, Team, User
from accounts.plans import plan_set, team_plan_set
from conftest import People


@pytest.fixture()
def staff(db: None) -> Client:
    client = Client()
    user = User.objects.create_superuser("root", "root@example.org", "correct horse battery")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_staff_make_a_plan_with_limits_and_without(staff: Client) -> None:
    limits = {"requests_per_minute": "60", "pictures_per_month": "", "stored_faces": "0"}
    answer = staff.post("/admin/accounts/plan/add/", {"name": "Small", **limits})
    assert answer.status_code == 302
    plan = Plan.objects.get()
    assert (plan.requests_per_minute, plan.pictures_per_month, plan.stored_faces) == (60, None, 0)


def test_staff_give_a_team_a_plan_and_the_teams_record_says_so(staff: Client, people: People) -> None:
    plan = plan_set(name="Small", requests_per_minute=60)
    page = f"/admin/accounts/team/{people.team.pk}/change/"
    form: dict[str, Any] = staff.get(page).context["adminform"].form.initial
    fields = {name: value for name, value in form.items() if value not in (None, False)}
    inline = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    answer = staff.post(page, {**fields, **inline, "plan": str(plan.pk), "name": "new name"})
    assert answer.status_code == 302
    team = Team.objects.get(pk=people.team.pk)
    assert (team.plan, team.name) == (plan, "new name")
    with across_teams():
        event = AuditEvent.objects.get(action="team.plan_changed")
    assert (event.team_id, event.details, event.actor_name) == (
        team.pk,
        {"before": None, "after": "Small"},
        "root",
    )


def test_a_plan_that_teams_have_cannot_be_deleted(staff: Client, people: People) -> None:
    plan = plan_set(name="Small")
    team_plan_set(team=people.team, plan=plan)
    staff.post(f"/admin/accounts/plan/{plan.pk}/delete/", {"post": "yes"})
    assert Plan.objects.filter(pk=plan.pk).exists()
