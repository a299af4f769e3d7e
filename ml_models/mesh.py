"""468 points of a face's surface and its two irises, by MediaPipe's networks.

Left and right are as seen in the picture. Points are pixels of the picture, x to the right, y down; z grows
away from the camera in the same unit, with its zero about the middle of the head's front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from ml_models.alignment import Levels, apply, crops_of, scales, similarities
from ml_models.landmark_names import EYE_CORNERS
from ml_models.mesh_net import FACE_SIZE, IRIS_SIZE, MESH_POINTS, FaceMeshNet, IrisNet
from ml_models.registry import weight

if TYPE_CHECKING:
    from ml_models.types import Picture

FACE_WEIGHTS, IRIS_WEIGHTS = "face-mesh", "iris"
#: Where MTCNN's five points stand in the 192 px crop, averaged over 1,000 faces in which the crop was the one
#: that the mesh's own points ask for: their box turned by the eyes, a quarter of its side added on each side.
TEMPLATE = torch.tensor([[74.1, 73.8], [122.0, 73.8], [97.7, 101.6], [77.1, 127.8], [117.2, 127.8]])
#: Both networks count from the middle of the first pixel: mirrored faces come out half a pixel off otherwise.
HALF_PIXEL = torch.tensor([0.5, 0.5, 0.0])
#: Side of the square around an eye per distance of its corners, as MediaPipe cuts it.
EYE_REGION = 2.3
#: Faces that go through a network at once: bounds memory, and more are not faster.
CHUNK = 16


@dataclass(frozen=True)
class Meshes:
    """The meshes of N faces: all float32, in the order of the faces given.

    points: (N, 468, 3). iris: (N, 2, 5, 3), left and right iris as seen in the picture, each its middle and
    four points of its rim. eyes: (N, 2, 71, 3), lids and surroundings of both eyes as the iris network sees
    them: 0 to 8 the lower lid from the outer to the inner corner, 9 to 15 the upper lid between them.
    confidence: (N,) in [0, 1], how sure the network is that the crop holds a face.
    """

    points: NDArray[np.float32]
    iris: NDArray[np.float32]
    eyes: NDArray[np.float32]
    confidence: NDArray[np.float32]


def in_picture(points: Tensor, matrices: Tensor) -> Tensor:
    """Points (N, K, 3) of crops, z in pixels of the crop, as points of the picture."""
    flat = apply(matrices, points[..., :2])
    return torch.cat([flat, points[..., 2:] * scales(matrices)[:, None, None]], dim=2)


def eye_regions(points: Tensor) -> Tensor:
    """The squares around both eyes of meshes (N, 468, 3): matrices (2 N, 2, 3), left, right, left ..."""
    corners = points[:, EYE_CORNERS, :2].reshape(-1, 2, 2)
    half = IRIS_SIZE / 2
    width = IRIS_SIZE / EYE_REGION / 2
    template = torch.tensor([[half - width, half], [half + width, half]])
    return similarities(template, corners)


class MeshModel:
    """Both networks with their verified weights. Threads may share it: it keeps no state."""

    def __init__(self, face: FaceMeshNet, iris: IrisNet) -> None:
        self.face, self.iris = face, iris

    @classmethod
    def load(cls) -> MeshModel:
        """Load and verify the weights; WeightError when a file is missing or altered."""
        face, iris = FaceMeshNet(), IrisNet()
        for name, net in ((FACE_WEIGHTS, face), (IRIS_WEIGHTS, iris)):
            net.load_state_dict(load_file(weight(name).verified()))
            net.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        return cls(face, iris)

    @torch.inference_mode()
    def meshes(
        self, pictures: Sequence[Picture | Levels], landmarks5: Sequence[NDArray[np.floating]]
    ) -> Meshes:
        """The meshes of the faces of some pictures, picture by picture.

        pictures: RGB uint8 (H, W, 3), or their `Levels` when other parts cut from them too. landmarks5: for
        each picture MTCNN's points of its faces, (n, 5, 2) in pixels. Raises ValueError when the lengths
        differ or points are not finite.
        """
        levels = [one if isinstance(one, Levels) else Levels(one) for one in pictures]
        points = five_points(landmarks5, len(levels))
        regions = [similarities(TEMPLATE, some) for some in points]
        crops = crops_of(levels, regions, (FACE_SIZE, FACE_SIZE)) / 255
        found, logits = in_chunks(self.face, crops)
        mesh = in_picture(
            found.reshape(-1, MESH_POINTS, 3) + HALF_PIXEL, torch.cat([torch.zeros(0, 2, 3), *regions])
        )
        eyes, iris = self._eyes(levels, mesh, [len(some) for some in points])
        return Meshes(mesh.numpy(), iris.numpy(), eyes.numpy(), logits.reshape(-1).sigmoid().numpy())

    def _eyes(self, levels: Sequence[Levels], mesh: Tensor, counts: list[int]) -> tuple[Tensor, Tensor]:
        """Points around the eyes (N, 2, 71, 3) and of the irises (N, 2, 5, 3), in pixels of the picture."""
        regions = eye_regions(mesh)
        parts = list(regions.split([2 * count for count in counts]))
        crops = crops_of(levels, parts, (IRIS_SIZE, IRIS_SIZE)) / 255
        # The network knows left eyes only: right ones are shown mirrored, and mirrored back.
        crops[1::2] = crops[1::2].flip(3)
        eyes, iris = in_chunks(self.iris, crops)
        placed = []
        for answer, count in ((eyes, 71), (iris, 5)):
            found = answer.reshape(-1, count, 3) + HALF_PIXEL
            found[1::2, :, 0] = IRIS_SIZE - found[1::2, :, 0]
            placed.append(in_picture(found, regions).reshape(-1, 2, count, 3))
        return placed[0], placed[1]


def five_points(landmarks5: Sequence[NDArray[np.floating]], pictures: int) -> list[Tensor]:
    """MTCNN's points of each picture as tensors (n, 5, 2); ValueError when they are not such points."""
    if len(landmarks5) != pictures:
        raise ValueError(
            f"There are {pictures} pictures and points for {len(landmarks5)}: give one list for each."
        )
    points = [torch.from_numpy(np.array(some, dtype=np.float32).reshape(-1, 5, 2)) for some in landmarks5]
    if not all(some.isfinite().all() for some in points):
        raise ValueError("Some of the five points of a face are not finite numbers: detect the faces again.")
    return points


def in_chunks(net: nn.Module, crops: Tensor) -> tuple[Tensor, Tensor]:
    """Both answers of a network on many crops, some at a time, so that memory does not grow with their
    number.
    """
    if not len(crops):
        return torch.zeros(0), torch.zeros(0)
    crops = crops.contiguous(memory_format=torch.channels_last)
    first, second = zip(*(net(some) for some in crops.split(CHUNK)), strict=True)
    return torch.cat(first), torch.cat(second)
