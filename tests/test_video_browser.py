"""The page of a stored video in a real Chromium: what moves together, and what people correct."""

import io
import math
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Locator, Page, expect, sync_playwright

from accounts.access import team_scope
from analysis.models import VideoPerson
from analysis.video.people import people_summarise
from analysis.video.tests.helpers import HEIGHT, WIDTH, Somebody, stored_video
from conftest import People
from media_jobs.models import Video
from media_jobs.video.parts import folder_of, parts_write

from .conftest import Web, wait_until_ready
from .test_browser import SWITCHES, chromium, faults
from .videos import make_video, three_hours

__all__ = ["chromium", "faults"]

pytestmark = pytest.mark.browser

T = TypeVar("T")
SECONDS = 20
# Read from a copy: Chromium warns of a canvas that is read twice, and `faults` takes it. The answer is the
# outline of everything drawn inside a place of the canvas, in CSS pixels: [left, right], or null.
DRAWN = """(canvas, [from, to, top, bottom]) => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const ratio = canvas.width / canvas.clientWidth;
  const x = Math.round(from * ratio), y = Math.round(top * ratio);
  const wide = Math.round((to - from) * ratio), tall = Math.round((bottom - top) * ratio);
  const { data } = context.getImageData(x, y, wide, tall);
  let left = null, right = null;
  for (let at = 0; at < wide; at += 1) {
    let solid = 0;
    for (let row = 0; row < tall; row += 1) if (data[4 * (row * wide + at) + 3] > 100) solid += 1;
    if (solid > 0.9 * tall) { left ??= at; right = at; }
  }
  return left === null ? null : [from + left / ratio, from + right / ratio];
}"""


@pytest.fixture()
def page(
    chromium: str,
    start_web: Callable[..., Web],
    transactional_db: None,
    people: People,
    faults: list[str],
) -> Iterator[Page]:
    """A browser in which the analyst of the team is signed in."""
    web = start_web()
    wait_until_ready(web)
    session = people.client("analyst").cookies[settings.SESSION_COOKIE_NAME]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        page = browser.new_page(base_url=web.url, viewport={"width": 1400, "height": 1000})
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on(
            "console",
            lambda message: faults.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.context.add_cookies([{"name": session.key, "value": session.value, "url": web.url}])
        yield page
        browser.close()


def outside(work: Callable[[], T]) -> T:
    """Do something with the database in a thread of its own: Playwright's loop runs in this one, where Django
    takes every call for asynchronous code."""

    def done() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(done).result()


def made(people: People, *some: Somebody, seconds: int = SECONDS, content: bytes = b"") -> Video:
    """A stored video with a real file, whose samples are made up."""

    def store() -> Video:
        with team_scope(people.team):
            video = stored_video(people.team, some, seconds)
            people_summarise(video=video)
            file = content or make_video(kind="webm", seconds=seconds, fps=10, size=(320, 180), gop=10)
            folder = folder_of(people.team.pk, video.pk)
            parts = parts_write(people.team, folder, io.BytesIO(file), len(file))
            fields = {"parts": parts, "content_type": "video/webm", "container": "webm"}
            Video.objects.filter(pk=video.pk).update(**fields)
            return video

    return outside(store)


def cast_of(video: Video) -> list[tuple[str, bool]]:
    """Everybody's name and whether they are left out."""

    def read() -> list[tuple[str, bool]]:
        with team_scope(video.team):
            rows = VideoPerson.objects.filter(video=video).order_by("number")
            return [(str(person), person.excluded) for person in rows]

    return outside(read)


def open_page(page: Page, video: Video) -> None:
    page.goto(f"/team/videos/{video.pk}")
    expect(page.locator("#charts")).to_have_attribute("aria-busy", "false")


def box_at(page: Page, left: float) -> Any:
    """Where the made-up box whose left edge is about `left` px of the video is drawn, in px of the video."""
    canvas = page.locator("[data-boxes]")
    scale = canvas.evaluate("canvas => canvas.clientWidth") / WIDTH
    place = [(left - 40) * scale, (left + 60) * scale, 180 * scale, 260 * scale]
    found = canvas.evaluate(DRAWN, place)
    return None if found is None else (found[0] + found[1]) / 2 / scale


def plot(page: Page, name: str) -> Locator:
    return page.get_by_role("slider", name=f"{name}: a place in time")


def drag(page: Page, name: str, begin: float, end: float, steps: int = 6) -> None:
    """Drag in a chart between two shares of its width."""
    over = plot(page, name).locator(".u-over")
    over.scroll_into_view_if_needed()
    size = over.bounding_box()
    assert size is not None
    page.mouse.move(size["x"] + size["width"] * begin, size["y"] + 20)
    page.mouse.down()
    page.mouse.move(size["x"] + size["width"] * end, size["y"] + 20, steps=steps)
    page.mouse.up()


def playheads_agree(page: Page) -> bool:
    """Whether the lines of all four charts stand at the same moment, and not at the beginning."""
    places = page.locator(".vid-plot").evaluate_all(
        """plots => plots.map(plot => plot.querySelector(".vid-cursor").getBoundingClientRect().x
          - plot.querySelector(".u-over").getBoundingClientRect().x)"""
    )
    return len(places) == 4 and max(places) - min(places) < 2 and min(places) > 5


def time_of(page: Page) -> float:
    """Seconds that the player shows, as its words say."""
    words = page.locator("[data-player-time]").inner_text().split(" /")[0]
    minutes, seconds = words.split(":")
    return 60 * int(minutes) + float(seconds)


def expected_left(seconds: float, number: int = 1) -> float:
    """The left edge of a made-up box (`analysis.video.tests.helpers.made_up`)."""
    return 60 + 200 * (number - 1) + 10 * math.sin(seconds / 3 + number)


def test_boxes_and_charts_follow_the_player_and_charts_move_it(
    page: Page, people: People, faults: list[str]
) -> None:
    video = made(people, Somebody(name="Ada"), Somebody(spans=[(10_000, 16_000)]))
    open_page(page, video)
    assert page.evaluate("document.querySelector('video').controls") is False

    # A click into a chart: the player is there, and the box where it is at that moment.
    chart = plot(page, "Emotions").locator(".u-over")
    size = chart.bounding_box()
    assert size is not None
    chart.click(position={"x": size["width"] * 0.25, "y": 30})
    expect(page.locator("[data-player-time]")).to_have_text(re.compile(r"0:0[45]\.\d / 0:20"))
    at = time_of(page)
    expect(page.locator("[data-now-in-view]")).to_contain_text("Ada: ")
    assert box_at(page, 60) == pytest.approx(expected_left(at), abs=4)
    shown = page.evaluate("document.querySelector('video').currentTime")
    assert shown == pytest.approx(at, abs=0.15)
    # The second person has not come yet.
    assert box_at(page, 260) is None

    # A drag scrubs; the line of every chart goes along.
    drag(page, "Emotions", 0.3, 0.6)
    assert time_of(page) == pytest.approx(12, abs=0.4)
    expect(page.locator("[data-now-in-view]")).to_contain_text("Person 2: ")
    assert box_at(page, 260) == pytest.approx(expected_left(time_of(page), 2), abs=4)
    assert playheads_agree(page)

    # Keys: a second, ten seconds, a frame, the ends; the place tells readers of screens what is there.
    valence = plot(page, "Valence")
    valence.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert time_of(page) == pytest.approx(1.0, abs=0.05)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press(".")
    assert time_of(page) == pytest.approx(11.2, abs=0.05)
    expect(valence).to_have_attribute("aria-valuetext", re.compile(r"^11.2 seconds: Ada .0\.\d\d, Person 2"))

    # Moved by somebody else, such as the keys of the system: the boxes come along.
    page.evaluate("document.querySelector('video').currentTime = 6")
    expect(page.locator("[data-player-time]")).to_have_text(re.compile(r"0:0[56]\.\d / 0:20"))
    assert box_at(page, 60) == pytest.approx(expected_left(time_of(page)), abs=4)

    # A range: by keys, by a drag with Shift, and back to the whole.
    page.keyboard.press("+")
    expect(page.locator("[data-charts-range]")).to_have_text(re.compile(r"0:0\d\.\d to 0:1\d\.\d"))
    page.keyboard.press("0")
    expect(page.locator("[data-charts-range]")).to_have_text("The whole video")
    page.keyboard.down("Shift")
    drag(page, "Emotions", 0.5, 0.75)
    page.keyboard.up("Shift")
    expect(page.locator("[data-charts-range]")).to_have_text(re.compile(r"0:10\.\d to 0:1[45]\.\d"))
    page.get_by_role("button", name="Whole video").click()

    # It plays, and the box moves with it.
    page.locator("#player").focus()
    page.keyboard.press("Home")
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator("[data-player-time]")).to_have_text(re.compile(r"0:0[2-9]"), timeout=20_000)
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.wait_for_timeout(300)
    assert box_at(page, 60) == pytest.approx(expected_left(time_of(page)), abs=5)
    assert faults == []


def test_a_box_chooses_its_person_and_moments_lead_the_player(
    page: Page, people: People, faults: list[str]
) -> None:
    video = made(people, Somebody(name="Ada"), Somebody(name="Grace", emotion="anger"))
    open_page(page, video)
    expect(page.locator("[data-now-in-view]")).to_contain_text("Grace: ")
    canvas = page.locator("[data-boxes]")
    size = canvas.bounding_box()
    assert size is not None
    canvas.click(position={"x": 320 / WIDTH * size["width"], "y": 215 / HEIGHT * size["height"]})
    expect(page.get_by_role("button", name="Grace", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(page.locator('[data-metric="emotions"] [data-chart-note]')).to_have_text("Grace")
    expect(page.get_by_label("Of whom")).to_have_value(re.compile(r".+"))
    peak = page.locator("#moments").get_by_role("button", name=re.compile("Peak of anger")).last
    words = peak.locator(".vid-moment-time").inner_text()
    peak.click()
    # A peak is shown from a moment before it on.
    seconds = float(words.split(":")[1])
    assert time_of(page) == pytest.approx(seconds, abs=0.7)

    plot(page, "Valence").focus()
    page.keyboard.press("Shift+ArrowRight")
    page.get_by_label("Which emotions").select_option("anger")
    legend = page.locator('[data-metric="emotions"] [data-chart-legend] li')
    expect(legend).to_have_count(2)
    expect(legend.first).to_contain_text("Ada")
    # The chart was made anew, and its playhead is where the others' are.
    page.wait_for_timeout(200)
    assert playheads_agree(page)
    table = page.get_by_role("table", name="Figures of the people who are ticked")
    expect(table.get_by_role("columnheader")).to_have_text(["Metric", re.compile("Ada"), re.compile("Grace")])
    row = table.get_by_role("row", name=re.compile("^Anger"))
    expect(row.locator(".is-most")).to_have_count(1)
    page.get_by_label("Show Ada in the charts").uncheck()
    expect(legend).to_have_count(1)
    assert faults == []


def test_people_are_corrected_by_keyboard_while_the_page_stays(
    page: Page, people: People, faults: list[str]
) -> None:
    video = made(people, Somebody(spans=[(0, 9000)]), Somebody(spans=[(11_000, 19_000)]))
    open_page(page, video)
    # A mark that a reload would wipe away.
    page.evaluate("window.sameDocument = true")

    first = page.locator("#person-1")
    first.get_by_text("Correct").press("Enter")
    first.get_by_label("Name").fill("Ada")
    page.keyboard.press("Enter")
    expect(page.locator("[data-said]")).to_have_text("Person 1 is called Ada now.")
    expect(page.locator('[data-metric="valence"] [data-chart-legend]')).to_contain_text("Ada")
    expect(page.locator("[data-now-in-view]")).to_contain_text("Ada: ")

    second = page.locator("#person-2")
    second.get_by_text("Correct").press("Enter")
    second.get_by_role("button", name="Leave out").press("Enter")
    expect(second.get_by_text("left out")).to_be_visible()
    assert cast_of(video) == [("Ada", False), ("Person 2", True)]

    # Splitting is asked first, and where the player is.
    plot(page, "Valence").focus()
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    first.get_by_text("Correct").press("Enter")
    first.get_by_role("button", name="Split at 0:04.0").press("Enter")
    dialog = page.get_by_role("dialog", name="Split this person?")
    expect(dialog).to_contain_text("What is seen of Ada from 0:04.0 on becomes another person.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert len(cast_of(video)) == 2
    first.get_by_role("button", name="Split at 0:04.0").press("Enter")
    dialog.get_by_role("button", name="Split").press("Enter")
    expect(page.locator("[data-said]")).to_have_text("From 0:04 on it is person 3.")
    expect(page.locator(".vid-person")).to_have_count(3)

    # The two of them are one again.
    page.get_by_label("Show Person 2 in the charts").uncheck()
    page.get_by_label("Show Person 3 in the charts").check()
    page.get_by_role("button", name="They are one person").press("Enter")
    dialog = page.get_by_role("dialog", name="Make them one person?")
    expect(dialog).to_contain_text("What is seen of Person 3 is counted to Ada from now on.")
    dialog.get_by_role("button", name="One person").press("Enter")
    expect(page.locator(".vid-person")).to_have_count(2)
    assert cast_of(video) == [("Ada", False), ("Person 2", True)]
    assert page.evaluate("window.sameDocument") is True
    assert faults == []


def test_three_hours_come_in_pieces_however_wildly_they_are_scrubbed(
    page: Page, people: People, faults: list[str]
) -> None:
    video = made(people, Somebody(), Somebody(), Somebody(), seconds=3 * 3600, content=three_hours("webm"))
    sizes: dict[str, list[int]] = {"boxes": [], "timeline": []}

    def note(response: Any) -> None:
        name = response.url.partition("?")[0].rpartition("/")[2]
        if name in sizes:
            sizes[name].append(int(response.headers.get("content-length", 0)) or len(response.body()))

    page.on("response", note)
    open_page(page, video)
    drag(page, "Valence", 0, 0.9999, steps=120)
    expect(page.locator("[data-player-time]")).to_have_text(re.compile(r"^(2:59|3:00)"))
    expect(page.locator("[data-now-in-view]")).to_contain_text("Person 3: ")
    # Of whoever is passed by quickly nothing is asked for.
    assert len(sizes["boxes"]) < 120
    assert max(sizes["boxes"]) < 60_000
    assert len(sizes["timeline"]) == 3
    assert max(sizes["timeline"]) < 250_000
    assert faults == []


def test_videos_are_uploaded_with_their_options_and_what_is_none_is_said(
    page: Page, people: People, faults: list[str], tmp_path: Path
) -> None:
    good, bad = tmp_path / "visit.webm", tmp_path / "notes.mp4"
    good.write_bytes(make_video(kind="webm", seconds=1, fps=10, size=(64, 48), faces=()))
    bad.write_bytes(b"These are words." * 100)
    page.goto("/team/videos")
    expect(page.get_by_role("heading", name="No videos yet")).to_be_visible()
    page.get_by_label("Frames analysed").select_option("every")
    page.get_by_label("Choose videos").set_input_files([good, bad])
    rows = page.get_by_label("Chosen videos", exact=True).get_by_role("listitem")
    expect(rows.filter(has_text="visit.webm")).to_contain_text("It is being analysed.", timeout=30_000)
    expect(rows.filter(has_text="notes.mp4")).to_contain_text("not a video of a format", timeout=30_000)
    card = page.get_by_label("Videos of your team").get_by_role("listitem")
    expect(card).to_have_count(1)
    expect(card).to_contain_text("Being analysed")

    def rates() -> list[float | None]:
        with team_scope(people.team):
            return list(Video.objects.values_list("frames_per_second", flat=True))

    assert outside(rates) == [None]
    card.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", name="The analysis was stopped")).to_be_visible()
    # The browser itself says that a request was refused.
    assert [fault for fault in faults if "Failed to load resource" not in fault] == []
