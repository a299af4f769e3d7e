"""The socket of the live camera: `/team/live/stream`.

The page sends a text message with the consent, then frames, each as one binary message that is a JPEG. Frames
are counted from 1 in the order in which they come. The server answers in text, in JSON:

- `ready`: who is let in, with the limits of frames; before the consent, nothing is analysed;
- `started`: the consent is recorded, frames may come;
- `frame`: what a frame shows (`session.LiveSession.frame`);
- `skipped`: a frame that was not analysed, because a newer one came or with a `code` and a `detail`;
- `over`: the session ends, with `code` and `detail`; the socket is closed right after.

One frame of a session is in work and one may wait. A newer one takes the place of the one that waits, so that
what is answered is never older than that: frames are lost rather than late.
"""

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import connections

from emotionsite.problems import Refusal

from .entrance import Entrance, enter, enter_again
from .places import place_give_back, place_renew, place_take
from .refusals import close_code, refuse
from .session import (
    CONSENT,
    MOST_BYTES,
    MOST_PIXELS,
    LiveSession,
    check_frame,
    consent_record,
    shown_parts,
)

logger = structlog.get_logger(__name__)
_T = TypeVar("_T")

#: Refusals of one frame that do not end the session, unless so many of them come in a row.
PASSING = frozenset({"deadline_exceeded", "detection_failed", "detections_waiting"})
MOST_PASSING = 8
#: Frames that may come in any second; a page that waits for its answers sends far fewer.
MOST_IN_A_SECOND = 40
#: Frames that the page may have under way: one in work and one that waits.
IN_FLIGHT = 2
LONGEST_TEXT = 1024


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads of this process for live sessions: one for the frame in work, one for asking who may stay."""
    return ThreadPoolExecutor(2 * settings.LIVE_SESSIONS, "live")


async def in_thread(work: Callable[..., _T], **arguments: Any) -> _T:
    """Run what blocks, and give the thread's connection to the database back afterwards."""

    def run() -> _T:
        try:
            return work(**arguments)
        finally:
            connections.close_all()

    return await asyncio.get_running_loop().run_in_executor(_threads(), run)


class LiveConsumer(AsyncWebsocketConsumer):
    """One session, from the opening of the socket to its end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = secrets.token_urlsafe(12)
        self.entrance: Entrance | None = None
        self.session = LiveSession()
        self.tasks: list[asyncio.Task[None]] = []
        self.consented = self.over = self.has_place = False
        self.begun = self.last_frame = time.monotonic()
        self.frames = self.analysed = self.passing = 0
        self.arrivals: deque[float] = deque(maxlen=MOST_IN_A_SECOND)
        self.waiting: tuple[int, float, bytes] | None = None
        self.arrived = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            # However it ended: left by the browser, refused, or the server stops.
            for task in self.tasks:
                task.cancel()
            if self.has_place and self.entrance is not None:
                team_id = self.entrance.access.team.pk
                await in_thread(place_give_back, team_id=team_id, session=self.name)
                logger.info("live_session_ended", frames=self.frames, analysed=self.analysed)

    # --- Messages of the browser ------------------------------------------------------------------

    async def connect(self) -> None:
        await self.accept()
        try:
            self.entrance = await in_thread(enter, scope=self.scope)
            await self._place()
        except Refusal as refusal:
            await self._end(refusal)
            return
        limits = {"frame_bytes": MOST_BYTES, "frame_side": MOST_PIXELS, "in_flight": IN_FLIGHT}
        await self._say("ready", consent=CONSENT, minutes=settings.LIVE_MINUTES, **limits)
        self.tasks = [
            asyncio.create_task(self._guarded(self._watch)),
            asyncio.create_task(self._guarded(self._work)),
        ]

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.over or self.entrance is None:
            return
        try:
            if text_data is not None:
                await self._consent(self.entrance, text_data)
            else:
                await self._frame(bytes_data or b"")
        except Refusal as refusal:
            await self._end(refusal)

    async def disconnect(self, code: int) -> None:
        self.over = True

    async def _consent(self, entrance: Entrance, text: str) -> None:
        message = _message(text)
        if self.consented or message.get("type") != "consent" or message.get("consent") != CONSENT:
            raise refuse("live_message_unknown")
        recording = message.get("recording") is True
        await in_thread(consent_record, entrance=entrance, recording=recording)
        self.consented = True
        self.last_frame = time.monotonic()
        await self._say("started", parts=shown_parts(entrance.access.team))

    async def _frame(self, content: bytes) -> None:
        if not self.consented:
            raise refuse("live_consent_missing")
        now = self.last_frame = time.monotonic()
        if len(self.arrivals) == MOST_IN_A_SECOND and now - self.arrivals[0] < 1:
            raise refuse("live_too_fast", limit=MOST_IN_A_SECOND)
        self.arrivals.append(now)
        check_frame(content)
        self.frames += 1
        older, self.waiting = self.waiting, (self.frames, now, content)
        self.arrived.set()
        if older is not None:
            await self._say("skipped", frame=older[0], code="newer", detail="A newer frame came before.")

    # --- Work beside them -------------------------------------------------------------------------

    async def _work(self) -> None:
        """Analyse the newest frame, again and again, and no faster than is allowed."""
        while True:
            await self.arrived.wait()
            begun = time.monotonic()
            self.arrived.clear()
            taken, self.waiting = self.waiting, None
            if taken is not None and self.entrance is not None:
                await self._analyse(*taken, self.entrance)
            await asyncio.sleep(max(0.0, begun + 1 / settings.LIVE_FRAMES_PER_SECOND - time.monotonic()))

    async def _analyse(self, frame: int, came: float, content: bytes, entrance: Entrance) -> None:
        waited = round(1000 * (time.monotonic() - came))
        try:
            answer = await in_thread(self.session.frame, team=entrance.access.team, content=content)
        except Refusal as refusal:
            self.passing += 1
            if refusal.code not in PASSING or self.passing >= MOST_PASSING:
                raise
            await self._say("skipped", frame=frame, code=refusal.code, detail=refusal.message)
            return
        self.passing = 0
        self.analysed += 1
        await self._say("frame", frame=frame, waited=waited, **answer)

    async def _watch(self) -> None:
        """Ask again and again whether the member may stay, and end what lasts too long."""
        while self.entrance is not None:
            await asyncio.sleep(settings.LIVE_RECHECK_SECONDS)
            now = time.monotonic()
            if now - self.last_frame > settings.LIVE_IDLE_SECONDS:
                raise refuse("live_idle", seconds=settings.LIVE_IDLE_SECONDS)
            if now - self.begun > 60 * settings.LIVE_MINUTES:
                raise refuse("live_over", minutes=settings.LIVE_MINUTES)
            before = self.entrance
            self.entrance = await in_thread(enter_again, scope=self.scope, before=before)
            await in_thread(place_renew, team_id=self.entrance.access.team.pk, session=self.name)
            parts = shown_parts(self.entrance.access.team)
            if self.consented and parts != shown_parts(before.access.team):
                await self._say("started", parts=parts)

    async def _guarded(self, work: Callable[[], Any]) -> None:
        """A task beside the messages: what it refuses ends the session, and so does a fault of ours."""
        try:
            await work()
        except Refusal as refusal:
            await self._end(refusal)
        except Exception as error:
            logger.exception("live_session_failed", reason=type(error).__name__)
            await self._end(refuse("live_failed"))

    async def _place(self) -> None:
        """Take a place among the running sessions."""
        if self.entrance is not None:
            await in_thread(place_take, team_id=self.entrance.access.team.pk, session=self.name)
            self.has_place = True

    # --- Answers ----------------------------------------------------------------------------------

    async def _say(self, kind: str, **facts: Any) -> None:
        if not self.over:
            await self.send(text_data=json.dumps({"type": kind, **facts}, separators=(",", ":")))

    async def _end(self, refusal: Refusal) -> None:
        """Say why, and close. Only the first reason is said."""
        if self.over:
            return
        facts = {"code": refusal.code, "detail": refusal.message, **refusal.extra}
        await self._say("over", **facts)
        self.over = True
        self.waiting = None
        await self.close(code=close_code(refusal))


def _message(text: str) -> Mapping[str, Any]:
    """A text message as an object; an empty one for anything else."""
    if len(text) > LONGEST_TEXT:
        return {}
    try:
        message = json.loads(text)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
