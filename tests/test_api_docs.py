"""The page of the API in a real Chromium: it shows every operation, breaks no policy, and sends requests."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from conftest import People

from .conftest import Web, wait_until_ready
from .test_browser import SWITCHES, chromium  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser
SECONDS = 30_000


@pytest.fixture()
def web(start_web: Callable[..., Web]) -> Web:
    started = start_web()
    wait_until_ready(started)
    return started


@pytest.fixture()
def faults() -> list[str]:
    """What the browser complained about: script errors, refused resources, breaches of the policy."""
    return []


@pytest.fixture()
def key(people: People) -> str:
    return people.key("read")


# The key is made first: Playwright's loop then runs in this thread, in which Django asks no database.
@pytest.fixture()
def page(chromium: str, key: str, web: Web, faults: list[str]) -> Iterator[Page]:  # noqa: F811
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        page = browser.new_page(base_url=web.url, viewport={"width": 1280, "height": 1000})
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on(
            "console",
            lambda message: faults.append(message.text) if message.type in ("error", "warning") else None,
        )
        yield page
        browser.close()


def test_the_page_shows_the_operations_and_tries_one_out_with_a_key(
    page: Page, web: Web, faults: list[str], key: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/v1/docs")
    document = page.request.get("/api/v1/openapi.json").json()
    tags = [tag for path in document["paths"].values() for one in path.values() for tag in one["tags"]]
    expect(page.locator(".opblock-tag")).to_have_count(len(set(tags)), timeout=SECONDS)
    for tag in ("galleries", "videos", "jobs"):
        page.locator(f"#operations-tag-{tag}").click()
        shown = page.locator(f"[id^=operations-{tag}-]")
        expect(shown).to_have_count(tags.count(tag), timeout=SECONDS)

    page.get_by_role("button", name="Authorize").click()
    form = page.locator(".auth-container", has_text="http, Bearer")
    form.get_by_role("textbox").fill(key)
    form.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close", exact=True).first.click()

    block = page.locator("#operations-jobs-jobs_list")
    block.locator(".opblock-summary-control").click()
    block.get_by_role("button", name="Try it out").click()
    block.get_by_role("button", name="Execute").click()
    live = block.locator(".live-responses-table")
    expect(live.locator(".response-col_status").last).to_have_text("200", timeout=SECONDS)
    expect(live).to_contain_text('"results": []')
    foreign = [url for url in asked if not url.startswith((web.url, "data:", "blob:"))]
    assert (foreign, faults) == ([], [])
