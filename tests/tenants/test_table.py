"""Asks every row of the table as every caller. A refusal also proves that nothing changed."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django import Settings

from accounts.access import team_scope
from accounts.models import Membership, User
from analysis.models import Face
from emotionsite.celery import app
from media_jobs.models import Media

from .callers import caller_named
from .conftest import Made
from .digests import snapshot
from .rows import CALLERS, KEYS, STRANGERS, Row
from .table import TABLE
from .without_team import NO_TEAM, TASKS_ACROSS_TEAMS, TEAM_TASKS
from .world import SECRET, World


def all_routes(patterns: list[Any], namespace: str = "") -> Iterator[tuple[str, Any]]:
    """(name, view) of every route."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from all_routes(pattern.url_patterns, pattern.namespace or namespace)
        elif isinstance(pattern, URLPattern):
            yield f"{namespace}:{pattern.name}" if namespace else str(pattern.name), pattern.callback


def routes_of_ours() -> dict[str, Any]:
    found = dict(all_routes(get_resolver().url_patterns))
    return {name: view for name, view in found.items() if not name.startswith("admin:")}


def test_every_route_stands_in_the_table() -> None:
    routes = set(routes_of_ours())
    known = {row.route for row in TABLE} | set(NO_TEAM)
    assert routes - known == set(), "these routes are not in the tenant table"
    assert known - routes == set(), "these rows of the tenant table have no route"
    assert {row.route for row in TABLE} & set(NO_TEAM) == set()


def test_every_method_of_a_view_stands_in_the_table() -> None:
    """A view that learns a new method without a row would go untested."""
    for name, view in routes_of_ours().items():
        actions = getattr(view, "cls", None)
        if actions is None or name in NO_TEAM:
            continue
        methods = {
            method.upper()
            for method in ("get", "post", "put", "patch", "delete")
            if getattr(actions, method, None) is not None
        }
        assert methods == {row.method for row in TABLE if row.route == name}, name


def read_all(answer: HttpResponse) -> bytes:
    """The whole body, of a streamed answer too."""
    if not answer.streaming:
        return answer.content
    content: Any = answer.streaming_content  # type: ignore[attr-defined]
    if hasattr(content, "__aiter__"):
        from asgiref.sync import async_to_sync

        async def collect() -> bytes:
            return b"".join([piece async for piece in content])

        return async_to_sync(collect)()
    return b"".join(content)


@pytest.mark.parametrize("time", ["first", "second"])
def test_every_case_begins_with_the_same_world(
    time: str, made: Made, world: World, stored_files: Callable[[], list[str]], queued: Callable[[], int]
) -> None:
    """Each time everything is changed that a case could leave behind for the next one."""
    files = [str(path.relative_to(made.folder)) for path in made.folder.rglob("*") if path.is_file()]
    assert (snapshot(), stored_files(), queued()) == (made.digest, sorted(files), 0)
    assert world.people.team.name == "blue"
    with team_scope(world.people.team):
        assert Face.objects.filter(media=world.photo).delete()[0]
    world.people.team.name = "changed"
    world.people.team.save()
    default_storage.delete(stored_files()[0])
    default_storage.save("left.txt", ContentFile(b"left"))
    assert snapshot() != made.digest


def changes_nothing(row: Row, status: int, name: str) -> bool:
    """Whether an answer is a refusal. At pages whoever is not let in is sent to sign in.

    Face API refuses with 400 too what is not the team's, and with 409 what is there already; a picture that
    nobody looked at in time is withdrawn only when somebody takes it up.
    """
    sent_to_sign_in = row.door == "page" and name in {"visitor", *KEYS, "other_key"}
    refused = {400, 401, 403, 404, 409} if row.door == "face" else {401, 403, 404}
    return status in refused or sent_to_sign_in


@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("row", TABLE, ids=str)
def test_each_caller_gets_what_the_table_says(
    row: Row,
    name: str,
    world: World,
    settings: Settings,
    stored_files: Callable[[], list[str]],
    queued: Callable[[], int],
) -> None:
    # No worker answers here, however long it is waited for.
    settings.DETECT_DEADLINE_SECONDS = 0.1
    expected = row.expected(name)
    caller = caller_named(name, world)
    refused = changes_nothing(row, expected, name)
    before = (snapshot(), stored_files(), queued()) if refused else None
    answer = caller.send(row, world)
    body = read_all(answer)
    assert answer.status_code == expected, body[:300]
    if name in {"visitor", *STRANGERS}:
        assert SECRET.encode() not in body
    if refused:
        assert (snapshot(), stored_files(), queued()) == before
    if row.door == "page" and refused and expected == 302:
        assert answer["Location"].startswith(reverse("account_login"))
    if row.door == "api" and expected in {401, 403, 404}:
        problem = json.loads(body)
        assert problem["status"] == expected
        assert problem["code"]
        assert problem["detail"].endswith(".")
    if row.door == "face" and expected >= 400:
        check_envelope(json.loads(body), expected, name)


def check_envelope(body: Any, status: int, name: str) -> None:
    """An error in the form of Face API; what another team has is not found, whatever the status."""
    assert set(body) == {"error"}
    assert body["error"]["message"]
    code = body["error"]["code"]
    if status in {401, 403}:
        assert code == {401: "Unspecified", 403: "Forbidden"}[status]
    elif name in STRANGERS and status in {400, 404}:
        assert code.endswith("NotFound")


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


def test_every_task_stands_in_the_table() -> None:
    app.loader.import_default_modules()
    ours = {
        name
        for name in app.tasks
        if name.split(".")[0] in {"accounts", "analysis", "galleries", "compat", "media_jobs", "emotionsite"}
    }
    known = TEAM_TASKS | set(TASKS_ACROSS_TEAMS)
    assert ours - known == set(), "these tasks are not in the tenant table"
    assert known - ours == set(), "these rows of the tenant table have no task"


def test_a_task_of_one_team_does_not_touch_the_rows_of_another(
    world: World, monkeypatch: pytest.MonkeyPatch, fake_engine: Any
) -> None:
    from media_jobs.tasks import analyze_chunk

    monkeypatch.setattr("media_jobs.tasks.worker_engine", lambda **_: fake_engine)
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


def admin_pages() -> list[str]:
    lists = [
        f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry
    ]
    return ["admin:index", *sorted(lists)]


@pytest.mark.parametrize("name", admin_pages())
def test_the_admin_is_for_staff_only(name: str, world: World) -> None:
    path = reverse(name)
    assert world.people.client("owner").get(path).status_code == 302
    assert Client().get(path).status_code == 302
    User.objects.create_superuser("root", "root@example.org", "correct horse battery")
    client = Client()
    assert client.login(username="root", password="correct horse battery")
    assert client.get(path).status_code == 200
