"""Face and emotion analysis without Django.

`import ml_models` is cheap: the names below are loaded on first use, so that the web process can read
`EMOTIONS` and never loads torch.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ml_models.names import EMOTIONS

if TYPE_CHECKING:
    from ml_models.batcher import BatchedEngine
    from ml_models.engine import FaceEngine
    from ml_models.fake import FakeEngine
    from ml_models.registry import WeightError
    from ml_models.types import Face

# OpenVINO reports every import to its maker when this package is there, and is silent when it is missing.
# ONNX Runtime does the same since 1.29 unless this stands in the environment before it is imported; its own
# function to switch that off comes too late for the first report. Nothing of what this project runs on leaves
# the machine.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__all__ = ["EMOTIONS", "BatchedEngine", "Face", "FaceEngine", "FakeEngine", "WeightError"]

_HOME = {
    "BatchedEngine": "ml_models.batcher",
    "Face": "ml_models.types",
    "FaceEngine": "ml_models.engine",
    "FakeEngine": "ml_models.fake",
    "WeightError": "ml_models.registry",
}


def __getattr__(name: str) -> Any:
    """Load one of the public names from its module (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'ml_models' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
