"""dlib's face recognition network (King, 2017) as a PyTorch module, filled from dlib's own file."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ml_models.dlib_file import Affine, Convolution, Dense, DlibFileError, DlibNetwork

#: Channels of each residual block, and whether it halves the picture.
BLOCKS = [(32, False)] * 3 + [(64, True)] + [(64, False)] * 3 + [(128, True)] + [(128, False)] * 2
BLOCKS += [(256, True)] + [(256, False)] * 2 + [(256, True)]
#: Length of an embedding.
LENGTH = 128


class DlibBlock(nn.Module):
    """Two 3x3 convolutions beside the input; where the sizes differ, the smaller one ends in zeros."""

    def __init__(self, inputs: int, outputs: int, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=2 if halve else 1, padding=0 if halve else 1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        if not self.halve:
            return F.relu(out + x)
        x = F.avg_pool2d(x, 2)
        rows, columns = x.shape[2] - out.shape[2], x.shape[3] - out.shape[3]
        out = F.pad(out, (0, columns, 0, rows)) if rows or columns else out
        x = F.pad(x, (0, 0, 0, 0, 0, out.shape[1] - x.shape[1])) if out.shape[1] > x.shape[1] else x
        return F.relu(out + x)


class DlibFaceNet(nn.Module):
    """RGB faces float (N, 3, 150, 150), 0 to 255, aligned as dlib does -> float (N, 128), not normalised."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        channels = [32] + [outputs for outputs, _ in BLOCKS]
        self.blocks = nn.Sequential(
            *(DlibBlock(inputs, *block) for inputs, block in zip(channels, BLOCKS, strict=False))
        )
        self.head = nn.Linear(channels[-1], LENGTH, bias=False)
        self.register_buffer("mean", torch.zeros(1, 3, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem((pictures - self.mean) / 256)), 3, stride=2)
        embedding: Tensor = self.head(self.blocks(x).mean(dim=(2, 3)))
        return embedding


def build(network: DlibNetwork) -> DlibFaceNet:
    """The module with the numbers of the file; every scaling is folded into the convolution before it.

    Raises DlibFileError when the layers are not those of the face network.
    """
    net = DlibFaceNet()
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    weighted = [layer for layer in network.layers if not isinstance(layer, str)]
    if network.size != 150 or len(weighted) != 2 * len(convolutions) + 1:
        raise DlibFileError(f"It has {len(weighted)} layers with weights for {network.size} px.")
    with torch.no_grad():
        for module, conv, scaling in zip(convolutions, weighted[:-1:2], weighted[1::2], strict=True):
            if not isinstance(conv, Convolution) or not isinstance(scaling, Affine):
                raise DlibFileError("A convolution is not followed by its scaling.")
            same = conv.weight.shape == tuple(module.weight.shape) and len(scaling.gamma) == len(conv.weight)
            if not same or (conv.stride, conv.padding) != (module.stride[0], module.padding[0]):
                raise DlibFileError(f"A convolution has the shape {conv.weight.shape}.")
            folded = conv.weight * scaling.gamma[:, None, None, None]
            module.weight.copy_(torch.from_numpy(folded))
            assert module.bias is not None  # noqa: S101
            module.bias.copy_(torch.from_numpy(conv.bias * scaling.gamma + scaling.beta))
        last = weighted[-1]
        if not isinstance(last, Dense) or last.weight.shape != (net.head.in_features, LENGTH):
            raise DlibFileError("The last layer does not give 128 numbers.")
        net.head.weight.copy_(torch.from_numpy(np.ascontiguousarray(last.weight.T)))
        net.mean.copy_(torch.tensor(network.mean).reshape(1, 3, 1, 1))
    return net.eval().requires_grad_(False)
