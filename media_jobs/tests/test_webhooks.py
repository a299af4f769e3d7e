"""Webhooks against a real receiver: signed, told once, tried again, turned off."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

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
from emotionsite.tests.local_servers import LocalServer, Reply, Request, always, answer, serving
from media_jobs.models import Webhook, WebhookAttempt, WebhookDelivery
from media_jobs.refusals import Refusal
from media_jobs.webhooks import EVENTS, delivery, dispatch, emit, services
from media_jobs.webhooks.signing import secret_new

from .helpers import at_once


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


GOOD = answer(b"thanks", status="204 No Content")
BAD = answer(b"not now", status="503 Service Unavailable")


@pytest.fixture(autouse=True)
def reachable(settings: Settings) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]


@pytest.fixture()
def clock() -> Iterator[time_machine.Traveller]:
    """Time that stands still until a test moves it."""
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


def registered(team: Team, url: str, *events: str) -> Webhook:
    return services.webhook_create(team=team, url=url, events=events or list(EVENTS))[0]


def told(team: Team, event: str = "job.completed", dedupe: str | None = None) -> None:
    with transaction.atomic():
        emit(team=team, event=event, dedupe=dedupe or str(uuid4()), data={"job_id": "1", "total": 3})


def work_off(team: Team) -> None:
    """What workers do with everything that is due."""
    for pk in WebhookDelivery.objects.order_by("created_at").values_list("pk", flat=True):
        delivery.delivery_attempt(team=team, delivery_id=pk)


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


# --- Trying again -----------------------------------------------------------------------------------
def test_a_failing_address_is_tried_for_about_three_days_and_then_no_more(
    in_team: Team, clock: time_machine.Traveller
) -> None:
    with serving(Receiver(BAD)) as server:
        registered(in_team, server.url)
        told(in_team)
        began = timezone.now()
        waits: list[float] = []
        while True:
            work_off(in_team)
            sent = WebhookDelivery.objects.get()
            if sent.next_attempt_at is None:
                break
            waits.append((sent.next_attempt_at - timezone.now()).total_seconds())
            clock.move_to(sent.next_attempt_at - timedelta(seconds=1))
            work_off(in_team)
            assert WebhookDelivery.objects.get().attempts == sent.attempts, "not before its time"
            clock.move_to(sent.next_attempt_at)
    planned = [wait.total_seconds() for wait in delivery.WAITS]
    assert all(wait <= real <= 1.1 * wait for wait, real in zip(planned, waits, strict=True))
    assert timedelta(days=3) < timezone.now() - began < timedelta(days=3.6)
    assert (sent.status, sent.attempts) == ("failed", 11)
    assert [(made.number, made.status, made.answer) for made in sent.calls.all()] == [
        (number, 503, "not now") for number in range(1, 12)
    ]
    ids = {request.headers["webhook-id"] for request in server.requests}
    stamps = {request.headers["webhook-timestamp"] for request in server.requests}
    assert (len(server.requests), len(ids), len(stamps)) == (11, 1, 11)


def test_waits_of_different_deliveries_differ() -> None:
    assert len({delivery.wait_after(3) for _ in range(20)}) > 1


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (answer(status="302 Found", headers={"Location": "/elsewhere"}), 302, ""),
        (answer(status="400 Bad"), 400, ""),
        (b"nothing that is HTTP", None, "url_answer_broken"),
    ],
)
def test_every_other_answer_is_noted_and_tried_again(
    in_team: Team, reply: bytes, status: int | None, code: str
) -> None:
    with serving(Receiver(reply)) as server:
        registered(in_team, server.url)
        told(in_team)
        work_off(in_team)
    (made,) = WebhookAttempt.objects.all()
    assert (made.status, made.error_code) == (status, code)
    assert bool(made.error_message) == bool(code)
    assert WebhookDelivery.objects.get().status == "pending"
    assert len(server.requests) == 1, "redirects are not followed"


def test_an_address_inside_the_network_is_not_called(in_team: Team, settings: Settings) -> None:
    with serving(Receiver(GOOD)) as server:
        registered(in_team, f"http://localhost:{server.port}/")
        settings.URL_FETCH_ALLOW = []
        told(in_team)
        work_off(in_team)
    (made,) = WebhookAttempt.objects.all()
    assert (made.error_code, made.answer) == ("url_not_allowed", "")
    assert server.requests == []


def test_a_receiver_that_is_too_slow_is_left(in_team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "DEADLINE", 0.5)
    with serving(lambda request, connection, server: server.over.wait(10)) as server:
        registered(in_team, server.url)
        told(in_team)
        work_off(in_team)
    (made,) = WebhookAttempt.objects.all()
    assert made.error_code == "url_too_slow"
    assert 400 < made.milliseconds < 2000


def test_only_the_beginning_of_an_answer_is_kept(in_team: Team) -> None:
    with serving(Receiver(answer(b"\x00" + b"\xc3\xa4" * 100_000))) as server:
        registered(in_team, server.url)
        told(in_team)
        work_off(in_team)
    (made,) = WebhookAttempt.objects.all()
    assert made.answer == "\ufffd" + "ä" * 1999


def test_an_answer_after_failures_ends_them(in_team: Team, clock: time_machine.Traveller) -> None:
    with serving(Receiver(BAD, GOOD)) as server:
        webhook = registered(in_team, server.url)
        told(in_team)
        work_off(in_team)
        webhook.refresh_from_db()
        assert webhook.failing_since == timezone.now()
        clock.shift(timedelta(seconds=6))
        work_off(in_team)
    webhook.refresh_from_db()
    assert webhook.failing_since is None
    sent = WebhookDelivery.objects.get()
    assert (sent.status, [made.status for made in sent.calls.all()]) == ("delivered", [503, 204])


def test_a_call_whose_worker_died_is_shown_and_made_again(
    in_team: Team, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*args: Any, **kwargs: Any) -> Any:
        raise SystemExit

    with serving(Receiver(GOOD)) as server:
        registered(in_team, server.url)
        told(in_team)
        with monkeypatch.context() as patch:
            patch.setattr(delivery, "call", dies)
            with pytest.raises(SystemExit):
                work_off(in_team)
        assert WebhookAttempt.objects.get().error_code == "webhook_call_unfinished"
        work_off(in_team)
        assert server.requests == [], "as long as the claim holds, nobody else calls"
        clock.shift(delivery.CLAIM)
        work_off(in_team)
    assert len(server.requests) == 1
    assert [made.status for made in WebhookAttempt.objects.order_by("number")] == [None, 204]


def test_one_hanging_address_does_not_hold_all_workers(in_team: Team, clock: time_machine.Traveller) -> None:
    with serving(Receiver(GOOD)) as server:
        registered(in_team, server.url)
        for _ in range(delivery.AT_ONCE + 1):
            told(in_team)
        *busy, last = WebhookDelivery.objects.order_by("created_at", "pk")
        until = timezone.now() + timedelta(seconds=30)
        WebhookDelivery.objects.filter(pk__in=[one.pk for one in busy]).update(claimed_until=until)
        work_off(in_team)
        last.refresh_from_db()
        assert (last.status, last.attempts, server.requests) == ("pending", 0, [])
        clock.move_to(until)
        work_off(in_team)
    last.refresh_from_db()
    assert last.status == "delivered"


# --- Turning off ------------------------------------------------------------------------------------
def test_410_turns_the_webhook_off_and_nothing_more_is_sent(in_team: Team) -> None:
    with serving(Receiver(answer(status="410 Gone"))) as server:
        webhook = registered(in_team, server.url)
        told(in_team)
        told(in_team)
        work_off(in_team)
        told(in_team)
        work_off(in_team)
    webhook.refresh_from_db()
    assert webhook.disabled_at is not None
    assert "410" in webhook.disabled_reason
    assert len(server.requests) == 1
    assert set(WebhookDelivery.objects.values_list("status", "next_attempt_at")) == {("failed", None)}
    assert WebhookDelivery.objects.count() == 2, "what happens later is not even noted"
    with across_teams():
        event = AuditEvent.objects.get(action="webhook.disabled")
    assert event.actor_name == "system"


def test_an_address_that_fails_for_five_days_is_turned_off(
    in_team: Team, clock: time_machine.Traveller
) -> None:
    with serving(Receiver(BAD)) as server:
        webhook = registered(in_team, server.url)
        for _ in range(6):
            webhook.refresh_from_db()
            assert webhook.disabled_at is None
            told(in_team)
            work_off(in_team)
            clock.shift(timedelta(days=1))
        told(in_team)
        work_off(in_team)
    webhook.refresh_from_db()
    assert webhook.disabled_at is not None
    assert "5 days" in webhook.disabled_reason
    assert not WebhookDelivery.objects.filter(status="pending").exists()


def test_a_webhook_that_was_turned_off_and_on_again_begins_anew(in_team: Team) -> None:
    with serving(Receiver(BAD, GOOD)) as server:
        webhook = registered(in_team, server.url)
        told(in_team)
        work_off(in_team)
        webhook = services.webhook_change(webhook=webhook, enabled=False)
        assert (webhook.disabled_at is None, WebhookDelivery.objects.get().status) == (False, "failed")
        for refused in (
            lambda: services.webhook_test(webhook=webhook),
            lambda: services.delivery_redeliver(delivery=WebhookDelivery.objects.get()),
        ):
            with pytest.raises(Refusal) as caught:
                refused()
            assert caught.value.code == "webhook_off"
        assert WebhookDelivery.objects.get().status == "failed"
        webhook = services.webhook_change(webhook=webhook, enabled=True)
        assert (webhook.disabled_at, webhook.disabled_reason, webhook.failing_since) == (None, "", None)
        told(in_team)
        work_off(in_team)
    assert len(server.requests) == 2


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


# --- Beat -------------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_beat_sends_what_is_due_and_what_the_broker_lost(
    people: People, monkeypatch: pytest.MonkeyPatch, clock: time_machine.Traveller
) -> None:
    sent: list[Any] = []
    from media_jobs import tasks

    def take(kwargs: dict[str, str]) -> None:
        sent.append(kwargs["delivery_id"])

    def away(kwargs: dict[str, str]) -> None:
        raise ConnectionError

    with serving(Receiver(BAD)) as server, team_scope(people.team):
        registered(people.team, server.url)
        monkeypatch.setattr(tasks.deliver_webhook, "apply_async", away)
        told(people.team)
        pk = str(WebhookDelivery.objects.get().pk)
        assert dispatch.due_deliveries_send() == 0, "the broker is still away"
        monkeypatch.setattr(tasks.deliver_webhook, "apply_async", take)
        assert dispatch.due_deliveries_send() == 1
        assert dispatch.due_deliveries_send() == 0, "it is on its way"
        clock.shift(dispatch.RESEND_AFTER + timedelta(seconds=1))
        assert dispatch.due_deliveries_send() == 1, "the message must be lost"
        work_off(people.team)
        assert dispatch.due_deliveries_send() == 0, "not due yet"
        clock.shift(timedelta(seconds=6))
        assert dispatch.due_deliveries_send() == 1
    assert sent == [pk] * 3


@pytest.mark.django_db(transaction=True)
def test_an_event_is_handed_over_after_the_commit(people: People, queued: Any) -> None:
    with team_scope(people.team):
        registered(people.team, "https://example.org/a")
        before = queued()
        with transaction.atomic():
            emit(team=people.team, event="job.completed", dedupe="1", data={})
            assert queued() == before
        assert queued() == before + 1
        assert WebhookDelivery.objects.get().sent_at is not None


def test_deliveries_are_pruned_after_thirty_days(in_team: Team, clock: time_machine.Traveller) -> None:
    with serving(Receiver(GOOD)) as server:
        registered(in_team, server.url)
        told(in_team)
        work_off(in_team)
        told(in_team)
        clock.shift(timedelta(days=29))
        assert dispatch.old_deliveries_prune() == 0
        clock.shift(timedelta(days=1, seconds=1))
        assert dispatch.old_deliveries_prune() == 1
    assert WebhookDelivery.objects.get().status == "pending", "what still waits stays"
    assert not WebhookAttempt.objects.exists()
