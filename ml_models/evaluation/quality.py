"""Measures how the figures of quality move with known damage, and whether they warn of bad comparisons:
`python -m ml_models.evaluation.quality --data DATA`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tqdm import tqdm

from ml_models.calibration import best_threshold
from ml_models.detection import FaceDetector
from ml_models.embedding import EmbeddingModel, distances
from ml_models.evaluation.measures import interval
from ml_models.evaluation.one_part import fingerprint, middle_face, read_picture, run
from ml_models.evaluation.report import Row, Section
from ml_models.face_trunk import WEIGHTS
from ml_models.head_pose import HeadPoseModel
from ml_models.levels import Levels
from ml_models.mesh import MeshModel
from ml_models.pairs import Pairs, load_pairs
from ml_models.quality import Qualities, QualityModel, for_recognition

Floats = NDArray[np.float32]
Picture = NDArray[np.uint8]
Damage = Callable[[Picture], Picture]

#: Qualities for recognition from the best to the worst.
WORDS = ("high", "medium", "low")


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


@dataclass(frozen=True)
class Shot:
    """A picture of the pairs and the five points of its face, (5, 2)."""

    picture: Picture
    points: Floats


@dataclass(frozen=True)
class Seen:
    """What is measured on N faces after a damage: embeddings (N, 128) and words, their quality."""

    measured: Qualities
    embeddings: Floats
    words: list[str]


class _Observer:
    """Everything between a damaged picture and its quality for recognition."""

    def __init__(self) -> None:
        self.quality, self.model = QualityModel.load(), EmbeddingModel.load()
        self.mesh, self.head = MeshModel.load(), HeadPoseModel.load()

    def look(self, shots: list[Shot], damage: Damage) -> Seen:
        """Faces stay where they were found: what is measured is the damage, not the detector."""
        levels = [Levels(damage(shot.picture)) for shot in shots]
        points = [shot.points[None] for shot in shots]
        measured = self.quality.qualities(levels, points)
        surfaces = self.mesh.surfaces(levels, points)
        poses = self.head.poses(surfaces)
        words = for_recognition(measured, poses.yaw, poses.pitch)
        return Seen(measured, self.model.embeddings(levels, points, list(surfaces[:, None])), words)


def shots_of(pairs: Pairs, names: Iterable[int]) -> dict[int, Shot]:
    """The pictures of these numbers."""
    detector = FaceDetector.load()
    found = {}
    for number in tqdm(sorted(set(names)), desc="faces", unit="face"):
        picture = read_picture(pairs.folder / pairs.names[number])
        found[number] = Shot(picture, middle_face(detector, Levels(picture))[0])
    return found


def lower(first: list[str], second: list[str]) -> list[str]:
    """The worse of two qualities, pair by pair."""
    return [max(both, key=WORDS.index) for both in zip(first, second, strict=True)]


def evaluate(data: Path, most: int = 200) -> Section:
    """Medians of blur, exposure and noise by damage, and the accuracy of verification by the lower quality of
    a pair's faces, when both pictures are damaged alike.

    most: how many pairs, half of them of one person, evenly spread over the folds.
    """
    pairs = load_pairs(data)
    chosen = np.concatenate(
        [np.flatnonzero(pairs.same == kind)[:: max(1, 1200 // most)] for kind in (True, False)]
    )
    first, second, same = pairs.first[chosen].tolist(), pairs.second[chosen].tolist(), pairs.same[chosen]
    shots = shots_of(pairs, [*first, *second])
    place = {number: row for row, number in enumerate(shots)}
    one, other = [place[number] for number in first], [place[number] for number in second]
    observer = _Observer()
    table: dict[str, Any] = {}
    right, words, limit = [], [], 0.0
    for name, (_, damage) in tqdm(DAMAGES.items(), desc="damages"):
        seen = observer.look(list(shots.values()), damage)
        apart = distances(seen.embeddings[one], seen.embeddings[other])
        limit = limit or best_threshold(apart, same)
        own = lower([seen.words[row] for row in one], [seen.words[row] for row in other])
        right.append((apart < limit) == same)
        words.append(own)
        table[name] = {
            "blur": round(float(np.median(seen.measured.blur)), 3),
            "exposure": round(float(np.median(seen.measured.exposure)), 3),
            "noise": round(float(np.median(seen.measured.noise)), 3),
            "accuracy": round(float(right[-1].mean()), 4),
            **{word: own.count(word) for word in WORDS},
        }
    by_quality = accuracy_by(np.concatenate(right), np.concatenate([np.array(own) for own in words]))
    figures = {
        "pairs": len(chosen),
        "threshold": round(limit, 4),
        "damages": table,
        "by_quality": by_quality,
    }
    lines = [f"{len(chosen)} pairs, both pictures damaged; medians, and the share of pairs judged rightly"]
    lines.append(f"{'':<16}  blur  exposure  noise  accuracy   high medium    low")
    lines += [
        f"{name:<16} {row['blur']:.3f}     {row['exposure']:.3f}  {row['noise']:.3f}    {row['accuracy']:.4f}"
        f"  {row['high']:>5} {row['medium']:>6} {row['low']:>6}"
        for name, row in table.items()
    ]
    lines += [
        f"lower quality of the two {word}: {row['accuracy']:.4f} (95 % {row['low']:.4f} to {row['high']:.4f})"
        f" of {row['comparisons']} comparisons"
        for word, row in by_quality.items()
    ]
    protocol = f"{len(chosen)} pairs of LFW, both pictures damaged in {len(DAMAGES)} ways"
    rows = [
        Row(
            "Verification: accuracy",
            row["accuracy"],
            (row["low"], row["high"]),
            f"{row['comparisons']:,} comparisons",
            protocol,
            group=f"quality: {word}",
        )
        for word, row in by_quality.items()
    ]
    return Section("quality", figures, lines, rows)


def accuracy_by(right: NDArray[np.bool_], words: NDArray[np.str_]) -> dict[str, dict[str, Any]]:
    """Comparisons and accuracy with its 95 % interval for every quality that occurs."""
    found = {}
    for word in WORDS:
        own = right[words == word]
        if len(own):
            low, high = interval(int(own.sum()), len(own))
            found[word] = {
                "comparisons": len(own),
                "accuracy": round(float(own.mean()), 4),
                "low": round(low, 4),
                "high": round(high, 4),
            }
    return found


if __name__ == "__main__":
    raise SystemExit(run("quality", evaluate, {"recognition": fingerprint([WEIGHTS])}))
