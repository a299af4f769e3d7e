"""Batches as they run: a worker killed in the middle of five hundred photos, results that are streamed."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.db.models import Count
from PIL import Image, ImageEnhance
from pytest_django import Settings

from accounts.access import team_scope
from accounts.models import Team
from analysis.models import Analysis, Face
from conftest import People
from emotionsite.tests.local_servers import always, answer, serving
from media_jobs.models import Job, JobItem, Media, WebhookDelivery
from media_jobs.webhooks.services import webhook_create
from ml_models import EMOTIONS

from .conftest import Process, Web, wait_until_ready

pytestmark = [pytest.mark.whole_system, pytest.mark.django_db(transaction=True)]
PHOTOS = 500
# A dead worker's work goes to the next one after so many seconds.
SHORT = {"CELERY_VISIBILITY_TIMEOUT": "12", "URL_FETCH_ALLOW": "127.0.0.1"}


def archive_of(astronaut: bytes, count: int) -> bytes:
    """Different small photos of the same face: each a little brighter than the last."""
    image = Image.open(io.BytesIO(astronaut)).convert("RGB").crop((72, 0, 372, 300)).resize((160, 160))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for step in range(count):
            picture = io.BytesIO()
            different = ImageEnhance.Brightness(image).enhance(0.7 + step * 0.0012)
            # A mark in the corner, for steps too small to change any pixel.
            different.putpixel((0, 0), (step % 256, step // 256, 0))
            different.save(picture, "PNG")
            archive.writestr(f"photos/{step:03}.png", picture.getvalue())
    return buffer.getvalue()


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def test_five_hundred_photos_survive_a_killed_worker_and_are_told_of_once(
    people: People,
    start_web: Callable[..., Web],
    start_worker: Callable[..., Process],
    astronaut: bytes,
    settings: Settings,
) -> None:
    settings.URL_FETCH_ALLOW = ["127.0.0.1"]
    web = start_web(**SHORT)
    worker = start_worker(**SHORT)
    wait_until_ready(web)
    api = httpx.Client(
        base_url=f"{web.url}/api/v1/", headers={"Authorization": f"Bearer {people.key()}"}, timeout=60
    )
    with api, serving(always(answer(b"ok"))) as receiver, team_scope(people.team):
        webhook_create(team=people.team, url=f"{receiver.url}/hook", events=["batch.completed"])
        sent = api.post("batches", files={"archive": ("photos.zip", archive_of(astronaut, PHOTOS))})
        assert sent.status_code == 202, sent.text
        batch = sent.headers["Location"].removeprefix("/api/v1/")

        def done() -> int:
            return int(api.get(batch).json()["done"])

        wait_until(lambda: done() >= PHOTOS // 5, seconds=60)
        worker.kill()
        at_death = done()
        assert at_death < PHOTOS, "the worker has to die in the middle"
        time.sleep(1)
        assert done() == at_death, "without a worker nothing moves"
        start_worker(**SHORT)
        wait_until(lambda: done() == PHOTOS, seconds=120)
        state = api.get(batch).json()
        assert (state["status"], state["succeeded"], state["failed"]) == ("succeeded", PHOTOS, 0)
        assert JobItem.objects.filter(attempts__gt=1).exists(), "the chunk that was in work came back"
        assert Analysis.objects.count() == Media.objects.count() == PHOTOS
        per_photo = Face.objects.values("media").annotate(faces=Count("id")).values_list("faces", flat=True)
        assert list(per_photo) == [1] * PHOTOS
        lines = [json.loads(line) for line in api.get(f"{batch}/results").iter_lines()]
        assert [line["name"] for line in lines] == [f"photos/{n:03}.png" for n in range(PHOTOS)]
        assert {line["status"] for line in lines} == {"succeeded"}
        assert all(len(line["faces"]) == 1 for line in lines)
        wait_until(lambda: len(receiver.requests) > 0, seconds=30)
        # A second call, were there one, would come with what the worker does next.
        time.sleep(3)
        (call,) = receiver.requests
        told = json.loads(call.body)
        assert (told["type"], told["data"]["total"], told["data"]["failed"]) == ("batch.completed", PHOTOS, 0)
        (delivery,) = WebhookDelivery.objects.all()
        assert (delivery.status, delivery.attempts) == ("delivered", 1)


def memory_of(process: Process) -> int:
    """Most bytes of memory that a process ever had."""
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


def large_batch(team: Team, pictures: int, faces: int) -> Job:
    """A finished batch, written as rows; each of its faces has 2,000 letters to tell."""
    job = Job.objects.create(
        team=team, kind="batch", queue="batch", status="succeeded", total=pictures, done=pictures
    )
    media = Media.objects.bulk_create(
        Media(
            team=team,
            sha256=f"{job.pk.hex}{n:032x}",
            filename=f"{n}.png",
            content_type="image/png",
            size=1,
            width=9,
            height=9,
        )
        for n in range(pictures)
    )
    scores = dict.fromkeys(EMOTIONS, 0.125)
    words = {"attributes": {"words": "x" * 2000}}
    places = {"left": 1, "top": 1, "width": 5, "height": 5, "confidence": 0.9, "landmarks": [1.0] * 10}
    Analysis.objects.bulk_create(
        Analysis(media=one, team=team, face_count=faces, model_versions={}) for one in media
    )
    Face.objects.bulk_create(
        [
            Face(team=team, media=one, number=n + 1, strongest="neutral", **places, **scores, **words)
            for one in media
            for n in range(faces)
        ],
        batch_size=5000,
    )
    JobItem.objects.bulk_create(
        JobItem(
            team=team, job=job, media=one, name=one.filename, position=n, chunk=n // 4, status="succeeded"
        )
        for n, one in enumerate(media)
    )
    return job


def test_results_of_a_large_batch_begin_at_once_and_are_never_in_memory_as_a_whole(
    people: People, start_web: Callable[..., Web]
) -> None:
    web = start_web()
    wait_until_ready(web)
    with team_scope(people.team):
        small, large = large_batch(people.team, 500, 2), large_batch(people.team, 10_000, 2)
    headers = {"Authorization": f"Bearer {people.key()}"}
    with httpx.Client(base_url=f"{web.url}/api/v1/batches/", headers=headers, timeout=60) as api:
        for form in ("jsonl", "csv", "parquet"):
            api.get(f"{small.pk}/results?format={form}").raise_for_status()
        before = memory_of(web.process)
        begun = time.monotonic()
        first: float | None = None
        size = 0
        with api.stream("GET", f"{large.pk}/results") as results:
            for piece in results.iter_bytes():
                first = first or time.monotonic() - begun
                size += len(piece)
        whole = time.monotonic() - begun
        assert size > 50_000_000
        assert first is not None
        assert first < whole / 4, f"first {first:.2f} s of {whole:.2f} s"
        grown = memory_of(web.process) - before
        assert grown < size / 2, f"{grown / 1e6:.0f} MB more for {size / 1e6:.0f} MB of results"
        figures = f"{size / 1e6:.1f} MB in {whole:.2f} s, the first after {first:.2f} s"
        print(f"\n{figures}, memory +{grown / 1e6:.1f} MB")
