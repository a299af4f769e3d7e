"""Which way a head is turned: yaw, pitch and roll, by fitting a rigid face to the mesh.

Signs as in the answers that Face API's document shows, which the points beside them confirm: yaw grows as
the nose moves to the right of the picture, pitch as the face looks up, roll as the head leans clockwise (its
right eye in the picture lower). A face that looks straight at the camera has 0, 0, 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ml_models.registry import weight

WEIGHTS = "face-shape"

Floats = NDArray[np.float32]
#: What is taken: any precision.
Numbers = NDArray[np.floating]


@dataclass(frozen=True)
class HeadPoses:
    """The poses of N heads.

    yaw, pitch, roll: float32 (N,), degrees; yaw and pitch within 90, roll within 180. rotation: float32
    (N, 3, 3), from the head's own axes (x to the ear on the right of a frontal picture, y to the chin, z into
    the head) to the picture's (x right, y down, z away). residual: float32 (N,), root mean square
    distance of the fit as a share of the face's size: above about 0.1 the mesh is no face.
    """

    yaw: Floats
    pitch: Floats
    roll: Floats
    rotation: Floats
    residual: Floats


def angles(rotation: Floats) -> tuple[Floats, Floats, Floats]:
    """Yaw, pitch and roll in degrees of rotations (N, 3, 3) = roll * yaw * pitch, pitch first."""
    yaw = np.degrees(np.arcsin(np.clip(rotation[:, 2, 0], -1, 1)))
    pitch = -np.degrees(np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2]))
    roll = np.degrees(np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0]))
    return yaw.astype(np.float32), pitch.astype(np.float32), roll.astype(np.float32)


def rotations(yaw: Numbers, pitch: Numbers, roll: Numbers) -> Floats:
    """The rotations (N, 3, 3) of angles (N,) in degrees: the way back of `angles`."""
    y, p, r = (np.radians(np.asarray(one, dtype=np.float64)) for one in (-yaw, -pitch, roll))
    one, zero = np.ones_like(y), np.zeros_like(y)
    turn_r = [[np.cos(r), -np.sin(r), zero], [np.sin(r), np.cos(r), zero], [zero, zero, one]]
    turn_y = [[np.cos(y), zero, np.sin(y)], [zero, one, zero], [-np.sin(y), zero, np.cos(y)]]
    turn_p = [[one, zero, zero], [zero, np.cos(p), -np.sin(p)], [zero, np.sin(p), np.cos(p)]]
    first: NDArray[np.float64] = np.array(turn_r).transpose(2, 0, 1)
    second: NDArray[np.float64] = np.array(turn_y).transpose(2, 0, 1)
    third: NDArray[np.float64] = np.array(turn_p).transpose(2, 0, 1)
    return (first @ second @ third).astype(np.float32)


def fit(shape: Numbers, points: Numbers, weights: Numbers) -> tuple[Floats, Floats]:
    """Rotations (N, 3, 3) that turn the shape (K, 3) closest to the points (N, K, 3), and what is left (N,).

    Weighted least squares over turn, size and shift (Umeyama, 1991); no mirror image is taken for a turn.
    """
    share = (weights / weights.sum())[None, :, None].astype(np.float64)
    own = shape[None] - (shape[None] * share).sum(axis=1, keepdims=True)
    theirs = points - (points * share).sum(axis=1, keepdims=True)
    left, stretch, right = np.linalg.svd((theirs * share).transpose(0, 2, 1) @ own)
    sign = np.ones((len(points), 3))
    sign[:, 2] = np.linalg.det(left @ right)
    rotation = (left * sign[:, None, :]) @ right
    spread = (own**2 * share).sum()
    size = (stretch * sign).sum(axis=1) / spread
    rest = theirs - size[:, None, None] * (own @ rotation.transpose(0, 2, 1))
    error = np.sqrt((rest**2 * share).sum(axis=(1, 2)))
    extent = np.maximum(size * np.sqrt(spread), 1e-6)
    return rotation.astype(np.float32), (error / extent).astype(np.float32)


class HeadPoseModel:
    """Fits the project's rigid face (`docs/models/landmarks.md`). Threads may share it: it keeps no state.

    shape: (468, 3), the mean face looking straight ahead, its eyes one unit apart. weights: (468,), how
    rigidly each point goes with the head: the nose and the brow's ridge much, mouth and jaw little.
    """

    def __init__(self, shape: Floats, weights: Floats) -> None:
        self.shape, self.weights = shape, weights

    @classmethod
    def load(cls) -> HeadPoseModel:
        """Load and verify the rigid face; WeightError when the file is missing or altered."""
        tensors = load_file(weight(WEIGHTS).verified())
        return cls(tensors["shape"], tensors["weights"])

    def poses(self, points: Numbers) -> HeadPoses:
        """The poses of meshes (N, 468, 3) in pixels, as `MeshModel` gives them; N may be 0.

        Raises ValueError for another shape or numbers that are not finite.
        """
        points = np.asarray(points, dtype=np.float32)
        if points.ndim != 3 or points.shape[1:] != self.shape.shape:
            raise ValueError(f"Give meshes of the shape (N, 468, 3), not {points.shape}.")
        if not np.isfinite(points).all():
            raise ValueError("Some points of a mesh are not finite numbers: make the mesh again.")
        rotation, residual = fit(self.shape, points, self.weights)
        return HeadPoses(*angles(rotation), rotation, residual)
