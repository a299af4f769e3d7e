"""Measures the shipped emotion network on pictures with people's votes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ml_models.emotion import EmotionScorer
from ml_models.evaluation.calibration import fit_temperature, softmax
from ml_models.evaluation.measures import calibration_error, class_scores, confusion_matrix, interval
from ml_models.evaluation.report import Section
from ml_models.names import EMOTIONS
from ml_models.training.emotion_data import EmotionSet, load_emotion_set


def emotion_folder(data: Path) -> Path:
    """The folder with the votes: `data` itself or `data/emotion`."""
    return data if (data / "votes.csv").is_file() or not (data / "emotion").is_dir() else data / "emotion"


def milliseconds(scorer: EmotionScorer, batch: int, seconds: float = 2.0) -> float:
    """Median time per face of squares in batches of this size, with torch's present threads."""
    squares = [np.random.default_rng(k).integers(0, 256, (48, 48), dtype=np.uint8) for k in range(batch)]
    for _ in range(3):
        scorer.probabilities(squares)
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        scorer.probabilities(squares)
        times.append(time.perf_counter() - started)
    return round(1000 * float(np.median(times)) / batch, 2)


def cross_fitted_error(logits: NDArray[np.float32], truth: NDArray[np.int64], seed: int = 1) -> float:
    """Calibration error when each half is scored with the temperature of the other half."""
    order = np.random.default_rng(seed).permutation(len(truth))
    half = np.zeros(len(truth), dtype=bool)
    half[order[: len(truth) // 2]] = True
    probabilities = np.empty((len(truth), len(EMOTIONS)))
    for own in (half, ~half):
        probabilities[own] = softmax(logits[own], fit_temperature(logits[~own], truth[~own]))
    return calibration_error(probabilities, truth)


def figures_of(logits: NDArray[np.float32], truth: NDArray[np.int64], temperature: float) -> dict[str, Any]:
    """Scores of logits (N, 8) against the majority (N,)."""
    answer = logits.argmax(axis=1)
    confusion = confusion_matrix(truth, answer, len(EMOTIONS))
    scores, right = class_scores(confusion), int(confusion.trace())
    return {
        "pictures": len(truth),
        "accuracy": round(right / len(truth), 4),
        "accuracy_95": [round(v, 4) for v in interval(right, len(truth))],
        "macro_f1": round(float(scores[:, 2].mean()), 4),
        "classes": {
            name: {"precision": round(p, 4), "recall": round(r, 4), "f1": round(f, 4), "pictures": int(n)}
            for name, (p, r, f), n in zip(EMOTIONS, scores.tolist(), confusion.sum(axis=1), strict=True)
        },
        "confusion": confusion.tolist(),
        "temperature": temperature,
        "ece_before": round(calibration_error(softmax(logits), truth), 4),
        "ece_after": round(calibration_error(softmax(logits, temperature), truth), 4),
        "ece_cross_fitted": round(cross_fitted_error(logits, truth), 4),
    }


def lines_of(figures: dict[str, Any]) -> list[str]:
    """The figures as a table for people."""
    low, high = figures["accuracy_95"]
    lines = [
        f"{figures['pictures']} pictures with a clear majority, duplicates of training left out",
        f"accuracy {figures['accuracy']:.4f}  (95 % {low:.3f} to {high:.3f})",
        f"macro-F1 {figures['macro_f1']:.4f}",
        f"calibration error, 15 bins: {figures['ece_before']:.4f} at temperature 1, "
        f"{figures['ece_after']:.4f} at "
        f"{figures['temperature']}, {figures['ece_cross_fitted']:.4f} when fitted on the other half",
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
    """Score the shipped network on the validation part of a data folder, as the engine runs it."""
    validation: EmotionSet = load_emotion_set(emotion_folder(data), "validation").clear()
    scorer = EmotionScorer()
    logits = torch.cat([scorer.logits(some) for some in validation.pictures.split(512)]).numpy()
    figures = figures_of(logits, validation.majority.numpy(), scorer.temperature)
    if timing:
        figures["threads"] = torch.get_num_threads()
        figures["ms_per_face"] = {batch: milliseconds(scorer, batch) for batch in (1, 32)}
    return Section("emotion", figures, lines_of(figures))
