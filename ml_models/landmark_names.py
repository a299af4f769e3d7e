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

WEIGHTS = "landmarks68"
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


class LandmarkModel:
    """The 68 points from the mesh. Threads may share it: it keeps no state.

    weights: (68, 468), each point as a weighted sum of the mesh points in the frame of the eyes.
    """

    def __init__(self, weights: Floats) -> None:
        self.weights = weights

    @classmethod
    def load(cls) -> LandmarkModel:
        """Load and verify the weights; WeightError when the file is missing or altered."""
        return cls(load_file(weight(WEIGHTS).verified())["weights"])

    def ibug_points(self, meshes: Meshes) -> Floats:
        """The 68 points of iBUG of every face, (N, 68, 2) in pixels; N may be 0."""
        turn, middle = eye_frames(meshes.points)
        own = self.weights @ ((meshes.points[..., :2] - middle[:, None]) @ turn.transpose(0, 2, 1))
        # The frame is a turn and a scale: its transpose over the squared scale leads back.
        scale = np.maximum((turn[:, 0] ** 2).sum(axis=1), 1e-12)[:, None, None]
        found: Floats = ((own @ turn) / scale + middle[:, None]).astype(np.float32)
        return found
