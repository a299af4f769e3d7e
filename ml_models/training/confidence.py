"""Fits the confidence of a recognition model to pairs of pictures:
`python -m ml_models.training.confidence --data FOLDER [--model NAME] [--write]`.

Any folder with a `pairs_dev.csv` will do (`ml_models.pairs` says which columns). With --write the threshold
and the slope are stored with the model, and every confidence from then on is made with them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml_models import registry
from ml_models.calibration import calibration_error, fit, log_loss, reliability
from ml_models.embedding import distances
from ml_models.evaluation.measures import interval
from ml_models.evaluation.report import today
from ml_models.pairs import Pairs, embedded, load_pairs
from ml_models.recognition import DEFAULT, DEFAULT_WEIGHTS, Calibration, canonical, describe
from ml_models.recognition_nets import load_recognition
from ml_models.registry import WeightError

Numbers = NDArray[np.floating]
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """A calibration fitted to all pairs; the confidence (N,) of each pair by one fitted without its fold."""

    calibration: Calibration
    confidence: Numbers
    folds: dict[int, Calibration]


def judge(distance: Numbers, pairs: Pairs) -> Judged:
    """Fit to all pairs, and to all but one fold in turn. ValueError when there are too few of a kind."""
    folds, confidence = {}, np.full(len(distance), np.nan)
    for one in np.unique(pairs.fold).tolist():
        own = pairs.fold == one
        if own.all():
            raise ValueError(
                "The pairs need at least two folds: one is judged by what was fitted to the others."
            )
        folds[one] = fit(distance[~own], pairs.same[~own])
        confidence[own] = folds[one].confidence(distance[own])
    return Judged(fit(distance, pairs.same), confidence, folds)


def lines_of(judged: Judged, same: Marks) -> list[str]:
    """What is printed: the numbers, and what they are worth on pairs they were not fitted to."""
    found = judged.calibration
    right = int(((judged.confidence >= 0.5) == same).sum())
    low, high = interval(right, len(same))
    lines = [
        f"{len(same)} pairs, {int(same.sum())} of one person",
        f"threshold {found.threshold:.4f}, slope {found.slope:.2f}",
        *(
            f"  without fold {one}: threshold {own.threshold:.4f}, slope {own.slope:.2f}"
            for one, own in judged.folds.items()
        ),
        "each fold judged by what was fitted to the others:",
        f"  accuracy at 0.5: {right / len(same):.4f}  (95 % {low:.4f} to {high:.4f})",
        f"  log loss {log_loss(judged.confidence, same):.4f}",
        f"  expected calibration error {calibration_error(judged.confidence, same):.4f}",
        "  confidence    pairs   mean    share of one person",
    ]
    lines += [
        f"  {start:.1f} to {end:.1f}  {count:>6}   {mean:.3f}   {share:.3f}"
        for start, end, count, mean, share in reliability(judged.confidence, same)
    ]
    return lines


def halves_lines(vectors: Numbers, pairs: Pairs, distance: Numbers, found: Calibration) -> list[str]:
    """What storing the vectors in half precision changes."""
    rounded = vectors.astype(np.float16).astype(np.float32)
    other = distances(rounded[pairs.first], rounded[pairs.second])
    before, after = (((one < found.threshold) == pairs.same).mean() for one in (distance, other))
    moved = np.abs(found.confidence(other) - found.confidence(distance)).max()
    return [
        f"half precision: distances move by at most {np.abs(other - distance).max():.5f}, confidences by "
        f"{moved:.4f}; accuracy {before:.4f} and {after:.4f}"
    ]


def store(name: str, calibration: Calibration, measured: str) -> Path:
    """Store a calibration with its model; the file that was changed. WeightError for an unknown model."""
    own = canonical(name)
    values = {"threshold": calibration.threshold, "slope": calibration.slope}
    if own == DEFAULT:
        known = json.loads(registry.MANIFEST.read_text())
        [entry] = [one for one in known["weights"] if one["name"] == DEFAULT_WEIGHTS[0]]
        entry["settings"] |= values
        return _replaced(registry.MANIFEST, json.dumps(known, indent=2) + "\n")
    description = replace(describe(own), calibration=calibration, measured=measured)
    file = description.folder / f"{own}.json"
    return _replaced(file, json.dumps(description.as_json(), indent=2) + "\n")


def _replaced(file: Path, text: str) -> Path:
    new = file.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o644)
    os.replace(new, file)
    return file


def main(given: list[str] | None = None) -> int:
    """Fit and print, and store when asked; exit code 1 with a sentence when that cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.training.confidence", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with pairs_dev.csv")
    parser.add_argument("--model", default=DEFAULT, help=f"name of the model ({DEFAULT})")
    parser.add_argument("--write", action="store_true", help="store the numbers with the model")
    options = parser.parse_args(given)
    try:
        pairs = load_pairs(options.data)
        net = load_recognition(options.model)
        vectors = embedded(pairs, net)
        distance = distances(vectors[pairs.first], vectors[pairs.second])
        judged = judge(distance, pairs)
        print("\n".join([net.model.version, *lines_of(judged, pairs.same)]))
        print("\n".join(halves_lines(vectors, pairs, distance, judged.calibration)))
        if options.write:
            measured = f"{len(distance)} pairs, {today()}"
            print(f"written: {store(options.model, judged.calibration, measured)}")
    except (FileNotFoundError, ValueError, WeightError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
