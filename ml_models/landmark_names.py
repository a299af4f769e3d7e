"""From the mesh to points with names: the 27 of Face API and the 68 of iBUG.

Left and right are as seen in the picture, as in the answers of Face API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ml_models.registry import weight

if TYPE_CHECKING:
    from ml_models.mesh import Meshes

Floats = NDArray[np.float32]
Integers = NDArray[np.intp]

WEIGHTS, SHAPE_WEIGHTS = "landmarks68", "face-shape"
#: Corners of the left eye (outer, inner) and the right eye (inner, outer): left to right in the picture.
EYE_CORNERS = [33, 133, 362, 263]

#: Face API's names, in its order; the pupils are the middles of the irises.
NAMED: dict[str, int | None] = {
    "pupilLeft": None,
    "pupilRight": None,
    "noseTip": 4,
    "mouthLeft": 61,
    "mouthRight": 291,
    "eyebrowLeftOuter": 70,
    "eyebrowLeftInner": 107,
    "eyeLeftOuter": 33,
    "eyeLeftTop": 159,
    "eyeLeftBottom": 145,
    "eyeLeftInner": 133,
    "eyebrowRightInner": 336,
    "eyebrowRightOuter": 300,
    "eyeRightInner": 362,
    "eyeRightTop": 386,
    "eyeRightBottom": 374,
    "eyeRightOuter": 263,
    "noseRootLeft": 245,
    "noseRootRight": 465,
    "noseLeftAlarTop": 198,
    "noseRightAlarTop": 420,
    "noseLeftAlarOutTip": 102,
    "noseRightAlarOutTip": 331,
    "upperLipTop": 0,
    "upperLipBottom": 13,
    "underLipTop": 14,
    "underLipBottom": 17,
}

#: The mesh points nearest to iBUG's 0 to 67: jaw, brows, nose, eyes, outer and inner lips.
IBUG = [127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356]
IBUG += [70, 63, 105, 66, 107, 336, 296, 334, 293, 300]
IBUG += [168, 6, 195, 4, 98, 97, 2, 326, 327]
IBUG += [33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380]
IBUG += [61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181]
IBUG += [78, 81, 13, 311, 308, 402, 14, 178]
#: For each of the 68 points the one on the other side of the face.
IBUG_MIRRORED = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31]
IBUG_MIRRORED += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
IBUG_MIRRORED += [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
#: What turns a point of the frame of the eyes into its mirror image.
MIRROR = np.array([-1, 1], dtype=np.float32)


def mirror_order() -> Integers:
    """For every point of the mesh the one on the other side of the face, (468,), from the project's rigid
    face, which is its own mirror image. WeightError when that file is missing or altered.
    """
    shape = load_file(weight(SHAPE_WEIGHTS).verified())["shape"]
    apart = np.linalg.norm(shape[:, None] * np.array([-1, 1, 1]) - shape[None], axis=2)
    return np.asarray(apart.argmin(axis=1))


def named_points(meshes: Meshes) -> Floats:
    """The 27 points of Face API of every face, (N, 27, 2) in pixels, in the order of `NAMED`."""
    points = np.empty((len(meshes.points), len(NAMED), 2), dtype=np.float32)
    for place, index in enumerate(NAMED.values()):
        # The pupils come first: left, then right.
        points[:, place] = meshes.iris[:, place, 0, :2] if index is None else meshes.points[:, index, :2]
    return points


def eye_frames(points: Floats) -> tuple[Floats, Floats]:
    """The frame of the eyes of meshes (N, 468, 2 or 3): matrices (N, 2, 2) that turn and scale the picture so
    that the middles of both eyes lie one apart on a level, and the point between them (N, 2).
    """
    eyes = points[:, EYE_CORNERS, :2].reshape(-1, 2, 2, 2).mean(axis=2)
    line = eyes[:, 1] - eyes[:, 0]
    # Eyes that coincide (a mesh of nothing) give a very small face instead of a division by zero.
    length = np.maximum((line**2).sum(axis=1), 1e-12)[:, None, None]
    along = np.stack([line, np.stack([-line[:, 1], line[:, 0]], axis=1)], axis=1)
    return (along / length).astype(np.float32), eyes.mean(axis=1).astype(np.float32)


def views(meshes: Meshes, order: Integers) -> tuple[list[Floats], Floats]:
    """What the 68 points are told from: for each view that the mesh's network had of the faces (as they are,
    and mirrored) numbers (N, D): mesh, eyes and irises in the frame of the eyes, then the network's features.
    And the 68 nearest points of the mesh in that frame, (N, 68, 2), as they are.

    A mirrored view is told in mirrored places, so that one table serves both.
    """
    turn, middle = eye_frames(meshes.points)

    def framed(points: Floats) -> Floats:
        return np.matmul(points[..., :2] - middle[:, None], turn.transpose(0, 2, 1))

    def flat(points: Floats) -> Floats:
        return points.reshape(len(points), int(np.prod(points.shape[1:])))

    mesh = framed(meshes.points)
    # (N, 468, 2), and left and right apart: (N, 71, 2) and (N, 5, 2) each.
    left, right = ([framed(some[:, side]) for some in (meshes.eyes, meshes.iris)] for side in (0, 1))
    plain = [mesh, left[0], right[0], left[1], right[1]]
    # The left eye's points are those of a mirrored right eye, in the same order.
    mirrored = [some * MIRROR for some in (mesh[:, order], right[0], left[0], right[1], left[1])]
    answers = []
    for number in range(meshes.features.shape[1]):
        parts = [flat(some) for some in (mirrored if number else plain)]
        answers.append(np.concatenate([*parts, meshes.features[:, number]], axis=1))
    return answers, mesh[:, IBUG]


class LandmarkModel:
    """The 68 points from the mesh. Threads may share it: it keeps no state.

    weights: (D + 1, 136), what is added to the nearest mesh points, by the numbers of a view and a one.
    shift: (2,), how much further right and down those who drew the points saw faces. order: see
    `mirror_order`.
    """

    def __init__(self, weights: Floats, shift: Floats, order: Integers) -> None:
        self.weights, self.shift, self.order = weights, shift, order

    @classmethod
    def load(cls) -> LandmarkModel:
        """Load and verify the weights; WeightError when the file is missing or altered."""
        tensors = load_file(weight(WEIGHTS).verified())
        return cls(tensors["weights"].astype(np.float32), tensors["shift"], mirror_order())

    def ibug_points(self, meshes: Meshes) -> Floats:
        """The 68 points of iBUG of every face, (N, 68, 2) in pixels; N may be 0."""
        inputs, nearest = views(meshes, self.order)
        own = nearest + self.shift
        for number, some in enumerate(inputs):
            moved = (some @ self.weights[:-1] + self.weights[-1]).reshape(-1, len(IBUG), 2)
            own += (moved[:, IBUG_MIRRORED] * MIRROR if number else moved) / np.float32(len(inputs))
        return from_eye_frames(own, meshes.points)


def from_eye_frames(own: Floats, points: Floats) -> Floats:
    """Points (N, K, 2) of the frames of the eyes of meshes (N, 468, 3) as points of the picture."""
    turn, middle = eye_frames(points)
    # The frame is a turn and a scale: its transpose over the squared scale leads back.
    scale = np.maximum((turn[:, 0] ** 2).sum(axis=1), 1e-12)[:, None, None]
    found: Floats = ((own @ turn) / scale + middle[:, None]).astype(np.float32)
    return found
