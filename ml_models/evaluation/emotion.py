"""Measures the shipped emotion network on pictures with people's votes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml_models.detection import FaceDetector
from ml_models.emotion import EmotionModel
from ml_models.evaluation.calibration import fit_temperature, softmax
from ml_models.evaluation.measures import calibration_error, class_scores, confusion_matrix, interval
from ml_models.evaluation.report import Row, Section
from ml_models.face_trunk import FaceTrunk
from ml_models.names import EMOTIONS
from ml_models.training.emotion_data import EmotionSet, load_emotion_set

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

#: Crops that are scored at once: bounds memory.
PORTION = 256
PROTOCOL = "FER+ validation part, clear majority of ten votes, known repeats of training left out"
NOTE = (
    "Emotion: about one validation picture in ten is still a near-copy of a training picture; the epoch of "
    "the training and the shares of both networks were chosen on these pictures. The set has neither gender "
    "nor age."
)


def emotion_folder(data: Path) -> Path:
    """The folder with the votes: `data` itself or `data/emotion`."""
    return data if (data / "votes.csv").is_file() or not (data / "emotion").is_dir() else data / "emotion"


def crop_logits(
    pictures: Pixels, model: EmotionModel, detector: FaceDetector, trunk: FaceTrunk
) -> tuple[Floats, Floats]:
    """Logits (N, 8) of the network on its own and of the head, of grey crops (N, 48, 48), as the engine gets
    them.
    """
    own, head = [], []
    for start in tqdm(range(0, len(pictures), PORTION), desc="faces", unit="portion"):
        crops = [np.repeat(one[:, :, None], 3, axis=2) for one in pictures[start : start + PORTION]]
        first, second = model.crop_logits(crops, detector, trunk)
        own.append(first)
        head.append(second)
    return np.concatenate(own), np.concatenate(head)


def milliseconds(
    model: EmotionModel, detector: FaceDetector, trunk: FaceTrunk, batch: int, seconds: float = 2.0
) -> float:
    """Median time per face of crops in batches of this size, on one processor."""
    draw = np.random.default_rng(1)
    crops = [draw.integers(0, 256, (48, 48, 3), dtype=np.uint8) for _ in range(batch)]
    for _ in range(3):
        model.of_crops(crops, detector, trunk)
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        model.of_crops(crops, detector, trunk)
        times.append(time.perf_counter() - started)
    return round(1000 * float(np.median(times)) / batch, 2)


def cross_fitted_error(logits: Floats, truth: NDArray[np.int64], seed: int = 1) -> float:
    """Calibration error when each half is scored with a temperature fitted on the other half."""
    order = np.random.default_rng(seed).permutation(len(truth))
    half = np.zeros(len(truth), dtype=bool)
    half[order[: len(truth) // 2]] = True
    probabilities = np.empty((len(truth), len(EMOTIONS)))
    for own in (half, ~half):
        probabilities[own] = softmax(logits[own], fit_temperature(logits[~own], truth[~own]))
    return calibration_error(probabilities, truth)


def figures_of(logits: Floats, truth: NDArray[np.int64]) -> dict[str, Any]:
    """Scores of calibrated logits (N, 8) against the majority (N,)."""
    answer = logits.argmax(axis=1)
    confusion = confusion_matrix(truth, answer, len(EMOTIONS))
    scores, right = class_scores(confusion), int(confusion.trace())
    return {
        "pictures": len(truth),
        "accuracy": round(right / len(truth), 4),
        "accuracy_95": [round(v, 4) for v in interval(right, len(truth))],
        "macro_f1": round(float(scores[:, 2].mean()), 4),
        "macro_f1_95": [round(v, 4) for v in macro_f1_interval(truth, answer)],
        "classes": {
            name: {"precision": round(p, 4), "recall": round(r, 4), "f1": round(f, 4), "pictures": int(n)}
            for name, (p, r, f), n in zip(EMOTIONS, scores.tolist(), confusion.sum(axis=1), strict=True)
        },
        "confusion": confusion.tolist(),
        "calibration_error": round(calibration_error(softmax(logits), truth), 4),
        "calibration_error_cross_fitted": round(cross_fitted_error(logits, truth), 4),
    }


def macro_f1_interval(
    truth: NDArray[np.int64], answer: NDArray[np.int64], rounds: int = 500
) -> tuple[float, float]:
    """95 % interval of macro-F1 by drawing the pictures anew (bootstrap, seed 1)."""
    draw = np.random.default_rng(1)
    found = []
    for _ in range(rounds):
        chosen = draw.integers(0, len(truth), len(truth))
        confusion = confusion_matrix(truth[chosen], answer[chosen], len(EMOTIONS))
        found.append(class_scores(confusion)[:, 2].mean())
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)


def lines_of(figures: dict[str, Any]) -> list[str]:
    """The figures as a table for people."""
    low, high = figures["accuracy_95"]
    lines = [
        f"{figures['pictures']} pictures with a clear majority, duplicates of training left out",
        f"accuracy {figures['accuracy']:.4f}  (95 % {low:.3f} to {high:.3f})",
        f"macro-F1 {figures['macro_f1']:.4f}  (95 % {figures['macro_f1_95'][0]:.3f} to "
        f"{figures['macro_f1_95'][1]:.3f})",
        f"calibration error, 15 bins: {figures['calibration_error']:.4f}; "
        f"{figures['calibration_error_cross_fitted']:.4f} with a temperature fitted on the other half",
    ]
    if "ms_per_face" in figures:
        lines.append(
            f"ms a face on {figures['threads']} thread(s): "
            + ", ".join(f"{ms} in batches of {batch}" for batch, ms in figures["ms_per_face"].items())
        )
    lines += ["", f"{'':<10} precision  recall      F1  pictures"]
    lines += [
        f"{name:<10}    {s['precision']:.4f}  {s['recall']:.4f}  {s['f1']:.4f}  {s['pictures']:>8}"
        for name, s in figures["classes"].items()
    ]
    lines += [
        "",
        "rows: majority of the votes, columns: answer",
        f"{'':<10}" + "".join(f"{n[:7]:>8}" for n in EMOTIONS),
    ]
    lines += [
        f"{name:<10}" + "".join(f"{cell:>8}" for cell in row)
        for name, row in zip(EMOTIONS, figures["confusion"], strict=True)
    ]
    return lines


def evaluate(data: Path, *, timing: bool = True) -> Section:
    """Score the shipped networks on the validation part of a data folder, as the engine runs them."""
    validation: EmotionSet = load_emotion_set(emotion_folder(data), "validation").clear()
    model, detector, trunk = EmotionModel.load(), FaceDetector.load(), FaceTrunk.load()
    own, head = crop_logits(validation.pictures[:, 0].numpy(), model, detector, trunk)
    truth = validation.majority.numpy()
    figures = figures_of(model.calibrated(own, head), truth)
    # How much each of the two networks brings.
    figures["alone"] = {
        name: {key: figures_of(logits, truth)[key] for key in ("accuracy", "macro_f1")}
        for name, logits in (("own network", own), ("head", head))
    }
    if timing:
        figures["threads"] = 1
        figures["ms_per_face"] = {batch: milliseconds(model, detector, trunk, batch) for batch in (1, 32)}
    lines = lines_of(figures)
    lines += [
        "",
        *(f"{n} alone: {s['accuracy']:.4f} / {s['macro_f1']:.4f}" for n, s in figures["alone"].items()),
    ]
    count = f"{len(truth):,} faces"
    accuracy, f1 = figures["accuracy_95"], figures["macro_f1_95"]
    rows = [
        Row(
            "Emotion, eight classes: accuracy",
            figures["accuracy"],
            (accuracy[0], accuracy[1]),
            count,
            PROTOCOL,
            0.87,
        ),
        Row("Emotion, eight classes: macro-F1", figures["macro_f1"], (f1[0], f1[1]), count, PROTOCOL, 0.68),
        Row(
            "Emotion: calibration error",
            figures["calibration_error_cross_fitted"],
            None,
            count,
            "15 bins, temperature fitted on the other half",
        ),
    ]
    rows += [
        Row("Emotion: F1", one["f1"], None, f"{one['pictures']:,} faces", PROTOCOL, group=f"emotion: {name}")
        for name, one in figures["classes"].items()
    ]
    return Section("emotion", figures, lines, rows, [NOTE])
