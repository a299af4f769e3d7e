"""Makes the videos of `make bench-video`: two faces of the samples that move before a wall."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from pathlib import Path

import av

ROOT = Path(__file__).resolve().parent.parent
SIZE = (1280, 720)
RATE = 30


def make(path: Path, seconds: int) -> None:
    """A video of so many seconds: H.264 in MP4, 1280 x 720, 30 frames a second."""
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "emotionsite.settings.development")
    from media_jobs.video.sample import sample_write

    with path.open("w+b") as file:
        sample_write(
            file,
            seconds=seconds,
            size=SIZE,
            rate=RATE,
            form="mp4",
            codec="libx264",
            preset="ultrafast",
            crf="26",
        )


def repeat(source: Path, path: Path, times: int) -> None:
    """The same video so many times over, copied without encoding it anew."""
    with av.open(str(path), "w") as container:
        stream, offset, counted = None, 0, 0
        for _ in range(times):
            with av.open(str(source)) as given:
                own = given.streams.video[0]
                stream = stream or container.add_stream_from_template(own)
                for packet in given.demux(own):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    container.mux(packet)
                    counted += 1
                offset = round(Fraction(counted, RATE) / (own.time_base or 1))
