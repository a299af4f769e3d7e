"""Trains the attribute network: `python -m ml_models.training.attributes --data FOLDER --out FOLDER`.

The data folder is described in `attribute_data`. First the detector looks at every picture, then the views of
all pictures are made (`attribute_views`), then the network is trained. The output folder gets all of that,
`checkpoint.pt` (to go on after an interruption at any point: run the same command again), `log.jsonl` (a line
per epoch) and `best.safetensors`. Everything random in a step follows from the seed and the number of the
step, so an interrupted run goes on exactly as it would have.
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

from ml_models import dlib_file
from ml_models.attribute_net import AttributeNet
from ml_models.embedding_net import folded
from ml_models.face_trunk import WEIGHTS as RECOGNITION
from ml_models.registry import weight
from ml_models.training.attribute_batches import (
    AttributeSet,
    assemble,
    drawn_rows,
    inputs_of,
    portrait_weights,
)
from ml_models.training.attribute_copies import near_copies
from ml_models.training.attribute_data import load_samples
from ml_models.training.attribute_losses import combined, scores, total_loss
from ml_models.training.attribute_points import find_points
from ml_models.training.attribute_views import make_views
from ml_models.training.averaging import AveragedNet
from ml_models.training.emotion import rate_factor
from ml_models.training.running import finish, resume

CLIP = 5.0


@dataclass(frozen=True)
class Recipe:
    """What a run is made of; a checkpoint of another recipe is refused.

    wide_batch, face_batch: portraits with yes/no labels and faces with ages in one step. top_rate: for the
    blocks that start from the recognition network; rate: for all that starts from chance. start: file of
    weights (safetensors) to start from, for a second run; else the recognition network and chance.
    """

    seed: int = 1
    epochs: int = 14
    wide_batch: int = 24
    face_batch: int = 40
    rate: float = 3e-3
    top_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_steps: int = 200
    average: float = 0.998
    dropout: float = 0.3
    mix: float = 0.5
    start: str = ""


@dataclass
class Progress:
    """Where a run is."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    best: float = -math.inf
    best_epoch: int = -1
    history: list[dict[str, Any]] = field(default_factory=list)


@torch.inference_mode()
def predict(net: nn.Module, data: AttributeSet) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of the validation rows, in float32."""
    net.eval()
    outs = []
    for start in range(0, len(data.validation), 128):
        rows = data.validation[start : start + 128]
        wide = min(max(data.validation_wide - start, 0), len(rows))
        outs.append(net(*inputs_of(data.views, rows, wide, change=False)))
    labels, age, male = (torch.cat(parts) for parts in zip(*outs, strict=True))
    return labels, age, male


class Trainer:
    """One run: holds networks, optimiser and progress, and can write and read them all."""

    def __init__(self, recipe: Recipe, data: AttributeSet, out: Path) -> None:
        self.recipe, self.data, self.out = recipe, data, out
        self.steps_per_epoch = len(data.faces) // recipe.face_batch
        if self.steps_per_epoch == 0:
            raise ValueError(
                f"{len(data.faces)} faces with ages are fewer than one batch of {recipe.face_batch}."
            )
        self.wide_weights = portrait_weights(data.truth.labels[data.wide[:, 0]])
        torch.manual_seed(recipe.seed)
        self.net = AttributeNet(dropout=recipe.dropout)
        if recipe.start:
            self.net.load_state_dict(load_file(recipe.start))
        else:
            self.net.start_from(folded(dlib_file.read(weight(RECOGNITION).verified()))[0])
        self.net.to(memory_format=torch.channels_last)
        self.average = AveragedNet(self.net, recipe.average)
        top = set(self.net.top.parameters())
        groups = [
            {
                "params": [p for p in self.net.parameters() if (p in top) == own and (p.ndim > 1) == decayed],
                "lr": recipe.top_rate if own else recipe.rate,
                "weight_decay": recipe.weight_decay if decayed else 0.0,
            }
            for own in (True, False)
            for decayed in (True, False)
        ]
        self.optimiser = torch.optim.AdamW(groups, fused=True)
        total = recipe.epochs * self.steps_per_epoch
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: rate_factor(step, total, recipe.warmup_steps)
        )
        self.progress = Progress()
        self.forward: Any = self.net
        self.stop = False

    def save(self) -> None:
        """Write the checkpoint; the old one stays whole until the new one is."""
        state = {
            "recipe": asdict(self.recipe),
            "net": self.net.state_dict(),
            "average": self.average.net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "progress": asdict(self.progress),
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
        return True

    def step(self, rows: Tensor) -> float:
        """One optimiser step on these rows, portraits first; returns the loss."""
        recipe, number = self.recipe, self.progress.epoch * self.steps_per_epoch + self.progress.step
        torch.manual_seed(recipe.seed * 10_000_019 + number)
        wide = recipe.wide_batch
        features, pictures = inputs_of(self.data.views, rows, wide, change=True)
        truth, whole = self.data.truth.pick(rows), torch.ones(len(rows))
        mixed = bool(torch.rand(()) < recipe.mix)
        other = torch.cat([torch.randperm(wide), wide + torch.randperm(len(rows) - wide)])
        share = torch.distributions.Beta(0.4, 0.4).sample((len(rows),))
        if mixed:
            share = torch.maximum(share, 1 - share)
            features = torch.lerp(features[other], features, share.view(-1, 1, 1, 1))
            pictures = torch.lerp(pictures[other[:wide]], pictures, share[:wide].view(-1, 1, 1, 1))
        self.net.train()
        with torch.autocast("cpu", torch.bfloat16):
            out = self.forward(features, pictures)
        if mixed:
            loss = total_loss(out, truth, share) + total_loss(out, truth.pick(other), 1 - share)
        else:
            loss = total_loss(out, truth, whole)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimiser.step()
        self.scheduler.step()
        self.average.update(self.net, number)
        return float(loss.detach())

    def batches(self) -> Iterator[Tensor]:
        """What is left of the present epoch."""
        recipe, progress, data = self.recipe, self.progress, self.data
        seed = recipe.seed * 1_000_003 + 2 * progress.epoch
        steps, even = self.steps_per_epoch, torch.ones(len(data.faces))
        wide = drawn_rows(data.wide, self.wide_weights, steps * recipe.wide_batch, seed)
        faces = drawn_rows(data.faces, even, steps * recipe.face_batch, seed + 1)
        both = torch.cat([wide.view(steps, -1), faces.view(steps, -1)], dim=1)
        yield from both[progress.step :]

    def run_epoch(self, save_every: float, deadline: float) -> bool:
        """Train to the end of the epoch; False when a signal or the deadline came first (all is saved)."""
        progress = self.progress
        bar = tqdm(
            total=self.steps_per_epoch,
            initial=progress.step,
            mininterval=5,
            unit="step",
            desc=f"epoch {progress.epoch + 1}/{self.recipe.epochs}",
        )
        last = saved = time.monotonic()
        with bar:
            for rows in self.batches():
                progress.loss += self.step(rows)
                progress.step += 1
                now = time.monotonic()
                progress.seconds += now - last
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
        self.finish_epoch()
        return True

    def finish_epoch(self) -> None:
        """Score the averaged weights, log a line, keep the best, write the checkpoint."""
        progress = self.progress
        score = scores(predict(self.average.net, self.data), self.data.truth.pick(self.data.validation))
        if combined(score) > progress.best:
            progress.best, progress.best_epoch = combined(score), progress.epoch + 1
            weights = {k: v.contiguous() for k, v in self.average.net.state_dict().items()}
            save_file(weights, self.out / "best.safetensors.tmp", metadata={"epoch": str(progress.epoch + 1)})
            os.replace(self.out / "best.safetensors.tmp", self.out / "best.safetensors")
        line = {
            "epoch": progress.epoch + 1,
            "loss": round(progress.loss / max(1, progress.step), 5),
            "seconds": round(progress.seconds, 1),
            "validation_pictures": len(self.data.validation),
            **score,
            "best_epoch": progress.best_epoch,
        }
        progress.history.append(line)
        tqdm.write(json.dumps({k: v for k, v in line.items() if k != "labels"}))
        progress.epoch += 1
        progress.step, progress.loss = 0, 0.0
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


def prepare(data: Path, out: Path) -> AttributeSet:
    """Points and views of all pictures of a data folder, made or read from the folder `out`."""
    samples = load_samples(data)
    points = find_points(data, samples, out / "points.npz")
    return assemble(samples, make_views(data, samples, points, out), near_copies(data, samples))


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.training.attributes", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for views, checkpoint, log and weights"
    )
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
    trainer = Trainer(recipe, prepare(options.data, options.out), options.out)
    resume(trainer)
    if options.compile:
        trainer.forward = torch.compile(trainer.net, dynamic=False)
    return finish(trainer, options.out, options.save_every, options.max_minutes)


if __name__ == "__main__":
    raise SystemExit(main())
