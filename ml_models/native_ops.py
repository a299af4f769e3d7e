"""Two of torchvision's compiled operators, without importing it: that would cost 160 MB and two seconds."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor


def _load() -> None:
    """Load torchvision's compiled part; ImportError when it is not installed."""
    spec = find_spec("torchvision")
    places = [] if spec is None else list(spec.submodule_search_locations or [])
    for place in places:
        for library in sorted(Path(place).glob("_C*")):
            if library.suffix in (".so", ".pyd", ".dylib"):
                torch.ops.load_library(str(library))
                return
    raise ImportError(
        "torchvision with its compiled operators is not installed: install requirements/ml.txt."
    )


_load()


def nms(boxes: Tensor, scores: Tensor, limit: float) -> Tensor:
    """Indices kept, best first, of boxes (N, 4) as x0, y0, x1, y1: no two overlap by more than limit."""
    kept: Tensor = torch.ops.torchvision.nms(boxes, scores, limit)
    return kept


def roi_align(pixels: Tensor, regions: Tensor, size: int, samples: int) -> Tensor:
    """Crops (M, C, size, size) of pixels (N, C, H, W); regions (M, 5) are picture number, x0, y0, x1, y1.

    Each cell is the mean of samples x samples points between the pixels' middles.
    """
    crops: Tensor = torch.ops.torchvision.roi_align(pixels, regions, 1.0, size, size, samples, True)
    return crops
