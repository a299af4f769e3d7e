"""Copies for browsers: upright, in time with the original, with its sound, and quick to jump in."""

import io

import av
import numpy as np
import pytest
from PIL import Image

from media_jobs.video.facts import VideoFacts, read_facts
from media_jobs.video.frames import frames_between
from media_jobs.video.preview import POSTER_SIDE, poster, write_preview
from tests.videos import make_video

from .cases import NAMES, content_of
from .test_frames import bars


def preview_of(
    content: bytes, max_side: int = 1280
) -> tuple[VideoFacts, VideoFacts, io.BytesIO, list[float]]:
    file, out, told = io.BytesIO(content), io.BytesIO(), list[float]()
    facts = read_facts(file)
    write_preview(file, facts, out, progress=told.append, max_side=max_side)
    return facts, read_facts(out), out, told


def loudness(content: bytes) -> float:
    """Of all the sound in a file, as the root of the mean square, and 0 without any."""
    with av.open(io.BytesIO(content), "r") as container:
        samples = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return float(np.sqrt(np.mean(np.concatenate(samples, axis=-1).astype(np.float64) ** 2)))


@pytest.mark.parametrize("name", NAMES)
def test_every_video_gets_a_preview_that_browsers_play(name: str) -> None:
    facts, preview, out, _ = preview_of(content_of(name))
    assert (preview.container, preview.codec, preview.shown_by_browsers) == ("webm", "vp8", True)
    assert preview.duration_ms == pytest.approx(facts.duration_ms, abs=100)
    assert preview.frame_count == facts.frame_count
    assert preview.player_offset_ms <= 40
    assert preview.has_audio == facts.has_audio
    if facts.has_audio:
        assert loudness(out.getvalue()) == pytest.approx(0.07, abs=0.02)


def test_the_preview_has_key_frames_every_two_seconds_and_an_index() -> None:
    _, preview, out, told = preview_of(
        make_video(kind="avi", seconds=7, size=(160, 120), audio=True, gop=300)
    )
    assert preview.keyframes_ms == (0, 2000, 4000, 6000)
    assert b"\x1c\x53\xbb\x6b" in out.getvalue()
    assert told == sorted(told)
    assert len(told) >= 6
    assert told[-1] == 1.0


def test_the_preview_shows_each_moment_at_its_time() -> None:
    content = make_video(kind="flv", fps=20, seconds=3, size=(192, 96), faces=())
    _, preview, out, _ = preview_of(content)
    frames = frames_between(out, preview, start_ms=0, end_ms=3000, frames_per_second=None)
    assert [(frame.ms, bars(frame.picture)) for frame in frames] == [(n * 50, n) for n in range(60)]


def test_the_preview_is_upright_and_at_most_as_large_as_asked() -> None:
    _, preview, _, _ = preview_of(make_video(rotation=90, size=(320, 180), seconds=1), max_side=160)
    assert (preview.rotation, preview.width, preview.height) == (0, 90, 160)


def test_more_than_thirty_frames_a_second_are_thinned() -> None:
    _, preview, _, _ = preview_of(make_video(fps=60, seconds=2, size=(160, 120)))
    assert preview.frame_count == 60


def test_what_progress_raises_ends_the_work() -> None:
    def cancelled(share: float) -> None:
        raise InterruptedError

    file = io.BytesIO(make_video(seconds=3, size=(160, 120)))
    out = io.BytesIO()
    with pytest.raises(InterruptedError):
        write_preview(file, read_facts(file), out, progress=cancelled)


def test_the_poster_is_a_small_picture_from_a_tenth_in() -> None:
    file = io.BytesIO(make_video(fps=20, seconds=5, size=(1200, 600), faces=()))
    with Image.open(io.BytesIO(poster(file, read_facts(file)))) as picture:
        assert (picture.format, max(picture.size)) == ("JPEG", POSTER_SIDE)
        assert bars(np.asarray(picture)) == 10


def test_a_video_of_one_frame_has_a_poster() -> None:
    file = io.BytesIO(make_video(seconds=0.1, size=(160, 120)))
    with Image.open(io.BytesIO(poster(file, read_facts(file)))) as picture:
        assert picture.size == (160, 120)
