"""The worker's one face engine, shared by all its threads.

Nothing here imports torch until a worker asks for the engine: the web process imports this module too.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from django.conf import settings
from PIL import Image

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PictureError:
    """The engine failed on one picture; `reason` is the type of the exception, never its data."""

    reason: str


class Engine(Protocol):
    """What `media_jobs.work` needs of an engine."""

    model_versions: dict[str, str]

    def as_array(self, image: Image.Image) -> Any:
        """An upright RGB picture in the form that `analyze` takes."""
        ...

    def analyze(self, pictures: Sequence[Any]) -> list[Any]:
        """Faces of each picture, largest first, or a PictureError in its place."""
        ...


class SharedEngine:
    """`ml_models.BatchedEngine` as the tasks of this process see it."""

    def __init__(self) -> None:
        import numpy

        from ml_models import BatchedEngine, FaceEngine

        self._numpy = numpy
        engine = FaceEngine.load(threads=settings.ENGINE_THREADS)
        self._batched = BatchedEngine(engine, passes=settings.ENGINE_PASSES)
        self.model_versions: dict[str, str] = dict(engine.model_versions)

    def as_array(self, image: Image.Image) -> Any:
        # A copy that may be written to: torch takes no other without copying it once more.
        return self._numpy.array(image)

    def analyze(self, pictures: Sequence[Any]) -> list[Any]:
        waiting: list[Future[Any]] = [self._batched.submit(picture) for picture in pictures]
        return [self._answer(future) for future in waiting]

    def _answer(self, future: "Future[Any]") -> Any:
        try:
            return future.result()
        except Exception as error:
            # One picture's failure is its own result; the log keeps the traceback for the operator.
            logger.exception("engine_failed_on_picture", reason=type(error).__name__)
            return PictureError(reason=type(error).__name__)


_lock = threading.Lock()
_engine: SharedEngine | None = None


def worker_engine() -> Engine:
    """The engine of this process, loaded at the first call. Raises ml_models.WeightError."""
    global _engine
    with _lock:
        if _engine is None:
            _engine = SharedEngine()
        return _engine
