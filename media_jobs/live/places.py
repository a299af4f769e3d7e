"""How many live sessions run at once: of a team, over all web processes, and of this process.

The sessions of a team stand in the server that counts requests, each with the time until which it holds if
nobody renews it, so that those of a web process that died free their places by themselves.
"""

import threading
from functools import cache
from uuid import UUID

import redis
import structlog
from django.conf import settings
from redis.exceptions import RedisError

from accounts.rate_counter import client
from media_jobs.refusals import refuse as refuse_of_media

from .refusals import refuse

logger = structlog.get_logger(__name__)

#: Seconds for which a place holds without being renewed.
HOLDS = 15
# KEYS: the team's sessions. ARGV: limit, seconds that a place holds, the session. Renews the place of a
# session that has one, takes one where one is free; returns 1, or 0 when all are taken. The server's clock
# counts.
_TAKE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[3]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then
    return 0
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
redis.call('EXPIRE', KEYS[1], tonumber(ARGV[2]) + 5)
return 1
"""

_here: set[str] = set()
_lock = threading.Lock()


@cache
def _script() -> "redis.commands.core.Script":
    return client().register_script(_TAKE)


def _key(team_id: UUID) -> str:
    return f"live:{team_id}"


def place_take(*, team_id: UUID, session: str) -> None:
    """Take a place for a session.

    Raises Refusal `live_server_full`, `live_team_full`, and `service_unavailable` when the places cannot be
    counted.
    """
    with _lock:
        if session not in _here and len(_here) >= settings.LIVE_SESSIONS:
            raise refuse("live_server_full", limit=settings.LIVE_SESSIONS)
        _here.add(session)
    _note(team_id, session)


def place_renew(*, team_id: UUID, session: str) -> None:
    """Hold the place of a session some seconds longer; one that was given back meanwhile stays free.

    A session may end while a thread of its own is on the way here: it must not take a place in this process
    that nobody would ever give back. Raises what `place_take` raises.
    """
    with _lock:
        if session not in _here:
            return
    _note(team_id, session)


def _note(team_id: UUID, session: str) -> None:
    """Note the session's place among those of its team, over all processes."""
    try:
        taken = _script()(keys=[_key(team_id)], args=[settings.LIVE_SESSIONS_PER_TEAM, HOLDS, session])
    except RedisError as error:
        place_forget(session)
        logger.error("live_sessions_not_counted", reason=type(error).__name__)
        raise refuse_of_media("service_unavailable") from error
    if not taken:
        place_forget(session)
        raise refuse("live_team_full", limit=settings.LIVE_SESSIONS_PER_TEAM)


def place_give_back(*, team_id: UUID, session: str) -> None:
    """Free a session's place; one that cannot be freed now holds some seconds more."""
    place_forget(session)
    try:
        client().zrem(_key(team_id), session)
    except RedisError as error:
        logger.warning("live_place_not_freed", reason=type(error).__name__)


def place_forget(session: str) -> None:
    """Free the place in this process alone."""
    with _lock:
        _here.discard(session)
