"""A call in a hurry: two processors work for one picture, and answer what one answers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ml_models import BatchedEngine, Face, FaceEngine
from ml_models.fake import FakeEngine
from ml_models.mesh import MeshModel
from ml_models.tests.test_engine import assert_same

Photo = NDArray[np.uint8]


@pytest.fixture(scope="module")
def two_streams() -> FaceEngine:
    return FaceEngine.load(threads=1, streams=2)


@pytest.fixture()
def meshed_in(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that made face meshes."""
    names: list[str] = []
    usual = MeshModel.meshes

    def meshes(model: MeshModel, *args: Any) -> Any:
        names.append(threading.current_thread().name)
        return usual(model, *args)

    monkeypatch.setattr(MeshModel, "meshes", meshes)
    return names


def test_a_hurry_changes_no_answer(two_streams: FaceEngine, astronaut: Photo, grace_hopper: Photo) -> None:
    pictures = [astronaut, grace_hopper, np.zeros((64, 64, 3), dtype=np.uint8)]
    for usual, hurried in zip(
        two_streams.analyze(pictures), two_streams.analyze(pictures, hurry=True), strict=True
    ):
        for one, other in zip(usual, hurried, strict=True):
            assert_same(one, other)


def test_the_helper_works_only_in_a_hurry_and_where_a_stream_is_free(
    two_streams: FaceEngine, engine: FaceEngine, astronaut: Photo, meshed_in: list[str]
) -> None:
    two_streams.analyze([astronaut], parts={"landmarks"})
    assert meshed_in == [threading.current_thread().name]
    for _ in range(5):
        two_streams.analyze([astronaut], parts={"landmarks"}, hurry=True)
    assert set(meshed_in[1:]) == {"face-engine-beside_0"}, "each call gives its stream back"
    meshed_in.clear()
    # All streams of this engine are its threads' own.
    engine.analyze([astronaut], parts={"landmarks"}, hurry=True)
    assert meshed_in
    assert "face-engine-beside_0" not in meshed_in


def test_without_a_free_stream_a_call_does_all_itself(
    two_streams: FaceEngine, astronaut: Photo, meshed_in: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with two_streams._stream(), two_streams._stream():
        two_streams.analyze([astronaut], parts={"landmarks"}, hurry=True)
    assert meshed_in == [threading.current_thread().name]


def test_what_fails_beside_fails_the_call_and_gives_the_stream_back(
    two_streams: FaceEngine, astronaut: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise OSError("the mesh is away")

    with monkeypatch.context() as patched:
        patched.setattr(MeshModel, "meshes", broken)
        for _ in range(3):
            with pytest.raises(OSError, match="the mesh is away"):
                two_streams.analyze([astronaut], hurry=True)
    assert len(two_streams.analyze([astronaut], hurry=True)[0]) == 1


def test_many_in_a_hurry_at_once_all_get_their_answer(
    two_streams: FaceEngine, astronaut: Photo, grace_hopper: Photo
) -> None:
    one, other = two_streams.analyze([astronaut, grace_hopper])

    def look(number: int) -> list[Face]:
        return two_streams.analyze([grace_hopper if number % 2 else astronaut], hurry=True)[0]

    with ThreadPoolExecutor(4) as pool:
        for number, found in enumerate(pool.map(look, range(12))):
            assert_same(found[0], (other if number % 2 else one)[0])


def test_urgent_pictures_are_looked_at_in_a_hurry(astronaut: Photo) -> None:
    class Recorder(FakeEngine):
        hurried: list[bool] = []

        def analyze(self, *args: Any, hurry: bool = False, **wishes: Any) -> list[list[Face]]:
            self.hurried.append(hurry)
            return super().analyze(*args, **wishes)

    recorder = Recorder()
    with BatchedEngine(recorder) as batched:
        batched.submit(astronaut).result()
        batched.submit(astronaut, urgent=True).result()
    assert recorder.hurried == [False, True]
