"""Fixtures of the tests of the dialects' commands and documents."""

from types import SimpleNamespace

import pytest

from galleries import folder_import
from galleries.jobs import job_run
from galleries.models import GalleryJob
from galleries.tests.conftest import asked, engine
from tests.fakes import EngineOfPeople

__all__ = ["asked", "engine"]


@pytest.fixture()
def workers(monkeypatch: pytest.MonkeyPatch) -> EngineOfPeople:
    """Workers that begin with a job of a gallery as soon as somebody waits for it, and their engine."""
    looking = EngineOfPeople()
    monkeypatch.setattr(folder_import, "worker_engine", lambda **_: looking)
    work_while_waiting(monkeypatch)
    return looking


@pytest.fixture()
def real_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with the real engine, in this process."""
    work_while_waiting(monkeypatch)


def work_while_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(seconds: float) -> None:
        for job in GalleryJob.objects.filter(status="queued").order_by("created_at"):
            job_run(job_id=job.pk)

    # In this module alone: threads of the engine sleep too, and are not to work.
    monkeypatch.setattr("galleries.folder_send.time", SimpleNamespace(sleep=work))
