"""Measures whether faces through the frames of a film are the same as by full detection on every frame:
`python -m ml_models.evaluation.tracking --data DATA`.

The films of the data folder, and one that is made of its photos, at 5 frames a second and with every frame.
Needs PyAV beside the engine.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_models.describe import WEIGHTS, versions_of
from ml_models.engine import FaceEngine
from ml_models.evaluation.one_part import run
from ml_models.evaluation.report import Row, Section
from ml_models.evaluation.tracking_films import Film, at_rate, films
from ml_models.grouping import grouping_distance
from ml_models.linking import Tracklet, people_of
from ml_models.tracking import Track, matched, overlaps, tracks_of
from ml_models.video_faces import KEY_EVERY_MS, ON_KEY_FRAMES, FrameFaces, faces_in

if TYPE_CHECKING:
    from ml_models.types import Box, Face, Picture

#: What is asked of every face, as the analysis of a video asks it.
PARTS = frozenset({"emotions", "landmarks", "age", "gender", "appearance", "embedding", "quality"})
#: Milliseconds between key frames that are tried.
TRIED = (KEY_EVERY_MS, 800)
#: Frames a second that are measured; None: every one, of the stretch from and to these milliseconds, in which
#: most of the films have a cut.
RATES = (5.0, None)
STRETCH = (5000, 7500)
#: Two boxes mean one face from this overlap on.
SAME = 0.5
#: Confidence of detection from which a face is surely one.
SURELY = 0.9
CHUNK_MS = 4000


@dataclass(frozen=True)
class Agreement:
    """How far the faces of some frames are those of full detection on each.

    frames, faces: how many there are, faces by full detection. missed: share of those that are not found;
    missed_sure: the same of those whose confidence is `SURELY` or more. added: faces that full detection
    does not have, as a share of its. carried: share of frames that were not fully detected. overlap: mean
    intersection over union of faces found by both and carried in one, low_overlap its 5th percentile.
    emotions: mean absolute difference of their probabilities; strongest: share with the same strongest one.
    ms, full_ms: milliseconds of one processor per frame, of this and of full detection.
    """

    frames: int
    faces: int
    missed: float
    missed_sure: float
    added: float
    carried: float
    overlap: float
    low_overlap: float
    emotions: float
    strongest: float
    ms: float
    full_ms: float

    @property
    def line(self) -> str:
        """For the table."""
        return (
            f"{self.frames:>5} {self.faces:>5}  {self.carried:6.1%} "
            f" {self.missed:6.2%} {self.missed_sure:6.2%}"
            f" {self.added:6.2%}  {self.overlap:.3f} {self.low_overlap:.3f}  {self.emotions:.4f} "
            f"{self.strongest:6.1%}  {self.ms:6.1f} {self.full_ms:6.1f}"
        )


HEAD = f"{'':<38} frames faces carried  missed   sure  added  IoU   5 %    emotions  same     ms   full"


def analyzer(engine: FaceEngine) -> Callable[..., list[list[Face]]]:
    """The engine as `faces_in` wants it."""
    return lambda pictures, boxes, parts: engine.analyze(pictures, boxes, parts)


def timed(work: Callable[[], Iterable[FrameFaces]]) -> tuple[list[FrameFaces], float]:
    """What it answers, and milliseconds of one processor per frame: other work does not count."""
    started = time.process_time()
    found = list(work())
    return found, 1000 * (time.process_time() - started) / max(len(found), 1)


def fully(
    frames: Iterable[tuple[int, Picture]], engine: FaceEngine, key_every_ms: int
) -> Iterable[FrameFaces]:
    """Full detection on every frame; what belongs to key frames is asked for on so many as in the comparison,
    so that both differ by the detection alone.
    """
    key_ms = -key_every_ms
    some: list[tuple[int, Picture, bool]] = []
    for ms, picture in frames:
        key = ms - key_ms >= key_every_ms
        key_ms = ms if key else key_ms
        some.append((ms, picture, key))
        if len(some) == 16:
            yield from _fully(some, engine)
            some = []
    yield from _fully(some, engine)


def _fully(some: Sequence[tuple[int, Picture, bool]], engine: FaceEngine) -> list[FrameFaces]:
    answers: dict[int, FrameFaces] = {}
    for wanted, parts in ((True, PARTS), (False, PARTS - ON_KEY_FRAMES)):
        own = [(ms, picture) for ms, picture, key in some if key is wanted]
        faces = engine.analyze([picture for _, picture in own], None, parts)
        answers |= {
            ms: FrameFaces(ms, tuple(f), (True,) * len(f)) for (ms, _), f in zip(own, faces, strict=True)
        }
    return [answers[ms] for ms, _, _ in some]


def agreement(own: Sequence[FrameFaces], full: Sequence[FrameFaces], ms: float, full_ms: float) -> Agreement:
    """Compares the faces of the same frames."""
    shared: list[tuple[Face, Face]] = []
    faces = sure = missed = missed_sure = added = carried = 0
    for one, other in zip(own, full, strict=True):
        pairs = matched([face.box for face in one.faces], [face.box for face in other.faces], SAME)
        shared += [(one.faces[a], other.faces[b]) for a, b in pairs if not one.found[a]]
        lost = [f for k, f in enumerate(other.faces) if k not in {b for _, b in pairs}]
        faces += len(other.faces)
        sure += sum(face.confidence >= SURELY for face in other.faces)
        missed += len(lost)
        missed_sure += sum(face.confidence >= SURELY for face in lost)
        added += len(one.faces) - len(pairs)
        carried += bool(one.found) and not any(one.found)
    boxes = [float(overlaps([one.box], [other.box])[0, 0]) for one, other in shared]
    scores = [(one.emotions, other.emotions) for one, other in shared]
    known = [(one, other) for one, other in scores if one is not None and other is not None]
    return Agreement(
        frames=len(own),
        faces=faces,
        missed=missed / max(faces, 1),
        missed_sure=missed_sure / max(sure, 1),
        added=added / max(faces, 1),
        carried=carried / max(len(own), 1),
        overlap=float(np.mean(boxes)) if boxes else 1.0,
        low_overlap=float(np.percentile(boxes, 5)) if boxes else 1.0,
        emotions=float(np.mean([np.abs(a - b).mean() for a, b in known])) if known else 0.0,
        strongest=float(np.mean([a.argmax() == b.argmax() for a, b in known])) if known else 1.0,
        ms=ms,
        full_ms=full_ms,
    )


def steadiness(full: Sequence[FrameFaces]) -> tuple[float, float, float]:
    """How far full detection agrees with itself from one frame to the next: mean intersection over union,
    mean absolute difference of the emotions, share with the same strongest one.
    """
    shifted = [FrameFaces(other.ms, one.faces, (False,) * len(one.faces)) for one, other in pairwise(full)]
    found = agreement(shifted, full[1:], 0.0, 0.0)
    return found.overlap, found.emotions, found.strongest


def in_chunks(frames: Sequence[FrameFaces], same_distance: float) -> list[tuple[int, Track]]:
    """The tracks of chunks of `CHUNK_MS`, with the number of the chunk."""
    chunks: dict[int, list[FrameFaces]] = {}
    for frame in frames:
        chunks.setdefault(frame.ms // CHUNK_MS, []).append(frame)
    return [
        (number, track)
        for number, some in chunks.items()
        for track in tracks_of(some, same_distance=same_distance)
    ]


def tracklet(chunk: int, track: Track) -> Tracklet:
    """A track as linking takes it."""
    return Tracklet(
        chunk,
        track.start_ms,
        track.end_ms,
        track.faces[0].box,
        track.faces[-1].box,
        track.embedding,
        track.embedding_count,
    )


def who(actors: dict[str, Box], face: Face) -> str | None:
    """The actor whose head the middle of a face lies in; the smallest, where heads overlap."""
    x, y = face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2
    inside = [
        (width * height, name)
        for name, (left, top, width, height) in actors.items()
        if left <= x <= left + width and top <= y <= top + height
    ]
    return min(inside)[1] if len(inside) == 1 else None


def purity(
    film: Film, times: dict[int, int], tracks: Sequence[tuple[int, Track]], people: Sequence[int]
) -> dict[str, Any]:
    """How well tracks and people are the film's actors: of faces whose actor is known the share that is in a
    track, or person, of mostly that actor; and how many tracks and people these actors became.
    """
    assert film.actors is not None  # noqa: S101 - asked of such films only
    rows: list[tuple[int, int, str]] = []
    for number, ((_, track), person) in enumerate(zip(tracks, people, strict=True)):
        for ms, face in zip(track.frames, track.faces, strict=True):
            if (name := who(film.actors(times[ms]), face)) is not None:
                rows.append((number, person, name))
    names = sorted({name for *_, name in rows})

    def pure(groups: Sequence[int]) -> float:
        table: dict[int, Counter[str]] = {}
        for group, (_, _, name) in zip(groups, rows, strict=True):
            table.setdefault(group, Counter())[name] += 1
        return sum(max(own.values()) for own in table.values()) / max(len(rows), 1)

    return {
        "faces": len(rows),
        "actors": len(names),
        "tracks": len({row[0] for row in rows}),
        "people": len({row[1] for row in rows}),
        "track_purity": round(pure([row[0] for row in rows]), 4),
        "person_purity": round(pure([row[1] for row in rows]), 4),
    }


def measured(film: Film, rate: float | None, engine: FaceEngine) -> tuple[dict[str, Any], list[str]]:
    """Figures and lines of one film at one rate."""

    def frames() -> Iterable[tuple[int, Picture]]:
        if rate is not None:
            return at_rate(film.frames(), rate)
        return ((ms, picture) for ms, picture in film.frames() if STRETCH[0] <= ms < STRETCH[1])

    # Held, so that reading the film is in no time that is measured.
    held = list(frames())
    same = grouping_distance(engine.recognition().calibration)
    call = f"{film.name}, {'every frame' if rate is None else f'{rate:g} a second'}"
    figures: dict[str, Any] = {}
    lines: list[str] = []
    full, full_ms = timed(partial(fully, held, engine, KEY_EVERY_MS))
    for key_every_ms in TRIED:
        own, ms = timed(partial(faces_in, held, analyzer(engine), parts=PARTS, key_every_ms=key_every_ms))
        found = agreement(own, full, ms, full_ms)
        figures[str(key_every_ms)] = {
            name: round(getattr(found, name), 4) for name in Agreement.__dataclass_fields__
        }
        lines.append(f"{call + f', {key_every_ms} ms':<38} {found.line}")
        if key_every_ms == KEY_EVERY_MS:
            chosen = own
    tracks = in_chunks(chosen, same)
    people = people_of([tracklet(*one) for one in tracks], same_distance=same).tolist()
    figures["tracks"], figures["people"] = len(tracks), len(set(people))
    if film.actors is not None:
        numbers = {ms: number for number, (ms, _) in enumerate(film.frames())}
        figures["purity"] = purity(film, numbers, tracks, people)
    figures["steadiness"] = steadiness(full)
    lines.append(
        "    from frame to frame: IoU {:.3f}, emotions {:.4f}, same {:.1%}".format(*figures["steadiness"])
    )
    lines.append(f"    tracks {len(tracks)}, people {len(set(people))} {figures.get('purity', '')}")
    return figures, lines


def evaluate(data: Path) -> Section:
    """The figures of all films of a data folder."""
    engine = FaceEngine.load()
    figures: dict[str, Any] = {}
    lines, rows = [HEAD], []
    for film in films(data):
        for rate in RATES:
            found, own = measured(film, rate, engine)
            print("\n".join(own), flush=True)
            figures[f"{film.name} {rate or 'every'}"] = found
            lines += own
            chosen = found[str(KEY_EVERY_MS)]
            count, protocol = (
                f"{chosen['faces']} faces",
                f"{film.name}, {'every frame' if rate is None else f'{rate:g} a second'}",
            )
            rows.append(
                Row(
                    "Video: faces of full detection that are found",
                    1 - chosen["missed"],
                    None,
                    count,
                    protocol,
                )
            )
    return Section("tracking", figures, lines, rows)


if __name__ == "__main__":
    raise SystemExit(run("tracking", evaluate, {part: versions_of(names) for part, names in WEIGHTS.items()}))
