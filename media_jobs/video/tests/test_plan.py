"""Chunks cover a video once, are small, and begin where reading is cheap."""

import time
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from media_jobs.video.clock import slot_of, slot_start, slots_per_second
from media_jobs.video.facts import VideoFacts
from media_jobs.video.plan import CHUNK_FRAMES, CHUNK_MS, expected_frames, plan_chunks

HOUR = 3600 * 1000
FACTS = VideoFacts(
    container="mp4",
    content_type="video/mp4",
    extension="mp4",
    codec="h264",
    width=320,
    height=240,
    rotation=0,
    duration_ms=60_000,
    frame_count=1500,
    frame_rate=25.0,
    variable_rate=False,
    has_audio=False,
    keyframes_ms=tuple(range(0, 60_000, 2000)),
    shown_by_browsers=True,
    peak_rate=25.0,
)
RATES = some.one_of(some.none(), some.floats(0.05, 120), some.sampled_from([1.0, 5.0, 7.5, 29.97, 30.0]))


def analysed(times: list[int], rate: float | None, start: int, end: int) -> list[int]:
    """The rule in its plainest form: of the frames of a range, the first of each slot."""
    seen: set[int] = set()
    chosen = []
    for ms in times:
        slot = slot_of(ms, slots_per_second(rate))
        if start <= ms < end and slot not in seen:
            seen.add(slot)
            chosen.append(ms)
    return chosen


@settings(max_examples=150, deadline=None)
@given(
    gaps=some.lists(some.integers(1, 4000), max_size=120),
    rate=RATES,
    keyframes=some.sets(some.integers(1, 100_000), max_size=30),
)
def test_each_analysed_frame_is_in_one_chunk(
    gaps: list[int], rate: float | None, keyframes: set[int]
) -> None:
    times = [0]
    for gap in gaps:
        times.append(times[-1] + gap)
    length = times[-1] + 40
    facts = replace(
        FACTS,
        duration_ms=length,
        frame_count=len(times),
        frame_rate=len(times) * 1000 / length,
        peak_rate=1000 / min(gaps, default=40),
        keyframes_ms=(0, *sorted(keyframes)),
    )
    chunks = plan_chunks(facts, frames_per_second=rate)
    parts = [analysed(times, rate, chunk.start_ms, chunk.end_ms) for chunk in chunks]
    assert [ms for part in parts for ms in part] == analysed(times, rate, 0, length)
    assert all(len(part) <= CHUNK_FRAMES for part in parts)
    assert sum(map(len, parts)) <= expected_frames(facts, rate)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert (chunks[0].start_ms, chunks[-1].end_ms) == (0, length)
    assert all(one.end_ms == other.start_ms and one.start_ms < one.end_ms for one, other in pairwise(chunks))
    longest = CHUNK_MS if rate is None else max(CHUNK_MS, 1000 / rate)
    assert all(chunk.end_ms - chunk.start_ms <= longest + 1 for chunk in chunks)


@given(slot=some.integers(0, 10**6), rate=some.floats(0.05, 1000))
def test_a_slot_begins_at_its_first_millisecond(slot: int, rate: float) -> None:
    start = slot_start(slot, rate)
    assert slot_of(start, rate) >= slot
    assert start == 0 or slot_of(start - 1, rate) < slot


def test_chunks_begin_at_key_frames_that_are_near() -> None:
    starts = [chunk.start_ms for chunk in plan_chunks(FACTS, frames_per_second=5)]
    assert starts == [0, 10_000, 20_000, 30_000, 40_000, 50_000]
    odd = replace(FACTS, keyframes_ms=tuple(range(0, 60_000, 3300)))
    assert [chunk.start_ms for chunk in plan_chunks(odd, frames_per_second=5)][:4] == [
        0,
        10_000,
        19_800,
        29_800,
    ]


def test_chunks_are_of_full_length_without_key_frames() -> None:
    lone = replace(FACTS, keyframes_ms=(0,))
    assert [chunk.start_ms for chunk in plan_chunks(lone, frames_per_second=5)] == list(
        range(0, 60_000, 10_000)
    )


@pytest.mark.parametrize(("rate", "expected"), [(None, 1500), (5, 300), (0.5, 30), (100, 1500), (0.001, 1)])
def test_how_many_frames_are_to_be_expected(rate: float | None, expected: int) -> None:
    assert expected_frames(FACTS, rate) == expected


def test_every_frame_of_a_video_makes_shorter_chunks() -> None:
    chunks = plan_chunks(FACTS, frames_per_second=None)
    assert max(chunk.end_ms - chunk.start_ms for chunk in chunks) * 25 / 1000 <= CHUNK_FRAMES


def test_three_hours_are_planned_at_once() -> None:
    facts = replace(
        FACTS, duration_ms=3 * HOUR, frame_count=3 * 3600 * 25, keyframes_ms=tuple(range(0, 3 * HOUR, 500))
    )
    began = time.monotonic()
    chunks = plan_chunks(facts, frames_per_second=5)
    assert time.monotonic() - began < 0.1
    assert len(chunks) == 1080


def test_one_frame_is_one_chunk() -> None:
    facts = replace(FACTS, duration_ms=1, frame_count=1, keyframes_ms=(0,))
    assert [(chunk.start_ms, chunk.end_ms) for chunk in plan_chunks(facts, frames_per_second=5)] == [(0, 1)]
