"""Fixtures of the tests of galleries."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts.access import across_teams
from accounts.models import AuditEvent, TeamUsage, UsageDay
from analysis.models import Face
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject, TemporaryFace
from media_jobs.detect_work import detection_answer
from media_jobs.models import Job, Media
from media_jobs.tasks import detect_picture
from tests.fakes import EngineOfPeople


@pytest.fixture()
def asked() -> list[dict[str, Any]]:
    """The arguments of every detection that a worker was sent."""
    return []


@pytest.fixture()
def engine(monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]) -> EngineOfPeople:
    """The engine of a worker that answers every detection at once. It makes vectors only when it is asked."""
    looking = EngineOfPeople()

    def send(*, kwargs: dict[str, Any], queue: str, expires: float, **_: Any) -> None:
        asked.append({**kwargs, "queue": queue})
        wishes = {
            name: kwargs[name]
            for name in ("ticket", "asked", "max_faces", "crops", "near", "least_side")
            if name in kwargs
        }
        detection_answer(**wishes, engine=_Asked(looking, "embedding" in kwargs["parts"]))

    monkeypatch.setattr(detect_picture, "apply_async", send)
    return looking


class _Asked:
    """An engine that leaves out vectors nobody asked for, as the real one does."""

    def __init__(self, engine: EngineOfPeople, vectors: bool) -> None:
        self._engine, self._vectors = engine, vectors
        self.model_versions = engine.model_versions
        self.as_array = engine.as_array

    def analyze(self, pictures: Any) -> list[Any]:
        found = self._engine.analyze(pictures)
        for face in [] if self._vectors else [face for faces in found for face in faces]:
            face.embedding = None
        return found


@pytest.fixture()
def everything(stored_files: Callable[[], list[str]], queued: Callable[[], int]) -> Callable[[], Any]:
    """Call it for all that a refusal must leave as it was: rows, figures of use, files, tasks."""

    def look() -> Any:
        with across_teams():
            rows = [
                list(model._default_manager.order_by("pk").values())
                for model in (EnrolledFace, TemporaryFace, Subject, Gallery, GalleryJob, Face, Media, Job)
            ]
            used = [
                list(TeamUsage.objects.order_by("pk").values()),
                # A day on which nothing was used is as good as none.
                [
                    day
                    for day in UsageDay.objects.order_by("day").values("team", "day", "pictures", "faces")
                    if day["pictures"] or day["faces"]
                ],
                # A test that sends requests makes itself a key.
                AuditEvent.objects.exclude(action="api_key.created").count(),
            ]
        return rows, used, stored_files(), queued()

    return look
