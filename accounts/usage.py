"""What a team has used: figures per day, and how far it is from its limits. Also notes requests per day."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import structlog
from django.db import connection
from redis.exceptions import RedisError

from . import rate_counter
from .access import across_teams
from .limits import Limits, limits_of, month_of, next_month, today
from .models import Team, TeamUsage, UsageDay

logger = structlog.get_logger(__name__)

USUAL_DAYS = 30
MOST_DAYS = 366


@dataclass(frozen=True)
class Day:
    """Requests of the API, pictures whose analysis was queued, and faces found on one day (UTC)."""

    day: date
    requests: int = 0
    pictures: int = 0
    faces: int = 0


@dataclass(frozen=True)
class Used:
    """What counts against the limits now."""

    pictures_this_month: int
    stored_faces: int
    stored_bytes: int


@dataclass(frozen=True)
class Usage:
    """Limits and what is used of them; `replenished_on` is when the month's pictures are free again."""

    plan: str | None
    limits: Limits
    used: Used
    replenished_on: date
    days: list[Day]


def usage_of(*, team: Team, days: int = USUAL_DAYS) -> Usage:
    """Figures of a team with its last `days` days, today included. The caller is inside the team's scope."""
    row = TeamUsage.objects.get(team=team)
    month = month_of(today())
    return Usage(
        plan=team.plan.name if team.plan else None,
        limits=limits_of(team),
        used=Used(
            # The row turns to a new month with its first picture.
            pictures_this_month=row.pictures if row.month >= month else 0,
            stored_faces=row.stored_faces,
            stored_bytes=row.stored_bytes,
        ),
        replenished_on=next_month(max(row.month, month)),
        days=_days(team, days),
    )


def _days(team: Team, count: int) -> list[Day]:
    """One entry per day, oldest first; a day without any use is there with zeros."""
    last = today()
    first = last - timedelta(days=count - 1)
    rows = UsageDay.objects.filter(team=team, day__gte=first, day__lte=last)
    known = {row.day: Day(row.day, row.requests, row.pictures, row.faces) for row in rows}
    days = [known.get(day, Day(day)) for day in (first + timedelta(days=n) for n in range(count))]
    days[-1] = Day(**{**asdict(days[-1]), "requests": max(days[-1].requests, _requests_so_far(team, last))})
    return days


def _requests_so_far(team: Team, day: date) -> int:
    """Today's requests as they are counted; without the counters what was noted of them has to do."""
    try:
        return rate_counter.of_team(team_id=team.pk, day=day)
    except RedisError as error:
        logger.warning("requests_not_read", reason=type(error).__name__)
        return 0


# A figure never goes down, so noting the same counters twice is the same as once. A team that was deleted
# since has no row to get.
_NOTE = """
INSERT INTO accounts_usageday AS kept (team_id, day, requests, pictures, faces)
SELECT team.id, %(day)s, counted.requests, 0, 0
FROM unnest(%(teams)s::uuid[], %(requests)s::bigint[]) AS counted (team_id, requests)
JOIN accounts_team AS team ON team.id = counted.team_id
ORDER BY team.id
ON CONFLICT (team_id, day) DO UPDATE SET requests = excluded.requests
WHERE kept.requests < excluded.requests
"""


def requests_note() -> int:
    """Write the counted requests of all teams and days into their rows; returns how many rows changed.

    Counters of days that are over are dropped once they are noted. Raises redis.RedisError.
    """
    now = today()
    changed = 0
    for age in range(rate_counter.DAY_COUNTERS_KEPT.days + 1):
        day = now - timedelta(days=age)
        counted = rate_counter.of_day(day)
        if not counted:
            continue
        figures: dict[str, Any] = {"day": day, "teams": list(counted), "requests": list(counted.values())}
        # Across teams: one statement for all of them.
        with across_teams(), connection.cursor() as cursor:
            cursor.execute(_NOTE, figures)
            changed += cursor.rowcount
        # Yesterday's may still grow by a request of a server whose clock is a little behind.
        if age > 1:
            rate_counter.drop_day(day)
    return changed
