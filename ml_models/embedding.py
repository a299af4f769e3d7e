"""Turns faces into embeddings: 128 numbers that are close for pictures of one person.

dlib's recognition network on crops aligned by MTCNN's five points; docs/models/recognition.md says how good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ml_models import dlib_file
from ml_models.alignment import Levels, crops_of, similarities
from ml_models.dlib_file import DlibFileError
from ml_models.embedding_net import LENGTH, DlibFaceNet, build
from ml_models.mesh import five_points
from ml_models.registry import WeightError, weight

if TYPE_CHECKING:
    from ml_models.types import Picture

WEIGHTS = "dlib-face"
#: Side of the network's input in pixels.
SIZE = 150
#: Where MTCNN's five points stand in the crop: where dlib's crop has them, 3 % larger about the middle and 2
#: px to the right, as MTCNN sees faces too far right (docs/models/recognition.md).
TEMPLATE = torch.tensor([[48.7, 45.7], [103.2, 45.7], [76.0, 81.2], [51.7, 103.9], [100.3, 103.9]])
#: How much each of the five points counts: the nose moves most when a head turns.
POINT_WEIGHTS = torch.tensor([1.0, 1.0, 0.3, 1.0, 1.0])
#: Faces that go through the network at once: bounds memory (6 MB each), and more are not faster.
CHUNK = 16


class EmbeddingModel:
    """The recognition network with its verified weights. Threads may share it: it keeps no state.

    flip: whether a face and its mirror image are both embedded and averaged: better, in twice the time.
    Embeddings made with and without it may be compared, but a gallery should hold one kind.
    """

    def __init__(self, net: DlibFaceNet, flip: bool = True) -> None:
        self.net, self.flip = net, flip

    @classmethod
    def load(cls, flip: bool = True) -> EmbeddingModel:
        """Load and verify the weights; WeightError when the file is missing, altered or cannot be read."""
        try:
            net = build(dlib_file.read(weight(WEIGHTS).verified()))
        except DlibFileError as error:
            raise WeightError(f"The weights {WEIGHTS} cannot be read: {error}") from error
        return cls(net.to(memory_format=torch.channels_last), flip)

    @torch.inference_mode()
    def embeddings(
        self, pictures: Sequence[Picture | Levels], landmarks5: Sequence[NDArray[np.floating]]
    ) -> NDArray[np.float32]:
        """The embeddings of the faces of some pictures, picture by picture: float32 (N, 128) of length 1.

        pictures: RGB uint8 (H, W, 3), or their `Levels` when other parts cut from them too. landmarks5: for
        each picture MTCNN's points of its faces, (n, 5, 2) in pixels. Raises ValueError when the lengths
        differ or points are not finite.
        """
        levels = [one if isinstance(one, Levels) else Levels(one) for one in pictures]
        points = five_points(landmarks5, len(levels))
        regions = [similarities(TEMPLATE, some, POINT_WEIGHTS) for some in points]
        return self.embed(crops_of(levels, regions, (SIZE, SIZE)))

    @torch.inference_mode()
    def embed(self, crops: Tensor) -> NDArray[np.float32]:
        """The embeddings of aligned crops, float (N, 3, 150, 150), 0 to 255: float32 (N, 128) of length 1."""
        if not len(crops):
            return np.zeros((0, LENGTH), dtype=np.float32)
        parts = []
        for some in crops.contiguous(memory_format=torch.channels_last).split(CHUNK):
            found = self.net(some)
            parts.append(found + self.net(some.flip(3)) if self.flip else found)
        embeddings: NDArray[np.float32] = F.normalize(torch.cat(parts)).numpy()
        return embeddings


def distances(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances (N,) of embeddings (N, 128) in pairs, from 0 (the same) to 2."""
    found: NDArray[np.float32] = np.linalg.norm(first - second, axis=1).astype(np.float32)
    return found
