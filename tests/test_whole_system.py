"""The product as it runs: real processes, real photos, and what happens when one of them dies."""

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from django.db.models import Count
from PIL import Image, ImageEnhance

from accounts.access import team_scope
from accounts.models import TeamUsage
from analysis.models import Analysis, Face
from conftest import People
from media_jobs.models import Job, JobItem, Media
from media_jobs.services import job_create, media_from_bytes

from .conftest import ROOT, Process, Site

SOLVAY = ROOT.parent / "shared" / "data" / "photos" / "solvay1927.jpg"
RAW = {"Content-Type": "image/png"}
pytestmark = [pytest.mark.whole_system, pytest.mark.django_db(transaction=True)]


def wait_for_job(client: httpx.Client, job_id: str, seconds: float = 120) -> dict[str, object]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = client.get(f"/api/v1/jobs/{job_id}").raise_for_status().json()
        if job["status"] not in {"queued", "running"}:
            return dict(job)
        time.sleep(0.1)
    pytest.fail(f"Job {job_id} did not end: {job}")


@pytest.fixture()
def api(live_site: Site, people: People) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {people.key()}"}
    with httpx.Client(base_url=live_site.url, headers=headers, timeout=60) as client:
        yield client


def test_a_photo_goes_in_over_rest_and_faces_and_emotions_come_out(
    api: httpx.Client, live_site: Site, astronaut: bytes, grace_hopper: bytes
) -> None:
    request_id = "test-request-0123456789"
    answer = api.post(
        "/api/v1/media", files={"file": ("astronaut.png", astronaut)}, headers={"X-Request-ID": request_id}
    )
    assert answer.status_code == 202
    assert answer.headers["X-Request-ID"] == request_id
    job = wait_for_job(api, answer.json()["job_id"])
    assert (job["status"], job["done"], job["total"], job["error"]) == ("succeeded", 1, 1, None)
    photo = api.get(f"/api/v1/media/{answer.json()['media_id']}").json()
    assert (photo["width"], photo["height"]) == (512, 512)
    (face,) = photo["faces"]
    assert face["number"] == 1
    assert face["strongest"] == "happiness" == max(face["emotions"], key=face["emotions"].get)
    assert sum(face["emotions"].values()) == pytest.approx(1.0, abs=1e-4)
    # Eileen Collins' face is in the upper middle of the picture.
    middle = face["box"]["left"] + face["box"]["width"] / 2, face["box"]["top"] + face["box"]["height"] / 2
    assert middle == pytest.approx((222, 115), abs=30)
    # The id of the request is in the lines of the task it started.
    assert request_id in live_site.web.log.read_text()
    assert request_id in live_site.worker.log.read_text()

    # Streamed without a Content-Length, as the official Azure client does.
    form = httpx.Request("POST", "http://unused", files={"file": ("g.jpg", grace_hopper)})
    content = form.read()
    pieces = (content[start : start + 10_000] for start in range(0, len(content), 10_000))
    answer = api.post("/api/v1/media", content=pieces, headers={"Content-Type": form.headers["Content-Type"]})
    assert "content-length" not in answer.request.headers
    assert answer.status_code == 202, answer.text
    wait_for_job(api, answer.json()["job_id"])
    assert len(api.get(f"/api/v1/media/{answer.json()['media_id']}").json()["faces"]) == 1


def test_a_detection_is_answered_by_a_worker_and_forgotten(
    api: httpx.Client, live_site: Site, people: People, astronaut: bytes
) -> None:
    every = "emotions,age,gender,attributes,landmarks,head_pose,quality"
    answer = api.post(f"/api/v1/detect?return={every}&deadline=60", files={"file": ("a.png", astronaut)})
    assert answer.status_code == 200, answer.text
    (face,) = answer.json()["faces"]
    assert (face["strongest"], face["gender"]) == ("happiness", "female")
    assert 15 < face["age"] < 60
    assert face["attributes"]["smile"] > 0.8
    assert (len(face["landmarks27"]), len(face["landmarks68"])) == (27, 68)
    assert abs(face["head_pose"]["yaw"]) < 30
    assert face["quality"]["for_recognition"] in {"medium", "high"}
    assert set(answer.json()["models"]) == {"detection", "emotion", "attributes", "landmarks"}
    # Many at once are all answered: whoever waits holds a thread, and no connection to the database.
    with ThreadPoolExecutor(40) as pool:
        answers = list(
            pool.map(
                lambda _: api.post("/api/v1/detect?deadline=60", content=astronaut, headers=RAW), range(40)
            )
        )
    assert [one.status_code for one in answers] == [200] * 40
    with team_scope(people.team):
        assert not Media.objects.exists()
        assert not Face.objects.exists()
        assert TeamUsage.objects.get(team=people.team).pictures == 41
    for log in (live_site.web.log, live_site.worker.log):
        assert "happiness" not in log.read_text()


def test_a_worker_of_the_background_loads_no_engine_and_one_of_batches_steps_back(
    start: Callable[..., Process], people: People
) -> None:
    def worker(name: str, **environment: str) -> Process:
        process = start(
            *("-m", "celery", "-A", "emotionsite", "worker", "--hostname", f"{name}@%h"),
            *("--pool", "threads", "--concurrency", "2", "-Q", name, "--without-gossip", "--without-mingle"),
            **environment,
        )
        process.wait_for("ready.")
        return process

    background, batch = worker("background"), worker("batch", WORKER_NICE="10")
    maps = Path(f"/proc/{background.popen.pid}/maps")
    if maps.exists():
        assert "openvino" not in maps.read_text()
    assert "engine_ready" not in background.log.read_text()
    assert "engine_ready" in batch.log.read_text()
    usual, stepped_back = (psutil.Process(process.popen.pid).nice() for process in (background, batch))
    assert stepped_back == min(19, usual + 10)
    session = Path(f"/proc/{batch.popen.pid}/autogroup")
    if session.exists() and session.read_text().strip():
        assert session.read_text().split()[-1] == "10"


@pytest.mark.skipif(not SOLVAY.exists(), reason="needs ../shared/data/photos/solvay1927.jpg")
def test_a_large_group_gets_a_box_for_nearly_everybody(api: httpx.Client) -> None:
    answer = api.post("/api/v1/media", files={"file": ("solvay.jpg", SOLVAY.read_bytes())})
    wait_for_job(api, answer.json()["job_id"])
    faces = api.get(f"/api/v1/media/{answer.json()['media_id']}").json()["faces"]
    assert 26 <= len(faces) <= 31
    areas = [face["box"]["width"] * face["box"]["height"] for face in faces]
    assert [face["number"] for face in faces] == list(range(1, len(faces) + 1))
    assert areas == sorted(areas, reverse=True)


def test_a_body_over_the_limit_is_cut_off_while_it_arrives(live_site: Site, people: People) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(4000):
            sent += 65536
            yield bytes(65536)

    headers = {"Authorization": f"Bearer {people.key()}", "Content-Type": "multipart/form-data; boundary=x"}
    try:
        answer = httpx.post(f"{live_site.url}/api/v1/media", content=endless(), headers=headers, timeout=60)
    except httpx.WriteError:
        pass  # the server hung up in the middle, which is what this is about
    else:
        assert answer.status_code == 413
        assert answer.json()["code"] == "file_too_large"
    assert sent < 64 * 1024**2


def fifty_photos(astronaut: bytes) -> list[bytes]:
    """Fifty different pictures of the same face: each a little brighter than the last."""
    image = Image.open(io.BytesIO(astronaut)).convert("RGB")
    contents = []
    for step in range(50):
        buffer = io.BytesIO()
        ImageEnhance.Brightness(image).enhance(0.8 + step * 0.008).save(buffer, "JPEG", quality=90)
        contents.append(buffer.getvalue())
    return contents


def test_a_worker_killed_in_the_middle_of_fifty_photos_loses_none_and_doubles_none(
    people: People, start_worker: Callable[..., Process], astronaut: bytes
) -> None:
    short = {"CELERY_VISIBILITY_TIMEOUT": "12"}
    with team_scope(people.team):
        media = [
            media_from_bytes(team=people.team, content=content, filename=f"{n}.jpg")
            for n, content in enumerate(fifty_photos(astronaut))
        ]
        worker = start_worker(**short)
        job = job_create(team=people.team, media=media)
        wait_until(lambda: done_of(job) >= 8 and in_work(job), seconds=120)
        worker.kill()
        at_death = done_of(job)
        assert 8 <= at_death < 50, "the worker has to die in the middle"
        # Without a worker nothing moves: what was in work is not counted as done.
        time.sleep(1)
        assert done_of(job) == at_death
        start_worker(**short)
        wait_until(lambda: done_of(job) == 50, seconds=180)
        job.refresh_from_db()
        assert job.status == Job.Status.SUCCEEDED
        assert JobItem.objects.filter(status=JobItem.Status.SUCCEEDED).count() == 50
        assert Analysis.objects.count() == Media.objects.count() == 50
        per_photo = Face.objects.values("media").annotate(faces=Count("id")).values_list("faces", flat=True)
        assert list(per_photo) == [1] * 50
        begun_again = JobItem.objects.filter(attempts__gt=1).count()
        assert begun_again >= 1, "the chunk that was in work came back"


def in_work(job: Job) -> bool:
    """Whether a worker has begun with photos that are not done."""
    return JobItem.objects.filter(job=job, status=JobItem.Status.PENDING, attempts=1).exists()


def done_of(job: Job) -> int:
    job.refresh_from_db()
    return job.done


def wait_until(condition: Callable[[], bool], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("It did not happen in time.")


def test_doctor_is_content_with_a_running_system(start_worker: Callable[..., Process]) -> None:
    from .conftest import process_environment

    start_worker()
    answer = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT,
        env=process_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    for part in ("PostgreSQL 18", "pgvector 0.8", "all applied", "valkey 9", "1 answering", "emotion"):
        assert part in answer.stdout, answer.stdout


def test_the_web_process_never_imports_the_face_engine() -> None:
    from .conftest import process_environment

    program = (
        "import sys, django; django.setup();"
        "import emotionsite.asgi;"
        "from django.urls import get_resolver; get_resolver().url_patterns;"
        "heavy = {'openvino', 'cv2', 'torch', 'torchvision', 'facenet_pytorch', 'ml_models.engine'};"
        "loaded = heavy & set(sys.modules);"
        "sys.exit(f'the web process imported {loaded}' if loaded else 0)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=process_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
