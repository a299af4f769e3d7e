"""Measures how the training pictures of emotions lie about the box that MTCNN draws for them.

`python -m ml_models.training.crop_region --data FOLDER` prints the two numbers `region` and `lower` with
which `ml_models.emotion` cuts faces out of photos so that they look like the pictures of the training.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ml_models.detection import FaceDetector
from ml_models.levels import Levels
from ml_models.training.emotion_data import load_emotion_set

#: Side of the enlarged picture, and width of the grey margin around it, so that boxes may leave the picture.
SIDE, MARGIN = 192, 96


def box_shares(detector: FaceDetector, tile: NDArray[np.uint8]) -> tuple[float, float, float] | None:
    """(region, lower, right): side of the picture and shift of its middle, per size of the box.

    None where there is not exactly one sure face.
    """
    large = np.asarray(Image.fromarray(tile).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    framed = np.full((SIDE + 2 * MARGIN, SIDE + 2 * MARGIN), int(large.mean()), dtype=np.uint8)
    framed[MARGIN:-MARGIN, MARGIN:-MARGIN] = large
    [found] = detector.detect([Levels(np.repeat(framed[:, :, None], 3, axis=2))])
    sure = found.boxes[found.confidence > 0.95]
    if len(sure) != 1:
        return None
    left, top, width, height = (float(value) for value in sure[0])
    extent, middle = max(width, height), MARGIN + SIDE / 2
    return SIDE / extent, (middle - top - height / 2) / extent, (middle - left - width / 2) / extent


def main() -> int:
    """Print medians and the middle half of each measure as JSON."""
    parser = argparse.ArgumentParser(prog="python -m ml_models.training.crop_region", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with votes.csv and sheet_*.png")
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tiles = load_emotion_set(options.data, "train").clear().pictures[:, 0].numpy()
    chosen = np.random.default_rng(options.seed).permutation(len(tiles))[: options.pictures]
    detector = FaceDetector.load()
    measured = [
        shares for k in tqdm(chosen, unit="picture") if (shares := box_shares(detector, tiles[k])) is not None
    ]
    if not measured:
        raise SystemExit("No picture has exactly one sure face: is this the right --data folder?")
    quartiles = np.percentile(np.array(measured), [25, 50, 75], axis=0).round(4)
    names = ("region", "lower", "right")
    print(
        json.dumps(
            {
                "pictures": len(chosen),
                "with_one_face": len(measured),
                **{name: quartiles[:, k].tolist() for k, name in enumerate(names)},
            }
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
