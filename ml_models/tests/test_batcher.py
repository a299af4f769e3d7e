"""Threads share an engine through the batcher."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from ml_models import BatchedEngine, Face, FaceEngine, FakeEngine
from ml_models.batcher import EngineClosed
from ml_models.tests.conftest import scores
from ml_models.types import PARTS


class Recorder(FakeEngine):
    """Answers each picture with a face as wide as the picture's first pixel, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()

    def analyze(
        self,
        images: Sequence[NDArray[np.uint8]],
        boxes: Any = None,
        parts: Collection[str] = PARTS,
        *,
        detection: Any = None,
        recognition: str | None = None,
        hurry: bool = False,
    ) -> list[list[Face]]:
        self.threads.add(threading.get_ident())
        self.gate.wait(10)
        self.batches.append(len(images))
        for image in images:
            if image.ndim != 3:
                raise ValueError(f"bad picture {int(image.flat[0])}")
        return [super(Recorder, self).analyze([i], [[(0, 0, float(i[0, 0, 0]), 9)]])[0] for i in images]


def picture(value: int) -> NDArray[np.uint8]:
    return np.full((10, 255, 3), value, dtype=np.uint8)


def test_eight_threads_each_get_their_own_answer() -> None:
    recorder = Recorder()
    with BatchedEngine(recorder, max_batch=8, max_wait=0.01) as batched, ThreadPoolExecutor(8) as pool:
        faces = list(pool.map(lambda value: batched.analyze_one(picture(value)), range(1, 201)))
    assert [face.box[2] for [face] in faces] == list(range(1, 201))
    assert len(recorder.threads) == 1
    assert sum(recorder.batches) == 200


def test_pictures_that_wait_share_a_pass_of_at_most_max_batch() -> None:
    recorder = Recorder()
    recorder.gate.clear()
    with BatchedEngine(recorder, max_batch=4, max_wait=1) as batched, ThreadPoolExecutor(9) as pool:
        answers = [pool.submit(batched.analyze_one, picture(value)) for value in range(1, 10)]
        time.sleep(0.2)
        recorder.gate.set()
        assert sorted(answer.result()[0].box[2] for answer in answers) == list(range(1, 10))
    assert max(recorder.batches) == 4
    assert len(recorder.batches) == 3


def test_several_passes_run_at_once_when_asked_for() -> None:
    both = threading.Barrier(2)

    class Meeting(Recorder):
        def analyze(
            self,
            images: Sequence[NDArray[np.uint8]],
            boxes: Any = None,
            parts: Collection[str] = PARTS,
            *,
            detection: Any = None,
            recognition: str | None = None,
            hurry: bool = False,
        ) -> list[list[Face]]:
            both.wait(10)  # nobody comes here alone
            return super().analyze(images, boxes)

    recorder = Meeting()
    with BatchedEngine(recorder, max_batch=1, passes=2) as batched:
        answers = [batched.submit(picture(value)) for value in range(1, 9)]
        assert [answer.result(20)[0].box[2] for answer in answers] == list(range(1, 9))
    assert len(recorder.threads) == 2


def test_an_error_reaches_only_the_caller_who_brought_it() -> None:
    recorder = Recorder()
    recorder.gate.clear()
    with BatchedEngine(recorder, max_batch=8, max_wait=1) as batched, ThreadPoolExecutor(8) as pool:
        answers = [
            pool.submit(batched.analyze_one, picture(k)[:, :, 0] if k in (3, 5) else picture(k))
            for k in range(1, 9)
        ]
        time.sleep(0.2)
        recorder.gate.set()
        for number, answer in enumerate(answers, start=1):
            if number in (3, 5):
                with pytest.raises(ValueError, match=f"bad picture {number}"):
                    answer.result()
            else:
                assert answer.result()[0].box[2] == number


def test_the_batcher_lives_on_after_an_error() -> None:
    with BatchedEngine(FakeEngine()) as batched:
        with pytest.raises(ValueError, match="grey"):
            batched.analyze_one(np.zeros((30, 30), dtype=np.uint8))
        assert batched.analyze_one(np.zeros((30, 30, 3), dtype=np.uint8)) == []


def test_an_engine_that_loses_pictures_is_an_error_and_no_silence() -> None:
    class Forgetful(FakeEngine):
        def analyze(self, images: Any, *_: Any, **__: Any) -> list[list[Face]]:
            return []

    with BatchedEngine(Forgetful()) as batched, pytest.raises(RuntimeError, match="0 of 1"):
        batched.analyze_one(picture(1))


def test_close_answers_who_waits_and_refuses_who_comes_later() -> None:
    recorder = Recorder()
    recorder.gate.clear()
    batched = BatchedEngine(recorder, max_batch=2, max_wait=0.05)
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(batched.analyze_one, picture(value)) for value in range(1, 6)]
        time.sleep(0.2)
        closing = pool.submit(batched.close)
        time.sleep(0.05)
        recorder.gate.set()
        closing.result(timeout=10)
        assert sorted(answer.result()[0].box[2] for answer in answers) == [1, 2, 3, 4, 5]
    with pytest.raises(EngineClosed, match="make a new one"):
        batched.analyze_one(picture(1))
    batched.close()
    assert not any(thread.name == "face-engine" for thread in threading.enumerate())


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="max_batch"):
        BatchedEngine(FakeEngine(), max_batch=0)


def test_versions_are_those_of_the_engine_inside() -> None:
    with BatchedEngine(FakeEngine()) as batched:
        assert batched.model_versions == FakeEngine().model_versions


def test_the_real_engine_gives_the_same_through_the_batcher(
    engine: FaceEngine, astronaut: NDArray[np.uint8], grace_hopper: NDArray[np.uint8]
) -> None:
    expected = [engine.analyze([p])[0][0] for p in (astronaut, grace_hopper)]
    with BatchedEngine(engine) as batched, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(batched.analyze_one, [astronaut, grace_hopper] * 4))
    for number, [face] in enumerate(answers):
        np.testing.assert_allclose(scores(face), scores(expected[number % 2]), atol=1e-4)
        np.testing.assert_allclose(face.box, expected[number % 2].box, atol=1e-2)


def test_only_the_parts_asked_for_are_found_out() -> None:
    with BatchedEngine(FakeEngine(), parts={"emotions"}) as batched:
        [face] = batched.analyze_one(np.arange(255 * 30, dtype=np.uint8).reshape(30, 85, 3))
    assert face.emotions is not None
    assert face.embedding is None


class Noting(Recorder):
    """Remembers the first pixel of every picture of every pass, with what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[tuple[list[int], frozenset[str], Any]] = []

    def analyze(
        self,
        images: Sequence[NDArray[np.uint8]],
        boxes: Any = None,
        parts: Collection[str] = PARTS,
        *,
        detection: Any = None,
        recognition: str | None = None,
        hurry: bool = False,
    ) -> list[list[Face]]:
        self.gate.wait(10)
        self.passes.append(([int(image[0, 0, 0]) for image in images], frozenset(parts), detection))
        return FakeEngine.analyze(self, images, parts=parts)


def started(recorder: Noting, batched: BatchedEngine) -> Future[list[Face]]:
    """Hand in a first picture that keeps the only pass busy until the gate opens."""
    recorder.gate.clear()
    first = batched.submit(picture(0))
    time.sleep(0.1)
    return first


def test_pictures_of_equal_wishes_share_a_pass_and_no_others_do() -> None:
    recorder = Noting()
    with BatchedEngine(recorder, max_wait=0, parts={"emotions"}) as batched:
        started(recorder, batched)
        ages = [batched.submit(picture(n), parts={"age"}) for n in (1, 2)]
        turned = batched.submit(picture(3), parts={"age"}, detection="detection_02")
        ages.append(batched.submit(picture(4), parts=["age"]))
        recorder.gate.set()
        for answer in (*ages, turned):
            answer.result(10)
    assert recorder.passes == [
        ([0], {"emotions"}, None),
        ([1, 2, 4], {"age"}, None),
        ([3], {"age"}, "detection_02"),
    ]


def test_urgent_pictures_go_before_those_that_came_earlier() -> None:
    recorder = Noting()
    with BatchedEngine(recorder, max_batch=2, max_wait=0.05) as batched:
        started(recorder, batched)
        answers = [batched.submit(picture(n)) for n in (1, 2, 3)]
        answers.append(batched.submit(picture(9), urgent=True))
        recorder.gate.set()
        for answer in answers:
            answer.result(10)
    order = [pixels for pixels, _, _ in recorder.passes]
    assert order[1] == [9], "nothing that is not urgent slows its pass down"
    assert order[2:] == [[1, 2], [3]]


def test_pictures_of_different_recognition_models_do_not_share_a_pass_and_boxes_go_along() -> None:
    class Wishes(Recorder):
        seen: ClassVar[list[tuple[Any, str | None]]] = []

        def analyze(self, images: Any, boxes: Any = None, *_: Any, **wishes: Any) -> list[list[Face]]:
            self.gate.wait(10)
            self.seen.append((boxes, wishes["recognition"]))
            return [[] for _ in images]

    recorder = Wishes()
    recorder.gate.clear()
    box = (1.0, 2.0, 3.0, 4.0)
    with BatchedEngine(recorder, max_batch=8, max_wait=0.1) as batched:
        first = batched.submit(picture(0))
        time.sleep(0.15)
        waiting = [
            batched.submit(picture(1), recognition="a", boxes=[box]),
            batched.submit(picture(2), recognition="b"),
            batched.submit(picture(3), recognition="a"),
        ]
        recorder.gate.set()
        assert [one.result(10) for one in [first, *waiting]] == [[]] * 4
    assert recorder.seen == [([None], None), ([[box], None], "a"), ([None], "b")]
