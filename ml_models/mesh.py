"""468 points of a face's surface and its two irises, by MediaPipe's networks.

Left and right are as seen in the picture. Points are pixels of the picture, x to the right, y down; z grows
away from the camera in the same unit, with its zero about the middle of the head's front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ml_models.alignment import apply, crops_of, five_points, mirrored, scales, similarities
from ml_models.landmark_names import EYE_CORNERS, mirror_order
from ml_models.levels import Levels
from ml_models.mesh_graph import (
    EYE_POINTS,
    FACE_SIZE,
    IRIS_POINTS,
    IRIS_SIZE,
    MESH_POINTS,
    face_graph,
    iris_graph,
)
from ml_models.registry import weight
from ml_models.runtime import Array, Network, Node

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]

FACE_WEIGHTS, IRIS_WEIGHTS = "face-mesh", "iris"
#: Where MTCNN's five points stand in the 192 px crop, averaged over 1,000 faces in which the crop was the one
#: that the mesh's own points ask for: their box turned by the eyes, a quarter of its side added on each side.
TEMPLATE = np.array([[74.1, 73.8], [122.0, 73.8], [97.7, 101.6], [77.1, 127.8], [117.2, 127.8]])
#: Both networks count from the middle of the first pixel: mirrored faces come out half a pixel off otherwise.
HALF_PIXEL = np.array([0.5, 0.5, 0.0], dtype=np.float32)
#: Side of the square around an eye per distance of its corners, as MediaPipe cuts it.
EYE_REGION = 2.3


@dataclass(frozen=True)
class Meshes:
    """The meshes of N faces: all float32, in the order of the faces given.

    points: (N, 468, 3). iris: (N, 2, 5, 3), left and right iris as seen in the picture, each its middle and
    four points of its rim. eyes: (N, 2, 71, 3), lids and surroundings of both eyes as the iris network sees
    them: 0 to 8 the lower lid from the outer to the inner corner, 9 to 15 the upper lid between them.
    confidence: (N,) in [0, 1], how sure the network is that the crop holds a face. features: (N, views,
    FEATURES), what the network made the points of, in the crop and, of two views, in its mirror image.
    """

    points: Floats
    iris: Floats
    eyes: Floats
    confidence: Floats
    features: Floats


def in_picture(points: Floats, matrices: Floats) -> Floats:
    """Points (N, K, 3) of crops, z in pixels of the crop, as points of the picture."""
    flat = apply(matrices, points[..., :2])
    return np.concatenate([flat, points[..., 2:] * scales(matrices)[:, None, None]], axis=2)


def eye_regions(points: Floats) -> Floats:
    """The squares around both eyes of meshes (N, 468, 3): matrices (2 N, 2, 3), left, right, left ...

    Right eyes are seen mirrored, as the iris network knows left eyes only.
    """
    corners = points[:, EYE_CORNERS, :2].reshape(-1, 2, 2)
    half, width = IRIS_SIZE / 2, IRIS_SIZE / EYE_REGION / 2
    matrices = similarities(np.array([[half - width, half], [half + width, half]]), corners)
    matrices[1::2, :, 2] += IRIS_SIZE * matrices[1::2, :, 0]
    matrices[1::2, :, 0] *= -1
    return matrices


class MeshModel:
    """Both networks with their verified weights. Threads may share it: it keeps no state.

    order: see `landmark_names.mirror_order`, when a face and its mirror image are both looked at and
    averaged: points lie better, for another pass of the mesh's network; None when the face alone is.
    """

    def __init__(self, face: Network, iris: Network, order: NDArray[np.intp] | None) -> None:
        self.face, self.iris, self.order = face, iris, order

    @classmethod
    def load(cls, streams: int = 1, flip: bool = True, *, exact: bool = False) -> MeshModel:
        """Load and verify the weights; WeightError when a file is missing or altered.

        streams: how many threads may compute at a time. flip: whether the mirror image is looked at, too.
        exact: see `ml_models.runtime.Network`.
        """

        def network(name: str, graph: Callable[[Mapping[str, Array]], tuple[Node, list[Node]]]) -> Network:
            parameter, outputs = graph(load_file(weight(name).verified()))
            return Network(parameter, outputs, name=name, exact=exact, streams=streams)

        order = mirror_order() if flip else None
        return cls(network(FACE_WEIGHTS, face_graph), network(IRIS_WEIGHTS, iris_graph), order)

    def meshes(self, levels: Sequence[Levels], landmarks5: Sequence[Numbers]) -> Meshes:
        """The meshes of the faces of some pictures, picture by picture.

        landmarks5: for each picture MTCNN's points of its faces, (n, 5, 2) in pixels. Raises ValueError when
        the lengths differ or points are not finite.
        """
        points = five_points(landmarks5, len(levels))
        mesh, logits, features = self._surfaces(levels, points)
        eyes, iris = self._eyes(levels, mesh, [len(some) for some in points])
        # The exponential of a crop that is certainly no face would overflow.
        confidence = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
        return Meshes(mesh, iris, eyes, confidence.astype(np.float32), features)

    def surfaces(self, levels: Sequence[Levels], landmarks5: Sequence[Numbers]) -> Floats:
        """The points (N, 468, 3) of `meshes` alone, without the time that the irises take."""
        return self._surfaces(levels, five_points(landmarks5, len(levels)))[0]

    def _surfaces(self, levels: Sequence[Levels], points: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
        """Points (N, 468, 3) in pixels of the picture, logits (N,) and features (N, views, FEATURES)."""
        regions = [similarities(TEMPLATE, some) for some in points]
        together = np.concatenate([np.empty((0, 2, 3), dtype=np.float32), *regions])
        found, logits, features = self._face(crops_of(levels, regions, (FACE_SIZE, FACE_SIZE)))
        return in_picture(found, together), logits, features

    def _face(self, crops: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
        """Points (N, 468, 3) in pixels of crops, logits (N,) and features (N, views, FEATURES)."""
        found, logits, features = self.face.run(crops)
        points = found.reshape(-1, MESH_POINTS, 3) + HALF_PIXEL
        logits, features = logits.reshape(-1), features[:, None]
        if self.order is None:
            return points, logits, features
        found, again, others = self.face.run(mirrored(crops))
        other = (found.reshape(-1, MESH_POINTS, 3) + HALF_PIXEL)[:, self.order]
        other[..., 0] = FACE_SIZE - other[..., 0]
        both = np.concatenate([features, others[:, None]], axis=1)
        mean = (points + other) * np.float32(0.5)
        return mean, (logits + again.reshape(-1)) * np.float32(0.5), both

    def _eyes(self, levels: Sequence[Levels], mesh: Floats, counts: list[int]) -> tuple[Floats, Floats]:
        """Points around the eyes (N, 2, 71, 3) and of the irises (N, 2, 5, 3), in pixels of the picture."""
        regions = eye_regions(mesh)
        parts = np.split(regions, 2 * np.cumsum(counts)[:-1]) if counts else []
        answers = self.iris.run(crops_of(levels, parts, (IRIS_SIZE, IRIS_SIZE)))
        eyes, iris = (
            in_picture(answer.reshape(-1, count, 3) + HALF_PIXEL, regions).reshape(-1, 2, count, 3)
            for answer, count in zip(answers, (EYE_POINTS, IRIS_POINTS), strict=True)
        )
        return eyes, iris
