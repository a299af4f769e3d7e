"""Who asks, and how each row of the table is sent."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from compat.face_v1.authentication import HEADER

from .arguments import ARGUMENTS, QUERIES
from .bodies import BODIES, FORMS, PICTURES
from .face_things import picture
from .rows import KEYS, MEMBERS, Row
from .scene import World
from .video_things import HEADERS


@dataclass
class Caller:
    """Somebody who is ready to send: signed in, or with a key."""

    client: Client
    key: str | None = None

    def send(self, row: Row, world: World) -> HttpResponse:
        arguments = ARGUMENTS.get(row.route, lambda world: [])(world)
        path = reverse(row.route, args=arguments) + QUERIES.get(row.route, lambda world: "")(world)
        name = str(row)
        send: Callable[..., Any] = getattr(self.client, row.method.lower())
        headers = self.headers(row)
        if name in HEADERS:
            return send(path, headers={**headers, **HEADERS[name](world)})
        if name in PICTURES:
            return send(path, picture(), "application/octet-stream", headers=headers)
        if name in BODIES:
            return send(path, json.dumps(BODIES[name](world)), "application/json", headers=headers)
        return send(path, FORMS[name](world) if name in FORMS else {}, headers=headers)

    def headers(self, row: Row) -> dict[str, str]:
        if self.key is None:
            return {}
        return {HEADER: self.key} if row.door == "face" else {"Authorization": f"Bearer {self.key}"}


def caller_named(name: str, world: World) -> Caller:
    if name in MEMBERS:
        return Caller(world.people.client(name))
    if name == "other":
        return Caller(world.others.client("owner"))
    if name == "visitor":
        return Caller(Client())
    return Caller(Client(), world.people.key(name) if name in KEYS else world.others.key())
