"""A team's own program as tests of webhooks need it, and what workers do."""

import socket
import threading
from uuid import uuid4

from django.db import transaction

from accounts.models import Team
from emotionsite.tests.local_servers import LocalServer, Reply, Request, always, answer
from media_jobs.models import Webhook, WebhookDelivery
from media_jobs.webhooks import EVENTS, delivery, emit, services


class Receiver:
    """What a team's program does: answers by `replies` one after the other, the last one from then on."""

    def __init__(self, *replies: bytes | Reply) -> None:
        self.replies: list[Reply] = [one if callable(one) else always(one) for one in replies]
        self.taken = 0
        self._lock = threading.Lock()

    def __call__(self, request: Request, connection: socket.socket, server: LocalServer) -> None:
        with self._lock:
            reply = self.replies[min(self.taken, len(self.replies) - 1)]
            self.taken += 1
        reply(request, connection, server)


def silent(request: Request, connection: socket.socket, server: LocalServer) -> None:
    """Takes a request and says nothing."""
    server.over.wait(10)


GOOD = answer(b"thanks", status="204 No Content")
BAD = answer(b"not now", status="503 Service Unavailable")


def registered(team: Team, url: str, *events: str) -> Webhook:
    return services.webhook_create(team=team, url=url, events=events or list(EVENTS))[0]


def told(team: Team, event: str = "job.completed", dedupe: str | None = None) -> None:
    with transaction.atomic():
        emit(team=team, event=event, dedupe=dedupe or str(uuid4()), data={"job_id": "1", "total": 3})


def work_off(team: Team) -> None:
    """What workers do with everything that is due."""
    for pk in WebhookDelivery.objects.order_by("created_at").values_list("pk", flat=True):
        delivery.delivery_attempt(team=team, delivery_id=pk)
