"""Measures head poses where the answer is known: `python -m ml_models.evaluation.pose --data DATA`.

No picture of the data folder says how a head is turned, so three things are measured that must hold: a
picture turned by an angle turns the roll by it and leaves yaw and pitch; its mirror image changes the signs
of yaw and roll and nothing else; and the pose agrees with the one fitted to hand-drawn points.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ml_models.detection import FaceDetector
from ml_models.evaluation.landmark_data import load_landmarks
from ml_models.evaluation.one_part import fingerprint, middle_face, read_picture, run
from ml_models.evaluation.report import Row, Section
from ml_models.head_pose import WEIGHTS, HeadPoseModel, angles, rotations
from ml_models.landmark_names import IBUG
from ml_models.levels import Levels
from ml_models.mesh import FACE_WEIGHTS, MeshModel

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]
Picture = NDArray[np.uint8]

#: Points of iBUG that go with the head: brows' inner ends, nose, corners of the eyes.
RIGID = [19, 20, 21, 22, 23, 24, 27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45]
TURNS = (-15, 15)


def flat_pose(shape: Numbers, points: Numbers, rounds: int = 100) -> Floats:
    """The rotation (3, 3) whose shadow of a shape (K, 3) comes closest to flat points (K, 2).

    Starts with the best linear map and alternates: depths from the present rotation, rotation from the
    points with those depths.
    """
    own = shape - shape.mean(axis=0)
    theirs = points - points.mean(axis=0)
    linear = theirs.T @ np.linalg.pinv(own.T)
    size = np.linalg.norm(linear, axis=1).mean()
    rotation = np.vstack([linear / size, np.cross(*(linear / size))])
    left, _, right = np.linalg.svd(rotation)
    rotation = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    for _ in range(rounds):
        turned = own @ rotation.T
        size = (turned[:, :2] * theirs).sum() / (turned[:, :2] ** 2).sum()
        full = np.concatenate([theirs, size * turned[:, 2:]], axis=1)
        left, _, right = np.linalg.svd(full.T @ own)
        rotation = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    return rotation.astype(np.float32)


class _Poses:
    """Finds the pose of the middle face of a picture."""

    def __init__(self) -> None:
        self.detector, self.mesh = FaceDetector.load(), MeshModel.load()
        self.model = HeadPoseModel.load()

    def of(self, picture: Picture) -> tuple[Floats, bool]:
        """Yaw, pitch, roll (3,) and whether a face was found."""
        levels = Levels(picture)
        points, seen = middle_face(self.detector, levels)
        poses = self.model.poses(self.mesh.surfaces([levels], [points[None]]))
        return np.array([poses.yaw[0], poses.pitch[0], poses.roll[0]], dtype=np.float32), seen


def turned_picture(picture: Picture, degrees: float) -> Picture:
    """A picture turned clockwise about its middle, the same size."""
    return np.array(Image.fromarray(picture).rotate(-degrees, Image.Resampling.BICUBIC))


def evaluate(data: Path, most: int = 100) -> Section:
    """Errors in degrees under known turns and mirroring, and against hand-drawn points."""
    files, truth = load_landmarks(data)
    step = max(1, len(files) // most)
    poses, turned, mirrored, drawn = _Poses(), [], [], []
    for file, points in tqdm(list(zip(files, truth, strict=True))[::step], desc="faces", unit="face"):
        picture = read_picture(file)
        pose, seen = poses.of(picture)
        if not seen:
            continue
        for degrees in TURNS:
            again, seen = poses.of(turned_picture(picture, degrees))
            if seen:
                turned.append(again - pose - [0, 0, degrees])
        again, seen = poses.of(np.ascontiguousarray(picture[:, ::-1]))
        if seen:
            mirrored.append(again * [-1, 1, -1] - pose)
        rotation = flat_pose(poses.model.shape[IBUG][RIGID], points[RIGID])
        drawn.append(np.concatenate([pose, np.concatenate(angles(rotation[None]))]))
    both = np.array(drawn)
    figures: dict[str, Any] = {"pictures": len(drawn)}
    for name, differences in (
        ("turned_15", np.array(turned)),
        ("mirrored", np.array(mirrored)),
        ("hand_drawn", both[:, :3] - both[:, 3:]),
    ):
        for place, angle in enumerate(("yaw", "pitch", "roll")):
            figures[f"{name}_{angle}_median"] = round(float(np.median(np.abs(differences[:, place]))), 2)
    for place, angle in enumerate(("yaw", "pitch", "roll")):
        correlation = np.corrcoef(both[:, place], both[:, 3 + place])[0, 1]
        figures[f"hand_drawn_{angle}_correlation"] = round(float(correlation), 3)
    lines = [f"{len(drawn)} pictures; medians of the absolute difference in degrees: yaw, pitch, roll"]
    for name, words in (
        ("turned_15", "picture turned by 15 degrees"),
        ("mirrored", "picture mirrored"),
        ("hand_drawn", "against the fit to hand-drawn points"),
    ):
        lines.append(
            f"{words}: " + ", ".join(str(figures[f"{name}_{a}_median"]) for a in ("yaw", "pitch", "roll"))
        )
    lines.append(
        "correlation with that fit: "
        + ", ".join(str(figures[f"hand_drawn_{a}_correlation"]) for a in ("yaw", "pitch", "roll"))
    )
    rows = [
        Row(
            f"Head pose, {angle}: median difference, degrees",
            figures[f"hand_drawn_{angle}_median"],
            None,
            f"{len(drawn):,} faces",
            "against the same rigid face fitted to 68 hand-drawn points",
            digits=1,
        )
        for angle in ("yaw", "pitch", "roll")
    ]
    return Section("pose", figures, lines, rows)


def known_rotations(yaw: float, pitch: float, roll: float) -> Floats:
    """One rotation (1, 3, 3) of angles in degrees."""
    return rotations(*(np.array([one], dtype=np.float32) for one in (yaw, pitch, roll)))


if __name__ == "__main__":
    raise SystemExit(run("pose", evaluate, {"pose": fingerprint([FACE_WEIGHTS, WEIGHTS])}))
