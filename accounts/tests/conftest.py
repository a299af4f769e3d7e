"""Fixtures of the tests of accounts."""

from collections.abc import Callable

import pytest

from accounts.models import Team
from accounts.plans import plan_set, team_plan_set
from conftest import People


@pytest.fixture()
def limited(people: People) -> Callable[..., Team]:
    """Call it with limits to give the first team a plan of them."""

    def give(**limits: int | None) -> Team:
        team_plan_set(team=people.team, plan=plan_set(name="limited", **limits))
        return people.team

    return give
