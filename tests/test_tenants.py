"""One table of all routes: what each role, each key and the other team get.

A route that is not in the table fails the build. A refusal also proves that nothing changed.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django_scopes import scopes_disabled

from accounts.access import team_scope
from accounts.models import ApiKey, Membership, Team, User
from analysis.models import Analysis, Face
from conftest import People
from media_jobs.models import Job, JobItem, Media, ReleasedFile
from media_jobs.services import photo_upload
from media_jobs.tests.pictures import encoded, noise
from media_jobs.work import chunk_analyze
from tests.fakes import EngineWithoutNets

# Callers, in the order of a row's answers. `other` owns another team, `other_key` is that team's key with
# all scopes, `read` and `analyze` are keys of the team with that one scope.
CALLERS = ("visitor", "viewer", "analyst", "admin", "owner", "other", "read", "analyze", "other_key")

# Pages do not look at keys.
PAGE_VISITORS = {"visitor", "read", "analyze", "other_key"}


@dataclass(frozen=True)
class Row:
    """`answers` holds a status per caller. A 200 for another team is that team's own list, which must not
    show anything of the first."""

    method: str
    route: str
    answers: tuple[int, ...]
    api: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


# Pages know no keys, so a key is a visitor there: sent to sign in.
TABLE = [
    # method, route                      visitor viewer analyst admin owner other read analyze other_key
    Row("GET", "photo_list", (302, 200, 200, 200, 200, 200, 302, 302, 302)),
    Row("POST", "photo_upload", (302, 403, 202, 202, 202, 202, 302, 302, 302)),
    Row("GET", "photo_states", (302, 200, 200, 200, 200, 200, 302, 302, 302)),
    Row("GET", "photo_detail", (302, 200, 200, 200, 200, 404, 302, 302, 302)),
    Row("POST", "photo_delete", (302, 403, 302, 302, 302, 404, 302, 302, 302)),
    Row("GET", "photo_file", (302, 200, 200, 200, 200, 404, 302, 302, 302)),
    Row("GET", "api_media_list", (401, 200, 200, 200, 200, 200, 200, 403, 200), api=True),
    Row("POST", "api_media_list", (401, 403, 202, 202, 202, 202, 403, 202, 202), api=True),
    Row("GET", "api_media", (401, 200, 200, 200, 200, 404, 200, 403, 404), api=True),
    Row("DELETE", "api_media", (401, 403, 204, 204, 204, 404, 403, 204, 404), api=True),
    Row("GET", "api_media_file", (401, 200, 200, 200, 200, 404, 200, 403, 404), api=True),
    Row("GET", "api_job_list", (401, 200, 200, 200, 200, 200, 200, 403, 200), api=True),
    Row("GET", "api_job", (401, 200, 200, 200, 200, 404, 200, 403, 404), api=True),
]
# Routes that show nothing of any team, each with why.
NO_TEAM = {
    "home": "the same page for every visitor; members are sent on",
    "healthz": "says that the process lives",
    "readyz": "names of parts and whether they work",
    "account_signup": "django-allauth",
    "account_login": "django-allauth",
    "account_logout": "django-allauth",
    "account_inactive": "django-allauth",
    "account_reauthenticate": "django-allauth, the caller's own password",
    "account_email_verification_sent": "django-allauth",
    "account_confirm_email": "django-allauth, by a signed key",
    "account_change_password": "django-allauth, the caller's own password",
    "account_reset_password": "django-allauth",
    "account_reset_password_done": "django-allauth",
    "account_reset_password_from_key": "django-allauth, by a signed key",
    "account_reset_password_from_key_done": "django-allauth",
}


def all_routes(patterns: list[Any], namespace: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from all_routes(pattern.url_patterns, pattern.namespace or namespace)
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}:{pattern.name}" if namespace else str(pattern.name)


def test_every_route_stands_in_the_table() -> None:
    routes = {route for route in all_routes(get_resolver().url_patterns) if not route.startswith("admin:")}
    known = {row.route for row in TABLE} | set(NO_TEAM)
    assert routes - known == set(), "these routes are not in the tenant table"
    assert known - routes == set(), "these rows of the tenant table have no route"


def test_every_method_of_a_view_stands_in_the_table() -> None:
    """A view that learns a new method without a row would go untested."""
    for pattern in get_resolver().url_patterns:
        for view in getattr(pattern, "url_patterns", []):
            actions = getattr(getattr(view, "callback", None), "cls", None)
            if actions is None or not str(view.name).startswith("api_"):
                continue
            methods = {
                name.upper()
                for name in ("get", "post", "put", "patch", "delete")
                if getattr(actions, name, None) is not None
            }
            assert methods == {row.method for row in TABLE if row.route == view.name}, view.name


@dataclass
class World:
    """The first team with an analysed photo and a queued one, and the second team with a photo of its own."""

    people: People
    others: People
    photo: Media
    job: Job
    waiting: Job
    secret: str = "only-ours.png"


@pytest.fixture()
def world(people: People, others: People) -> World:
    def photo(team: Team, seed: int, name: str) -> Any:
        content = encoded(noise(40, 40, seed), "PNG")
        file = SimpleUploadedFile(name, content)
        with team_scope(team):
            return photo_upload(team=team, file=file, size=len(content), filename=name, user=None)

    mine = photo(people.team, 1, "only-ours.png")
    waiting = photo(people.team, 3, "only-ours.png")
    photo(others.team, 2, "theirs.png")
    with team_scope(people.team):
        chunk_analyze(team=people.team, job_id=mine.job.pk, chunk=0, engine=EngineWithoutNets())
    return World(people, others, mine.media, mine.job, waiting.job)


def address(row: Row, world: World) -> str:
    arguments: dict[str, list[Any]] = {
        "photo_detail": [world.photo.pk],
        "photo_delete": [world.photo.pk],
        "photo_file": [world.photo.pk, "thumbnail"],
        "api_media": [world.photo.pk],
        "api_media_file": [world.photo.pk, "original"],
        "api_job": [world.job.pk],
    }
    path = reverse(row.route, args=arguments.get(row.route))
    return f"{path}?job={world.job.pk}" if row.route == "photo_states" else path


@dataclass
class Caller:
    """Somebody who is ready to send: signed in, or with a key."""

    client: Client
    headers: dict[str, str]

    def send(self, row: Row, world: World) -> HttpResponse:
        data: dict[str, Any] = {}
        if row.method == "POST" and row.route != "photo_delete":
            data["file"] = SimpleUploadedFile("new.png", encoded(noise(44, 44, 5), "PNG"))
        send: Callable[..., Any] = getattr(self.client, row.method.lower())
        return send(address(row, world), data, headers=self.headers)


def caller_named(name: str, world: World) -> Caller:
    if name in {"viewer", "analyst", "admin", "owner"}:
        return Caller(world.people.client(name), {})
    if name == "other":
        return Caller(world.others.client("owner"), {})
    if name == "visitor":
        return Caller(Client(), {})
    key = world.others.key() if name == "other_key" else world.people.key(name)
    return Caller(Client(), {"Authorization": f"Bearer {key}"})


def snapshot() -> str:
    """Every row of every table that matters, as one digest. When somebody was last seen does not count."""
    with scopes_disabled():
        rows = [
            list(model._default_manager.order_by("pk").values())
            for model in (Media, Job, JobItem, Analysis, Face, ReleasedFile, Team, Membership)
        ]
        rows.append(list(User.objects.order_by("pk").values("id", "username", "email", "is_staff")))
        rows.append(list(ApiKey.unscoped.order_by("pk").values("id", "revoked_at", "scopes")))
    return hashlib.sha256(json.dumps(rows, default=str).encode()).hexdigest()


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("row", TABLE, ids=str)
def test_each_caller_gets_what_the_table_says(
    row: Row, name: str, world: World, stored_files: Callable[[], list[str]], queued: Callable[[], int]
) -> None:
    expected = row.answers[CALLERS.index(name)]
    caller = caller_named(name, world)
    before = snapshot(), stored_files(), queued()
    answer = caller.send(row, world)
    assert answer.status_code == expected, answer.content[:300]
    if name in {"visitor", "other", "other_key"}:
        assert world.secret.encode() not in answer.content
    refused = expected in {401, 403, 404} or (
        expected == 302 and row.answers[0] == 302 and name in PAGE_VISITORS
    )
    if refused:
        assert (snapshot(), stored_files(), queued()) == before
    if expected == 302 and name in PAGE_VISITORS:
        assert answer["Location"].startswith(reverse("account_login"))
    if row.api and expected in {401, 403, 404}:
        problem = json.loads(answer.content)
        assert problem["status"] == expected
        assert problem["code"]
        assert problem["detail"].endswith(".")


@pytest.mark.parametrize("caller", ["visitor", "other", "other_key", "read"])
def test_nobody_without_the_right_deletes_a_photo(
    caller: str, world: World, stored_files: Callable[[], list[str]]
) -> None:
    files = stored_files()
    for row in TABLE:
        if row.route in {"photo_delete", "api_media"}:
            caller_named(caller, world).send(row, world)
    with team_scope(world.people.team):
        assert Media.objects.filter(pk=world.photo.pk).exists()
        assert Face.objects.filter(media=world.photo).count() == 1
    assert stored_files() == files


def test_lists_of_another_team_hold_only_its_own(world: World) -> None:
    key = {"Authorization": f"Bearer {world.others.key()}"}
    names = [item["filename"] for item in Client().get("/api/v1/media", headers=key).json()["results"]]
    assert names == ["theirs.png"]
    jobs = [item["id"] for item in Client().get("/api/v1/jobs", headers=key).json()["results"]]
    assert len(jobs) == 1
    assert str(world.job.pk) not in jobs
    states = world.others.client("owner").get(f"/photos/states?job={world.job.pk}").json()["states"]
    assert states == []


def test_a_task_of_one_team_does_not_touch_the_rows_of_another(
    world: World, monkeypatch: pytest.MonkeyPatch, fake_engine: Any
) -> None:
    from media_jobs.tasks import analyze_chunk

    monkeypatch.setattr("media_jobs.tasks.worker_engine", lambda: fake_engine)
    before = snapshot()
    analyze_chunk(team_id=str(world.others.team.pk), job_id=str(world.waiting.pk), chunk=0)
    assert snapshot() == before
    analyze_chunk(team_id=str(world.people.team.pk), job_id=str(world.waiting.pk), chunk=0)
    assert snapshot() != before, "for its own team the same task does the work"


def test_a_member_removed_from_the_team_loses_it_at_once(world: World) -> None:
    client = world.people.client("analyst")
    page = reverse("photo_detail", args=[world.photo.pk])
    assert client.get(page).status_code == 200
    with team_scope(world.people.team):
        Membership.objects.filter(user=world.people.analyst).delete()
    assert client.get(page).status_code == 403


@pytest.mark.parametrize("path", ["/admin/", "/admin/media_jobs/job/", "/admin/accounts/apikey/"])
def test_the_admin_is_for_staff_only(path: str, world: World) -> None:
    assert world.people.client("owner").get(path).status_code == 302
    User.objects.create_superuser("root", "root@example.org", "correct horse battery")
    client = Client()
    assert client.login(username="root", password="correct horse battery")
    assert client.get(path).status_code == 200
