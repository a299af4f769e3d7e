"""Webhooks against a real receiver: signed, told once to whom it concerns, sent again when asked."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, Team
from conftest import People
from emotionsite.sealing import unseal
from emotionsite.tests.local_servers import LocalServer, Request, serving
from media_jobs.models import Webhook, WebhookAttempt, WebhookDelivery
from media_jobs.refusals import Refusal
from media_jobs.webhooks import delivery, emit, services
from media_jobs.webhooks.signing import secret_new

from .helpers import at_once
from .webhook_helpers import BAD, GOOD, Receiver, registered, told, work_off


@pytest.fixture(autouse=True)
def reachable(settings: Settings) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]


@pytest.fixture()
def clock() -> Iterator[time_machine.Traveller]:
    """Time that stands still until a test moves it."""
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


# --- Signature --------------------------------------------------------------------------------------
def test_a_call_is_signed_in_the_form_of_standard_webhooks(in_team: Team) -> None:
    with serving(Receiver(GOOD)) as server:
        _, secret = services.webhook_create(team=in_team, url=f"{server.url}/hook", events=["job.failed"])
        told(in_team, "job.failed")
        work_off(in_team)
    (request,) = server.requests
    assert request.line == "POST /hook HTTP/1.1"
    assert request.headers["content-type"] == "application/json"
    read = Verifier(secret).verify(request.body, request.headers)
    assert read["type"] == "job.failed"
    assert read["data"] == {"job_id": "1", "total": 3}
    assert set(read) == {"type", "timestamp", "data"}
    with pytest.raises(WebhookVerificationError):
        Verifier(secret_new()).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(request.body + b" ", request.headers)
    (sent,) = WebhookDelivery.objects.all()
    assert (sent.status, sent.attempts, sent.next_attempt_at) == ("delivered", 1, None)
    assert sent.event_id == request.headers["webhook-id"]
    (made,) = sent.calls.all()
    assert (made.number, made.status, made.error_code) == (1, 204, "")


def test_a_secret_is_kept_encrypted_and_never_recorded(in_team: Team) -> None:
    webhook, secret = services.webhook_create(
        team=in_team, url="https://example.org/hook?token=mine", events=["job.failed"]
    )
    assert secret.startswith("whsec_")
    assert unseal(webhook.sealed_secret) == secret
    assert secret not in webhook.sealed_secret
    with across_teams():
        events = list(AuditEvent.objects.filter(action="webhook.created").values())
    assert len(events) == 1
    text = json.dumps(events, default=str)
    assert "whsec_" not in text
    assert "token=mine" not in text
    assert "example.org" in text


def test_a_renewed_secret_signs_beside_the_old_one_for_a_day(
    in_team: Team, clock: time_machine.Traveller
) -> None:
    with serving(Receiver(GOOD)) as server:
        webhook, old = services.webhook_create(team=in_team, url=server.url, events=["job.failed"])
        _, new = services.webhook_secret_renew(webhook=webhook)
        assert new != old
        told(in_team, "job.failed")
        work_off(in_team)
        clock.shift(timedelta(hours=24, seconds=1))
        told(in_team, "job.failed")
        work_off(in_team)
        first, second = server.requests
        for secret in (old, new):
            with time_machine.travel(timezone.now() - timedelta(hours=24)):
                Verifier(secret).verify(first.body, first.headers)
        Verifier(new).verify(second.body, second.headers)
        with pytest.raises(WebhookVerificationError):
            Verifier(old).verify(second.body, second.headers)


def test_a_secret_that_cannot_be_read_is_said_and_nothing_is_sent(in_team: Team, settings: Settings) -> None:
    with serving(Receiver(GOOD)) as server:
        registered(in_team, server.url)
        told(in_team)
        settings.SECRET_KEY = "another key of at least fifty letters, made for this test"
        work_off(in_team)
    (made,) = WebhookAttempt.objects.all()
    assert made.error_code == "webhook_secret_unreadable"
    assert server.requests == []


# --- Who is told, and once --------------------------------------------------------------------------
def test_only_webhooks_that_ask_for_the_event_and_are_on_are_told(in_team: Team, others: People) -> None:
    wants = registered(in_team, "https://example.org/a", "job.completed", "job.failed")
    also = registered(in_team, "https://example.org/b", "job.completed")
    registered(in_team, "https://example.org/c", "export.ready")
    off = registered(in_team, "https://example.org/d", "job.completed")
    services.webhook_change(webhook=off, enabled=False)
    with team_scope(others.team):
        registered(others.team, "https://example.org/e", "job.completed")
    told(in_team)
    sent = list(WebhookDelivery.objects.all())
    assert {one.webhook_id for one in sent} == {wants.pk, also.pk}
    assert len({one.event_id for one in sent}) == 1, "one event has one id, wherever it goes"
    with across_teams():
        assert WebhookDelivery.unscoped.count() == 2


def test_an_event_is_told_once_however_often_it_is_emitted(in_team: Team) -> None:
    registered(in_team, "https://example.org/a")
    told(in_team, dedupe="job 1")
    told(in_team, dedupe="job 1")
    (first,) = WebhookDelivery.objects.all()
    late = registered(in_team, "https://example.org/b")
    told(in_team, dedupe="job 1")
    assert WebhookDelivery.objects.count() == 2
    assert WebhookDelivery.objects.get(webhook=late).event_id == first.event_id
    told(in_team, dedupe="job 2")
    told(in_team, "job.failed", dedupe="job 1")
    assert WebhookDelivery.objects.count() == 6


def test_an_event_of_a_transaction_that_is_undone_is_not_told(in_team: Team) -> None:
    registered(in_team, "https://example.org/a")
    with transaction.atomic():
        told(in_team)
        assert WebhookDelivery.objects.count() == 1
        transaction.set_rollback(True)
    assert not WebhookDelivery.objects.exists()


def test_an_event_that_does_not_exist_is_a_fault_of_ours(in_team: Team) -> None:
    with pytest.raises(KeyError), transaction.atomic():
        emit(team=in_team, event="job.finished", dedupe="1", data={})


@pytest.mark.django_db(transaction=True)
def test_an_event_needs_a_transaction(people: People) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        emit(team=people.team, event="job.completed", dedupe="1", data={})


@pytest.mark.django_db(transaction=True)
def test_the_same_event_from_many_threads_is_one_delivery(people: People) -> None:
    with team_scope(people.team):
        registered(people.team, "https://example.org/a")
    at_once(8, lambda: told(people.team, dedupe="job 1"))
    with team_scope(people.team):
        assert WebhookDelivery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_workers_with_the_same_delivery_make_one_call(people: People) -> None:
    def slowly(request: Request, connection: socket.socket, server: LocalServer) -> None:
        server.over.wait(0.5)
        connection.sendall(GOOD)

    with serving(slowly) as server:
        with team_scope(people.team):
            registered(people.team, server.url)
            told(people.team)
            pk = WebhookDelivery.objects.get().pk

        def deliver() -> None:
            with team_scope(people.team):
                delivery.delivery_attempt(team=people.team, delivery_id=pk)

        at_once(8, deliver)
    assert len(server.requests) == 1
    with team_scope(people.team):
        sent = WebhookDelivery.objects.get()
        assert (sent.status, sent.attempts) == ("delivered", 1)
        assert WebhookAttempt.objects.count() == 1


# --- Test and redeliver -----------------------------------------------------------------------------
def test_the_test_is_sent_whatever_the_webhook_asks_for(in_team: Team) -> None:
    with serving(Receiver(GOOD)) as server:
        webhook, secret = services.webhook_create(team=in_team, url=server.url, events=["export.ready"])
        services.webhook_test(webhook=webhook)
        services.webhook_test(webhook=webhook)
        work_off(in_team)
    assert len(server.requests) == 2
    read = Verifier(secret).verify(server.requests[0].body, server.requests[0].headers)
    assert (read["type"], read["data"]) == ("webhook.test", {"webhook_id": str(webhook.pk)})


def test_redelivering_sends_the_same_event_again_with_new_tries(
    in_team: Team, clock: time_machine.Traveller
) -> None:
    with serving(Receiver(GOOD, BAD, GOOD)) as server:
        registered(in_team, server.url)
        told(in_team)
        work_off(in_team)
        sent = services.delivery_redeliver(delivery=WebhookDelivery.objects.get())
        assert (sent.status, sent.finished_at) == ("pending", None)
        work_off(in_team)
        sent.refresh_from_db()
        assert sent.next_attempt_at is not None
        assert sent.next_attempt_at - timezone.now() < timedelta(seconds=6), "tries are counted anew"
        clock.shift(timedelta(seconds=6))
        work_off(in_team)
    sent.refresh_from_db()
    assert (sent.status, sent.attempts) == ("delivered", 3)
    assert [made.status for made in sent.calls.all()] == [204, 503, 204]
    assert len({request.headers["webhook-id"] for request in server.requests}) == 1
    assert len({request.body for request in server.requests}) == 1


# --- Registering ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://example.org/", "url_malformed"),
        ("http://user:word@example.org/", "url_malformed"),
        ("http://10.0.0.1/", "url_not_allowed"),
        ("http://[::1]/", "url_not_allowed"),
        ("http://2130706434/", "url_not_allowed"),
        ("http://0xa9fea9fe/", "url_not_allowed"),
        ("http://example.org:22/", "url_not_allowed"),
    ],
)
def test_addresses_that_would_not_be_called_are_not_registered(in_team: Team, url: str, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        services.webhook_create(team=in_team, url=url, events=["job.failed"])
    assert caught.value.code == code
    assert not Webhook.objects.exists()
    webhook = registered(in_team, "https://example.org/hook")
    with pytest.raises(Refusal):
        services.webhook_change(webhook=webhook, url=url)
    webhook.refresh_from_db()
    assert webhook.url == "https://example.org/hook"


@pytest.mark.django_db(transaction=True)
def test_a_team_has_no_more_webhooks_than_the_limit(people: People) -> None:
    with team_scope(people.team):
        for number in range(services.MOST_WEBHOOKS - 1):
            registered(people.team, f"https://example.org/{number}")
    refused: list[str] = []

    def one() -> None:
        with team_scope(people.team):
            try:
                registered(people.team, "https://example.org/last")
            except Refusal as refusal:
                refused.append(refusal.code)

    at_once(4, one)
    assert refused == ["webhooks_too_many"] * 3
    with team_scope(people.team):
        assert Webhook.objects.count() == services.MOST_WEBHOOKS


def test_changes_are_recorded_by_name_and_without_values(in_team: Team) -> None:
    webhook = registered(in_team, "https://example.org/a")
    services.webhook_change(webhook=webhook, url="https://example.net/b?token=x", events=["job.failed"])
    services.webhook_change(webhook=webhook, description="")
    services.webhook_delete(webhook=webhook)
    with across_teams():
        events = {event.action: event for event in AuditEvent.objects.filter(object_type="webhook")}
    assert set(events) == {"webhook.created", "webhook.changed", "webhook.deleted"}
    assert events["webhook.changed"].details == {"fields": ["events", "url"]}
    assert events["webhook.changed"].object_name == "example.net"
    assert not Webhook.objects.exists()
