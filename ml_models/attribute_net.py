"""The attribute network: age, gender and yes/no attributes, trained by `ml_models.training.attributes`.

Two views of one face go in. The face view is what the recognition network (`ml_models.embedding_net`) knows
of its own crop after its first seven blocks: that network runs for every face anyway, and its lower half has
seen millions of faces. The wide view is a small crop of the whole head, for hair and headwear.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ml_models.attribute_types import LABELS, OLDEST
from ml_models.attributes import FACE_BLOCK, FEATURES, WIDE_MEAN, WIDE_SCALE
from ml_models.embedding_net import BLOCKS
from ml_models.emotion_net import ResidualBlock

#: The blocks of the recognition network that are copied and trained further; its last one sees one pixel.
TOP = BLOCKS[FACE_BLOCK + 1 : -1]
WIDTHS = (32, 64, 128, 256)


class TopBlock(nn.Module):
    """A block of the recognition network: two 3x3 convolutions beside the input, which is filled up with
    zeros where it has fewer channels.
    """

    def __init__(self, inputs: int, outputs: int, halve: bool) -> None:
        super().__init__()
        self.halve, self.more = halve, outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=2 if halve else 1, padding=0 if halve else 1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        if self.halve:
            # From 17 to 8 and from 8 to 3 or 4 pixels: the convolution pads nothing, the mean drops the rest.
            x = F.avg_pool2d(x, 2)
            out = F.pad(out, (0, x.shape[3] - out.shape[3], 0, x.shape[2] - out.shape[2]))
            x = F.pad(x, (0, 0, 0, 0, 0, self.more))
        return F.relu(out + x)


class WideNet(nn.Module):
    """A small residual net on whole heads: float (N, 3, 96, 80) -> (N, 256)."""

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        steps = zip((widths[0], *widths[:-1]), widths, (1, 2, 2, 2), strict=True)
        self.blocks = nn.Sequential(*(ResidualBlock(*step) for step in steps))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, ResidualBlock):
                nn.init.zeros_(module.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        pooled: Tensor = self.blocks(self.stem(x)).mean(dim=(2, 3))
        return pooled


class AttributeNet(nn.Module):
    """Both views in, logits out.

    Input: features float (N, 64, 17, 17) of the face view; wide float (M, 3, 96, 80), M <= N, of the first M
    faces, `normalised`. Output: logits of `LABELS` (M, 29), of the age in whole years (N, 101), of being male
    (N, 1). In use M = N; in training many faces have no label that needs the wide view.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS, dropout: float = 0.3) -> None:
        super().__init__()
        channels = [FEATURES[0]] + [outputs for outputs, _ in TOP]
        self.top = nn.Sequential(
            *(TopBlock(inputs, *block) for inputs, block in zip(channels, TOP, strict=False))
        )
        self.wide = WideNet(widths)
        self.dropout = nn.Dropout(dropout)
        self.labels = nn.Linear(channels[-1] + widths[-1], len(LABELS))
        self.age = nn.Linear(channels[-1], OLDEST + 1)
        self.male = nn.Linear(channels[-1], 1)
        for head in (self.labels, self.age, self.male):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)

    def forward(self, features: Tensor, wide: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        face = self.top(features).mean(dim=(2, 3))
        both = torch.cat([face[: len(wide)], self.wide(wide)], dim=1)
        face = self.dropout(face)
        return self.labels(self.dropout(both)), self.age(face), self.male(face)

    @torch.no_grad()
    def start_from(self, convolutions: list[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> None:
        """Fill the face view's blocks with those of the recognition network.

        convolutions: weights and bias of all its convolutions (`embedding_net.folded`).
        """
        own = [module for module in self.top.modules() if isinstance(module, nn.Conv2d)]
        first = 1 + 2 * (FACE_BLOCK + 1)
        for module, (weight, bias) in zip(own, convolutions[first : first + len(own)], strict=True):
            module.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
            assert module.bias is not None  # noqa: S101
            module.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias)))


def normalised(wide: Tensor) -> Tensor:
    """Pixels 0 to 255 as the wide view's network wants them."""
    return (wide.float() - WIDE_MEAN) * WIDE_SCALE
