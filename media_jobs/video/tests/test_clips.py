"""Parts of a video as files of their own, made while they are sent."""

import io

import av
import numpy as np
import pytest

from media_jobs.refusals import Refusal
from media_jobs.video.clips import write_clip
from media_jobs.video.facts import read_facts
from media_jobs.video.frames import frames_between
from tests.videos import make_video

from .cases import NAMES, file_of
from .test_frames import bars


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_of_every_kind_of_video_is_played_by_browsers(name: str) -> None:
    file = file_of(name)
    facts = read_facts(file)
    clip = io.BytesIO(b"".join(write_clip(file, facts, start_ms=1000, end_ms=2200)))
    read = read_facts(clip)
    assert (read.container, read.shown_by_browsers, read.has_audio) == ("webm", True, facts.has_audio)
    assert read.duration_ms == pytest.approx(1200, abs=250)


def test_a_clip_shows_its_part_and_tells_its_length() -> None:
    file = io.BytesIO(make_video(fps=20, seconds=4, size=(192, 96), faces=()))
    clip = io.BytesIO(b"".join(write_clip(file, read_facts(file), start_ms=1500, end_ms=2500)))
    frames = frames_between(clip, read_facts(clip), start_ms=0, end_ms=1000, frames_per_second=None)
    assert [(frame.ms, bars(frame.picture)) for frame in frames] == [(n * 50, n + 30) for n in range(20)]
    with av.open(io.BytesIO(clip.getvalue()), "r") as container:
        assert container.duration == 1_000_000


@pytest.mark.parametrize("kind", ["mp4", "webm", "mkv", "avi", "flv", "wmv", "mpg", "ts"])
def test_the_sound_of_a_clip_is_in_time_with_its_pictures(kind: str) -> None:
    """A tone from end to end has no hole at either end of the clip."""
    file = io.BytesIO(make_video(kind=kind, fps=25, seconds=5, size=(352, 288), audio=True, gop=25))
    clip = io.BytesIO(b"".join(write_clip(file, read_facts(file), start_ms=2000, end_ms=3500)))
    with av.open(clip, "r") as container:
        heard = [(frame.time, np.abs(frame.to_ndarray()).max()) for frame in container.decode(audio=0)]
    loud = [time for time, most in heard if most > 0.05]
    assert loud[0] == pytest.approx(0, abs=0.06)
    assert loud[-1] == pytest.approx(1.5, abs=0.1)
    assert len(loud) >= len(heard) - 3


def test_a_clip_comes_in_pieces_while_it_is_made() -> None:
    rng = np.random.default_rng(1)
    file = io.BytesIO(
        make_video(
            seconds=6, size=(320, 240), scene=lambda seconds: rng.integers(0, 255, (240, 320, 3), np.uint8)
        )
    )
    pieces = list(write_clip(file, read_facts(file), start_ms=0, end_ms=6000))
    assert len(pieces) > 1
    assert max(map(len, pieces)) < 400_000


def code_of(start_ms: int, end_ms: int, content: bytes) -> str:
    file = io.BytesIO(content)
    with pytest.raises(Refusal) as caught:
        write_clip(file, read_facts(file), start_ms=start_ms, end_ms=end_ms)
    assert "{" not in caught.value.message
    return caught.value.code


def test_a_part_that_is_too_long_or_shows_nothing_is_refused_before_a_byte_is_sent() -> None:
    sparse = make_video(times_ms=(0, 100, 5000, 400_000), size=(64, 48), faces=())
    assert code_of(0, 300_001, sparse) == "clip_too_long"
    assert code_of(1000, 4000, sparse) == "clip_empty"
    assert code_of(3000, 3000, sparse) == "clip_empty"
    assert code_of(900_000, 910_000, sparse) == "clip_empty"
    assert code_of(-5, 100, sparse) == "clip_empty"
