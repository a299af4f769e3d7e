"""Requests of a minute and of a day, counted in Valkey or Redis by one script each time.

The script is the whole decision, so it is exact however many web processes ask at once, and it reads the
server's clock, so their clocks do not matter. Of each team it keeps a list of the times of its requests in
the last 60 seconds, oldest first: in any 60 seconds, wherever they begin, no more requests pass than allowed.
A time takes about 11 bytes of the list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import redis
from django.conf import settings

WINDOW_SECONDS = 60
# Counters of a day stay long enough that beat may be away for a long holiday.
DAY_COUNTERS_KEPT = timedelta(days=14)
TIMEOUT_SECONDS = 2.0

# KEYS: list of times, counters of the day. ARGV: limit (-1 for none), window in microseconds, team, seconds
# that the day's counters are kept. Returns {passed, left, microseconds until the next one may pass}.
SCRIPT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local used, wait = 0, 0
if limit >= 0 then
    -- The first time that still counts, found by halving; all before it is cut off at once.
    local first, length = 0, redis.call('LLEN', KEYS[1])
    local last = length
    while first < last do
        local middle = math.floor((first + last) / 2)
        if tonumber(redis.call('LINDEX', KEYS[1], middle)) <= now - window then
            first = middle + 1
        else
            last = middle
        end
    end
    if first > 0 then
        redis.call('LTRIM', KEYS[1], first, -1)
    end
    used = length - first
    if used >= limit then
        -- After a limit was lowered more than one has to leave before the next may pass.
        local leaves = now
        if limit > 0 then
            leaves = tonumber(redis.call('LINDEX', KEYS[1], used - limit))
        end
        return {0, 0, leaves + window - now}
    end
    redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
    redis.call('PEXPIRE', KEYS[1], window / 1000 + 1000)
    used = used + 1
    wait = tonumber(redis.call('LINDEX', KEYS[1], 0)) + window - now
end
redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
redis.call('EXPIRE', KEYS[2], ARGV[4])
return {1, limit - used, wait}
"""


@dataclass(frozen=True)
class Taken:
    """Outcome of one request: whether it passed, how many are left in the window, and in how many seconds
    (rounded up) the oldest one leaves it, which frees one more."""

    passed: bool
    left: int
    seconds: int


@cache
def client() -> redis.Redis:
    """One pool of connections per process. A server that is away is found out soon."""
    return redis.Redis.from_url(
        settings.COUNTERS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    )


@cache
def _script() -> "redis.commands.core.Script":
    return client().register_script(SCRIPT)


def take(*, team_id: UUID, limit: int | None, day: date) -> Taken:
    """Count one request of a team against its limit (None for none). Raises redis.RedisError."""
    passed, left, wait = _script()(
        keys=[f"requests:minute:{team_id}", _day_key(day)],
        args=[
            -1 if limit is None else limit,
            WINDOW_SECONDS * 1_000_000,
            str(team_id),
            int(DAY_COUNTERS_KEPT.total_seconds()),
        ],
    )
    return Taken(passed=bool(passed), left=int(left), seconds=-(-int(wait) // 1_000_000))


def of_day(day: date) -> Mapping[UUID, int]:
    """Requests of a day by team. Raises redis.RedisError."""
    counted: dict[Any, Any] = client().hgetall(_day_key(day))
    return {UUID(bytes(team).decode()): int(number) for team, number in counted.items()}


def of_team(*, team_id: UUID, day: date) -> int:
    """Requests of one team on a day. Raises redis.RedisError."""
    return int(client().hget(_day_key(day), str(team_id)) or 0)


def drop_day(day: date) -> None:
    """Forget the counters of a day. Raises redis.RedisError."""
    client().delete(_day_key(day))


def _day_key(day: date) -> str:
    return f"requests:day:{day.isoformat()}"
