"""Fixtures every app's tests use: teams, people with roles, keys, photos, a fake engine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.files.storage import default_storage
from django.test import Client
from pytest_django import Settings
from rest_framework.views import APIView
from servestatic.middleware import ServeStaticMiddleware

from accounts.access import team_scope
from accounts.keys import api_key_create
from accounts.models import Membership, Role, Scope, Team, User
from accounts.services import team_create
from emotionsite.api.catalogue import ERRORS, codes_of

SAMPLES = Path(__file__).resolve().parent / "samples"


def storages_in(folder: Path) -> dict[str, Any]:
    """STORAGES with the files of the product in `folder`."""
    usual = settings.STORAGES["default"]
    return {
        **settings.STORAGES,
        "default": {**usual, "OPTIONS": {**usual["OPTIONS"], "location": str(folder)}},
    }


@pytest.fixture(autouse=True)
def empty_places(tmp_path: Path, settings: Settings) -> Iterator[None]:
    """Every test has its own file storage, and a broker and a cache without the leavings of the last one."""
    settings.STORAGES = storages_in(tmp_path / "files")
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushall()
    client.close()
    yield


@pytest.fixture(scope="session", autouse=True)
def static_files_once() -> Iterator[None]:
    """Each test client makes the middleware anew, and that one looks for all static files, which takes longer
    than most requests: they are looked for once, as in a server.
    """
    usual = ServeStaticMiddleware.add_files_from_finders
    found: dict[str, Any] = {}

    def once(middleware: ServeStaticMiddleware) -> None:
        if not found:
            usual(middleware)
            found.update(files=dict(middleware.files), directories=list(middleware.directories))
        middleware.files.update(found["files"])
        middleware.directories[:] = found["directories"]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ServeStaticMiddleware, "add_files_from_finders", once)
        yield


@pytest.fixture(autouse=True)
def documented_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    """No view of the API may answer an error that the OpenAPI document does not name for it, in any test."""
    usual = APIView.get_exception_handler

    def get_exception_handler(view: APIView) -> Any:
        handle = usual(view)

        def checked(error: Exception, context: dict[str, Any]) -> Any:
            answer = handle(error, context)
            code = answer.data["code"] if answer is not None and hasattr(view, "problems") else None
            if code in ERRORS and code != "method_not_allowed":
                method = str(context["request"].method)
                assert code in codes_of(view, method, addressed=bool(view.kwargs)), (
                    f"{type(view).__name__}.problems does not name {code!r} for {method}"
                )
                assert answer.status_code == ERRORS[code][0]
            return answer

        return checked

    monkeypatch.setattr(APIView, "get_exception_handler", get_exception_handler)


@dataclass
class People:
    """A team with one member per role, and a client signed in as each."""

    team: Team
    owner: User
    admin: User
    analyst: User
    viewer: User

    def client(self, role: str) -> Client:
        client = Client()
        client.force_login(getattr(self, role), backend="django.contrib.auth.backends.ModelBackend")
        return client

    def key(self, *scopes: str) -> str:
        """The text of a new API key with these scopes (all without any)."""
        return api_key_create(team=self.team, name="test", scopes=list(scopes or Scope.values))[1]


def make_people(name: str) -> People:
    """A team called `name` with an owner, an admin, an analyst and a viewer."""
    users = {
        role: User.objects.create_user(
            f"{name}-{role}", f"{name}-{role}@example.org", "correct horse battery"
        )
        for role in Role.values
    }
    team = team_create(name=name, owner=users[Role.OWNER])
    with team_scope(team):
        for role in (Role.ADMIN, Role.ANALYST, Role.VIEWER):
            Membership.objects.create(team=team, user=users[role], role=role)
    return People(team=team, **users)


@pytest.fixture()
def people(db: None) -> People:
    return make_people("blue")


@pytest.fixture()
def others(db: None) -> People:
    """A second team, which must never see the first one's things."""
    return make_people("red")


@pytest.fixture()
def in_team(people: People) -> Iterator[Team]:
    """The test itself runs inside the scope of the first team."""
    with team_scope(people.team):
        yield people.team


@pytest.fixture(scope="session")
def astronaut() -> bytes:
    return (SAMPLES / "astronaut.png").read_bytes()


@pytest.fixture(scope="session")
def grace_hopper() -> bytes:
    return (SAMPLES / "grace_hopper.jpg").read_bytes()


@pytest.fixture()
def stored_files() -> Callable[[], list[str]]:
    """Call it for the names of all files in the storage."""

    def names() -> list[str]:
        root = Path(default_storage.path(""))
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    return names


@pytest.fixture()
def queued() -> Callable[[], int]:
    """Call it for the number of tasks that wait in the broker."""

    def count() -> int:
        client = redis.Redis.from_url(f"{settings.REDIS_URL}/0")
        try:
            return sum(int(client.llen(name)) for name in ("interactive", "batch", "background"))
        finally:
            client.close()

    return count


@pytest.fixture()
def fake_engine() -> Any:
    """An engine without nets: one face in the middle of every picture, mostly happy."""
    from tests.fakes import EngineWithoutNets

    return EngineWithoutNets()
