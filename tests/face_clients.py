"""What the tests with the official clients of Face API share: the running product, photos, a record of calls.

All tests of a module use the same processes and the same database, so each works with ids of its own.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from PIL import Image, ImageEnhance
from pytest_django import DjangoDbBlocker

from accounts.models import Plan
from conftest import SAMPLES, make_people
from emotionsite.tests.local_servers import LocalServer, answer, serving

from .conftest import starting, wait_until_ready, web_start, worker_start

#: The pictures are served from this machine, which is refused unless somebody allows it.
ENVIRONMENT = {"URL_FETCH_ALLOW": "127.0.0.1"}
#: A training or a snapshot may take so long.
WORK_SECONDS = 60.0
#: An id that is well-formed and nobody's.
NOBODYS = "00000000-0000-4000-8000-000000000000"


def code_of(kind: str) -> str:
    """A kind of collection as errors and snapshots name it: 'large_face_list' is 'LargeFaceList'."""
    return "".join(word.capitalize() for word in kind.split("_"))


@dataclass(frozen=True)
class FaceSite:
    """The running product with two teams: where it is, their keys and account ids, and pictures to fetch."""

    url: str
    key: str
    account: str
    other_key: str
    other_account: str
    pictures: LocalServer
    logs: tuple[Path, Path]

    def picture_url(self, name: str) -> str:
        """Where a picture of PHOTOS is to be fetched from."""
        return f"{self.pictures.url}/{name}.jpg"


@pytest.fixture(autouse=True, scope="module")
def empty_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Storage, broker and cache are emptied once for the module, whose processes go on using them."""
    usual = settings.STORAGES["default"]
    folder = str(tmp_path_factory.mktemp("files"))
    storage = {**usual, "OPTIONS": {**usual["OPTIONS"], "location": folder}}
    with (
        override_settings(STORAGES={**settings.STORAGES, "default": storage}),
        redis.Redis.from_url(settings.REDIS_URL) as client,
    ):
        client.flushall()
        yield


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Like pytest-django's fixture of this name, by which it knows which tests need a database and when they
    have their turn; but what is committed stays for the whole module."""
    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def face_site(
    transactional_db: None, empty_places: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaceSite]:
    """Real web and worker processes, two teams without limits, and a server with pictures."""
    ours, theirs = make_people("blue"), make_people("red")
    plan = Plan.objects.create(name="without limits")
    for people in (ours, theirs):
        people.team.plan = plan
        people.team.save()
    with starting(tmp_path_factory.mktemp("logs")) as start, serving(_reply) as pictures:
        web = web_start(start, **ENVIRONMENT)
        worker = worker_start(start, **ENVIRONMENT)
        wait_until_ready(web)
        yield FaceSite(
            url=web.url,
            key=ours.key(),
            account=str(ours.team.pk),
            other_key=theirs.key(),
            other_account=str(theirs.team.pk),
            pictures=pictures,
            logs=(web.process.log, worker.log),
        )
        for log in (web.process.log, worker.log):
            assert "Traceback" not in log.read_text(errors="replace")


def _reply(request: Any, connection: Any, server: LocalServer) -> None:
    """Answer `/{name}.jpg` with the picture of that name."""
    name = request.path.strip("/").removesuffix(".jpg")
    known = name in PHOTOS
    connection.sendall(answer(photo(name)) if known else answer(status="404 Not Found"))


# --- Pictures ----------------------------------------------------------------------------------------------


def _opened(name: str) -> Image.Image:
    with Image.open(SAMPLES / name) as picture:
        return picture.convert("RGB")


def _smaller(picture: Image.Image) -> Image.Image:
    return picture.resize((round(picture.width * 0.7), round(picture.height * 0.7)))


def _brighter(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(1.25)


def _darker(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(0.7)


def _mirrored(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _turned(picture: Image.Image) -> Image.Image:
    return picture.rotate(6, Image.Resampling.BICUBIC, fillcolor=(120, 120, 120))


def _cropped(picture: Image.Image) -> Image.Image:
    return picture.crop((30, 0, picture.width - 20, picture.height - 60))


def _same(picture: Image.Image) -> Image.Image:
    return picture


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "same": _same,
    "coarse": _same,
    "smaller": _smaller,
    "brighter": _brighter,
    "darker": _darker,
    "mirrored": _mirrored,
    "turned": _turned,
    "cropped": _cropped,
}
QUALITY = {"eileen-coarse": 35, "grace-coarse": 35}
PEOPLE = {"eileen": "astronaut.png", "grace": "grace_hopper.jpg"}
#: Of two people, several different pictures of each, and one with both.
PHOTOS = {*(f"{person}-{change}" for person in PEOPLE for change in CHANGES), "together", "nobody"}


def _together() -> Image.Image:
    """Both on one picture: Eileen on the left, whose face is the larger one."""
    canvas = Image.new("RGB", (900, 600), (120, 120, 120))
    for name, height, left in (("astronaut.png", 560, 0), ("grace_hopper.jpg", 260, 580)):
        picture = _opened(name)
        canvas.paste(picture.resize((round(picture.width * height / picture.height), height)), (left, 0))
    return canvas


@cache
def photo(name: str) -> bytes:
    """A picture of PHOTOS as a JPEG: 'eileen-turned', 'grace-smaller', 'together', 'nobody' ..."""
    if name == "together":
        picture = _together()
    elif name == "nobody":
        picture = Image.linear_gradient("L").resize((400, 300)).convert("RGB")
    else:
        person, _, change = name.partition("-")
        picture = CHANGES[change](_opened(PEOPLE[person]))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY.get(name, 90))
    return buffer.getvalue()


def stream(name: str) -> io.BytesIO:
    """`photo` as a file that is open."""
    return io.BytesIO(photo(name))


# --- A record of the calls that succeeded -------------------------------------------------------------------


@dataclass
class Record:
    """Names of calls that came back without an error, as 'group.call'."""

    driven: set[str] = field(default_factory=set)

    def watch(self, name: str, part: Any, calls: set[str]) -> Any:
        """`part` (an object or a module of the client) with its `calls` noted when they have succeeded."""
        return _Watched(self, name, part, calls)


class _Watched:
    def __init__(self, record: Record, name: str, part: Any, calls: set[str]) -> None:
        self._record, self._name, self._part, self._calls = record, name, part, calls

    def __getattr__(self, call: str) -> Any:
        found = getattr(self._part, call)
        if call not in self._calls:
            return found

        def noted(*arguments: Any, **named: Any) -> Any:
            value = found(*arguments, **named)
            self._record.driven.add(f"{self._name}.{call}")
            return value

        return noted
