"""The worker's one face engine, shared by all its threads.

Nothing here imports the networks until a worker asks for the engine: the web process imports this module too.
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

# What is stored of a face beside its box and points; networks for anything else are not run.
STORED_PARTS = frozenset({"emotions"})
MODELS_BEHIND_IT = ("detection", "emotion")


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
        threads, passes = settings.ENGINE_THREADS, settings.ENGINE_PASSES
        engine = FaceEngine.load(threads=threads, streams=threads * passes)
        self._batched = BatchedEngine(engine, passes=passes, parts=STORED_PARTS)
        self.model_versions: dict[str, str] = {part: engine.model_versions[part] for part in MODELS_BEHIND_IT}

    def as_array(self, image: Image.Image) -> Any:
        return self._numpy.asarray(image)

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
