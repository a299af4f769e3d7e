"""What tests of enrolling faces have in common."""

import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from accounts.models import Team
from galleries.probes import ProbeFace
from media_jobs.models import Media
from media_jobs.services import job_create, media_from_bytes
from media_jobs.tests.helpers import work_off
from ml_models.types import Quality
from tests.fakes import EngineOfPeople, embedding_of, people_picture

POOR = Quality(0.9, "High", 0.1, "UnderExposure", 0.9, "High", "low")
Look = Callable[[], Any]


def found(person: int = 1, view: int = 0, **options: Any) -> ProbeFace:
    return ProbeFace(
        box=(50.0, 50.0, 100.0, 100.0),
        confidence=0.99,
        embedding=embedding_of(person, view),
        quality="high",
        **options,
    )


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (30, 30)).save(buffer, "JPEG")
    return buffer.getvalue()


def analysed(team: Team, *people: int) -> Media:
    media = media_from_bytes(team=team, content=people_picture(*people), filename="a.png")
    work_off(job_create(team=team, media=[media]), EngineOfPeople())
    return media
