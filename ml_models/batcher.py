"""Lets many threads share one engine: pictures that arrive together go through it together."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ml_models.types import PARTS

if TYPE_CHECKING:
    from ml_models.types import Box, Engine, Face, Picture


class EngineClosed(RuntimeError):
    """The engine was closed; the process is going down or should make a new one."""


@dataclass(frozen=True)
class _Wish:
    """What is asked of the engine for a picture. Pictures of one pass have equal wishes."""

    parts: frozenset[str]
    detection: str | None
    urgent: bool
    recognition: str | None = None


@dataclass(frozen=True, eq=False)
class _Job:
    image: Picture
    wish: _Wish
    boxes: Sequence[Box] | None = None
    answer: Future[list[Face]] = field(default_factory=Future)


class BatchedEngine:
    """A few threads of its own run the engine; callers hand in one picture each and wait for their answer.

    max_batch: most pictures in one pass. max_wait: seconds the first picture waits for company, at most.
    passes: passes that run at once, each in a thread. On a processor, several passes of one thread each give
    more pictures a second than one pass of several threads, because none waits for another within a layer.
    parts: what to find out of every face, as `FaceEngine.analyze` takes it, unless a caller names others.
    An error of one picture reaches only the thread that brought it.
    """

    def __init__(
        self,
        engine: Engine,
        max_batch: int = 8,
        max_wait: float = 0.01,
        passes: int = 1,
        parts: Collection[str] = PARTS,
    ) -> None:
        if max_batch < 1 or max_wait < 0 or passes < 1:
            raise ValueError(
                "A batch needs max_batch and passes of 1 or more and max_wait of 0 seconds or more."
            )
        self._engine, self._max_batch, self._max_wait = engine, max_batch, max_wait
        self._parts = frozenset(parts)
        self._jobs = _Line()
        self._threads = [
            threading.Thread(target=self._work, name=f"face-engine-{number}", daemon=True)
            for number in range(passes)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def model_versions(self) -> Mapping[str, str]:
        """Those of the engine inside."""
        return self._engine.model_versions

    def analyze_one(self, image: Picture) -> list[Face]:
        """The faces of one picture, as `FaceEngine.analyze` gives them; blocks until they are there.

        Raises what the engine raises for this picture, or EngineClosed after `close`.
        """
        return self.submit(image).result()

    def submit(
        self,
        image: Picture,
        *,
        parts: Collection[str] | None = None,
        detection: str | None = None,
        urgent: bool = False,
        recognition: str | None = None,
        boxes: Sequence[Box] | None = None,
    ) -> Future[list[Face]]:
        """`analyze_one` without the wait: a caller with several pictures hands all of them in first.

        parts, detection and recognition: as `FaceEngine.analyze` takes them; pictures share a pass with those
        of equal wishes. urgent: somebody waits for this picture, so it goes before all that are not. boxes:
        the picture's faces, None to detect them. Raises EngineClosed after `close`; what the engine raises
        comes out of the future.
        """
        wanted = self._parts if parts is None else frozenset(parts)
        job = _Job(image, _Wish(wanted, detection, urgent, recognition), boxes)
        self._jobs.put(job)
        return job.answer

    def close(self) -> None:
        """Finish what is waiting, then end the threads. May be called twice."""
        self._jobs.close()
        for thread in self._threads:
            if threading.current_thread() is not thread:
                thread.join()

    def __enter__(self) -> BatchedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while (first := self._jobs.take()) is not None:
            batch = [first]
            # One pass waits for company. Of several, each takes its share of what waits and begins: a picture
            # taken here is a picture that a free pass beside it does not get.
            most = self._max_batch
            if len(self._threads) > 1:
                most = min(most, 1 + self._jobs.count(first.wish) // len(self._threads))
            until = time.monotonic() + self._max_wait
            while len(batch) < most and (more := self._jobs.take_like(first.wish, until)) is not None:
                batch.append(more)
            self._answer(batch)

    def _answer(self, batch: list[_Job]) -> None:
        """Give every caller an answer or the error of its own picture."""
        wish = batch[0].wish
        try:
            results = self._engine.analyze(
                [job.image for job in batch],
                [job.boxes for job in batch],
                parts=wish.parts,
                detection=wish.detection,
                recognition=wish.recognition,
                hurry=wish.urgent,
            )
            if len(results) != len(batch):
                raise RuntimeError(f"The engine answered {len(results)} of {len(batch)} pictures.")
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whose picture it may be
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            # One bad picture spoils the pass for all: alone, only its own caller hears of it.
            for job in batch:
                self._answer([job])
            return
        for job, faces in zip(batch, results, strict=True):
            job.answer.set_result(faces)


class _Line:
    """Pictures that wait for a pass: the urgent ones first, each kind in the order in which they came."""

    def __init__(self) -> None:
        self._urgent: deque[_Job] = deque()
        self._ordinary: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, job: _Job) -> None:
        """Raises EngineClosed after `close`."""
        with self._changed:
            if self._closed:
                raise EngineClosed("The engine is closed: make a new one to analyse more pictures.")
            (self._urgent if job.wish.urgent else self._ordinary).append(job)
            # All: one that waits for company of another kind would let the picture lie.
            self._changed.notify_all()

    def take(self) -> _Job | None:
        """The next picture, waited for; None when the line is closed and empty."""
        with self._changed:
            while not (self._urgent or self._ordinary):
                if self._closed:
                    return None
                self._changed.wait()
            return (self._urgent or self._ordinary).popleft()

    def take_like(self, wish: _Wish, until: float) -> _Job | None:
        """The next picture with this wish; None when there is none until then (`time.monotonic`).

        A picture that is not urgent gets no company while urgent ones wait: they come first.
        """
        line = self._urgent if wish.urgent else self._ordinary
        with self._changed:
            while True:
                if self._urgent and not wish.urgent:
                    return None
                for job in line:
                    if job.wish == wish:
                        line.remove(job)
                        return job
                left = until - time.monotonic()
                if self._closed or left <= 0:
                    return None
                self._changed.wait(left)

    def count(self, wish: _Wish) -> int:
        """How many pictures with this wish wait."""
        with self._changed:
            return sum(job.wish == wish for job in (self._urgent if wish.urgent else self._ordinary))

    def close(self) -> None:
        """Take nothing more; what waits is still given out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
