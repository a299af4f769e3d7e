"""Cuts requests off that are larger than anything this server takes.

Django's ASGI handler spools a whole body to disk before any view runs, so a limit in a view comes too late:
one endless request could fill the disk.
"""

import errno
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from .dialects import error_in_dialect

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class _TooLarge(Exception):
    """The body went past the limit while it arrived."""


class BodyGuard:
    """ASGI middleware: 413 for a body over `limit` bytes, announced or counted, and 507 for a full disk.

    `larger` gives paths a limit of their own: those that match one of these patterns as a whole.
    """

    def __init__(self, app: App, *, limit: int, larger: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.limit = limit
        self.larger = [(re.compile(pattern), most) for pattern, most in (larger or {}).items()]

    def _limit(self, path: str) -> int:
        return next((most for pattern, most in self.larger if pattern.fullmatch(path)), self.limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        announced = _content_length(scope)
        if announced is not None and announced > limit:
            await _refuse_too_large(send, scope["path"], limit)
            return
        received = 0
        started = False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted, watched)
        except _TooLarge:
            if started:
                raise
            await _refuse_too_large(send, scope["path"], limit)
        except OSError as error:
            if started or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            sentence = "The server has no room left for this request. Nothing was stored."
            await _problem(send, scope["path"], 507, "storage_full", sentence)


async def _refuse_too_large(send: Send, path: str, limit: int) -> None:
    sentence = f"The request is larger than the {limit / 1024**2:.1f} MB this server takes at once."
    await _problem(send, path, 413, "file_too_large", sentence)


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


async def _problem(send: Send, path: str, status: int, code: str, sentence: str) -> None:
    said = error_in_dialect(path, status=status, code=code, sentence=sentence)
    usual = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": sentence}
    content = json.dumps(said or usual).encode()
    headers = [
        (b"content-type", b"application/problem+json" if said is None else b"application/json"),
        (b"content-length", str(len(content)).encode()),
        # The rest of the body is not read, so the connection cannot carry another request.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
