"""`manage.py set_plan NAME`: make or change a plan, and give it to teams."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import Team
from accounts.plans import LIMITS, plan_set, team_plan_set

UNLIMITED = "none"


class Command(BaseCommand):
    help = "Make a plan or change its limits, and give it to teams. A limit is a number, or 'none'."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the plan")
        parser.add_argument(
            "--team",
            action="append",
            default=[],
            type=UUID,
            help="id of a team that gets it; may be repeated",
        )
        for limit in LIMITS:
            parser.add_argument(f"--{limit.replace('_', '-')}", metavar="N")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        limits = {limit: _number(limit, options[limit]) for limit in LIMITS if options[limit] is not None}
        try:
            plan = plan_set(name=options["name"], **limits)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        for wanted in options["team"]:
            team = Team.objects.filter(pk=wanted).first()
            if team is None:
                raise CommandError(f"There is no team {wanted}. Nothing was changed.")
            team_plan_set(team=team, plan=plan)
        shown = ", ".join(f"{limit} {_shown(getattr(plan, limit))}" for limit in LIMITS)
        self.stdout.write(f"Plan {plan.name}: {shown}. Teams: {plan.teams.count()}.")


def _number(limit: str, text: str) -> int | None:
    if text == UNLIMITED:
        return None
    if not text.isdecimal():
        raise CommandError(
            f"--{limit.replace('_', '-')} must be a whole number or '{UNLIMITED}', not {text!r}."
        )
    return int(text)


def _shown(value: int | None) -> str:
    return UNLIMITED if value is None else str(value)
