"""The emotion network: a small residual net on 48x48 grey faces, trained by `ml_models.training.emotion`."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

#: Side of the square grey picture the network sees, in pixels.
INPUT_SIZE = 48
#: Channels of the four residual blocks.
WIDTHS = (48, 96, 192, 384)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm beside a shortcut; the first one strides."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            # Averaging before the 1x1 keeps all pixels, where a strided 1x1 would drop three of four.
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True) if stride != 1 else nn.Identity(),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class EmotionNet(nn.Module):
    """Grey faces in, one logit per emotion out.

    Input: float (N, 1, S, S), each picture standardised (see `standardise`); S is 48 in use, any even size
    from 32 up in training. Output: float (N, 8) logits in the order of `ml_models.EMOTIONS`.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS, classes: int = 8, dropout: float = 0.3) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        inputs = widths[0]
        for number, width in enumerate(widths):
            blocks.append(ResidualBlock(inputs, width, stride=1 if number == 0 else 2))
            inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, ResidualBlock):
                # Each block starts as its shortcut: the first steps at the full rate stay calm.
                nn.init.zeros_(module.norm2.weight)

    def residual_blocks(self) -> list[ResidualBlock]:
        """The blocks in order."""
        return [block for block in self.blocks if isinstance(block, ResidualBlock)]

    def forward(self, x: Tensor) -> Tensor:
        features = self.blocks(self.stem(x)).mean(dim=(2, 3))
        logits: Tensor = self.head(self.dropout(features))
        return logits


def standardise(pictures: Tensor) -> Tensor:
    """Bring every picture of (N, 1, H, W) to mean 0 and deviation 1, so that light and contrast do not count.

    A picture of one flat colour becomes all zeros instead of dividing by zero.
    """
    pictures = pictures.float()
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    deviation = pictures.std(dim=(1, 2, 3), keepdim=True, correction=0)
    return (pictures - mean) / deviation.clamp_min(1e-3)
