"""What the attribute network is asked for: losses for labels that are partly unknown, and its scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ml_models.attribute_types import LABELS, OLDEST
from ml_models.attributes import quantile
from ml_models.training.attribute_data import RANGES

YEARS = torch.arange(OLDEST + 1, dtype=torch.float32)
#: A stated age is learnt as a bell of this deviation, in years: neighbours are nearly right.
AGE_DEVIATION = 2.5
#: How much an error of the mean age of one year counts beside the likelihood.
YEAR_SHARE = 0.1
MALE_SHARE, LABEL_SHARE = 2.0, 0.5
#: The labels whose mean accuracy is reported: those that the engine's answers are made of.
USED = (
    "Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Eyeglasses", "Goatee", "Gray_Hair",
    "Heavy_Makeup", "Mustache", "No_Beard", "Sideburns", "Smiling", "Wearing_Hat", "Wearing_Lipstick",
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """labels int8 (N, labels) and male int8 (N,): 1, 0 or -1 for unknown. youngest, oldest int16 (N,): years,
    or -1.
    """

    labels: Tensor
    youngest: Tensor
    oldest: Tensor
    male: Tensor

    def pick(self, rows: Tensor) -> Truth:
        """The rows of these numbers."""
        return Truth(self.labels[rows], self.youngest[rows], self.oldest[rows], self.male[rows])


def middle_age(logits: Tensor) -> Tensor:
    """Years (N,) in the middle of the distribution of logits (N, 101), as the engine answers."""
    return torch.from_numpy(quantile(logits.softmax(dim=1).numpy(), 0.5))


def age_loss(logits: Tensor, youngest: Tensor, oldest: Tensor) -> Tensor:
    """(N,): minus the log likelihood of an age or a range, and the error of the mean age; 0 where unknown."""
    low, high = youngest.float()[:, None], oldest.float()[:, None]
    share = logits.log_softmax(dim=1)
    bell = torch.softmax(-((YEARS - low) ** 2) / (2 * AGE_DEVIATION**2), dim=1)
    inside = (low <= YEARS) & (high >= YEARS)
    # A range that is not known has no year inside; any finite number does, as it is not counted.
    within = torch.logsumexp(share.masked_fill(~inside, -30.0), dim=1)
    likelihood = torch.where(youngest == oldest, -(bell * share).sum(dim=1), -within)
    mean = share.exp() @ YEARS
    off = F.relu(low[:, 0] - mean) + F.relu(mean - high[:, 0])
    return torch.where(youngest >= 0, likelihood + YEAR_SHARE * off, torch.zeros_like(off))


def yes_no_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of the shape of the logits; 0 where the truth is unknown."""
    known = truth >= 0
    loss = F.binary_cross_entropy_with_logits(logits, truth.clamp_min(0).float(), reduction="none")
    return loss * known


def total_loss(out: tuple[Tensor, Tensor, Tensor], truth: Truth, share: Tensor) -> Tensor:
    """The sum that training lowers, each face weighted by its share (N,).

    out: as `AttributeNet` answers; its labels are those of the first M faces.
    """
    labels, age, male = (one.float() for one in out)
    first = len(labels)
    ages = (age_loss(age, truth.youngest, truth.oldest) * share).sum() / (
        truth.youngest >= 0
    ).sum().clamp_min(1)
    males = (yes_no_loss(male[:, 0], truth.male) * share).sum() / (truth.male >= 0).sum().clamp_min(1)
    known = yes_no_loss(labels, truth.labels[:first]).sum(dim=1)
    return ages + MALE_SHARE * males + LABEL_SHARE * (known * share[:first]).sum() / max(1, first)


def range_of(years: Tensor) -> Tensor:
    """The number of FairFace's range of each age (N,)."""
    starts = torch.tensor([low for low, _ in RANGES.values()], dtype=torch.float32)
    return torch.bucketize(years.float().round(), starts, right=True) - 1


def scores(out: tuple[Tensor, Tensor, Tensor], truth: Truth) -> dict[str, Any]:
    """Mean error of stated ages, accuracy of ranges, of gender, and of every label that is known."""
    labels, age, male = out
    years = middle_age(age)
    exact, ranged = (truth.youngest == truth.oldest) & (truth.youngest >= 0), truth.youngest < truth.oldest
    found: dict[str, Any] = {}
    if exact.any():
        found["age_error"] = round(float((years - truth.youngest)[exact].abs().mean()), 4)
        found["male_by_age_set"] = _share(((male[:, 0] > 0) == (truth.male > 0))[exact])
    if ranged.any():
        right = range_of(years) == range_of(truth.youngest)
        found["age_range"] = _share(right[ranged])
        found["male_by_range_set"] = _share(((male[:, 0] > 0) == (truth.male > 0))[ranged])
    each = {}
    for number, name in enumerate(LABELS):
        known = truth.labels[: len(labels), number] >= 0
        if known.any():
            right = (labels[:, number] > 0) == (truth.labels[: len(labels), number] > 0)
            each[name] = _share(right[known])
    found["labels"] = each
    used = [each[name] for name in USED if name in each]
    if used:
        found["used_labels"] = round(sum(used) / len(used), 5)
    return found


def combined(score: dict[str, Any]) -> float:
    """The number that decides which epoch is kept: every part counts about alike."""
    parts = [score[name] for name in ("age_range", "male_by_age_set", "male_by_range_set") if name in score]
    return float(sum(parts) + 2 * score.get("used_labels", 0.0) - score.get("age_error", 0.0) / 10)


def _share(right: Tensor) -> float:
    return round(float(right.float().mean()), 5)
