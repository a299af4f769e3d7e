"""Trains the emotion network: `python -m ml_models.training.emotion --data FOLDER --out FOLDER`.

The data folder holds `votes.csv` and `sheet_*.png` (see `emotion_data`). The output folder gets
`checkpoint.pt` (to go on after an interruption: run the same command again), `log.jsonl` (a line per epoch)
and `best.safetensors`. Everything random in a step follows from the seed and the number of the step, so an
interrupted run goes on exactly as it would have.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from ml_models.emotion_net import INPUT_SIZE, EmotionNet
from ml_models.evaluation.measures import class_scores, confusion_matrix
from ml_models.names import EMOTIONS
from ml_models.training.augment import augment, mix, plain
from ml_models.training.averaging import AveragedNet
from ml_models.training.emotion_data import EmotionSet, load_emotion_set, targets
from ml_models.training.running import finish, resume

BALANCE_EXPONENT = 0.35
CLIP = 5.0
#: The best epoch has the highest (2 * accuracy + macro-F1) / 3: macro-F1 alone hangs on a dozen rare
#: pictures.
ACCURACY_SHARE = 2 / 3


@dataclass(frozen=True)
class Recipe:
    """What a run is made of; a checkpoint of another recipe is refused.

    start: a safetensors file of weights to start from, for a second run; nothing starts from chance.
    """

    seed: int = 1
    epochs: int = 28
    small_epochs: int = 14
    small_size: int = 32
    batch: int = 64
    rate: float = 3e-3
    weight_decay: float = 0.05
    warmup_steps: int = 600
    average: float = 0.999
    dropout: float = 0.3
    start: str = ""

    def size(self, epoch: int) -> int:
        """Side of the pictures in an epoch (from 0): small first, then the size in use."""
        return self.small_size if epoch < self.small_epochs else INPUT_SIZE


@dataclass
class Progress:
    """Where a run is."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    best: float = -1.0
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)


def picture_weights(target: Tensor) -> Tensor:
    """How often a picture is drawn per epoch, (N,), mean 1: rarer emotions more often, exponent 0.35."""
    share = target.sum(dim=0) / target.sum()
    # An emotion without any picture has no weight to give.
    of_class = torch.where(share > 0, share, torch.ones_like(share)).pow(-BALANCE_EXPONENT)
    weight = target @ of_class
    return weight / weight.mean()


def epoch_order(weights: Tensor, seed: int) -> Tensor:
    """Indices of one epoch, as many as pictures: each drawn floor(weight) times and once more by chance."""
    draw = torch.Generator().manual_seed(seed)
    times = (weights + torch.rand(len(weights), generator=draw)).floor().long()
    order = torch.repeat_interleave(torch.arange(len(weights)), times)
    order = order[torch.randperm(len(order), generator=draw)]
    return order.repeat(2)[: len(weights)]


def rate_factor(step: int, total: int, warmup: int) -> float:
    """Linear warm-up, then a cosine down to 1 % of the rate."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


@torch.inference_mode()
def predict(net: nn.Module, pictures: Tensor, size: int = INPUT_SIZE, flip: bool = False) -> Tensor:
    """Logits float32 (N, 8) of uint8 pictures (N, 1, 48, 48); with `flip` the mean with the mirrored ones."""
    net.eval()
    parts = []
    for some in pictures.split(256):
        inputs = plain(some, size)
        logits = net(inputs)
        if flip:
            logits = (logits + net(inputs.flip(3))) / 2
        parts.append(logits.float())
    return torch.cat(parts)


def scores(logits: Tensor, truth: Tensor) -> dict[str, Any]:
    """Accuracy, macro-F1 and F1 of each emotion, of logits (N, 8) against classes (N,)."""
    confusion = confusion_matrix(truth.numpy(), logits.argmax(dim=1).numpy(), len(EMOTIONS))
    f1 = class_scores(confusion)[:, 2]
    return {
        "accuracy": round(float(confusion.trace() / confusion.sum()), 5),
        "macro_f1": round(float(f1.mean()), 5),
        "f1": {name: round(float(value), 4) for name, value in zip(EMOTIONS, f1, strict=True)},
    }


def combined(score: dict[str, Any]) -> float:
    """The number that decides which epoch is kept."""
    return ACCURACY_SHARE * score["accuracy"] + (1 - ACCURACY_SHARE) * score["macro_f1"]


class Trainer:
    """One run: holds networks, optimiser and progress, and can write and read them all."""

    def __init__(self, recipe: Recipe, train: EmotionSet, validation: EmotionSet, out: Path) -> None:
        self.recipe, self.out = recipe, out
        target, usable = targets(train.votes)
        #: Which training pictures have a target, bool; `target` and `pictures` hold these alone.
        self.usable = usable
        self.pictures, self.target = train.pictures[usable], target[usable]
        self.weights = picture_weights(self.target)
        self.validation = validation.clear()
        self.steps_per_epoch = len(self.pictures) // recipe.batch
        if self.steps_per_epoch == 0:
            raise ValueError(
                f"{len(self.pictures)} usable pictures are fewer than one batch of {recipe.batch}."
            )
        torch.manual_seed(recipe.seed)
        self.net: nn.Module = self.make_net().to(memory_format=torch.channels_last)
        self.average = AveragedNet(self.net, recipe.average)
        decayed = [p for p in self.net.parameters() if p.ndim > 1]
        free = [p for p in self.net.parameters() if p.ndim <= 1]
        self.optimiser = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": free, "weight_decay": 0.0}],
            lr=recipe.rate,
            fused=True,
        )
        total = recipe.epochs * self.steps_per_epoch
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: rate_factor(step, total, recipe.warmup_steps)
        )
        self.progress = Progress()
        self.forward: Any = self.net
        self.stop = False

    def make_net(self) -> nn.Module:
        """The network to train, from chance or from the weights that the recipe names."""
        net = EmotionNet(dropout=self.recipe.dropout)
        if self.recipe.start:
            net.load_state_dict(load_file(self.recipe.start))
        return net

    def inputs(self, chosen: Tensor, size: int) -> tuple[Tensor, ...]:
        """What the network gets of these pictures in training."""
        return (augment(self.pictures[chosen], size),)

    def validation_logits(self, size: int) -> Tensor:
        """Logits of the clear validation pictures by the averaged weights."""
        return predict(self.average.net, self.validation.pictures, size)

    def save(self) -> None:
        """Write the checkpoint; the old one stays whole until the new one is."""
        state = {
            "recipe": asdict(self.recipe),
            "net": self.net.state_dict(),
            "average": self.average.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "progress": asdict(self.progress),
            "random": torch.get_rng_state(),
        }
        torch.save(state, self.out / "checkpoint.tmp")
        os.replace(self.out / "checkpoint.tmp", self.out / "checkpoint.pt")

    def resume(self) -> bool:
        """Go on from a checkpoint if there is one; ValueError when it is of another recipe."""
        file = self.out / "checkpoint.pt"
        if not file.is_file():
            return False
        state = torch.load(file, weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            raise ValueError(f"{file} is of another recipe: give the same options, or another --out.")
        self.net.load_state_dict(state["net"])
        self.average.net.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.progress = Progress(**state["progress"])
        torch.set_rng_state(state["random"])
        return True

    def step(self, chosen: Tensor, size: int) -> float:
        """One optimiser step on the pictures of these indices; returns the loss."""
        recipe, number = self.recipe, self.progress.epoch * self.steps_per_epoch + self.progress.step
        torch.manual_seed(recipe.seed * 10_000_019 + number)
        inputs, target = self.inputs(chosen, size), self.target[chosen]
        if torch.rand(()) < 0.5:
            inputs, target = mix(inputs, target)
        self.net.train()
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.forward(*inputs)
        loss = nn.functional.cross_entropy(logits.float(), target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimiser.step()
        self.scheduler.step()
        self.average.update(self.net, number)
        return float(loss.detach())

    def batches(self) -> Iterator[Tensor]:
        """What is left of the present epoch."""
        recipe, progress = self.recipe, self.progress
        order = epoch_order(self.weights, recipe.seed * 1_000_003 + progress.epoch)
        for number in range(progress.step, self.steps_per_epoch):
            yield order[number * recipe.batch : (number + 1) * recipe.batch]

    def run_epoch(self, save_every: float, deadline: float) -> bool:
        """Train to the end of the epoch; False when a signal or the deadline came first (all is saved)."""
        progress, size = self.progress, self.recipe.size(self.progress.epoch)
        bar = tqdm(
            total=self.steps_per_epoch,
            initial=progress.step,
            mininterval=5,
            unit="step",
            desc=f"epoch {progress.epoch + 1}/{self.recipe.epochs} at {size} px",
        )
        last = saved = time.monotonic()
        with bar:
            for chosen in self.batches():
                progress.loss += self.step(chosen, size)
                progress.step += 1
                now = time.monotonic()
                progress.seconds += now - last
                progress.epoch_seconds += now - last
                last = now
                bar.update()
                if progress.step % 20 == 0:
                    bar.set_postfix(loss=f"{progress.loss / progress.step:.4f}", refresh=False)
                if self.stop or now > deadline:
                    self.save()
                    return False
                if now - saved > save_every:
                    self.save()
                    saved = now
        self.finish_epoch(size)
        return True

    def finish_epoch(self, size: int) -> None:
        """Score the averaged weights, log a line, keep the best, write the checkpoint."""
        progress, started = self.progress, time.monotonic()
        logits = self.validation_logits(size)
        score = scores(logits, self.validation.majority)
        # Small pictures are only a way to the start: an epoch of the final size is what gets shipped.
        eligible = size == INPUT_SIZE or self.recipe.small_epochs >= self.recipe.epochs
        if eligible and combined(score) > progress.best:
            progress.best, progress.best_epoch = combined(score), progress.epoch + 1
            weights = {k: v.contiguous() for k, v in self.average.net.state_dict().items()}
            save_file(weights, self.out / "best.safetensors.tmp", metadata={"epoch": str(progress.epoch + 1)})
            os.replace(self.out / "best.safetensors.tmp", self.out / "best.safetensors")
        line = {
            "epoch": progress.epoch + 1,
            "size": size,
            "loss": round(progress.loss / max(1, progress.step), 5),
            "validation_loss": round(float(nn.functional.cross_entropy(logits, self.validation.majority)), 5),
            "rate": self.scheduler.get_last_lr()[0],
            "seconds": round(progress.epoch_seconds, 1),
            "total_seconds": round(progress.seconds, 1),
            "validation_seconds": round(time.monotonic() - started, 1),
            "averaged": self.recipe.average,
            "validation_pictures": len(self.validation),
            **score,
            "best_epoch": progress.best_epoch,
        }
        progress.history.append(line)
        tqdm.write(json.dumps({k: v for k, v in line.items() if k != "f1"}))
        progress.epoch += 1
        progress.step, progress.loss, progress.epoch_seconds = 0, 0.0, 0.0
        self.save()
        # The log is written whole from the checkpoint, so a line is never lost or doubled by an interruption.
        (self.out / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in progress.history))

    def run(self, *, save_every: float = 120, max_minutes: float = math.inf) -> bool:
        """Train to the end; False when stopped before it."""
        deadline = time.monotonic() + 60 * max_minutes
        while self.progress.epoch < self.recipe.epochs:
            if not self.run_epoch(save_every, deadline):
                return False
        return True


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.training.emotion", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with votes.csv and sheet_*.png")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint, log and best weights")
    for name, value in asdict(Recipe()).items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile (needs a C++ compiler): about 1.2x"
    )
    parser.add_argument("--max-minutes", type=float, default=math.inf, help="stop then, with a checkpoint")
    parser.add_argument(
        "--save-every", type=float, default=120, help="seconds between checkpoints in an epoch"
    )
    return parser


def main() -> int:
    """Run or go on; exit code 0 when the run is complete, 3 when it stopped before and can be resumed."""
    options = arguments().parse_args()
    recipe = Recipe(**{name: getattr(options, name) for name in asdict(Recipe())})
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    train, validation = (load_emotion_set(options.data, split) for split in ("train", "validation"))
    trainer = Trainer(recipe, train, validation, options.out)
    resume(trainer)
    if options.compile:
        trainer.forward = torch.compile(trainer.net, dynamic=False)
    return finish(trainer, options.out, options.save_every, options.max_minutes)


if __name__ == "__main__":
    raise SystemExit(main())
