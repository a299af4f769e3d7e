"""Steps that tests of limits share."""

import threading
from collections.abc import Callable
from typing import Any

from accounts.access import team_scope
from accounts.models import Team
from emotionsite.problems import Refusal
from media_jobs.tests.helpers import at_once

CLIENTS = 20


def count_outcomes(team: Team, step: Callable[[Team, int], Any]) -> dict[str, int]:
    """Run `step` in 20 threads at once; how many passed, and how many were refused with which code."""
    outcomes: dict[str, int] = {}
    numbers = iter(range(CLIENTS))
    lock = threading.Lock()

    def one() -> None:
        with lock:
            number = next(numbers)
        mine = Team.objects.select_related("plan").get(pk=team.pk)
        try:
            with team_scope(mine):
                step(mine, number)
            outcome = "passed"
        except Refusal as refusal:
            outcome = refusal.code
        with lock:
            outcomes[outcome] = outcomes.get(outcome, 0) + 1

    at_once(CLIENTS, one)
    return outcomes
