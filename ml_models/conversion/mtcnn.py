"""Makes `weights/mtcnn.safetensors` out of the three .pt files that facenet-pytorch 2.5.3 carries.

Done once; the result is part of the project. To repeat it (with torch and facenet-pytorch installed):

    python -m ml_models.conversion.mtcnn --out ml_models/weights

It writes the file and its entry in `manifest.json` beside it, whose settings (those of the last decision, see
`ml_models.training.detection_score`) it leaves as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

NAME, FILE = "mtcnn", "mtcnn.safetensors"
#: The files the shipped weights were made of, by SHA-256.
ORIGINALS = {
    "pnet": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}


def packaged() -> Path:
    """The folder of the originals in the installed package; FileNotFoundError when it is not installed."""
    spec = find_spec("facenet_pytorch")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("facenet-pytorch is not installed: install requirements/train.txt.")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def read_original(folder: Path, net: str) -> dict[str, Tensor]:
    """The tensors of one net; ValueError when the file is not the one that was converted."""
    file = folder / f"{net}.pt"
    if hashlib.sha256(file.read_bytes()).hexdigest() != ORIGINALS[net]:
        raise ValueError(f"{file} is another file than the one of facenet-pytorch 2.5.3.")
    tensors: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return tensors


def convert(folder: Path) -> dict[str, Tensor]:
    """All tensors as `pnet.conv1.weight` and so on."""
    return {
        f"{net}.{name}": tensor.contiguous()
        for net in ORIGINALS
        for name, tensor in read_original(folder, net).items()
    }


def entry(file: Path, settings: dict[str, float]) -> dict[str, Any]:
    """What the list of weights says about the file."""
    return {
        "name": NAME,
        "file": file.name,
        "package": None,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "input_size": 12,
        "mean": 127.5,
        "scale": 0.0078125,
        "licence": "MIT",
        "training_data": "WIDER FACE and CelebA, as published by Zhang et al. (2016)",
        "date": "as shipped in facenet-pytorch 2.5.3, converted 2026-11-24",
        "settings": settings,
    }


def main() -> int:
    """Write the file and its entry."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.conversion.mtcnn", description=__doc__)
    parser.add_argument("--originals", type=Path, help="folder with pnet.pt, rnet.pt, onet.pt")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    file = options.out / FILE
    save_file(convert(options.originals or packaged()), file)
    file.chmod(0o644)
    manifest = options.out / "manifest.json"
    known = json.loads(manifest.read_text())
    settings: dict[str, float] = next(
        (one["settings"] for one in known["weights"] if one["name"] == NAME), {}
    )
    new = entry(file, settings)
    known["weights"] = [new, *(one for one in known["weights"] if one["name"] != NAME)]
    manifest.write_text(json.dumps(known, indent=2) + "\n")
    print(f"{file}  {new['sha256']}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
