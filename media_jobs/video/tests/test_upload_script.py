"""The script that uploads videos, in a real browser against a real server."""

import base64
import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Route, sync_playwright

from accounts.access import across_teams
from conftest import People
from media_jobs.models import Video, VideoUpload
from media_jobs.video.parts import open_parts
from tests.conftest import Web, start, start_web, wait_until_ready  # noqa: F401  # fixtures
from tests.videos import make_video

UPLOAD = """async ([content, name]) => {
  const { uploadVideo } = await import("/static/js/video_upload.js");
  const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
  const file = new File([bytes], name, { lastModified: 1700000000000 });
  const seen = [];
  const onProgress = (sent, size) => seen.push([sent, size]);
  try {
    const answer = await uploadVideo(file, name, { onProgress, options: { frames_per_second: 2 } });
    return { answer, seen, kept: localStorage.getItem("video-uploads") };
  } catch (error) {
    return { error: error.message, seen, kept: localStorage.getItem("video-uploads") };
  }
}"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs /usr/bin/chromium")
def test_an_upload_goes_on_after_a_lost_part_and_on_a_new_page(
    people: People,
    start_web: Callable[..., Web],  # noqa: F811
) -> None:
    web = start_web()
    wait_until_ready(web)
    # Bytes behind the end of a video are nothing to its readers, and make it three parts long.
    content = make_video(seconds=1.0, fps=10, size=(64, 48), faces=())
    padding = 20 * 1024**2 - len(content) - 8
    content += (padding + 8).to_bytes(4, "big") + b"free" + bytes(padding)
    cookie = people.client("analyst").cookies[settings.SESSION_COOKIE_NAME].value
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context()
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": web.url}])
        page = context.new_page()
        page.goto(f"{web.url}/team/videos")
        parts: list[str] = []

        def lose_some(route: Route) -> None:
            """The second part is lost once; after it nothing arrives, as when the page is closed."""
            parts.append(route.request.headers["upload-offset"])
            if len(parts) == 2:
                route.abort()
            elif len(parts) == 4:
                route.fulfill(status=400, body="{}")
            else:
                route.continue_()

        page.route("**/team/videos/uploads/*", lambda route: patched(route, lose_some))
        arguments = [base64.b64encode(content).decode(), "visit.mp4"]
        first: Any = page.evaluate(UPLOAD, arguments)
        step = 8 * 1024**2
        assert parts == ["0", str(step), str(step), str(2 * step)]
        assert first["error"]
        assert "visit.mp4" in json.loads(first["kept"] or "{}").__str__()
        page.unroute("**/team/videos/uploads/*")
        page.reload()
        second: Any = page.evaluate(UPLOAD, arguments)
        assert second["seen"][0] == [2 * step, len(content)], "what is there is not sent again"
        assert second["seen"][-1] == [len(content), len(content)]
        assert second["kept"] == "{}"
        picture: Any = page.evaluate(
            UPLOAD, [base64.b64encode(b"\xff\xd8\xff" + bytes(99)).decode(), "a.mp4"]
        )
        assert picture["error"] == "This is a picture, not a video. Upload it as a photo."
        assert picture["kept"] == "{}"
        browser.close()
    with across_teams():
        video = Video.unscoped.get()
        assert not VideoUpload.unscoped.exists()
    assert second["answer"]["page"] == f"/team/videos/{video.pk}"
    assert (video.frames_per_second, video.filename) == (2.0, "visit.mp4")
    with open_parts(video) as file:
        assert file.read() == content


def patched(route: Route, lose: Callable[[Route], None]) -> None:
    if route.request.method == "PATCH":
        lose(route)
    else:
        route.continue_()
