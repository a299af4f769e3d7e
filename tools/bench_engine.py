"""`make bench-engine`: how fast the face engine is, beside facenet-pytorch's own detection.

Measures side by side in one run, on the same photos with the same threads, several rounds in turn:

- detection: the engine's and facenet-pytorch's `MTCNN.detect`, one photo at a time, faces of 20 and 36 px;
- whole: everything the engine can tell of a photo, and emotions only, against that detection;
- threads: all photos in one call against one by one, with one thread and with two;
- parts: milliseconds a face of every part;
- start: seconds from the start of Python to the first answer, and peak memory with large photos;
- found: recall and precision of both detections (with --data only).

Prints medians, ratios, what is wanted and whether it holds. It is no test: its exit code is 0 all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import bench_fresh  # noqa: E402
import bench_photos  # noqa: E402

SECTIONS = ("start", "detection", "whole", "threads", "parts", "found")
BATCH = 16


@dataclass(frozen=True)
class Check:
    """One line of the verdict. low, high: the least and the most of the rounds."""

    what: str
    figure: float
    wanted: float
    most: bool = False
    unit: str = "x"
    low: float | None = None
    high: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the figure is at least (or at most) what is wanted."""
        return self.figure <= self.wanted if self.most else self.figure >= self.wanted

    def line(self) -> str:
        """The check for people."""
        spread = "" if self.low is None or self.high is None else f"{self.low:.2f} to {self.high:.2f}"
        words = f"at {'most' if self.most else 'least'} {self.wanted:g}"
        holds = "holds" if self.holds else "DOES NOT HOLD"
        return f"{self.what:<58}{self.figure:>8.2f} {self.unit:<3}{spread:>16}   {words:<14}{holds}"


@dataclass
class Findings:
    """What was measured so far."""

    checks: list[Check] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def check_rounds(self, what: str, rounds: Sequence[float], wanted: float, most: bool = False) -> None:
        """Add a ratio: the median of the rounds, with the least and the most."""
        middle = statistics.median(rounds)
        self.checks.append(Check(what, middle, wanted, most, "x", min(rounds), max(rounds)))


def start(findings: Findings, rounds: int) -> None:
    """Fresh processes."""
    print("Processes of their own: start and memory ...", flush=True)
    seconds = bench_fresh.seconds_to_ready(1, rounds)
    findings.figures["seconds_to_ready"] = seconds
    findings.checks.append(
        Check(
            "start of Python until a small photo is analysed",
            statistics.median(seconds),
            5.0,
            True,
            "s",
            min(seconds),
            max(seconds),
        )
    )
    memory = bench_fresh.peak_memory(1)
    findings.figures["peak_memory"] = memory
    for name, row in memory.items():
        print(f"  peak memory with a photo of {name} ({row['faces']} found): {row['megabytes']} MB")
    most = memory["12 megapixels"]["megabytes"]
    findings.checks.append(Check("peak memory, every net, 12 megapixels", most, 900.0, True, "MB"))


def photo_by_photo(
    findings: Findings, photos: list[bench_photos.Picture], threads: int, rounds: int, sections: set[str]
) -> None:
    """Detections and whole engines in turn."""
    from bench_rounds import facenet_installed, one_photo_at_a_time, ratios, typical

    print(f"One photo at a time, {threads} thread(s): {len(photos)} photos, {rounds} rounds ...", flush=True)
    times = one_photo_at_a_time(photos, threads, rounds)
    findings.figures["ms_per_photo"] = {name: 1000 * typical(each) for name, each in times.items()}
    for name, each in times.items():
        sums = 1000 * each.mean(axis=1)
        print(
            f"  {name:<14}{1000 * typical(each):>8.1f} ms a photo (median), mean of the rounds "
            f"{sums.min():.1f} to {sums.max():.1f}, {1000 / float(np.median(sums)):.2f} photos/s"
        )
    if not facenet_installed():
        findings.skipped.append(
            "facenet-pytorch is not installed, nothing is compared with it: install requirements/train.txt."
        )
        return
    if "detection" in sections:
        for size, wanted in ((20, 4.0), (36, 5.0)):
            findings.check_rounds(
                f"detection against facenet-pytorch, faces of {size} px, times as fast",
                ratios(times[f"facenet {size}"], times[f"detection {size}"]),
                wanted,
            )
    if "whole" in sections:
        findings.check_rounds(
            "everything, time against that detection of 20 px",
            ratios(times["everything"], times["facenet 20"]),
            0.5,
            most=True,
        )


def threads_and_batches(findings: Findings, photos: list[bench_photos.Picture], rounds: int) -> None:
    """Two threads, and photos in one call."""
    from bench_rounds import batches, ratios

    print(f"Batches of {len(photos)} photos, everything asked for, {rounds} rounds ...", flush=True)
    times = batches(photos, rounds)
    rates = {name: len(photos) / float(np.median(each)) for name, each in times.items()}
    findings.figures["photos_per_second"] = rates
    for name, rate in rates.items():
        print(f"  {name:<24}{rate:>7.2f} photos/s")
    if (os.cpu_count() or 1) < 2:
        findings.skipped.append("This machine has one processor: two threads cannot be measured.")
    else:
        findings.check_rounds(
            "two threads against one, photos in one call",
            ratios(times["batch, 1 thread"], times["batch, 2 threads"]),
            1.7,
        )
    for words in ("1 thread", "2 threads"):
        findings.check_rounds(
            f"a batch of {len(photos)} against one by one, {words}",
            ratios(times[f"one by one, {words}"], times[f"batch, {words}"]),
            1.2,
        )


def parts(findings: Findings, photos: list[bench_photos.Picture], rounds: int) -> None:
    """Every part for itself."""
    from bench_rounds import parts_per_face

    print("Parts, on one thread: milliseconds a face beside the five points ...", flush=True)
    figures = parts_per_face(photos, rounds)
    findings.figures["ms_per_face"] = figures
    for name, milliseconds in figures.items():
        print(f"  {name:<14}{milliseconds:>7.2f} ms")


def found(findings: Findings, data: Path, threads: int) -> None:
    """Recall and precision of both detections on labelled scenes."""
    from bench_rounds import facenet, facenet_installed, ours

    from ml_models.detection import FaceDetector
    from ml_models.evaluation.detection import Tally, count, scenes
    from ml_models.evaluation.one_part import read_picture

    smallest = 24.0
    folder, labels = scenes(data)
    detectors = {"engine": ours(FaceDetector.load(streams=threads), 20)}
    if facenet_installed():
        detectors["facenet-pytorch"] = facenet(20, threads)
    tallies = {name: Tally() for name in detectors}
    print(f"{len(labels)} scenes with known faces of {smallest:g} px and more ...", flush=True)
    for name, rows in labels.items():
        picture = read_picture(next(p for p in (folder / name, folder / "wider" / name) if p.is_file()))
        truth = np.array(rows, dtype=np.float32).reshape(-1, 5)
        ignored = (truth[:, 4] == 1) | (truth[:, 3] < smallest)
        for who, detect in detectors.items():
            boxes, confidence = detect(picture)
            count(tallies[who], boxes, confidence, truth[:, :4], ignored, smallest=smallest)
    findings.figures["found"] = {who: asdict(tally) for who, tally in tallies.items()}
    for who, tally in tallies.items():
        print(
            f"  {who:<16} recall {tally.recall:.4f}  precision {tally.precision:.4f}  ({tally.faces} faces)"
        )
    if len(tallies) == 2:
        own, other = tallies["engine"], tallies["facenet-pytorch"]
        for what in ("recall", "precision"):
            findings.checks.append(
                Check(f"{what} against facenet-pytorch's", getattr(own, what), getattr(other, what), unit="")
            )


def machine(threads: int) -> dict[str, Any]:
    """What the figures were measured with."""
    from ml_models.runtime import half_precision

    packages = {}
    for name in ("openvino", "numpy", "opencv-python-headless", "torch", "facenet-pytorch"):
        try:
            packages[name] = version(name)
        except ModuleNotFoundError:
            packages[name] = "not installed"
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "bfloat16": half_precision(),
        "threads": threads,
        "python": platform.python_version(),
        "packages": packages,
    }


def chosen_sections(text: str) -> set[str]:
    """The sections of a list with commas; argparse's error for others."""
    names = {name.strip() for name in text.split(",")}
    if unknown := names - set(SECTIONS):
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown))} is unknown: choose of {','.join(SECTIONS)}"
        )
    return names


def positive(text: str) -> int:
    """A whole number of at least 1; argparse's error for others."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="make bench-engine ARGS=...", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--photos", type=Path, help="folder with pictures (made from samples/ by default)")
    parser.add_argument("--count", type=positive, default=BATCH, help="photos in a round")
    parser.add_argument(
        "--longest", type=positive, default=1920, help="shrink larger photos to this side, px"
    )
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--threads", type=positive, default=1, help="threads of both, one photo at a time")
    parser.add_argument("--data", type=Path, help="data folder with detection/, for recall and precision")
    parser.add_argument("--only", type=chosen_sections, default=set(SECTIONS), help=",".join(SECTIONS))
    parser.add_argument("--json", type=Path, help="file for all figures as JSON")
    return parser


def main(given: list[str] | None = None) -> int:
    """Measure, print, write; exit code 0."""
    options = arguments().parse_args(given)
    findings = Findings()
    if "start" in options.only:
        start(findings, options.rounds)
    if options.photos:
        photos = bench_photos.read(options.photos, options.count, options.longest)
    else:
        photos = bench_photos.made(options.count)
    if options.only & {"detection", "whole"}:
        photo_by_photo(findings, photos, options.threads, options.rounds, options.only)
    if "threads" in options.only:
        threads_and_batches(findings, photos[:BATCH], options.rounds)
    if "parts" in options.only:
        parts(findings, photos, options.rounds)
    if "found" in options.only and options.data:
        found(findings, options.data, options.threads)
    print()
    for check in findings.checks:
        print(check.line())
    for sentence in findings.skipped:
        print(sentence)
    about = machine(options.threads)
    print(
        f"Measured on {about['processors']} processor(s), {about['machine']}, bfloat16 "
        f"{'used' if about['bfloat16'] else 'not there'}, photos: {options.photos or 'made from samples/'}."
    )
    if options.json:
        checks = [{**asdict(check), "holds": check.holds} for check in findings.checks]
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(
            json.dumps({**about, "checks": checks, **findings.figures}, indent=1) + "\n", encoding="utf-8"
        )
        print(f"written: {options.json}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
