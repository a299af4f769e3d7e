"""Turns faces into embeddings: 128 numbers that are close for pictures of one person.

dlib's recognition network on two views of a face: as MTCNN's five points align it, and its mirror image as
the mesh does. docs/models/recognition.md says how good that is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ml_models.alignment import crops_of, similarities
from ml_models.embedding_net import SIZE
from ml_models.face_trunk import FaceTrunk, face_crops
from ml_models.landmark_names import IBUG, SHAPE_WEIGHTS
from ml_models.levels import Levels
from ml_models.mesh_graph import MESH_POINTS
from ml_models.registry import weight

Floats = NDArray[np.float32]
Numbers = NDArray[np.floating]
Pixels = NDArray[np.uint8]

#: Points of the mesh that align the second view: brows, nose, eyes and mouth.
ALIGNED = IBUG[17:]
#: Distance of the eyes and the point between them in the second view of a frontal face, in pixels: as in
#: dlib's crop, 8 % larger about its middle. Two sizes tell people apart better than one twice.
EYE_DISTANCE, EYES = 58.4, (75.0, 43.9)


class SecondView:
    """Cuts the mirror images of faces, aligned by their meshes. Threads may share it: it keeps no state.

    shape: (468, 3), the rigid face of `ml_models.head_pose`.
    """

    def __init__(self, shape: Numbers) -> None:
        self.template = shape[ALIGNED, :2] * EYE_DISTANCE + EYES

    @classmethod
    def load(cls) -> SecondView:
        """Load and verify the rigid face; WeightError when the file is missing or altered."""
        return cls(load_file(weight(SHAPE_WEIGHTS).verified())["shape"])

    def crops(self, levels: Sequence[Levels], meshes: Sequence[Numbers]) -> Pixels:
        """The crops uint8 (N, 150, 150, 3) of the faces of some pictures, picture by picture, mirrored.

        meshes: for each picture the points of its faces' meshes, (n, 468, 3) in pixels, as
        `MeshModel.surfaces` and `Meshes.points` have them. Raises ValueError when the lengths differ, for
        another shape or points that are not finite.
        """
        regions = []
        for points in aligned_points(meshes, len(levels)):
            matrices = similarities(self.template, points)
            matrices[:, :, 2] += SIZE * matrices[:, :, 0]
            matrices[:, :, 0] *= -1
            regions.append(matrices)
        return crops_of(levels, regions, (SIZE, SIZE))


class EmbeddingModel:
    """The recognition network with its verified weights. Threads may share it: it keeps no state.

    second: cuts the second view, or None to go by the first alone: half the time, and worse. Embeddings made
    with and without it may be compared, but a gallery should hold one kind.
    """

    def __init__(self, trunk: FaceTrunk, second: SecondView | None) -> None:
        self.trunk, self.second = trunk, second

    @classmethod
    def load(cls, streams: int = 1, flip: bool = True, *, exact: bool = False) -> EmbeddingModel:
        """Load and verify the weights; WeightError when a file is missing, altered or cannot be read.

        streams: how many threads may compute at a time. flip: whether to use the second view. exact: see
        `ml_models.runtime.Network`.
        """
        return cls(FaceTrunk.load(streams, exact=exact), SecondView.load() if flip else None)

    def embeddings(
        self, levels: Sequence[Levels], landmarks5: Sequence[Numbers], meshes: Sequence[Numbers]
    ) -> Floats:
        """The embeddings of the faces of some pictures, picture by picture: float32 (N, 128) of length 1.

        landmarks5: for each picture MTCNN's points of its faces, (n, 5, 2) in pixels. meshes: for each the
        points of their meshes, see `SecondView.crops`; not looked at without a second view. Raises ValueError
        when the lengths differ, for another shape or points that are not finite.
        """
        return self.joined(self.trunk.embed(face_crops(levels, landmarks5)), levels, meshes)

    def joined(self, first: Floats, levels: Sequence[Levels], meshes: Sequence[Numbers]) -> Floats:
        """The same when the first view has been through the network already: `TrunkAnswers.embedding`."""
        if self.second is None:
            return unit(first)
        crops = self.second.crops(levels, meshes)
        if len(crops) != len(first):
            raise ValueError(f"There are five points of {len(first)} faces and meshes of {len(crops)}.")
        return unit(first + self.trunk.embed(crops))


def unit(vectors: Floats) -> Floats:
    """Vectors (N, K) made one long."""
    # The network's answer to a face is never zero, but a division by it would spoil a whole gallery.
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))


def aligned_points(meshes: Sequence[Numbers], pictures: int) -> list[Floats]:
    """The points (n, 51, 2) that faces are aligned by, of each picture's meshes (n, 468, 3); ValueError when
    they are no such meshes.
    """
    if len(meshes) != pictures:
        raise ValueError(
            f"There are {pictures} pictures and meshes for {len(meshes)}: give one list for each."
        )
    answers = []
    for points in meshes:
        if points.ndim != 3 or points.shape[1:] != (MESH_POINTS, 3):
            raise ValueError(f"Give the meshes of a picture's faces as (n, 468, 3), not {points.shape}.")
        some = np.asarray(points[:, ALIGNED, :2], dtype=np.float32)
        if not np.isfinite(some).all():
            raise ValueError("Some points of a mesh are not finite numbers: make the mesh again.")
        answers.append(some)
    return answers


def distances(first: Floats, second: Floats) -> Floats:
    """Euclidean distances (N,) of embeddings (N, 128) in pairs, from 0 (the same) to 2."""
    found: Floats = np.linalg.norm(first - second, axis=1).astype(np.float32)
    return found
