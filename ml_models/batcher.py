"""Lets many threads share one engine: pictures that arrive together go through it together."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ml_models.types import PARTS

if TYPE_CHECKING:
    from ml_models.types import Engine, Face, Picture

_Job = tuple["Picture", "Future[list[Face]]"]


class EngineClosed(RuntimeError):
    """The engine was closed; the process is going down or should make a new one."""


class BatchedEngine:
    """A few threads of its own run the engine; callers hand in one picture each and wait for their answer.

    max_batch: most pictures in one pass. max_wait: seconds the first picture waits for company, at most.
    passes: passes that run at once, each in a thread. On a processor, several passes of one thread each give
    more pictures a second than one pass of several threads, because none waits for another within a layer.
    parts: what to find out of every face, as `FaceEngine.analyze` takes it.
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
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
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

    def submit(self, image: Picture) -> Future[list[Face]]:
        """`analyze_one` without the wait: a caller with several pictures hands all of them in first.

        Raises EngineClosed after `close`; what the engine raises comes out of the future.
        """
        answer: Future[list[Face]] = Future()
        with self._lock:
            # Under the lock, so that nothing is queued behind the mark that ends the thread.
            if self._closed:
                raise EngineClosed("The engine is closed: make a new one to analyse more pictures.")
            self._jobs.put((image, answer))
        return answer

    def close(self) -> None:
        """Finish what is waiting, then end the threads. May be called twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._jobs.put(None)
        for thread in self._threads:
            if threading.current_thread() is not thread:
                thread.join()

    def __enter__(self) -> BatchedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        last = False
        while not last:
            first = self._jobs.get()
            if first is None:
                return
            batch = [first]
            # One pass waits for company. Of several, each takes its share of what waits and begins: a picture
            # taken here is a picture that a free pass beside it does not get.
            most = self._max_batch
            if len(self._threads) > 1:
                most = min(most, 1 + self._jobs.qsize() // len(self._threads))
            until = time.monotonic() + self._max_wait
            while len(batch) < most:
                try:
                    more = self._jobs.get(timeout=max(0.0, until - time.monotonic()))
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                batch.append(more)
            self._answer(batch)

    def _answer(self, batch: list[_Job]) -> None:
        """Give every caller an answer or the error of its own picture."""
        try:
            results = self._engine.analyze([image for image, _ in batch], parts=self._parts)
            if len(results) != len(batch):
                raise RuntimeError(f"The engine answered {len(results)} of {len(batch)} pictures.")
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whose picture it may be
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            # One bad picture spoils the pass for all: alone, only its own caller hears of it.
            for job in batch:
                self._answer([job])
            return
        for (_, answer), faces in zip(batch, results, strict=True):
            answer.set_result(faces)
