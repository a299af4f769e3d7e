"""A browser's side of the socket, and a worker that answers what a test wants."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client

from emotionsite.asgi import application
from media_jobs import detect
from media_jobs.live.session import CONSENT
from media_jobs.tasks import detect_picture
from media_jobs.tests.pictures import encoded, noise
from ml_models import EMOTIONS

PATH = "/team/live/stream"
ORIGIN = "http://testserver"
FRAME = encoded(noise(64, 48), "JPEG")
SECONDS = 10
AGREED = {"type": "consent", "consent": CONSENT}

Work = Callable[[dict[str, Any]], None]


class Browser(ApplicationCommunicator):
    """A page with the session of a signed-in client (None: a visitor).

    Of `channels.testing`, which wants a server of its own installed, it needs only these few messages.
    """

    def __init__(self, client: Client | None, *, origin: str | None = ORIGIN, path: str = PATH) -> None:
        headers = [(b"host", b"testserver")]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        if client is not None:
            cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
            headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie}".encode()))
        scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers}
        super().__init__(application, scope)

    async def connect(self) -> bool:
        """Open the socket; whether it was accepted."""
        await self.send_input({"type": "websocket.connect"})
        return bool((await self.receive_output(SECONDS))["type"] == "websocket.accept")

    async def disconnect(self) -> None:
        """Leave, and wait until the server is done with it."""
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(SECONDS)

    async def send(self, message: bytes | str | dict[str, Any]) -> None:
        """Send a frame, a text, or an object as JSON."""
        if isinstance(message, dict):
            message = json.dumps(message)
        kind = "text" if isinstance(message, str) else "bytes"
        await self.send_input({"type": "websocket.receive", kind: message})

    async def hear(self) -> dict[str, Any]:
        """The next message, or `{"closed": code}`."""
        output = await self.receive_output(SECONDS)
        if output["type"] == "websocket.close":
            return {"closed": output["code"]}
        return dict(json.loads(output["text"]))

    async def opened(self) -> dict[str, Any]:
        """Open the socket; the first message."""
        assert await self.connect()
        return await self.hear()

    async def agreed(self) -> dict[str, Any]:
        """Open the socket and agree; what the server says then."""
        assert (await self.opened())["type"] == "ready"
        await self.send(AGREED)
        return await self.hear()

    async def refused(self) -> tuple[str, int]:
        """The code of the refusal, and the code with which the socket was closed right after."""
        said = await self.hear()
        assert (said["type"], bool(said["detail"])) == ("over", True), said
        closed = await self.hear()
        return said["code"], closed["closed"]


def face(left: float = 10.0, **other: Any) -> dict[str, Any]:
    """A face as a worker answers it, wholly happy and straight into the camera."""
    return {
        "number": 1,
        "box": {"left": left, "top": 5.0, "width": 20.0, "height": 25.0},
        "confidence": 0.99,
        "strongest": "happiness",
        "emotions": {name: float(name == "happiness") for name in EMOTIONS},
        "age": 34.0,
        "gender": "female",
        "gender_confidence": 0.9,
        "head_pose": {"yaw": 0.0, "pitch": 0.0, "roll": 0.0},
        "eyes": {"left_open": 1.0, "right_open": 1.0, "gaze_yaw": 0.0, "gaze_pitch": 0.0},
        **other,
    }


def answer(ticket: str, *faces: dict[str, Any]) -> None:
    """Answer as a worker does that has looked at the picture."""
    detect.picture_take(ticket)
    detect.answer_give(ticket, {"width": 64, "height": 48, "models": {}, "faces": list(faces)})


def use_worker(monkeypatch: pytest.MonkeyPatch, work: Work) -> list[dict[str, Any]]:
    """Let `work` do what is sent to workers, each in a thread; gives the list of what was sent."""
    sent: list[dict[str, Any]] = []

    def send(*, kwargs: dict[str, Any], **_: Any) -> None:
        sent.append(kwargs)
        threading.Thread(target=work, args=(kwargs,)).start()

    monkeypatch.setattr(detect_picture, "apply_async", send)
    return sent


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run what happens at the sockets, in a loop of its own as in a web process."""
    asyncio.run(asyncio.wait_for(scenario(), 60))


in_django = sync_to_async(thread_sensitive=False)
