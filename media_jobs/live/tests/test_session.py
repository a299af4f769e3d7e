"""A session that runs: what is answered, in which order, what is counted, and what the switches take out."""

import threading
import time
from typing import Any

import pytest
from django.db import connections
from pytest_django import Settings

from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, Team, TeamUsage, UsageDay
from conftest import People
from media_jobs import detect
from media_jobs.live import consumer

from .helpers import AGREED, FRAME, Browser, answer, face, in_django, run, use_worker

pytestmark = pytest.mark.django_db(transaction=True)


def used(team: Team) -> tuple[int, int]:
    """Pictures of the month, and faces of the day."""
    with team_scope(team):
        day = UsageDay.objects.filter(team=team).first()
        return TeamUsage.objects.get(team=team).pictures, day.faces if day else 0


def test_frames_are_answered_with_faces_that_keep_their_numbers(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = [[face(10), face(40)], [face(42), face(9)]]
    sent = use_worker(monkeypatch, lambda task: answer(task["ticket"], *seen.pop(0)))
    browser = Browser(people.client("analyst"))

    async def scenario() -> None:
        ready = await browser.opened()
        assert (ready["type"], ready["in_flight"], ready["consent"]) == ("ready", 2, 1)
        await browser.send({**AGREED, "recording": True})
        parts = {"emotion": True, "age": True, "gender": True}
        assert await browser.hear() == {"type": "started", "parts": parts}
        await browser.send(FRAME)
        first = await browser.hear()
        assert (first["type"], first["frame"], first["width"], first["height"]) == ("frame", 1, 64, 48)
        assert [one["track"] for one in first["faces"]] == [1, 2]
        found = first["faces"][0]
        assert found["box"] == {"left": 10, "top": 5, "width": 20, "height": 25}
        assert (found["strongest"], found["age"], found["gender"]) == ("happiness", 34, "female")
        assert found["metrics"]["activation"] == pytest.approx(1)
        assert found["metrics"]["valence"] > 0.5
        assert found["metrics"]["attention"] == 1
        await browser.send(FRAME)
        second = await browser.hear()
        assert (second["frame"], [one["track"] for one in second["faces"]]) == (2, [2, 1])
        await browser.disconnect()

    run(scenario)
    assert used(people.team) == (2, 4)
    assert [set(task["parts"]) for task in sent] == [{"emotions", "age", "gender", "landmarks"}] * 2
    with across_teams():
        event = AuditEvent.objects.get(action="live.started")
    assert (event.team_id, event.actor_id) == (people.team.pk, people.analyst.pk)
    assert event.details == {"text_version": 1, "recorded_in_browser": True}


def test_the_newest_frame_waits_and_an_older_one_is_dropped(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = threading.Event()

    def work(task: dict[str, Any]) -> None:
        free.wait(10)
        answer(task["ticket"], face())

    sent = use_worker(monkeypatch, work)
    browser = Browser(people.client("analyst"))

    async def scenario() -> None:
        await browser.agreed()
        await browser.send(FRAME)
        # The first is in work as soon as it is asked for; those after it wait.
        while not sent:
            await in_django(threading.Event().wait)(0.01)
        for _ in range(3):
            await browser.send(FRAME)
        dropped = [await browser.hear() for _ in range(2)]
        assert [(one["type"], one["frame"], one["code"]) for one in dropped] == [
            ("skipped", 2, "newer"),
            ("skipped", 3, "newer"),
        ]
        assert len(sent) == 1
        free.set()
        assert [(await browser.hear())["frame"] for _ in range(2)] == [1, 4]
        await browser.disconnect()

    run(scenario)
    assert used(people.team)[0] == 2


def test_what_the_team_has_switched_off_is_neither_asked_nor_answered(
    people: People, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.LIVE_RECHECK_SECONDS = 0.05
    off = face(strongest=None, emotions=None, age=None, gender=None, gender_confidence=None)
    sent = use_worker(monkeypatch, lambda task: answer(task["ticket"], off))
    browser = Browser(people.client("analyst"))

    def switch() -> None:
        Team.objects.filter(pk=people.team.pk).update(
            analyze_emotion=False, analyze_age=False, analyze_gender=False
        )
        connections.close_all()

    async def scenario() -> None:
        assert (await browser.agreed())["parts"]["emotion"] is True
        await in_django(switch)()
        # Within the running session.
        told = await browser.hear()
        assert told == {"type": "started", "parts": {"emotion": False, "age": False, "gender": False}}
        await browser.send(FRAME)
        [found] = (await browser.hear())["faces"]
        assert [found[name] for name in ("strongest", "emotions", "age", "gender")] == [None] * 4
        assert found["metrics"] == {"valence": None, "activation": None, "attention": 1}
        await browser.disconnect()

    run(scenario)
    assert [task["parts"] for task in sent] == [["landmarks"]]


def test_a_frame_that_nobody_answers_is_skipped_and_not_counted(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_jobs.live.session.DEADLINE", 0.2)
    busy = [True, False]
    use_worker(monkeypatch, lambda task: None if busy.pop(0) else answer(task["ticket"]))
    browser = Browser(people.client("analyst"))

    async def scenario() -> None:
        await browser.agreed()
        await browser.send(FRAME)
        late = await browser.hear()
        assert (late["type"], late["frame"], late["code"]) == ("skipped", 1, "deadline_exceeded")
        await browser.send(FRAME)
        assert (await browser.hear())["faces"] == []
        await browser.disconnect()

    run(scenario)
    assert used(people.team) == (1, 0)


def test_too_many_frames_in_a_row_that_nobody_answers_end_the_session(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "MOST_PASSING", 3)
    use_worker(monkeypatch, lambda task: detect.answer_give(task["ticket"], {"failed": "RuntimeError"}))
    browser = Browser(people.client("analyst"))

    async def scenario() -> None:
        await browser.agreed()
        for _ in range(2):
            await browser.send(FRAME)
            assert (await browser.hear())["code"] == "detection_failed"
        await browser.send(FRAME)
        assert await browser.refused() == ("detection_failed", 4500)
        await browser.disconnect()

    run(scenario)
    assert used(people.team) == (0, 0)


def test_no_more_frames_are_analysed_in_a_second_than_is_set(
    people: People, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.LIVE_FRAMES_PER_SECOND = 4.0
    sent = use_worker(monkeypatch, lambda task: answer(task["ticket"]))
    browser = Browser(people.client("analyst"))

    async def scenario() -> None:
        await browser.agreed()
        for number in range(1, 4):
            await browser.send(FRAME)
            assert (await browser.hear())["frame"] == number
        await browser.disconnect()

    begun = time.monotonic()
    run(scenario)
    assert len(sent) == 3
    assert time.monotonic() - begun >= 2 / 4.0


def test_a_browser_that_leaves_frees_its_place_while_a_frame_is_in_work(
    people: People, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.LIVE_SESSIONS_PER_TEAM = 1
    free = threading.Event()

    def work(task: dict[str, Any]) -> None:
        free.wait(10)
        answer(task["ticket"])

    use_worker(monkeypatch, work)
    client = people.client("analyst")

    async def scenario() -> None:
        browser = Browser(client)
        await browser.agreed()
        await browser.send(FRAME)
        await browser.disconnect()
        again = Browser(client)
        assert (await again.opened())["type"] == "ready"
        free.set()
        await again.disconnect()

    run(scenario)
