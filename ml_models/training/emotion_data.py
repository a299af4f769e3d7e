"""Reads the emotion data: sheets of 40x40 tiles of 48x48 grey faces, and `votes.csv` with ten people's
votes.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ml_models.names import EMOTIONS

TILE = 48
#: A picture has a clear majority when at least this many of its (ten) votes name one of the eight emotions.
MAJORITY_VOTES = 5


@dataclass(frozen=True)
class EmotionSet:
    """Pictures uint8 (N, 1, 48, 48), votes float32 (N, 8) as counted, majority int64 (N,), -1 where
    unclear.
    """

    pictures: Tensor
    votes: Tensor
    majority: Tensor

    def __len__(self) -> int:
        return len(self.pictures)

    def pick(self, keep: Tensor) -> EmotionSet:
        """The pictures that a boolean or index tensor selects."""
        return EmotionSet(self.pictures[keep], self.votes[keep], self.majority[keep])

    def clear(self) -> EmotionSet:
        """Only the pictures with a clear majority: those that scores are taken on."""
        return self.pick(self.majority >= 0)


def targets(votes: Tensor) -> tuple[Tensor, Tensor]:
    """Turn votes (N, 8) into distributions (N, 8), and say which pictures have one (bool (N,)).

    A single vote is more often a slip than an opinion, so single votes are zeroed; votes for `unknown` and
    `not_a_face` are not in here at all; what is left is scaled to sum to 1.
    """
    kept = torch.where(votes > 1, votes, torch.zeros_like(votes))
    total = kept.sum(dim=1, keepdim=True)
    return kept / total.clamp_min(1), total.squeeze(1) > 0


def load_emotion_set(folder: Path, split: str, *, duplicates: bool = False) -> EmotionSet:
    """Load one split ("train" or "validation") of a data folder.

    `duplicates` keeps validation pictures that repeat a training picture; scores leave them out.
    Raises FileNotFoundError when the folder lacks `votes.csv`, ValueError when the split is empty or a sheet
    is too small for a tile that the table names.
    """
    table = folder / "votes.csv"
    if not table.is_file():
        raise FileNotFoundError(
            f"{table} is missing: give --data the folder with votes.csv and the sheet_*.png."
        )
    sheets: dict[str, np.ndarray] = {}
    pictures: list[np.ndarray] = []
    votes: list[list[float]] = []
    with table.open(newline="") as lines:
        for row in csv.DictReader(lines):
            if row["split"] != split or (row["duplicate_of_training"] == "1" and not duplicates):
                continue
            name = row["sheet"]
            if name not in sheets:
                with Image.open(folder / name) as sheet:
                    sheets[name] = np.asarray(sheet.convert("L"))
            top, left = int(row["row"]) * TILE, int(row["column"]) * TILE
            tile = sheets[name][top : top + TILE, left : left + TILE]
            if tile.shape != (TILE, TILE):
                raise ValueError(f"{name} has no tile in row {row['row']}, column {row['column']}.")
            pictures.append(tile)
            votes.append([float(row[emotion]) for emotion in EMOTIONS])
    if not pictures:
        raise ValueError(f"{table} has no pictures of split {split!r}.")
    counted = torch.tensor(votes, dtype=torch.float32)
    most, majority = counted.max(dim=1)
    majority = torch.where(most >= MAJORITY_VOTES, majority, torch.full_like(majority, -1))
    # Ten votes can tie at five each: then there is no majority to be right about.
    tied = (counted == most[:, None]).sum(dim=1) > 1
    majority[tied] = -1
    return EmotionSet(torch.from_numpy(np.stack(pictures))[:, None].contiguous(), counted, majority)
