"""Every limit of a team: what it is, and the one place that holds it.

- Requests are counted in Valkey or Redis (`accounts.rate_counter`), before a view of the API runs.
- Analysed pictures are counted in the team's row of TeamUsage when their analysis is queued, and given back
  when it ends without one.
- Stored faces and bytes are counted by triggers; the checks here look at the counted row afterwards, in the
  same transaction.

The row of TeamUsage is locked by each of them until the transaction ends. That makes the limits exact, and
it is why it must be the last lock a transaction takes: jobs, job items, media, then this row.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone
from redis.exceptions import RedisError

from emotionsite.database import together

from . import rate_counter
from .models import Team, TeamUsage
from .refusals import refuse

if TYPE_CHECKING:
    from .access import Access

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Limits:
    """What a team may use; None is without limit.

    `requests_per_minute` counts any 60 seconds, `pictures_per_month` a calendar month in UTC.
    """

    requests_per_minute: int | None
    pictures_per_month: int | None
    stored_faces: int | None
    storage_bytes: int | None
    largest_file_bytes: int


@dataclass(frozen=True)
class Rate:
    """What the RateLimit headers say: the limit, what is left, and in how many seconds one more is free."""

    limit: int
    left: int
    seconds: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.seconds),
        }


def limits_of(team: Team) -> Limits:
    """The limits of the team's plan, or the installation's for a team without one.

    A plan cannot raise the largest file over MAX_UPLOAD_MB, where the server cuts requests off.
    """
    plan = team.plan
    if plan is None:
        return Limits(
            requests_per_minute=settings.DEFAULT_REQUESTS_PER_MINUTE,
            pictures_per_month=settings.DEFAULT_PICTURES_PER_MONTH,
            stored_faces=settings.DEFAULT_STORED_FACES,
            storage_bytes=settings.DEFAULT_STORAGE_BYTES,
            largest_file_bytes=settings.MAX_UPLOAD_BYTES,
        )
    most = settings.MAX_UPLOAD_BYTES
    largest = plan.largest_file_bytes
    return Limits(
        requests_per_minute=plan.requests_per_minute,
        pictures_per_month=plan.pictures_per_month,
        stored_faces=plan.stored_faces,
        storage_bytes=plan.storage_bytes,
        largest_file_bytes=most if largest is None else min(most, largest),
    )


def today() -> date:
    """The day in UTC, by which everything is counted."""
    return timezone.now().date()


def month_of(day: date) -> date:
    """First day of the month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """First day of the month after: when the pictures are replenished."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


# --- Requests -------------------------------------------------------------------------------------


def request_take(access: "Access") -> Rate | None:
    """Count one request of the caller's team; None for a team without a limit, which is counted all the same.

    Raises Refusal `rate_limited`, and `service_unavailable` when the counters cannot be reached: without
    them nobody knows what is left, so nothing passes.
    """
    limit = limits_of(access.team).requests_per_minute
    try:
        taken = rate_counter.take(team_id=access.team.pk, limit=limit, day=today())
    except RedisError as error:
        logger.error("requests_not_counted", reason=type(error).__name__)
        raise refuse("service_unavailable") from error
    if limit is None:
        return None
    rate = Rate(limit=limit, left=taken.left, seconds=taken.seconds)
    if not taken.passed:
        headers = {**rate.headers, "Retry-After": str(rate.seconds)}
        raise refuse("rate_limited", headers=headers, limit=limit, seconds=rate.seconds)
    return rate


# --- Analysed pictures ----------------------------------------------------------------------------


def pictures_take(*, team: Team, count: int) -> None:
    """Count pictures whose analysis is being queued, in the running transaction.

    All of them or none: raises Refusal `quota_pictures`, with the day on which the month's pictures are
    replenished, when fewer than `count` are left. The caller is inside the team's scope.
    """
    if count <= 0:
        return
    day = today()
    month = month_of(day)
    limit = limits_of(team).pictures_per_month
    figures: dict[str, Any] = {
        "team": team.pk,
        "day": day,
        "month": month,
        "count": count,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        with together():
            cursor.execute(_TAKE, figures)
        counted = cursor.rowcount
    if not counted:
        raise _pictures_refused(team, limit or 0, month)


# Both figures in one statement, because a client waits for it. A row of a later month was written by a server
# whose clock is ahead; that month then counts.
_TAKE = """
WITH counted AS (
    UPDATE accounts_teamusage SET
        pictures = CASE WHEN month < %(month)s THEN %(count)s ELSE pictures + %(count)s END,
        month = greatest(month, %(month)s)
    WHERE team_id = %(team)s AND (
        %(limit)s::bigint IS NULL
        OR CASE WHEN month < %(month)s THEN 0 ELSE pictures END + %(count)s <= %(limit)s
    )
    RETURNING team_id
)
INSERT INTO accounts_usageday AS kept (team_id, day, requests, pictures, faces)
SELECT team_id, %(day)s, 0, %(count)s, 0 FROM counted
ON CONFLICT (team_id, day) DO UPDATE SET pictures = kept.pictures + %(count)s
"""


def _pictures_refused(team: Team, limit: int, month: date) -> Exception:
    usage = TeamUsage.objects.get(team=team)
    used = usage.pictures if usage.month >= month else 0
    replenished = next_month(max(usage.month, month))
    return refuse(
        "quota_pictures",
        extra={"replenished_on": replenished.isoformat()},
        limit=limit,
        left=max(0, limit - used),
        day=f"{replenished.day} {replenished:%B %Y}",
    )


@transaction.atomic(savepoint=False)
def pictures_give_back(*, team: Team, count: int, taken_at: datetime | None = None) -> None:
    """Give back pictures that were counted at `taken_at` (None: today) and were never analysed.

    What was counted in a month that is over changes that day's figure only.
    """
    if count <= 0:
        return
    day = (taken_at or timezone.now()).date()
    TeamUsage.objects.filter(team=team, month=month_of(day)).update(
        pictures=Greatest(F("pictures") - count, 0)
    )
    usage_add(team=team, day=day, pictures=-count)


# --- What is stored -------------------------------------------------------------------------------


def storage_check(*, team: Team) -> None:
    """After rows of media were written, in the same transaction: raises Refusal `quota_storage` when they are
    too much."""
    limit = limits_of(team).storage_bytes
    if limit is not None and _usage_locked(team).stored_bytes > limit:
        raise refuse("quota_storage", limit=_size(limit))


def storage_room_check(*, team: Team, size: int) -> None:
    """Before so many bytes are sent: raises Refusal `quota_storage` when they cannot fit.

    Holds no room: `storage_check` decides when they are there.
    """
    limit = limits_of(team).storage_bytes
    if limit is not None and TeamUsage.objects.get(team=team).stored_bytes + size > limit:
        raise refuse("quota_storage", limit=_size(limit))


def faces_check(*, team: Team) -> None:
    """After faces were written, in the same transaction: raises Refusal `quota_faces` when they are too
    many."""
    limit = limits_of(team).stored_faces
    if limit is not None and _usage_locked(team).stored_faces > limit:
        raise refuse("quota_faces", limit=limit)


def file_size_check(*, team: Team, size: int) -> None:
    """Raises Refusal `file_too_large` for a file of more bytes than the team may send."""
    limit = limits_of(team).largest_file_bytes
    if size > limit:
        raise refuse("file_too_large", limit=f"{limit / 1024**2:.3g}")


def _usage_locked(team: Team) -> TeamUsage:
    """The team's row, locked until the transaction ends, so that nobody else's rows come between."""
    return TeamUsage.objects.select_for_update().get(team=team)


def _size(count: int) -> str:
    return f"{count / 1024**3:.3g} GB" if count >= 1024**3 else f"{count / 1024**2:.3g} MB"


# --- Figures of a day -----------------------------------------------------------------------------

_ADD = """
INSERT INTO accounts_usageday AS kept (team_id, day, requests, pictures, faces)
VALUES (%(team)s, %(day)s, 0, greatest(0, %(pictures)s), greatest(0, %(faces)s))
ON CONFLICT (team_id, day) DO UPDATE SET
    pictures = greatest(0, kept.pictures + %(pictures)s),
    faces = greatest(0, kept.faces + %(faces)s)
"""


def usage_add(*, team: Team, day: date | None = None, pictures: int = 0, faces: int = 0) -> None:
    """Add to the figures of a day. Called after the row of TeamUsage is locked, or not at all locked."""
    with connection.cursor() as cursor:
        figures: dict[str, Any] = {
            "team": team.pk,
            "day": day or today(),
            "pictures": pictures,
            "faces": faces,
        }
        cursor.execute(_ADD, figures)
