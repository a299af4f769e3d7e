"""Turns facenet-pytorch's published weights into a file that the engine reads:

    python -m ml_models.conversion.facenet 20180402-114759-vggface2.pt facenet-vggface2.safetensors

Prints the SHA-256 of what it wrote. `manage.py fetch_weights` runs it where PyTorch is installed; elsewhere
the result is carried over and given to that command.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import pickle
import sys
from pathlib import Path

import torch
from safetensors.torch import save

#: The file published with facenet-pytorch 2.2.9 under this name, by its SHA-256.
PUBLISHED = "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b"
#: Parts of the module that only training needs.
LEFT_OUT = ("logits.", "num_batches_tracked")


def convert(content: Path) -> bytes:
    """The tensors of a `state_dict` as safetensors; ValueError when the file is none.

    Nothing in the file is executed. Equal tensors give equal bytes.
    """
    try:
        state = torch.load(content, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{content.name} cannot be read as weights of PyTorch ({error}).") from error
    if not isinstance(state, dict) or not all(isinstance(one, torch.Tensor) for one in state.values()):
        raise ValueError(f"{content.name} holds something else than tensors by name.")
    kept = {
        name: tensor.detach().to(torch.float32).contiguous()
        for name, tensor in sorted(state.items())
        if not name.startswith(LEFT_OUT[0]) and not name.endswith(LEFT_OUT[1])
    }
    return bytes(save(kept))


def main(given: list[str] | None = None) -> int:
    """Write the file; exit code 1 with a sentence when the original is not what it should be."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.conversion.facenet", description=__doc__)
    parser.add_argument("original", type=Path, help="20180402-114759-vggface2.pt")
    parser.add_argument("out", type=Path, help="facenet-vggface2.safetensors")
    parser.add_argument("--sha256", default=PUBLISHED, help="of the original, if it is another file")
    options = parser.parse_args(given)
    try:
        digest = hashlib.sha256(options.original.read_bytes()).hexdigest()
        if digest != options.sha256.lower():
            raise ValueError(
                f"{options.original} has the SHA-256 {digest}, not {options.sha256}: fetch it again, or give "
                "--sha256 if you mean this file."
            )
        content = convert(options.original)
        new = options.out.with_suffix(".new")
        new.write_bytes(content)
        new.chmod(0o644)
        os.replace(new, options.out)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(hashlib.sha256(content).hexdigest())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
