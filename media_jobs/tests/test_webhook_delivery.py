"""Calls of webhooks: tried again with longer and longer waits, given up, turned off, taken up by beat."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, Team
from conftest import People
from emotionsite.tests.local_servers import answer, serving
from media_jobs.models import WebhookAttempt, WebhookDelivery
from media_jobs.refusals import Refusal
from media_jobs.webhooks import delivery, dispatch, emit, services

from .webhook_helpers import BAD, GOOD, Receiver, registered, silent, told, work_off


@pytest.fixture(autouse=True)
def reachable(settings: Settings) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]


@pytest.fixture()
def clock() -> Iterator[time_machine.Traveller]:
    """Time that stands still until a test moves it."""
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


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
    with serving(silent) as server:
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


@pytest.mark.django_db(transaction=True)
def test_the_tasks_do_all_of_it_from_outside_of_any_team(people: People) -> None:
    from media_jobs import tasks

    with serving(Receiver(GOOD)) as server:
        with team_scope(people.team):
            registered(people.team, server.url)
            told(people.team)
            sent = WebhookDelivery.objects.get()
            WebhookDelivery.objects.update(sent_at=None)
        assert tasks.send_due_webhooks.apply().get() == 1
        named = {"team_id": str(people.team.pk), "delivery_id": str(sent.pk)}
        for _ in range(2):
            tasks.deliver_webhook.apply(kwargs=named).get()
        assert tasks.prune_webhook_deliveries.apply().get() == 0
    assert len(server.requests) == 1
    with team_scope(people.team):
        sent.refresh_from_db()
        assert sent.status == "delivered"
