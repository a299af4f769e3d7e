"""One video of each kind that is read, with what makes reading it hard, by name; made when a test asks."""

import io
from functools import cache
from typing import IO, Any

import numpy as np

from tests.videos import make_video, without_cues

CIF = {"size": (352, 288), "fps": 25.0, "seconds": 4.0, "gop": 24}
SMALL = {"size": (160, 120), "fps": 25.0, "seconds": 4.0, "gop": 20}
UNEVEN = tuple(int(ms) for ms in np.cumsum(np.random.default_rng(1).integers(10, 200, 50)))
CASES: dict[str, dict[str, Any]] = {
    "mp4 with B-frames": {**SMALL, "bframes": 2, "audio": True},
    "mov": {**SMALL, "kind": "mov"},
    "3gp": {**CIF, "kind": "3gp"},
    "webm with cues": {**SMALL, "kind": "webm", "audio": True},
    "webm as recorded live": {**SMALL, "kind": "webm", "audio": True, "seekable": False},
    "webm of vp9": {**SMALL, "kind": "webm", "codec": "libvpx-vp9"},
    "mkv with B-frames": {**SMALL, "kind": "mkv", "bframes": 2, "audio": True},
    "avi of mpeg4 with B-frames": {**SMALL, "kind": "avi", "bframes": 2, "audio": True},
    "avi of h264 with B-frames": {**SMALL, "kind": "avi", "codec": "libx264", "bframes": 2},
    "flv": {**SMALL, "kind": "flv", "audio": True},
    "flv of h264": {**SMALL, "kind": "flv", "codec": "libx264", "bframes": 2},
    "wmv2": {**SMALL, "kind": "wmv", "audio": True},
    "wmv of msmpeg4": {**SMALL, "kind": "wmv", "codec": "msmpeg4"},
    "mpeg program stream": {**CIF, "kind": "mpg", "bframes": 2, "audio": True},
    "mpeg transport stream": {**SMALL, "kind": "ts", "bframes": 2, "audio": True},
    "raw mpeg video": {**CIF, "kind": "m2v", "bframes": 2},
    "variable rate": {"size": (160, 120), "times_ms": UNEVEN, "gop": 10, "bframes": 2},
    "turned mp4": {**SMALL, "rotation": 90, "bframes": 2},
    "late start": {**SMALL, "start_ms": 1500, "bframes": 2, "audio": True},
    "start cut out by an edit list": {
        **SMALL,
        "start_ms": -600,
        "muxing": (("avoid_negative_ts", "disabled"),),
    },
    "mp4 in fragments": {**SMALL, "muxing": (("movflags", "frag_keyframe+empty_moov"),)},
    "one key frame": {**SMALL, "gop": 1000, "bframes": 2},
}
NO_CUES = "webm without cues"
NAMES = [*CASES, NO_CUES]


@cache
def content_of(name: str) -> bytes:
    return without_cues(content_of("webm with cues")) if name == NO_CUES else make_video(**CASES[name])


def file_of(name: str) -> IO[bytes]:
    return io.BytesIO(content_of(name))
