"""The face engine: pictures in, faces with everything that is known of them out."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ml_models.describe import Answer, Beside, Description, FaceDescriber, Later
from ml_models.detection import DETECTION_MODELS, DetectionOptions, Detections, FaceDetector
from ml_models.levels import Levels
from ml_models.pictures import check_box, check_pictures
from ml_models.recognition_nets import LoadedNets
from ml_models.types import PARTS, Face, check_parts

if TYPE_CHECKING:
    from ml_models.recognition import RecognitionModel
    from ml_models.recognition_nets import RecognitionNet
    from ml_models.types import Box, Picture

_T = TypeVar("_T")

#: Parts of a processor's work in a call, one after another: large shares cost the least, and a small one at
#: the end lets no processor wait long for another.
PORTIONS = (0.8, 0.2)


class FaceEngine:
    """Finds faces and says what they show. Load one per process; any number of threads may share it.

    Threads that each bring one picture are served better by `BatchedEngine` around it.
    """

    def __init__(
        self, detector: FaceDetector, describer: FaceDescriber, threads: int, streams: int | None = None
    ) -> None:
        self._detector, self._describer, self._threads = detector, describer, threads
        self._recognition = LoadedNets(streams or threads)
        self._pool = ThreadPoolExecutor(threads, "face-engine") if threads > 1 else None
        # Streams that no call uses, and a thread that may use one of them for a call in a hurry.
        self._free = threading.Semaphore(streams or threads)
        self._helper = ThreadPoolExecutor(1, "face-engine-beside") if (streams or 1) > threads else None
        self._versions = describer.versions

    @classmethod
    def load(
        cls,
        threads: int | None = None,
        detection: DetectionOptions | None = None,
        *,
        streams: int | None = None,
    ) -> FaceEngine:
        """Load and verify all weights, about a second.

        threads: processors that one call of `analyze` uses, None for all of the machine. detection: how to
        search for faces. streams: processors that all calls together may use; by default as many as threads.
        Raises WeightError when a weight file is missing or its SHA-256 differs, ValueError when a number is
        below 1.
        """
        threads = os.cpu_count() or 1 if threads is None else threads
        streams = threads if streams is None else streams
        if threads < 1 or streams < threads:
            raise ValueError(
                f"The engine cannot run on {threads} threads and {streams} streams: give at least 1 thread "
                "and as many streams, or nothing for all processors."
            )
        return cls(
            FaceDetector.load(detection, streams=streams),
            FaceDescriber.load(streams=streams),
            threads,
            streams,
        )

    @property
    def model_versions(self) -> Mapping[str, str]:
        """Part -> name and first 12 digits of the SHA-256 of its weights."""
        return MappingProxyType(self._versions)

    def recognition(self, name: str | None = None) -> RecognitionModel:
        """The recognition model of this name (`ml_models.recognition`), loaded if it was not yet.

        A further model whose files were replaced is loaded anew. Raises WeightError when it cannot be used.
        """
        return self._recognition.model(name)

    def analyze(
        self,
        images: Sequence[Picture],
        boxes: Sequence[Sequence[Box] | None] | None = None,
        parts: Collection[str] = PARTS,
        *,
        detection: str | DetectionOptions | None = None,
        recognition: str | None = None,
        hurry: bool = False,
    ) -> list[list[Face]]:
        """The faces of every picture.

        images: RGB uint8 arrays (H, W, 3), of any sizes. boxes: for every picture its faces as (left, top,
        width, height) in pixels, or None to detect them; boxes that leave the picture are cut to it. parts:
        what to find out beside box, confidence and points, of `ml_models.types.PARTS`; networks that no part
        needs are not run. detection: "detection_01", "detection_02" (small and turned faces too) or
        "detection_03" (rotated faces too), or options; by default those the engine was loaded with.
        recognition: name of the model that makes the embeddings (`ml_models.recognition`), None for the
        default; another one is loaded when it is asked for first, which takes up to a second. hurry: somebody
        waits, so a stream that is free beside this call's threads is used too.
        Returns one list per picture, largest face first; for given boxes, one face per box in the order
        given. Raises ValueError for anything that is not such a picture, box or part, and WeightError for a
        recognition model that cannot be used, before any network has run.
        """
        pictures = check_pictures(images)
        given = self._check_boxes(pictures, boxes)
        wanted = check_parts(parts)
        options = self._check_detection(detection)
        net = self._recognition.other(recognition) if "embedding" in wanted else None
        levels = [Levels(picture) for picture in pictures]
        with self._stream():
            found = self._find(levels, given, options)
            described = self._describe(levels, found, wanted, net, self._beside if hurry else Later)
        return [
            [
                Face(_box(box), float(confidence), points, **next(described))
                for box, confidence, points in zip(one.boxes, one.confidence, one.landmarks, strict=True)
            ]
            for one in found
        ]

    @contextmanager
    def _stream(self) -> Iterator[None]:
        """Note that a call is at work; one more than there are streams is not kept waiting here."""
        noted = self._free.acquire(blocking=False)
        try:
            yield
        finally:
            if noted:
                self._free.release()

    def _beside(self, work: Callable[[], Any]) -> Answer[Any]:
        """Let the helper do something while this thread goes on, if a stream is free for it."""
        if self._helper is None or not self._free.acquire(blocking=False):
            return Later(work)
        future = self._helper.submit(work)
        future.add_done_callback(lambda _: self._free.release())
        return future

    def classify_emotions(self, crops: Sequence[Picture]) -> NDArray[np.float32]:
        """Emotions of tight face crops, RGB uint8 (H, W, 3) of any sizes -> float32 (N, 8), rows sum to 1.

        A crop that is not square keeps its proportions. Raises ValueError for anything else than such crops.
        """
        checked = check_pictures(crops, "Crop")
        parts = self._shared(checked, lambda some: self._describer.emotions_of_crops(some, self._detector))
        return np.concatenate([np.zeros((0, 8), dtype=np.float32), *parts])

    def _find(
        self, levels: list[Levels], given: list[list[Box] | None], options: DetectionOptions | None
    ) -> list[Detections]:
        """The faces of every picture: those given, and for the others those detected, largest first."""

        def find(some: Sequence[tuple[Levels, list[Box] | None]]) -> list[Detections]:
            detected = iter(self._detector.detect([one for one, own in some if own is None], options))
            return [
                _largest_first(next(detected)) if own is None else self._detector.look_at(one, own)
                for one, own in some
            ]

        both = list(zip(levels, given, strict=True))
        return [one for part in self._shared(both, find) for one in part]

    def _describe(
        self,
        levels: list[Levels],
        found: list[Detections],
        parts: frozenset[str],
        net: RecognitionNet | None,
        beside: Beside,
    ) -> Iterator[Description]:
        """The fields of every face, picture by picture. Many faces of one picture are shared out as well."""

        def describe(faces: Sequence[tuple[int, int]]) -> list[Description]:
            rows: dict[int, list[int]] = {}
            for picture, row in faces:
                rows.setdefault(picture, []).append(row)
            return self._describer.describe(
                [levels[picture] for picture in rows],
                [found[picture].boxes[own] for picture, own in rows.items()],
                [found[picture].landmarks[own] for picture, own in rows.items()],
                parts,
                net,
                beside,
            )

        faces = [(picture, row) for picture, one in enumerate(found) for row in range(len(one.boxes))]
        return iter([one for part in self._shared(faces, describe) for one in part])

    def _shared(self, items: Sequence[_T], work: Callable[[Sequence[_T]], Any]) -> list[Any]:
        """What `work` answers for consecutive shares of the items, in their order."""
        if self._pool is None or len(items) < 2:
            return [work(items)] if items else []
        waiting = [
            self._pool.submit(work, items[start:end]) for start, end in shares(len(items), self._threads)
        ]
        return [future.result() for future in waiting]

    @staticmethod
    def _check_detection(detection: str | DetectionOptions | None) -> DetectionOptions | None:
        if not isinstance(detection, str):
            return detection
        if detection not in DETECTION_MODELS:
            raise ValueError(
                f"No detection is called {detection!r}: choose of {', '.join(sorted(DETECTION_MODELS))}."
            )
        return DETECTION_MODELS[detection]

    @staticmethod
    def _check_boxes(pictures: list[Picture], boxes: Any) -> list[list[Box] | None]:
        if boxes is None:
            return [None] * len(pictures)
        if len(boxes) != len(pictures):
            raise ValueError(
                f"There are {len(pictures)} pictures and boxes for {len(boxes)}: give one list for each."
            )
        return [
            None
            if own is None
            else [check_box(box, picture, f"Box {k} of picture {number}") for k, box in enumerate(own)]
            for number, (picture, own) in enumerate(zip(pictures, boxes, strict=True))
        ]


def shares(count: int, processors: int) -> list[tuple[int, int]]:
    """Where the shares of so many items begin and end: as many of each size as there are processors."""
    sizes = [portion / processors for portion in PORTIONS for _ in range(processors)]
    edges = [round(count * edge) for edge in accumulate(sizes, initial=0.0)]
    return [(start, end) for start, end in pairwise(edges) if end > start]


def _largest_first(found: Detections) -> Detections:
    order = np.argsort(-found.boxes[:, 2] * found.boxes[:, 3], kind="stable")
    return Detections(found.boxes[order], found.confidence[order], found.landmarks[order])


def _box(row: NDArray[np.float32]) -> Box:
    left, top, width, height = (float(value) for value in row)
    return left, top, width, height
