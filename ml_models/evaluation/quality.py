"""Measures how the figures of quality move with known damage, and whether they warn of bad comparisons:
`python -m ml_models.evaluation.quality --data DATA`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tqdm import tqdm

from ml_models.detection import FaceDetector
from ml_models.embedding import WEIGHTS, EmbeddingModel, distances
from ml_models.evaluation.one_part import fingerprint, middle_face, read_picture, run
from ml_models.evaluation.report import Section
from ml_models.evaluation.verification import best_threshold, load_pairs
from ml_models.head_pose import HeadPoseModel
from ml_models.mesh import MeshModel
from ml_models.quality import QualityModel, for_recognition

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]
Damage = Callable[[Picture], Picture]


def blurred(sigma: float) -> Damage:
    """Gaussian blur of so many pixels."""

    def damage(picture: Picture) -> Picture:
        return np.array(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))

    return damage


def lit(factor: float, added: float = 0.0) -> Damage:
    """Every pixel times a factor, plus an amount."""

    def damage(picture: Picture) -> Picture:
        return np.clip(picture * factor + added, 0, 255).astype(np.uint8)

    return damage


def noisy(deviation: float, seed: int = 1) -> Damage:
    """Normal noise of so many grey levels, the same on red, green and blue."""

    def damage(picture: Picture) -> Picture:
        noise = np.random.default_rng(seed).normal(0, deviation, (*picture.shape[:2], 1))
        return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)

    return damage


def shrunk(factor: float) -> Damage:
    """Made smaller and large again: details are gone, the size is the same."""

    def damage(picture: Picture) -> Picture:
        rows, columns = picture.shape[:2]
        small = Image.fromarray(picture).resize((max(1, int(columns * factor)), max(1, int(rows * factor))))
        return np.array(small.resize((columns, rows), Image.Resampling.BICUBIC))

    return damage


#: Damage by name, the figure it is meant to move, and how it is done.
DAMAGES: dict[str, tuple[str, Damage]] = {
    "none": ("", lit(1.0)),
    "blur 1 px": ("blur", blurred(1)),
    "blur 2 px": ("blur", blurred(2)),
    "blur 4 px": ("blur", blurred(4)),
    "light x 0.5": ("exposure", lit(0.5)),
    "light x 0.25": ("exposure", lit(0.25)),
    "light + 60": ("exposure", lit(1.0, 60)),
    "light + 120": ("exposure", lit(1.0, 120)),
    "noise 5": ("noise", noisy(5)),
    "noise 10": ("noise", noisy(10)),
    "noise 20": ("noise", noisy(20)),
    "noise 40": ("noise", noisy(40)),
    "shrunk x 0.3": ("blur", shrunk(0.3)),
    "shrunk x 0.15": ("blur", shrunk(0.15)),
}


def evaluate(data: Path, most: int = 60) -> Section:
    """Medians of blur, exposure and noise by damage, and the errors of verification by quality when the
    second picture of each pair is damaged.
    """
    pairs = load_pairs(data)
    # The same number of pairs of one person and of two.
    chosen = np.concatenate(
        [np.flatnonzero(pairs.same == kind)[:: 600 // (most // 2)] for kind in (True, False)]
    )
    same = pairs.same[chosen]
    detector, quality, model = FaceDetector(), QualityModel.load(), EmbeddingModel.load()
    mesh, head = MeshModel.load(), HeadPoseModel.load()
    firsts: list[tuple[Picture, Floats]] = []
    seconds: list[tuple[Picture, Floats]] = []
    for pair in tqdm(chosen, desc="pairs", unit="pair"):
        for found, number in ((firsts, pairs.first[pair]), (seconds, pairs.second[pair])):
            picture = read_picture(pairs.folder / pairs.names[number])
            found.append((picture, middle_face(detector, picture)[0][None]))
    reference = model.embeddings([p for p, _ in firsts], [q for _, q in firsts])
    points = [q for _, q in seconds]
    table: dict[str, Any] = {}
    distance, level, limit = [], [], 0.0
    for name, (_, damage) in tqdm(DAMAGES.items(), desc="damages"):
        pictures = [damage(picture) for picture, _ in seconds]
        measured = quality.qualities(pictures, points)
        poses = head.poses(mesh.meshes(pictures, points).points)
        apart = distances(reference, model.embeddings(pictures, points))
        limit = limit or best_threshold(apart, same)
        levels = for_recognition(measured, poses.yaw, poses.pitch)
        distance.append(apart)
        level.append(levels)
        table[name] = {
            "blur": round(float(np.median(measured.blur)), 3),
            "exposure": round(float(np.median(measured.exposure)), 3),
            "noise": round(float(np.median(measured.noise)), 3),
            "error": round(float(((apart < limit) != same).mean()), 4),
            **{word: levels.count(word) for word in ("high", "medium", "low")},
        }
    wrong = (np.stack(distance) < limit) != same[None]
    words = np.array(level)
    by_quality = {
        word: {
            "comparisons": int((words == word).sum()),
            "error": round(float(wrong[words == word].mean()), 4),
        }
        for word in ("high", "medium", "low")
        if (words == word).any()
    }
    figures = {"pairs": len(chosen), "damages": table, "by_quality": by_quality}
    lines = [f"{len(chosen)} pairs, second picture damaged; medians, and the share of pairs judged wrongly"]
    lines.append(f"{'':<16}  blur  exposure  noise   error   high medium    low")
    lines += [
        f"{name:<16} {row['blur']:.3f}     {row['exposure']:.3f}  {row['noise']:.3f}  {row['error']:.4f}"
        f"  {row['high']:>5} {row['medium']:>6} {row['low']:>6}"
        for name, row in table.items()
    ]
    lines += [
        f"quality for recognition {word}: {row['error']:.4f} wrong of {row['comparisons']}"
        for word, row in by_quality.items()
    ]
    return Section("quality", figures, lines)


if __name__ == "__main__":
    raise SystemExit(run("quality", evaluate, {"recognition": fingerprint([WEIGHTS])}))
