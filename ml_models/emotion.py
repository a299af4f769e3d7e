"""Scores the expression of face crops: grey 48x48 pictures through the emotion network, calibrated."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ml_models.emotion_net import EmotionNet, standardise
from ml_models.names import EMOTIONS
from ml_models.pictures import fit_crop, square_crop
from ml_models.registry import WeightError, weight

if TYPE_CHECKING:
    from ml_models.types import Box, Picture

WEIGHTS = "emotion-v1"
#: Faces that go through the network at once: bounds memory, and more are not faster.
CHUNK = 64


def folded(net: EmotionNet) -> EmotionNet:
    """The same network with every batch norm folded into the convolution before it: the same answers,
    sooner.
    """
    net.eval()
    net.stem[0], net.stem[1] = _fused(net.stem[0], net.stem[1]), nn.Identity()
    for block in net.residual_blocks():
        block.conv1, block.norm1 = _fused(block.conv1, block.norm1), nn.Identity()  # type: ignore[assignment]
        block.conv2, block.norm2 = _fused(block.conv2, block.norm2), nn.Identity()  # type: ignore[assignment]
        if isinstance(block.shortcut, nn.Sequential):
            block.shortcut[1], block.shortcut[2] = _fused(block.shortcut[1], block.shortcut[2]), nn.Identity()
    return net


def _fused(convolution: nn.Module, norm: nn.Module) -> nn.Conv2d:
    return fuse_conv_bn_eval(cast(nn.Conv2d, convolution), cast(nn.BatchNorm2d, norm))


class EmotionScorer:
    """The emotion network with its verified weights. Threads may share it: it keeps no state."""

    def __init__(self) -> None:
        spec = weight(WEIGHTS)
        self.size = spec.input_size
        try:
            self.temperature = spec.settings["temperature"]
            self.region, self.lower = spec.settings["region"], spec.settings["lower"]
        except KeyError as missing:
            raise WeightError(
                f"The entry {WEIGHTS} of the list of weights lacks the setting {missing}: restore "
                "ml_models/weights/manifest.json from the project's repository."
            ) from missing
        net = EmotionNet()
        net.load_state_dict(load_file(spec.verified()))
        self.net = folded(net).requires_grad_(False).to(memory_format=torch.channels_last)

    def face(self, picture: Picture, box: Box) -> NDArray[np.uint8]:
        """The grey square (48, 48) around a detected box that looks like the pictures of the training.

        `region` and `lower` were measured: side of the square per height of MTCNN's box, and how far the
        square's middle lies below the box's middle, per height (docs/models/emotion.md).
        """
        left, top, width, height = box
        # A box cut by the picture's edge or turned faces are wider than high: the larger of both is the face.
        extent = max(height, width)
        side = self.region * extent
        x, y = left + width / 2 - side / 2, top + height / 2 + self.lower * extent - side / 2
        return square_crop(picture, (x, y, side, side), self.size)

    def crop(self, crop: Picture) -> NDArray[np.uint8]:
        """The grey square (48, 48) of a crop that is a face already."""
        return fit_crop(crop, self.size)

    @torch.inference_mode()
    def logits(self, squares: Tensor) -> Tensor:
        """uint8 (N, 1, 48, 48) -> float32 (N, 8), before calibration."""
        if not len(squares):
            return torch.zeros(0, len(EMOTIONS))
        inputs = standardise(squares / 255).contiguous(memory_format=torch.channels_last)
        return torch.cat([self.net(some) for some in inputs.split(CHUNK)])

    def probabilities(self, squares: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Grey squares (48, 48) -> calibrated probabilities float32 (N, 8); rows sum to 1."""
        if not squares:
            return np.zeros((0, len(EMOTIONS)), dtype=np.float32)
        logits = self.logits(torch.from_numpy(np.stack(squares))[:, None])
        scores: NDArray[np.float32] = (logits / self.temperature).softmax(dim=1).numpy()
        return scores
