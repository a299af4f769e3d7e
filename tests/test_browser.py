"""The main story in a real Chromium: sign up, upload, see the faces, delete."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

from ml_models import EMOTIONS

from .conftest import Site

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = ("/usr/bin/chromium", "/usr/bin/chromium-browser")
ASTRONAUT = Path(__file__).resolve().parent.parent / "samples" / "astronaut.png"
# A worker on a busy machine may need this long for its first photo.
ANALYSIS_MS = 60_000
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# Read from a copy made for reading: Chromium warns of a canvas that is read twice, and `faults` takes it.
IS_DRAWN = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return window.Chart?.getChart(canvas) !== undefined && pixels.some((value) => value !== 0);
}"""

pytestmark = pytest.mark.browser


@pytest.fixture()
def chromium() -> str:
    """Path of the browser: $CHROMIUM, else where distributions put it."""
    candidates = (os.environ.get("CHROMIUM"), *PLACES, *NAMES)
    path = next((path for name in candidates if name and (path := shutil.which(name))), None)
    return path or pytest.skip("No Chromium: install the package 'chromium' or set CHROMIUM to its path.")


@pytest.fixture()
def faults() -> list[str]:
    """What the browser complained about: script errors, refused resources, breaches of the policy."""
    return []


@pytest.fixture()
def page(chromium: str, live_site: Site, faults: list[str]) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        page = browser.new_page(base_url=live_site.url, viewport={"width": 1280, "height": 900})
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on(
            "console",
            lambda message: faults.append(message.text) if message.type in ("error", "warning") else None,
        )
        yield page
        browser.close()


@pytest.fixture()
def ramp(tmp_path: Path) -> Path:
    """A picture without a face: a plain colour ramp."""
    light = Image.linear_gradient("L").resize((480, 360))
    path = tmp_path / "ramp.png"
    Image.merge("RGB", (light, light.transpose(Image.Transpose.ROTATE_180), light)).save(path)
    return path


def sign_up(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("Name", exact=True).fill("maria")
    page.get_by_label("E-mail address").fill("maria@example.org")
    page.get_by_label("Password", exact=True).fill("a long enough secret")
    page.get_by_label("Password (again)").fill("a long enough secret")
    page.get_by_role("button", name="Create account").click()


def wait_until_drawn(canvas: Locator) -> None:
    """Not `page.wait_for_function`: it evaluates text in the page, which the security policy forbids."""
    end = time.monotonic() + 10
    while not canvas.evaluate(IS_DRAWN):
        assert time.monotonic() < end, "The chart stayed empty."
        time.sleep(0.1)


def test_a_visitor_signs_up_uploads_sees_the_faces_and_deletes_one(
    page: Page, faults: list[str], ramp: Path
) -> None:
    sign_up(page)
    expect(page).to_have_url(re.compile(r"/photos/$"))
    expect(page.locator(".es-team")).to_have_text("maria's team")
    expect(page.get_by_role("heading", name="No photos yet")).to_be_visible()

    # A mark that a reload would wipe away: everything up to the result has to come by itself.
    page.evaluate("window.sameDocument = true")
    page.get_by_label("Choose photos").set_input_files([ASTRONAUT, ramp])
    rows = page.get_by_label("Chosen photos", exact=True).get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="astronaut.png")).to_contain_text("1 face", timeout=ANALYSIS_MS)
    expect(rows.filter(has_text="ramp.png")).to_contain_text("No face found", timeout=ANALYSIS_MS)
    cards = page.get_by_label("Photos of your team").get_by_role("listitem")
    expect(cards).to_have_count(2)
    expect(cards.filter(has_text="astronaut.png")).to_contain_text("1 face")
    assert page.evaluate("window.sameDocument") is True

    rows.filter(has_text="astronaut.png").get_by_role("link", name="View result").click()
    expect(page.locator("[data-boxes] .es-box")).to_have_count(1)
    person = page.get_by_role("article", name="Person 1")
    expect(person).to_contain_text(re.compile(r"Happiness\s+\d+\.\d%"))
    expect(page.locator("#people").get_by_role("heading", level=2)).to_contain_text("1 face")
    chart = person.get_by_role("img", name=re.compile("strongest is happiness"))
    expect(chart).to_be_visible()
    wait_until_drawn(chart)
    person.get_by_text("Exact figures").click()
    figures = person.get_by_role("row").filter(has=page.get_by_role("rowheader"))
    expect(figures).to_have_count(len(EMOTIONS))
    percents = [float(text.rstrip("%")) for text in figures.get_by_role("cell").all_inner_texts()]
    assert sum(percents) == pytest.approx(100, abs=0.5)
    assert EMOTIONS[percents.index(max(percents))] == "happiness"

    page.get_by_role("link", name="Person 1: happiness").click()
    expect(person).to_be_focused()

    page.get_by_role("link", name="All photos").click()
    page.get_by_role("link", name="ramp.png").click()
    expect(page.get_by_role("heading", name="No face was found in this photo")).to_be_visible()
    page.get_by_role("link", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete this photo?")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("status").filter(has_text="ramp.png was deleted")).to_be_visible()
    expect(cards).to_have_count(1)
    expect(cards).to_contain_text("astronaut.png")
    assert faults == []
