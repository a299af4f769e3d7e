"""`make bench-video`: how fast videos are analysed, and in how much memory.

Starts its own servers, web process and workers in a temporary folder, uploads videos as a program would, and
waits for their jobs:

- speed: a minute of 1280 x 720 with two faces, at 5 frames a second: seconds from the end of the upload to
  the result, and how many times faster than it plays;
- memory: the most that the worker of videos holds beyond what it holds with its engine loaded and at rest,
  for a video of one minute and for one of twenty. What does not grow with the length is within 10 %;
- live: analysed frames a second on the page of the live camera, in a real browser on the same machine.

`--video FILE` measures the speed of a video of your own as well.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench_live
import bench_videos
from bench import Site, memory

MAX_GROWTH = 0.10
MAX_BEYOND = 600.0
PART = 8 * 1024 * 1024
TUS = {"Tus-Resumable": "1.0.0"}


@dataclass(frozen=True)
class Measured:
    """seconds: from the end of the upload to the result. peak: MB the worker held at most."""

    seconds: float
    frames: int
    people: int
    length: float
    peak: float

    @property
    def times(self) -> float:
        """How many times faster than it plays."""
        return self.length / self.seconds


def analyse(site: Site, path: Path, frames_per_second: float) -> Measured:
    """Upload a video in parts and wait for its result, looking at the worker's memory all the while."""
    pid = site.processes["batch"]
    with site.client(1) as client:
        begun = client.post(
            "/api/v1/uploads", headers={**TUS, "Upload-Length": str(path.stat().st_size), **_named(path)}
        ).raise_for_status()
        place, offset = begun.headers["Location"], 0
        with path.open("rb") as file:
            while part := file.read(PART):
                headers = {**TUS, "Upload-Offset": str(offset)}
                headers["Content-Type"] = "application/offset+octet-stream"
                client.patch(place, content=part, headers=headers).raise_for_status()
                offset += len(part)
        peak, start = memory(pid), time.perf_counter()
        wanted = {"upload_id": place.rsplit("/", 1)[1], "frames_per_second": frames_per_second}
        made = client.post("/api/v1/videos", json=wanted).raise_for_status().json()
        while (video := _state(client, made["video_id"]))["status"] not in {"ready", "failed", "cancelled"}:
            peak = max(peak, memory(pid))
            time.sleep(0.2)
        if video["status"] != "ready":
            raise SystemExit(f"{path.name} could not be analysed: {video['error']}")
        seconds = time.perf_counter() - start
    return Measured(
        seconds, video["analyzed_frames"], video["people_count"], video["duration_ms"] / 1000, peak
    )


def _named(path: Path) -> dict[str, str]:
    import base64

    return {"Upload-Metadata": f"filename {base64.b64encode(path.name.encode()).decode()}"}


def _state(client: Any, video_id: str) -> dict[str, Any]:
    return dict(client.get(f"/api/v1/videos/{video_id}").raise_for_status().json())


def print_speed(name: str, found: Measured) -> None:
    verdict = "faster" if found.times > 1 else "SLOWER"
    print(
        f"{name}: {found.length:.0f} s of video, {found.frames} frames, {found.people} people in "
        f"{found.seconds:.1f} s: {found.times:.1f} times as fast as it plays ({verdict} than real time), "
        f"{found.frames / found.seconds:.1f} frames a second",
        flush=True,
    )


def print_memory(rest: float, short: Measured, long: Measured) -> None:
    beyond = [max(0.1, one.peak - rest) for one in (short, long)]
    growth = (long.peak - short.peak) / short.peak
    print(f"Memory of the worker: {rest:.0f} MB with its engine, at rest")
    for one, more in zip((short, long), beyond, strict=True):
        verdict = "within" if more <= MAX_BEYOND else "OVER"
        print(
            f"  {one.length:.0f} s of video: {one.peak:.0f} MB at most, {more:.0f} MB more "
            f"({verdict} {MAX_BEYOND:.0f} MB)"
        )
    verdict = "within" if growth <= MAX_GROWTH else "OVER"
    print(f"  the long video takes {growth:+.1%} ({verdict} {MAX_GROWTH:.0%})")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="make bench-video ARGS=...", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--video", type=Path, help="a video of your own to measure the speed of")
    parser.add_argument("--frames-per-second", type=float, default=5.0)
    parser.add_argument("--minutes", type=int, default=20, help="length of the long video; 0 leaves it out")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="emotionsite-bench-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        print("Making the videos ...", flush=True)
        warm, short, long = (folder / name for name in ("warm.mp4", "short.mp4", "long.mp4"))
        bench_videos.make(warm, 2)
        bench_videos.make(short, 60)
        print("Starting servers, web process and workers ...", flush=True)
        site = Site(folder, stack)
        # The first video also loads what the engine loads on demand.
        analyse(site, warm, arguments.frames_per_second)
        rest = memory(site.processes["batch"])
        first = analyse(site, short, arguments.frames_per_second)
        print_speed("One minute, 720p", first)
        if arguments.video:
            print_speed(arguments.video.name, analyse(site, arguments.video, arguments.frames_per_second))
        bench_live.report(site, folder)
        if arguments.minutes:
            bench_videos.repeat(short, long, arguments.minutes)
            last = analyse(site, long, arguments.frames_per_second)
            print_speed(f"{arguments.minutes} minutes, 720p", last)
            print_memory(rest, first, last)


if __name__ == "__main__":
    main()
