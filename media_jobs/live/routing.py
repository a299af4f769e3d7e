"""All WebSocket routes. tests/tenants/test_sockets.py has each of them."""

from typing import Any

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import URLRouter
from django.urls import path, re_path

from .consumer import LiveConsumer


class NoSocket(AsyncWebsocketConsumer):
    """Where nothing is: refused before the handshake, which a client sees as 403."""

    async def connect(self) -> None:
        await self.close()


websocket_urlpatterns: list[Any] = [
    path("team/live/stream", LiveConsumer.as_asgi(), name="team_live_stream"),
    re_path(r"", NoSocket.as_asgi(), name="no_socket"),
]
sockets = URLRouter(websocket_urlpatterns)
