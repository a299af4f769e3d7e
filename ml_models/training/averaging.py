"""An exponential moving average of a network's weights: usually better than the last step's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class AveragedNet:
    """Keeps `net`, a copy whose parameters and buffers trail those of the trained network.

    The decay grows from 0 to `decay` over the first steps, so that the start is forgotten quickly.
    """

    def __init__(self, source: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.net = copy.deepcopy(source).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, source: nn.Module, step: int) -> None:
        """Move towards `source` after optimiser step number `step` (from 0)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        own, theirs = self.net.state_dict(), source.state_dict()
        floats = [name for name, value in own.items() if value.is_floating_point()]
        torch._foreach_lerp_([own[name] for name in floats], [theirs[name] for name in floats], 1 - decay)
        for name, value in own.items():
            if not value.is_floating_point():
                value.copy_(theirs[name])
