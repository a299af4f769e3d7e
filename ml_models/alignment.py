"""Cuts faces out of pictures so that eyes, nose and mouth stand where a network expects them.

Coordinates are pixels, x to the right and y down; the middle of the first pixel is at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from ml_models.types import Picture


class Levels:
    """A picture, its half, its quarter ... as uint8 (h, w, 3), each made when it is first needed.

    Faces much larger than the crop are cut from a smaller level: without that, bilinear sampling would skip
    pixels. Made for one picture and used by one thread; nothing else is kept.
    """

    def __init__(self, picture: Picture) -> None:
        # Pillow's arrays are read-only, which torch warns about; mirrored views it does not take at all.
        plain = picture.flags.writeable and picture.flags.c_contiguous
        writable = picture if plain else np.array(picture, order="C")
        self._levels = [torch.from_numpy(writable)]

    def level(self, number: int) -> Tensor:
        """The picture halved so many times, or fewer where a side would vanish: uint8 (h, w, 3)."""
        while len(self._levels) <= number and min(self._levels[-1].shape[:2]) >= 2:
            last = self._levels[-1]
            rows, columns = last.shape[:2]
            half = F.interpolate(
                last.permute(2, 0, 1)[None], (rows // 2, columns // 2), mode="bilinear", antialias=True
            )
            self._levels.append(half[0].permute(1, 2, 0).contiguous())
        return self._levels[min(number, len(self._levels) - 1)]


def similarities(template: Tensor, points: Tensor, weights: Tensor | None = None) -> Tensor:
    """The turn, scale and shift that bring a template closest to each face's points.

    template: (K, 2); points: (N, K, 2); weights: (K,), how much each point counts, or None for all alike.
    Returns float32 (N, 2, 3): point in the picture = matrix @ (x, y, 1) of the template. Least squares in the
    picture; points that all coincide give a crop of one pixel's width instead of an error.
    """
    weights = torch.ones(len(template)) if weights is None else weights
    share = (weights / weights.sum())[:, None]
    centre, middles = (template * share).sum(dim=0), (points * share).sum(dim=1)
    own, theirs = template - centre, points - middles[:, None]
    spread = (own.square() * share).sum()
    # As complex numbers: a = sum(conj(own) * theirs) / sum(|own|^2).
    cosine = ((own * theirs).sum(dim=2) * share[:, 0]).sum(dim=1) / spread
    sine = ((own[:, 0] * theirs[..., 1] - own[:, 1] * theirs[..., 0]) * share[:, 0]).sum(dim=1) / spread
    cosine = torch.where(cosine.square() + sine.square() < 1e-8, torch.full_like(cosine, 1e-4), cosine)
    turn = torch.stack([torch.stack([cosine, -sine], dim=1), torch.stack([sine, cosine], dim=1)], dim=1)
    return torch.cat([turn, (middles - (turn @ centre[:, None])[..., 0])[..., None]], dim=2)


def apply(matrices: Tensor, points: Tensor) -> Tensor:
    """Points (N, K, 2) or (K, 2) moved by each matrix (N, 2, 3) -> (N, K, 2)."""
    return points @ matrices[:, :, :2].transpose(1, 2) + matrices[:, None, :, 2]


def inverted(matrices: Tensor) -> Tensor:
    """The way back of similarities (N, 2, 3)."""
    turn = matrices[:, :, :2]
    size = turn.square().sum(dim=(1, 2), keepdim=True) / 2
    back = turn.transpose(1, 2) / size
    return torch.cat([back, -(back @ matrices[:, :, 2:])], dim=2)


def scales(matrices: Tensor) -> Tensor:
    """Pixels of the picture per pixel of the crop, (N,)."""
    return matrices[:, :, 0].norm(dim=1)


def cut(levels: Levels, matrices: Tensor, size: tuple[int, int]) -> Tensor:
    """Crops float32 (N, 3, rows, columns), 0 to 255, of the regions the matrices (N, 2, 3) name.

    Bilinear, all faces of a level at once; what lies outside the picture repeats its edge. Only the pixels
    that are needed are read: the picture itself is never turned into floats, which would take longer than
    the crops and four times its memory.
    """
    rows, columns = size
    crops = torch.empty(len(matrices), 3, rows, columns)
    if not len(matrices):
        return crops
    y, x = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
    grid = torch.stack([x, y], dim=2).reshape(-1, 2)
    # The level where a step of the crop is one to two pixels: bilinear sampling then sees all of them.
    wanted = scales(matrices).clamp_min(1).log2().floor().int().clamp_max(16)
    original = levels.level(0)
    for number in wanted.unique().tolist():
        chosen = (wanted == number).nonzero()[:, 0]
        level = levels.level(number)
        ratio = torch.tensor([level.shape[1] / original.shape[1], level.shape[0] / original.shape[0]])
        places = apply(matrices[chosen], grid) * ratio - 0.5
        crops[chosen] = _bilinear(level, places).reshape(-1, rows, columns, 3).permute(0, 3, 1, 2)
    return crops


def _bilinear(level: Tensor, places: Tensor) -> Tensor:
    """Colours float32 (N, P, 3) at places (N, P, 2), in steps from the middle of the first pixel."""
    rows, columns = level.shape[:2]
    limit = torch.tensor([columns - 1, rows - 1], dtype=torch.float32)
    # Not a number or far outside: the edge, like everything outside.
    places = torch.minimum(places.nan_to_num(0.0).clamp_min(0), limit)
    low = places.floor()
    part = (places - low)[..., None]
    low = low.long()
    high = torch.minimum(low + 1, limit.long())
    colours = level.reshape(-1, 3)

    def at(x: Tensor, y: Tensor) -> Tensor:
        return colours[(y * columns + x).flatten()].reshape(*x.shape, 3).float()

    upper = torch.lerp(at(low[..., 0], low[..., 1]), at(high[..., 0], low[..., 1]), part[..., 0, :])
    lower = torch.lerp(at(low[..., 0], high[..., 1]), at(high[..., 0], high[..., 1]), part[..., 0, :])
    return torch.lerp(upper, lower, part[..., 1, :])


def crops_of(pictures: Sequence[Levels], regions: Sequence[Tensor], size: tuple[int, int]) -> Tensor:
    """Crops float32 (N, 3, rows, columns), 0 to 255, of the regions (n, 2, 3) of each picture, one after
    another.
    """
    empty = torch.zeros(0, 3, *size)
    return torch.cat([empty, *(cut(one, some, size) for one, some in zip(pictures, regions, strict=True))])
