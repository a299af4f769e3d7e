"""What tests of Detect share: workers in this process, and pictures."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import settings
from PIL import Image

from accounts.access import team_scope
from accounts.models import Team, TeamUsage
from galleries.models import TemporaryFace
from media_jobs.detect_work import detection_answer
from media_jobs.tasks import detect_picture
from media_jobs.tests.pictures import encoded, noise

#: Small enough to be quick, large enough to be a picture in every format.
PICTURE = encoded(noise(160, 120), "PNG")


def answer_with(
    monkeypatch: pytest.MonkeyPatch, engine: Any, told: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Every detection is answered at once by this engine; returns what workers were told, as it comes."""
    told = [] if told is None else told

    def send(*, kwargs: dict[str, Any], queue: str, expires: float, **_: Any) -> None:
        told.append({**kwargs, "queue": queue, "expires": expires})
        wishes = {name: value for name, value in kwargs.items() if name not in UNKNOWN_TO_FAKES}
        detection_answer(**wishes, engine=engine)

    monkeypatch.setattr(detect_picture, "apply_async", send)
    return told


UNKNOWN_TO_FAKES = {"parts", "detection", "recognition"}


def use_real_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every detection is answered at once by the real engine."""

    def send(*, kwargs: dict[str, Any], queue: str, expires: float, **_: Any) -> None:
        detect_picture(**kwargs)

    monkeypatch.setattr(detect_picture, "apply_async", send)


def as_file(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def pictures_used(team: Team) -> int:
    with team_scope(team):
        return TeamUsage.objects.get(team=team).pictures


def kept_faces(team: Team) -> list[TemporaryFace]:
    with team_scope(team):
        return list(TemporaryFace.objects.all())


def left_at_broker() -> list[Any]:
    """Names of pictures and answers that lie at the broker."""
    client = redis.Redis.from_url(f"{settings.REDIS_URL}/0")
    try:
        return list(client.keys("detect:*"))
    finally:
        client.close()


def of_size(size: int, content: bytes) -> bytes:
    """A picture with bytes after its end, which no decoder reads."""
    assert len(content) <= size
    return content.ljust(size, b"\0")


Refused = Callable[..., str]
