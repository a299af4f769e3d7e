"""Two teams with things of their own, and how each row of the table is sent."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_scopes import scopes_disabled

from accounts.access import team_scope
from accounts.keys import api_key_create
from accounts.models import Invitation, Membership, Role, Team, User
from analysis.models import Face
from conftest import People
from media_jobs.models import Job, Media
from media_jobs.services import photo_upload
from media_jobs.tests.pictures import encoded, noise
from media_jobs.work import chunk_analyze
from tests.fakes import EngineWithoutNets

from .table import KEYS, MEMBERS, Row

#: A word in the names of the first team's things; nobody else may ever read it.
SECRET = "only-ours"


@dataclass
class World:
    """The first team with an analysed photo and a queued one, and the second team with a photo of its own."""

    people: People
    others: People
    photo: Media
    job: Job
    waiting: Job
    #: Anything else that addresses need, by name.
    more: dict[str, Any] = field(default_factory=dict)


def photo_of(team: Team, seed: int, name: str) -> Any:
    content = encoded(noise(40, 40, seed), "PNG")
    with team_scope(team):
        return photo_upload(
            team=team, file=SimpleUploadedFile(name, content), size=len(content), filename=name, user=None
        )


def make_world(people: People, others: People) -> World:
    mine = photo_of(people.team, 1, f"{SECRET}.png")
    waiting = photo_of(people.team, 3, f"{SECRET}-waiting.png")
    photo_of(others.team, 2, "theirs.png")
    with team_scope(people.team):
        chunk_analyze(team=people.team, job_id=mine.job.pk, chunk=0, engine=EngineWithoutNets())
    world = World(people, others, mine.media, mine.job, waiting.job)
    for make in MORE:
        make(world)
    return world


def _a_key(world: World) -> None:
    world.more["key"] = api_key_create(team=world.people.team, name=SECRET, scopes=["read"])[0]


def _people(world: World) -> None:
    """A member beside the four who call, and an invitation that is old enough to be sent again."""
    team = world.people.team
    user = User.objects.create_user(SECRET, f"{SECRET}@example.org")
    hour_ago = timezone.now() - timedelta(hours=1)
    with team_scope(team):
        world.more["member"] = Membership.objects.create(team=team, user=user, role=Role.VIEWER)
        world.more["invitation"] = Invitation.objects.create(
            team=team,
            email=f"{SECRET}-invited@example.org",
            role=Role.VIEWER,
            token_digest="0" * 64,
            sent_at=hour_ago,
            expires_at=hour_ago + timedelta(days=7),
        )


def _a_face(world: World) -> None:
    with team_scope(world.people.team):
        world.more["face"] = Face.objects.filter(media=world.photo).get()


#: Each adds things of the first team to `world.more`.
MORE: list[Callable[[World], None]] = [_people, _a_face, _a_key]

#: Arguments of a route's address: things of the first team.
ARGUMENTS: dict[str, Callable[[World], list[Any]]] = {
    "photo_detail": lambda world: [world.photo.pk],
    "photo_delete": lambda world: [world.photo.pk],
    "photo_file": lambda world: [world.photo.pk, "thumbnail"],
    "api_media": lambda world: [world.photo.pk],
    "api_face": lambda world: [world.more["face"].pk],
    "api_media_file": lambda world: [world.photo.pk, "original"],
    "api_job": lambda world: [world.job.pk],
    "team_key_revoke": lambda world: [world.more["key"].identifier],
    **dict.fromkeys(
        [
            "team_member_role",
            "team_member_remove",
            "team_member_hand_over",
            "api_member",
            "api_member_hand_over",
        ],
        lambda world: [world.more["member"].pk],
    ),
    **dict.fromkeys(
        ["team_invitation_resend", "team_invitation_revoke", "api_invitation", "api_invitation_resend"],
        lambda world: [world.more["invitation"].pk],
    ),
    "api_team": lambda world: [world.people.team.pk],
    "api_key": lambda world: [world.more["key"].identifier],
}
QUERIES: dict[str, Callable[[World], str]] = {
    "api_detect": lambda world: "?deadline=0.1",
    "photo_states": lambda world: f"?job={world.job.pk}",
}


def _new_picture(world: World) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("new.png", encoded(noise(44, 44, 5), "PNG"))}


#: Bodies by 'METHOD route': a dict is sent as a form (multipart, files included).
FORMS: dict[str, Callable[[World], dict[str, Any]]] = {
    "POST photo_upload": _new_picture,
    "POST api_media_list": _new_picture,
    "POST api_detect": _new_picture,
    "POST team_member_role": lambda world: {"role": "analyst"},
    "POST team_invite": lambda world: {"email": "somebody@example.org", "role": "viewer"},
    "POST team_settings": lambda world: {"name": "another name"},
    "POST team_second_factor": lambda world: {"required": "1"},
    "POST team_key_create": lambda world: {"name": "a new key", "scopes": ["read"]},
}
#: The same, sent as JSON.
BODIES: dict[str, Callable[[World], Any]] = {
    "PATCH api_team": lambda world: {"name": "another name"},
    "PATCH api_member": lambda world: {"role": "analyst"},
    "POST api_invitation_list": lambda world: {"email": "somebody@example.org", "role": "viewer"},
    "POST api_key_list": lambda world: {"name": "a new key", "scopes": ["read"]},
}


@dataclass
class Caller:
    """Somebody who is ready to send: signed in, or with a key."""

    client: Client
    headers: dict[str, str]

    def send(self, row: Row, world: World) -> HttpResponse:
        arguments = ARGUMENTS.get(row.route, lambda world: [])(world)
        path = reverse(row.route, args=arguments) + QUERIES.get(row.route, lambda world: "")(world)
        name = f"{row.method} {row.route}"
        send: Callable[..., Any] = getattr(self.client, row.method.lower())
        if name in BODIES:
            return send(path, json.dumps(BODIES[name](world)), "application/json", headers=self.headers)
        return send(path, FORMS[name](world) if name in FORMS else {}, headers=self.headers)


def caller_named(name: str, world: World) -> Caller:
    if name in MEMBERS:
        return Caller(world.people.client(name), {})
    if name == "other":
        return Caller(world.others.client("owner"), {})
    if name == "visitor":
        return Caller(Client(), {})
    key = world.people.key(name) if name in KEYS else world.others.key()
    return Caller(Client(), {"Authorization": f"Bearer {key}"})


# When somebody was last seen does not count as a change.
_VOLATILE = {"accounts.apikey": {"last_used_at"}, "accounts.user": {"last_login"}}


def snapshot() -> str:
    """Every row of every table of ours as one digest: a refusal must not change it."""
    rows: dict[str, Any] = {}
    with scopes_disabled():
        for model in apps.get_models():
            if model.__module__.startswith(("django.contrib", "allauth")):
                continue
            label = model._meta.label_lower
            names = [
                field.attname
                for field in model._meta.concrete_fields
                if field.attname not in _VOLATILE.get(label, set())
            ]
            rows[label] = list(model._default_manager.order_by("pk").values(*names))
    assert rows["media_jobs.media"], "the digest covers real rows"
    return hashlib.sha256(json.dumps(rows, default=str, sort_keys=True).encode()).hexdigest()
