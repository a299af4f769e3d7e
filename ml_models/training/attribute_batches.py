"""Sorts the views of pictures into those that train and those that validate, and makes batches of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ml_models.attribute_net import normalised
from ml_models.attribute_types import LABELS
from ml_models.attributes import WIDE_SIZE
from ml_models.training.attribute_data import Sample
from ml_models.training.attribute_losses import Truth
from ml_models.training.attribute_views import MARGIN, Views
from ml_models.training.augment import uniform

#: Portraits with one of these are drawn more often: half as often again for each.
RARE = ("Bald", "Eyeglasses", "Gray_Hair", "Mustache", "Sideburns", "Wearing_Hat", "sunglasses")


@dataclass(frozen=True)
class AttributeSet:
    """Rows of views with what is known of them.

    wide, faces: int (N, 2), for every portrait with yes/no labels and every face with an age that trains, its
    first row and how many rows it has. validation: rows that validate, `validation_wide` portraits first.
    """

    views: Views
    truth: Truth
    wide: Tensor
    faces: Tensor
    validation: Tensor
    validation_wide: int


def assemble(samples: Sequence[Sample], views: Views, copies: Collection[str] = ()) -> AttributeSet:
    """Sort rows into those that train and those that validate.

    copies: files of held-out pictures that repeat a training picture and count neither way.

    Raises ValueError when portraits with labels, or faces with ages, or held-out pictures are missing.
    """
    rows = [samples[number] for number in views.plan.sample.tolist()]
    ages = np.array([one.age or (-1, -1) for one in rows], dtype=np.int16)
    male = np.array([-1 if one.male is None else int(one.male) for one in rows], dtype=np.int8)
    truth = Truth(
        torch.from_numpy(np.array(views.labels)), torch.from_numpy(ages[:, 0]), torch.from_numpy(ages[:, 1]),
        torch.from_numpy(male),
    )  # fmt: skip
    held = np.array([one.held_out for one in rows])
    wide = np.array([one.wide for one in rows])
    first = views.plan.copy == 0
    count = np.bincount(views.plan.sample)[views.plan.sample]
    drawn = [np.nonzero(first & ~held & kind)[0] for kind in (wide, ~wide)]
    tables = [torch.from_numpy(np.stack([some, count[some]], axis=1)) for some in drawn]
    checked = first & held & np.array([one.file not in copies for one in rows])
    validation = np.concatenate([np.nonzero(checked & wide)[0], np.nonzero(checked & ~wide)[0]])
    if not len(validation) or not all(len(table) for table in tables):
        raise ValueError(
            "The data folder needs portraits with labels and faces with ages, some of them held out."
        )
    return AttributeSet(
        views, truth, tables[0], tables[1], torch.from_numpy(validation), int((checked & wide).sum())
    )


def portrait_weights(labels: Tensor) -> Tensor:
    """How often a portrait is drawn per round, (N,), mean 1: rare attributes more often."""
    columns = [LABELS.index(name) for name in RARE]
    weights = 1 + 0.5 * (labels[:, columns] == 1).sum(dim=1).float()
    return weights / weights.mean()


def drawn_rows(table: Tensor, weights: Tensor, count: int, seed: int) -> Tensor:
    """`count` rows: whole rounds over all pictures, each drawn floor(weight) times and once more by chance,
    each time a copy by chance.

    table: int (N, 2), the first row of each picture and how many rows it has.
    """
    draw = torch.Generator().manual_seed(seed)
    parts: list[Tensor] = []
    while sum(map(len, parts)) < count:
        times = (weights + torch.rand(len(weights), generator=draw)).floor().long()
        order = torch.repeat_interleave(torch.arange(len(weights)), times)
        parts.append(order[torch.randperm(len(order), generator=draw)])
    chosen = table[torch.cat(parts)[:count]]
    copy = (torch.rand(count, generator=draw) * chosen[:, 1]).floor().long()
    return chosen[:, 0] + copy


def jittered(stored: Tensor) -> Tensor:
    """Wide views uint8 (N, 112, 96, 3) with their margin, turned, scaled and shifted: (N, 3, 96, 80)."""
    count, (rows, columns) = len(stored), stored.shape[1:3]
    angle = uniform(count, -0.14, 0.14)
    scale = torch.exp(uniform(count, -0.1, 0.1))
    theta = torch.empty(count, 2, 3)
    height, width = WIDE_SIZE
    theta[:, 0, 0] = scale * torch.cos(angle) * width / columns
    theta[:, 0, 1] = -scale * torch.sin(angle) * height / columns
    theta[:, 1, 0] = scale * torch.sin(angle) * width / rows
    theta[:, 1, 1] = scale * torch.cos(angle) * height / rows
    theta[:, 0, 2], theta[:, 1, 2] = (uniform(count, -6 / side, 6 / side) for side in (columns, rows))
    grid = F.affine_grid(theta, [count, 3, height, width], align_corners=False)
    return F.grid_sample(stored.permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False)


def plain(stored: Tensor) -> Tensor:
    """The same without any change: what validation sees."""
    return stored[:, MARGIN:-MARGIN, MARGIN:-MARGIN].permute(0, 3, 1, 2).float()


def inputs_of(views: Views, rows: Tensor, wide: int, *, change: bool) -> tuple[Tensor, Tensor]:
    """Features (N, 64, 17, 17) of the rows and wide views (wide, 3, 96, 80) of the first of them."""
    numbers = rows.numpy()
    features = torch.from_numpy(views.features[numbers]).float()
    stored = torch.from_numpy(views.wide[numbers[:wide]])
    pictures = normalised(jittered(stored) if change else plain(stored))
    layout = torch.channels_last
    return features.contiguous(memory_format=layout), pictures.contiguous(memory_format=layout)
