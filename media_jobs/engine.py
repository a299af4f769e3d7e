"""The worker's one face engine, shared by all its threads.

Nothing here imports the networks until a worker asks for the engine: the web process imports this module too.
"""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from django.conf import settings
from PIL import Image

from ml_models.recognition import RecognitionModel

logger = structlog.get_logger(__name__)

#: For each picture the boxes of its faces, (left, top, width, height) in pixels, or None to find them.
Boxes = Sequence[Sequence[tuple[float, float, float, float]] | None]

# The model behind each part that can be asked for, by its name in `FaceEngine.model_versions`.
MODEL_OF_PART = {
    "emotions": "emotion",
    "age": "attributes",
    "gender": "attributes",
    "appearance": "attributes",
    "embedding": "recognition",
    "landmarks": "landmarks",
    # Has no weights of its own; how a head is turned comes from the face mesh.
    "quality": "landmarks",
}


@dataclass(frozen=True)
class PictureError:
    """The engine failed on one picture; `reason` is the type of the exception, never its data."""

    reason: str


class Engine(Protocol):
    """What `media_jobs.work` needs of an engine."""

    @property
    def model_versions(self) -> dict[str, str]:
        """The nets that were asked, by the part they answer."""
        ...

    def as_array(self, image: Image.Image) -> Any:
        """An upright RGB picture in the form that `analyze` takes."""
        ...

    def analyze(self, pictures: Sequence[Any]) -> list[Any]:
        """Faces of each picture, largest first, or a PictureError in its place."""
        ...


class BoxEngine(Engine, Protocol):
    """An engine that also looks at faces whose boxes are known, as re-embedding needs it."""

    def analyze(self, pictures: Sequence[Any], boxes: Boxes | None = None) -> list[Any]:
        """As above; boxes: for each picture those of its faces, or None to find them."""
        ...


class SharedEngine:
    """`ml_models.BatchedEngine` for all tasks of this process; `AskedEngine` is what one task sees of it."""

    def __init__(self) -> None:
        import numpy

        from ml_models import BatchedEngine, FaceEngine

        self._numpy = numpy
        threads, passes = settings.ENGINE_THREADS, settings.ENGINE_PASSES
        self._engine = FaceEngine.load(threads=threads, streams=threads * passes)
        self._batched = BatchedEngine(self._engine, passes=passes)
        self.model_versions: dict[str, str] = dict(self._engine.model_versions)

    def as_array(self, image: Image.Image) -> Any:
        return self._numpy.asarray(image)

    def recognition(self, name: str | None) -> RecognitionModel:
        """The recognition model of this name, loaded if it was not yet. Raises ml_models.WeightError."""
        return self._engine.recognition(name)

    def analyze(self, pictures: Sequence[Any], boxes: Boxes | None = None, **wishes: Any) -> list[Any]:
        """Faces of each picture or a PictureError; `wishes` as `BatchedEngine.submit` takes them.

        Raises ValueError when there are boxes for another number of pictures.
        """
        own = [None] * len(pictures) if boxes is None else boxes
        waiting: list[Future[Any]] = [
            self._batched.submit(picture, boxes=faces, **wishes)
            for picture, faces in zip(pictures, own, strict=True)
        ]
        return [self._answer(future) for future in waiting]

    def _answer(self, future: "Future[Any]") -> Any:
        try:
            return future.result()
        except Exception as error:
            # One picture's failure is its own result; the log keeps the traceback for the operator.
            logger.exception("engine_failed_on_picture", reason=type(error).__name__)
            return PictureError(reason=type(error).__name__)


@dataclass(frozen=True)
class AskedEngine:
    """The engine of this process, asked for some parts of a face only; it is a `BoxEngine`.

    `detection` is the name of a way to find faces, None for the usual one. `urgent` work goes before other
    work of the same worker. `recognition` is the model that makes the embeddings, None for the default.
    """

    shared: SharedEngine
    parts: frozenset[str]
    detection: str | None = None
    urgent: bool = False
    recognition: RecognitionModel | None = None

    @property
    def model_versions(self) -> dict[str, str]:
        """The nets that were asked, by the part they answer."""
        own = {} if self.recognition is None else {"recognition": self.recognition.version}
        return versions_of(self.shared.model_versions | own, self.parts)

    def as_array(self, image: Image.Image) -> Any:
        return self.shared.as_array(image)

    def analyze(self, pictures: Sequence[Any], boxes: Boxes | None = None) -> list[Any]:
        return self.shared.analyze(
            pictures,
            boxes,
            parts=self.parts,
            detection=self.detection,
            urgent=self.urgent,
            recognition=None if self.recognition is None else self.recognition.name,
        )


def versions_of(every: dict[str, str], parts: Iterable[str]) -> dict[str, str]:
    """Of all nets, those that find faces and answer these parts."""
    asked = {"detection", *(MODEL_OF_PART[part] for part in parts)}
    return {name: version for name, version in every.items() if name in asked}


_lock = threading.Lock()
_engine: SharedEngine | None = None


def worker_engine(
    *,
    parts: Iterable[str],
    detection: str | None = None,
    urgent: bool = False,
    recognition: str | None = None,
) -> AskedEngine:
    """The engine of this process, asked for these parts.

    recognition: name of the model that makes the embeddings (`ml_models.recognition`), None for the default;
    it is loaded here when embeddings are asked for. Raises ml_models.WeightError at the first call, and for a
    recognition model that cannot be used.
    """
    shared, wanted = engine_load(), frozenset(parts)
    model = shared.recognition(recognition) if "embedding" in wanted else None
    return AskedEngine(shared, wanted, detection, urgent, model)


def engine_load() -> SharedEngine:
    """The engine of this process, loaded at the first call. Raises ml_models.WeightError."""
    global _engine
    with _lock:
        if _engine is None:
            _engine = SharedEngine()
        return _engine
