"""The live camera for `make bench-video`: a real Chromium on the same machine, whose camera is a file."""

from __future__ import annotations

import io
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SIZE = (640, 480)
PICTURES = 90
SECONDS = 10
#: Analysed frames of a second that two processors must be enough for, browser included.
LEAST_RATE = 5.0
SWITCHES = (
    *("--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
    "--disable-dev-shm-usage",
)


@dataclass(frozen=True)
class Live:
    """rate: analysed frames a second; delay: milliseconds from the picture to its answer on the page."""

    rate: float
    delay: float


def browser() -> str | None:
    """A Chromium of this machine, or the one of Playwright; None where there is none."""
    named = os.environ.get("CHROMIUM")
    found = named or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found:
        return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def camera_file(path: Path) -> None:
    """What the camera sees: somebody who moves from left to right, over and over."""
    person = Image.open(ROOT / "samples" / "astronaut.png").convert("RGB").resize((SIZE[1], SIZE[1]))
    with path.open("wb") as file:
        for number in range(PICTURES):
            seen = Image.new("RGB", SIZE, (70, 80, 90))
            seen.paste(person, (60 + number, 0))
            jpeg = io.BytesIO()
            seen.save(jpeg, "JPEG", quality=85)
            file.write(jpeg.getvalue())


def measure(site: Any, executable: str, folder: Path, *, recording: bool) -> Live:
    """Analysed frames a second on the live page of a `bench.Site`, and their delay."""
    from playwright.sync_api import sync_playwright

    camera = folder / "camera.mjpeg"
    if not camera.exists():
        camera_file(camera)
    switches = [*SWITCHES, f"--use-file-for-fake-video-capture={camera}"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=switches)
        page = chromium.new_context(base_url=site.url).new_page()
        page.goto("/accounts/login/")
        page.locator("input[name=login]").fill(site.login["email"])
        page.locator("input[name=password]").fill(site.login["password"])
        page.locator("input[name=password]").press("Enter")
        page.wait_for_url(lambda url: "login" not in url)
        page.goto("/team/live")
        page.get_by_label("I agree, and so does everybody whom my camera shows.").check()
        if recording:
            page.get_by_label("Save this session").check()
        page.get_by_role("button", name="Start the camera").click()
        page.locator("[data-boxes] .live-box").first.wait_for(timeout=60_000)
        time.sleep(3)
        begun, start = _figure(page, "count"), time.monotonic()
        time.sleep(SECONDS)
        found = Live((_figure(page, "count") - begun) / (time.monotonic() - start), _figure(page, "delay"))
        chromium.close()
    return found


def _figure(page: Any, name: str) -> float:
    text = page.locator(f'[data-figure="{name}"]').inner_text()
    return float("".join(letter for letter in text if letter.isdigit() or letter == ".") or "nan")


def report(site: Any, folder: Path) -> None:
    """Print what is measured, or that there is no browser to measure it with."""
    executable = browser()
    if executable is None:
        print("Live camera: not measured, there is no Chromium here (set CHROMIUM to one)")
        return
    for recording in (False, True):
        found = measure(site, executable, folder, recording=recording)
        verdict = "at least" if found.rate >= LEAST_RATE else "BELOW"
        words = "recording beside it" if recording else "not recording"
        print(
            f"Live camera, {words}: {found.rate:.1f} analysed frames a second ({verdict} {LEAST_RATE:g}), "
            f"delay {found.delay:.0f} ms; browser, web process and worker share the machine",
            flush=True,
        )
