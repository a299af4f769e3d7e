"""The networks of MediaPipe for face mesh and iris as PyTorch modules.

They define the networks and fill them from MediaPipe's files; `mesh_graph` lays the same layers out to run.
Weights come from files of this project, made once by `ml_models.conversion.mesh`. Attribute order is the
order of the layers in the original files; the conversion relies on it.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ml_models.mesh_graph import EYE_POINTS, FACE_TRUNK, IRIS_BRANCH, IRIS_POINTS, IRIS_TRUNK, MESH_POINTS


def _same(x: Tensor, convolution: nn.Conv2d, halve: bool) -> Tensor:
    """A 3x3 convolution that halves pads at the right and the bottom only, as TensorFlow does."""
    return convolution(F.pad(x, (0, 1, 0, 1)) if halve else x)


def _shortcut(x: Tensor, halve: bool, channels: int) -> Tensor:
    """The input halved by its maxima and filled up with channels of zeros, where sizes differ."""
    if halve:
        x = F.max_pool2d(x, 2)
    return F.pad(x, (0, 0, 0, 0, 0, channels - x.shape[1])) if channels > x.shape[1] else x


class FaceBlock(nn.Module):
    """A 3x3 convolution per channel and a 1x1 convolution beside the input."""

    def __init__(self, inputs: int, outputs: int, halve: bool) -> None:
        super().__init__()
        self.halve, self.outputs = halve, outputs
        stride, padding = (2, 0) if halve else (1, 1)
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride=stride, padding=padding, groups=inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.prelu = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        out = self.pointwise(_same(x, self.depthwise, self.halve))
        return self.prelu(out + _shortcut(x, self.halve, self.outputs))


def _face_branch(blocks: int, outputs: int) -> nn.Sequential:
    """From the trunk to one answer: blocks of 128 channels, 32 channels, a convolution over all that is
    left.
    """
    return nn.Sequential(
        *(FaceBlock(128, 128, halve=number == 0) for number in range(blocks)),
        nn.Conv2d(128, 32, 1),
        nn.PReLU(32),
        FaceBlock(32, 32, halve=False),
        nn.Conv2d(32, outputs, 3),
    )


class FaceMeshNet(nn.Module):
    """RGB faces float (N, 3, 192, 192), 0 to 1 -> points (N, 468, 3) in pixels, and one logit (N,).

    z grows away from the camera, in the same unit, from the middle of the head's front.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2)
        self.prelu = nn.PReLU(16)
        channels = [16] + [outputs for outputs, _ in FACE_TRUNK]
        self.trunk = nn.Sequential(
            *(FaceBlock(inputs, *block) for inputs, block in zip(channels, FACE_TRUNK, strict=False))
        )
        self.points = _face_branch(3, 3 * MESH_POINTS)
        self.face = _face_branch(1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(self.prelu(_same(x, self.stem, halve=True)))
        return self.points(x).reshape(-1, MESH_POINTS, 3), self.face(x).reshape(-1)


class IrisBlock(nn.Module):
    """Fewer channels, a 3x3 convolution per channel, channels again, beside the input."""

    def __init__(self, inputs: int, outputs: int, halve: bool) -> None:
        super().__init__()
        self.halve, self.outputs = halve, outputs
        middle = outputs // 2
        self.reduce = nn.Conv2d(inputs, middle, 2 if halve else 1, stride=2 if halve else 1)
        self.prelu1 = nn.PReLU(middle)
        self.depthwise = nn.Conv2d(middle, middle, 3, padding=1, groups=middle)
        self.expand = nn.Conv2d(middle, outputs, 1)
        self.prelu2 = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        out = self.expand(self.depthwise(self.prelu1(self.reduce(x))))
        return self.prelu2(out + _shortcut(x, self.halve, self.outputs))


def _iris_branch(outputs: int) -> nn.Sequential:
    return nn.Sequential(*(IrisBlock(128, 128, halve) for halve in IRIS_BRANCH), nn.Conv2d(128, outputs, 2))


class IrisNet(nn.Module):
    """RGB left eyes float (N, 3, 64, 64), 0 to 1 -> points around the eye (N, 71, 3), of the iris (N, 5, 3).

    Pixels of the input. A right eye is mirrored before, its points after.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 3, stride=2)
        self.prelu = nn.PReLU(64)
        self.trunk = nn.Sequential(*(IrisBlock(*block) for block in IRIS_TRUNK))
        self.eye = _iris_branch(3 * EYE_POINTS)
        self.iris = _iris_branch(3 * IRIS_POINTS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(self.prelu(_same(x, self.stem, halve=True)))
        return self.eye(x).reshape(-1, EYE_POINTS, 3), self.iris(x).reshape(-1, IRIS_POINTS, 3)
