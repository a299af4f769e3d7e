"""`/api/v1/webhooks` and the pages of webhooks, by real requests."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings
from standardwebhooks import Webhook as Verifier

from accounts.access import team_scope
from conftest import People
from emotionsite.sealing import unseal
from emotionsite.tests.local_servers import always, answer, serving
from media_jobs.models import Webhook, WebhookDelivery
from media_jobs.webhooks import delivery, services

URL = "/api/v1/webhooks"
ADDRESS = "https://example.org/hook"
HOOK = {"url": ADDRESS, "events": ["job.completed", "job.failed"]}


@pytest.fixture()
def ask(people: People) -> Callable[..., Any]:
    """Send JSON with a key of the team that may manage only."""
    headers = {"Authorization": f"Bearer {people.key('manage')}"}
    client = Client()

    def send(method: str, path: str, body: Any = None) -> Any:
        send = getattr(client, method)
        data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return send(path, headers=headers, **data)

    return send


def deliver(people: People) -> None:
    with team_scope(people.team):
        for pk in WebhookDelivery.objects.values_list("pk", flat=True):
            delivery.delivery_attempt(team=people.team, delivery_id=pk)


def made(people: People, url: str = ADDRESS) -> Webhook:
    with team_scope(people.team):
        return services.webhook_create(team=people.team, url=url, events=["job.completed"])[0]


# --- API --------------------------------------------------------------------------------------------
def test_a_webhook_is_registered_and_its_secret_shown_once(ask: Callable[..., Any], people: People) -> None:
    answered = ask("post", URL, {**HOOK, "description": "mine"})
    assert answered.status_code == 201
    body = answered.json()
    assert body["secret"].startswith("whsec_")
    assert answered["Location"] == f"{URL}/{body['id']}"
    assert answered["Cache-Control"] == "no-store"
    shown = ask("get", answered["Location"]).json()
    assert shown == {name: value for name, value in body.items() if name != "secret"}
    assert (shown["url"], shown["events"], shown["enabled"]) == (HOOK["url"], HOOK["events"], True)
    assert "whsec_" not in ask("get", URL).content.decode()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"url": "ftp://example.org/"}, 400, "url_malformed"),
        ({"url": "http://169.254.169.254/latest/"}, 422, "url_not_allowed"),
        ({"url": "x" * 501}, 400, "invalid"),
        ({"url": None}, 400, "invalid"),
        ({"events": []}, 400, "invalid"),
        ({"events": ["webhook.test"]}, 400, "invalid"),
        ({"events": ["job.completed", "everything"]}, 400, "invalid"),
        ({"description": "x" * 121}, 400, "invalid"),
    ],
)
def test_what_cannot_be_registered_is_refused_and_changes_nothing(
    ask: Callable[..., Any], people: People, change: dict[str, Any], status: int, code: str
) -> None:
    kept = made(people)
    for method, path, body in (
        ("post", URL, {**HOOK, **change}),
        ("patch", f"{URL}/{kept.pk}", change),
    ):
        answered = ask(method, path, body)
        assert (answered.status_code, answered.json()["code"]) == (status, code)
    with team_scope(people.team):
        assert list(Webhook.objects.values_list("pk", "url", "events", "description")) == [
            (kept.pk, HOOK["url"], ["job.completed"], "")
        ]


def test_a_webhook_is_changed_turned_off_and_on_and_deleted(ask: Callable[..., Any], people: People) -> None:
    path = f"{URL}/{made(people).pk}"
    changed = ask("patch", path, {"events": ["job.failed"], "url": "https://example.net/"}).json()
    assert (changed["events"], changed["url"]) == (["job.failed"], "https://example.net/")
    off = ask("patch", path, {"enabled": False}).json()
    assert (off["enabled"], off["url"]) == (False, "https://example.net/")
    assert off["disabled_reason"]
    assert ask("post", f"{path}/test").json()["code"] == "webhook_off"
    assert ask("patch", path, {"enabled": True}).json()["enabled"] is True
    assert ask("delete", path).status_code == 204
    assert ask("get", path).status_code == 404


def test_a_test_is_sent_and_its_call_can_be_read_and_repeated(
    ask: Callable[..., Any], people: People, settings: Settings
) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]
    with serving(always(answer(b"welcome"))) as server:
        hook = ask("post", URL, {**HOOK, "url": server.url}).json()
        sent = ask("post", f"{URL}/{hook['id']}/test")
        assert (sent.status_code, sent.json()["status"]) == (202, "pending")
        deliver(people)
        shown = ask("get", sent["Location"]).json()
        assert (shown["status"], shown["event"], shown["webhook_id"]) == (
            *("delivered", "webhook.test"),
            hook["id"],
        )
        [call] = shown["calls"]
        assert (call["number"], call["status"], call["answer"]) == (1, 200, "welcome")
        again = ask("post", f"{sent['Location']}/redeliver")
        assert (again.status_code, again.json()["id"]) == (202, shown["id"])
        deliver(people)
    for request in server.requests:
        read = Verifier(hook["secret"]).verify(request.body, request.headers)
        assert read == shown["payload"]
    listed = ask("get", f"{URL}/{hook['id']}/deliveries?status=delivered&event=webhook.test").json()
    assert [one["attempts"] for one in listed["results"]] == [2]
    assert ask("get", f"{URL}/{hook['id']}/deliveries?status=failed").json()["results"] == []


def test_a_renewed_secret_is_another_one(ask: Callable[..., Any], people: People) -> None:
    hook = ask("post", URL, HOOK).json()
    renewed = ask("post", f"{URL}/{hook['id']}/secret")
    assert renewed.status_code == 200
    assert renewed["Cache-Control"] == "no-store"
    assert renewed.json()["secret"] != hook["secret"]
    assert renewed.json()["old_secret_until"]
    with team_scope(people.team):
        row = Webhook.objects.get()
    assert (unseal(row.sealed_secret), unseal(row.old_sealed_secret)) == (
        renewed.json()["secret"],
        hook["secret"],
    )


def test_webhooks_need_the_right_to_manage(people: People) -> None:
    hook = made(people)
    headers = {"Authorization": f"Bearer {people.key('read', 'analyze')}"}
    for path in (URL, f"{URL}/{hook.pk}", f"{URL}/{hook.pk}/deliveries"):
        assert Client().get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("count", [1, 12])
def test_lists_need_as_many_queries_for_many_as_for_one(
    people: People, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with team_scope(people.team):
        for number in range(count):
            hook = made(people, f"https://example.org/{number}")
            services.webhook_test(webhook=hook)
        for _ in range(count):
            services.webhook_test(webhook=hook)
    client = people.client("owner")
    client.get(reverse("team_webhooks"))
    headers = {"Authorization": f"Bearer {people.key('manage')}"}
    client_of_key = Client()
    client_of_key.get(URL, headers=headers)
    measured = {}
    for name, get in {
        "api": lambda: client_of_key.get(URL, headers=headers),
        "deliveries": lambda: client_of_key.get(f"{URL}/{hook.pk}/deliveries", headers=headers),
        "page": lambda: client.get(reverse("team_webhooks")),
        "webhook": lambda: client.get(reverse("team_webhook", args=[hook.pk])),
    }.items():
        with django_assert_max_num_queries(QUERIES[name]):
            measured[name] = get().status_code
    assert set(measured.values()) == {200}


#: The most queries of each, whatever the number of rows.
QUERIES = {"api": 4, "deliveries": 5, "page": 6, "webhook": 8}


# --- Pages ------------------------------------------------------------------------------------------
def text_of(page: Any) -> str:
    return page.content.decode()


def test_the_page_registers_a_webhook_and_shows_its_secret_once(people: People) -> None:
    client = people.client("admin")
    assert "No webhook yet" in text_of(client.get(reverse("team_webhooks")))
    shown = client.post(reverse("team_webhook_new"), {**HOOK, "description": "of the lab"})
    assert shown.status_code == 200
    assert "no-store" in shown["Cache-Control"]
    with team_scope(people.team):
        hook = Webhook.objects.get()
    secret = unseal(hook.sealed_secret)
    assert secret in text_of(shown)
    for path in (reverse("team_webhooks"), reverse("team_webhook", args=[hook.pk])):
        page = text_of(client.get(path))
        assert ADDRESS in page
        assert secret not in page


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"url": "http://127.0.0.1/"}, "not on the public internet"),
        ({"url": "example.org"}, "does not begin with http"),
        ({"events": []}, "Choose at least one event."),
        ({"url": ""}, "This field is required."),
    ],
)
def test_the_page_says_what_is_wrong_and_stores_nothing(
    people: People, change: dict[str, Any], sentence: str
) -> None:
    client = people.client("owner")
    page = client.post(reverse("team_webhook_new"), {**HOOK, **change})
    assert page.status_code == 400
    assert sentence in text_of(page)
    with team_scope(people.team):
        assert not Webhook.objects.exists()
        hook = made(people)
    assert client.post(reverse("team_webhook", args=[hook.pk]), {**HOOK, **change}).status_code == 400
    with team_scope(people.team):
        assert Webhook.objects.get().events == ["job.completed"]


def test_the_pages_test_repeat_turn_off_renew_and_delete(people: People, settings: Settings) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]
    client = people.client("owner")
    with serving(always(answer(b"<b>not markup</b>", status="500 Broken"))) as server:
        hook = made(people, server.url)
        page = client.post(reverse("team_webhook_test", args=[hook.pk]), follow=True)
        assert "It is on its way" in text_of(page)
        deliver(people)
        with team_scope(people.team):
            sent = WebhookDelivery.objects.get()
        path = reverse("team_webhook_delivery", args=[sent.pk])
        page_text = text_of(client.get(path))
        assert "&lt;b&gt;not markup" in page_text
        assert "<b>not" not in page_text
        assert "failing" in text_of(client.get(reverse("team_webhooks")))
        client.post(reverse("team_webhook_redeliver", args=[sent.pk]))
        deliver(people)
        assert len(server.requests) == 2
    assert "Call 2" in text_of(client.get(path))
    old = unseal(hook.sealed_secret)
    renewed = text_of(client.post(reverse("team_webhook_secret", args=[hook.pk])))
    assert "whsec_" in renewed
    assert old not in renewed
    page = client.post(reverse("team_webhook_switch", args=[hook.pk]), {"enabled": "0"}, follow=True)
    assert "Turned off by a member" in text_of(page)
    page = client.post(reverse("team_webhook_test", args=[hook.pk]), follow=True)
    assert "Turn it on first" in text_of(page)
    page = client.post(reverse("team_webhook_switch", args=[hook.pk]), {"enabled": "1"}, follow=True)
    assert "Send a test" in text_of(page)
    page = client.post(reverse("team_webhook_delete", args=[hook.pk]), follow=True)
    assert "No webhook yet" in text_of(page)


def test_a_page_of_nothing_is_not_found(people: People) -> None:
    client = people.client("owner")
    for name in ("team_webhook", "team_webhook_delivery"):
        assert client.get(reverse(name, args=[uuid4()])).status_code == 404
