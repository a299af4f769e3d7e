"""The head that scores expressions from layers of the recognition network, trained by
`ml_models.training.emotion_head`.

dlib's network was trained to tell people apart; its middle layers still hold what a face does. The head reads
three of them: two as maps, the last together with the embedding as plain numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ml_models.emotion_net import ResidualBlock

#: Which blocks of the recognition network are read (counted from 0), and the shapes of their answers.
TAPS: tuple[int, ...] = (6, 9, 13)
SHAPES: tuple[tuple[int, ...], ...] = ((64, 17, 17), (128, 8, 8), (256, 2, 2))
#: Numbers of the embedding, and of the last map with it.
EMBEDDING = 128
FLAT = 256 * 2 * 2 + EMBEDDING
#: Channels of the head's two blocks, and numbers that the flat part is brought to.
WIDTHS, FLAT_WIDTH = (128, 256), 128


class EmotionHead(nn.Module):
    """Layers of faces in, one logit per emotion out.

    Input: float (N, 64, 17, 17), (N, 128, 8, 8) and (N, 1152): the answers of blocks 6 and 9, and that of
    block 13 with the embedding behind it. Output: float (N, 8) logits in the order of `ml_models.EMOTIONS`.
    """

    def __init__(self, classes: int = 8, dropout: float = 0.4) -> None:
        super().__init__()
        width, wide = WIDTHS
        # The layers were never meant to be read: each channel is brought to mean 0 and deviation 1 first.
        self.scale_early = nn.BatchNorm2d(SHAPES[0][0], affine=False)
        self.scale_middle = nn.BatchNorm2d(SHAPES[1][0], affine=False)
        self.scale_flat = nn.BatchNorm1d(FLAT, affine=False)
        self.early = nn.Sequential(
            nn.Conv2d(SHAPES[0][0], width, 3, stride=2, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.join = nn.Sequential(
            nn.Conv2d(width + SHAPES[1][0], width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.block1, self.block2 = ResidualBlock(width, width, 1), ResidualBlock(width, wide, 2)
        self.flat = nn.Sequential(
            nn.Linear(FLAT, FLAT_WIDTH, bias=False), nn.BatchNorm1d(FLAT_WIDTH), nn.ReLU()
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(wide + FLAT_WIDTH, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, early: Tensor, middle: Tensor, flat: Tensor) -> Tensor:
        maps = torch.cat([self.early(self.scale_early(early)), self.scale_middle(middle)], dim=1)
        features = self.block2(self.block1(self.join(maps))).mean(dim=(2, 3))
        together = torch.cat([features, self.flat(self.scale_flat(flat))], dim=1)
        logits: Tensor = self.head(self.dropout(together))
        return logits
