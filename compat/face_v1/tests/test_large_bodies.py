"""Bodies that are cut off before any view runs, by the server itself: the envelope is that of the dialect."""

import asyncio
import errno
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.conf import settings

from compat.face_v1.authentication import HEADER
from emotionsite.asgi import application
from emotionsite.body_guard import BodyGuard, Message

from .helpers import BASE, BYTES, Program

Everything = Callable[[], Any]
PATHS = [
    f"{BASE}/detect",
    f"{BASE}/nothing",
    f"/westus{BASE}/facelists/mine/persistedfaces",
    f"/westus.api.cognitive.microsoft.com{BASE}/detect",
    "/Face/V1.0/Detect",
]
each_path = pytest.mark.parametrize("path", PATHS)
PIECE = b"x" * 1024 * 1024


def sent(
    app: Any, path: str, pieces: Sequence[bytes], *, announced: int | None, key: str = ""
) -> tuple[int, dict[bytes, bytes], Any, int]:
    """Send a POST in pieces to an ASGI app: status, headers and body of the answer, how many were read."""
    answers: list[Message] = []
    read = 0

    async def receive() -> Message:
        nonlocal read
        if read == len(pieces):
            return {"type": "http.disconnect"}
        read += 1
        return {"type": "http.request", "body": pieces[read - 1], "more_body": read < len(pieces)}

    async def send(message: Message) -> None:
        answers.append(message)

    headers = [(b"content-type", BYTES.encode()), (HEADER.lower().encode(), key.encode())]
    if announced is not None:
        headers.append((b"content-length", str(announced).encode()))
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
    }
    asyncio.run(app(scope, receive, send))
    start, body = answers
    return start["status"], dict(start["headers"]), json.loads(body["body"]), read


def check_too_large(answer: tuple[int, dict[bytes, bytes], Any, int], limit: int) -> None:
    status, headers, body, _ = answer
    assert (status, headers[b"content-type"]) == (413, b"application/json")
    assert headers[b"connection"] == b"close"
    assert set(body) == {"error"}
    assert body["error"]["code"] == "InvalidImageSize"
    assert f"larger than the {limit / 1024**2:.1f} MB" in body["error"]["message"]


@each_path
def test_a_body_that_is_announced_as_too_large_is_refused_unread(
    path: str, program: Program, everything: Everything
) -> None:
    before = everything()
    limit = settings.MAX_REQUEST_BYTES
    answer = sent(application, path, [PIECE], announced=limit + 1, key=program.key)
    check_too_large(answer, limit)
    assert answer[-1] == 0
    assert everything() == before


@pytest.mark.parametrize("announced", [None, 10], ids=["chunked", "of another length"])
@each_path
def test_a_body_that_turns_out_too_large_is_cut_off(path: str, announced: int | None) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        raise AssertionError("The whole body has arrived.")

    limit = 2 * len(PIECE)
    answer = sent(BodyGuard(app, limit=limit), path, [PIECE] * 5, announced=announced)
    check_too_large(answer, limit)
    assert answer[-1] == 3, "the rest is not read"


@each_path
def test_a_disk_that_is_full_is_said(path: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    status, _, body, _ = sent(BodyGuard(app, limit=10), path, [b"x"], announced=1)
    assert status == 507
    assert body["error"]["code"] == "StorageFull"


def test_a_path_that_only_resembles_the_dialect_keeps_the_usual_form() -> None:
    for path in ("/one/two/face/v1.0/detect", "/face/v1.05/detect", "/surface/v1.0/detect"):
        _, headers, body, _ = sent(application, path, [], announced=settings.MAX_REQUEST_BYTES + 1)
        assert headers[b"content-type"] == b"application/problem+json"
        assert body["code"] == "file_too_large"
