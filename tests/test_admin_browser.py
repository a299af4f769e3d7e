"""The admin panel in a real Chromium: it works, and breaks no line of its content security policy."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Page, Request, expect, sync_playwright
from pytest_django import Settings

from accounts.models import User
from conftest import People

from .conftest import Web, wait_until_ready
from .test_browser import SWITCHES, chromium, faults  # noqa: F401

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"


@pytest.fixture()
def site(start_web: Callable[..., Web]) -> Web:
    web = start_web()
    wait_until_ready(web)
    return web


@pytest.fixture()
def teams(site: Web, people: People, others: People, settings: Settings) -> People:
    """Two teams with a key each, and a superuser. Made before the browser, beside which Django's database
    is not to be used."""
    # The site does not know the quick hash of other tests.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    User.objects.create_superuser("root", "root@example.org", PASSWORD)
    people.key("read")
    others.key("read")
    return people


@pytest.fixture(params=["light", "dark"])
def page(
    request: pytest.FixtureRequest,
    teams: People,
    chromium: str,  # noqa: F811
    site: Web,
    faults: list[str],  # noqa: F811
) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        page = browser.new_page(
            base_url=site.url, viewport={"width": 1440, "height": 900}, color_scheme=request.param
        )
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on(
            "console",
            lambda message: faults.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("requestfailed", lambda lost: faults.extend(refused(lost)))
        # Nothing may come from anywhere but the site itself.
        page.on(
            "request",
            lambda sent: faults.append(sent.url) if not sent.url.startswith((site.url, "data:")) else None,
        )
        yield page
        browser.close()


def refused(request: Request) -> list[str]:
    """What the browser did not load. Aborted is what was on its way when the test went to the next page."""
    reason = request.failure or ""
    return [] if "ABORTED" in reason else [f"{request.url}: {reason}"]


def sign_in(page: Page) -> None:
    page.goto("/admin/")
    expect(page).to_have_url(re.compile("/accounts/login/"))
    page.get_by_label("Name or e-mail address").fill("root")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/admin/$"))


def test_every_list_of_the_panel_opens_without_a_fault(
    page: Page,
    faults: list[str],  # noqa: F811
) -> None:
    sign_in(page)
    for model in admin.site._registry:
        page.goto(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
        expect(page.locator("#changelist")).to_be_visible()
    assert faults == []


def test_filters_menus_choices_and_forms_of_the_panel_work(
    page: Page,
    teams: People,
    faults: list[str],  # noqa: F811
) -> None:
    sign_in(page)
    # The sidebar: its groups, and the menu of the signed-in person.
    sidebar = page.locator("#nav-sidebar-inner")
    for group in ("Teams", "Photos and videos", "Galleries", "Jobs", "Installation"):
        expect(sidebar.get_by_role("heading", name=group, exact=True)).to_be_visible()
    sidebar.get_by_role("link", name="API keys").click()

    # A filter by team: the drawer opens, the team is searched for, and the other team's keys go.
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(2)
    page.locator("a", has_text="Filters").first.click()
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("blu")
    page.locator(".select2-results__option", has_text="blue").click()
    page.get_by_role("button", name="Apply Filters").click()
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("blue")

    # A bulk action: its bar appears with the selection.
    page.locator("input.action-select").first.check()
    page.get_by_label("Select action to run").select_option(label="Revoke for good")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("1 keys were revoked.")).to_be_visible()

    # A form with an inline: a member is added by searching for the person.
    page.goto(reverse("admin:accounts_team_change", args=[teams.team.pk]))
    page.get_by_role("link", name="Add another Membership").click()
    page.locator(".select2-selection:visible").last.click()
    page.locator(".select2-search__field").fill("red-view")
    page.locator(".select2-results__option", has_text="red-viewer").click()
    page.locator("select[name$='-role']:visible").last.select_option("viewer")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    expect(page.locator("#memberships-group")).to_contain_text("red-viewer")

    page.goto(reverse("admin:accounts_user_add"))
    expect(page.get_by_label("E-mail address")).to_be_visible()
    assert faults == []
