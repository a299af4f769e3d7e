"""Steps that tests of this app share."""

import io
import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

from accounts.models import Team
from media_jobs.models import Job, JobItem, Media
from media_jobs.services import Upload, media_from_bytes, photo_upload
from media_jobs.work import chunk_analyze

from .pictures import encoded, noise


def upload(team: Team, content: bytes, name: str = "a.png") -> Upload:
    return photo_upload(team=team, file=io.BytesIO(content), size=len(content), filename=name, user=None)


def photo(seed: int, width: int = 40) -> bytes:
    return encoded(noise(width, 40, seed), "PNG")


def photos(team: Team, count: int) -> list[Media]:
    return [media_from_bytes(team=team, content=photo(n + 1), filename=f"{n}.png") for n in range(count)]


def work_off(job: Job, engine: Any) -> None:
    for chunk in sorted(set(JobItem.objects.filter(job=job).values_list("chunk", flat=True))):
        chunk_analyze(team=job.team, job_id=job.pk, chunk=chunk, engine=engine)
    job.refresh_from_db()


def at_once(count: int, step: Callable[[], None]) -> None:
    """Run `step` in `count` threads that begin together; raises the first exception of any of them."""
    start = threading.Barrier(count)
    faults: list[Exception] = []

    def one() -> None:
        try:
            start.wait(timeout=30)
            step()
        except Exception as fault:  # noqa: BLE001 - raised below, in the thread of the test
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    if faults:
        raise faults[0]
