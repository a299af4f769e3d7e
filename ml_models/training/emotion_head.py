"""Trains the emotion head: `python -m ml_models.training.emotion_head --data FOLDER --out FOLDER`.

The data folder is that of `ml_models.training.emotion`. The recognition network below the head stays as it
is, so its answers to every picture are computed once, for the plain pictures and for `--variants` changed
ones (turned, scaled, shifted, relit, mirrored), and kept in `features/` of the output folder (about 1.5 GB
each). The head then learns from these. The output folder further gets `checkpoint.pt`, `log.jsonl` and
`best.safetensors`, as in the training of the other network; the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ml_models.emotion_head_net import EmotionHead
from ml_models.training.emotion import Recipe, Trainer
from ml_models.training.emotion_data import EmotionSet, load_emotion_set
from ml_models.training.running import finish, resume
from ml_models.training.trunk_features import Features, extract, load_features


@dataclass(frozen=True)
class HeadRecipe(Recipe):
    """What a run is made of. variants: changed copies of each picture beside the plain one."""

    epochs: int = 12
    small_epochs: int = 0
    batch: int = 64
    rate: float = 3e-3
    warmup_steps: int = 300
    average: float = 0.998
    dropout: float = 0.4
    variants: int = 3


class HeadTrainer(Trainer):
    """A run whose pictures are answers of the recognition network."""

    def __init__(
        self,
        recipe: HeadRecipe,
        train: EmotionSet,
        validation: EmotionSet,
        features: tuple[list[Features], Features],
        out: Path,
    ) -> None:
        self._variants, self._plain = features
        super().__init__(recipe, train, validation, out)
        #: Rows of the features that are used: those with a target, in the order of `self.target`.
        self._rows = self.usable.nonzero()[:, 0]
        self._clear = (validation.majority >= 0).nonzero()[:, 0]

    def make_net(self) -> nn.Module:
        """The head; it starts from chance."""
        return EmotionHead(dropout=self.recipe.dropout)

    def inputs(self, chosen: Tensor, size: int) -> tuple[Tensor, ...]:
        """Features of these pictures, of each from a variant drawn by chance."""
        rows = self._rows[chosen]
        variant = torch.randint(len(self._variants), (len(rows),))
        parts = [torch.empty(len(rows), *part.shape[1:]) for part in self._variants[0]]
        for number, features in enumerate(self._variants):
            own = (variant == number).nonzero()[:, 0]
            for part, source in zip(parts, features, strict=True):
                part[own] = source[rows[own]].float()
        return tuple(parts)

    @torch.inference_mode()
    def validation_logits(self, size: int) -> Tensor:
        """Logits of the clear validation pictures by the averaged weights."""
        self.average.net.eval()
        parts = [
            self.average.net(*(source[rows].float() for source in self._plain))
            for rows in self._clear.split(256)
        ]
        return torch.cat(parts)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.training.emotion_head", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with votes.csv and sheet_*.png")
    parser.add_argument("--out", type=Path, required=True, help="folder for features, checkpoint and weights")
    for name, value in asdict(HeadRecipe()).items():
        if name not in ("start", "small_epochs", "small_size"):
            parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-minutes", type=float, default=math.inf, help="stop then, with a checkpoint")
    parser.add_argument(
        "--save-every", type=float, default=120, help="seconds between checkpoints in an epoch"
    )
    return parser


def main() -> int:
    """Run or go on; exit code 0 when the run is complete, 3 when it stopped before and can be resumed."""
    options = arguments().parse_args()
    recipe = HeadRecipe(**{n: getattr(options, n) for n in asdict(HeadRecipe()) if hasattr(options, n)})
    torch.set_num_threads(options.threads)
    folder = options.out / "features"
    folder.mkdir(parents=True, exist_ok=True)
    train, validation = (load_emotion_set(options.data, split) for split in ("train", "validation"))
    for variant in range(recipe.variants + 1):
        extract(train.pictures[:, 0].numpy(), folder, "train", variant, recipe.seed)
    extract(validation.pictures[:, 0].numpy(), folder, "validation", 0, recipe.seed)
    variants = [load_features(folder, "train", number) for number in range(recipe.variants + 1)]
    features = variants, load_features(folder, "validation", 0)
    trainer = HeadTrainer(recipe, train, validation, features, options.out)
    resume(trainer)
    return finish(trainer, options.out, options.save_every, options.max_minutes)


if __name__ == "__main__":
    raise SystemExit(main())
