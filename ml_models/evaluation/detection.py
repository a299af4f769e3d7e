"""Measures face detection on scenes with boxes drawn by people."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ml_models.detection import DetectionOptions, FaceDetector
from ml_models.evaluation.measures import interval
from ml_models.evaluation.report import Section

Boxes = NDArray[np.float32]


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


def overlaps(first: Boxes, second: Boxes) -> NDArray[np.float32]:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4) as left, top, width, height."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    both = first[:, 2:].prod(axis=1)[:, None] + second[:, 2:].prod(axis=1)[None] - shared
    return (shared / np.maximum(both, 1e-6)).astype(np.float32)


def count(
    tally: Tally,
    found: Boxes,
    confidence: NDArray[np.float32],
    truth: Boxes,
    ignored: NDArray[np.bool_],
    least: float = 0.5,
    smallest: float = 0.0,
) -> None:
    """Match boxes to faces, the surest first, each face once.

    A box left over is wrong, unless it is lower than `smallest` px or matches an ignored face.
    """
    tally.faces += int((~ignored).sum())
    overlap = overlaps(found, truth) if len(truth) else np.zeros((len(found), 0), dtype=np.float32)
    free = np.ones(len(truth), dtype=bool)
    for one in np.argsort(-confidence, kind="stable"):
        fits = np.where(free & ~ignored, overlap[one], 0.0)
        if fits.size and fits.max() >= least:
            free[fits.argmax()] = False
            tally.found += 1
            tally.counted += 1
        elif found[one, 3] >= smallest and not (overlap[one][ignored] >= least).any():
            tally.counted += 1
            tally.wrong += 1


def scenes(data: Path) -> tuple[Path, dict[str, list[list[float]]]]:
    """The folder of pictures and the boxes by picture; FileNotFoundError when the folder is another one."""
    folder = data if (data / "boxes_dev.json").is_file() else data / "detection"
    table = folder / "boxes_dev.json"
    if not table.is_file():
        raise FileNotFoundError(f"{data} has no detection/boxes_dev.json: give --data the data folder.")
    return folder, json.loads(table.read_text())


def evaluate(data: Path, options: DetectionOptions | None = None, smallest: float = 0.0) -> Section:
    """Recall and precision at IoU 0.5; faces lower than `smallest` px count neither way."""
    folder, labels = scenes(data)
    detector = FaceDetector(options)
    tally, seconds = Tally(), []
    for name, rows in tqdm(labels.items(), desc="scenes", unit="scene"):
        with Image.open(next(p for p in (folder / name, folder / "wider" / name) if p.is_file())) as file:
            picture = np.asarray(file.convert("RGB"))
        started = time.perf_counter()
        result = detector.detect(picture)
        seconds.append(time.perf_counter() - started)
        table = np.array(rows, dtype=np.float32).reshape(-1, 5)
        ignored = (table[:, 4] == 1) | (table[:, 3] < smallest)
        count(tally, result.boxes, result.confidence, table[:, :4], ignored, smallest=smallest)
    figures: dict[str, Any] = {
        "scenes": len(labels),
        "faces": tally.faces,
        "smallest_face_px": smallest,
        "recall": round(tally.recall, 4),
        "recall_95": [round(v, 4) for v in interval(tally.found, tally.faces)],
        "precision": round(tally.precision, 4),
        "precision_95": [round(v, 4) for v in interval(tally.counted - tally.wrong, tally.counted)],
        "false_boxes": tally.wrong,
        "ms_per_scene_median": round(1000 * float(np.median(seconds)), 1),
        "threads": torch.get_num_threads(),
        "options": asdict(detector.options),
    }
    low, high = figures["recall_95"]
    text = [
        f"{figures['scenes']} scenes, {tally.faces} faces, IoU 0.5",
        f"recall    {tally.recall:.4f}  (95 % {low:.3f} to {high:.3f})",
        f"precision {tally.precision:.4f}  (95 % {figures['precision_95'][0]:.3f} to "
        f"{figures['precision_95'][1]:.3f}), {tally.wrong} false boxes",
        f"{figures['ms_per_scene_median']} ms a scene (median), {figures['threads']} thread(s)",
    ]
    return Section("detection", figures, text)
