"""Writes of plans: what staff give to teams."""

from django.core.exceptions import ValidationError
from django.db import transaction

from .access import team_scope
from .audit import record
from .models import Plan, Team

LIMITS = (
    "requests_per_minute",
    "pictures_per_month",
    "stored_faces",
    "storage_bytes",
    "largest_file_bytes",
)


@transaction.atomic
def plan_set(*, name: str, **limits: int | None) -> Plan:
    """Make a plan, or change those limits of it that are given (None: no limit). Raises ValidationError."""
    if unknown := set(limits) - set(LIMITS):
        raise ValidationError(f"A plan has no limit {', '.join(sorted(unknown))}.")
    plan = Plan.objects.select_for_update().filter(name=name).first() or Plan(name=name)
    for limit, value in limits.items():
        setattr(plan, limit, value)
    plan.full_clean()
    plan.save()
    return plan


@transaction.atomic
def team_plan_set(*, team: Team, plan: Plan | None) -> None:
    """Give a team a plan; None is the installation's default limits. What it has already stays."""
    with team_scope(team):
        before = Team.objects.select_for_update(of=("self",)).select_related("plan").get(pk=team.pk).plan
        Team.objects.filter(pk=team.pk).update(plan=plan)
        team.plan = plan
        if before != plan:
            record(
                "team.plan_changed",
                team=team,
                obj=team,
                before=before.name if before else None,
                after=plan.name if plan else None,
            )
