"""Whom the socket lets in, and what ends a session: a code, a sentence, nothing analysed, nothing stored."""

import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.db import connections
from django.test import Client
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from accounts import rate_counter
from accounts.access import across_teams, team_scope
from accounts.models import AuditEvent, Membership, Plan, Team, TeamUsage, User
from conftest import People
from media_jobs.live import consumer, places
from media_jobs.live.refusals import REFUSALS
from media_jobs.live.session import MOST_BYTES
from media_jobs.models import Job, Media
from media_jobs.tests.pictures import encoded, noise

from .helpers import FRAME, Browser, answer, face, in_django, run, use_worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_happened(
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    stored_files: Callable[[], list[str]],
    queued: Callable[[], int],
    request: pytest.FixtureRequest,
) -> Any:
    """After each refusal: no picture was asked for or counted, no row, file or task, and no place is kept."""
    sent = use_worker(monkeypatch, lambda task: answer(task["ticket"], face()))
    yield
    if "some_are_analysed" not in request.fixturenames:
        assert sent == []
        assert used(people.team) == 0
    with team_scope(people.team):
        assert not Media.objects.exists()
        assert not Job.objects.exists()
    assert (stored_files(), queued()) == ([], 0)
    assert rate_counter.client().keys("live:*") == []
    assert places._here == set()


@pytest.fixture()
def some_are_analysed() -> None:
    """Named by tests in which frames are analysed before the refusal comes."""


def used(team: Team) -> int:
    with team_scope(team):
        return TeamUsage.objects.get(team=team).pictures


def refused(browser: Browser, *messages: bytes | str, agreed: bool = True) -> tuple[str, int]:
    """The refusal that follows when the browser agreed and sent these messages."""
    found: list[tuple[str, int]] = []

    async def scenario() -> None:
        first = await (browser.agreed() if agreed else browser.opened())
        assert first["type"] == ("started" if agreed else "ready")
        for message in messages:
            await browser.send(message)
        found.append(await browser.refused())
        await browser.disconnect()

    run(scenario)
    return found[0]


def refused_at_once(browser: Browser) -> tuple[str, int]:
    """The refusal of a socket that is opened."""
    found: list[tuple[str, int]] = []

    async def scenario() -> None:
        assert await browser.connect()
        found.append(await browser.refused())
        await browser.disconnect()

    run(scenario)
    return found[0]


def consents() -> int:
    with across_teams():
        return AuditEvent.objects.filter(action="live.started").count()


# --- At the door ----------------------------------------------------------------------------------


def test_a_visitor_is_refused() -> None:
    assert refused_at_once(Browser(None)) == ("live_signed_out", 4401)
    assert consents() == 0


def test_a_session_that_was_signed_out_is_refused(people: People) -> None:
    client = people.client("owner")
    browser = Browser(client)
    client.logout()
    assert refused_at_once(browser) == ("live_signed_out", 4401)


def test_a_viewer_may_not_analyse(people: People) -> None:
    assert refused_at_once(Browser(people.client("viewer"))) == ("live_role", 4403)


def test_somebody_without_a_team_is_refused(db: None) -> None:
    client = Client()
    user = User.objects.create_user("alone", "alone@example.org", "correct horse battery")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert refused_at_once(Browser(client)) == ("live_no_team", 4403)


def test_a_team_that_is_being_deleted_is_refused(people: People) -> None:
    browser = Browser(people.client("owner"))
    Team.objects.filter(pk=people.team.pk).update(deleting_at=timezone.now())
    assert refused_at_once(browser) == ("team_is_being_deleted", 4403)


def test_a_member_without_the_second_factor_that_the_team_asks_for_is_refused(people: People) -> None:
    browser = Browser(people.client("owner"))
    Team.objects.filter(pk=people.team.pk).update(require_mfa=True)
    assert refused_at_once(browser) == ("mfa_required", 4403)


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "https://testserver", "http://testserver.evil.example", "http://["],
)
def test_a_page_of_another_site_is_refused(people: People, origin: str | None) -> None:
    assert refused_at_once(Browser(people.client("owner"), origin=origin)) == ("live_origin", 4403)
    assert consents() == 0


@pytest.mark.parametrize("origin", ["https://faces.example.org", "https://a.trusted.example"])
def test_an_origin_that_the_operator_trusts_is_let_in(
    people: People, settings: Settings, origin: str
) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://faces.example.org", "https://*.trusted.example"]
    browser = Browser(people.client("analyst"), origin=origin)
    assert refused(browser, FRAME, agreed=False) == ("live_consent_missing", 4403)


def test_another_address_has_no_socket(people: People) -> None:
    browser = Browser(people.client("owner"), path="/team/live/other")

    async def scenario() -> None:
        assert await browser.connect() is False
        await browser.wait()

    run(scenario)


def test_more_cameras_than_a_team_may_have_are_refused(people: People, settings: Settings) -> None:
    settings.LIVE_SESSIONS_PER_TEAM = 1
    first, second, third = (Browser(people.client(role)) for role in ("owner", "analyst", "admin"))

    async def scenario() -> None:
        await first.agreed()
        assert await second.connect()
        assert await second.refused() == ("live_team_full", 4429)
        await second.disconnect()
        await first.disconnect()
        # The place is free again.
        assert (await third.opened())["type"] == "ready"
        await third.disconnect()

    run(scenario)


def test_more_cameras_than_a_server_may_have_are_refused(
    people: People, others: People, settings: Settings
) -> None:
    settings.LIVE_SESSIONS = 1
    first, second = Browser(people.client("owner")), Browser(others.client("owner"))

    async def scenario() -> None:
        await first.agreed()
        assert await second.connect()
        assert await second.refused() == ("live_server_full", 4503)
        await second.disconnect()
        await first.disconnect()

    run(scenario)


def test_a_renewal_that_comes_after_the_end_takes_no_place(people: People, settings: Settings) -> None:
    settings.LIVE_SESSIONS = 1
    team_id = people.team.pk
    places.place_take(team_id=team_id, session="first")
    places.place_give_back(team_id=team_id, session="first")
    # A thread of the session that was still on its way.
    places.place_renew(team_id=team_id, session="first")
    places.place_take(team_id=team_id, session="second")
    places.place_renew(team_id=team_id, session="second")
    places.place_give_back(team_id=team_id, session="second")


def test_without_the_counters_nobody_is_let_in(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(**_: Any) -> None:
        raise redis.ConnectionError

    browser = Browser(people.client("owner"))
    monkeypatch.setattr(places, "_script", lambda: away)
    assert refused_at_once(browser) == ("service_unavailable", 4503)


# --- Messages -------------------------------------------------------------------------------------


def test_a_frame_before_the_consent_is_refused_and_nothing_is_recorded(people: People) -> None:
    assert refused(Browser(people.client("owner")), FRAME, agreed=False) == ("live_consent_missing", 4403)
    assert consents() == 0


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"type":"consent","consent":0}', '{"type":"consent"}', '"' + "x" * 2000 + '"'],
)
def test_any_other_message_than_the_consent_is_refused(people: People, text: str) -> None:
    assert refused(Browser(people.client("owner")), text, agreed=False) == ("live_message_unknown", 4400)
    assert consents() == 0


def jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((width, height), 20).convert("RGB").save(file, "JPEG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"\xff\xd8\xff" + b"0" * MOST_BYTES, "live_frame_too_large", id="too many bytes"),
        pytest.param(encoded(noise(64, 48), "PNG"), "live_not_jpeg", id="a PNG"),
        pytest.param(b"\xff\xd8\xff" + b"0" * 3000, "live_not_jpeg", id="a JPEG's beginning only"),
        pytest.param(b"", "live_not_jpeg", id="nothing"),
        pytest.param(jpeg(1300, 32), "live_frame_too_wide", id="too wide"),
        pytest.param(jpeg(16, 16)[:700], "file_too_small", id="too few bytes"),
    ],
)
def test_what_is_no_frame_of_a_page_ends_the_session(people: People, content: bytes, code: str) -> None:
    refusal, closed = refused(Browser(people.client("owner")), content)
    assert refusal == code
    assert 4400 <= closed < 4500


@pytest.mark.usefixtures("some_are_analysed")
def test_frames_that_come_much_too_fast_end_the_session(people: People) -> None:
    browser = Browser(people.client("owner"))

    async def scenario() -> None:
        await browser.agreed()
        for _ in range(consumer.MOST_IN_A_SECOND + 1):
            await browser.send(FRAME)
        while (said := await browser.hear())["type"] != "over":
            assert said["type"] in {"frame", "skipped"}
        assert said["code"] == "live_too_fast"
        assert await browser.hear() == {"closed": 4429}
        await browser.disconnect()

    run(scenario)


@pytest.mark.usefixtures("some_are_analysed")
def test_the_month_s_pictures_end_the_session_when_they_are_used_up(people: People) -> None:
    plan = Plan.objects.create(name="small", pictures_per_month=2)
    Team.objects.filter(pk=people.team.pk).update(plan=plan)
    browser = Browser(people.client("analyst"))

    async def scenario() -> None:
        await browser.agreed()
        for _ in range(2):
            await browser.send(FRAME)
            assert (await browser.hear())["type"] == "frame"
        await browser.send(FRAME)
        said = await browser.hear()
        assert (said["code"], "replenished_on" in said) == ("quota_pictures", True)
        assert await browser.hear() == {"closed": 4403}
        await browser.disconnect()

    run(scenario)
    assert used(people.team) == 2


# --- While it runs --------------------------------------------------------------------------------


@pytest.fixture()
def often(settings: Settings) -> None:
    """It is asked again soon who may stay."""
    settings.LIVE_RECHECK_SECONDS = 0.05


def cut_off(browser: Browser, deed: Callable[[], Any]) -> tuple[str, int]:
    """The refusal that ends a running session after the deed."""
    found: list[tuple[str, int]] = []

    async def scenario() -> None:
        await browser.agreed()
        await in_django(deed)()
        found.append(await browser.refused())
        await browser.disconnect()

    def done() -> None:
        try:
            deed_itself()
        finally:
            connections.close_all()

    deed_itself, deed = deed, done
    run(scenario)
    return found[0]


def remove(people: People, role: str) -> None:
    with team_scope(people.team):
        Membership.objects.filter(user=getattr(people, role)).delete()


@pytest.mark.usefixtures("often")
def test_a_member_who_is_removed_is_cut_off(people: People) -> None:
    browser = Browser(people.client("analyst"))
    assert cut_off(browser, lambda: remove(people, "analyst")) == ("live_no_team", 4403)


@pytest.mark.usefixtures("often")
def test_a_member_who_is_removed_goes_on_in_no_other_team_unawares(people: People, others: People) -> None:
    client = people.client("analyst")
    session = client.session
    session["team"] = str(people.team.pk)
    session.save()
    with team_scope(others.team):
        Membership.objects.create(team=others.team, user=people.analyst, role="owner")
    browser = Browser(client)
    assert cut_off(browser, lambda: remove(people, "analyst")) == ("live_other_team", 4403)


@pytest.mark.usefixtures("often")
def test_a_member_who_becomes_a_viewer_is_cut_off(people: People) -> None:
    def deed() -> None:
        with team_scope(people.team):
            Membership.objects.filter(user=people.analyst).update(role="viewer")

    assert cut_off(Browser(people.client("analyst")), deed) == ("live_role", 4403)


@pytest.mark.usefixtures("often")
def test_signing_out_ends_the_session(people: People) -> None:
    client = people.client("analyst")
    assert cut_off(Browser(client), client.logout) == ("live_signed_out", 4401)


@pytest.mark.usefixtures("often")
def test_the_deletion_of_the_team_ends_the_session(people: People) -> None:
    deleting = timezone.now() - timedelta(seconds=1)

    def deed() -> None:
        Team.objects.filter(pk=people.team.pk).update(deleting_at=deleting)

    assert cut_off(Browser(people.client("owner")), deed) == ("team_is_being_deleted", 4403)


@pytest.mark.usefixtures("often")
def test_a_session_without_frames_ends(people: People, settings: Settings) -> None:
    settings.LIVE_IDLE_SECONDS = 0
    assert refused(Browser(people.client("owner"))) == ("live_idle", 4408)


@pytest.mark.usefixtures("often")
def test_a_session_that_lasts_too_long_ends(people: People, settings: Settings) -> None:
    settings.LIVE_MINUTES = 0
    assert refused(Browser(people.client("owner"))) == ("live_over", 4410)


@pytest.mark.usefixtures("some_are_analysed")
@pytest.mark.usefixtures("often")
def test_a_fault_of_ours_is_said_too(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(task: dict[str, Any]) -> None:
        answer(task["ticket"], {"number": 1})

    use_worker(monkeypatch, broken)
    assert refused(Browser(people.client("owner")), FRAME) == ("live_failed", 4500)


# --- The table ------------------------------------------------------------------------------------


def test_every_refusal_is_documented() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs/video.md").read_text()
    missing = [
        code for code, (status, _) in REFUSALS.items() if f"| `{code}` | {4000 + status} |" not in text
    ]
    assert missing == []
