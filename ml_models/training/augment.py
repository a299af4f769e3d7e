"""Random changes of whole batches of grey faces, as tensor arithmetic: no loop over pictures.

All randomness is torch's global generator, so that a seed set before a step repeats the step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ml_models.emotion_net import standardise

ROTATION = math.radians(15)
#: Crops cut by a detector are wider or tighter than the training pictures: up to this factor either way.
SCALE = 1.18
#: Sideways stretch beside the common scale.
STRETCH = 1.06
#: Shift in pixels of a 48-pixel picture.
SHIFT = 3.0


def uniform(count: int, low: float, high: float) -> Tensor:
    """`count` numbers between low and high."""
    return torch.empty(count).uniform_(low, high)


def warp(pictures: Tensor, size: int) -> Tensor:
    """Flip, turn, scale, stretch and shift float pictures (N, 1, 48, 48), sampled at (N, 1, size, size)."""
    count, side = len(pictures), pictures.shape[-1]
    angle = uniform(count, -ROTATION, ROTATION)
    scale = torch.exp(uniform(count, -math.log(SCALE), math.log(SCALE)))
    stretch = torch.exp(uniform(count, -math.log(STRETCH), math.log(STRETCH)))
    flip = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    theta = torch.empty(count, 2, 3)
    theta[:, 0, 0] = flip * scale * stretch * torch.cos(angle)
    theta[:, 0, 1] = -flip * scale * stretch * torch.sin(angle)
    theta[:, 1, 0] = scale / stretch * torch.sin(angle)
    theta[:, 1, 1] = scale / stretch * torch.cos(angle)
    theta[:, :, 2] = uniform(2 * count, -2 * SHIFT / side, 2 * SHIFT / side).view(count, 2)
    grid = F.affine_grid(theta, [count, 1, size, size], align_corners=False)
    # Border: beside a face there is more of the same photo, not black.
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def relight(pictures: Tensor) -> Tensor:
    """Change gamma, contrast and brightness of float pictures in [0, 1], with clipping as in a camera."""
    shape = (len(pictures), 1, 1, 1)
    gamma = torch.exp(uniform(len(pictures), -0.4, 0.4)).view(shape)
    contrast = torch.exp(uniform(len(pictures), -0.35, 0.35)).view(shape)
    brightness = uniform(len(pictures), -0.15, 0.15).view(shape)
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    changed = (pictures - mean) * contrast + mean + brightness
    return changed.clamp(1e-4, 1).pow(gamma)


def soften(pictures: Tensor) -> Tensor:
    """Blur one picture in five by a varying amount and give a few some noise: far or badly lit faces."""
    count = len(pictures)
    amount = torch.where(torch.rand(count) < 0.2, torch.rand(count), torch.zeros(count)).view(-1, 1, 1, 1)
    blurred = F.avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
    noise = torch.where(torch.rand(count) < 0.15, torch.rand(count) * 0.04, torch.zeros(count)).view(
        -1, 1, 1, 1
    )
    return torch.lerp(pictures, blurred, amount) + torch.randn_like(pictures) * noise


def erase(pictures: Tensor, chance: float = 0.25) -> Tensor:
    """Cover a random rectangle, at most 45 % of each side, of some standardised pictures with their mean,
    0.
    """
    count, side = len(pictures), pictures.shape[-1]
    height, width = uniform(count, 0.15, 0.45) * side, uniform(count, 0.15, 0.45) * side
    top, left = torch.rand(count) * (side - height), torch.rand(count) * (side - width)
    line = torch.arange(side, dtype=torch.float32)
    rows = (line >= top[:, None]) & (line < (top + height)[:, None])
    columns = (line >= left[:, None]) & (line < (left + width)[:, None])
    covered = rows[:, :, None] & columns[:, None, :] & (torch.rand(count) < chance)[:, None, None]
    return pictures.masked_fill(covered[:, None], 0.0)


def augment(pictures: Tensor, size: int) -> Tensor:
    """uint8 (N, 1, 48, 48) -> changed, standardised float32 (N, 1, size, size), channels last."""
    changed = soften(relight(warp(pictures.float() / 255, size)))
    return erase(standardise(changed)).contiguous(memory_format=torch.channels_last)


def plain(pictures: Tensor, size: int) -> Tensor:
    """The same without any change: what validation sees."""
    floats = pictures.float() / 255
    if size != pictures.shape[-1]:
        floats = F.interpolate(floats, (size, size), mode="bilinear", align_corners=False)
    return standardise(floats).contiguous(memory_format=torch.channels_last)


def mix(
    parts: tuple[Tensor, ...], target: Tensor, strength: float = 0.4
) -> tuple[tuple[Tensor, ...], Tensor]:
    """Mixup: blend every picture and its target with another of the batch, by Beta(strength, strength).

    parts: what the network gets of the pictures, each (N, ...).
    """
    share = torch.distributions.Beta(strength, strength).sample((len(target),))
    share = torch.maximum(share, 1 - share)
    other = torch.randperm(len(target))

    def mixed(part: Tensor) -> Tensor:
        blend = torch.lerp(part[other], part, share.view(-1, *[1] * (part.ndim - 1)))
        return blend.contiguous(memory_format=torch.channels_last) if part.ndim == 4 else blend

    return tuple(mixed(part) for part in parts), torch.lerp(target[other], target, share.view(-1, 1))
