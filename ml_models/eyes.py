"""How far the eyes are open, and where they look relative to the head, from lids and irises.

Left and right are as seen in the picture. All distances are measured along the head's own axes (see
`ml_models.head_pose`), so that a turned or tilted head does not close its eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml_models.head_pose import HeadPoses
from ml_models.mesh import Meshes

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]

#: Points of `Meshes.eyes`: corners, and the pairs of lids across the middle of the eye (upper, lower).
OUTER, INNER = 0, 8
UPPER, LOWER = [11, 12, 13], [3, 4, 5]
#: Gap of the lids per width of the eye at which an eye counts as shut and as fully open; between them linear.
SHUT, OPEN = 0.10, 0.26
#: Radius of the eyeball per width of the eye: 12 mm of 30 mm, means of grown-ups.
EYEBALL = 0.40
#: Where the iris stands when people look at the camera: so much of the eye's width above the line of corners.
REST_HEIGHT = 0.03


@dataclass(frozen=True)
class Eyes:
    """The eyes of N faces, left and right as seen in the picture; all float32.

    open: (N, 2) in [0, 1], 0 shut, 1 as open as an open eye is. gap: (N, 2), height of the opening per width
    of the eye. gaze: (N, 2), yaw and pitch in degrees relative to the head, mean of both eyes weighted by how
    open they are; positive to the right of the picture and up, as in `HeadPoses`; within 60.
    """

    open: Floats
    gap: Floats
    gaze: Floats


def along_head(vectors: Numbers, rotation: Numbers) -> Floats:
    """Vectors of the picture (N, ..., 2) as parts along the head's x and y axes, for points that lie in the
    plane of the face.

    A plane seen from the side shows no depth, so heads turned by more than 75 degrees are taken as turned
    by 75.
    """
    axes = rotation[:, :2, :2].astype(np.float64)
    determinant = np.linalg.det(axes)
    least = np.cos(np.radians(75.0))
    back = np.empty_like(axes)
    back[:, 0, 0], back[:, 1, 1] = axes[:, 1, 1], axes[:, 0, 0]
    back[:, 0, 1], back[:, 1, 0] = -axes[:, 0, 1], -axes[:, 1, 0]
    back /= np.maximum(determinant, least)[:, None, None]
    found: Floats = np.einsum("nij,n...j->n...i", back, vectors).astype(np.float32)
    return found


def measure(meshes: Meshes, poses: HeadPoses) -> Eyes:
    """Openness and gaze of every face of the meshes; N may be 0.

    gap = mean over three pairs of lid points of their distance along the head's y axis, divided by the
    distance of the eye's corners; open = (gap - SHUT) / (OPEN - SHUT), cut to [0, 1]. Gaze: the offset d of
    the iris' middle from the middle of the corners, per width of the eye, is the sine of the eyeball's turn:
    asin(d / EYEBALL).
    """
    lids = meshes.eyes[..., :2]
    corners = along_head(lids[:, :, INNER] - lids[:, :, OUTER], poses.rotation)
    width = np.maximum(np.linalg.norm(corners, axis=2), 1e-6)
    across = along_head(lids[:, :, LOWER] - lids[:, :, UPPER], poses.rotation)
    gap = np.maximum(across[..., 1].mean(axis=2), 0) / width
    opened = np.clip((gap - SHUT) / (OPEN - SHUT), 0, 1)
    middle = (lids[:, :, INNER] + lids[:, :, OUTER]) / 2
    offset = along_head(meshes.iris[:, :, 0, :2] - middle, poses.rotation) / width[..., None]
    # A shut eye says nothing about where it would look.
    trust = opened + 1e-3
    mean = (offset * trust[..., None]).sum(axis=1) / trust.sum(axis=1)[:, None]
    sine = np.stack([mean[:, 0], -mean[:, 1] - REST_HEIGHT], axis=1) / EYEBALL
    limit = np.sin(np.radians(60.0))
    gaze = np.degrees(np.arcsin(np.clip(sine, -limit, limit)))
    return Eyes(opened.astype(np.float32), gap.astype(np.float32), gaze.astype(np.float32))
