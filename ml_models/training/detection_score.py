"""Fits how O-Net's and R-Net's answers say together that a box is a face.

`python -m ml_models.training.detection_score --data DATA` judges the fit by cross-validation over scenes: no
scene is judged by numbers that were fitted on it. It then fits the three numbers on all scenes and, with
`--write`, puts them into `ml_models/weights/manifest.json`. It takes less than a minute and needs no torch.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml_models import registry
from ml_models.detection import DetectionOptions, FaceDetector
from ml_models.detection_boxes import clipped, suppress
from ml_models.detection_stages import FINAL_LIMIT, Decision, sigmoid
from ml_models.evaluation.detection import SMALLEST, Boxes, Tally, count, ignored_in, labelled, matched
from ml_models.levels import Levels
from ml_models.mtcnn_graphs import WEIGHTS

Floats = NDArray[np.float64]

FOLDS, SEED, ROUNDS = 10, 0, 30
#: Weight of the squared numbers beside the loss, but for the bias.
SHRINKAGE = 1.0


@dataclass(frozen=True)
class Scene:
    """Possible faces of a scene, boxes (N, 4) as left, top, width, height, with what speaks for them (N, 2);
    its true faces (M, 5).
    """

    boxes: Boxes
    features: NDArray[np.float32]
    truth: Boxes

    def labels(self) -> NDArray[np.int64]:
        """1 where a possible face is one, 0 where it is none, -1 where it does not count."""
        marks = ignored_in(self.truth, SMALLEST)
        return matched(self.boxes, self.features[:, 0], self.truth[:, :4], marks, smallest=SMALLEST)[0]

    def judge(self, tally: Tally, decision: Decision, least: float) -> None:
        """Add what the decision makes of the scene."""
        confidence = sigmoid(decision.logits(self.features))
        rows = np.nonzero(confidence > least)[0]
        corners = np.concatenate([self.boxes[:, :2], self.boxes[:, :2] + self.boxes[:, 2:]], axis=1)
        rows = rows[suppress(corners[rows], confidence[rows], FINAL_LIMIT, smaller=True)]
        marks = ignored_in(self.truth, SMALLEST)
        count(tally, self.boxes[rows], confidence[rows], self.truth[:, :4], marks, smallest=SMALLEST)


def fit(features: Floats, labels: Floats) -> Decision:
    """The decision under which the labels (N,) of features (N, 2) are most likely, by Newton's method."""
    table = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    shrinkage = np.diag([SHRINKAGE, SHRINKAGE, 1e-6])
    numbers = np.zeros(3)
    for _ in range(ROUNDS):
        share = 1 / (1 + np.exp(-table @ numbers))
        slope = table.T @ (share - labels) + shrinkage @ numbers
        curve = (table * (share * (1 - share))[:, None]).T @ table + shrinkage
        numbers = numbers - np.linalg.solve(curve, slope)
    return Decision(*(round(float(number), 3) for number in numbers))


def fit_scenes(scenes: Sequence[Scene]) -> Decision:
    """The decision fitted on the possible faces of some scenes."""
    features = np.concatenate([scene.features for scene in scenes]).astype(np.float64)
    labels = np.concatenate([scene.labels() for scene in scenes])
    counts = labels >= 0
    return fit(features[counts], labels[counts].astype(np.float64))


def cross_validated(scenes: Sequence[Scene], least: float) -> Tally:
    """The tally at a threshold, each scene judged by a decision fitted on scenes of the other folds."""
    fold = np.random.default_rng(SEED).permutation(len(scenes)) % FOLDS
    tally = Tally()
    for number in range(FOLDS):
        decision = fit_scenes([scene for scene, own in zip(scenes, fold, strict=True) if own != number])
        for scene, own in zip(scenes, fold, strict=True):
            if own == number:
                scene.judge(tally, decision, least)
    return tally


def collect(data: Path, detector: FaceDetector) -> list[Scene]:
    """Possible faces of every scene, by the stages before the decision."""
    found = []
    for picture, truth, _ in labelled(data):
        levels = Levels(picture)
        faces, features = detector.possible([levels])
        cut = clipped(faces.boxes, levels.size)
        boxes = np.concatenate([cut[:, :2], cut[:, 2:] - cut[:, :2]], axis=1)
        found.append(Scene(boxes, features, truth))
    return found


def write(decision: Decision, manifest: Path = registry.MANIFEST) -> None:
    """Put the numbers into the settings of the weights."""
    known = json.loads(manifest.read_text())
    for entry in known["weights"]:
        if entry["name"] == WEIGHTS:
            entry["settings"] = asdict(decision)
    manifest.write_text(json.dumps(known, indent=2) + "\n")


def main() -> int:
    """Print the cross-validated figures and the numbers; write them when asked."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.training.detection_score", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--write", action="store_true", help="put the numbers into manifest.json")
    options = parser.parse_args()
    scenes = collect(options.data, FaceDetector.load(DetectionOptions()))
    for least in (0.25, 0.3, 0.33, 0.36, 0.4, 0.5):
        tally = cross_validated(scenes, least)
        print(f"threshold {least:.2f}: recall {tally.recall:.4f}, precision {tally.precision:.4f}")
    decision = fit_scenes(scenes)
    print(f"fitted on all scenes: {decision}")
    if options.write:
        write(decision)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
