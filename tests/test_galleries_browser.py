"""Galleries in a real Chromium, with real web and engine: enrol, train, ask who it is, name somebody."""

import re
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance
from playwright.sync_api import Page, expect

from .test_browser import ANALYSIS_MS, ASTRONAUT, chromium, faults, page, sign_up

__all__ = ["chromium", "faults", "page"]

pytestmark = pytest.mark.browser

HOPPER = ASTRONAUT.parent / "grace_hopper.jpg"


def changed(path: Path, folder: Path, *, size: float, light: float) -> Path:
    """The same picture in another size and light, so that its bytes differ."""
    with Image.open(path) as picture:
        upright = picture.convert("RGB")
    small = upright.resize((round(upright.width * size), round(upright.height * size)))
    target = folder / f"{path.stem}-{size}.png"
    ImageEnhance.Brightness(small).enhance(light).save(target)
    return target


@pytest.fixture()
def together(tmp_path: Path) -> Path:
    """Both people on one picture: the astronaut on the left, whose face is the larger one."""
    canvas = Image.new("RGB", (900, 600), (120, 120, 120))
    for path, height, left in ((ASTRONAUT, 560, 0), (HOPPER, 260, 580)):
        with Image.open(path) as picture:
            upright = picture.convert("RGB")
        canvas.paste(upright.resize((round(upright.width * height / upright.height), height)), (left, 0))
    target = tmp_path / "together.png"
    canvas.save(target)
    return target


def test_somebody_is_enrolled_found_again_and_a_stranger_gets_a_name(
    page: Page,
    faults: list[str],
    tmp_path: Path,
    together: Path,
) -> None:
    sign_up(page)
    expect(page).to_have_url(re.compile(r"/photos/$"))
    make_gallery(page)
    enrol_by_drop(page, [ASTRONAUT, changed(ASTRONAUT, tmp_path, size=0.8, light=0.8)])
    enrol_by_keyboard(page, together)
    train(page)
    ask_who(page, together)
    name_a_stranger(page, [HOPPER, changed(HOPPER, tmp_path, size=0.9, light=1.1)])
    assert faults == []


def make_gallery(page: Page) -> None:
    page.goto("/team/galleries")
    page.get_by_role("link", name="Make the first gallery").click()
    page.get_by_label("Name", exact=True).fill("Crew")
    # Both photos of the astronaut below are made of one picture.
    page.get_by_label("Take the same picture twice").check()
    page.get_by_role("button", name="Make the gallery").click()
    page.get_by_label("Name", exact=True).fill("Eileen")
    page.get_by_role("button", name="Add, then drop photos").click()
    expect(page.get_by_role("heading", name="Eileen", exact=True)).to_be_visible()


def enrol_by_drop(page: Page, photos: list[Path]) -> None:
    page.get_by_label("Choose photos").set_input_files(photos)
    rows = page.get_by_label("Chosen photos", exact=True).get_by_role("listitem")
    for row in rows.all():
        expect(row).to_contain_text("Enrolled,", timeout=ANALYSIS_MS)
    # They appear by themselves.
    expect(page.locator("#faces").get_by_role("checkbox")).to_have_count(2)


def enrol_by_keyboard(page: Page, together: Path) -> None:
    """A photo of two people: the one who is meant is chosen without a mouse."""
    page.get_by_label("Choose photos").set_input_files(together)
    dialog = page.get_by_role("dialog", name="Which one is it?")
    expect(dialog).to_be_visible(timeout=ANALYSIS_MS)
    expect(dialog.get_by_role("button", name="Face 1")).to_be_focused()
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("button", name="Face 2")).to_be_focused()
    expect(dialog.locator(".gal-box.is-lit")).to_have_attribute("data-face", "2")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#faces").get_by_role("checkbox")).to_have_count(3, timeout=ANALYSIS_MS)


def train(page: Page) -> None:
    page.get_by_role("link", name="Crew").click()
    page.get_by_role("button", name="Train it now").click()
    expect(page.locator(".gal-training")).to_contain_text("trained", timeout=ANALYSIS_MS)
    expect(page.locator(".gal-training")).to_contain_text("just now", timeout=ANALYSIS_MS)


def ask_who(page: Page, together: Path) -> None:
    """The person who is enrolled is named, the other one is unknown."""
    page.get_by_role("navigation", name="Team").get_by_role("link", name="Who is this?").click()
    page.get_by_label("Choose a photo").set_input_files(together)
    answer = page.get_by_label("Answer", exact=True)
    expect(answer.get_by_role("heading", name="1: Eileen")).to_be_visible(timeout=ANALYSIS_MS)
    expect(answer.get_by_role("heading", name="2: unknown")).to_be_visible()
    expect(page.locator("#who-status")).to_have_text("2 faces: 1 recognised, 1 unknown.")
    answer.get_by_role("link", name="Eileen").first.click()
    expect(page.get_by_role("heading", name="Eileen", exact=True)).to_be_visible()


def name_a_stranger(page: Page, photos: list[Path]) -> None:
    """Somebody on two photos is an unnamed person, and gets a name."""
    page.goto("/photos/")
    page.get_by_label("Choose photos").set_input_files(photos)
    rows = page.get_by_label("Chosen photos", exact=True).get_by_role("listitem")
    for row in rows.all():
        expect(row).to_contain_text("1 face", timeout=ANALYSIS_MS)
    page.goto("/team/unnamed")
    if page.get_by_role("button", name="Find people now").is_visible():
        page.get_by_role("button", name="Find people now").click()
    group = page.get_by_role("link", name="2 faces")
    expect(group).to_be_visible(timeout=ANALYSIS_MS)
    group.click()
    page.get_by_role("combobox", name="Who is it?").press_sequentially("Eil")
    expect(page.get_by_role("option", name=re.compile("Eileen"))).to_be_visible()
    page.get_by_role("combobox", name="Who is it?").fill("Grace")
    page.get_by_role("button", name="Give this name").click()
    expect(page.get_by_role("heading", name="Grace", exact=True)).to_be_visible()
    photos_of = page.get_by_role("region", name="Photos Grace is on").get_by_role("listitem")
    expect(photos_of).to_have_count(2)
    photos_of.first.get_by_role("link").click()
    expect(page.get_by_role("article", name="Person 1")).to_contain_text("Grace")
