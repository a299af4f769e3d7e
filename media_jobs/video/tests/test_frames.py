"""The same frames come out whatever the ranges a video is read in."""

import io
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from media_jobs.refusals import Refusal
from media_jobs.video import decoding
from media_jobs.video.clock import Clock, slot_of, slot_start, slots_per_second
from media_jobs.video.facts import VideoFacts, read_facts
from media_jobs.video.frames import Frame, frames_between
from tests.videos import make_video, numbered, spoilt, three_hours

from .cases import NAMES, file_of


def all_frames(content: bytes, rate: float | None = None, max_side: int = 1920) -> list[Frame]:
    file = io.BytesIO(content)
    facts = read_facts(file)
    return list(
        frames_between(
            file, facts, start_ms=0, end_ms=facts.duration_ms, frames_per_second=rate, max_side=max_side
        )
    )


def ranges(facts: VideoFacts, rate: float | None, slots: int) -> Iterator[tuple[int, int]]:
    per_second = slots_per_second(rate)
    bounds = [slot_start(n, per_second) for n in range(0, slot_of(facts.duration_ms - 1, per_second), slots)]
    return pairwise([*bounds, facts.duration_ms])


@pytest.mark.parametrize(("rate", "slots"), [(None, 437), (5.0, 3), (3.0, 4), (29.97, 17)])
@pytest.mark.parametrize("name", NAMES)
def test_ranges_give_the_frames_of_one_pass(name: str, rate: float | None, slots: int) -> None:
    file = file_of(name)
    facts = read_facts(file)
    whole = list(frames_between(file, facts, start_ms=0, end_ms=facts.duration_ms, frames_per_second=rate))
    parts: list[Frame] = []
    for start, end in reversed(list(ranges(facts, rate, slots))):
        part = list(frames_between(file, facts, start_ms=start, end_ms=end, frames_per_second=rate))
        assert all(start <= frame.ms < end for frame in part)
        parts = [*part, *parts]
    assert whole
    assert [frame.ms for frame in parts] == [frame.ms for frame in whole]
    assert all(np.array_equal(one.picture, other.picture) for one, other in zip(whole, parts, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_of_a_sound_file_comes_once(name: str) -> None:
    file = file_of(name)
    facts = read_facts(file)
    times = [
        frame.ms
        for frame in frames_between(
            file, facts, start_ms=0, end_ms=facts.duration_ms, frames_per_second=None, max_side=64
        )
    ]
    assert len(times) == facts.frame_count
    assert times[0] == 0
    assert all(one < other for one, other in pairwise(times))


def bars(picture: NDArray[np.uint8]) -> int:
    """The number that a frame of the scene without faces shows."""
    height, width = picture.shape[:2]
    row = picture[height // 2].mean(axis=-1)
    return sum(1 << bit for bit in range(12) if row[int((bit + 0.5) * width / 12)] > 140)


@pytest.mark.parametrize("kind", ["mp4", "webm", "mkv", "avi", "flv", "wmv", "ts"])
def test_a_frame_has_the_time_at_which_it_is_shown(kind: str) -> None:
    content = make_video(kind=kind, fps=20, seconds=3, size=(192, 96), faces=(), gop=15)
    assert [(frame.ms, bars(frame.picture)) for frame in all_frames(content)] == [
        (number * 50, number) for number in range(60)
    ]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_pictures_are_upright(rotation: int) -> None:
    lying = np.rot90(numbered((192, 96))(0.5), rotation // 90)
    content = make_video(
        scene=lambda seconds: np.ascontiguousarray(lying),
        size=(lying.shape[1], lying.shape[0]),
        rotation=rotation,
        seconds=0.2,
    )
    (first, *_) = all_frames(content)
    assert first.picture.shape == (96, 192, 3)
    assert bars(first.picture) == 10


def test_pictures_are_made_smaller_and_never_larger() -> None:
    content = make_video(size=(320, 240), seconds=0.2)
    assert all_frames(content, max_side=160)[0].picture.shape == (120, 160, 3)
    assert all_frames(content, max_side=5000)[0].picture.shape == (240, 320, 3)


def test_of_each_slot_the_first_frame_is_taken_at_its_own_time() -> None:
    content = make_video(times_ms=(0, 10, 190, 210, 390, 850, 900, 1001), size=(64, 48), faces=())
    assert [frame.ms for frame in all_frames(content, 5)] == [0, 210, 850, 1001]


def test_a_frame_in_two_seconds_is_a_rate() -> None:
    content = make_video(seconds=7, fps=4, size=(64, 48), faces=())
    assert [frame.ms for frame in all_frames(content, 0.5)] == [0, 2000, 4000, 6000]


def test_a_range_late_in_three_hours_is_read_from_its_key_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO(three_hours())
    facts = read_facts(file)
    passed: list[int] = []
    real = decoding.packets_of

    def counted(source: decoding.Source) -> Iterator[object]:
        for packet in real(source):
            passed.append(1)
            yield packet

    monkeypatch.setattr(decoding, "packets_of", counted)
    frames = list(frames_between(file, facts, start_ms=10_000_000, end_ms=10_010_000, frames_per_second=5))
    assert [frame.ms for frame in frames] == [10_000_000, 10_004_000, 10_008_000]
    assert len(passed) < 40


def test_seeking_that_misses_goes_back_to_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that leads too far forward, whatever is asked of it."""
    content = make_video(size=(64, 48), faces=(), seconds=4, fps=20, gop=20)
    file = io.BytesIO(content)
    facts = read_facts(file)
    whole = all_frames(content)
    late = Clock(facts.first_stamp, decoding.Source(file).__enter__().base).stamp(3500)

    def misled(source: decoding.Source, stamp: int) -> bool:
        source.container.seek(late, stream=source.stream)
        return True

    monkeypatch.setattr(decoding, "_sought", misled)
    part = list(frames_between(file, facts, start_ms=2000, end_ms=2500, frames_per_second=None))
    assert [frame.ms for frame in part] == [frame.ms for frame in whole if 2000 <= frame.ms < 2500]


@pytest.mark.parametrize("kind", ["mp4", "webm", "mkv", "avi", "flv", "wmv", "ts"])
def test_what_is_damaged_is_left_out_and_the_rest_is_read(kind: str) -> None:
    content = spoilt(make_video(kind=kind, fps=20, seconds=4, size=(192, 96), gop=10), 0.5, 0.52)
    frames = all_frames(content)
    assert 40 <= len(frames) <= 80
    assert frames[-1].ms >= 3500


def test_a_range_of_which_nothing_can_be_decoded_is_damaged() -> None:
    content = make_video(kind="avi", fps=20, seconds=6, size=(192, 96), gop=10)
    start, end = content.index(b"movi"), content.rindex(b"idx1")
    middle = (start + end) / 2 / len(content)
    broken = bytearray(content)
    for at in range(int(len(content) * (middle - 0.3)), int(len(content) * (middle + 0.3))):
        if content[at - 8 : at - 4] != b"00dc" and b"00dc" not in content[at - 8 : at + 8]:
            broken[at] = 0
    file = io.BytesIO(bytes(broken))
    facts = read_facts(file)
    with pytest.raises(Refusal) as caught:
        list(frames_between(file, facts, start_ms=2800, end_ms=3200, frames_per_second=None))
    assert caught.value.code == "video_damaged"


def test_a_range_without_frames_is_no_damage() -> None:
    content = make_video(times_ms=(0, 100, 5000, 5100), size=(64, 48), faces=())
    file = io.BytesIO(content)
    facts = read_facts(file)
    assert list(frames_between(file, facts, start_ms=1000, end_ms=4000, frames_per_second=5)) == []
