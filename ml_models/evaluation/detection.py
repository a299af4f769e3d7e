"""Measures face detection on scenes with boxes drawn by people, for each of the detection models, and beside
them facenet-pytorch's own detector where it is installed (requirements/train.txt).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ml_models.detection import DETECTION_MODELS, DetectionOptions, FaceDetector
from ml_models.evaluation.measures import interval
from ml_models.evaluation.report import Row, Section
from ml_models.levels import Levels

Boxes = NDArray[np.float32]
Marks = NDArray[np.bool_]
Picture = NDArray[np.uint8]
#: A picture -> boxes (N, 4) as left, top, width, height, and confidence (N,).
Detector = Callable[[Picture], tuple[Boxes, NDArray[np.float32]]]

#: The scenes' boxes are in pixels of scenes so many pixels wide, as WIDER FACE publishes them.
LABELLED_WIDTH = 1024
#: Lowest face or box that counts, in pixels, and the groups of faces by height.
SMALLEST = 24.0
GROUPS = {"24 to 32 px": (24.0, 32.0), "32 to 64 px": (32.0, 64.0), "64 px and more": (64.0, np.inf)}
#: detection_02 and _03 look for smaller faces; they are measured on those too.
SMALLEST_OF_ALL = 12.0
PROTOCOL = "130 scenes of WIDER FACE (validation), IoU 0.5, faces of {} px and more"
#: Recall and precision to reach with faces of 24 px and more.
WANTED = (0.87, 0.92)
REFERENCE = "facenet-pytorch 2.5.3"
NOTES = [
    "Detection: the numbers of the last decision were fitted and its threshold chosen on these scenes; by "
    "cross-validation over scenes the recall is 0.825 at a precision of 0.941.",
    "Detection: the boxes of scenes that are higher than wide are in pixels of the published scene, while "
    "the stored scene is smaller; they are scaled to its width. As the file gives them, recall is {:.3f} at "
    "a precision of {:.3f}.",
]


@dataclass
class Tally:
    """Faces there are, faces found, boxes that count and boxes that are wrong."""

    faces: int = 0
    found: int = 0
    counted: int = 0
    wrong: int = 0

    @property
    def recall(self) -> float:
        """Share of the faces that were found."""
        return self.found / self.faces if self.faces else 0.0

    @property
    def precision(self) -> float:
        """Share of the boxes that are faces."""
        return 1 - self.wrong / self.counted if self.counted else 1.0

    @property
    def recall_interval(self) -> tuple[float, float]:
        """95 % interval of the recall."""
        return interval(self.found, self.faces)

    @property
    def precision_interval(self) -> tuple[float, float]:
        """95 % interval of the precision."""
        return interval(self.counted - self.wrong, self.counted)


def overlaps(first: Boxes, second: Boxes) -> NDArray[np.float32]:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4) as left, top, width, height."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    both = first[:, 2:].prod(axis=1)[:, None] + second[:, 2:].prod(axis=1)[None] - shared
    return (shared / np.maximum(both, 1e-6)).astype(np.float32)


def matched(
    found: Boxes,
    confidence: NDArray[np.float32],
    truth: Boxes,
    ignored: Marks,
    least: float = 0.5,
    smallest: float = 0.0,
) -> tuple[NDArray[np.int64], Marks]:
    """For every box 1 where it is a face, 0 where it is wrong, -1 where it does not count; and which faces
    are found (M,).

    The surest box comes first, and each face is found once. A box left over is wrong, unless it is lower than
    `smallest` px or matches an ignored face.
    """
    overlap = overlaps(found, truth) if len(truth) else np.zeros((len(found), 0), dtype=np.float32)
    hit = np.zeros(len(truth), dtype=bool)
    labels = np.full(len(found), -1, dtype=np.int64)
    for one in np.argsort(-confidence, kind="stable"):
        fits = np.where(~hit & ~ignored, overlap[one], 0.0)
        if fits.size and fits.max() >= least:
            hit[fits.argmax()] = True
            labels[one] = 1
        elif found[one, 3] >= smallest and not (overlap[one][ignored] >= least).any():
            labels[one] = 0
    return labels, hit


def count(
    tally: Tally,
    found: Boxes,
    confidence: NDArray[np.float32],
    truth: Boxes,
    ignored: Marks,
    least: float = 0.5,
    smallest: float = 0.0,
) -> Marks:
    """Add the boxes of one picture to a tally (see `matched`); returns which faces are found (M,)."""
    labels, hit = matched(found, confidence, truth, ignored, least, smallest)
    tally.faces += int((~ignored).sum())
    tally.found += int(hit.sum())
    tally.counted += int((labels >= 0).sum())
    tally.wrong += int((labels == 0).sum())
    return hit


def scenes(data: Path) -> tuple[Path, dict[str, list[list[float]]]]:
    """The folder of pictures and the boxes by picture; FileNotFoundError when the folder is another one."""
    folder = data if (data / "boxes_dev.json").is_file() else data / "detection"
    table = folder / "boxes_dev.json"
    if not table.is_file():
        raise FileNotFoundError(f"{data} has no detection/boxes_dev.json: give --data the data folder.")
    return folder, json.loads(table.read_text())


def labelled(data: Path) -> Iterator[tuple[Picture, Boxes, Boxes]]:
    """Every scene with its boxes (M, 5: left, top, width, height, ignore) in its own pixels, and as the file
    gives them.
    """
    folder, labels = scenes(data)
    for name, rows in tqdm(labels.items(), desc="scenes", unit="scene"):
        with Image.open(next(p for p in (folder / name, folder / "wider" / name) if p.is_file())) as file:
            picture = np.array(file.convert("RGB"))
        given = np.array(rows, dtype=np.float32).reshape(-1, 5)
        share = picture.shape[1] / LABELLED_WIDTH
        own = given * np.array([share, share, share, share, 1], dtype=np.float32)
        yield picture, own, given


def ignored_in(table: Boxes, smallest: float) -> Marks:
    """Which boxes of a scene (M, 5) count neither way."""
    marks: Marks = (table[:, 4] == 1) | (table[:, 3] < smallest)
    return marks


class Measured:
    """What one detector finds in the scenes."""

    def __init__(self, detect: Detector) -> None:
        self.detect = detect
        self.seconds: list[float] = []
        self.tallies = {"": Tally(), "every size": Tally(), "as given": Tally()}
        self.groups = {name: Tally() for name in GROUPS}

    def see(self, picture: Picture, table: Boxes, given: Boxes) -> None:
        """Search one scene and count."""
        started = time.perf_counter()
        boxes, confidence = self.detect(picture)
        self.seconds.append(time.perf_counter() - started)
        for name, truth, smallest in (
            ("", table, SMALLEST),
            ("every size", table, SMALLEST_OF_ALL),
            ("as given", given, SMALLEST),
        ):
            ignored = ignored_in(truth, smallest)
            hit = count(self.tallies[name], boxes, confidence, truth[:, :4], ignored, smallest=smallest)
            if name == "":
                for group, (low, high) in GROUPS.items():
                    own = ~ignored & (truth[:, 3] >= low) & (truth[:, 3] < high)
                    self.groups[group].faces += int(own.sum())
                    self.groups[group].found += int(hit[own].sum())

    def milliseconds(self) -> float:
        """Median time of a scene."""
        return 1000 * float(np.median(self.seconds))

    def figures(self) -> dict[str, Any]:
        """All of it for programs."""
        return {
            "ms_per_scene_median": round(self.milliseconds(), 1),
            **{
                name or f"{SMALLEST:.0f} px and more": {
                    "faces": one.faces,
                    "recall": round(one.recall, 4),
                    "recall_95": [round(value, 4) for value in one.recall_interval],
                    "precision": round(one.precision, 4),
                    "precision_95": [round(value, 4) for value in one.precision_interval],
                    "false_boxes": one.wrong,
                }
                for name, one in self.tallies.items()
            },
            "recall_by_height": {
                name: {"faces": one.faces, "recall": round(one.recall, 4)}
                for name, one in self.groups.items()
            },
        }

    def lines(self, name: str) -> list[str]:
        """All of it for people."""
        tally, small = self.tallies[""], self.tallies["every size"]
        low, high = tally.recall_interval
        least, most = tally.precision_interval
        groups = ", ".join(f"{group} {one.recall:.3f} ({one.faces})" for group, one in self.groups.items())
        return [
            f"{name}: {self.milliseconds():.0f} ms a scene (median)",
            f"  {SMALLEST:.0f} px and more: recall {tally.recall:.4f} ({low:.3f} to {high:.3f}), precision "
            f"{tally.precision:.4f} ({least:.3f} to {most:.3f}), {tally.faces} faces, "
            f"{tally.wrong} false boxes",
            f"  recall by height: {groups}",
            f"  {SMALLEST_OF_ALL:.0f} px and more: recall {small.recall:.4f}, "
            f"precision {small.precision:.4f}, {small.faces} faces",
        ]

    def rows(
        self, name: str, *, small: bool, wanted: tuple[float | None, float | None] = (None, None)
    ) -> list[Row]:
        """Rows for the table of all figures: `small` counts the smallest faces as well. wanted: recall and
        precision to reach.
        """
        tally = self.tallies["every size" if small else ""]
        protocol = PROTOCOL.format(f"{SMALLEST_OF_ALL if small else SMALLEST:.0f}")
        return [
            Row(
                f"{name}: recall",
                tally.recall,
                tally.recall_interval,
                f"{tally.faces} faces",
                protocol,
                wanted[0],
            ),
            Row(
                f"{name}: precision",
                tally.precision,
                tally.precision_interval,
                f"{tally.counted} boxes",
                protocol,
                wanted[1],
            ),
        ]


def ours(detector: FaceDetector, options: DetectionOptions) -> Detector:
    """The engine's detector with some options."""

    def detect(picture: Picture) -> tuple[Boxes, NDArray[np.float32]]:
        found = detector.detect([Levels(picture)], options)[0]
        return found.boxes, found.confidence

    return detect


def reference() -> Detector | None:
    """facenet-pytorch's `MTCNN.detect` with its defaults on one thread; None where it is not installed."""
    if find_spec("torch") is None or find_spec("facenet_pytorch") is None:
        return None
    import torch
    from facenet_pytorch import MTCNN

    torch.set_num_threads(1)
    mtcnn = MTCNN()

    def detect(picture: Picture) -> tuple[Boxes, NDArray[np.float32]]:
        corners, confidence = mtcnn.detect(Image.fromarray(picture))
        if corners is None:
            return np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.float32)
        boxes = corners.astype(np.float32)
        boxes[:, 2:] -= boxes[:, :2]
        return boxes, confidence.astype(np.float32)

    return detect


def evaluate(data: Path) -> Section:
    """Recall and precision of every detection model, and of the reference."""
    detector = FaceDetector.load()
    measured = {name: Measured(ours(detector, options)) for name, options in DETECTION_MODELS.items()}
    other = reference()
    if other is not None:
        measured[REFERENCE] = Measured(other)
    count_scenes = 0
    for picture, table, given in labelled(data):
        count_scenes += 1
        for one in measured.values():
            one.see(picture, table, given)
    rows = [
        row
        for name, one in measured.items()
        for row in one.rows(
            f"Detection, {name}", small=False, wanted=WANTED if name == "detection_01" else (None, None)
        )
    ]
    rows += [
        row
        for name, one in measured.items()
        for row in one.rows(f"Detection of small faces too, {name}", small=True)
    ]
    first = measured["detection_01"]
    rows += [
        Row(
            "Detection, detection_01: recall",
            one.recall,
            one.recall_interval,
            f"{one.faces} faces",
            PROTOCOL.format("24"),
            group=f"height: {group}",
        )
        for group, one in first.groups.items()
    ]
    figures: dict[str, Any] = {name: one.figures() for name, one in measured.items()}
    figures["scenes"] = count_scenes
    figures["options"] = {name: asdict(options) for name, options in DETECTION_MODELS.items()}
    lines = [f"{count_scenes} scenes, IoU 0.5, one thread"]
    lines += [line for name, one in measured.items() for line in one.lines(name)]
    given_tally = first.tallies["as given"]
    notes = [NOTES[0], NOTES[1].format(given_tally.recall, given_tally.precision)]
    return Section("detection", figures, lines, rows, notes)
