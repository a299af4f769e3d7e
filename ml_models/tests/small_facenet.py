"""A small facenet with random weights, for tests: what it answers means nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from facenet_pytorch import InceptionResnetV1
from safetensors.numpy import save

from ml_models.adding import add, facenet_description
from ml_models.recognition import Description
from ml_models.tests.small_onnx import CALIBRATION

#: An eighth of the width.
NARROWER = 8


@cache
def facenet_bytes() -> bytes:
    """Weights of a narrow facenet as safetensors."""
    torch.manual_seed(1)
    state = InceptionResnetV1().state_dict()
    kept = {name: one.numpy() for name, one in state.items() if not name.endswith("num_batches_tracked")}
    return save({name: narrowed(name, one) for name, one in kept.items()})


def narrowed(name: str, tensor: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The first channels of a tensor; colours and the numbers of an embedding stay."""
    whole = name.startswith("last_")
    keep = [slice(None if whole else len(tensor) // NARROWER)]
    if tensor.ndim > 1:
        keep.append(slice(None if tensor.shape[1] == 3 else tensor.shape[1] // NARROWER))
    found = tensor[tuple(keep)]
    # As far apart as those of a wide layer would bring its answers.
    return np.ascontiguousarray(found * (NARROWER**0.5 if tensor.ndim > 1 else 1), dtype=np.float32)


def small_facenet(folder: Path) -> Description:
    """Add the narrow facenet to a folder."""
    description = facenet_description(facenet_bytes(), CALIBRATION)
    add(description, facenet_bytes(), folder)
    return description
